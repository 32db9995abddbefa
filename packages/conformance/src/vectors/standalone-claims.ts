// Signatures, claims, receivers, time and replay.
import { createHmac } from "node:crypto";
import { b64u, flip, unhex, utf8 } from "../kit/bytes.ts";
import { type Claims, encodeClaims, type Faults } from "../kit/envelopes.ts";
import type { Jwk } from "../kit/keys.ts";
import { withSegment } from "../kit/messages.ts";
import { CLOCK } from "./file.ts";
import { twin } from "./message-crypto.ts";
import { GROUP, ISSUER, JTI, OTHER, RECEIVER, type Scene } from "./standalone-scene.ts";

const CLAIMS = ["E_CLAIMS", "claims"] as const;
const SKEW = 60;
const MAX = 300;

export function signatureRefusals(scene: Scene): void {
  const text = scene.text();
  const put = (name: string, mutation: string, index: number, change: (bytes: Buffer) => Uint8Array): void =>
    scene.refuse(
      name,
      mutation,
      ["standalone:verify", "standalone:not-fatal"],
      scene.send(withSegment(text, index, change)),
      ["E_CRYPTO", "crypto"],
    );
  put("flip-payload", "a bit of the last byte of the claims", 1, (bytes) => flip(bytes, -1));
  put("flip-signature", "a bit of the signature", 2, (bytes) => flip(bytes));
  put("flip-signature-last", "the last bit of the signature", 2, (bytes) => flip(bytes, -1));
  put("signature-short", "the last byte of the signature left out", 2, (bytes) => bytes.subarray(0, -1));
  put("signature-long", "one more byte of signature", 2, (bytes) => Buffer.concat([bytes, Buffer.of(0)]));
  put("signature-empty", "no signature", 2, () => Buffer.alloc(0));
  put("signature-zero", "a signature of zeros", 2, (bytes) => Buffer.alloc(bytes.length));
  put("header-space", "a space in the header, after signing", 0, (bytes) => utf8(bytes.toString().replace(":", ": ")));
  const secret = Buffer.from(scene.envelope.signer.x as string, "base64url");
  put("hmac", "HMAC with the public key as secret", 2, () => createHmac("sha256", secret).update(text).digest());
  const by = (name: string, mutation: string, key: Jwk): void =>
    scene.refuse(name, mutation, "standalone:verify", scene.message({}, { by: key }), ["E_CRYPTO", "crypto"]);
  by("other-signer", "signed by the other issuer under this kid", scene.other);
  by("stranger", "signed by an unknown key under this kid", scene.stranger);
  if (scene.options.alg !== "ES256") return;
  scene.group.accept(
    "twin",
    "the other signature (r, n - s) of the same claims",
    ["standalone:verify"],
    { message: scene.send(twin(text)) },
    scene.opened(),
  );
  const seen = { seen: [[ISSUER, JTI]] };
  scene.refuse(
    "twin-replayed",
    "the other signature of an envelope that was delivered",
    ["store:key", "store:replay"],
    scene.send(twin(text)),
    ["E_REPLAY", "deliver"],
    { from: "twin", ...seen },
  );
}

export function tableRefusals(scene: Scene): void {
  const refuse = (name: string, mutation: string, over: Claims, ...req: string[]): void =>
    scene.refuse(name, mutation, req.length === 0 ? ["standalone:claims"] : req, scene.message(over), CLAIMS);
  const encoded = (name: string, mutation: string, over: Claims): void =>
    refuse(name, mutation, over, "standalone:claims", "b64:member");
  for (const name of ["iss", "aud", "jti", "iat", "exp", "top"])
    refuse(`${name}-missing`, `${name} left out`, { [name]: undefined });
  refuse("aud-array", "aud as an array", { aud: [RECEIVER] });
  refuse("iss-space", "a space in iss", { iss: "shop example" });
  refuse("iss-long", "an iss of 257 characters", { iss: "s".repeat(257) });
  encoded("jti-short", "a jti of 15 bytes", { jti: b64u(Buffer.alloc(15)) });
  encoded("jti-long", "a jti of 17 bytes", { jti: b64u(Buffer.alloc(17)) });
  encoded("jti-pad-bits", "a jti with a pad bit set", { jti: `${JTI.slice(0, -1)}x` });
  refuse("jti-uuid", "a UUID as jti", { jti: "00112233-4455-6677-8899-aabbccddeeff" });
  refuse("jti-number", "a jti as a number", { jti: 1 });
  refuse("exp-string", "exp as a string", { exp: String(CLOCK + 60) });
  refuse("iat-negative", "a negative iat", { iat: -1 });
  refuse("top-empty", "an empty top", { top: "" });
  refuse("ref-number", "a ref as in sessions", { ref: 5 });
  encoded("ref-short", "a ref of 21 characters", { ref: JTI.slice(0, 21) });
  refuse("dat-and-bin", "dat beside bin", { bin: "AAEC" });
  encoded("bin-padding", "bin with base64 padding", { dat: undefined, bin: "AA==" });
  if (scene.encrypted) refuse("pad-number", "pad as a number", { pad: 0 });
  else refuse("pad", "pad in an envelope that hides nothing", { pad: "xxxxxxxx" });
  for (const [name, value] of [
    ["bnd", "A".repeat(22)],
    ["seq", 1],
    ["req", true],
    ["bat", [["a", null, 1]]],
    ["rcv", 0],
  ] as const) {
    refuse(name, `the claim ${name} of sessions`, { [name]: value });
  }
  refuse("constructor", "a claim named constructor", { constructor: 1 }, "claims:proto");
  refuse("exp-before-iat", "exp one second before iat", { iat: CLOCK, exp: CLOCK - 1 }, "time:exp-before-iat");
  const text = encodeClaims(scene.claims()).toString();
  const raw = (name: string, mutation: string, req: string, claims: string | Uint8Array): void =>
    scene.refuse(`claims-${name}`, mutation, req, scene.raw(claims), CLAIMS);
  raw("array", "the claims in an array", "json:text", `[${text}]`);
  raw("bom", "a byte order mark before the claims", "json:text", Buffer.concat([unhex("efbbbf"), utf8(text)]));
  raw(
    "duplicate",
    "aud twice, the second one right",
    "json:duplicate",
    text.replace('"aud"', '"aud":"billing.example","aud"'),
  );
  raw(
    "duplicate-escaped",
    "iss twice, once with an escape",
    "json:duplicate",
    text.replace('"iss"', '"i\\u0073s":"other.example","iss"'),
  );
  raw(
    "exp-decimal",
    "exp with a decimal point",
    "json:integer",
    text.replace(`"exp":${CLOCK + 60}`, `"exp":${CLOCK + 60}.0`),
  );
  raw("iat-exponent", "iat with an exponent", "json:integer", text.replace(`"iat":${CLOCK - 1}`, '"iat":189345599e1'));
  raw(
    "proto",
    "a member named __proto__ inside the data",
    "claims:proto",
    text.replace('"order":42', '"__proto__":42'),
  );
  raw("depth", "33 levels", "limit:claims", text.replace("42", `${"[".repeat(31)}${"]".repeat(31)}`));
}

/** Who signed, and for whom. */
export function partyVectors(scene: Scene): void {
  const refuse = (
    name: string,
    mutation: string,
    req: string,
    over: Claims,
    code: string,
    faults: Faults = {},
    input: Readonly<Record<string, unknown>> = {},
  ): void => scene.refuse(name, mutation, req, scene.message(over, faults), [code, "claims"], input);
  refuse("iss-other", "iss of another known issuer", "standalone:iss", { iss: OTHER }, "E_KEY");
  refuse("iss-unknown", "iss of an unknown issuer", "standalone:iss", { iss: "nobody.example" }, "E_KEY");
  refuse("iss-case", "iss in another case", "standalone:iss", { iss: "SHOP.example" }, "E_KEY");
  refuse("iss-receiver", "iss of the receiver", "standalone:iss", { iss: RECEIVER }, "E_KEY");
  const aud = scene.encrypted ? "standalone:aud-encrypted" : "standalone:aud";
  refuse("aud-other", "aud of another receiver", aud, { aud: "billing.example" }, "E_BINDING");
  refuse("aud-issuer", "aud of the issuer", aud, { aud: ISSUER }, "E_BINDING");
  refuse("aud-case", "aud in another case", aud, { aud: RECEIVER.toUpperCase() }, "E_BINDING");
  refuse("aud-prefix", "aud with one more character", aud, { aud: `${RECEIVER}.` }, "E_BINDING");
  refuse(
    "aud-group-not-mine",
    "the name of a group to which the opener does not belong",
    aud,
    { aud: GROUP },
    "E_BINDING",
  );
  const groups = { audience: [RECEIVER, "group:other", GROUP] };
  const identity = "an opener with groups, by its own identity";
  scene.accept("aud-identity", identity, [aud], {}, groups);
  if (scene.encrypted) {
    refuse(
      "aud-group",
      "the name of a group of the opener",
      aud,
      { aud: GROUP },
      "E_BINDING",
      {},
      { from: "aud-identity", ...groups },
    );
  } else scene.accept("aud-group", "the name of a group of the opener", [aud], { aud: GROUP }, groups);
}

export function times(scene: Scene): void {
  const step = "time" as const;
  const slugs = (name: string): string[] => ["standalone:life", name];
  const base: Claims = { iat: CLOCK, exp: CLOCK + 60 };
  scene.accept("last-second", "now is one second before exp + skew", slugs("time:expired"), base, {
    now: CLOCK + 60 + SKEW - 1,
  });
  const late = (name: string, mutation: string, now: number): void =>
    scene.refuse(name, mutation, slugs("time:expired"), scene.message(base), ["E_EXPIRED", step], {
      from: "last-second",
      now,
    });
  late("expired", "now is exp + skew", CLOCK + 60 + SKEW);
  late("long-expired", "now is a year later", CLOCK + 31536000);
  scene.accept("iat-ahead", "iat is now + skew", slugs("time:future"), { iat: CLOCK + SKEW, exp: CLOCK + SKEW + 60 });
  const ahead = scene.message({ iat: CLOCK + SKEW + 1, exp: CLOCK + SKEW + 60 });
  scene.refuse("iat-future", "iat is now + skew + 1", slugs("time:future"), ahead, ["E_FUTURE", step], {
    from: "iat-ahead",
  });
  const long = (name: string, mutation: string, from: string, life: number, input: object = {}): void => {
    const message = scene.message({ iat: CLOCK, exp: CLOCK + life });
    scene.refuse(name, mutation, slugs("time:ttl"), message, ["E_TTL", step], { from, ...input });
  };
  scene.accept("ttl-longest", "a life of 300 s", slugs("time:ttl"), { iat: CLOCK, exp: CLOCK + MAX });
  long("ttl", "a life of 301 s", "ttl-longest", MAX + 1);
  const day = { maxLife: 86400 };
  scene.accept(
    "ttl-day",
    "a life of a day, where the opener takes it",
    slugs("time:ttl"),
    { iat: CLOCK, exp: CLOCK + 86400 },
    day,
  );
  long("ttl-day-longer", "a life of a day and a second", "ttl-day", 86401, day);
  const hour = { maxLife: 3600 };
  scene.accept(
    "ttl-hour",
    "a life of an hour, where the opener takes it",
    slugs("time:ttl"),
    { iat: CLOCK, exp: CLOCK + 3600 },
    hour,
  );
  long("ttl-hour-longer", "a life of an hour and a second", "ttl-hour", 3601, hour);
  scene.accept("no-life", "exp equals iat", ["time:exp-before-iat"], { iat: CLOCK, exp: CLOCK });
}

export function replays(scene: Scene): void {
  const deliver = ["E_REPLAY", "deliver"] as const;
  scene.refuse("replay", "it was delivered before", ["store:replay", "store:insert"], scene.message(), deliver, {
    seen: [[ISSUER, JTI]],
  });
  const others = [
    ["other.example", JTI],
    [ISSUER, "AAAAAAAAAAAAAAAAAAAAAA"],
    [ISSUER.toUpperCase(), JTI],
  ];
  scene.accept("others-seen", "the same jti of another issuer, and another jti", ["store:key"], {}, { seen: others });
  const again = scene.message({ top: "order.cancelled" });
  scene.refuse(
    "jti-again",
    "a new envelope with a used jti",
    ["standalone:jti", "store:key", "store:replay"],
    again,
    deliver,
    {
      from: "others-seen",
      seen: [...others, [ISSUER, JTI]],
    },
  );
}
