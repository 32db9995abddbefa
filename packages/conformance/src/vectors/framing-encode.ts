// Writing frames, and expanding them.
import { b64u, hex, utf8 } from "../kit/bytes.ts";
import { full, jws, short } from "../kit/jose.ts";
import { Group } from "./file.ts";
import {
  CLAIMS,
  filler,
  HEADERS,
  HELLO,
  JWE,
  JWS,
  jsonParts,
  jweAt,
  jweParts,
  jwsParts,
  STATIC_IV,
  sealedData,
  split,
} from "./framing-samples.ts";

const WIRES = ["text", "binary"] as const;
const MAX = Number.MAX_SAFE_INTEGER;

export function encode(): Group {
  const group = new Group("framing/encode", { level: "L0", section: "envelope.md#3-wires", op: "frame.encode" });
  for (const wire of WIRES) {
    const req = wire === "text" ? ["wire:segments", "b64:encode"] : ["wire:frame"];
    const add = (name: string, comment: string, parts: object, text: string): unknown =>
      group.accept(`${wire}-${name}`, comment, req, { wire, ...parts }, { message: full(wire, text) });
    add("bare", "bare JSON, byte for byte", jsonParts(HELLO), HELLO.toString());
    add("bare-utf8", "bare JSON beyond ASCII", jsonParts(utf8('{"é":"\u{1f512}"}')), '{"é":"\u{1f512}"}');
    add("jws", "a JWS", jwsParts(JWS), JWS);
    add("jwe", "a JWE, whose key is empty", jweParts(JWE), JWE);
    for (const length of [1, 2, 3, 23, 24, 255, 256]) {
      const compact = [HEADERS.mac, filler(length), filler(32)].map(b64u).join(".");
      add(`payload-${length}`, `a payload of ${length} bytes`, jwsParts(compact), compact);
    }
  }
  const req = ["wire:frame"];
  for (const seq of [1, 23, 24, 255, 256, 65535, 65536, 2 ** 32 - 1, 2 ** 32, MAX]) {
    const parts = { wire: "binary", form: 3, h: 0, seq, data: hex(sealedData(JWE)) };
    group.accept(`sealed-${seq}`, "seq in its shortest head", req, parts, { message: short("binary", JWE, 0, seq) });
  }
  const [, payload, signature] = Object.values(jwsParts(JWS)).slice(1) as [string, string, string];
  for (const h of [0, 23, 24]) {
    const parts = { wire: "binary", form: 4, h, payload, signature };
    group.accept(`signed-${h}`, "h in its shortest head", req, parts, { message: short("binary", JWS, h, 0) });
  }
  return group;
}

export function expand(): Group {
  const group = new Group("framing/expand", {
    level: "L0",
    section: "envelope.md#11-expand",
    op: "frame.expand",
    context: { headers: { 0: HEADERS.aead.toString(), 1: HEADERS.control.toString() }, staticIv: hex(STATIC_IV) },
  });
  const req = ["expand:same-text"];
  group.accept(
    "bare",
    "form 0 is its JSON",
    req,
    { message: full("binary", HELLO.toString()) },
    { text: HELLO.toString() },
  );
  group.accept("jws", "form 1 carries its header", req, { message: full("binary", JWS) }, { text: JWS });
  group.accept("jwe", "form 2 carries its header and IV", req, { message: full("binary", JWE) }, { text: JWE });
  for (const seq of [1, 255, 256, 65536, 2 ** 32 - 1, 2 ** 32, MAX]) {
    const text = jweAt(seq);
    const comment = "the IV is the static IV XOR the number in eight bytes, most significant first";
    group.accept(
      `sealed-${seq}`,
      comment,
      [...req, "aead:nonce"],
      { message: short("binary", text, 0, seq) },
      { text },
    );
  }
  const control = jweAt(3, HEADERS.control);
  group.accept(
    "sealed-control",
    "h chooses the header",
    req,
    { message: short("binary", control, 1, 3) },
    { text: control },
  );
  const empty = jweAt(4, HEADERS.aead, Buffer.of());
  group.accept(
    "sealed-empty",
    "data of 16 bytes is all tag",
    req,
    { message: short("binary", empty, 0, 4) },
    { text: empty },
  );
  const mac = { headers: { 0: HEADERS.mac.toString() } };
  group.accept(
    "signed",
    "form 4: header from h, the rest from the frame",
    req,
    { ...mac, message: short("binary", JWS, 0, 0) },
    { text: JWS },
  );
  const epoch = jws(HEADERS.mac, CLAIMS, filler(32));
  group.accept(
    "signed-epoch",
    "h of a later epoch",
    req,
    { headers: { 4: HEADERS.mac.toString() }, message: short("binary", epoch, 4, 0) },
    { text: epoch },
  );
  const [header, ...rest] = split(JWS) as [string, string, string];
  const spaced = `${b64u(Buffer.concat([Buffer.of(0x20), HEADERS.mac]))}.${rest.join(".")}`;
  group.accept(
    "header-bytes",
    "the header stands in the text byte for byte as given, white space included",
    req,
    { headers: { 0: ` ${HEADERS.mac}` }, message: short("binary", `${header}.${rest.join(".")}`, 0, 0) },
    { text: spaced },
  );
  const unknown = (name: string, from: string, mutation: string, input: object): unknown =>
    group.refuse(name, from, mutation, req, { ...input }, ["TypeError", "local"]);
  unknown("unknown-epoch", "sealed-1", "h of another epoch", { message: short("binary", jweAt(1), 2, 1) });
  unknown("unknown-control", "signed", "h of control, whose header is not given", {
    ...mac,
    message: short("binary", JWS, 1, 0),
  });
  unknown("no-header", "sealed-1", "no header given", { headers: {}, message: short("binary", jweAt(1), 0, 1) });
  return group;
}
