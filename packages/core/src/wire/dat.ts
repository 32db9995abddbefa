// Application data inside cbor claims. What is sent is encoded by cbor-x, in its build without eval, which also never
// asks for the native addon cbor-extract. What is received is read here: a decoder for everything would merge duplicate
// keys, build cycles and regular expressions from tags, and need 29 s for a 200 KB bignum (specs/envelope.md, codec cbor).
import { Encoder, type Options } from "cbor-x/index-no-eval";
import { DEFAULT_LIMITS } from "../registry.generated.ts";
import { type CborReader, MAJOR } from "./cbor.ts";
import type { Data, Json } from "./json.ts";

const OPTIONS: Options & { useTag259ForMaps: boolean } = {
  useRecords: false,
  variableMapSize: true,
  tagUint8Array: false,
  useTag259ForMaps: false,
  useToJSON: false,
};

const codec = new Encoder(OPTIONS);

/** How often data was encoded. */
let calls = 0;

/**
 * Encodes data that `assertData` has passed. The result is part of a buffer that the next call writes to.
 *
 * @throws TypeError for data whose reading encodes other data: what the encoder answers with would hold both
 */
export function encodeDat(data: Json): Uint8Array {
  const call = ++calls;
  const encoded = codec.encode(data);
  if (call !== calls) throw new TypeError("reading the data ran code that sent other data");
  return encoded;
}

/** Values that a message may still hold; every value counts as one, containers included. */
export interface NodeBudget {
  nodes: number;
}

export function spend(reader: CborReader, budget: NodeBudget, values = 1): void {
  budget.nodes -= values;
  if (budget.nodes < 0) reader.refuse("too many values");
}

/**
 * Reads one item and holds it to the data model, in linear time. `depth` is the number of containers around it, of which
 * 32 are admitted in all. Bytes may be the whole of it, and are a copy; the result shares no memory with the input.
 */
export function readData(reader: CborReader, depth: number, budget: NodeBudget): Data {
  if (reader.peek() !== MAJOR.bytes) return readItem(reader, depth + 1, budget);
  spend(reader, budget);
  const bytes = reader.bytes();
  // Not slice(): that of a Buffer is a view.
  const data = new Uint8Array(bytes.length);
  data.set(bytes);
  return data;
}

/** `depth` is the level that a container at this place has; the recursion ends at the limit. */
function readItem(reader: CborReader, depth: number, budget: NodeBudget): Json {
  spend(reader, budget);
  switch (reader.peek()) {
    case MAJOR.text:
      return reader.text();
    case MAJOR.uint:
    case MAJOR.negative:
      return reader.int();
    case MAJOR.array:
      return readArray(reader, depth, budget);
    case MAJOR.map:
      return readMap(reader, depth, budget);
    case MAJOR.simple:
      return reader.simpleOrFloat();
    default:
      return reader.refuse("tag, or bytes that are not the whole data");
  }
}

function readArray(reader: CborReader, depth: number, budget: NodeBudget): Json[] {
  const length = reader.arrayHead();
  if (depth > DEFAULT_LIMITS.claimsDepth) reader.refuse("nesting too deep");
  const array: Json[] = [];
  for (let i = 0; i < length; i++) array.push(readItem(reader, depth + 1, budget));
  return array;
}

function readMap(reader: CborReader, depth: number, budget: NodeBudget): { readonly [k: string]: Json } {
  // What a producer writes is signed and never re-encoded: a map head need not be the shortest.
  const length = reader.mapHead(true);
  if (depth > DEFAULT_LIMITS.claimsDepth) reader.refuse("nesting too deep");
  if (length > DEFAULT_LIMITS.claimsMembers) reader.refuse("too many members");
  const map: { [k: string]: Json } = {};
  for (let i = 0; i < length; i++) {
    const key = reader.key();
    // As a member name it would set the prototype.
    if (key === "__proto__") reader.refuse("key __proto__");
    map[key] = readItem(reader, depth + 1, budget);
  }
  if (Object.keys(map).length !== length) reader.refuse("duplicate key");
  return map;
}
