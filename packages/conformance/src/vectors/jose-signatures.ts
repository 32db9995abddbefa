// Signatures that are none, and what both files on JOSE share.
import { type Bytes, b64u, hex, json, labelled, unb64u } from "../kit/bytes.ts";
import { jws, signature } from "../kit/jose.ts";
import { thumbprint } from "../kit/keys.ts";
import { CLOCK, type Group } from "./file.ts";
import { $public, jwkOf } from "./keys.ts";

export const CRYPTO: readonly ["E_CRYPTO", "crypto"] = ["E_CRYPTO", "crypto"];
export const K: string = b64u(labelled("jose kid").subarray(0, 16));
export const MAC_KEY: Buffer = labelled("jose mac");
export const oct = (key: Bytes): object => ({ kty: "oct", k: b64u(key) });
export const CLAIMS: Buffer = json({ seq: 1, exp: CLOCK + 60, top: "chat.say", dat: { text: "grüße" } });

export function withSegment(compact: string, segment: number, bytes: Bytes): string {
  const segments = compact.split(".");
  segments[segment] = b64u(bytes);
  return segments.join(".");
}

/** Adds to the group what is refused for its signature alone. */
export function signatures(group: Group): void {
  const req = ["level:verify"];
  const given = $public("jose signer ES256");
  const signer = jwkOf("jose signer ES256");
  const header = { alg: "ES256", kid: thumbprint(signer), typ: "sealwire+jwt" };
  const text = jws(header, CLAIMS, signer);
  const bytes = unb64u(text.split(".")[2] as string);
  const [r, s] = [bytes.subarray(0, 32), bytes.subarray(32)];
  const refuse = (name: string, from: string, mutation: string, changed: string, key: object): unknown =>
    group.refuse(name, from, mutation, req, { text: changed, key }, CRYPTO);
  const es256 = (name: string, mutation: string, instead: Bytes): unknown =>
    refuse(`es256-${name}`, "sig-es256", mutation, withSegment(text, 2, instead), given);
  es256("zero", "r and s of zero", Buffer.alloc(64));
  es256("order", "r and s equal to the order of the group", Buffer.concat([ORDER, ORDER]));
  es256("swapped", "r and s exchanged", Buffer.concat([s, r]));
  es256("der", "the signature in DER", der(r, s));
  es256("short", "the last byte removed", bytes.subarray(0, -1));
  es256("long", "a byte appended", Buffer.concat([bytes, Buffer.of(0)]));
  es256("empty", "the signature removed", Buffer.of());
  const none = `${b64u(json({ ...header, alg: "none" }))}.${b64u(CLAIMS)}.`;
  refuse("alg-none", "sig-es256", "alg none, without a signature", none, given);
  const upper = `${b64u(json({ ...header, alg: "nOnE" }))}.${b64u(CLAIMS)}.`;
  refuse("alg-none-case", "sig-es256", "alg none in mixed case, without a signature", upper, given);
  const confused = jws({ ...header, alg: "HS256" }, CLAIMS, unb64u(signer.x as string));
  refuse("hs256-public-key", "sig-es256", "HS256 with the x of the public key as its key", confused, given);
  const ed = jwkOf("jose signer Ed25519");
  const edHeader = { alg: "Ed25519", kid: thumbprint(ed), typ: "sealwire+jwt" };
  const edText = jws(edHeader, CLAIMS, ed);
  const edBytes = unb64u(edText.split(".")[2] as string);
  const ed25519 = (name: string, mutation: string, instead: Bytes): unknown =>
    refuse(`ed25519-${name}`, "sig-ed25519", mutation, withSegment(edText, 2, instead), $public("jose signer Ed25519"));
  ed25519("zero", "a signature of zeros", Buffer.alloc(64));
  ed25519("short", "the last byte removed", edBytes.subarray(0, -1));
  ed25519(
    "malleable",
    "S plus the order of the group",
    Buffer.concat([edBytes.subarray(0, 32), plusL(edBytes.subarray(32))]),
  );
  const mac = { alg: "HS256", kid: K, typ: "sealwire+jwt" };
  const macText = jws(mac, CLAIMS, MAC_KEY);
  const macBytes = unb64u(macText.split(".")[2] as string);
  const hs256 = (name: string, mutation: string, changed: string): unknown =>
    refuse(`hs256-${name}`, "mac", mutation, changed, oct(MAC_KEY));
  hs256("truncated", "the MAC cut to 16 bytes", withSegment(macText, 2, macBytes.subarray(0, 16)));
  hs256("empty", "the MAC removed", withSegment(macText, 2, Buffer.of()));
  hs256(
    "binary-input",
    "a MAC over the decoded bytes",
    withSegment(macText, 2, signature(Buffer.concat([json(mac), Buffer.of(0x2e), CLAIMS]), MAC_KEY)),
  );
}

const ORDER = Buffer.from("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", "hex");

/** Ed25519 admits S below the order of the group only (RFC 8032 section 5.1.7). */
function plusL(s: Bytes): Buffer {
  const value = BigInt(`0x${hex(Buffer.from(s).reverse())}`) + 2n ** 252n + 27742317777372353535851937790883648493n;
  return Buffer.from(value.toString(16).padStart(64, "0"), "hex").reverse();
}

/** SEQUENCE of two INTEGERs, as most libraries sign by themselves. */
function der(r: Bytes, s: Bytes): Buffer {
  const integer = (value: Bytes): Buffer => {
    let at = 0;
    while (at < value.length - 1 && value[at] === 0) at++;
    const rest = value.subarray(at);
    const body = (rest[0] as number) > 0x7f ? Buffer.concat([Buffer.of(0), rest]) : Buffer.from(rest);
    return Buffer.concat([Buffer.of(2, body.length), body]);
  };
  const body = Buffer.concat([integer(r), integer(s)]);
  return Buffer.concat([Buffer.of(0x30, body.length), body]);
}
