import { decodeBase64url, encodeBase64url } from "../wire/base64url.ts";
import { concat, decodeUtf8, utf8 } from "../wire/bytes.ts";
import { type Json, parseJson } from "../wire/json.ts";
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
} from "./claims.ts";

const NAMES = Object.keys(noClaims()) as ClaimName[];
const INTEGERS = new Set(["seq", "exp", "iat", "ref", "rcv"]);

/** Where this protocol defines an integer, its lexical form counts: JSON.parse would take 1.0, 1e3 and -0 for one. */
const isOwnInteger = (path: readonly (string | number)[]): boolean =>
  INTEGERS.has(path[0] as string) || (path[0] === "bat" && path.length >= 3 && path[2] === 1);

/** The member order of the literal is the order of specs/envelope.md; JSON.stringify leaves out what is undefined. */
export function encodeJsonClaims(claims: OutgoingClaims): Uint8Array {
  const { iss, aud, bnd, seq, jti, iat, exp, top, ref, req, data } = claims;
  const bin = data instanceof Uint8Array ? encodeBase64url(data) : undefined;
  const dat = bin === undefined ? data : undefined;
  return utf8.encode(JSON.stringify({ iss, aud, bnd, seq, jti, iat, exp, top, ref, req, dat, bin }));
}

const COMMA = utf8.encode(",");
const END = utf8.encode("]}");

/** Bytes have no place in its items. */
export class JsonBatch implements BatchWriter {
  readonly #head: Uint8Array;
  readonly #items: Uint8Array[] = [];
  #bytes = 0;

  constructor({ iss, aud, bnd, seq, iat, exp }: CommonClaims) {
    const empty = JSON.stringify({ iss, aud, bnd, seq, iat, exp, bat: [] });
    this.#head = utf8.encode(empty.slice(0, -END.length));
  }

  get count(): number {
    return this.#items.length;
  }

  get size(): number {
    return this.#head.length + this.#bytes + Math.max(0, this.count - 1) * COMMA.length + END.length;
  }

  add({ top, ref, req, data }: OutgoingItem): void {
    const item = utf8.encode(JSON.stringify(req === undefined ? [top, ref ?? null, data] : [top, null, data, req]));
    this.#items.push(item);
    this.#bytes += item.length;
  }

  undo(): void {
    this.#bytes -= this.#items.pop()?.length ?? 0;
  }

  finish(): Uint8Array {
    return concat(this.#head, ...this.#items.flatMap((item, i) => (i === 0 ? [item] : [COMMA, item])), END);
  }
}

export function decodeJsonClaims(bytes: Uint8Array): RawClaims {
  const members = decodeObject(bytes, fail, isOwnInteger);
  const raw = noClaims();
  for (const name of NAMES) (raw as { [K in ClaimName]: unknown })[name] = members[name];
  if (raw.bin !== undefined) raw.bin = decodeBin(raw.bin);
  if (members.bat !== undefined) raw.bat = batchOf(members.bat);
  return raw;
}

function batchOf(value: Json): readonly Item[] {
  if (!Array.isArray(value)) return fail("bat is not an array");
  return value.map((entry: Json): Item => {
    if (!Array.isArray(entry) || (entry.length !== 3 && entry.length !== 4)) return fail("item of bat");
    const [topic, ref, data, request] = entry as readonly Json[];
    return batchItem(topic, ref, data as Json, request);
  });
}

function decodeBin(value: unknown): Uint8Array {
  if (typeof value !== "string") return fail("bin is not a string");
  try {
    return decodeBase64url(value);
  } catch {
    return fail("bin is not canonical base64url");
  }
}

/** A control message, or another JSON object of the protocol: its members, syntax of numbers checked. */
export function decodeObject(
  bytes: Uint8Array,
  onFail: (detail: string) => never,
  integers: (path: readonly (string | number)[]) => boolean,
): { readonly [k: string]: Json } {
  const value = parseJson(decodeUtf8(bytes, onFail), onFail, { isOwnInteger: integers });
  if (typeof value !== "object" || value === null || Array.isArray(value)) return onFail("not a JSON object");
  for (const name of ["constructor", "prototype"]) if (Object.hasOwn(value, name)) onFail(`member ${name}`);
  return value as { readonly [k: string]: Json };
}
