import { type Conformance, hasRun } from "../conformance.ts";
import { matrixOf } from "./matrix.ts";

/** For programs; npm test reads it. */
export function jsonReport(result: Conformance): object {
  const { columns, vectors } = matrixOf(result);
  return {
    ok: result.ok,
    vectors,
    drivers: columns.map(({ whole, ...column }, i) => {
      const driver = result.drivers[i];
      const status = driver === undefined || hasRun(driver) ? "ran" : driver.broken === undefined ? "absent" : "broken";
      return { ...column, status, ...whole };
    }),
    cross: result.cross,
    faults: result.faults,
  };
}
