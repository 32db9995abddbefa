// Whether a driver gave what a vector lists, and the first place where it did not.
import type { Values } from "./expand.ts";

const isObject = (value: unknown): value is Values =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A value for a reader: long ones are cut in the middle. */
export function show(value: unknown, room = 160): string {
  const text = value === undefined ? "nothing" : JSON.stringify(value);
  if (text.length <= room) return text;
  const half = Math.floor((room - 20) / 2);
  return `${text.slice(0, half)} … ${text.slice(-half)} (${text.length} characters)`;
}

/** Where two values differ first. All members count: below the result itself nothing is left open. */
export function difference(expected: unknown, got: unknown, path: string): string | undefined {
  if (Array.isArray(expected) && Array.isArray(got)) {
    for (let i = 0; i < Math.min(expected.length, got.length); i++) {
      const inner = difference(expected[i], got[i], `${path}[${i}]`);
      if (inner !== undefined) return inner;
    }
    if (expected.length === got.length) return undefined;
    const [at, extra] = [Math.min(expected.length, got.length), expected.length > got.length];
    return `${path}: expected ${expected.length} elements, got ${got.length}; ${extra ? "missing" : "too many"}: ${show((extra ? expected : got)[at])}`;
  }
  if (isObject(expected) && isObject(got)) {
    for (const name of new Set([...Object.keys(expected), ...Object.keys(got)])) {
      const at = `${path}.${name}`;
      if (!Object.hasOwn(expected, name)) return `${at}: not expected, got ${show(got[name])}`;
      if (!Object.hasOwn(got, name)) return `${at}: expected ${show(expected[name])}, got nothing`;
      const inner = difference(expected[name], got[name], at);
      if (inner !== undefined) return inner;
    }
    return undefined;
  }
  // JSON.parse has made every number a binary64 by now; === takes 0 and -0 for the same.
  if (expected === got) return undefined;
  return `${path}: expected ${show(expected)}, got ${show(got)}`;
}

const verdictOf = (result: Values): string =>
  result.ok === true ? "accepted" : `${String(result.error)} in step ${String(result.step)}`;

/**
 * Undefined if `got` is what the vector lists. Of the result itself exactly the members listed are compared.
 */
export function mismatch(expected: Values, got: unknown, input: Values): string | undefined {
  if (!isObject(got)) return `expected a result, got ${show(got)}`;
  const steps = stepsDiffer(expected.steps, got.steps, input.steps);
  if (steps !== undefined) return steps;
  for (const name of ["ok", "error", "step"]) {
    if (expected[name] !== undefined && expected[name] !== got[name]) {
      return `expected ${verdictOf(expected)}, got ${verdictOf(got)}`;
    }
  }
  for (const [name, value] of Object.entries(expected)) {
    const found = difference(value, Object.hasOwn(got, name) ? got[name] : undefined, name);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Scripts first: the step that went wrong says more than how it ended. */
function stepsDiffer(expected: unknown, got: unknown, script: unknown): string | undefined {
  if (!Array.isArray(expected) || !Array.isArray(got) || !Array.isArray(script)) return undefined;
  for (let i = 0; i < Math.min(expected.length, got.length); i++) {
    const found = difference(expected[i], got[i], "");
    if (found !== undefined) {
      return `step ${i + 1} of ${expected.length}, ${show(script[i], 100)}: ${found.replace(/^[.:] ?/, "")}`;
    }
  }
  return undefined;
}
