import type { AeadKey, CryptoBackend, MacKey, SharedSecret } from "../crypto/backend.ts";
import type { TrafficKeys } from "../envelope/sealer.ts";
import { all, chain, type Maybe } from "../maybe.ts";
import type { Level } from "../registry.generated.ts";
import { encodeBase64url } from "../wire/base64url.ts";
import { concat, utf8, writeUint32 } from "../wire/bytes.ts";
import { passing } from "../wire/memory.ts";

const beginnings = new Map<string, Uint8Array>();

/** "sealwire1 " || label || 0x00. There are few labels. */
function beginning(label: string): Uint8Array {
  let bytes = beginnings.get(label);
  if (bytes === undefined) {
    bytes = utf8.encode(`sealwire1 ${label}\0`);
    beginnings.set(label, bytes);
  }
  return bytes;
}

/** TH(label, x1, …) = SHA-256("sealwire1 " || label || 0x00 || lp(x1) || lp(x2) …). */
export function transcriptHash(backend: CryptoBackend, label: string, ...parts: Uint8Array[]): Maybe<Uint8Array> {
  const start = beginning(label);
  let at = start.length;
  let length = at;
  for (const part of parts) length += 4 + part.length;
  const input = passing.cut(length);
  input.set(start);
  for (const part of parts) {
    writeUint32(input, at, part.length);
    input.set(part, at + 4);
    at += 4 + part.length;
  }
  return backend.sha256(input);
}

/** The name of a session, derived by both ends and never sent: first 16 bytes of TH("sid", TH2). */
export function sessionId(backend: CryptoBackend, th2: Uint8Array): Maybe<string> {
  return chain(transcriptHash(backend, "sid", th2), (hash) => encodeBase64url(hash.subarray(0, 16)));
}

export type Side = "c" | "s";

/** Keys of the handshake objects CA ("c", ctx TH2) and SR ("s", ctx TH3). */
export interface HandshakeKeys {
  readonly kid: string;
  readonly iv: Uint8Array;
  readonly aead: AeadKey;
}

/** KDF(salt, label, ctx, L) = HKDF-SHA-256(Z, salt, "sealwire1 " || label || 0x00 || ctx, L), with salt and Z fixed. */
export class KeySchedule {
  readonly #secret: SharedSecret;
  readonly #salt: Uint8Array;

  /** In a full handshake the salt is TH2: every key depends on both hellos, byte for byte. Else it is that of a chain. */
  constructor(secret: SharedSecret, salt: Uint8Array) {
    this.#secret = secret;
    this.#salt = salt;
  }

  handshakeKeys(side: Side, ctx: Uint8Array): Maybe<HandshakeKeys> {
    const label = `${side} hs`;
    return chain(
      all([this.#bytes(`${label} kid`, ctx, 16), this.#bytes(`${label} iv`, ctx, 12), this.#aead(`${label} key`, ctx)]),
      ([kid, iv, aead]) => ({ kid: encodeBase64url(kid), iv, aead }),
    );
  }

  trafficKeys(side: Side, ctx: Uint8Array, level: Level): Maybe<TrafficKeys> {
    const label = `${side} app`;
    return chain(
      all<readonly [Uint8Array, Uint8Array, AeadKey, MacKey | undefined]>([
        this.#bytes(`${label} kid`, ctx, 16),
        this.#bytes(`${label} iv`, ctx, 12),
        this.#aead(`${label} key`, ctx),
        level === "mac" ? this.#secret.mac(this.#salt, info(`${label} mac`, ctx)) : undefined,
      ]),
      ([kid, iv, aead, mac]) => ({ kid: encodeBase64url(kid), iv, aead, mac }),
    );
  }

  /** The secret from which rekey and resume go on; never used on a message. */
  chain(ctx: Uint8Array): Maybe<MacKey> {
    return this.#secret.mac(this.#salt, info("chain", ctx));
  }

  /** The same as bytes, for a store that several servers share. */
  chainBytes(ctx: Uint8Array): Maybe<Uint8Array> {
    return this.#bytes("chain", ctx, 32);
  }

  /** Public channel-binding value, for step-up challenges of the application. */
  channelBinding(ctx: Uint8Array): Maybe<Uint8Array> {
    return this.#bytes("cb", ctx, 32);
  }

  #bytes(label: string, ctx: Uint8Array, length: number): Maybe<Uint8Array> {
    return this.#secret.bytes(this.#salt, info(label, ctx), length);
  }

  #aead(label: string, ctx: Uint8Array): Maybe<AeadKey> {
    return this.#secret.aead(this.#salt, info(label, ctx));
  }
}

/** "sealwire1 " || label || 0x00 || ctx: the info of a derivation, and what a chain signs. */
export const info = (label: string, ctx: Uint8Array): Uint8Array => concat(beginning(label), ctx);
