// Whole messages at their limit, and messages whose work must stay in proportion to their size.
import { hex } from "../kit/bytes.ts";
import { head } from "../kit/cbor.ts";
import { CLAIMS, type Codec, type Members } from "./claims-sheet.ts";
import { Group } from "./file.ts";
import { $hex, around, asHex, context, options } from "./limits-samples.ts";

const LIMIT = ["limit:claims"];
const MESSAGE = 1_048_576;

/** One WebSocket message at `limit messageBytes`. */
export function sizes(): Group {
  const group = new Group("limits/message", {
    level: "L0",
    section: "conventions.md#7-limits",
    op: "frame.decode",
    context: { maxBytes: MESSAGE },
  });
  const req = ["limit:message"];
  const json = (n: number): Members => ({
    wire: "text",
    message: { text: { $text: { prefix: "{", repeat: " ", n: n - 2, suffix: "}" } } },
  });
  const heading = Buffer.concat([Buffer.of(0x82, 0), head(2, MESSAGE)]);
  const frame = (n: number): Members => ({
    wire: "binary",
    message: {
      binary: $hex({
        prefix: hex(Buffer.concat([Buffer.of(0x82, 0), head(2, n - heading.length)])),
        repeat: "20",
        n: n - heading.length,
      }),
    },
  });
  const wide = (n: number): Members => ({
    wire: "text",
    message: { text: { $text: { prefix: "{", repeat: "é", n: (n - 2) / 2, suffix: "}" } } },
  });
  group.accept("text", "a text message of the greatest size", req, json(MESSAGE), { form: 0 });
  group.refuse("text-over", "text", "one byte more", req, json(MESSAGE + 1), ["E_TOO_BIG", "frame"]);
  group.accept("text-wide", "the same size in fewer characters", req, wide(MESSAGE), { form: 0 });
  group.refuse("text-wide-over", "text-wide", "one character more, which is two bytes", req, wide(MESSAGE + 2), [
    "E_TOO_BIG",
    "frame",
  ]);
  group.accept("binary", "a binary message of the greatest size", req, frame(MESSAGE), { form: 0 });
  const dots = { wire: "text", message: { text: { $text: { repeat: ".", n: MESSAGE } } } };
  group.refuse("dots", "text", "nothing but dots", ["wire:segments"], dots, ["E_MALFORMED", "encoding"]);
  group.refuse("binary-over", "binary", "one byte more", req, frame(MESSAGE + 1), ["E_TOO_BIG", "frame"]);
  return group;
}

/** Messages of 64 KiB to 1 MiB whose work must stay in proportion to their size. */
export function costs(): Group {
  const group = new Group("limits/cost", { ...options });
  const application = (codec: Codec, bytes: unknown): Members => ({ ...context(codec), bytes });
  const [jsonBefore, jsonAfter] = around("json");
  const [cborBefore] = around("cbor");
  group.accept("json", "honest claims", LIMIT, application("json", `${jsonBefore}30${jsonAfter}`), { seq: 1 });
  group.accept("cbor", "honest claims", LIMIT, application("cbor", `${cborBefore}00`), { seq: 1 });
  const refuse = (name: string, from: Codec, mutation: string, bytes: unknown, req = LIMIT): unknown =>
    group.refuse(name, from, mutation, req, application(from, bytes), CLAIMS);
  refuse("json-deep", "json", "100,000 arrays in one another", $hex({ prefix: jsonBefore, repeat: "5b", n: 100_000 }));
  refuse(
    "json-deep-objects",
    "json",
    "100,000 objects in one another",
    $hex({ prefix: jsonBefore, repeat: asHex('{"":'), n: 100_000 }),
  );
  refuse("cbor-deep", "cbor", "100,000 arrays in one another", $hex({ prefix: cborBefore, repeat: "81", n: 100_000 }));
  refuse(
    "cbor-deep-maps",
    "cbor",
    "100,000 maps in one another",
    $hex({ prefix: cborBefore, repeat: "a160", n: 100_000 }),
  );
  refuse(
    "cbor-tags",
    "cbor",
    "100,000 tags before one value",
    $hex({ prefix: cborBefore, repeat: "c1", n: 100_000, suffix: "00" }),
    ["cbor:tag"],
  );
  refuse(
    "cbor-bignum",
    "cbor",
    "a bignum of 200,000 bytes",
    $hex({ prefix: cborBefore + hex(Buffer.concat([Buffer.of(0xc2), head(2, 200_000)])), repeat: "ff", n: 200_000 }),
    ["cbor:tag"],
  );
  refuse("cbor-array-count", "cbor", "an array that promises 2^32-1 elements", `${cborBefore}9affffffff`, ["cbor:map"]);
  refuse("cbor-map-count", "cbor", "a map that promises 2^53-1 members", cborBefore + hex(head(5, 2n ** 53n - 1n)), [
    "cbor:map",
  ]);
  refuse("cbor-text-count", "cbor", "a text that promises 2^32-1 bytes", `${cborBefore}7affffffff`, ["cbor:map"]);
  refuse(
    "cbor-indefinite",
    "cbor",
    "100,000 empty chunks of text",
    $hex({ prefix: `${cborBefore}7f`, repeat: "60", n: 100_000, suffix: "ff" }),
    ["cbor:shortest"],
  );
  refuse(
    "json-exponent",
    "json",
    "a number with an exponent of 100,000 digits",
    $hex({ prefix: `${jsonBefore}3165`, repeat: "39", n: 100_000, suffix: jsonAfter }),
    ["json:value"],
  );
  group.accept(
    "json-digits",
    "a number with 100,000 digits after the point",
    ["json:integer"],
    application("json", $hex({ prefix: `${jsonBefore}302e`, repeat: "31", n: 100_000, suffix: jsonAfter })),
    { items: [{ top: "a", ref: null, req: false, data: 0.1111111111111111 }] },
  );
  group.accept(
    "json-space",
    "200,000 bytes of white space",
    ["json:text"],
    application("json", $hex({ prefix: jsonBefore, repeat: "20", n: 200_000, suffix: `30${jsonAfter}` })),
    { seq: 1 },
  );
  return group;
}
