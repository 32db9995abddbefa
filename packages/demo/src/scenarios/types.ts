import type { Demo } from "../demo.ts";

/** One thing that must hold. It throws with a reason where it does not; the result says what was seen. */
export interface Scenario {
  readonly title: string;
  readonly run: (demo: Demo) => Promise<string>;
}

export interface Check {
  readonly group: string;
  readonly title: string;
  readonly ok: boolean;
  readonly ms: number;
  readonly detail: string;
}

export function must(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new Error(otherwise);
}

/** The next value that `take` is called with, or an error that says what did not come. */
export function expectOne<T>(
  what: string,
  ms = 15_000,
): { readonly take: (value: T) => void; readonly value: Promise<T> } {
  let take: (value: T) => void = () => {};
  const value = new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${what} did not come within ${ms} ms.`)), ms);
    take = (v) => {
      clearTimeout(timer);
      resolve(v);
    };
  });
  value.catch(() => undefined); // whoever awaits it gets the error; nobody awaits it when something else failed first
  return { take: (v) => take(v), value };
}

/** Looks until it holds; an error where that takes too long. */
export async function until(what: string, holds: () => boolean, ms = 10_000): Promise<void> {
  const end = performance.now() + ms;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`${what} did not come within ${ms} ms.`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
