// Sealing: byte for byte where the bytes are determined, else what another opener makes of them. Long runs with one digest.
import { createHash, createPrivateKey, sign } from "node:crypto";
import { b64u, hex, json, sha256, unhex, utf8 } from "../kit/bytes.ts";
import { jwe, type Message, nonce, short } from "../kit/jose.ts";
import { type Jwk, wireJwk } from "../kit/keys.ts";
import { applicationMessage, type Channel, encodeClaims, innerHeader, keyId, messageHeader } from "../kit/messages.ts";
import { CLOCK, Group, type Vector } from "./file.ts";
import { $key, jwkOf } from "./keys.ts";
import {
  asData,
  channelOf,
  keysAsHex,
  labelOf,
  openerContext,
  Scene,
  type SceneOptions,
  SEQ,
  STATE,
} from "./message-scene.ts";

type Values = Record<string, unknown>;
export const SECTION = "envelope.md#8-levels-and-sealing";

const SCENES: readonly SceneOptions[] = [
  { wire: "text", level: "mac", codec: "json", from: "client" },
  { wire: "binary", level: "mac", codec: "cbor", from: "server" },
  { wire: "text", level: "aead", codec: "json", from: "server" },
  { wire: "text", level: "aead", codec: "cbor", from: "client" },
  { wire: "binary", level: "aead", codec: "json", from: "client" },
  { wire: "binary", level: "aead", codec: "cbor", from: "client" },
  { wire: "text", level: "sig", codec: "json", alg: "Ed25519", from: "client" },
  { wire: "binary", level: "sig", codec: "cbor", alg: "Ed25519", from: "server" },
  { wire: "text", level: "nest", codec: "cbor", alg: "Ed25519", from: "server" },
  { wire: "binary", level: "nest", codec: "json", alg: "Ed25519", from: "client" },
  { wire: "text", level: "sig", codec: "json", alg: "ES256", from: "server" },
  { wire: "binary", level: "nest", codec: "cbor", alg: "ES256", from: "client" },
];

/** What the sealer knows: `self` is its own identity, the `iss` of its claims. */
export function sealerContext(options: SceneOptions): Values {
  const { wire, level, codec, alg, from } = options;
  const { iss, aud, keys } = channelOf(options);
  const signed = alg ? { signer: $key(labelOf(from, alg)), self: iss, peer: aud } : {};
  return { wire, level, codec, keys: keysAsHex(keys), ...signed };
}

const idOf = ({ level, wire, codec, alg }: SceneOptions): string =>
  [level, wire, codec, ...(alg ? [alg.toLowerCase()] : [])].join("-");

/** Application messages by their claims; `data` in place of `dat` and `bin`. */
const MESSAGES: readonly (readonly [name: string, comment: string, req: string, over: Values])[] = [
  ["object", "an object", "header:exact", { dat: { n: [0, -1, 1.5], t: true, text: "hällo, 世界 🌍", z: null } }],
  ["null", "null as data", "claims:data", { dat: null }],
  ["bytes", "bytes as data", "claims:data", { dat: unhex("00ff10") }],
  ["request", "a request", "claims:order", { req: true, dat: "now?" }],
  ["reply", "a reply", "req:reply", { ref: 3, dat: [] }],
  ["reply-item", "a reply to an item of a batch", "req:reply", { ref: [3, 7], dat: 1 }],
  [
    "jti",
    "a message that may be sent again in another session",
    "idem:same",
    { jti: "AAAAAAAAAAAAAAAAAAAAAA", iat: CLOCK - 1 },
  ],
  ["seq-65536", "a sequence number in four bytes", "aead:nonce", { seq: 65536 }],
];

function sealGroup(options: SceneOptions): Group {
  const scene = new Scene("unused", SECTION, options);
  const context = sealerContext(options);
  const group = new Group(`message/seal-${idOf(options)}`, {
    level: "L1",
    section: SECTION,
    op: "message.seal",
    context,
  });
  for (const [name, comment, req, over] of MESSAGES) {
    const { seq, jti, iat, exp, top, ref, req: asked, dat } = scene.claims(over);
    const bytes = dat instanceof Uint8Array;
    if (options.codec === "cbor" && name === "object") continue;
    const sealed = bytes && options.codec === "json" ? { ...over, dat: undefined, bin: b64u(dat) } : over;
    const input = {
      seq,
      ...(jti === undefined ? {} : { jti }),
      ...(iat === undefined ? {} : { iat }),
      exp,
      top,
      ...(ref ? { ref } : {}),
      ...(asked ? { req: asked } : {}),
      data: asData(dat),
    };
    if (options.alg === "ES256") group.accept(name, comment, [req], input, {}, openAgain(scene, sealed));
    else group.accept(name, comment, [req], input, { message: scene.message(sealed) });
  }
  if (options.codec === "cbor") cborData(group, scene);
  else {
    const { seq, iat, exp, top } = scene.claims();
    const input = {
      seq,
      ...(iat === undefined ? {} : { iat }),
      exp,
      top,
      data: JSON.parse('{"a":{"__proto__":1}}') as unknown,
    };
    group.refuse("proto", "object", "a member named __proto__ in the data", ["claims:data-model"], input, [
      "TypeError",
      "local",
    ]);
  }
  controls(group, scene);
  return group;
}

/** In codec cbor integral numbers are integers, and nothing beyond 53 bits is one. */
function cborData(group: Group, scene: Scene): void {
  const { seq, iat, exp, top } = scene.claims();
  const input = (data: unknown): Values => ({ seq, ...(iat === undefined ? {} : { iat }), exp, top, data });
  const numbers = { n: [0, 23, 24, 255, 256, 65535, 65536, 4294967295, -1, -24, -25, 1.5, -0.1], text: "hällo" };
  if (scene.options.alg !== "ES256") {
    const message = scene.message({ dat: numbers });
    group.accept("numbers", "numbers of every width", ["claims:data-model"], input(numbers), { message });
  }
  // From 2^32 on a sealer may write floating point inside dat (cbor:dat-relaxed), so the bytes are not determined.
  const large = { n: [4294967296, Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER] };
  group.accept(
    "large",
    "integers beyond 32 bits",
    ["claims:data-model"],
    input(large),
    {},
    openAgain(scene, { dat: large }),
  );
  group.refuse("integer-2-53", "large", "the integer 2^53", ["claims:data-model"], input({ n: 2 ** 53 }), [
    "TypeError",
    "local",
  ]);
}

/** Where the bytes are not determined: what an opener makes of them. */
export function openAgain(scene: Scene, over: Values): Vector["then"] {
  const { jws: _, ...opened } = scene.opened(over);
  const last = (scene.claims(over).seq as number) - 1;
  const input = { ...openerContext(scene.options), ...STATE, last };
  return { op: "message.open", input, result: { ok: true, ...opened } };
}

function controls(group: Group, scene: Scene): void {
  const one = (name: string, control: Values): void => {
    const message = scene.control({ seq: SEQ, ...control });
    group.accept(
      `control-${name}`,
      `control ${name}`,
      ["header:exact", "ctl:rcv-send"],
      { seq: SEQ, control },
      { message },
    );
  };
  one("ping", { top: "ping", rcv: 0 });
  one("pong", { top: "pong", ref: 6, rcv: 4 });
  one("err", { top: "err", code: "E_NO_HANDLER", ref: [3, 1], rcv: 4 });
  const epk = wireJwk(jwkOf("client ephemeral p256"));
  one("rekeyed", { top: "rekeyed", n: 2, epk, ref: 4, rcv: 4 });
  one("auth", { top: "auth", at: "a.b.c", rcv: 4 });
  one("auth-ok", { top: "auth-ok", ref: 4, exp: CLOCK + 60, scp: ["chat.say"], rcv: 4 });
  one("void", { top: "void" });
  one("bye", { top: "bye", code: "expired", rcv: Number.MAX_SAFE_INTEGER });
}

const RUNS: readonly SceneOptions[] = [
  { wire: "text", level: "mac", codec: "json", from: "client" },
  { wire: "binary", level: "sig", codec: "cbor", alg: "Ed25519", from: "server" },
  { wire: "binary", level: "aead", codec: "cbor", from: "server" },
  { wire: "text", level: "nest", codec: "json", alg: "Ed25519", from: "client" },
];
const COUNT = 10000;

/** Ten thousand messages: what goes wrong only at some length, number or carry shows in the digest. */
function accumulated(): Group {
  const group = new Group("message/accumulate", { level: "L1", section: SECTION, op: "message.accumulate" });
  for (const options of RUNS) {
    const signed = options.alg ? { peerKey: openerContext(options).peerKey } : {};
    const seed = `sealwire ${options.level}`;
    const input = { ...sealerContext(options), ...signed, clock: CLOCK, seed, count: COUNT };
    const comment = `${COUNT} messages, codec ${options.codec}, ${options.wire} wire`;
    group.accept(options.level, comment, ["seq:send", "aead:nonce", "header:exact"], input, {
      digest: digest(options, seed),
    });
  }
  return group;
}

function digest(options: SceneOptions, seed: string): string {
  const channel = channelOf(options);
  const { iss, aud, keys, level } = channel;
  const bound = level === "sig" || level === "nest" ? { iss, aud, bnd: keyId(keys) } : {};
  const iat = options.alg ? { iat: CLOCK } : {};
  const seal = options.alg ? fastSigned(channel) : (claims: Values) => applicationMessage(channel, claims);
  const hash = createHash("sha256");
  for (let i = 1; i <= COUNT; i++) {
    const x = hex(sha256(utf8(`${seed}${i}`)));
    const message = seal({ ...bound, seq: i, ...iat, exp: CLOCK + 60, top: "acc", dat: { i, x } });
    hash.update("text" in message ? utf8(message.text) : unhex(message.binary));
  }
  return hash.digest("hex");
}

/** As `applicationMessage` for Ed25519, with the key imported once. */
function fastSigned(channel: Channel): (claims: Values) => Message {
  const { wire, level, codec, keys, signer } = channel;
  const key = createPrivateKey({ key: { ...(signer as Jwk) }, format: "jwk" });
  const header = b64u(json(innerHeader(channel)));
  return (claims) => {
    const seq = claims.seq as number;
    const input = `${header}.${b64u(encodeClaims(codec, claims))}`;
    const jws = `${input}.${b64u(sign(null, utf8(input), key))}`;
    const text = level === "sig" ? jws : jwe(messageHeader(channel), keys.key, nonce(keys.iv, seq), jws);
    return short(wire, text, 0, seq);
  };
}

export const sealGroups = (): Group[] => [...SCENES.map(sealGroup), accumulated()];
