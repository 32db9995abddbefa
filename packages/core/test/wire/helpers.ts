import { fail as assertFail } from "node:assert";
import { expect } from "vitest";
import { isSealwireError } from "../../src/errors.ts";
import type { ErrorCode } from "../../src/registry.generated.ts";
import type { Fail } from "../../src/wire/bytes.ts";

export class Refused extends Error {}

/** Stands for the error of the step that reads. */
export const refuse: Fail = (detail) => {
  throw new Refused(detail);
};

export const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"));
export const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
export const plain = (bytes: Uint8Array): number[] => [...bytes];

/** Runs, and demands that whatever is thrown is a SealwireError of one of these codes. */
export function onlyThrows(codes: readonly ErrorCode[], run: () => void): void {
  try {
    run();
  } catch (error) {
    if (!isSealwireError(error) || !codes.includes(error.code)) assertFail(error as Error);
  }
}

export function expectCode(code: ErrorCode, run: () => unknown): void {
  expect(run).toThrowError(expect.objectContaining({ code, stage: "encoding" }));
}
