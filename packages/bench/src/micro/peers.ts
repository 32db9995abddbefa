import { createSecretKey, randomBytes } from "node:crypto";
import { gcm } from "@noble/ciphers/aes.js";
import { createSigner, createVerifier } from "fast-jwt";
import jsonwebtoken from "jsonwebtoken";
import sodium from "libsodium-wrappers";
import nacl from "tweetnacl";
import type { Contender } from "../rounds.ts";

// Each as its documentation shows it, with keys imported once, and without replay protection, session or header checks.

function sync(name: string, pass: () => unknown): Contender {
  return {
    name,
    run(count) {
      for (let i = 0; i < count; i++) pass();
    },
  };
}

export function jsonWebToken(data: object): Contender {
  const key = createSecretKey(randomBytes(32));
  const options = { algorithms: ["HS256" as const] };
  return sync("jsonwebtoken HS256", () =>
    jsonwebtoken.verify(jsonwebtoken.sign(data, key, { algorithm: "HS256" }), key, options),
  );
}

export function fastJwt(data: object): Contender {
  const key = randomBytes(32);
  const sign = createSigner({ algorithm: "HS256", key });
  const verify = createVerifier({ algorithms: ["HS256"], key });
  return sync("fast-jwt HS256", () => verify(sign({ ...data })));
}

export function noble(data: Uint8Array): Contender {
  const key = new Uint8Array(randomBytes(32));
  const nonce = new Uint8Array(12);
  const view = new DataView(nonce.buffer);
  let seq = 0;
  return sync("@noble/ciphers AES-256-GCM", () => {
    view.setUint32(8, ++seq);
    return gcm(key, nonce).decrypt(gcm(key, nonce).encrypt(data));
  });
}

export async function libsodium(data: Uint8Array): Promise<Contender> {
  await sodium.ready;
  const key = sodium.randombytes_buf(32);
  const nonce = new Uint8Array(12);
  const view = new DataView(nonce.buffer);
  let seq = 0;
  return sync("libsodium-wrappers ChaCha20-Poly1305", () => {
    view.setUint32(8, ++seq);
    const sealed = sodium.crypto_aead_chacha20poly1305_ietf_encrypt(data, null, null, nonce, key);
    return sodium.crypto_aead_chacha20poly1305_ietf_decrypt(null, sealed, null, nonce, key);
  });
}

export function tweetnacl(data: Uint8Array): Contender {
  const key = nacl.randomBytes(32);
  const nonce = new Uint8Array(24);
  const view = new DataView(nonce.buffer);
  let seq = 0;
  return sync("tweetnacl secretbox", () => {
    view.setUint32(20, ++seq);
    return nacl.secretbox.open(nacl.secretbox(data, nonce, key), nonce, key);
  });
}
