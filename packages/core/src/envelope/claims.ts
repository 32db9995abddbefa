import { SealwireError } from "../errors.ts";
import { DEFAULT_LIMITS, type Level } from "../registry.generated.ts";
import { isBase64url } from "../wire/base64url.ts";
import type { Data } from "../wire/json.ts";

/** What a reply or an error refers to: the `seq` of a message, or `[seq, index]` of an item in a batch. */
export type Ref = number | readonly [seq: number, index: number];

/** One application message after the envelope was opened. An unbatched message is a list of one. */
export interface Item {
  readonly topic: string;
  readonly ref: Ref | null;
  readonly request: boolean;
  readonly data: Data;
}

/**
 * Members of a claims set before their check: JSON values, or bytes where codec cbor carries them. Undefined is a claim
 * that is absent. Claims with other names are ignored (RFC 7519 section 4), so they have no place here.
 */
export type RawClaims = ReturnType<typeof noClaims>;
export type ClaimName = keyof RawClaims;

/** One shape for all: a set of claims in the order that specs/envelope.md gives them. */
export const noClaims = () => ({
  iss: undefined as unknown,
  aud: undefined as unknown,
  bnd: undefined as unknown,
  seq: undefined as unknown,
  jti: undefined as unknown,
  iat: undefined as unknown,
  exp: undefined as unknown,
  top: undefined as unknown,
  ref: undefined as unknown,
  req: undefined as unknown,
  dat: undefined as unknown,
  bin: undefined as unknown,
  bat: undefined as readonly Item[] | undefined,
  rcv: undefined as unknown,
  pad: undefined as unknown,
});

/** Claims of an application message, checked for syntax. Names as in specs/envelope.md. */
export interface ApplicationClaims {
  readonly seq: number;
  readonly exp: number;
  readonly iat: number | undefined;
  readonly iss: string | undefined;
  readonly aud: string | undefined;
  readonly bnd: string | undefined;
  /** The message may come again in another session. */
  readonly jti: string | undefined;
  readonly items: readonly Item[];
  readonly batch: boolean;
}

/** What a sender puts in for all items of a message. */
export interface CommonClaims {
  readonly iss?: string | undefined;
  readonly aud?: string | undefined;
  readonly bnd?: string | undefined;
  readonly seq: number;
  readonly jti?: string | undefined;
  readonly iat?: number | undefined;
  readonly exp: number;
}

/** What a sender puts in for one of them. */
export interface OutgoingItem {
  readonly top: string;
  readonly ref?: Ref | undefined;
  readonly req?: true | undefined;
  readonly data: Data;
}

export type OutgoingClaims = CommonClaims & OutgoingItem;

/** Collects the items of a batch, and knows what comes of them. After `finish` it is of no use. */
export interface BatchWriter {
  /** Items that it has. */
  readonly count: number;
  /** Bytes of the claims as they are. */
  readonly size: number;
  /** Its data may run code of the application, before anything is changed. */
  add(item: OutgoingItem): void;
  /** Takes the newest item back; once after each `add`. */
  undo(): void;
  /** The claims. */
  finish(): Uint8Array;
}

export const fail = (detail: string): never => {
  throw new SealwireError("E_CLAIMS", { stage: "claims", detail });
};

const IDENTIFIER = /^[\x21-\x7e]{1,256}$/;
const TOPIC = /^[A-Za-z0-9._:/-]{1,128}$/;

export const isIdentifier = (v: unknown): v is string => typeof v === "string" && IDENTIFIER.test(v);
/** The topic that was found to be one last: most messages have that of the one before. */
let topic = "t";
export function isTopic(v: unknown): v is string {
  if (v === topic) return true;
  if (typeof v !== "string" || !TOPIC.test(v)) return false;
  topic = v;
  return true;
}
/** 16 bytes in base64url. */
export const isMessageId = (v: unknown): v is string => typeof v === "string" && isBase64url(v, 22);
export const isInteger = (v: unknown, min: number): v is number => Number.isSafeInteger(v) && (v as number) >= min;

/** Checks presence, type and range of every claim for the level. */
export function checkApplicationClaims(raw: RawClaims, level: Level): ApplicationClaims {
  const signed = level === "sig" || level === "nest";
  const { iss, aud, bnd, seq, jti, iat, exp, bat, pad } = raw;
  // At mac and aead the key names the connection, so a claim about it could only disagree.
  if ((iss !== undefined) !== signed || (aud !== undefined) !== signed || (bnd !== undefined) !== signed)
    fail(`iss, aud and bnd are ${signed ? "required" : "absent"} at level ${level}`);
  if (raw.rcv !== undefined) fail("rcv belongs to control messages");
  if (pad !== undefined && (level === "mac" || level === "sig" || typeof pad !== "string")) fail("pad");
  if (signed && !(isIdentifier(iss) && isIdentifier(aud))) fail("iss or aud is not an identifier");
  if (signed && !(typeof bnd === "string" && isBase64url(bnd, 22))) fail("bnd is not a key id");
  if (!isInteger(seq, 1)) return fail("seq is not an integer from 1");
  if (!isInteger(exp, 0)) return fail("exp is not a NumericDate");
  if (iat === undefined ? signed : !isInteger(iat, 0)) fail("iat is not a NumericDate");
  if (iat !== undefined && exp < (iat as number)) fail("exp is before iat");
  const batch = bat !== undefined;
  if (jti !== undefined && (batch || raw.req !== undefined || raw.ref !== undefined))
    fail("jti beside bat, req or ref");
  if (jti !== undefined && !isMessageId(jti)) fail("jti is not a message id");
  // A store that began empty tells by it what may have been delivered before.
  if (jti !== undefined && iat === undefined) fail("jti without iat");
  return {
    seq,
    exp,
    iat: iat as number | undefined,
    iss: iss as string | undefined,
    aud: aud as string | undefined,
    bnd: bnd as string | undefined,
    jti: jti as string | undefined,
    items: itemsOf(raw),
    batch,
  };
}

/** The list that every message is turned into. */
export const itemsOf = (raw: RawClaims): readonly Item[] =>
  raw.bat === undefined ? [singleItem(raw)] : batchItems(raw);

/** A `ref` names a message that its receiver sent: a positive integer, or that and the index in the batch. */
export function checkRef(value: unknown): Ref {
  if (isInteger(value, 1)) return value;
  if (Array.isArray(value) && value.length === 2 && isInteger(value[0], 1) && isInteger(value[1], 0)) {
    if (value[1] < DEFAULT_LIMITS.batchItems) return [value[0], value[1]];
  }
  return fail("ref is not the seq of a message");
}

function singleItem({ top, ref, req, dat, bin }: RawClaims): Item {
  if (!isTopic(top)) return fail("top is not a topic");
  if (dat !== undefined && bin !== undefined) fail("dat and bin exclude each other");
  const request = req !== undefined;
  if (request && req !== true) fail("req is not true");
  if (request && ref !== undefined) fail("req and ref exclude each other");
  return { topic: top, ref: ref === undefined ? null : checkRef(ref), request, data: dataOf(dat, bin) };
}

/** Of a message without data null. */
export const dataOf = (dat: unknown, bin: unknown): Data => (bin ?? dat ?? null) as Data;

function batchItems({ top, ref, req, dat, bin, bat }: RawClaims): readonly Item[] {
  // A careless opener would authorize the one and dispatch the others (protocol-review item 13).
  for (const other of [top, ref, req, dat, bin]) if (other !== undefined) fail("top, ref, req, dat or bin beside bat");
  if (bat === undefined || bat.length < 1 || bat.length > DEFAULT_LIMITS.batchItems)
    return fail("bat is empty, or longer than the limit batchItems");
  return bat;
}

/** An entry of `bat` with these members; without the fourth `request` is undefined. */
export function batchItem(topic: unknown, ref: unknown, data: Data, request: unknown): Item {
  if (!isTopic(topic)) return fail("topic of an item of bat");
  const isRequest = request !== undefined;
  if (isRequest && (request !== true || ref !== null)) fail("request in bat");
  return { topic, ref: ref === null ? null : checkRef(ref), request: isRequest, data };
}
