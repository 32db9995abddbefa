// One object of each kind, in parts: the two wires are compared by what they say about the same parts.
import { type Bytes, b64u, hex, json, labelled, sha256, unb64u, utf8 } from "../kit/bytes.ts";
import { jwe, jws, nonce } from "../kit/jose.ts";
import { CLOCK } from "./file.ts";

const KID = b64u(labelled("framing kid").subarray(0, 16));
const KEY = labelled("framing key");
export const STATIC_IV: Buffer = labelled("framing iv").subarray(0, 12);

export const CLAIMS: Buffer = json({ seq: 1, exp: CLOCK + 60, top: "chat.say", dat: "é" });
export const HEADERS: Readonly<Record<"mac" | "aead" | "control", Buffer>> = {
  mac: json({ alg: "HS256", kid: KID, typ: "sealwire+jwt" }),
  aead: json({ alg: "dir", enc: "A256GCM", kid: KID, typ: "sealwire+jwt" }),
  control: json({ alg: "dir", enc: "A256GCM", kid: KID, typ: "sealwire-ctl+jwt" }),
};

export const HELLO: Buffer = utf8('{"typ":"sealwire-err","code":"busy"}');
export const JWS: string = jws(HEADERS.mac, CLAIMS, labelled("framing mac"));
/** At sequence number `seq`, so that the short form has the same text. */
export const jweAt = (seq: number, header: Bytes = HEADERS.aead, plaintext: Bytes = CLAIMS): string =>
  jwe(header, KEY, nonce(STATIC_IV, seq), plaintext);
export const JWE: string = jweAt(1);

/** Segments of a compact object. */
export const split = (compact: string): string[] => compact.split(".");

type Parts = Record<string, string | number>;

export const jsonParts = (bytes: Bytes): Parts => ({ form: 0, json: hex(bytes) });

export function jwsParts(compact: string): Parts {
  const [header, payload, signature] = split(compact).map((s) => hex(unb64u(s))) as [string, string, string];
  return { form: 1, protected: header, payload, signature };
}

export function jweParts(compact: string): Parts {
  const [header, key, iv, ciphertext, tag] = split(compact).map((s) => hex(unb64u(s))) as [
    string,
    string,
    string,
    string,
    string,
  ];
  return { form: 2, protected: header, key, iv, ciphertext, tag };
}

/** The last two parts of a JWE in one: what form 3 carries. */
export function sealedData(compact: string): Buffer {
  const [, , , ciphertext, tag] = split(compact).map(unb64u) as [Buffer, Buffer, Buffer, Buffer, Buffer];
  return Buffer.concat([ciphertext, tag]);
}

/** Bytes that look random and are always the same. */
export const filler = (length: number): Buffer => {
  const out = Buffer.alloc(length);
  for (let at = 0; at < length; at += 32) sha256(utf8(`filler ${at}`)).copy(out, at);
  return out;
};
