// Compact JOSE objects, right or wrong, from node:crypto.
import {
  createCipheriv,
  createDecipheriv,
  createECDH,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  sign,
} from "node:crypto";
import { type Bytes, b64u, json, sha256, uint32, unb64u, utf8 } from "./bytes.ts";
import { cbor } from "./cbor.ts";
import { type Jwk, wireJwk } from "./keys.ts";
import { signEs256 } from "./rfc6979.ts";

/** Objects are written as JSON without white space; strings stand as they are. */
export type Content = object | string | Bytes;

const bytesOf = (content: Content): Bytes => (content instanceof Uint8Array ? content : json(content));

/** HMAC-SHA-256 for bytes, ES256 (RFC 6979) or Ed25519 by the type of the JWK. */
export function signature(input: Bytes, key: Bytes | Jwk): Bytes {
  if (key instanceof Uint8Array) return createHmac("sha256", key).update(input).digest();
  if (key.crv === "P-256") return signEs256(unb64u(key.d as string), input);
  return sign(null, input, createPrivateKey({ key: { ...key }, format: "jwk" }));
}

export function jws(header: Content, payload: Content, key: Bytes | Jwk): string {
  const input = `${b64u(bytesOf(header))}.${b64u(bytesOf(payload))}`;
  return `${input}.${b64u(signature(utf8(input), key))}`;
}

/** Direct encryption, A256GCM. */
export function jwe(header: Content, key: Bytes, iv: Bytes, plaintext: Content): string {
  const aad = b64u(bytesOf(header));
  const cipher = createCipheriv("aes-256-gcm", key, iv).setAAD(utf8(aad));
  const text = Buffer.concat([cipher.update(bytesOf(plaintext)), cipher.final()]);
  return [aad, "", b64u(iv), b64u(text), b64u(cipher.getAuthTag())].join(".");
}

export function openJwe(compact: string, key: Bytes): Buffer {
  const [aad, , iv, text, tag] = compact.split(".") as [string, string, string, string, string];
  const decipher = createDecipheriv("aes-256-gcm", key, unb64u(iv)).setAAD(utf8(aad)).setAuthTag(unb64u(tag));
  return Buffer.concat([decipher.update(unb64u(text)), decipher.final()]);
}

/** Z of P-256 (the x-coordinate) or X25519. */
export function agree(own: Jwk, peer: Jwk): Buffer {
  if (own.crv === "P-256") {
    const ecdh = createECDH("prime256v1");
    ecdh.setPrivateKey(unb64u(own.d as string));
    return ecdh.computeSecret(Buffer.concat([Buffer.of(4), unb64u(peer.x as string), unb64u(peer.y as string)]));
  }
  return diffieHellman({
    privateKey: createPrivateKey({ key: { ...own }, format: "jwk" }),
    publicKey: createPublicKey({ key: { ...wireJwk(peer) }, format: "jwk" }),
  });
}

/** The content key of ECDH-ES with A256GCM: Concat KDF of RFC 7518 section 4.6.2, without party information. */
export function ecdhEsKey(own: Jwk, peer: Jwk): Buffer {
  const enc = utf8("A256GCM");
  return sha256(uint32(1), agree(own, peer), uint32(enc.length), enc, uint32(0), uint32(0), uint32(256));
}

/** A compact object or bare JSON on either wire: forms 0 to 2 on the binary one. */
export type Message = { text: string } | { binary: string };

export const binary = (bytes: Bytes): Message => ({ binary: Buffer.from(bytes).toString("hex") });

export function full(wire: "text" | "binary", text: string): Message {
  if (wire === "text") return { text };
  if (text.startsWith("{")) return binary(cbor([0, utf8(text)]));
  const segments = text.split(".").map(unb64u);
  return binary(cbor([segments.length === 3 ? 1 : 2, ...segments]));
}

/** An object of a session: forms 3 (sealed) and 4 (signed) on the binary wire. */
export function short(wire: "text" | "binary", text: string, h: number, seq: number): Message {
  if (wire === "text") return { text };
  const [, ...rest] = text.split(".").map(unb64u) as Buffer[];
  if (rest.length === 2) return binary(cbor([4, h, ...rest]));
  return binary(cbor([3, h, seq, Buffer.concat([rest[2] as Buffer, rest[3] as Buffer])]));
}

/** static_iv XOR (four zero bytes, seq in eight). */
export function nonce(staticIv: Bytes, seq: number | bigint): Buffer {
  const out = Buffer.alloc(12);
  out.writeBigUInt64BE(BigInt(seq), 4);
  return Buffer.from(staticIv.map((byte, i) => byte ^ (out[i] as number)));
}
