// The text wire: segments, canonical base64url, opcode, size.
import { b64u, utf8 } from "../kit/bytes.ts";
import { cbor } from "../kit/cbor.ts";
import { binary } from "../kit/jose.ts";
import { Group, type Step } from "./file.ts";
import { CLAIMS, HELLO, JWE, JWS, jsonParts, jweParts, jwsParts, split } from "./framing-samples.ts";

const MALFORMED = ["E_MALFORMED", "encoding"] as const satisfies readonly [string, Step];
const B64 = ["E_B64", "encoding"] as const satisfies readonly [string, Step];

const text = (value: string): { message: { text: string } } => ({ message: { text: value } });
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

const JWS_NAMES = ["header", "payload", "signature"];
const JWE_NAMES = ["header", "key", "iv", "ciphertext", "tag"];

export function textWire(): Group {
  const group = new Group("framing/text", {
    level: "L0",
    section: "envelope.md#31-text-wire",
    op: "frame.decode",
    context: { wire: "text" },
  });
  accepted(group);
  refusedShapes(group);
  return group;
}

function accepted(group: Group): void {
  const segments = ["wire:segments"];
  group.accept("json", "bare JSON is form 0", segments, text(HELLO.toString()), jsonParts(HELLO));
  const wide = '{"aud":"bücher.example","é":"\u{1f512}"}';
  group.accept("json-utf8", "bare JSON beyond ASCII: its bytes are UTF-8", segments, text(wide), jsonParts(utf8(wide)));
  group.accept(
    "json-unparsed",
    "framing looks at the first character alone; the syntax of bare JSON is a matter of step claims",
    segments,
    text('{"typ":'),
    jsonParts(utf8('{"typ":')),
  );
  group.accept(
    "json-dots",
    "dots inside bare JSON separate nothing",
    segments,
    text('{"a":"b.c.d"}'),
    jsonParts(utf8('{"a":"b.c.d"}')),
  );
  group.accept("jws", "three segments are a JWS", segments, text(JWS), jwsParts(JWS));
  group.accept(
    "jwe",
    "five segments, the second empty, are a JWE",
    [...segments, "wire:encrypted-key"],
    text(JWE),
    jweParts(JWE),
  );
  const [header, , signature] = split(JWS) as [string, string, string];
  const noPayload = `${header}..${signature}`;
  group.accept(
    "jws-empty-payload",
    "only the first segment has to be there",
    segments,
    text(noPayload),
    jwsParts(noPayload),
  );
  const unsigned = `${header}.${b64u(CLAIMS)}.`;
  group.accept(
    "jws-empty-signature",
    "an empty signature is a matter of step crypto",
    segments,
    text(unsigned),
    jwsParts(unsigned),
  );
  const [aead, , iv, , tag] = split(JWE) as [string, string, string, string, string];
  const noText = `${aead}..${iv}..${tag}`;
  group.accept(
    "jwe-empty-ciphertext",
    "a JWE without plaintext has an empty fourth segment",
    segments,
    text(noText),
    jweParts(noText),
  );
  const shortTag = `${aead}..${iv}.AAAA.${b64u(Buffer.alloc(12, 7))}`;
  group.accept(
    "jwe-short-tag",
    "lengths of IV and tag are no matter of framing",
    segments,
    text(shortTag),
    jweParts(shortTag),
  );
  const noHeader = `${b64u(utf8("no header"))}.${b64u(CLAIMS)}.${signature}`;
  group.accept(
    "header-unparsed",
    "framing does not look into the header",
    segments,
    text(noHeader),
    jwsParts(noHeader),
  );
  for (const length of [1, 2, 3]) {
    const payload = Buffer.from([0xfb, 0xef, 0xff]).subarray(0, length);
    const compact = `${header}.${b64u(payload)}.${signature}`;
    group.accept(
      `alphabet-${length}`,
      `a segment of ${length} bytes, with - and _ of the alphabet`,
      ["b64:canonical", "b64:encode"],
      text(compact),
      jwsParts(compact),
    );
  }
}

function refusedShapes(group: Group): void {
  const req = ["wire:segments"];
  const refuse = (name: string, from: string, mutation: string, value: string): unknown =>
    group.refuse(name, from, mutation, req, text(value), MALFORMED);
  const [header, payload, signature] = split(JWS) as [string, string, string];
  refuse("empty", "json", "nothing at all", "");
  refuse("one-segment", "jws", "payload and signature removed", header);
  refuse("two-segments", "jws", "signature removed", `${header}.${payload}`);
  refuse("four-segments", "jws", "a dot appended", `${JWS}.`);
  refuse("four-of-jwe", "jwe", "tag removed", split(JWE).slice(0, 4).join("."));
  refuse("six-segments", "jwe", "a segment appended", `${JWE}.${signature}`);
  refuse("six-empty", "jwe", "a dot appended", `${JWE}.`);
  refuse("jws-empty-header", "jws", "header removed, its dot left", `.${payload}.${signature}`);
  refuse("jwe-empty-header", "jwe", "header removed, its dot left", JWE.slice(JWE.indexOf(".")));
  refuse("dots", "jwe", "nothing but the four dots", "....");
  refuse("json-array", "json", "an array in place of the object", `[${HELLO}]`);
  refuse("json-string", "json", "a string in place of the object", '"sealwire-err"');
  refuse("json-space", "json", "a space before the brace", ` ${HELLO}`);
  refuse("json-bom", "json", "a byte order mark before the brace", `\ufeff${HELLO}`);
  const key = split(JWE);
  key[1] = b64u(Buffer.alloc(40, 1));
  group.refuse("encrypted-key", "jwe", "an encrypted key", ["wire:encrypted-key"], text(key.join(".")), MALFORMED);
}

/** A JWS of which no segment is a multiple of four characters long. */
const SAMPLE = [utf8('{"alg":"HS256","kid":"k"}'), utf8('{"seq":1,"x":""}'), Buffer.alloc(32, 3)].map(b64u).join(".");

/** What other encoders write. */
const SPELLED = new Set(["padding", "pad-bits", "plus", "slash", "newline", "trailing-newline"]);

/** The spellings of bytes that are not the one spelling. */
export function base64url(): Group {
  const group = new Group("framing/base64url", {
    level: "L0",
    section: "conventions.md#3-base64url",
    op: "frame.decode",
    context: { wire: "text" },
  });
  group.accept("jws", "each of the three segments leaves pad bits", ["b64:canonical"], text(SAMPLE), jwsParts(SAMPLE));
  group.accept("jwe", "the same in a JWE", ["b64:canonical"], text(JWE), jweParts(JWE));

  const replaceFirst = (by: string) => (s: string) => `${by}${s.slice(1)}`;
  const insert = (by: string) => (s: string) => `${s.slice(0, 4)}${by}${s.slice(4)}`;
  const padded = (s: string): string => s.padEnd(s.length + 4 - (s.length % 4 || 4), "=");
  const padBits = (s: string): string => `${s.slice(0, -1)}${ALPHABET[ALPHABET.indexOf(s.at(-1) as string) + 1]}`;
  const defects: readonly (readonly [
    string,
    string,
    (s: string) => string,
    jws: readonly number[],
    jwe: readonly number[],
  ])[] = [
    ["padding", "padding appended", padded, [0, 1, 2], [4]],
    ["pad-bits", "the last pad bit set", padBits, [0, 1, 2], [4]],
    [
      "length",
      "characters removed until the length is impossible",
      (s) => s.slice(0, s.length - (((s.length % 4) + 3) % 4)),
      [0, 1, 2],
      [2, 3, 4],
    ],
    ["plus", "a + of plain base64", replaceFirst("+"), [1], [2]],
    ["slash", "a / of plain base64", replaceFirst("/"), [2], [3]],
    ["space", "a space inside", insert(" "), [0], [3]],
    ["newline", "a line break inside", insert("\n"), [1], [3]],
    ["trailing-newline", "a line break at the end", (s) => `${s}\n`, [2], [4]],
    ["leading-tab", "a tab at the start", (s) => `\t${s}`, [1], []],
    ["nul", "a NUL inside", insert("\u0000"), [2], []],
    ["star", "a character that no base64 knows", replaceFirst("*"), [0], [2]],
    ["percent", "a percent sign", insert("%"), [], [3]],
    ["non-ascii", "a letter beyond ASCII", replaceFirst("é"), [1], []],
    ["fullwidth", "a full-width letter, which some alphabets fold", replaceFirst("\uff21"), [], [4]],
  ];
  for (const [name, mutation, change, ofJws, ofJwe] of defects) {
    for (const [from, sample, names, indexes] of [
      ["jws", SAMPLE, JWS_NAMES, ofJws],
      ["jwe", JWE, JWE_NAMES, ofJwe],
    ] as const) {
      for (const index of indexes) {
        const segments = split(sample);
        const before = segments[index] as string;
        segments[index] = change(before);
        const part = names[index] as string;
        group.refuse(
          `${from}-${part}-${name}`,
          from,
          `${mutation}: ${part}`,
          SPELLED.has(name) ? ["b64:canonical", "b64:encode"] : ["b64:canonical"],
          text(segments.join(".")),
          B64,
        );
      }
    }
  }
  return group;
}

const BIG = ["E_TOO_BIG", "frame"] as const satisfies readonly [string, Step];

/** Opcode and size: what is looked at before anything else. */
export function frames(): Group {
  const group = new Group("framing/frame", { level: "L0", section: "envelope.md#33-both", op: "frame.decode" });
  const req = ["wire:opcode"];
  const bytes = cbor([0, HELLO]);
  const onText = group.accept(
    "text",
    "a text message on the text wire",
    req,
    { wire: "text", ...text(JWS) },
    jwsParts(JWS),
  );
  const onBinary = group.accept(
    "binary",
    "a binary message on the binary wire",
    req,
    { wire: "binary", message: binary(bytes) },
    jsonParts(HELLO),
  );
  const wrong = (name: string, from: string, mutation: string, input: object): unknown =>
    group.refuse(name, from, mutation, req, { ...input }, ["E_FRAME", "frame"]);
  wrong("binary-on-text", onText, "the same characters in a binary message", {
    wire: "text",
    message: binary(utf8(JWS)),
  });
  wrong("frame-on-text", onBinary, "the text wire", { wire: "text", message: binary(bytes) });
  wrong("text-on-binary", onText, "the binary wire", { wire: "binary", ...text(JWS) });
  wrong("empty-text-on-binary", onBinary, "an empty text message", { wire: "binary", ...text("") });

  const size = ["limit:message"];
  const json = '{"é":"é"}';
  const length = utf8(json).length;
  const sized = (maxBytes: number): object => ({ wire: "text", maxBytes, ...text(json) });
  const exact = group.accept(
    "text-exact",
    `${length} bytes of UTF-8, as many as admitted`,
    size,
    { ...sized(length) },
    jsonParts(utf8(json)),
  );
  group.refuse("text-over", exact, "one byte fewer admitted", size, { ...sized(length - 1) }, BIG);
  group.refuse(
    "text-characters",
    exact,
    "as many bytes admitted as the text has characters",
    size,
    { ...sized(json.length) },
    BIG,
  );
  const inBinary = (maxBytes: number, message = binary(bytes)): object => ({ wire: "binary", maxBytes, message });
  const fits = group.accept(
    "binary-exact",
    "as many bytes as admitted, the frame's own included",
    size,
    { ...inBinary(bytes.length) },
    jsonParts(HELLO),
  );
  group.refuse("binary-over", fits, "one byte fewer admitted", size, { ...inBinary(bytes.length - 1) }, BIG);
  group.refuse(
    "binary-payload",
    fits,
    "as many bytes admitted as the JSON has",
    size,
    { ...inBinary(HELLO.length) },
    BIG,
  );
  const late = [...size, "level:order"];
  group.refuse(
    "over-before-encoding",
    fits,
    "a trailing byte beyond the size: size comes first",
    late,
    { ...inBinary(bytes.length, binary(Buffer.concat([bytes, Buffer.of(0)]))) },
    BIG,
  );
  return group;
}
