// Writing the claims of a batch: what a sealer that batches seals, and what it cannot have in one.
import { hex, json } from "../kit/bytes.ts";
import { cbor } from "../kit/cbor.ts";
import { AUD, BND, type Codec, EXP, ISS, isSigned, JTI, type Level, type Members } from "./claims-sheet.ts";
import { CLOCK, Group } from "./file.ts";

type Item = readonly unknown[];
type Values = Record<string, unknown>;

const SECTION = "envelope.md#7-requests-replies-batches";
const WRITES = ["claims:order", "batch:shape"];
const SHAPE = ["batch:shape"];
const MODEL = ["claims:data-model"];
const ALONE = ["batch:alone"];
/** At which the reference implementation closes a batch. */
export const CLOSES: Readonly<Record<"items" | "bytes", number>> = { items: 64, bytes: 16384 };

export const TWO: readonly Item[] = [
  ["chat.say", null, { text: "hello" }],
  ["chat.say", null, "there"],
];
/** Every shape that an item has. */
export const KINDS: readonly Item[] = [
  ["chat.say", null, { n: [0, -1, 1.5], t: true, z: null }],
  ["chat.ask", null, "now?", true],
  ["chat.ask", 3, null],
  ["a", [3, 255], ["b", null, "x"]],
];
export const full = (items: number): readonly Item[] => Array.from({ length: items }, (_, i) => ["a", null, i]);

const asInput = (items: readonly Item[]): readonly Item[] =>
  items.map((item) => item.map((value) => (value instanceof Uint8Array ? { $bytes: hex(value) } : value)));

/** Containers around a value. */
export function nested(depth: number): unknown {
  let value: unknown = 0;
  for (let i = 0; i < depth; i++) value = [value];
  return value;
}

/** The claims beside `bat`, in the order of the table. */
function common(level: Level, { seq = 1, iat }: { seq?: number; iat?: number } = {}): Members {
  const issued = iat ?? (isSigned(level) ? CLOCK : undefined);
  const signed = isSigned(level) ? { iss: ISS, aud: AUD, bnd: BND } : {};
  return { ...signed, seq, ...(issued === undefined ? {} : { iat: issued }), exp: EXP };
}

const encode = (codec: Codec, claims: Members): Uint8Array => (codec === "json" ? json(claims) : cbor(claims));

/** A batch whose claims have exactly so many bytes: a run of one character makes them up. Input and result, both short. */
function filled(codec: Codec, level: Level, bytes: number): { readonly bat: unknown; readonly bytes: unknown } {
  const claims = (data: unknown): Members => ({ ...common(level), bat: [TWO[0], ["chat.say", null, data]] });
  const size = (n: number): number => encode(codec, claims("x".repeat(n))).length;
  let n = bytes - size(0);
  while (size(n) > bytes) n--;
  if (size(n) !== bytes) throw new Error(`no batch of ${bytes} bytes`);
  const [prefix, suffix] = hex(encode(codec, claims("x".repeat(n)))).split("78".repeat(n)) as [string, string];
  return {
    bat: claims({ $text: { repeat: "x", n } }).bat,
    bytes: { $hex: { prefix, repeat: "78", n, ...(suffix === "" ? {} : { suffix }) } },
  };
}

function written(codec: Codec): Group {
  const group = new Group(`claims/write-batch-${codec}`, {
    level: "L1",
    section: SECTION,
    op: "claims.write",
    context: { kind: "application", codec },
  });
  const accept = (
    name: string,
    comment: string,
    bat: readonly Item[],
    { level = "aead", req = WRITES, seq, iat }: { level?: Level; req?: string[]; seq?: number; iat?: number } = {},
  ): void => {
    const claims = common(level, { ...(seq === undefined ? {} : { seq }), ...(iat === undefined ? {} : { iat }) });
    const bytes = hex(encode(codec, { ...claims, bat }));
    group.accept(name, comment, req, { level, ...claims, bat: asInput(bat) }, { bytes });
  };
  for (const level of ["mac", "aead", "sig", "nest"] as const) {
    accept(level, `the smallest batch at ${level}: bat behind exp`, TWO, { level });
    accept(`${level}-kinds`, "one-way, request, reply to a message, reply to an item", KINDS, { level });
    const { bat, bytes } = filled(codec, level, CLOSES.bytes);
    const comment = "16384 bytes of claims, at which the reference implementation closes it";
    group.accept(`${level}-bytes`, comment, WRITES, { level, ...common(level), bat }, { bytes });
  }
  accept("iat", "iat before exp", TWO, { iat: CLOCK });
  accept("seq", "a number of four bytes", TWO, { seq: 65536 });
  for (const n of [23, 24, CLOSES.items, 255, 256]) accept(`items-${n}`, `${n} items`, full(n));
  const values: unknown[] = [null, false, "", "grüße \u{1f512}", [], {}, 0.1, -7, { constructor: 1, "": [null] }];
  accept(
    "values",
    "every kind of data",
    values.map((value) => ["a", null, value]),
    { req: [...WRITES, "claims:data"] },
  );
  const topic = "chat:/-._".padEnd(128, "x");
  accept("topic", "the longest topic", [TWO[0] as Item, [topic, null, 1]]);
  accept("deep", "data as deep as an item can have", [["a", null, nested(29)], TWO[1] as Item], { req: MODEL });
  if (codec === "cbor") {
    const bytes = [Buffer.of(0, 255, 16), Buffer.of()];
    accept(
      "bytes",
      "bytes, and no bytes",
      bytes.map((data) => ["a", null, data]),
    );
  }

  const refuse = (name: string, from: string, mutation: string, bat: unknown, req = SHAPE, over: Values = {}): void => {
    const input = { level: "aead", ...common("aead"), ...over, bat };
    group.refuse(name, from, mutation, req, input, ["TypeError", "local"]);
  };
  const [first, second] = TWO as [Item, Item];
  refuse("empty", "aead", "no item", []);
  refuse("items-257", "items-256", "one item more", full(257));
  refuse("jti", "iat", "jti beside bat", TWO, ALONE, { jti: JTI, iat: CLOCK });
  refuse("too-deep", "deep", "a container more", [["a", null, nested(30)], second], ALONE);
  if (codec === "json")
    refuse("bytes", "aead", "an item of bytes", [first, ["chat.say", null, { $bytes: "00" }]], ALONE);
  else refuse("integer-2-53", "aead", "an integer of 2^53", [first, ["chat.say", null, 2 ** 53]], MODEL);
  const proto = Object.fromEntries([["__proto__", 1]]);
  refuse("proto", "aead", "a member named __proto__", [first, ["chat.say", null, proto]], MODEL);
  refuse("topic-space", "aead", "a topic with a space", [["chat say", null, { text: "hello" }], second]);
  refuse("topic-long", "topic", "a topic of 129 characters", [first, [`${topic}x`, null, 1]]);
  refuse("item-two", "aead", "an item without data", [first, ["chat.say", null]]);
  refuse("flag-false", "aead", "a flag that is false", [first, [...second, false]]);
  refuse("request-with-ref", "aead", "a request with a ref", [first, ["chat.say", 3, "there", true]]);
  for (const [name, ref] of [
    ["zero", 0],
    ["index-256", [3, 256]],
  ] as const) {
    const req = ["batch:shape", "req:ref-shape"];
    refuse(`ref-${name}`, "aead", `a ref of ${JSON.stringify(ref)}`, [first, ["chat.say", ref, "there"]], req);
  }
  return group;
}

export const writingBatches = (): readonly Group[] => [written("json"), written("cbor")];
