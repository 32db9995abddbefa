// Transcript and key schedule (specs/session.md, section 8; specs/lifecycle.md, sections 3 and 7).
import { createHmac, hkdfSync } from "node:crypto";
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

const hmac = (chain: Bytes, label: string, ...ctx: Bytes[]): Buffer =>
  createHmac("sha256", chain)
    .update(Buffer.concat([utf8(`sealwire1 ${label}`), ...ctx]))
    .digest();

/** The keys of both directions in one epoch, and the chain that it leaves behind. */
export interface Traffic {
  readonly client: Keys;
  readonly server: Keys;
  readonly chain: Bytes;
}

export const trafficOf = (z: Bytes, salt: Bytes, ctx: Bytes): Traffic => ({
  client: keysOf(z, salt, "c app", ctx),
  server: keysOf(z, salt, "s app", ctx),
  chain: kdf(z, salt, "chain", ctx, 32),
});

/** The next epoch: plaintexts of `rekey` and `rekeyed` as sent. */
export function rekeyed(chain: Bytes, z: Bytes, proposal: string, answer: string): Traffic & { readonly tr: Bytes } {
  const tr = th("rk", utf8(proposal), utf8(answer));
  return { tr, ...trafficOf(z, hmac(chain, "rekey", ZERO, tr), tr) };
}

/** What names and authenticates the two hellos of a resume. */
export const helloKeys = (chain: Bytes): { readonly client: Bytes; readonly server: Bytes; readonly kid: string } => ({
  client: hmac(chain, "rs c"),
  server: hmac(chain, "rs s"),
  kid: b64u(hmac(chain, "rs kid").subarray(0, 16)),
});

/** Epoch 0 of a connection that resumes. */
export function resumed(chain: Bytes, z: Bytes, m1: string, m2: string): Traffic & { th2: Bytes; cb: Bytes } {
  const th2 = th("th2", utf8(m1), utf8(m2));
  const salt = hmac(chain, "resume", ZERO, th2);
  return { th2, ...trafficOf(z, salt, th2), cb: kdf(z, salt, "cb", th2, 32) };
}
