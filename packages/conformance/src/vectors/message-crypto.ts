// Steps sequence, crypto and inner.
import { createHmac } from "node:crypto";
import { b64u, flip, json, sha256, unb64u, utf8 } from "../kit/bytes.ts";
import { type Content, jwe, jws, nonce } from "../kit/jose.ts";
import type { Jwk } from "../kit/keys.ts";
import { controlHeader, innerHeader, innerJws, messageHeader, padBits, withSegment } from "../kit/messages.ts";
import { KEYS, type Scene, SEQ } from "./message-scene.ts";

const CRYPTO = ["E_CRYPTO", "crypto"] as const;
const MAX = Number.MAX_SAFE_INTEGER;

/** The number outside the claims, decided before anything is decrypted. */
export function sequenceRefusals(scene: Scene): void {
  const step = "sequence" as const;
  const refuse = (name: string, mutation: string, seq: number, code: "E_REPLAY" | "E_SEQ"): void =>
    scene.refuse(name, mutation, [code === "E_SEQ" ? "seq:gap" : "seq:replay"], scene.message({ seq }), [code, step]);
  refuse("replay", "the last committed number again", SEQ - 1, "E_REPLAY");
  refuse("replay-first", "the number 1 again", 1, "E_REPLAY");
  refuse("gap", "a number left out", SEQ + 1, "E_SEQ");
  refuse("seq-zero", "the number 0", 0, "E_SEQ");
  refuse("seq-max", "the number 2^53 - 1", MAX, "E_SEQ");
  const again = { last: SEQ };
  scene.refuse("committed", "the opener has committed it", ["seq:replay"], scene.message(), ["E_REPLAY", step], again);
  const before = { last: SEQ - 2 };
  scene.refuse(
    "dropped",
    "the message before it never arrived",
    ["seq:send", "seq:gap"],
    scene.message(),
    ["E_SEQ", step],
    before,
  );
  const changed = scene.send(
    withSegment(scene.text(), 3, (bytes) => flip(bytes)),
    { seq: SEQ - 1 },
  );
  const onText = scene.send(withSegment(scene.text(), 2, () => nonce(scene.channel.keys.iv, SEQ - 1)));
  const renumbered = scene.wire === "text" ? onText : changed;
  scene.refuse("renumbered-replay", "the number in front set to a committed one", ["seq:replay"], renumbered, [
    "E_REPLAY",
    step,
  ]);
  const ahead = scene.message({}, { iv: nonce(scene.channel.keys.iv, SEQ + 1) });
  if (scene.wire === "binary") {
    scene.refuse("nonce", "sealed with the nonce of the next number", ["aead:nonce", "level:verify"], ahead, CRYPTO);
  } else ivRefusals(scene);
}

function ivRefusals(scene: Scene): void {
  const { iv } = scene.channel.keys;
  const refuse = (name: string, mutation: string, value: Uint8Array): void =>
    scene.refuse(name, mutation, ["aead:iv"], scene.message({}, { iv: value }), ["E_IV", "sequence"]);
  const honest = nonce(iv, SEQ);
  refuse("iv-first-bit", "a bit of the first byte of the IV is set", flip(honest));
  refuse("iv-fourth-byte", "a bit of the fourth byte of the IV is set", flip(honest, 3));
  refuse("iv-2-53", "the IV of number 2^53", nonce(iv, 2n ** 53n));
  refuse("iv-2-64", "the IV of number 2^64 - 1", nonce(iv, 2n ** 64n - 1n));
  refuse(
    "iv-own",
    "the IV of the opener's own direction",
    nonce(KEYS[scene.options.from === "client" ? "server" : "client"].iv, SEQ),
  );
  refuse("iv-13", "an IV of 13 bytes", Buffer.concat([honest, Buffer.of(0)]));
  const short = scene.send(withSegment(scene.text(), 2, (bytes) => bytes.subarray(0, 11)));
  scene.refuse("iv-11", "an IV of 11 bytes", ["aead:iv"], short, ["E_IV", "sequence"]);
  const absent = scene.send(withSegment(scene.text(), 2, () => ""));
  scene.refuse("iv-empty", "no IV", ["aead:iv"], absent, ["E_IV", "sequence"]);
}

/** Every bit of the protected parts counts, and no shorter proof than the whole one does. */
export function cryptoRefusals(scene: Scene): void {
  if (scene.encrypted) gcmRefusals(scene);
  else signatureRefusals(scene);
}

function gcmRefusals(scene: Scene): void {
  const text = scene.text();
  const put = (
    name: string,
    mutation: string,
    index: number,
    change: (bytes: Buffer) => Uint8Array,
    tag = false,
  ): void => {
    const message = scene.send(withSegment(text, index, change));
    scene.refuse(name, mutation, [tag ? "aead:tag" : "level:verify"], message, CRYPTO);
  };
  put("flip-first", "a bit of the first byte of the ciphertext", 3, (bytes) => flip(bytes));
  put("flip-last", "a bit of the last byte of the ciphertext", 3, (bytes) => flip(bytes, -1));
  put("flip-tag", "a bit of the tag", 4, (bytes) => flip(bytes));
  put("ciphertext-short", "the last byte of the ciphertext left out", 3, (bytes) => bytes.subarray(0, -1));
  put("ciphertext-empty", "no ciphertext", 3, () => Buffer.alloc(0));
  put("tag-12", "a tag of 12 bytes", 4, (bytes) => bytes.subarray(0, 12), true);
  put("tag-15", "a tag of 15 bytes", 4, (bytes) => bytes.subarray(0, 15), true);
  put("tag-17", "a tag of 17 bytes", 4, (bytes) => Buffer.concat([bytes, Buffer.of(0)]), true);
  put("tag-empty", "no tag", 4, () => Buffer.alloc(0), true);
  const refuse = (name: string, mutation: string, faults: { header?: Content; key?: Uint8Array }): void => {
    const [header = ""] = text.split(".");
    const message = scene.send(withSegment(scene.text({}, faults), 0, () => header));
    scene.refuse(name, mutation, ["level:verify"], message, CRYPTO);
  };
  refuse("aad", "sealed with other additional data", {
    header: JSON.stringify(messageHeader(scene.channel)).replace(":", ": "),
  });
  refuse("aad-control", "sealed with the header of control messages as additional data", {
    header: controlHeader(scene.channel.keys),
  });
  refuse("own-key", "sealed with the key of the opener's direction", { key: scene.reverse.keys.key });
  refuse("mac-key", "sealed with the HMAC key of the direction", { key: scene.channel.keys.mac });
}

function signatureRefusals(scene: Scene): void {
  const text = scene.text();
  const put = (name: string, mutation: string, index: number, change: (bytes: Buffer) => Uint8Array): void =>
    scene.refuse(name, mutation, ["level:verify"], scene.send(withSegment(text, index, change)), CRYPTO);
  put("flip-first", "a bit of the first byte of the claims", 1, (bytes) => flip(bytes));
  put("flip-last", "a bit of the last byte of the claims", 1, (bytes) => flip(bytes, -1));
  put("flip-signature", "a bit of the signature", 2, (bytes) => flip(bytes));
  put("flip-signature-last", "the last bit of the signature", 2, (bytes) => flip(bytes, -1));
  put("signature-short", "the last byte of the signature left out", 2, (bytes) => bytes.subarray(0, -1));
  put("signature-half", "the first half of the signature", 2, (bytes) => bytes.subarray(0, bytes.length / 2));
  put("signature-long", "one more byte of signature", 2, (bytes) => Buffer.concat([bytes, Buffer.of(0)]));
  put("signature-empty", "no signature", 2, () => Buffer.alloc(0));
  put("signature-zero", "a signature of zeros", 2, (bytes) => Buffer.alloc(bytes.length));
  const by = (name: string, mutation: string, signer: Uint8Array | Jwk): void =>
    scene.refuse(name, mutation, ["level:verify"], scene.message({}, { signer }), CRYPTO);
  const { keys, signer } = scene.channel;
  if (signer === undefined) {
    by("own-key", "signed with the key of the opener's direction", scene.reverse.keys.mac);
    by("aead-key", "signed with the content key of the direction", keys.key);
    put("sha-512", "HMAC with SHA-512", 2, () => createHmac("sha512", keys.mac).update(inputOf(text)).digest());
    return;
  }
  by("other-signer", "signed by another key", scene.stranger);
  by("own-signer", "signed by the opener's key", scene.reverse.signer as Jwk);
  by("hmac", "HMAC with the public key as secret", unb64u(signer.x as string));
  if (signer.alg === "ES256") put("der", "the signature in DER", 2, der);
}

const inputOf = (compact: string): string => compact.slice(0, compact.lastIndexOf("."));

/** The signature as a SEQUENCE of two INTEGERs (RFC 3279 section 2.2.3). */
function der(signature: Buffer): Buffer {
  const integer = (half: Buffer): Buffer => {
    const value = (half[0] as number) & 0x80 ? Buffer.concat([Buffer.of(0), half]) : half;
    return Buffer.concat([Buffer.of(2, value.length), value]);
  };
  const body = Buffer.concat([integer(signature.subarray(0, 32)), integer(signature.subarray(32))]);
  return Buffer.concat([Buffer.of(0x30, body.length), body]);
}

const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** (r, n - s) verifies wherever (r, s) does: nothing may be keyed on a signature. */
export function twin(compact: string): string {
  return withSegment(compact, 2, (bytes) => {
    const s = ORDER - BigInt(`0x${bytes.subarray(32).toString("hex")}`);
    return Buffer.concat([bytes.subarray(0, 32), Buffer.from(s.toString(16).padStart(64, "0"), "hex")]);
  });
}

/** The JWS inside `nest`. */
export function innerRefusals(scene: Scene): void {
  const { channel } = scene;
  const honest = innerJws(channel, scene.claims());
  const refuse = (name: string, mutation: string, req: string, code: string, plaintext: Content): void =>
    scene.refuse(name, mutation, [req], scene.message({}, { plaintext }), [code, "inner"]);
  const shape = (name: string, mutation: string, plaintext: Content): void =>
    refuse(name, mutation, "level:nest-encoding", "E_MALFORMED", plaintext);
  shape("inner-json", "the claims without a signature", json(scene.claims()));
  shape("inner-empty", "nothing inside", "");
  shape("inner-two-segments", "the signature left out", inputOf(honest));
  shape("inner-four-segments", "one more segment inside", `${honest}.AA`);
  shape(
    "inner-no-header",
    "an empty header inside",
    withSegment(honest, 0, () => ""),
  );
  shape(
    "inner-jwe",
    "a JWE inside",
    jwe(messageHeader(channel), channel.keys.key, nonce(channel.keys.iv, SEQ), honest),
  );
  const segments = honest.split(".");
  const serialization = { protected: segments[0], payload: segments[1], signature: segments[2] };
  shape("inner-json-serialization", "the inner JWS in a JSON serialization", JSON.stringify(serialization));
  const b64 = (name: string, mutation: string, plaintext: Content): void =>
    refuse(name, mutation, "level:nest-encoding", "E_B64", plaintext);
  b64("inner-padding", "base64 padding inside", `${honest}=`);
  b64("inner-newline", "a line feed after the inner JWS", `${honest}\n`);
  b64("inner-pad-bits", "a pad bit of the inner signature is set", withSegment(honest, 2, padBits));
  b64("inner-not-ascii", "a byte above 127 inside", Buffer.concat([utf8(honest), Buffer.of(0xe9)]));
  innerCrypto(scene, honest, (name, mutation, plaintext) =>
    refuse(name, mutation, "level:nest-inner", "E_CRYPTO", plaintext),
  );
}

type Refuse = (name: string, mutation: string, plaintext: Content) => void;

function innerCrypto(scene: Scene, honest: string, refuse: Refuse): void {
  const { channel } = scene;
  const signer = channel.signer as Jwk;
  const claims = scene.claims();
  const header = innerHeader(channel);
  const under = (name: string, mutation: string, inner: Content): void =>
    refuse(name, mutation, innerJws(channel, claims, { inner }));
  under(
    "inner-member-order",
    "the members of the inner header in the opposite order",
    Object.fromEntries(Object.entries(header).reverse()),
  );
  under("inner-white-space", "a space in the inner header", JSON.stringify(header).replace(":", ": "));
  under("inner-kid", "another kid in the inner header", { ...header, kid: b64u(sha256(utf8("another key"))) });
  under("inner-typ", "typ of a standalone envelope inside", { ...header, typ: "sealwire-envi+jwt" });
  under("inner-typ-control", "typ of control messages inside", { ...header, typ: "sealwire-ctl+jwt" });
  under("inner-crit", "crit in the inner header", { ...header, crit: ["exp"] });
  under("inner-outer-header", "the outer header inside", messageHeader(channel));
  const none = withSegment(jws({ alg: "none", typ: "sealwire+jwt" }, json(claims), Buffer.alloc(32)), 2, () => "");
  refuse("inner-alg-none", "an unsecured JWS inside", none);
  const hs256 = { ...header, alg: "HS256" };
  refuse(
    "inner-hs256",
    "HS256 with the public key as secret inside",
    innerJws(channel, claims, { inner: hs256, signer: unb64u(signer.x as string) }),
  );
  refuse("inner-other-signer", "signed by another key inside", innerJws(channel, claims, { signer: scene.stranger }));
  refuse(
    "inner-own-signer",
    "signed by the opener's key inside",
    innerJws(channel, claims, { signer: scene.reverse.signer as Jwk }),
  );
  refuse(
    "inner-flip-header",
    "a bit of the inner header",
    withSegment(honest, 0, (bytes) => flip(bytes, 2)),
  );
  refuse(
    "inner-flip-payload",
    "a bit of the inner claims",
    withSegment(honest, 1, (bytes) => flip(bytes, -1)),
  );
  refuse(
    "inner-flip-signature",
    "a bit of the inner signature",
    withSegment(honest, 2, (bytes) => flip(bytes)),
  );
  refuse(
    "inner-signature-short",
    "the last byte of the inner signature left out",
    withSegment(honest, 2, (bytes) => bytes.subarray(0, -1)),
  );
  refuse(
    "inner-signature-empty",
    "no inner signature",
    withSegment(honest, 2, () => Buffer.alloc(0)),
  );
  const mac = jws(
    { alg: "HS256", kid: (messageHeader(channel) as { kid: string }).kid, typ: "sealwire+jwt" },
    json(claims),
    channel.keys.mac,
  );
  refuse("inner-mac", "a message of level mac inside", mac);
}
