// The same program runs on both crypto backends of core: `--backend webcrypto` takes that of browsers.
import type { AeadKey, CryptoBackend, KeyAgreement, MacKey, PrivateJwk } from "@sealwire/core/internal";
import * as node from "@sealwire/core/internal/node";
import * as web from "@sealwire/core/internal/webcrypto";

type Maybe<T> = T | Promise<T>;

/** A backend, and its parts with given keys, which the interface itself never takes. */
export interface Parts {
  readonly backend: CryptoBackend;
  aead(raw: Uint8Array): Maybe<AeadKey>;
  mac(raw: Uint8Array): Maybe<MacKey>;
  agreement(jwk: PrivateJwk): Maybe<KeyAgreement>;
}

const suiteOf = ({ crv }: PrivateJwk): "x25519" | "p256" => (crv === "X25519" ? "x25519" : "p256");

const onNode: Parts = {
  backend: node.backend,
  aead: node.aeadKey,
  mac: node.macKey,
  agreement: (jwk) => node.keyAgreement(suiteOf(jwk), Uint8Array.from(Buffer.from(jwk.d, "base64url"))),
};

const { subtle } = globalThis.crypto;
const own = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(bytes);

const onWebCrypto: Parts = {
  backend: web.backend,
  aead: async (raw) => web.aeadKey(await subtle.importKey("raw", own(raw), "AES-GCM", false, ["encrypt", "decrypt"])),
  mac: async (raw) =>
    web.macKey(await subtle.importKey("raw", own(raw), { name: "HMAC", hash: "SHA-256" }, false, ["sign", "verify"])),
  async agreement(jwk) {
    const algorithm = jwk.crv === "X25519" ? { name: "X25519" } : { name: "ECDH", namedCurve: "P-256" };
    const { kty, crv, x, y, d } = jwk;
    const open: JsonWebKey = y === undefined ? { kty, crv, x } : { kty, crv, x, y };
    return web.keyAgreement(suiteOf(jwk), {
      privateKey: await subtle.importKey("jwk", { ...open, d }, algorithm, false, ["deriveBits"]),
      publicKey: await subtle.importKey("jwk", open, algorithm, true, []),
    });
  },
};

export const webcrypto: boolean = process.argv.includes("webcrypto");
export const parts: Parts = webcrypto ? onWebCrypto : onNode;
export const backend: CryptoBackend = parts.backend;
