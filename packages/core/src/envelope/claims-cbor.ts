import { DEFAULT_LIMITS } from "../registry.generated.ts";
import { CborReader, CborWriter, MAJOR } from "../wire/cbor.ts";
import { decodeDat, encodeDat, prescanDat } from "../wire/dat.ts";
import type { Data } from "../wire/json.ts";
import { fail, type OutgoingClaims, type RawClaims } from "./claims.ts";

/** Members that this protocol defines as integers: major type 0 in shortest form, never a float. */
const INTEGERS = new Set(["seq", "iat", "exp", "rcv"]);
const TEXTS = new Set(["iss", "aud", "bnd", "top", "bin", "pad"]);

export function encodeCborClaims(claims: OutgoingClaims): Uint8Array {
  const { iss, aud, bnd, seq, iat, exp, top, ref, req, data } = claims;
  const members = [iss, aud, bnd, seq, iat, exp, top, ref, req, data].filter((v) => v !== undefined);
  const writer = new CborWriter().map(members.length);
  const text = (name: string, value: string | undefined) => value !== undefined && writer.text(name).text(value);
  text("iss", iss);
  text("aud", aud);
  text("bnd", bnd);
  writer.text("seq").uint(seq);
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

export function decodeCborClaims(bytes: Uint8Array): RawClaims {
  const reader = new CborReader(bytes, fail);
  const budget = { nodes: DEFAULT_LIMITS.claimsNodes };
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

function member(reader: CborReader, bytes: Uint8Array, name: string, budget: { nodes: number }): unknown {
  budget.nodes--;
  if (INTEGERS.has(name)) return reader.uint();
  if (TEXTS.has(name)) return name === "bin" ? fail("bin exists in codec json only") : reader.text();
  if (name === "ref") return ref(reader);
  if (name === "dat") return data(reader, bytes, budget, 1);
  if (name === "bat") return batch(reader, bytes, budget);
  if (name === "req") return reader.simpleOrFloat();
  skip(reader, bytes, budget);
  return undefined;
}

function ref(reader: CborReader): unknown {
  if (reader.peek() !== MAJOR.array) return reader.uint();
  return reader.arrayHead() === 2 ? [reader.uint(), reader.uint()] : fail("ref is not a pair");
}

/** `depth`: containers around the value. Bytes are a copy, so that a message does not keep its frame alive. */
function data(reader: CborReader, bytes: Uint8Array, budget: { nodes: number }, depth: number): Data {
  const start = reader.position;
  reader.position = prescanDat(bytes, start, fail, { allowBytes: true, depth, budget });
  const item = bytes.subarray(start, reader.position);
  return (item[0] as number) >> 5 === MAJOR.bytes ? new CborReader(item, fail).bytes().slice() : decodeDat(item);
}

function batch(reader: CborReader, bytes: Uint8Array, budget: { nodes: number }): unknown[] {
  const count = reader.arrayHead();
  if (count > DEFAULT_LIMITS.batchItems) fail("bat has too many items");
  return Array.from({ length: count }, () => {
    const length = reader.arrayHead();
    if (length !== 3 && length !== 4) fail("item of bat");
    const topic = reader.text();
    const itemRef = reader.peek() === MAJOR.simple ? reader.simpleOrFloat() : ref(reader);
    const item: unknown[] = [topic, itemRef, data(reader, bytes, budget, 3)];
    if (length === 4) item.push(reader.simpleOrFloat());
    return item;
  });
}

/** An unknown claim is ignored, but is held to the same rules and limits. */
function skip(reader: CborReader, bytes: Uint8Array, budget: { nodes: number }): void {
  reader.position = prescanDat(bytes, reader.position, fail, { allowBytes: true, budget });
}
