// Key agreement, transcript and key schedule (specs/session.md, section 8; specs/lifecycle.md, sections 3 and 7).
import { b64u, hex, unb64u, unhex, utf8 } from "../kit/bytes.ts";
import type { Handshake, Suite } from "../kit/handshake.ts";
import { agree } from "../kit/jose.ts";
import { kdf, sid, th } from "../kit/kdf.ts";
import { type Jwk, wireJwk } from "../kit/keys.ts";
import { type Generator, Group, type Step } from "./file.ts";
import { Scene } from "./handshake-scene.ts";
import { continuations } from "./kdf-lifecycle.ts";
import { $key, jwkOf } from "./keys.ts";

const SECTION = "session.md#8-transcript-and-key-schedule";
type Transcript = { readonly m1: string; readonly m2: string; readonly p3: string };

/** Label, length, and whether the context is TH2. */
const SCHEDULE: readonly (readonly [string, number, "th2" | "th3"])[] = [
  ["c hs key", 32, "th2"],
  ["c hs iv", 12, "th2"],
  ["c hs kid", 16, "th2"],
  ["s hs key", 32, "th3"],
  ["s hs iv", 12, "th3"],
  ["s hs kid", 16, "th3"],
  ...["c", "s"].flatMap((side) =>
    (
      [
        ["key", 32],
        ["iv", 12],
        ["mac", 32],
        ["kid", 16],
      ] as const
    ).map(([name, length]) => [`${side} app ${name}`, length, "th3"] as const),
  ),
  ["chain", 32, "th3"],
  ["cb", 32, "th3"],
];

function derived(own: Jwk, peer: Jwk, { m1, m2, p3 }: Transcript): Record<string, unknown> {
  const z = agree(own, peer);
  const th2 = th("th2", utf8(m1), utf8(m2));
  const th3 = th("th3", th2, utf8(p3));
  const context = { th2, th3 };
  const labels = SCHEDULE.map(([label, length, ctx]) => [label, hex(kdf(z, th2, label, context[ctx], length))]);
  return { th2: hex(th2), th3: hex(th3), sid: sid(th2), labels: Object.fromEntries(labels) };
}

const transcriptOf = ({ ch, sh, p3 }: Handshake): Transcript => ({ m1: ch, m2: sh, p3 });

function transcripts(suite: Suite): readonly (readonly [name: string, comment: string, transcript: Transcript])[] {
  const bearer = new Scene({ role: "client", suite });
  const proof = new Scene({ role: "client", suite, proof: "Ed25519", identity: "ES256" });
  const cbor = new Scene({ role: "client", suite, wire: "binary", codec: "cbor", proof: "ES256", level: "nest" });
  const foreign = bearer.handshake({
    ch: { text: (text) => text.replace(/}$/, ', "näme": "Grüße, 世界, 😀"}') },
    ca: { plaintext: (p3) => p3.replace(/}$/, ',"note":"\u00e9\u6f22\\u00e9"}') },
  });
  return [
    ["bearer", "p3 is the JSON of a bearer CA", transcriptOf(bearer.handshake())],
    ["proof", "p3 is a compact JWS by Ed25519, SH one by ES256", transcriptOf(proof.handshake())],
    [
      "nest",
      "p3 is a compact JWS by ES256; the binary wire has the same transcript as the text wire",
      transcriptOf(cbor.handshake()),
    ],
    ["utf8", "characters of two, three and four bytes: lengths are lengths in bytes", transcriptOf(foreign)],
    [
      "boundary",
      "the same characters, divided otherwise between m1 and m2, are another transcript",
      { m1: "ab", m2: "c", p3: "" },
    ],
    ["boundary-moved", "see boundary", { m1: "a", m2: "bc", p3: "" }],
    ["empty", "three empty texts", { m1: "", m2: "", p3: "" }],
    ["long", "m1 of 4096 bytes, whose length has two bytes", { m1: "m".repeat(4096), m2: "x", p3: "y" }],
  ];
}

const KEY: readonly [string, Step] = ["E_KEY", "claims"];

/** What is refused is the received key; nothing else matters. */
function refusals(group: Group, suite: Suite, peer: Jwk): void {
  const short = { m1: "", m2: "", p3: "" };
  const refuse = (name: string, mutation: string, key: object, more: readonly string[] = []): unknown =>
    group.refuse(
      name,
      "empty",
      mutation,
      [suite === "p256" ? "key:p256-point" : "key:okp-point", ...more],
      { peer: key, ...short },
      KEY,
    );
  const { x, y } = peer as { readonly x: string; readonly y: string };
  const with33 = (text: string): string => b64u(Buffer.concat([Buffer.of(0), unb64u(text)]));
  if (suite === "p256") {
    const p = unhex(`ffffffff00000001${"0".repeat(24)}${"f".repeat(24)}`);
    const flipped = unb64u(y).fill((unb64u(y).at(-1) as number) ^ 1, 31);
    refuse("off-curve", "the lowest bit of y is flipped", { ...peer, y: b64u(flipped) });
    refuse("twist", "y is x", { ...peer, y: x });
    refuse("infinity", "x and y are zero", { ...peer, x: b64u(Buffer.alloc(32)), y: b64u(Buffer.alloc(32)) });
    refuse("x-is-p", "x is p", { ...peer, x: b64u(p) });
    refuse("y-is-p", "y is p", { ...peer, y: b64u(p) });
    refuse("all-ones", "x is 2^256 - 1", { ...peer, x: b64u(Buffer.alloc(32, 0xff)) });
    refuse("leading-zero", "x has a zero byte in front", { ...peer, x: with33(x) });
    refuse("y-short", "y lacks its last byte", { ...peer, y: b64u(unb64u(y).subarray(0, 31)) });
    refuse("padded", "x is padded", { ...peer, x: `${x}=` });
    refuse("x-empty", "x is empty", { ...peer, x: "" });
    return;
  }
  const SMALL = [
    ["zero", "0", "00".repeat(32)],
    ["one", "1", `01${"00".repeat(31)}`],
    ["order-8-a", "of order 8", "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"],
    ["order-8-b", "the other one of order 8", "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"],
    ["p-minus-1", "p - 1", `ec${"ff".repeat(30)}7f`],
    ["p", "p, another spelling of 0", `ed${"ff".repeat(30)}7f`],
    ["p-plus-1", "p + 1, another spelling of 1", `ee${"ff".repeat(30)}7f`],
  ] as const;
  for (const [name, what, text] of SMALL) {
    refuse(name, `x is ${what}`, { ...peer, x: b64u(unhex(text)) }, ["kdf:zero"]);
    const high = unhex(text);
    high[31] = (high[31] as number) | 0x80;
    refuse(`${name}-high-bit`, `x is ${what}, with the highest bit set`, { ...peer, x: b64u(high) }, ["kdf:zero"]);
  }
  refuse("x-short", "x has 31 bytes", { ...peer, x: b64u(unb64u(x).subarray(0, 31)) });
  refuse("x-long", "x has 33 bytes", { ...peer, x: with33(x) });
  refuse("pad-bits", "the last character of x has a pad bit", {
    ...peer,
    x: `${x.slice(0, -1)}${nextLetter(x.at(-1) as string)}`,
  });
}

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const nextLetter = (letter: string): string => LETTERS[LETTERS.indexOf(letter) + 1] as string;

function suiteGroup(suite: Suite): Group {
  const own = `client ephemeral ${suite}`;
  const peer = wireJwk(jwkOf(`server ephemeral ${suite}`));
  const context = { suite, own: $key(own), peer };
  const group = new Group(`kdf/${suite}`, { level: "L2", section: SECTION, op: "kdf.derive", context });
  for (const [name, comment, transcript] of transcripts(suite)) {
    group.accept(name, comment, ["kdf:schedule"], { ...transcript }, derived(jwkOf(own), peer, transcript));
    group.explain({ z: hex(agree(jwkOf(own), peer)) });
  }
  const hello = transcripts(suite)[0]?.[2] as Transcript;
  const server = jwkOf(`server ephemeral ${suite}`);
  const mirror = { own: $key(`server ephemeral ${suite}`), peer: wireJwk(jwkOf(own)) };
  group.accept(
    "server",
    "the server derives what the client does",
    ["kdf:schedule"],
    { ...mirror, ...hello },
    derived(server, mirror.peer, hello),
  );
  if (suite === "x25519") {
    const high = unb64u(peer.x as string);
    high[31] = (high[31] as number) | 0x80;
    const spelled = { ...peer, x: b64u(high) };
    group.accept(
      "high-bit",
      "the highest bit of a good x is ignored in key agreement",
      ["kdf:schedule"],
      { peer: spelled, ...hello },
      derived(jwkOf(own), spelled, hello),
    );
  }
  refusals(group, suite, peer);
  return group;
}

export const generate: Generator = () =>
  (["p256", "x25519"] as const).flatMap((suite) => [suiteGroup(suite), ...continuations(suite)]);
