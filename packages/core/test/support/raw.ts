import { createCipheriv, createDecipheriv, createPrivateKey, sign } from "node:crypto";
import { decode } from "cbor-x";
import type { PrivateJwk } from "../../src/crypto/backend.ts";
import type { Payload } from "../../src/envelope/sealer.ts";
import { cbor } from "./cbor.ts";

// JOSE by hand, synchronous, for taps: headers and payloads are whatever a test wants, right or wrong.

export const b64u = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");
export const unb64u = (text: string): Buffer => Buffer.from(text, "base64url");

/** An object is written as JSON; a string stands as it is. */
export const json = (value: object | string): Buffer =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value));

export type Change = (good: Buffer) => Uint8Array;

export function signCompact(
  header: object | string,
  payload: object | string,
  jwk: PrivateJwk,
  change?: Change,
): string {
  const input = `${b64u(json(header))}.${b64u(json(payload))}`;
  const key = createPrivateKey({ key: { ...jwk }, format: "jwk" });
  const hash = jwk.crv === "P-256" ? "sha256" : null;
  const good = sign(hash, Buffer.from(input), { key, dsaEncoding: "ieee-p1363" });
  return `${input}.${b64u(change?.(good) ?? good)}`;
}

export function sealCompact(header: object | string, key: Uint8Array, iv: Uint8Array, plaintext: Uint8Array): string {
  const aad = b64u(json(header));
  const cipher = createCipheriv("aes-256-gcm", key, iv);
  cipher.setAAD(Buffer.from(aad));
  const text = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  return [aad, "", b64u(iv), b64u(text), b64u(cipher.getAuthTag())].join(".");
}

export function openCompact(compact: string, key: Uint8Array): Buffer {
  const [aad, , iv, text, tag] = compact.split(".") as [string, string, string, string, string];
  const decipher = createDecipheriv("aes-256-gcm", key, unb64u(iv));
  decipher.setAAD(Buffer.from(aad));
  decipher.setAuthTag(unb64u(tag));
  return Buffer.concat([decipher.update(unb64u(text)), decipher.final()]);
}

/** Bare JSON or a compact object as forms 0 to 2 of the binary wire, or as it stands on the text wire. */
export function toFull(wire: "text" | "binary", text: string): Payload {
  if (wire === "text") return text;
  if (text.startsWith("{")) return cbor([0, Buffer.from(text)]);
  const segments = text.split(".").map(unb64u);
  return cbor([segments.length === 3 ? 1 : 2, ...segments]);
}

export function fromFull(payload: Payload): string {
  if (typeof payload === "string") return payload;
  const [form, ...parts] = decode(payload) as [number, ...Uint8Array[]];
  return form === 0 ? Buffer.from(parts[0] as Uint8Array).toString() : parts.map(b64u).join(".");
}
