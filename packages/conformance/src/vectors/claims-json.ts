// JSON as Sealwire reads it: what JSON.parse and its like let through.
import { type Bytes, hex, utf8 } from "../kit/bytes.ts";
import { CLAIMS, EXP, item, MAX } from "./claims-sheet.ts";
import { Group } from "./file.ts";

type Req = string | readonly string[];

const PLAIN = `{"seq":1,"exp":${EXP},"top":"chat.say","dat":"hello"}`;
const RESULT = { seq: 1, exp: EXP, items: [item("hello")] };
/** The honest claims with the data as JSON text. */
const dat = (text: string): string => PLAIN.replace('"hello"', text);
const bytes = (text: string | Bytes): { bytes: string } => ({
  bytes: hex(typeof text === "string" ? utf8(text) : text),
});
/** The honest claims with raw bytes inside the string of dat. */
const raw = (...inside: number[]): Buffer => {
  const [before, after] = PLAIN.split("hello") as [string, string];
  return Buffer.concat([utf8(before), Buffer.from(inside), utf8(after)]);
};

export function jsonText(): Group {
  const group = new Group("claims/json", {
    level: "L1",
    section: "conventions.md#4-json",
    op: "claims.read",
    context: { kind: "application", codec: "json", level: "aead" },
  });
  accepted(group);
  grammar(group);
  unicode(group);
  duplicates(group);
  numbers(group);
  return group;
}

function accepted(group: Group): void {
  const accept = (name: string, comment: string, req: string, text: string | Bytes, result: object = RESULT): unknown =>
    group.accept(name, comment, [req], bytes(text), { ...result });
  const one = (data: unknown): object => ({ items: [item(data)] });
  accept("plain", "honest claims", "json:text", PLAIN);
  accept(
    "white-space",
    "white space between tokens, all four kinds",
    "json:text",
    ` \t\r\n${PLAIN.replaceAll(":", " :\n").replaceAll(",", "\t,\r")}\n`,
  );
  accept(
    "order",
    "the order of members is nothing a receiver checks",
    "claims:order",
    `{"dat":"hello","top":"chat.say","exp":${EXP},"seq":1}`,
  );
  accept(
    "escaped-name",
    "a member name with an escape is the same name",
    "json:duplicate",
    PLAIN.replace('"seq"', '"\\u0073eq"'),
  );
  accept(
    "escapes",
    "every escape",
    "json:value",
    dat('"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00E9\\u00e9"'),
    one('"\\/\b\f\n\r\téé'),
  );
  accept("pair", "an escaped surrogate pair", "json:value", dat('"\\ud83d\\udd12"'), one("\u{1f512}"));
  accept("raw-pair", "four bytes of UTF-8", "json:value", dat('"\u{1f512}"'), one("\u{1f512}"));
  accept(
    "noncharacters",
    "noncharacters and a byte order mark inside a string",
    "json:value",
    dat('"\ufeff\ufffe\uffff"'),
    one("\ufeff\ufffe\uffff"),
  );
  accept("del", "DEL is no control character of JSON", "json:text", dat('"\u007f"'), one("\u007f"));
  accept(
    "names",
    "the same name in two objects, and names that differ in case",
    "json:duplicate",
    dat('{"a":{"a":1},"A":{"a":2}}'),
    one({ a: { a: 1 }, A: { a: 2 } }),
  );
  accept(
    "inner-names",
    "constructor and prototype below depth 1",
    "claims:proto",
    dat('{"constructor":{"prototype":1}}'),
    one({ constructor: { prototype: 1 } }),
  );
  accept(
    "inner-number-forms",
    "in dat a number is any JSON number",
    "json:integer",
    dat("[1.0,1e3,1E+2,10e-1,-1,0.5,5e-324]"),
    one([1, 1000, 100, 1, -1, 0.5, 5e-324]),
  );
  accept(
    "inner-rounded",
    "digits beyond 53 bits are lost",
    "json:integer",
    dat("[9007199254740993,0.1000000000000000055]"),
    one([2 ** 53, 0.1]),
  );
  accept("inner-underflow", "too small for binary64: zero, no overflow", "json:value", dat("1e-400"), one(0));
  accept("inner-greatest", "the greatest binary64", "json:value", dat("1.7976931348623157e308"), one(Number.MAX_VALUE));
  accept("unknown-number-forms", "in an unknown claim too", "claims:unknown", PLAIN.replace("{", '{"x":-1.0,'));
  accept("seq-16-digits", "sixteen digits", "json:integer", PLAIN.replace('"seq":1', `"seq":${MAX}`), { seq: MAX });
  accept("iat", "an integer as JSON writes it", "json:integer", PLAIN.replace('"seq":1,', '"seq":1,"iat":0,'), {
    iat: 0,
  });
  accept("ref", "an integer inside a pair", "json:integer", PLAIN.replace('"dat"', '"ref":[7,0],"dat"'), {
    items: [item("hello", "chat.say", [7, 0])],
  });
  accept("bat", "an integer inside an item", "json:integer", `{"seq":1,"exp":${EXP},"bat":[["a",[7,1],1.0]]}`, {
    items: [item(1, "a", [7, 1])],
  });
}

function grammar(group: Group): void {
  const refuse = (name: string, mutation: string, text: string | Bytes, from = "plain"): unknown =>
    group.refuse(name, from, mutation, ["json:text"], bytes(text), CLAIMS);
  refuse("empty", "nothing at all", "");
  refuse("only-space", "nothing but white space", " \n");
  refuse("array", "the object in an array", `[${PLAIN}]`);
  refuse("text", "the object in a string", JSON.stringify(PLAIN));
  refuse("null", "null in place of the object", "null");
  refuse("trailing", "a letter after the object", `${PLAIN}x`);
  refuse("trailing-nul", "a NUL after the object", `${PLAIN}\u0000`);
  refuse("trailing-brace", "a brace after the object", `${PLAIN}}`);
  refuse("second-object", "a second object after the first", `${PLAIN}\n${PLAIN}`);
  refuse("truncated", "the last brace removed", PLAIN.slice(0, -1));
  refuse("trailing-comma", "a comma before the last brace", PLAIN.replace(/}$/, ",}"));
  refuse("missing-comma", "a comma removed", PLAIN.replace(",", " "));
  refuse("missing-colon", "a colon removed", PLAIN.replace(":", " "));
  refuse("comment", "a comment", PLAIN.replace("{", "{/* */"));
  refuse("single-quotes", "a name in single quotes", PLAIN.replace('"seq"', "'seq'"));
  refuse("bare-name", "a name without quotes", PLAIN.replace('"seq"', "seq"));
  refuse("array-comma", "a comma at the end of an array", dat("[1,]"), "inner-number-forms");
  refuse("array-hole", "an empty place in an array", dat("[,1]"), "inner-number-forms");
  refuse("capital-true", "True", dat("True"));
  refuse("undefined", "undefined", dat("undefined"));
  refuse("nan", "NaN", dat("NaN"));
  refuse("infinity", "Infinity", dat("-Infinity"));
  for (const [name, number] of [
    ["leading-zero", "01"],
    ["plus", "+1"],
    ["point-first", ".5"],
    ["point-last", "5."],
    ["hex", "0x1f"],
    ["exponent", "1e"],
    ["separator", "1_000"],
    ["minus", "-"],
  ] as const)
    refuse(`number-${name}`, `the number ${number}`, dat(number), "inner-number-forms");
  for (const [name, character] of [
    ["form-feed", "\f"],
    ["nbsp", "\u00a0"],
    ["line-separator", "\u2028"],
    ["vertical-tab", "\v"],
  ] as const)
    refuse(`space-${name}`, `${name} as white space`, PLAIN.replace(":", `:${character}`), "white-space");
  refuse("raw-newline", "a line break inside a string", dat('"a\nb"'), "escapes");
  refuse("raw-tab", "a tab inside a string", dat('"a\tb"'), "escapes");
  refuse("raw-nul", "a NUL inside a string", dat('"a\u0000b"'), "escapes");
  refuse("raw-1f", "the last control character inside a string", dat('"a\u001fb"'), "escapes");
  refuse("escape-x", "the escape \\x41", dat('"\\x41"'), "escapes");
  refuse("escape-quote", "the escape \\'", dat('"\\\'"'), "escapes");
  refuse("escape-short", "an escape of three digits", dat('"\\u0e9"'), "escapes");
  refuse("escape-sign", "an escape whose digits have a sign", dat('"\\u+0e9"'), "escapes");
  refuse("escape-brace", "the escape of another language", dat('"\\u{e9}"'), "escapes");
}

function unicode(group: Group): void {
  const refuse = (name: string, mutation: string, req: Req, text: string | Bytes, from = "plain"): unknown =>
    group.refuse(name, from, mutation, [req].flat(), bytes(text), CLAIMS);
  refuse("bom", "a byte order mark before the text", "json:text", `\ufeff${PLAIN}`);
  refuse("bom-end", "a byte order mark after the text", "json:text", `${PLAIN}\ufeff`);
  refuse("utf16", "the text in UTF-16", "json:text", Buffer.from(PLAIN, "utf16le"));
  refuse("utf8-continuation", "a continuation byte alone", "json:text", raw(0x80), "raw-pair");
  refuse("utf8-truncated", "a character cut short", "json:text", raw(0xf0, 0x9f, 0x94), "raw-pair");
  refuse("utf8-overlong", "a slash in two bytes", "json:text", raw(0xc0, 0xaf), "raw-pair");
  refuse("utf8-overlong-nul", "a NUL in two bytes", "json:text", raw(0xc0, 0x80), "raw-pair");
  refuse("utf8-overlong-3", "a character of two bytes in three", "json:text", raw(0xe0, 0x82, 0xac), "raw-pair");
  refuse("utf8-surrogate", "a surrogate in three bytes", "json:text", raw(0xed, 0xa0, 0x80), "raw-pair");
  refuse(
    "utf8-pair",
    "a surrogate pair in six bytes",
    "json:text",
    raw(0xed, 0xa0, 0xbd, 0xed, 0xb4, 0x92),
    "raw-pair",
  );
  refuse("utf8-beyond", "a character beyond U+10FFFF", "json:text", raw(0xf4, 0x90, 0x80, 0x80), "raw-pair");
  refuse("utf8-ff", "a byte that UTF-8 does not have", "json:text", raw(0xff), "raw-pair");
  refuse("utf8-latin1", "a letter in Latin-1", "json:text", raw(0xe9), "raw-pair");
  const value = "json:value";
  refuse("lone-high", "the first half of a pair alone", value, dat('"\\ud83d"'), "pair");
  refuse("lone-low", "the second half of a pair alone", value, dat('"\\udd12"'), "pair");
  refuse("lone-reversed", "the halves of a pair exchanged", value, dat('"\\udd12\\ud83d"'), "pair");
  refuse("lone-between", "a letter between the halves", value, dat('"\\ud83dx\\udd12"'), "pair");
  refuse("lone-name", "half a pair in a member name of the data", value, dat('{"\\ud83d":1}'), "pair");
  refuse(
    "lone-unknown",
    "half a pair in an unknown claim",
    [value, "claims:unknown"],
    PLAIN.replace("{", '{"x":"\\udfff",'),
    "unknown-number-forms",
  );
  refuse("overflow", "a number beyond binary64", value, dat("1e309"), "inner-greatest");
  refuse("overflow-negative", "a number beyond binary64, negative", value, dat("[-1e400]"), "inner-greatest");
  refuse(
    "overflow-rounded",
    "a number that rounds to infinity",
    value,
    dat("1.7976931348623159e308"),
    "inner-greatest",
  );
  refuse(
    "overflow-unknown",
    "a number beyond binary64 in an unknown claim",
    [value, "claims:unknown"],
    PLAIN.replace("{", '{"x":1e400,'),
    "unknown-number-forms",
  );
}

function duplicates(group: Group): void {
  const refuse = (name: string, mutation: string, text: string, from = "plain", req: Req = "json:duplicate"): unknown =>
    group.refuse(name, from, mutation, [req].flat(), bytes(text), CLAIMS);
  refuse("twice-seq", "seq twice, with one value", PLAIN.replace("{", '{"seq":1,'));
  refuse("twice-top", "top twice, the last one wins in many parsers", PLAIN.replace(/}$/, ',"top":"admin.kick"}'));
  refuse(
    "twice-escaped",
    "top twice, once with an escape",
    PLAIN.replace(/}$/, ',"\\u0074op":"admin.kick"}'),
    "escaped-name",
  );
  refuse("twice-unknown", "an unknown claim twice", PLAIN.replace("{", '{"x":1,"x":2,'), "unknown-number-forms", [
    "json:duplicate",
    "claims:unknown",
  ]);
  refuse("twice-in-dat", "a member of the data twice", dat('{"a":{"a":1},"a":{"a":2}}'), "names");
  refuse("twice-deep", "a member twice at depth 4", dat('[[{"a":1,"a":1}]]'), "names");
  refuse("twice-in-dat-escaped", "a member of the data twice, once with an escape", dat('{"/":1,"\\/":2}'), "names");
  refuse("twice-empty", "the empty name twice", dat('{"":1,"":2}'), "names");
  refuse(
    "twice-in-bat",
    "a member twice in the data of an item",
    `{"seq":1,"exp":${EXP},"bat":[["a",[7,1],{"a":1,"a":1}]]}`,
    "bat",
  );
  refuse("proto-escaped", "__proto__ with an escape", dat('{"__pr\\u006fto__":1}'), "inner-names", "claims:proto");
  refuse(
    "constructor-escaped",
    "constructor as a claim, with an escape",
    PLAIN.replace("{", '{"c\\u006fnstructor":1,'),
    "plain",
    "claims:proto",
  );
}

/** Integers of the protocol in forms that a JSON parser takes for the same number. */
function numbers(group: Group): void {
  const forms: readonly (readonly [string, string])[] = [
    ["point", "1.0"],
    ["exponent", "1e0"],
    ["capital-exponent", "1E0"],
    ["negative-exponent", "10e-1"],
    ["minus-zero", "-0"],
    ["2-53", "9007199254740992"],
    ["2-53-1", "9007199254740993"],
    ["17-digits", "10000000000000000"],
  ];
  const refuse = (name: string, from: string, mutation: string, text: string): unknown =>
    group.refuse(name, from, mutation, ["json:integer"], bytes(text), CLAIMS);
  for (const [name, form] of forms) {
    refuse(`seq-${name}`, "plain", `seq as ${form}`, PLAIN.replace('"seq":1', `"seq":${form}`));
    refuse(`iat-${name}`, "iat", `iat as ${form}`, PLAIN.replace('"seq":1,', `"seq":1,"iat":${form},`));
  }
  refuse("exp-point", "plain", "exp with a fraction of zero", PLAIN.replace(`${EXP}`, `${EXP}.0`));
  refuse("exp-exponent", "plain", "exp with an exponent", PLAIN.replace(`${EXP}`, "1893456060e0"));
  refuse("exp-2-53", "plain", "exp 2^53", PLAIN.replace(`${EXP}`, "9007199254740992"));
  refuse("ref-point", "ref", "ref as 7.0", PLAIN.replace('"dat"', '"ref":7.0,"dat"'));
  refuse("ref-pair-point", "ref", "the number of a pair as 7.0", PLAIN.replace('"dat"', '"ref":[7.0,0],"dat"'));
  refuse("ref-index-minus-zero", "ref", "the index of a pair as -0", PLAIN.replace('"dat"', '"ref":[7,-0],"dat"'));
  refuse("ref-2-53", "ref", "ref 2^53", PLAIN.replace('"dat"', '"ref":9007199254740992,"dat"'));
  refuse(
    "bat-ref-point",
    "bat",
    "the number in the ref of an item as 7.0",
    `{"seq":1,"exp":${EXP},"bat":[["a",[7.0,1],1.0]]}`,
  );
  refuse("bat-ref-exponent", "bat", "the ref of an item as 7e0", `{"seq":1,"exp":${EXP},"bat":[["a",7e0,1.0]]}`);
}
