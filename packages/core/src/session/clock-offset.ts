import { SealwireError } from "../errors.ts";
import type { Limits } from "../registry.generated.ts";
import type { Time } from "./payload.ts";

/** Milliseconds to add to the local clock to get the server's, frozen for the connection (specs/conventions.md, section 6). */
export function clockOffset(
  hello: { readonly iat: number; readonly lvl: string },
  time: Time,
  { clockOffsetWarnSeconds, clockOffsetMaxSeconds }: Limits,
): number {
  const offset = hello.iat * 1000 - time.unix;
  const signed = hello.lvl === "sig" || hello.lvl === "nest";
  // A server must not be able to date an honest client's signatures: they are evidence.
  const bound = signed ? Math.min(clockOffsetWarnSeconds, clockOffsetMaxSeconds) : clockOffsetMaxSeconds;
  if (Math.abs(offset) <= bound * 1000) return offset;
  const seconds = Math.round(offset / 1000);
  throw new SealwireError("E_FUTURE", {
    stage: "claims",
    fatal: true,
    closeCode: 4406,
    detail: `the server's clock differs by ${seconds} s`,
  });
}
