import { createSecretKey, randomBytes, webcrypto } from "node:crypto";
import { gcm } from "@noble/ciphers/aes.js";
import type { Data } from "@sealwire/core";
import { createSigner, createVerifier } from "fast-jwt";
import { CompactEncrypt, CompactSign, compactDecrypt, compactVerify } from "jose";
import jsonwebtoken from "jsonwebtoken";
import sodium from "libsodium-wrappers";
import nacl from "tweetnacl";
import type { Contender } from "../rounds.ts";

// Each as its documentation shows it, with keys imported once, and without replay protection, session or header checks.

const utf8 = new TextEncoder();
const text = new TextDecoder();

function sync(name: string, pass: () => unknown): Contender {
  return {
    name,
    run(count) {
      for (let i = 0; i < count; i++) pass();
    },
  };
}

function async(name: string, pass: () => Promise<unknown>): Contender {
  return {
    name,
    async run(count) {
      for (let i = 0; i < count; i++) await pass();
    },
  };
}

export async function joseEncrypt(data: Data): Promise<Contender> {
  const key = await webcrypto.subtle.importKey("raw", randomBytes(32), "AES-GCM", false, ["encrypt", "decrypt"]);
  const header = { alg: "dir", enc: "A256GCM" };
  const seal = (plaintext: Uint8Array) => new CompactEncrypt(plaintext).setProtectedHeader(header).encrypt(key);
  if (data instanceof Uint8Array)
    return async("jose CompactEncrypt, compactDecrypt", async () => compactDecrypt(await seal(data), key));
  return async("jose CompactEncrypt, compactDecrypt", async () => {
    const { plaintext } = await compactDecrypt(await seal(utf8.encode(JSON.stringify(data))), key);
    return JSON.parse(text.decode(plaintext));
  });
}

export async function joseSign(data: Data): Promise<Contender> {
  const key = await webcrypto.subtle.importKey("raw", randomBytes(32), { name: "HMAC", hash: "SHA-256" }, false, [
    "sign",
    "verify",
  ]);
  const seal = (payload: Uint8Array) => new CompactSign(payload).setProtectedHeader({ alg: "HS256" }).sign(key);
  return async("jose CompactSign, compactVerify", async () => {
    const payload = data instanceof Uint8Array ? data : utf8.encode(JSON.stringify(data));
    const opened = await compactVerify(await seal(payload), key);
    return data instanceof Uint8Array ? opened.payload : JSON.parse(text.decode(opened.payload));
  });
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
