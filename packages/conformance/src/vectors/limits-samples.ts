// Claims around one value, and values written as repetitions.
import { hex, utf8 } from "../kit/bytes.ts";
import { cbor } from "../kit/cbor.ts";
import { type Codec, EXP, type Members } from "./claims-sheet.ts";

interface Repetition {
  readonly prefix?: string;
  readonly repeat: string;
  readonly n: number;
  readonly suffix?: string;
}

/** A hex string, written as what is repeated. */
export const $hex = (repetition: Repetition): object => ({ $hex: repetition });
export const asHex = (text: string): string => hex(utf8(text));

export const context = (codec: Codec, level = "aead"): Members => ({ kind: "application", codec, level });
export const options = { level: "L1", section: "conventions.md#7-limits", op: "claims.read" } as const;

/** Claims around one value of dat, cut where the value stands. */
export function around(codec: Codec, name = "dat"): readonly [string, string] {
  if (codec === "json") return [asHex(`{"seq":1,"exp":${EXP},"top":"a","${name}":`), asHex("}")];
  const whole = cbor({ seq: 1, exp: EXP, top: "a", [name]: null });
  return [hex(whole.subarray(0, -1)), ""];
}
