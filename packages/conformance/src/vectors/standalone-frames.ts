// Steps frame, encoding, and header of a signed envelope.
import { b64u, hex, json, unb64u, unhex, utf8 } from "../kit/bytes.ts";
import { cbor, head } from "../kit/cbor.ts";
import { signedHeader } from "../kit/envelopes.ts";
import { binary, jws, type Message } from "../kit/jose.ts";
import { thumbprint } from "../kit/keys.ts";
import { padBits, withSegment } from "../kit/messages.ts";
import type { Scene } from "./standalone-scene.ts";

const HEADER = ["E_HEADER", "header"] as const;
const TYP = ["E_TYP", "header"] as const;

export function frameRefusals(scene: Scene): void {
  if (scene.options.wire === "text") textRefusals(scene);
  else binaryRefusals(scene);
}

function textRefusals(scene: Scene): void {
  const text = scene.text();
  const segments = text.split(".");
  const malformed = (name: string, mutation: string, message: Message, req = "wire:segments"): void =>
    scene.refuse(name, mutation, req, message, ["E_MALFORMED", "encoding"]);
  malformed("empty", "an empty text", { text: "" });
  malformed("segment-missing", "the last segment is left out", { text: segments.slice(0, -1).join(".") });
  malformed("segment-extra", "one more segment", { text: `${text}.AA` });
  malformed("header-empty", "the first segment is empty", { text: ["", ...segments.slice(1)].join(".") });
  if (scene.encrypted) {
    const message = { text: withSegment(text, 1, () => "AA") };
    malformed("encrypted-key", "an encrypted key of one byte", message, "wire:encrypted-key");
  }
  const b64 = (name: string, mutation: string, message: Message): void =>
    scene.refuse(name, mutation, "b64:canonical", message, ["E_B64", "encoding"]);
  b64("padding", "base64 padding at the end", { text: `${text}=` });
  b64("space", "a space before the first segment", { text: ` ${text}` });
  b64("alphabet", "a character of the other alphabet", { text: withSegment(text, -1, (x) => `/${b64u(x).slice(1)}`) });
  b64("pad-bits", "a pad bit of the last segment is set", { text: withSegment(text, -1, padBits) });
  const names = scene.encrypted
    ? ["protected", "encrypted_key", "iv", "ciphertext", "tag"]
    : ["protected", "payload", "signature"];
  const flattened = JSON.stringify(Object.fromEntries(names.map((name, i) => [name, segments[i]])));
  scene.refuse("json-serialization", "the flattened JSON serialization", "wire:form", { text: flattened }, HEADER);
  const [first, payload, signature] = segments;
  if (!scene.encrypted) {
    const general = JSON.stringify({ payload, signatures: [{ protected: first, signature }] });
    scene.refuse("json-general", "the general JSON serialization", "wire:form", { text: general }, HEADER);
  }
  scene.refuse(
    "bare-json",
    "the claims without protection",
    "wire:form",
    { text: JSON.stringify(scene.claims()) },
    HEADER,
  );
  const long = { $text: { prefix: text, repeat: "A", n: 1048577 - text.length } };
  scene.group.refuse(
    "too-big",
    "json",
    "one byte more than 1,048,576",
    ["standalone:size"],
    { message: { text: long } },
    ["E_TOO_BIG", "frame"],
  );
}

function binaryRefusals(scene: Scene): void {
  const text = scene.text();
  const segments = text.split(".").map(unb64u);
  const honest = unhex((scene.message() as { binary: string }).binary);
  const refuse = (name: string, mutation: string, bytes: Uint8Array, req = "wire:frame"): void =>
    scene.refuse(name, mutation, req, binary(bytes), ["E_CBOR", "encoding"]);
  refuse("empty", "no bytes", Buffer.alloc(0));
  refuse("truncated", "the last byte is missing", honest.subarray(0, -1));
  refuse("trailing", "one more byte", Buffer.concat([honest, Buffer.of(0)]));
  refuse("tagged", "the array under tag 55799", Buffer.concat([head(6, 55799), honest]));
  refuse(
    "indefinite",
    "an array of indefinite length",
    Buffer.concat([Buffer.of(0x9f), honest.subarray(1), Buffer.of(0xff)]),
  );
  refuse("text-bytes", "the text form as bytes", utf8(text));
  refuse("text-strings", "the segments as text strings", cbor([scene.encrypted ? 2 : 1, ...text.split(".")]));
  if (scene.encrypted) {
    const [protectedHeader, , ...rest] = segments;
    refuse(
      "encrypted-key",
      "an encrypted key of one byte",
      cbor([2, protectedHeader, Buffer.of(0), ...rest]),
      "wire:encrypted-key",
    );
  }
  const form = (name: string, mutation: string, frame: unknown): void =>
    scene.refuse(name, mutation, "wire:form", binary(cbor(frame)), HEADER);
  form("bare-json", "the claims without protection", [0, json(scene.claims())]);
  form("form-3", "a short form of sessions", [3, 0, 1, segments.at(-1)]);
  form("form-4", "the other short form of sessions", [4, 0, segments[1], segments.at(-1)]);
  const long = { $hex: { prefix: hex(honest), repeat: "00", n: 1048577 - honest.length } };
  scene.group.refuse(
    "too-big",
    "json",
    "one byte more than 1,048,576",
    ["standalone:size"],
    { message: { binary: long } },
    ["E_TOO_BIG", "frame"],
  );
}

/** Names of other objects, and spellings that some libraries take for the right one. */
export const TYPES: readonly (readonly [name: string, typ: string])[] = [
  ["at-jwt", "at+jwt"],
  ["dpop-jwt", "dpop+jwt"],
  ["secevent-jwt", "secevent+jwt"],
  ["jwt", "JWT"],
  ["session", "sealwire+jwt"],
  ["control", "sealwire-ctl+jwt"],
  ["sh", "sealwire-sh+jwt"],
  ["ca", "sealwire-ca+jwt"],
  ["auth", "sealwire-auth+jwt"],
  ["sr", "sealwire-sr+jwt"],
  ["envi", "sealwire-envi+jwt"],
];

/** Members that no envelope has; `jwk` and `epk` where they do not belong. */
export const MEMBERS: readonly (readonly [name: string, value: unknown])[] = [
  ["crit", ["exp"]],
  ["b64", false],
  ["zip", "DEF"],
  ["jku", "https://keys.example/jwks"],
  ["x5u", "https://keys.example/chain"],
  ["x5c", []],
  ["x5t", "AA"],
  ["p2c", 1000000],
  ["apu", "AA"],
  ["apv", "AA"],
  ["iss", "shop.example"],
];

export function signedHeaderRefusals(scene: Scene): void {
  const { signer } = scene.envelope;
  const header = signedHeader(scene.envelope);
  const under = (name: string, mutation: string, req: string, content: object | string, code: string): void =>
    scene.refuse(name, mutation, req, scene.message({}, { header: content }), [code, "header"]);
  for (const [name, value] of [...MEMBERS, ["jwk", { kty: "oct", k: "AA" }], ["enc", "A256GCM"]] as const) {
    under(`header-${name}`, `a header member ${name}`, "header:allow-list", { ...header, [name]: value }, "E_HEADER");
  }
  const text = JSON.stringify(header);
  const list = (name: string, mutation: string, content: string): void =>
    under(name, mutation, "header:allow-list", content, "E_HEADER");
  list("header-array", "the header in an array", `[${text}]`);
  list("header-trailing", "a brace too many", `${text}}`);
  list("header-duplicate-alg", "alg twice, the second one right", text.replace("{", '{"alg":"none",'));
  list("header-duplicate-kid", "kid twice", text.replace('"kid"', '"kid":"x","kid"'));
  list("header-duplicate-escaped", "typ twice, once with an escape", text.replace('"typ"', '"t\\u0079p":"x","typ"'));
  list("header-proto", "a member named __proto__", text.replace("{", '{"__proto__":{},'));
  list("header-bom", "a byte order mark before the header", `\ufeff${text}`);
  list("header-long", "a header above 1,024 bytes", text.replace("{", `{${" ".repeat(1024)}`));
  for (const [name, typ] of [
    ...TYPES,
    ["envx", "sealwire-envx+jwt"],
    ["application", "application/sealwire-env+jwt"],
    ["case", "Sealwire-Env+JWT"],
  ] as const) {
    under(`typ-${name}`, `typ ${typ}`, "header:typ", { ...header, typ }, "E_TYP");
  }
  under("typ-missing", "typ left out", "header:typ", { ...header, typ: undefined }, "E_TYP");
  under("typ-array", "typ as an array", "header:typ", { ...header, typ: [header.typ] }, "E_TYP");
  const key = (name: string, mutation: string, content: object, by = signer): void => {
    const message = scene.message({}, { header: content, by });
    scene.refuse(name, mutation, "standalone:signer", message, ["E_KEY", "header"]);
  };
  const { stranger } = scene;
  key(
    "kid-unknown",
    "signed with an unknown key, under its thumbprint",
    { ...header, kid: thumbprint(stranger) },
    stranger,
  );
  key("kid-missing", "kid left out", { ...header, kid: undefined });
  key("kid-identity", "the issuer's identity as kid", { ...header, kid: "shop.example" });
  key("kid-array", "kid as an array", { ...header, kid: [header.kid] });
  key("kid-proto", "kid of a member that every object has", { ...header, kid: "constructor" });
  const alg = (name: string, mutation: string, value: unknown): void =>
    under(name, mutation, "header:alg", { ...header, alg: value }, "E_ALG");
  alg("alg-other", "the algorithm of another key type", signer.alg === "ES256" ? "Ed25519" : "ES256");
  alg("alg-eddsa", "EdDSA", "EdDSA");
  alg("alg-none", "none", "none");
  alg("alg-case", "the algorithm in another case", String(signer.alg).toLowerCase());
  alg("alg-missing", "alg left out", undefined);
  const secret = Buffer.concat([signer.x, signer.y].map((c) => unb64u(c ?? "")));
  const confused = scene.message({}, { header: { ...header, alg: "HS256" }, by: secret });
  scene.refuse("alg-hs256", "HS256 with the public key as secret", "header:alg", confused, ["E_ALG", "header"]);
  const cty = (name: string, value: string): void =>
    under(`cty-${name}`, `cty ${value}`, "standalone:cty", { ...header, cty: value }, "E_CTY");
  cty("jwt", "JWT");
  cty("cbor", "sealwire+cbor");
  foreignTokens(scene);
}

/** Tokens of other protocols, made by the same key, as they are. */
function foreignTokens(scene: Scene): void {
  const { signer } = scene.envelope;
  const { kty, crv, x, y } = signer;
  const foreign = (
    name: string,
    mutation: string,
    header: object,
    claims: object,
    verdict: readonly [string, "header"],
    req: string,
  ): void => scene.refuse(name, mutation, req, scene.send(jws(header, claims, signer)), verdict);
  const { iss, aud, jti, iat, exp } = scene.claims();
  const registered = { iss, aud, jti, iat, exp };
  const kid = thumbprint(signer);
  foreign(
    "access-token",
    "an access token of the same key",
    { alg: signer.alg, kid, typ: "at+jwt" },
    { ...registered, sub: "u", client_id: "c" },
    TYP,
    "header:typ",
  );
  foreign(
    "security-event",
    "a security event of the same key",
    { alg: signer.alg, kid, typ: "secevent+jwt" },
    { ...registered, events: {} },
    TYP,
    "header:typ",
  );
  foreign(
    "dpop",
    "a DPoP proof of the same key",
    { alg: signer.alg, jwk: { kty, crv, x, y }, typ: "dpop+jwt" },
    { jti, iat, htm: "GET", htu: "https://orders.example/" },
    HEADER,
    "header:allow-list",
  );
  const session = { iss, aud, bnd: "A".repeat(22), seq: 1, iat, exp, top: "order.placed", dat: 1 };
  foreign(
    "session-message",
    "a signed message of a session",
    { alg: signer.alg, kid, typ: "sealwire+jwt" },
    session,
    TYP,
    "header:typ",
  );
}
