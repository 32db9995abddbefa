import { Child } from "../child.ts";
import { SIZES } from "../data.ts";
import { type Effort, type Figure, interleave, type Sample } from "../rounds.ts";
import { makers, type Subject } from "./contenders.ts";

export interface MicroTable {
  readonly what: "bytes" | "object";
  readonly size: number;
  readonly figures: Readonly<Record<string, Figure>>;
}

/** Seal and open, from data to the wire and back to data, both ends in one process. */
export async function micro(effort: Effort, quick: boolean, say: (what: string) => void): Promise<MicroTable[]> {
  const tables: MicroTable[] = [];
  for (const size of quick ? [256, 1_048_576] : SIZES) {
    for (const what of ["bytes", "object"] as const) {
      say(`micro: ${what} of ${size} B`);
      tables.push({ what, size, figures: await figuresOf({ what, size, quick }, effort) });
    }
  }
  return tables;
}

/** Slices that each has had before it is measured. */
const WARM = 4;

/**
 * Each contender in a process of its own, as a user has it: where several share one, the engine compiles what they have in
 * common for all of them at once, which makes the code of whoever is there at most levels slowest.
 */
async function figuresOf(subject: Subject, { rounds, slice }: Effort): Promise<Record<string, Figure>> {
  const children = makers(subject).map(() => new Child("./micro/side.js"));
  try {
    const made = children.map((child, which) => child.ask<string>("make", { subject, which, ms: WARM * slice }));
    const names = await Promise.all(made);
    for (const child of children) await child.ask("calibrate", slice);
    const all = children.map((child, i) => ({ name: names[i] as string, round: () => child.ask<Sample>("round") }));
    return Object.fromEntries(await interleave(all, rounds));
  } finally {
    await Promise.all(children.map((child) => child.end()));
  }
}
