import { CLOSE_CODES, ERR_CODES, type ErrorCode } from "../registry.generated.ts";
import { decodeUtf8, utf8 } from "../wire/bytes.ts";
import { checkRef, fail, isInteger, type Ref } from "./claims.ts";
import { decodeObject } from "./claims-json.ts";

/**
 * Control messages: sealed at every level, codec json (specs/session.md, section 11; specs/lifecycle.md, section 2).
 * Syntax alone: what only one role sends, and whether `epk` is a point, is the session's matter.
 */
export type Control =
  | { readonly top: "ping" }
  | { readonly top: "pong"; readonly ref: number }
  | { readonly top: "err"; readonly code: ErrorCode; readonly ref: Ref }
  | { readonly top: "bye"; readonly code?: string }
  | { readonly top: "rekey"; readonly n: number; readonly epk: unknown }
  | { readonly top: "rekeyed"; readonly n: number; readonly epk: unknown; readonly ref: number }
  | { readonly top: "ack" }
  | { readonly top: "void" }
  | { readonly top: "auth"; readonly at: string }
  | { readonly top: "auth-ok"; readonly ref: number; readonly exp: number; readonly scp: readonly string[] }
  | { readonly top: "auth-no"; readonly ref: number }
  | { readonly top: "auth-soon" }
  | { readonly top: "resumed"; readonly exp?: number; readonly scp?: readonly string[] };

export interface ReceivedControl {
  readonly seq: number;
  /** Highest sequence number committed by the sender; undefined in `void` alone. */
  readonly rcv: number | undefined;
  readonly message: Control;
}

const INTEGERS = new Set(["seq", "rcv", "ref", "n", "exp"]);
const COARSE_NAMES: ReadonlySet<unknown> = new Set(Object.values(CLOSE_CODES).map((c) => c.name));
/** Members that mean something in another message: in `void` they would be read by a careless receiver. */
const NOT_IN_VOID = ["n", "epk", "at", "code", "ref", "exp", "scp", "rcv"];

/** The control message that is sent most, as `encodeControl` writes it. Other forms of it are read as all others are. */
const ACK = /^\{"seq":([1-9][0-9]{0,14}),"top":"ack","rcv":(0|[1-9][0-9]{0,14})\}$/;
/** More than any of that form. */
const ACK_BYTES = 64;

/** The member order of the literal is the order of the specification; JSON.stringify leaves out what is undefined. */
export function encodeControl(seq: number, rcv: number, message: Control): Uint8Array {
  if (message.top === "ack") return utf8.encode(`{"seq":${seq},"top":"ack","rcv":${rcv}}`);
  const { top, n, epk, at, code, ref, exp, scp } = message as Record<string, unknown>;
  const last = top === "void" ? undefined : rcv;
  return utf8.encode(JSON.stringify({ seq, top, n, epk, at, code, ref, exp, scp, rcv: last }));
}

export function decodeControl(bytes: Uint8Array): ReceivedControl {
  const ack = bytes.length < ACK_BYTES ? ACK.exec(decodeUtf8(bytes, fail)) : null;
  if (ack !== null) return { seq: Number(ack[1]), rcv: Number(ack[2]), message: { top: "ack" } };
  const o = decodeObject(bytes, fail, (path) => INTEGERS.has(path[0] as string));
  if (!isInteger(o.seq, o.top === "resumed" ? 0 : 1)) return fail("seq is not an integer from 1");
  if (o.top === "void") {
    for (const name of NOT_IN_VOID) if (Object.hasOwn(o, name)) fail(`${name} in void`);
    return { seq: o.seq, rcv: undefined, message: { top: "void" } };
  }
  if (!isInteger(o.rcv, 0)) return fail("rcv is not an integer from 0");
  return { seq: o.seq, rcv: o.rcv, message: message(o) };
}

type Members = { readonly [k: string]: unknown };

function message(o: Members): Control {
  const top = o.top;
  switch (top) {
    case "ping":
    case "ack":
    case "auth-soon":
      return { top };
    case "pong":
    case "auth-no":
      return { top, ref: seqRef(o) };
    case "err":
      if (!ERR_CODES.includes(o.code as ErrorCode)) fail("code of err");
      return { top, code: o.code as ErrorCode, ref: checkRef(o.ref) };
    case "bye":
      if (o.code === undefined) return { top };
      return COARSE_NAMES.has(o.code) ? { top, code: o.code as string } : fail("code of bye");
    case "rekey":
      return { top, n: epoch(o), epk: jwk(o) };
    case "rekeyed":
      return { top, n: epoch(o), epk: jwk(o), ref: seqRef(o) };
    case "auth":
      return typeof o.at === "string" ? { top, at: o.at } : fail("at is not a string");
    case "auth-ok":
      return { top, ref: seqRef(o), ...grant(o) };
    case "resumed":
      return o.exp === undefined && o.scp === undefined ? { top } : { top, ...grant(o) };
    default:
      return fail("unknown control topic");
  }
}

const epoch = ({ n }: Members): number => (isInteger(n, 1) ? n : fail("n is not an integer from 1"));
const jwk = ({ epk }: Members): object =>
  typeof epk === "object" && epk !== null && !Array.isArray(epk) ? epk : fail("epk is not an object");
const seqRef = ({ ref }: Members): number => (isInteger(ref, 1) ? ref : fail("ref is not a sequence number"));

/** What the server grants from now on. */
function grant({ exp, scp }: Members): { readonly exp: number; readonly scp: readonly string[] } {
  if (!isInteger(exp, 0)) return fail("exp is not a NumericDate");
  if (!Array.isArray(scp) || !scp.every((s): s is string => typeof s === "string")) return fail("scp is not names");
  return { exp, scp };
}
