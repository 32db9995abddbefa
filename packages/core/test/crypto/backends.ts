import type { AeadKey, CryptoBackend, KeyAgreement, MacKey, SharedSecret } from "../../src/crypto/backend.ts";
import * as node from "../../src/crypto/node.ts";
import * as web from "../../src/crypto/webcrypto.ts";
import type { Maybe } from "../../src/maybe.ts";
import type { SuiteId } from "../../src/registry.generated.ts";
import { concat } from "../../src/wire/bytes.ts";

/** A backend, and its parts with given keys, which the interface itself never takes. */
export interface UnderTest {
  readonly name: string;
  readonly backend: CryptoBackend;
  secret(z: Uint8Array): Maybe<SharedSecret>;
  aead(raw: Uint8Array): Maybe<AeadKey>;
  mac(raw: Uint8Array): Maybe<MacKey>;
  agreement(suite: SuiteId, jwk: JsonWebKey): Maybe<KeyAgreement>;
}

const subtle = globalThis.crypto.subtle;
const own = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(bytes);

/** The same HMAC key with 32 bytes (RFC 2104 section 2): of no other length the protocol has one. */
function of32(raw: Uint8Array): Uint8Array {
  const key = raw.length > 64 ? node.backend.sha256(raw) : raw;
  return key instanceof Uint8Array && key.length <= 32 ? concat(key, new Uint8Array(32 - key.length)) : raw;
}

export const nodeBackend: UnderTest = {
  name: "node",
  backend: node.backend,
  secret: node.sharedSecret,
  aead: node.aeadKey,
  mac: (raw) => node.macKey(of32(raw)),
  agreement: (suite, jwk) => node.keyAgreement(suite, Buffer.from(jwk.d ?? "", "base64url")),
};

export const webBackend: UnderTest = {
  name: "webcrypto",
  backend: web.backend,
  secret: web.sharedSecret,
  aead: async (raw) => web.aeadKey(await subtle.importKey("raw", own(raw), "AES-GCM", false, ["encrypt", "decrypt"])),
  mac: async (raw) =>
    web.macKey(await subtle.importKey("raw", own(raw), { name: "HMAC", hash: "SHA-256" }, false, ["sign", "verify"])),
  agreement: async (suite, { kty, crv, x, y, d }: JsonWebKey) => {
    const algorithm = suite === "x25519" ? { name: "X25519" } : { name: "ECDH", namedCurve: "P-256" };
    const members = y === undefined ? { kty, crv, x } : { kty, crv, x, y };
    return web.keyAgreement(suite, {
      privateKey: await subtle.importKey("jwk", { ...members, d } as JsonWebKey, algorithm, false, ["deriveBits"]),
      publicKey: await subtle.importKey("jwk", members as JsonWebKey, algorithm, true, []),
    });
  },
};

export const BACKENDS: readonly UnderTest[] = [nodeBackend, webBackend];

/** Both directions between the two. */
export const PAIRS: readonly { from: UnderTest; to: UnderTest }[] = [
  { from: nodeBackend, to: webBackend },
  { from: webBackend, to: nodeBackend },
];

export const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"));
export const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
export const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** What a throw and a rejection have in common. */
export async function failure(run: () => unknown): Promise<unknown> {
  try {
    await run();
  } catch (error) {
    return error;
  }
  throw new Error("expected a failure");
}

/** For what takes a function of its result. */
export const same = <T>(value: T): T => value;
