// The table of claims: presence, type and range of each, at every level and in both codecs.

import {
  AUD,
  BND,
  type Codec,
  EXP,
  ISS,
  isSigned,
  item,
  JTI,
  type Level,
  MAX,
  type Members,
  Sheet,
} from "./claims-sheet.ts";
import type { Group } from "./file.ts";
import { CLOCK } from "./file.ts";

const TABLE = ["claims:table"];
const SECTION = "envelope.md#5-claims";

export const tables = (): readonly Group[] =>
  (["json", "cbor"] as const).flatMap((codec) =>
    (["mac", "aead", "sig", "nest"] as const).map((level) => table(codec, level)),
  );

function table(codec: Codec, level: Level): Group {
  const sheet = new Sheet(`table-${codec}-${level}`, SECTION, codec, level);
  const bound = isSigned(level) ? { iss: ISS, aud: AUD, bnd: BND, iat: CLOCK } : {};
  sheet.accept(
    "plain",
    `honest claims at ${level}`,
    [...TABLE, "claims:order"],
    {},
    { ...bound, seq: 1, exp: EXP, items: [item("hello")] },
  );
  presence(sheet, level);
  if (level === "aead") {
    accepted(sheet);
    numbers(sheet);
    texts(sheet);
  }
  if (level === "sig") identities(sheet);
  return sheet.group;
}

function presence(sheet: Sheet, level: Level): void {
  const missing = (name: string): void =>
    sheet.refuse(`no-${name}`, "plain", `${name} left out`, TABLE, { [name]: undefined });
  const added = (name: string, value: unknown): void =>
    sheet.refuse(`with-${name}`, "plain", `${name} added`, TABLE, { [name]: value });
  for (const name of ["seq", "exp", "top"]) missing(name);
  sheet.accept(
    "jti",
    "a message that may be sent again",
    TABLE,
    { jti: JTI, iat: CLOCK },
    { seq: 1, jti: JTI, iat: CLOCK, items: [item("hello")] },
  );
  const again = (name: string, mutation: string, change: Members): void =>
    sheet.refuse(`jti-${name}`, "jti", mutation, TABLE, change);
  again("number", "jti: 7", { jti: 7 });
  again("beside-req", "req beside jti", { req: true });
  again("beside-ref", "ref beside jti", { ref: 7 });
  again("beside-ref-pair", "a pair as ref beside jti", { ref: [7, 0] });
  again("beside-bat", "bat beside jti", { top: undefined, dat: undefined, bat: [["chat.say", null, "hello"]] });
  if (!isSigned(level)) sheet.refuse("jti-no-iat", "jti", "iat left out", ["idem:iat"], { iat: undefined });
  if (level === "aead") {
    for (const [name, jti] of [
      ["short", JTI.slice(1)],
      ["long", `${JTI}A`],
      ["padding", `${JTI}==`],
      ["pad-bits", `${JTI.slice(0, -1)}B`],
      ["plus", `+${JTI.slice(1)}`],
      ["empty", ""],
      ["null", null],
      ["array", [JTI]],
    ] as const) {
      again(name, `jti: ${JSON.stringify(jti)}`, { jti });
    }
  }
  added("rcv", 0);
  if (isSigned(level)) {
    for (const name of ["iss", "aud", "bnd", "iat"]) missing(name);
  } else {
    added("iss", ISS);
    added("aud", AUD);
    added("bnd", BND);
  }
  if (level === "mac" || level === "sig") added("pad", "....");
  else {
    sheet.accept(
      "pad",
      "pad hides the length and is ignored",
      TABLE,
      { pad: "...." },
      { seq: 1, items: [item("hello")] },
    );
    sheet.refuse("pad-number", "pad", "pad as a number", TABLE, { pad: 4 });
    sheet.refuse("pad-null", "pad", "pad null", TABLE, { pad: null });
  }
}

function accepted(sheet: Sheet): void {
  const one = (data: unknown): Members => ({ items: [item(data)] });
  sheet.accept("iat", "iat is optional here", TABLE, { iat: CLOCK }, { seq: 1, iat: CLOCK, exp: EXP });
  sheet.accept("iat-is-exp", "a life of no length", ["time:exp-before-iat"], { iat: EXP }, { iat: EXP, exp: EXP });
  sheet.accept("exp-0", "syntax only: time is a later step", TABLE, { exp: 0 }, { exp: 0 });
  sheet.accept("seq-max", "2^53-1", TABLE, { seq: MAX }, { seq: MAX });
  sheet.accept("no-data", "neither dat nor bin: the data is null", ["claims:no-data"], { dat: undefined }, one(null));
  sheet.accept(
    "top-alphabet",
    "every kind of character of a topic",
    TABLE,
    { top: "AZaz09._:/-" },
    { items: [item("hello", "AZaz09._:/-")] },
  );
  sheet.accept("top-one", "a topic of one character", TABLE, { top: "-" }, { items: [item("hello", "-")] });
  const data: readonly (readonly [string, unknown])[] = [
    ["null", null],
    ["false", false],
    ["zero", 0],
    ["negative", -MAX],
    ["fraction", 0.1],
    ["empty-text", ""],
    ["text", "grüße \u{1f512} \u0000\u2028\ufeff"],
    ["array", [1, [2, []], { a: null }]],
    ["object", { "": 0, top: "x", seq: 9, constructor: 1, prototype: 2, toString: 3 }],
  ];
  for (const [name, value] of data)
    sheet.accept(`dat-${name}`, `data: ${name}`, ["claims:data"], { dat: value }, one(value));
  const unknown = { sub: "x", nbf: "later", x: [{ y: { z: [] } }] };
  sheet.accept(
    "unknown",
    "claims that the table does not name are ignored, whatever their type",
    ["claims:unknown"],
    unknown,
    one("hello"),
  );
  sheet.accept(
    "req",
    "a request",
    ["req:ref-shape"],
    { req: true },
    { items: [item("hello", "chat.say", null, true)] },
  );
  for (const [name, ref] of [
    ["ref", 7],
    ["ref-max", MAX],
    ["ref-pair", [7, 0]],
    ["ref-pair-255", [7, 255]],
  ] as const) {
    sheet.accept(name, "a reply", ["req:ref-shape"], { ref }, { items: [item("hello", "chat.say", ref)] });
  }
}

function numbers(sheet: Sheet): void {
  const kinds: readonly (readonly [string, unknown])[] = [
    ["negative", -1],
    ["text", "1"],
    ["null", null],
    ["fraction", 1.5],
    ["array", [1]],
    ["true", true],
  ];
  for (const [claim, from] of [
    ["seq", "plain"],
    ["exp", "plain"],
    ["iat", "iat"],
    ["ref", "ref"],
  ] as const) {
    const req = claim === "ref" ? ["req:ref-shape"] : TABLE;
    for (const [kind, value] of kinds)
      sheet.refuse(`${claim}-${kind}`, from, `${claim}: ${JSON.stringify(value)}`, req, { [claim]: value });
  }
  sheet.refuse("seq-0", "plain", "seq 0", TABLE, { seq: 0 });
  sheet.refuse("iat-after-exp", "iat-is-exp", "iat one second after exp", ["time:exp-before-iat"], { iat: EXP + 1 });
  const refs: readonly (readonly [string, unknown])[] = [
    ["0", 0],
    ["object", { seq: 7 }],
    ["empty", []],
    ["three", [7, 0, 0]],
    ["pair-0", [0, 0]],
    ["pair-256", [7, 256]],
    ["pair-negative", [7, -1]],
    ["pair-text", [7, "0"]],
    ["pair-null", [7, null]],
    ["pair-nested", [[7], 0]],
    ["pair-fraction", [7, 0.5]],
  ];
  for (const [name, ref] of refs)
    sheet.refuse(`ref-${name}`, "ref-pair", `ref: ${JSON.stringify(ref)}`, ["req:ref-shape"], { ref });
  for (const req of [false, null, 1, "true"]) {
    sheet.refuse(`req-${req}`, "req", `req: ${JSON.stringify(req)}`, TABLE, { req });
  }
  sheet.refuse("req-and-ref", "req", "a ref beside req", ["req:ref-shape"], { ref: 7 });
  sheet.refuse("ref-and-req", "ref-pair", "req beside a pair as ref", ["req:ref-shape"], { req: true });
}

function texts(sheet: Sheet): void {
  const topics: readonly (readonly [string, unknown])[] = [
    ["empty", ""],
    ["space", "chat say"],
    ["trailing-newline", "chat.say\n"],
    ["umlaut", "chat.säy"],
    ["hash", "chat#say"],
    ["nul", "chat\u0000say"],
    ["kelvin", "chat.\u212ay"],
    ["number", 7],
    ["null", null],
    ["array", ["chat.say"]],
  ];
  for (const [name, top] of topics) sheet.refuse(`top-${name}`, "plain", `top: ${JSON.stringify(top)}`, TABLE, { top });
  const names = (name: string, mutation: string, change: Members): void =>
    sheet.refuse(name, "plain", mutation, ["claims:proto"], change);
  names("constructor", "a claim named constructor", { constructor: 1 });
  names("prototype", "a claim named prototype", { prototype: null });
  names("proto", "a claim named __proto__", own("__proto__", { top: "x" }));
  names("proto-in-dat", "a member __proto__ in the data", { dat: [own("__proto__", 1)] });
  names("proto-in-unknown", "a member __proto__ in an unknown claim", { x: { y: own("__proto__", null) } });
}

/** With the name as a member of its own, which a literal would not give. */
const own = (name: string, value: unknown): Members => Object.fromEntries([[name, value]]);

/** What only signed claims have. */
function identities(sheet: Sheet): void {
  const printable = Array.from({ length: 0x7e - 0x20 }, (_, i) => String.fromCharCode(0x21 + i)).join("");
  sheet.accept("identifier", "every character of an identifier", TABLE, { iss: printable }, { iss: printable });
  sheet.accept("identifier-one", "an identifier of one character", TABLE, { aud: "~" }, { aud: "~" });
  const values: readonly (readonly [string, unknown])[] = [
    ["empty", ""],
    ["space", "chat example"],
    ["umlaut", "chät.example"],
    ["del", "chat.example\u007f"],
    ["newline", "chat.example\n"],
    ["number", 7],
    ["null", null],
    ["array", ["chat.example"]],
  ];
  for (const claim of ["iss", "aud"]) {
    for (const [name, value] of values) {
      sheet.refuse(`${claim}-${name}`, "plain", `${claim}: ${JSON.stringify(value)}`, TABLE, { [claim]: value });
    }
  }
  const last = BND.at(-1) as string;
  const keyIds: readonly (readonly [string, unknown])[] = [
    ["short", BND.slice(0, -1)],
    ["long", `${BND}A`],
    ["padding", `${BND}==`],
    ["pad-bits", `${BND.slice(0, -1)}${String.fromCharCode(last.charCodeAt(0) + 1)}`],
    ["plus", `+${BND.slice(1)}`],
    ["empty", ""],
    ["number", 7],
    ["null", null],
  ];
  for (const [name, bnd] of keyIds) {
    sheet.refuse(`bnd-${name}`, "plain", `bnd: ${JSON.stringify(bnd)}`, [...TABLE, "b64:member"], { bnd });
  }
  sheet.refuse("iat-null", "plain", "iat null", TABLE, { iat: null });
  sheet.refuse("iat-fraction", "plain", "iat with half a second", TABLE, { iat: CLOCK + 0.5 });
  sheet.refuse("iat-after-exp", "plain", "iat after exp", ["time:exp-before-iat"], { iat: EXP + 1 });
}
