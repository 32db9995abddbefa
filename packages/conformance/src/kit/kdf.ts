// Transcript and key schedule (specs/session.md, section 8).
import { hkdfSync } from "node:crypto";
import { type Bytes, b64u, lp, sha256, utf8 } from "./bytes.ts";

const ZERO = Buffer.of(0);

export const th = (label: string, ...parts: Bytes[]): Buffer =>
  sha256(utf8(`sealwire1 ${label}`), ZERO, ...parts.map(lp));

export function kdf(z: Bytes, salt: Bytes, label: string, ctx: Bytes, length: number): Buffer {
  return Buffer.from(hkdfSync("sha256", z, salt, Buffer.concat([utf8(`sealwire1 ${label}`), ZERO, ctx]), length));
}

/** Keys of one direction. `mac` only for `app`. */
export interface Keys {
  readonly key: Bytes;
  readonly iv: Bytes;
  readonly mac: Bytes;
  readonly kid: Bytes;
}

export function keysOf(z: Bytes, th2: Bytes, prefix: "c hs" | "s hs" | "c app" | "s app", ctx: Bytes): Keys {
  const part = (name: string, length: number): Buffer => kdf(z, th2, `${prefix} ${name}`, ctx, length);
  return { key: part("key", 32), iv: part("iv", 12), mac: part("mac", 32), kid: part("kid", 16) };
}

export const sid = (th2: Bytes): string => b64u(th("sid", th2).subarray(0, 16));
