import { deliveries } from "./deliveries.ts";
import { endings } from "./endings.ts";
import { fates } from "./fates.ts";
import type { RunRecord } from "./record.ts";

/** What a run breaks, in words; nothing where all is as it has to be. */
export function violations(record: RunRecord): string[] {
  return [
    ...(record.ended ? [] : ["it did not come to an end"]),
    ...record.unhandled.map((error) => `unhandled: ${error instanceof Error ? error.stack : String(error)}`),
    ...record.unsettled.map((what) => `never settled: ${what}`),
    ...Object.entries(record.left).flatMap(([what, count]) => (count > 0 ? [`${count} ${what} left at the end`] : [])),
    ...endings(record),
    ...deliveries(record),
    ...fates(record),
  ];
}
