import { SealwireError } from "../errors.ts";
import type { Stage } from "../registry.generated.ts";
import { decodeBase64url, encodeBase64url } from "./base64url.ts";
import { decodeUtf8, type Fail, followedBy, isWellFormed, passingUtf8, utf8 } from "./bytes.ts";
import { CborReader, CborWriter, headSize } from "./cbor.ts";
import { frames, type Memory, passing } from "./memory.ts";

/** Form 0: bare JSON of a hello or an error, its syntax unchecked. */
export interface JsonFrame {
  readonly form: 0;
  readonly json: Uint8Array;
}

/** Form 1: a JWS. */
export interface JwsFrame {
  readonly form: 1;
  readonly protected: Uint8Array;
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
}

/** Form 2: a JWE whose encrypted key is empty. */
export interface JweFrame {
  readonly form: 2;
  readonly protected: Uint8Array;
  readonly iv: Uint8Array;
  readonly ciphertext: Uint8Array;
  readonly tag: Uint8Array;
}

/** Form 3, binary only: a JWE in short form; `h` names its header, `sealed` is the ciphertext and the tag. */
export interface ShortJweFrame {
  readonly form: 3;
  readonly h: number;
  readonly seq: number;
  readonly sealed: Uint8Array;
}

/** Form 4, binary only: a JWS in short form; `h` names its header. */
export interface ShortJwsFrame {
  readonly form: 4;
  readonly h: number;
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
}

export type TextFrame = JsonFrame | JwsFrame | JweFrame;
export type WireFrame = TextFrame | ShortJweFrame | ShortJwsFrame;
export type Wire = "text" | "binary";

const NO_KEY = new Uint8Array(0);

/**
 * One CBOR array of definite length with the shortest heads: a frame has exactly one encoding. `leaves`: it goes to the wire
 * and nowhere else.
 */
export function encodeFrame(frame: WireFrame, leaves = false): Uint8Array {
  const start = (elements: number, room: number): CborWriter =>
    new CborWriter(leaves ? passing.cut(room + HEADS) : room + HEADS).array(elements).uint(frame.form);
  switch (frame.form) {
    case 0:
      return start(2, frame.json.length).bytes(frame.json).finish();
    case 1: {
      const { protected: header, payload, signature } = frame;
      const room = header.length + payload.length + signature.length;
      return start(4, room).bytes(header).bytes(payload).bytes(signature).finish();
    }
    case 2: {
      const { protected: header, iv, ciphertext, tag } = frame;
      const room = header.length + iv.length + ciphertext.length + tag.length;
      const writer = start(6, room).bytes(header).bytes(NO_KEY);
      return writer.bytes(iv).bytes(ciphertext).bytes(tag).finish();
    }
    case 3:
      return start(4, frame.sealed.length).uint(frame.h).uint(frame.seq).bytes(frame.sealed).finish();
    case 4: {
      const { h, payload, signature } = frame;
      // To the byte: sessions send it for every message, and the writer makes no view of its own then.
      const room = frames.take(2 + headSize(h) + sizeOf(payload) + sizeOf(signature));
      return new CborWriter(room).array(4).uint(4).uint(h).bytes(payload).bytes(signature).finish();
    }
  }
}

/** Bytes that a frame of form 3 has before the bytes `sealed`. */
export const shortJweRoom = (h: number, seq: number, sealedLength: number): number =>
  2 + headSize(h) + headSize(seq) + headSize(sealedLength);

/** Makes a frame of form 3 of `sealed`, which stands behind `shortJweRoom` bytes in `frame`. */
export function writeShortJwe(frame: Uint8Array, h: number, seq: number, sealedLength: number): Uint8Array {
  new CborWriter(frame).array(4).uint(3).uint(h).uint(seq).bytesHead(sealedLength);
  return frame;
}

/** Room for the heads of any form. */
const HEADS = 32;

const sizeOf = (bytes: Uint8Array): number => headSize(bytes.length) + bytes.length;

const ELEMENTS: readonly number[] = [2, 4, 6, 4, 4];

/**
 * Decodes a binary message. The fields are views into `bytes`. Not checked: lengths, and whether the form is in place here.
 *
 * @throws SealwireError `E_CBOR`
 */
export function decodeFrame(bytes: Uint8Array): WireFrame {
  const reader = new CborReader(bytes, fail);
  const elements = reader.arrayHead();
  const form = reader.uint();
  if (ELEMENTS[form] !== elements) fail("unknown form or wrong number of elements");
  const frame = readForm(reader, form);
  reader.end();
  return frame;
}

const fail: Fail = (detail) => {
  throw new SealwireError("E_CBOR", { stage: "encoding", detail });
};

function readForm(reader: CborReader, form: number): WireFrame {
  switch (form) {
    case 0:
      return { form, json: reader.bytes() };
    case 1:
      return { form, protected: reader.bytes(), payload: reader.bytes(), signature: reader.bytes() };
    case 2: {
      const header = reader.bytes();
      if (reader.bytes().length > 0) fail("encrypted key that is not empty");
      return { form, protected: header, iv: reader.bytes(), ciphertext: reader.bytes(), tag: reader.bytes() };
    }
    case 3:
      return { form, h: reader.uint(), seq: reader.uint(), sealed: reader.bytes() };
    case 4:
      return { form, h: reader.uint(), payload: reader.bytes(), signature: reader.bytes() };
    default:
      return fail("unknown form");
  }
}

/** The text form: compact JOSE, or the bare JSON. */
export function encodeText(frame: TextFrame): string {
  switch (frame.form) {
    case 0:
      return decodeUtf8(frame.json, (detail) => {
        throw new TypeError(`encodeText: ${detail}`);
      });
    case 1:
      return compactJws(frame);
    case 2:
      return compactJwe(frame);
  }
}

/**
 * Decodes a text message, or a compact object inside one. Not checked: the syntax of bare JSON, and lengths. `memory`: for
 * what no application gets.
 *
 * @throws SealwireError `E_MALFORMED`, `E_B64`
 */
export function decodeText(text: string, stage: Stage = "encoding", memory?: Memory): TextFrame {
  const fail: Fail = (detail) => {
    throw new SealwireError("E_MALFORMED", { stage, detail });
  };
  if (text.startsWith("{")) {
    if (!isWellFormed(text)) fail("lone surrogate");
    return { form: 0, json: utf8.encode(text) };
  }
  // Capped: a text full of dots makes six strings, not a million.
  const segments = text.split(".", 6);
  if (segments.length !== 3 && segments.length !== 5) fail("neither JSON nor three or five segments");
  if (segments[0] === "") fail("empty protected header");
  if (segments.length === 5 && segments[1] !== "") fail("encrypted key that is not empty");
  const decoded = segments.map((segment) => decodeBase64url(segment, stage, memory));
  if (decoded.length === 3) {
    return { form: 1, protected: decoded[0]!, payload: decoded[1]!, signature: decoded[2]! };
  }
  return { form: 2, protected: decoded[0]!, iv: decoded[2]!, ciphertext: decoded[3]!, tag: decoded[4]! };
}

/** The bytes that a JWS signature covers (RFC 7515 section 5.1). */
export function signingInput(protectedHeader: Uint8Array, payload: Uint8Array): Uint8Array {
  return signingInputOf(passingUtf8(`${encodeBase64url(protectedHeader)}.`), payload);
}

/** As `signingInput`; `start` is what stands before the payload, which a session has ready. */
export function signingInputOf(start: Uint8Array, payload: Uint8Array): Uint8Array {
  return followedBy(start, encodeBase64url(payload));
}

export function compactJws(frame: JwsFrame): string {
  return [frame.protected, frame.payload, frame.signature].map(encodeBase64url).join(".");
}

export function compactJwe(frame: JweFrame): string {
  return [frame.protected, NO_KEY, frame.iv, frame.ciphertext, frame.tag].map(encodeBase64url).join(".");
}
