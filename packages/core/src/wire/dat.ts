// Application data inside cbor claims. cbor-x alone would merge duplicate keys, build cycles and regular expressions from
// tags, and need 29 s for a 200 KB bignum: it sees only what the pre-scan has let through (specs/envelope.md, codec cbor).
// The build without eval also never asks for the native addon cbor-extract.
import { Encoder, type Options } from "cbor-x/index-no-eval";
import { DEFAULT_LIMITS } from "../registry.generated.ts";
import { decodeUtf8, type Fail } from "./bytes.ts";
import { CborReader, CborWriter, MAJOR } from "./cbor.ts";
import type { Json } from "./json.ts";

const OPTIONS: Options & { int64AsNumber: boolean; useTag259ForMaps: boolean } = {
  useRecords: false,
  variableMapSize: true,
  tagUint8Array: false,
  useTag259ForMaps: false,
  mapsAsObjects: true,
  int64AsNumber: true,
  useToJSON: false,
};

const codec = new Encoder(OPTIONS);

/** Encodes data that `assertData` has passed. */
export function encodeDat(data: Json): Uint8Array {
  // A copy: cbor-x answers with a part of the buffer that it goes on writing to.
  return new Uint8Array(codec.encode(data));
}

export interface PrescanOptions {
  /** The item may be one byte string; inside the item none may stand. */
  readonly allowBytes: boolean;
  /** Containers around the item. Default 1, the claims map. The limit is 32 in all. */
  readonly depth?: number;
  /** Values that are still admitted; lowered by those of this item. Pass one object for all items of a message. */
  readonly budget?: { nodes: number };
}

/** Checks one CBOR item against the data model, in linear time and without building it; answers with the offset of its end. */
export function prescanDat(bytes: Uint8Array, offset: number, fail: Fail, options: PrescanOptions): number {
  const reader = new CborReader(bytes, fail, offset);
  const budget = options.budget ?? { nodes: DEFAULT_LIMITS.claimsNodes };
  if (options.allowBytes && reader.peek() === MAJOR.bytes) {
    spend(budget, fail);
    reader.bytes();
  } else scanItem(reader, (options.depth ?? 1) + 1, budget, fail);
  return reader.position;
}

/** Decodes an item that `prescanDat` has passed and that is no byte string. The result shares no memory with the input. */
export function decodeDat(item: Uint8Array): Json {
  // A view of its own, since cbor-x leaves a property on what it reads.
  return codec.decode(item.includes(0xef) ? keepByteOrderMarks(item) : item.subarray()) as Json;
}

/** `depth` is the level that a container at this place has; the recursion ends at the limit. */
function scanItem(reader: CborReader, depth: number, budget: { nodes: number }, fail: Fail): void {
  spend(budget, fail);
  switch (reader.peek()) {
    case MAJOR.uint:
    case MAJOR.negative:
      reader.int();
      break;
    case MAJOR.text:
      assertUtf8(reader.textBytes(), fail);
      break;
    case MAJOR.array:
      scanArray(reader, depth, budget, fail);
      break;
    case MAJOR.map:
      scanMap(reader, depth, budget, fail);
      break;
    case MAJOR.simple:
      reader.simpleOrFloat();
      break;
    default:
      fail("tag, or bytes that are not the whole data");
  }
}

function scanArray(reader: CborReader, depth: number, budget: { nodes: number }, fail: Fail): void {
  const length = reader.arrayHead();
  if (depth > DEFAULT_LIMITS.claimsDepth) fail("nesting too deep");
  for (let i = 0; i < length; i++) scanItem(reader, depth + 1, budget, fail);
}

function scanMap(reader: CborReader, depth: number, budget: { nodes: number }, fail: Fail): void {
  // What a producer writes is signed and never re-encoded: a map head need not be the shortest.
  const length = reader.mapHead(true);
  if (depth > DEFAULT_LIMITS.claimsDepth) fail("nesting too deep");
  if (length > DEFAULT_LIMITS.claimsMembers) fail("too many members");
  const keys = new Set<string>();
  for (let i = 0; i < length; i++) {
    const key = reader.text();
    if (key === "__proto__") fail("key __proto__");
    if (keys.has(key)) fail("duplicate key");
    keys.add(key);
    scanItem(reader, depth + 1, budget, fail);
  }
}

function spend(budget: { nodes: number }, fail: Fail): void {
  if (--budget.nodes < 0) fail("too many values");
}

/** A short text is mostly ASCII, and a loop over it costs less than the call of a TextDecoder. */
const SHORT_TEXT = 64;

function assertUtf8(bytes: Uint8Array, fail: Fail): void {
  if (bytes.length > SHORT_TEXT || bytes.some((byte) => byte > 0x7f)) decodeUtf8(bytes, fail);
}

const BYTE_ORDER_MARK = "\ufeff";
/** Above this many bytes cbor-x 1.6.9 decodes a text by a TextDecoder, which swallows a leading byte order mark. */
const TEXT_DECODER_ABOVE = 64;

/** Doubles the byte order marks that cbor-x would swallow: otherwise two different keys could become one after the pre-scan. */
function keepByteOrderMarks(item: Uint8Array): Uint8Array {
  const reader = new CborReader(item, (detail) => {
    throw new TypeError(`decodeDat: not pre-scanned: ${detail}`);
  });
  const writer = new CborWriter(item.length);
  while (reader.position < item.length) {
    const start = reader.position;
    const text = skipToken(reader);
    if (text?.startsWith(BYTE_ORDER_MARK)) writer.text(BYTE_ORDER_MARK + text);
    else writer.raw(item.subarray(start, reader.position));
  }
  return writer.finish();
}

/** Reads a scalar or the head of a container; answers with a text that is long enough for the TextDecoder. */
function skipToken(reader: CborReader): string | undefined {
  const start = reader.position;
  switch (reader.peek()) {
    case MAJOR.text:
      if (reader.textBytes().length <= TEXT_DECODER_ABOVE) return undefined;
      reader.position = start;
      return reader.text();
    case MAJOR.array:
      reader.arrayHead();
      return undefined;
    case MAJOR.map:
      reader.mapHead(true);
      return undefined;
    case MAJOR.simple:
      reader.simpleOrFloat();
      return undefined;
    default:
      reader.int();
      return undefined;
  }
}
