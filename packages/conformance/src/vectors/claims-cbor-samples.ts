// Claims in CBOR, honest ones and with any bytes in the place of a value.
import { type Bytes, hex, utf8 } from "../kit/bytes.ts";
import { cbor, head, Raw } from "../kit/cbor.ts";
import { EXP, type Members } from "./claims-sheet.ts";

export type Req = string | readonly string[];

export const PLAIN: Members = { seq: 1, exp: EXP, top: "chat.say", dat: "hello" };

export const raw = (...parts: (Bytes | number)[]): Raw =>
  new Raw(Buffer.concat(parts.map((part) => (typeof part === "number" ? Buffer.of(part) : part))));
export const text = (value: string, width?: 1 | 2 | 4 | 8): Buffer =>
  Buffer.concat([head(3, utf8(value).length, width), utf8(value)]);
export const encode = (members: Members): Buffer => cbor({ ...PLAIN, ...members });
export const dat = (value: unknown): Buffer => encode({ dat: value });
export const bytes = (value: Bytes): { bytes: string } => ({ bytes: hex(value) });
/** Claims with keys that need not be text: pairs, each part encoded or not. */
export const map = (pairs: readonly (readonly [unknown, unknown])[], prefix: Bytes = head(5, pairs.length)): Buffer =>
  Buffer.concat([prefix, ...pairs.flat().map(cbor)]);
export const PAIRS: readonly (readonly [string, unknown])[] = Object.entries(PLAIN);
