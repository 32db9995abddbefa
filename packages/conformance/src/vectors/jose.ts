// Every protected header of the specification on an object that a stock JOSE library opens, and what no library may open.
import { type Bytes, b64u, flip, hex, json, labelled, unb64u, utf8 } from "../kit/bytes.ts";
import { cbor } from "../kit/cbor.ts";
import { ecdhEsKey, jwe, jws, nonce } from "../kit/jose.ts";
import { type Jwk, thumbprint, wireJwk } from "../kit/keys.ts";
import { CLOCK, type Generator, Group } from "./file.ts";
import { CLAIMS, CRYPTO, K, MAC_KEY, oct, signatures, withSegment } from "./jose-signatures.ts";
import { $key, $public, jwkOf } from "./keys.ts";

const ALGS = ["ES256", "Ed25519"] as const;
const IV = labelled("jose iv").subarray(0, 12);
const CONTENT_KEY = labelled("jose key");

const HANDSHAKE = json({
  aud: "chat.example",
  iat: CLOCK,
  exp: CLOCK + 30,
  th: b64u(labelled("jose th")),
  at: "a.b.c",
});
const CBOR_CLAIMS = cbor({ seq: 1, exp: CLOCK + 60, top: "chat.say", dat: Buffer.of(1, 2, 3) });

interface Row {
  readonly name: string;
  readonly comment: string;
  readonly header: object;
  readonly content: Bytes;
}

interface Sealed extends Row {
  /** The content key. */
  readonly key: Bytes;
  /** What a vector says about the key, and about another one of its kind. */
  readonly given: object;
  readonly other: object;
}

const dir = (typ: string, cty?: string): object => ({
  alg: "dir",
  enc: "A256GCM",
  ...(cty ? { cty } : {}),
  kid: K,
  typ,
});

export const generate: Generator = () => [verify(), decrypt()];

function verify(): Group {
  const group = new Group("jose/verify", {
    level: "L0",
    section: "envelope.md#4-protected-headers",
    op: "jose.verify",
  });
  const rows: Row[] = [
    {
      name: "mac",
      comment: "level mac, codec json",
      header: { alg: "HS256", kid: K, typ: "sealwire+jwt" },
      content: CLAIMS,
    },
    {
      name: "mac-cbor",
      comment: "level mac, codec cbor: the payload is no JSON",
      header: { alg: "HS256", cty: "sealwire+cbor", kid: K, typ: "sealwire+jwt" },
      content: CBOR_CLAIMS,
    },
  ];
  for (const [name, typ] of [
    ["resume-ch", "sealwire-ch+jwt"],
    ["resume-sh", "sealwire-sh+jwt"],
  ] as const) {
    rows.push({
      name,
      comment: `a hello of a resume, ${typ}`,
      header: { alg: "HS256", kid: K, typ },
      content: HANDSHAKE,
    });
  }
  for (const row of rows) verifyRow(group, row, MAC_KEY, oct(MAC_KEY), oct(flip(MAC_KEY)));
  for (const alg of ALGS) {
    const label = `jose signer ${alg}`;
    for (const row of signedRows(alg, jwkOf(label))) {
      verifyRow(group, row, jwkOf(label), $public(label), $public(`jose other ${alg}`));
    }
  }
  signatures(group);
  return group;
}

function signedRows(alg: (typeof ALGS)[number], signer: Jwk): Row[] {
  const kid = thumbprint(signer);
  const suffix = alg.toLowerCase();
  const row = (name: string, comment: string, header: object, content: Bytes): Row => ({
    name: `${name}-${suffix}`,
    comment: `${comment}, ${alg}`,
    header,
    content,
  });
  const typed = (typ: string): object => ({ alg, kid, typ });
  return [
    row("sig", "level sig and the inner JWS of nest, codec json", typed("sealwire+jwt"), CLAIMS),
    row(
      "sig-cbor",
      "level sig and the inner JWS of nest, codec cbor",
      { alg, cty: "sealwire+cbor", kid, typ: "sealwire+jwt" },
      CBOR_CLAIMS,
    ),
    row("sh", "server hello", typed("sealwire-sh+jwt"), HANDSHAKE),
    row(
      "ca-inner",
      "inner JWS of CA, which carries its key",
      { alg, jwk: wireJwk(signer), typ: "sealwire-auth+jwt" },
      HANDSHAKE,
    ),
    row("env", "standalone, signed", typed("sealwire-env+jwt"), HANDSHAKE),
    row("envi", "standalone, inside an encrypted one", typed("sealwire-envi+jwt"), HANDSHAKE),
  ];
}

/** The object as it is, and with one thing of it changed. */
function verifyRow(group: Group, row: Row, key: Bytes | Jwk, given: object, other: object): void {
  const { name, comment, header, content } = row;
  const text = jws(header, content, key);
  const result = { header: JSON.stringify(header), payload: hex(content) };
  const req = ["header:exact"];
  group.accept(name, comment, [...req, "level:verify"], { text, key: given }, result);
  const refuse = (
    defect: string,
    mutation: string,
    changed: string,
    by = given,
    more: readonly string[] = [],
  ): unknown =>
    group.refuse(`${name}-${defect}`, name, mutation, ["level:verify", ...more], { text: changed, key: by }, CRYPTO);
  refuse("payload", "one bit of the payload", flipped(text, 1));
  refuse("signature", "one bit of the signature", flipped(text, 2, -1));
  refuse("header", "one letter of typ in the header", withHeader(text, renamed(header)), given, req);
  refuse("key", "another key", text, other);
}

function flipped(compact: string, segment: number, index = 0): string {
  const segments = compact.split(".");
  segments[segment] = b64u(flip(unb64u(segments[segment] as string), index));
  return segments.join(".");
}

const withHeader = (compact: string, header: object): string => withSegment(compact, 0, json(header));
/** Valid JSON still, and nothing that a library would look at. */
const renamed = (header: object): object => ({ ...header, typ: "sealwire+jwx" });

function decrypt(): Group {
  const group = new Group("jose/decrypt", {
    level: "L0",
    section: "envelope.md#4-protected-headers",
    op: "jose.decrypt",
  });
  const inner = utf8(jws({ alg: "ES256", typ: "sealwire+jwt" }, CLAIMS, jwkOf("jose signer ES256")));
  const direct = { key: CONTENT_KEY, given: oct(CONTENT_KEY), other: oct(flip(CONTENT_KEY)) };
  const rows: Row[] = [
    { name: "aead", comment: "level aead, codec json", header: dir("sealwire+jwt"), content: CLAIMS },
    {
      name: "aead-cbor",
      comment: "level aead, codec cbor",
      header: dir("sealwire+jwt", "sealwire+cbor"),
      content: CBOR_CLAIMS,
    },
    {
      name: "nest",
      comment: "level nest, outer: the plaintext is a JWS",
      header: dir("sealwire+jwt", "JWT"),
      content: inner,
    },
    {
      name: "control",
      comment: "control message",
      header: dir("sealwire-ctl+jwt"),
      content: json({ seq: 2, top: "ping", rcv: 1 }),
    },
    {
      name: "ca",
      comment: "CA with proof of possession, outer",
      header: dir("sealwire-ca+jwt", "JWT"),
      content: inner,
    },
    { name: "ca-bearer", comment: "CA bearer", header: dir("sealwire-ca+jwt"), content: HANDSHAKE },
    { name: "sr", comment: "server ready", header: dir("sealwire-sr+jwt"), content: HANDSHAKE },
  ];
  for (const row of rows) decryptRow(group, { ...row, ...direct }, nonce(IV, 1));
  for (const curve of ["p256", "x25519"]) decryptRow(group, standalone(curve, inner), IV);
  return group;
}

/** ECDH-ES to a static key of the recipient (RFC 7518 section 4.6, RFC 8037 section 3.2). */
function standalone(curve: string, inner: Bytes): Sealed {
  const [recipient, ephemeral] = [`jose recipient ${curve}`, `jose ephemeral ${curve}`];
  const epk = wireJwk(jwkOf(ephemeral));
  const kid = thumbprint(jwkOf(recipient));
  return {
    name: `envx-${curve}`,
    comment: `standalone, encrypted to ${curve}`,
    header: { alg: "ECDH-ES", enc: "A256GCM", cty: "JWT", epk, kid, typ: "sealwire-envx+jwt" },
    content: inner,
    key: ecdhEsKey(jwkOf(ephemeral), jwkOf(recipient)),
    given: $key(recipient),
    other: $key(`jose other ${curve}`),
  };
}

function decryptRow(group: Group, { name, comment, header, content, key, given, other }: Sealed, iv: Bytes): void {
  const text = jwe(header, key, iv, content);
  const result = { header: JSON.stringify(header), plaintext: hex(content) };
  group.accept(name, comment, ["header:exact", "level:verify"], { text, key: given }, result);
  const req = ["level:verify"];
  const refuse = (
    defect: string,
    mutation: string,
    changed: string,
    by = given,
    more: readonly string[] = [],
  ): unknown =>
    group.refuse(`${name}-${defect}`, name, mutation, [...req, ...more], { text: changed, key: by }, CRYPTO);
  refuse("iv", "one bit of the IV", flipped(text, 2));
  refuse("ciphertext", "one bit of the ciphertext", flipped(text, 3));
  refuse("tag", "one bit of the tag", flipped(text, 4, -1));
  refuse("header", "one letter of typ in the header", withHeader(text, renamed(header)), given, ["header:exact"]);
  refuse("key", "another key", text, other);
  const tag = unb64u(text.split(".")[4] as string);
  refuse("tag-12", "the tag cut to 12 bytes", withSegment(text, 4, tag.subarray(0, 12)), given, ["aead:tag"]);
}
