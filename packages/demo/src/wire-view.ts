import type { Frame } from "./relay/types.ts";
import { fromBase64url, toBase64url, toText } from "./wire/bytes.ts";
import { readClaims } from "./wire/cbor-claims.ts";
import { type Item, readFrame } from "./wire/cbor-frame.ts";

/** The part that a frame plays in the protocol, as far as its outside shows it. */
export type FrameKind = "CH" | "SH" | "CA" | "SR" | "message" | "control" | "error" | "unknown";

/** One segment of a compact JOSE object, or one field of a binary frame. */
export interface Part {
  readonly name: string;
  /** As it stands on the wire, or what the number is. */
  readonly raw: string;
  readonly bytes: number;
  /** Where the content is readable without a key: the content. */
  readonly readable?: string;
  /** Why it is not readable, where it is not. */
  readonly sealed?: string;
}

export interface FrameView {
  readonly kind: FrameKind;
  readonly title: string;
  readonly parts: readonly Part[];
  /** True where only an endpoint can rebuild the compact form, since header and IV were not sent. */
  readonly short: boolean;
  /** Hellos of a resume: the highest number that the sender has of the other's messages. */
  readonly received?: number;
}

const TITLES: Readonly<Record<FrameKind, string>> = {
  CH: "Client hello",
  SH: "Server hello, signed",
  CA: "Client proof, sealed",
  SR: "Server ready, sealed",
  message: "Message",
  control: "Control, sealed",
  error: "Error in clear",
  unknown: "Not a Sealwire frame",
};

const KIND_OF_TYP: Readonly<Record<string, FrameKind>> = {
  "sealwire+jwt": "message",
  "sealwire-ctl+jwt": "control",
  "sealwire-sh+jwt": "SH",
  "sealwire-ca+jwt": "CA",
  "sealwire-sr+jwt": "SR",
  "sealwire-ch+jwt": "CH",
};

/** Reads of a frame what anybody without keys can read: its form, its headers, the hellos. */
export function viewFrame(frame: Frame): FrameView {
  return frame.binary ? viewBinary(frame.data) : viewText(toText(frame.data));
}

/** Reads a text frame: a hello or error object, or compact JOSE. */
export function viewText(text: string): FrameView {
  if (text.startsWith("{")) return viewObject(text);
  const segments = text.split(".");
  const header = segments[0] === undefined ? undefined : decode(segments[0]);
  const kind = kindOf(header);
  if (kind === "unknown") return { kind, title: TITLES.unknown, parts: [], short: false };
  const names =
    segments.length === 3 ? ["header", "payload", "signature"] : ["header", "key", "iv", "ciphertext", "tag"];
  const parts = segments.map((raw, i) =>
    part(names[i] ?? `segment ${i + 1}`, raw, Math.floor((raw.length * 3) / 4), raw),
  );
  return hello(kind, parts);
}

/** A hello of a resume names what its sender has received. */
function hello(kind: FrameKind, parts: readonly Part[]): FrameView {
  const plain: FrameView = { kind, title: TITLES[kind], parts, short: false };
  const payload = kind === "CH" || kind === "SH" ? parts[1]?.readable : undefined;
  const received: unknown = payload === undefined ? undefined : JSON.parse(payload)?.rs?.rcv;
  if (typeof received !== "number") return plain;
  return { ...plain, title: kind === "CH" ? "Client hello, resumes" : "Server hello, resumes", received };
}

function viewObject(text: string): FrameView {
  const kind: FrameKind = text.includes('"sealwire-err"') ? "error" : text.includes('"sealwire-ch"') ? "CH" : "unknown";
  const parts = [{ name: "object", raw: text, bytes: text.length, readable: pretty(text) ?? text }];
  return { kind, title: TITLES[kind], parts, short: false };
}

function viewBinary(data: Uint8Array): FrameView {
  const items = readFrame(data);
  const opcode = items?.[0];
  if (!items || opcode?.kind !== "uint") return { kind: "unknown", title: TITLES.unknown, parts: [], short: false };
  if (opcode.value === 0 && items[1]?.kind === "bytes") return viewObject(toText(items[1].value));
  if (opcode.value === 1 || opcode.value === 2) return viewFull(items, opcode.value);
  if (opcode.value === 3 || opcode.value === 4) return viewShort(items, opcode.value);
  return { kind: "unknown", title: TITLES.unknown, parts: [], short: false };
}

/** `[1, protected, payload, signature]` or `[2, protected, key, iv, ciphertext, tag]`: compact JOSE without base64. */
function viewFull(items: readonly Item[], opcode: 1 | 2): FrameView {
  const names = opcode === 1 ? ["header", "payload", "signature"] : ["header", "key", "iv", "ciphertext", "tag"];
  const fields = items.slice(1).filter((i) => i.kind === "bytes");
  const kind = kindOf(fields[0] && toText(fields[0].value));
  const parts = fields.map((f, i) =>
    part(names[i] ?? `field ${i + 1}`, toBase64url(f.value), f.size, undefined, f.value),
  );
  return hello(kind, parts);
}

/** `[3, h, seq, ct||tag]` or `[4, h, payload, sig]`: header and IV stay at the ends, which have them in a table. */
function viewShort(items: readonly Item[], opcode: 3 | 4): FrameView {
  const h = items[1]?.kind === "uint" ? items[1].value : -1;
  const kind: FrameKind = h < 0 ? "unknown" : h % 2 === 1 ? "control" : "message";
  const names = opcode === 3 ? ["opcode", "h", "seq", "ciphertext and tag"] : ["opcode", "h", "payload", "signature"];
  const parts = items.map((item, i): Part => {
    const name = names[i] ?? `field ${i}`;
    if (item.kind === "bytes") return part(name, toBase64url(item.value), item.size, undefined, item.value);
    const meaning =
      name === "h"
        ? `${item.value}: ${kind}, epoch ${Math.floor(item.value / 2)}`
        : name === "opcode"
          ? `${item.value}: ${opcode === 3 ? "sealed" : "signed"}, short form`
          : `${item.value}`;
    return { name, raw: String(item.value), bytes: item.end - item.start, readable: meaning };
  });
  return { kind, title: `${TITLES[kind]}, short form`, parts, short: true };
}

function part(name: string, raw: string, bytes: number, segment?: string, content?: Uint8Array): Part {
  if (name === "header" || name === "payload") {
    const data = content ?? (segment === undefined ? undefined : fromBase64url(segment));
    const readable = data && readObject(data);
    return readable === undefined ? { name, raw, bytes } : { name, raw, bytes, readable };
  }
  if (name.startsWith("ciphertext")) return { name, raw, bytes, sealed: "only the two ends have the key" };
  if (name === "key")
    return { name, raw, bytes, readable: "empty: the key was agreed in the handshake and never travels" };
  return { name, raw, bytes };
}

function kindOf(header: string | undefined): FrameKind {
  try {
    const typ: unknown = JSON.parse(header ?? "").typ;
    return (typeof typ === "string" && Object.hasOwn(KIND_OF_TYP, typ) && KIND_OF_TYP[typ]) || "unknown";
  } catch {
    return "unknown";
  }
}

function decode(segment: string): string | undefined {
  const bytes = fromBase64url(segment);
  return bytes && toText(bytes);
}

/** JSON, or claims of the codec `cbor`. Cut off where the relay kept only the beginning: then it stays as it is. */
function readObject(data: Uint8Array): string | undefined {
  const json = pretty(toText(data));
  if (json !== undefined) return json;
  try {
    const value = readClaims(data);
    return typeof value === "object" && value !== null ? JSON.stringify(value, null, 2) : undefined;
  } catch {
    return undefined;
  }
}

function pretty(text: string): string | undefined {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return undefined;
  }
}
