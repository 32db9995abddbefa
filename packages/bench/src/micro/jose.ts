import type { Data } from "@sealwire/core";
import { CompactEncrypt, CompactSign, compactDecrypt, compactVerify } from "jose";
import { bytesOf } from "../data.ts";
import { type Contender, oneByOne } from "../rounds.ts";

const utf8 = new TextEncoder();
const text = new TextDecoder();

export async function joseEncrypt(data: Data): Promise<Contender> {
  const key = await crypto.subtle.importKey("raw", bytesOf(32), "AES-GCM", false, ["encrypt", "decrypt"]);
  const header = { alg: "dir", enc: "A256GCM" };
  const seal = (plaintext: Uint8Array) => new CompactEncrypt(plaintext).setProtectedHeader(header).encrypt(key);
  if (data instanceof Uint8Array)
    return oneByOne("jose CompactEncrypt, compactDecrypt", async () => compactDecrypt(await seal(data), key));
  return oneByOne("jose CompactEncrypt, compactDecrypt", async () => {
    const { plaintext } = await compactDecrypt(await seal(utf8.encode(JSON.stringify(data))), key);
    return JSON.parse(text.decode(plaintext));
  });
}

export async function joseSign(data: Data): Promise<Contender> {
  const key = await crypto.subtle.importKey("raw", bytesOf(32), { name: "HMAC", hash: "SHA-256" }, false, [
    "sign",
    "verify",
  ]);
  const seal = (payload: Uint8Array) => new CompactSign(payload).setProtectedHeader({ alg: "HS256" }).sign(key);
  return oneByOne("jose CompactSign, compactVerify", async () => {
    const payload = data instanceof Uint8Array ? data : utf8.encode(JSON.stringify(data));
    const opened = await compactVerify(await seal(payload), key);
    return data instanceof Uint8Array ? opened.payload : JSON.parse(text.decode(opened.payload));
  });
}
