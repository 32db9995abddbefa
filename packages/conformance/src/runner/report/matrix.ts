// The outcomes as a table: suites and their groups down, drivers across.
import { type Conformance, hasRun } from "../conformance.ts";
import type { DriverAbsent, DriverRun, Outcome } from "../run.ts";

export interface Failure {
  readonly vector: string;
  readonly why: string;
}

/** Of the vectors that a driver claims. */
export interface Cell {
  readonly passed: number;
  readonly total: number;
  readonly expected: number;
  readonly failures: readonly Failure[];
}

export interface Column {
  readonly name: string;
  readonly language: string;
  readonly level: string;
  readonly libraries: readonly string[];
  readonly seconds: number;
  /** Why there is no column of results. */
  readonly absent: string | undefined;
  readonly whole: Cell;
}

export interface Row {
  readonly name: string;
  /** One for each column; undefined where the driver did not run. */
  readonly cells: readonly (Cell | undefined)[];
}

export interface Matrix {
  readonly columns: readonly Column[];
  readonly suites: readonly (Row & { readonly groups: readonly Row[] })[];
  readonly vectors: number;
}

function cellOf(outcomes: readonly Outcome[]): Cell {
  const claimed = outcomes.filter(({ verdict }) => verdict !== "not-claimed");
  const failures = claimed.flatMap(({ vector, verdict, why }) =>
    verdict === "failed" ? [{ vector: vector.id, why: why ?? "" }] : [],
  );
  const count = (wanted: string): number => claimed.filter(({ verdict }) => verdict === wanted).length;
  return { passed: count("passed"), total: claimed.length, expected: count("expected"), failures };
}

function columnOf(driver: DriverRun | DriverAbsent): Column {
  const { name, language } = driver.manifest;
  if (!hasRun(driver)) {
    const absent = driver.broken ?? `toolchain absent: ${driver.absent}`;
    return { name, language, level: "", libraries: [], seconds: 0, absent, whole: cellOf([]) };
  }
  const { hello, outcomes, seconds } = driver;
  const libraries = Object.entries(hello.libraries).map(([library, version]) => `${library} ${version}`);
  const whole = cellOf(outcomes);
  return { name, language: hello.language, level: hello.level, libraries, seconds, absent: undefined, whole };
}

export function matrixOf({ set: { cases }, drivers }: Conformance): Matrix {
  const rowsBy = (name: "suite" | "group", suite?: string): Row[] => {
    const own = cases.filter((vector) => suite === undefined || vector.suite === suite);
    return [...new Set(own.map((vector) => vector[name]))].map((row) => ({
      name: row,
      cells: drivers.map((driver) =>
        hasRun(driver) ? cellOf(driver.outcomes.filter(({ vector }) => vector[name] === row)) : undefined,
      ),
    }));
  };
  const suites = rowsBy("suite").map((row) => ({ ...row, groups: rowsBy("group", row.name) }));
  return { columns: drivers.map(columnOf), suites, vectors: cases.length };
}

/** `12/13`; a star where failures are expected, a dash where nothing is claimed or nothing ran. */
export function spell(cell: Cell | undefined): string {
  if (cell === undefined || cell.total === 0) return "–";
  return `${cell.passed}/${cell.total}${cell.expected > 0 ? "*" : ""}`;
}

export const isWhole = (cell: Cell | undefined): boolean => cell !== undefined && cell.failures.length === 0;

/** The sealers and openers of the second table, and what each pair gave. */
export function crossRows({ cross }: Conformance): {
  readonly names: readonly string[];
  readonly rows: readonly Row[];
} {
  const names = [...new Set(cross.map(({ sealer }) => sealer))];
  const rows = names.map((name) => ({
    name,
    cells: names.map((opener): Cell | undefined => {
      const pair = cross.find((cell) => cell.sealer === name && cell.opener === opener);
      if (pair === undefined) return undefined;
      const { total, failures } = pair;
      return { passed: total - failures.length, total, expected: 0, failures };
    }),
  }));
  return { names, rows };
}
