import type { Item } from "../envelope/claims.ts";
import type { Data } from "../wire/json.ts";

/** What each item of a batch holds in memory while it waits: its part of the bytes of the claims, by the size of its data. */
export function sharesOf(items: readonly Item[], bytes: number): readonly number[] {
  const weights = items.map(({ topic, data }) => topic.length + weigh(data));
  const each = bytes / weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => Math.ceil(weight * each));
}

/** One for each value, and the length of texts, names and bytes. */
function weigh(data: Data): number {
  if (typeof data === "string") return 1 + data.length;
  if (typeof data !== "object" || data === null) return 1;
  if (data instanceof Uint8Array) return 1 + data.length;
  let weight = 1;
  if (Array.isArray(data)) for (const value of data) weight += weigh(value);
  else for (const [name, value] of Object.entries(data)) weight += name.length + weigh(value);
  return weight;
}
