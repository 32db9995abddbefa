import { DEFAULT_LIMITS } from "../registry.generated.ts";
import { CborReader, CborWriter, headSize, MAJOR } from "../wire/cbor.ts";
import { encodeDat, type NodeBudget, readData, spend } from "../wire/dat.ts";
import type { Data } from "../wire/json.ts";
import { claimsMemory } from "../wire/memory.ts";
import {
  type BatchWriter,
  batchItem,
  type ClaimName,
  type CommonClaims,
  fail,
  type Item,
  noClaims,
  type OutgoingClaims,
  type OutgoingItem,
  type RawClaims,
  type Ref,
} from "./claims.ts";

/** The names as `three` writes and reads them. */
const NAME = Object.fromEntries(
  Object.keys(noClaims()).map((name) => [name, [...name].reduce((code, c) => (code << 8) | c.charCodeAt(0), 0)]),
) as Readonly<Record<ClaimName, number>>;
const CLAIMS = new Map(Object.entries(NAME).map(([name, code]) => [code, name as ClaimName]));

/** Bytes of the name of a claim. */
const NAME_BYTES = 4;

export function encodeCborClaims(claims: OutgoingClaims): Uint8Array {
  const { top, ref, req, data } = claims;
  const dat = encodeData(data);
  let members = 2; // top, dat
  let room = 2 * NAME_BYTES + textSize(top) + (dat === data ? headSize(dat.length) : 0) + dat.length;
  if (ref !== undefined) {
    members++;
    room += NAME_BYTES + refSize(ref);
  }
  if (req !== undefined) {
    members++;
    room += NAME_BYTES + 1;
  }
  const writer = common(claims, members, room);
  writer.three(NAME.top).text(top);
  if (ref !== undefined) writeRef(writer.three(NAME.ref), ref);
  if (req !== undefined) writer.three(NAME.req).simple(req);
  return writeData(writer.three(NAME.dat), data, dat).finish();
}

/** Writes the claims of a batch into one piece of memory, of `room` bytes if that is enough. */
export class CborBatch implements BatchWriter {
  count = 0;
  readonly #writer: CborWriter;
  /** Where the head of the array is to stand. */
  readonly #at: number;
  /** Where the first item begins. */
  readonly #items: number;
  /** Before the newest item. */
  #before = 0;

  constructor(claims: CommonClaims, room: number) {
    this.#writer = common(claims, 1, NAME_BYTES + room).three(NAME.bat);
    this.#at = this.#writer.length;
    this.#writer.openArray();
    this.#items = this.#writer.length;
  }

  get size(): number {
    return this.#at + headSize(this.count) + this.#writer.length - this.#items;
  }

  add({ top, ref, req, data }: OutgoingItem): void {
    const dat = encodeData(data);
    const writer = this.#writer;
    this.#before = writer.length;
    this.count++;
    writer.array(req === undefined ? 3 : 4).text(top);
    if (ref === undefined) writer.simple(null);
    else writeRef(writer, ref);
    writeData(writer, data, dat);
    if (req !== undefined) writer.simple(req);
  }

  undo(): void {
    this.#writer.rewind(this.#before);
    this.count--;
  }

  finish(): Uint8Array {
    return this.#writer.finishArray(this.#at, this.count);
  }
}

/** First of all, as it may run getters of the application; nobody writes to its buffer from here to `writeData`. */
const encodeData = (data: Data): Uint8Array => (data instanceof Uint8Array ? data : encodeDat(data));

const writeData = (writer: CborWriter, data: Data, dat: Uint8Array): CborWriter =>
  dat === data ? writer.bytes(dat) : writer.raw(dat);

function writeRef(writer: CborWriter, ref: Ref): void {
  if (typeof ref === "number") writer.uint(ref);
  else writer.array(2).uint(ref[0]).uint(ref[1]);
}

/** Of texts that are ASCII, as all claims are but the data. */
const textSize = ({ length }: string): number => headSize(length) + length;

const refSize = (ref: Ref): number =>
  typeof ref === "number" ? headSize(ref) : 1 + headSize(ref[0]) + headSize(ref[1]);

/** The claims that all items have in common; `others` members, in `bytes` bytes, follow. Room to the byte needs one view. */
function common({ iss, aud, bnd, seq, jti, iat, exp }: CommonClaims, others: number, bytes: number): CborWriter {
  let members = others + 2; // seq, exp
  let room = 1 + 2 * NAME_BYTES + headSize(seq) + headSize(exp) + bytes;
  for (const text of [iss, aud, bnd, jti]) {
    if (text === undefined) continue;
    members++;
    room += NAME_BYTES + textSize(text);
  }
  if (iat !== undefined) {
    members++;
    room += NAME_BYTES + headSize(iat);
  }
  const writer = new CborWriter(claimsMemory.take(room)).map(members);
  if (iss !== undefined) writer.three(NAME.iss).text(iss);
  if (aud !== undefined) writer.three(NAME.aud).text(aud);
  if (bnd !== undefined) writer.three(NAME.bnd).text(bnd);
  writer.three(NAME.seq).uint(seq);
  if (jti !== undefined) writer.three(NAME.jti).text(jti);
  if (iat !== undefined) writer.three(NAME.iat).uint(iat);
  return writer.three(NAME.exp).uint(exp);
}

export const decodeCborClaims = (bytes: Uint8Array): RawClaims => decode(bytes, undefined);

/**
 * Claims that end with data of bytes, which are all of `apart`: they become the data as they are. Undefined for any others,
 * also those that are refused, which the whole decides about.
 */
export function decodeCborApart(bytes: Uint8Array, apart: Uint8Array): RawClaims | undefined {
  try {
    const raw = decode(bytes, apart);
    return raw.dat === apart ? raw : undefined;
  } catch {
    return undefined;
  }
}

function decode(bytes: Uint8Array, apart: Uint8Array | undefined): RawClaims {
  const reader = new CborReader(bytes, fail);
  const budget: NodeBudget = { nodes: DEFAULT_LIMITS.claimsNodes - 1 };
  const raw = noClaims();
  let others: Set<string> | undefined;
  const count = reader.mapHead();
  if (count > DEFAULT_LIMITS.claimsMembers) fail("too many members");
  for (let i = 0; i < count; i++) {
    const start = reader.position;
    const code = reader.three();
    // Those of every message by their names: a property that is found by a variable costs as much as to read its value.
    switch (code) {
      case NAME.seq:
        once(raw.seq);
        spend(reader, budget);
        raw.seq = reader.uint();
        continue;
      case NAME.exp:
        once(raw.exp);
        spend(reader, budget);
        raw.exp = reader.uint();
        continue;
      case NAME.top:
        once(raw.top);
        spend(reader, budget);
        raw.top = reader.key();
        continue;
      case NAME.dat:
        once(raw.dat);
        raw.dat = apart === undefined ? readData(reader, 1, budget) : dataApart(reader, bytes, apart, budget);
        continue;
    }
    const name = CLAIMS.get(code);
    if (name === undefined) {
      reader.position = start;
      others ??= new Set();
      skip(reader, others, budget);
    } else {
      once(raw[name]);
      (raw as { [K in ClaimName]: unknown })[name] = member(reader, name, budget);
    }
  }
  reader.end();
  return raw;
}

function once(value: unknown): void {
  if (value !== undefined) fail("duplicate claim");
}

/** Data whose head is the end of `bytes`. */
function dataApart(reader: CborReader, bytes: Uint8Array, apart: Uint8Array, budget: NodeBudget): Uint8Array {
  spend(reader, budget);
  if (reader.bytesHead() !== apart.length || reader.position !== bytes.length) fail("the data is not what is apart");
  return apart;
}

function member(reader: CborReader, name: ClaimName, budget: NodeBudget): unknown {
  switch (name) {
    case "dat":
      return readData(reader, 1, budget);
    case "bat":
      return batch(reader, budget);
    case "ref":
      return ref(reader, budget);
    case "bin":
      return fail("bin exists in codec json only");
  }
  spend(reader, budget);
  switch (name) {
    // Integers of this protocol: major type 0 in shortest form, never a float.
    case "seq":
    case "iat":
    case "exp":
    case "rcv":
      return reader.uint();
    case "req":
      return reader.simpleOrFloat();
    // The same few again and again.
    case "top":
      return reader.key();
    default:
      return reader.text();
  }
}

function ref(reader: CborReader, budget: NodeBudget): unknown {
  spend(reader, budget);
  if (reader.peek() !== MAJOR.array) return reader.uint();
  spend(reader, budget, 2);
  return reader.arrayHead() === 2 ? [reader.uint(), reader.uint()] : fail("ref is not a pair");
}

function batch(reader: CborReader, budget: NodeBudget): readonly Item[] {
  spend(reader, budget);
  const count = reader.arrayHead();
  if (count > DEFAULT_LIMITS.batchItems) fail("bat has too many items");
  const items: Item[] = [];
  for (let i = 0; i < count; i++) {
    const length = reader.arrayHead();
    if (length !== 3 && length !== 4) fail("item of bat");
    // The item, its topic, and its flag; `ref` counts its own unless it is null.
    spend(reader, budget, length - 1);
    const topic = reader.key();
    const isNull = reader.peek() === MAJOR.simple;
    if (isNull) spend(reader, budget);
    const itemRef = isNull ? reader.simpleOrFloat() : ref(reader, budget);
    const data = readData(reader, 3, budget);
    items.push(batchItem(topic, itemRef, data, length === 4 ? reader.simpleOrFloat() : undefined));
  }
  return items;
}

/** An unknown claim is ignored, but is held to the same rules and limits. */
function skip(reader: CborReader, seen: Set<string>, budget: NodeBudget): void {
  const name = reader.text();
  if (seen.has(name)) fail("duplicate claim");
  if (name === "__proto__" || name === "constructor" || name === "prototype") fail(`claim ${name}`);
  seen.add(name);
  readData(reader, 1, budget);
}
