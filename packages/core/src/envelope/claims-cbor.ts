import { DEFAULT_LIMITS } from "../registry.generated.ts";
import { CborReader, CborWriter, MAJOR } from "../wire/cbor.ts";
import { decodeDat, encodeDat, prescanDat } from "../wire/dat.ts";
import type { Data } from "../wire/json.ts";
import { fail, type OutgoingClaims, type RawClaims } from "./claims.ts";

/** Members that this protocol defines as integers: major type 0 in shortest form, never a float. */
const INTEGERS = new Set(["seq", "iat", "exp", "rcv"]);
const TEXTS = new Set(["iss", "aud", "bnd", "jti", "top", "bin", "pad"]);

export function encodeCborClaims(claims: OutgoingClaims): Uint8Array {
  const { iss, aud, bnd, seq, jti, iat, exp, top, ref, req, data } = claims;
  const members = [iss, aud, bnd, seq, jti, iat, exp, top, ref, req, data].filter((v) => v !== undefined);
  const writer = new CborWriter().map(members.length);
  const text = (name: string, value: string | undefined) => value !== undefined && writer.text(name).text(value);
  text("iss", iss);
  text("aud", aud);
  text("bnd", bnd);
  writer.text("seq").uint(seq);
  text("jti", jti);
  if (iat !== undefined) writer.text("iat").uint(iat);
  writer.text("exp").uint(exp);
  text("top", top);
  if (ref !== undefined) {
    writer.text("ref");
    if (typeof ref === "number") writer.uint(ref);
    else writer.array(2).uint(ref[0]).uint(ref[1]);
  }
  if (req) writer.text("req").simple(true);
  writer.text("dat");
  if (data instanceof Uint8Array) writer.bytes(data);
  else writer.raw(encodeDat(data));
  return writer.finish();
}

/** Values that a message may still hold; every value counts as one, containers included. */
interface Budget {
  nodes: number;
}

function spend(budget: Budget, values = 1): void {
  budget.nodes -= values;
  if (budget.nodes < 0) fail("too many values");
}

export function decodeCborClaims(bytes: Uint8Array): RawClaims {
  const reader = new CborReader(bytes, fail);
  const budget: Budget = { nodes: DEFAULT_LIMITS.claimsNodes };
  spend(budget);
  const raw = new Map<string, unknown>();
  const count = reader.mapHead();
  if (count > DEFAULT_LIMITS.claimsMembers) fail("too many members");
  for (let i = 0; i < count; i++) {
    const name = reader.text();
    if (raw.has(name)) fail("duplicate claim");
    if (name === "__proto__") fail("claim __proto__");
    raw.set(name, member(reader, bytes, name, budget));
  }
  reader.end();
  return raw;
}

function member(reader: CborReader, bytes: Uint8Array, name: string, budget: Budget): unknown {
  if (name === "dat") return data(reader, bytes, budget, 1);
  if (name === "bat") return batch(reader, bytes, budget);
  if (name === "ref") return ref(reader, budget);
  const known = INTEGERS.has(name) || TEXTS.has(name) || name === "req";
  if (!known) return skip(reader, bytes, budget);
  spend(budget);
  if (INTEGERS.has(name)) return reader.uint();
  if (name === "req") return reader.simpleOrFloat();
  return name === "bin" ? fail("bin exists in codec json only") : reader.text();
}

function ref(reader: CborReader, budget: Budget): unknown {
  spend(budget);
  if (reader.peek() !== MAJOR.array) return reader.uint();
  spend(budget, 2);
  return reader.arrayHead() === 2 ? [reader.uint(), reader.uint()] : fail("ref is not a pair");
}

/** `depth`: containers around the value. Bytes are a copy, so that a message does not keep its frame alive; slice() of a Buffer is none. */
function data(reader: CborReader, bytes: Uint8Array, budget: Budget, depth: number): Data {
  const start = reader.position;
  reader.position = prescanDat(bytes, start, fail, { allowBytes: true, depth, budget });
  const item = bytes.subarray(start, reader.position);
  return (item[0] as number) >> 5 === MAJOR.bytes
    ? new Uint8Array(new CborReader(item, fail).bytes())
    : decodeDat(item);
}

function batch(reader: CborReader, bytes: Uint8Array, budget: Budget): unknown[] {
  spend(budget);
  const count = reader.arrayHead();
  if (count > DEFAULT_LIMITS.batchItems) fail("bat has too many items");
  return Array.from({ length: count }, () => {
    const length = reader.arrayHead();
    if (length !== 3 && length !== 4) fail("item of bat");
    // The item, its topic, and its flag; `ref` counts its own unless it is null.
    spend(budget, length - 1);
    const topic = reader.text();
    const isNull = reader.peek() === MAJOR.simple;
    if (isNull) spend(budget);
    const itemRef = isNull ? reader.simpleOrFloat() : ref(reader, budget);
    const item: unknown[] = [topic, itemRef, data(reader, bytes, budget, 3)];
    if (length === 4) item.push(reader.simpleOrFloat());
    return item;
  });
}

/** An unknown claim is ignored, but is held to the same rules and limits. */
function skip(reader: CborReader, bytes: Uint8Array, budget: Budget): undefined {
  reader.position = prescanDat(bytes, reader.position, fail, { allowBytes: true, budget });
}
