// Outer header, decryption and the JWS inside of an encrypted envelope.
import { b64u, flip, json, unb64u, unhex, utf8 } from "../kit/bytes.ts";
import { compact, innerHeader, outerHeader, signedHeader } from "../kit/envelopes.ts";
import { agree, type Content, ecdhEsKey, jwe, jws } from "../kit/jose.ts";
import { type Jwk, thumbprint, wireJwk } from "../kit/keys.ts";
import { padBits, withSegment } from "../kit/messages.ts";
import { CLOCK } from "./file.ts";
import { jwkOf } from "./keys.ts";
import { MEMBERS, TYPES } from "./standalone-frames.ts";
import type { Scene } from "./standalone-scene.ts";

const KEY = ["E_KEY", "header"] as const;
const CRYPTO = ["E_CRYPTO", "crypto"] as const;

export function outerHeaderRefusals(scene: Scene): void {
  const header = outerHeader(scene.envelope);
  const under = (name: string, mutation: string, req: string, content: object | string, code: string): void =>
    scene.refuse(name, mutation, req, scene.message({}, { header: content }), [code, "header"]);
  for (const [name, value] of [...MEMBERS, ["jwk", { kty: "oct", k: "AA" }]] as const) {
    under(`header-${name}`, `a header member ${name}`, "header:allow-list", { ...header, [name]: value }, "E_HEADER");
  }
  const text = JSON.stringify(header);
  const list = (name: string, mutation: string, content: string): void =>
    under(name, mutation, "header:allow-list", content, "E_HEADER");
  list("header-duplicate", "enc twice, the second one right", text.replace('"enc"', '"enc":"A128GCM","enc"'));
  list("header-duplicate-epk", "a member of epk twice", text.replace('"crv"', '"crv":"P-384","crv"'));
  list("header-long", "a header above 1,024 bytes", text.replace("{", `{${" ".repeat(1024)}`));
  for (const [name, typ] of [...TYPES, ["env", "sealwire-env+jwt"]] as const) {
    under(`typ-${name}`, `typ ${typ}`, "header:typ", { ...header, typ }, "E_TYP");
  }
  under("typ-missing", "typ left out", "header:typ", { ...header, typ: undefined }, "E_TYP");
  const kid = (name: string, mutation: string, value: unknown): void =>
    under(name, mutation, "standalone:recipient", { ...header, kid: value }, "E_KEY");
  kid(
    "kid-other",
    "the thumbprint of another recipient key",
    thumbprint(jwkOf(`other recipient ${scene.options.curve}`)),
  );
  kid("kid-signer", "the thumbprint of the issuer's signing key", thumbprint(scene.envelope.signer));
  kid("kid-missing", "kid left out", undefined);
  const enc = (name: string, mutation: string, over: object): void =>
    under(name, mutation, "standalone:enc", { ...header, ...over }, "E_ALG");
  enc("alg-key-wrap", "ECDH-ES with key wrapping", { alg: "ECDH-ES+A256KW" });
  enc("alg-dir", "direct encryption", { alg: "dir" });
  enc("alg-rsa", "RSA-OAEP", { alg: "RSA-OAEP" });
  enc("alg-missing", "alg left out", { alg: undefined });
  enc("enc-a128gcm", "enc A128GCM", { enc: "A128GCM" });
  enc("enc-cbc", "enc A256CBC-HS512", { enc: "A256CBC-HS512" });
  enc("enc-missing", "enc left out", { enc: undefined });
  const cty = (name: string, mutation: string, value: unknown): void =>
    under(name, mutation, "standalone:cty", { ...header, cty: value }, "E_CTY");
  cty("cty-missing", "cty left out", undefined);
  cty("cty-lower", "cty in lower case", "jwt");
  cty("cty-json", "another cty", "sealwire+json");
  ephemeralRefusals(scene);
}

/** Seven values that make every agreement the same (conventions.md, section 5). */
const SMALL_ORDER = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
  "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

function ephemeralRefusals(scene: Scene): void {
  const epk = wireJwk(scene.envelope.ephemeral as Jwk);
  const header = outerHeader(scene.envelope);
  const refuse = (name: string, mutation: string, value: unknown, point = false): void => {
    const slugs = point
      ? ["standalone:epk", scene.options.curve === "p256" ? "key:p256-point" : "key:okp-point"]
      : ["standalone:epk"];
    scene.refuse(name, mutation, slugs, scene.message({}, { header: { ...header, epk: value } }), KEY);
  };
  refuse("epk-missing", "epk left out", undefined);
  refuse("epk-text", "epk as text", JSON.stringify(epk));
  refuse("epk-array", "epk in an array", [epk]);
  refuse("epk-d", "the private member in epk", { ...epk, d: scene.envelope.ephemeral?.d });
  refuse("epk-alg", "alg in epk", { ...epk, alg: "ECDH-ES" });
  refuse("epk-kid", "kid in epk", { ...epk, kid: "1" });
  refuse("epk-no-x", "x left out", { ...epk, x: undefined });
  refuse("epk-kty", "kty of another type of key", { ...epk, kty: scene.options.curve === "p256" ? "OKP" : "EC" });
  const other = wireJwk(jwkOf(`sender ephemeral ${scene.options.curve === "p256" ? "x25519" : "p256"}`));
  refuse("epk-other-curve", "a key on the other curve", other);
  refuse("epk-x-short", "x of 31 bytes", { ...epk, x: b64u(unb64u(epk.x as string).subarray(0, 31)) }, true);
  refuse(
    "epk-x-long",
    "x of 33 bytes",
    { ...epk, x: b64u(Buffer.concat([Buffer.of(0), unb64u(epk.x as string)])) },
    true,
  );
  refuse("epk-x-pad-bits", "x with a pad bit set", { ...epk, x: padBits(unb64u(epk.x as string)) }, true);
  if (scene.options.curve === "p256") {
    refuse("epk-off-curve", "a bit of y", { ...epk, y: b64u(flip(unb64u(epk.y as string), -1)) }, true);
    refuse("epk-zero", "x and y of zero", { ...epk, x: b64u(Buffer.alloc(32)), y: b64u(Buffer.alloc(32)) }, true);
    refuse("epk-x-p", "an x that is not below p", { ...epk, x: b64u(Buffer.alloc(32, 0xff)) }, true);
    refuse("epk-no-y", "y left out", { ...epk, y: undefined });
    refuse("epk-crv", "crv of another curve", { ...epk, crv: "P-384" });
    return;
  }
  for (const [i, point] of SMALL_ORDER.entries()) {
    refuse(`epk-small-order-${i + 1}`, "a point of small order", { ...epk, x: b64u(unhex(point)) }, true);
  }
  const high = Buffer.from(unhex(SMALL_ORDER[1] as string));
  high[31] = 0x80;
  refuse("epk-small-order-high", "a point of small order with the highest bit set", { ...epk, x: b64u(high) }, true);
  refuse("epk-crv", "the signature curve", { ...epk, crv: "Ed25519" });
  refuse("epk-y", "a y that the curve has not", { ...epk, y: epk.x });
}

export function decryptRefusals(scene: Scene): void {
  const text = scene.text();
  const put = (name: string, mutation: string, index: number, change: (bytes: Buffer) => Uint8Array): void =>
    scene.refuse(name, mutation, "standalone:verify", scene.send(withSegment(text, index, change)), CRYPTO);
  put("flip-iv", "a bit of the IV", 2, (bytes) => flip(bytes));
  put("iv-11", "an IV of 11 bytes", 2, (bytes) => bytes.subarray(0, 11));
  put("iv-13", "an IV of 13 bytes", 2, (bytes) => Buffer.concat([bytes, Buffer.of(0)]));
  put("iv-empty", "no IV", 2, () => Buffer.alloc(0));
  put("flip-ciphertext", "a bit of the ciphertext", 3, (bytes) => flip(bytes));
  put("ciphertext-empty", "no ciphertext", 3, () => Buffer.alloc(0));
  put("flip-tag", "a bit of the tag", 4, (bytes) => flip(bytes, -1));
  put("tag-12", "a tag of 12 bytes", 4, (bytes) => bytes.subarray(0, 12));
  put("tag-17", "a tag of 17 bytes", 4, (bytes) => Buffer.concat([bytes, Buffer.of(0)]));
  put("tag-empty", "no tag", 4, () => Buffer.alloc(0));
  const swapped = JSON.stringify(outerHeader(scene.envelope)).replace(":", ": ");
  put("aad", "a space in the header, after sealing", 0, () => utf8(swapped));
  const another = jwkOf(`other ephemeral ${scene.options.curve}`);
  const header = { ...outerHeader(scene.envelope), epk: wireJwk(another) };
  const refuse = (name: string, mutation: string, faults: { header?: object; key?: Uint8Array }): void =>
    scene.refuse(name, mutation, "standalone:verify", scene.message({}, faults), CRYPTO);
  refuse("epk-exchanged", "another valid epk", { header });
  refuse("key-z", "the shared secret itself as key", { key: zOf(scene) });
  refuse("key-other-recipient", "agreed with another recipient key", {
    key: ecdhEsKey(another, jwkOf(`other recipient ${scene.options.curve}`)),
  });
}

/** The x-coordinate, or the output of RFC 7748, before the key derivation. */
const zOf = ({ envelope }: Scene): Uint8Array => agree(envelope.ephemeral as Jwk, envelope.recipient as Jwk);

/** What a sender of whom nothing is known put inside. */
export function innerRefusals(scene: Scene): void {
  const { envelope } = scene;
  const honest = scene.jws();
  const refuse = (name: string, mutation: string, req: string, code: string, plaintext: Content): void =>
    scene.refuse(name, mutation, req, scene.message({}, { plaintext }), [code, "inner"]);
  const shape = (name: string, mutation: string, plaintext: Content): void =>
    refuse(name, mutation, "standalone:inner-encoding", "E_MALFORMED", plaintext);
  const unsigned = ["standalone:inner-encoding", "standalone:signed"];
  const claims = json(scene.claims());
  const message = scene.message({}, { plaintext: claims });
  scene.refuse("inner-unsigned", "the claims without a signature", unsigned, message, ["E_MALFORMED", "inner"]);
  shape("inner-empty", "nothing inside", "");
  shape("inner-two-segments", "the signature left out", honest.slice(0, honest.lastIndexOf(".")));
  shape("inner-envelope", "an encrypted envelope inside", scene.text());
  const [header, payload, signature] = honest.split(".");
  shape(
    "inner-json-serialization",
    "the inner JWS in a JSON serialization",
    JSON.stringify({ protected: header, payload, signature }),
  );
  const b64 = (name: string, mutation: string, plaintext: Content): void =>
    refuse(name, mutation, "standalone:inner-encoding", "E_B64", plaintext);
  b64("inner-padding", "base64 padding inside", `${honest}=`);
  b64("inner-newline", "a line feed after the inner JWS", `${honest}\n`);
  b64("inner-pad-bits", "a pad bit of the inner signature is set", withSegment(honest, 2, padBits));
  const crypto = (name: string, mutation: string, plaintext: Content): void =>
    refuse(name, mutation, "standalone:inner", "E_CRYPTO", plaintext);
  const right = innerHeader(envelope);
  const under = (name: string, mutation: string, inner: object): void =>
    crypto(name, mutation, scene.jws({}, { inner }));
  under("inner-typ-env", "a signed envelope inside", signedHeader(envelope));
  under("inner-typ-session", "typ of messages of a session inside", { ...right, typ: "sealwire+jwt" });
  under("inner-typ-access-token", "typ of access tokens inside", { ...right, typ: "at+jwt" });
  under("inner-typ-missing", "typ left out inside", { ...right, typ: undefined });
  under("inner-kid-unknown", "an unknown kid inside", { ...right, kid: thumbprint(scene.stranger) });
  under("inner-kid-other", "the kid of another issuer inside", { ...right, kid: thumbprint(scene.other) });
  under("inner-alg", "another alg inside", { ...right, alg: right.alg === "ES256" ? "Ed25519" : "ES256" });
  under("inner-cty", "a cty inside", { ...right, cty: "JWT" });
  under("inner-crit", "crit inside", { ...right, crit: ["exp"] });
  crypto(
    "inner-alg-none",
    "an unsecured JWS inside",
    withSegment(jws({ ...right, alg: "none" }, json(scene.claims()), Buffer.alloc(32)), 2, () => ""),
  );
  const hs256 = { ...right, alg: "HS256" };
  crypto(
    "inner-hs256",
    "HS256 with the public key as secret inside",
    scene.jws({}, { inner: hs256, by: unb64u(envelope.signer.x as string) }),
  );
  crypto("inner-other-signer", "signed by another key inside", scene.jws({}, { by: scene.other }));
  crypto(
    "inner-flip-payload",
    "a bit of the inner claims",
    withSegment(honest, 1, (bytes) => flip(bytes, -1)),
  );
  crypto(
    "inner-flip-signature",
    "a bit of the inner signature",
    withSegment(honest, 2, (bytes) => flip(bytes)),
  );
  crypto(
    "inner-signature-empty",
    "no inner signature",
    withSegment(honest, 2, () => ""),
  );
  forwarding(scene);
}

/** What a receiver can do with an envelope that was meant for it alone. */
function forwarding(scene: Scene): void {
  const stripped = scene.send(scene.jws());
  scene.refuse("stripped", "the inner JWS passed on without the encryption", "header:typ", stripped, [
    "E_TYP",
    "header",
  ]);
  const toUs = compact(
    { ...scene.envelope, ephemeral: jwkOf(`other ephemeral ${scene.options.curve}`) },
    scene.claims({ aud: "billing.example" }),
  );
  scene.refuse(
    "re-encrypted",
    "what was encrypted to another receiver, encrypted to this one",
    "standalone:aud-encrypted",
    scene.send(toUs),
    ["E_BINDING", "claims"],
  );
  const iat = CLOCK - 1;
  const direct = jwe(
    {
      alg: "dir",
      enc: "A256GCM",
      cty: "JWT",
      kid: thumbprint(scene.envelope.recipient as Jwk),
      typ: "sealwire-ca+jwt",
    },
    Buffer.alloc(32),
    Buffer.alloc(12),
    json({ iat }),
  );
  scene.refuse("client-authentication", "a handshake object", "header:typ", scene.send(direct), ["E_TYP", "header"]);
}
