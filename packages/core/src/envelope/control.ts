import { CLOSE_CODES, ERR_CODES, type ErrorCode } from "../registry.generated.ts";
import { utf8 } from "../wire/bytes.ts";
import { checkRef, fail, isInteger, type Ref } from "./claims.ts";
import { decodeObject } from "./claims-json.ts";

/** Control messages: sealed at every level, codec json. `rcv` is the highest seq committed by their sender. */
export type Control =
  | { readonly top: "ping" }
  | { readonly top: "pong"; readonly ref: number }
  | { readonly top: "err"; readonly code: ErrorCode; readonly ref: Ref }
  | { readonly top: "bye"; readonly code?: string };

export interface ReceivedControl {
  readonly seq: number;
  readonly rcv: number;
  readonly message: Control;
}

const INTEGERS = new Set(["seq", "rcv", "ref"]);
const COARSE_NAMES: ReadonlySet<unknown> = new Set(Object.values(CLOSE_CODES).map((c) => c.name));

export function encodeControl(seq: number, rcv: number, message: Control): Uint8Array {
  const { top, code, ref } = message as { top: string; code?: string; ref?: Ref };
  return utf8.encode(JSON.stringify({ seq, top, code, ref, rcv }));
}

export function decodeControl(bytes: Uint8Array): ReceivedControl {
  const o = decodeObject(bytes, fail, (path) => INTEGERS.has(path[0] as string));
  if (!isInteger(o.seq, 1)) return fail("seq is not an integer from 1");
  if (!isInteger(o.rcv, 0)) return fail("rcv is not an integer from 0");
  return { seq: o.seq, rcv: o.rcv, message: message(o) };
}

function message(o: { readonly [k: string]: unknown }): Control {
  switch (o.top) {
    case "ping":
      return { top: "ping" };
    case "pong": {
      const { ref } = o;
      return isInteger(ref, 1) ? { top: "pong", ref } : fail("ref of pong");
    }
    case "err":
      if (!ERR_CODES.includes(o.code as ErrorCode)) fail("code of err");
      return { top: "err", code: o.code as ErrorCode, ref: checkRef(o.ref) };
    case "bye":
      if (o.code === undefined) return { top: "bye" };
      return COARSE_NAMES.has(o.code) ? { top: "bye", code: o.code as string } : fail("code of bye");
    default:
      return fail("unknown control topic");
  }
}
