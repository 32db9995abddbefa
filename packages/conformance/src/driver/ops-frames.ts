import { SealwireError } from "@sealwire/core";
import {
  decodeFrame,
  decodePayload,
  encodePayload,
  expandFrame,
  StaticIv,
  sizeOf,
  type Wire,
  type WireFrame,
} from "@sealwire/core/internal";
import { fromMessage, hex, type Message, type Ops, toMessage, unhex } from "./values.ts";

interface Decode {
  readonly wire: Wire;
  readonly message: Message;
  readonly maxBytes?: number;
}

/** Steps frame and encoding, in the order in which a connection takes them. */
export function readMessage({ wire, message, maxBytes = Number.POSITIVE_INFINITY }: Decode): WireFrame {
  const payload = fromMessage(message);
  if (sizeOf(payload) > maxBytes) throw new SealwireError("E_TOO_BIG");
  return decodePayload(wire, payload);
}

type Part = string | number;

function toParts(frame: WireFrame): Record<string, Part> {
  if (frame.form === 3) return { form: 3, h: frame.h, seq: frame.seq, data: hex(frame.sealed) };
  const parts = Object.entries(frame).map(([name, part]): [string, Part] => [
    name,
    part instanceof Uint8Array ? hex(part) : (part as number),
  ]);
  return { ...Object.fromEntries(parts), ...(frame.form === 2 ? { key: "" } : {}) };
}

function fromParts({ wire, form, data, key, ...rest }: Record<string, Part>): WireFrame {
  if (wire === "text" && (form as number) > 2) throw new TypeError("short forms exist on the binary wire only");
  if (key) throw new TypeError("the encrypted key is empty");
  const parts = Object.entries(rest).map(([name, part]) => [name, typeof part === "string" ? unhex(part) : part]);
  return { form, ...Object.fromEntries(parts), ...(form === 3 ? { sealed: unhex(data as string) } : {}) } as WireFrame;
}

interface Expand {
  readonly message: { readonly binary: string };
  readonly headers: Readonly<Record<string, string>>;
  readonly staticIv: string;
}

export const ops: Ops = {
  "frame.decode": (input) => toParts(readMessage(input as unknown as Decode)),

  "frame.encode": (input) => {
    const frame = fromParts(input as Record<string, Part>);
    return { message: toMessage(encodePayload(input.wire as Wire, frame)) };
  },

  "frame.expand": (input) => {
    const { message, headers, staticIv } = input as unknown as Expand;
    const known: Uint8Array[] = [];
    for (const [h, header] of Object.entries(headers)) known[Number(h)] = Buffer.from(header);
    return {
      text: expandFrame(decodeFrame(unhex(message.binary)), { headers: known, iv: new StaticIv(unhex(staticIv)) }),
    };
  },
};
