// The binary wire: five frames, each in its one encoding.
import { b64u, unb64u, utf8 } from "../kit/bytes.ts";
import { cbor, float64, head, Raw } from "../kit/cbor.ts";
import { binary } from "../kit/jose.ts";
import { Group, type Step } from "./file.ts";
import {
  CLAIMS,
  filler,
  HELLO,
  JWE,
  JWS,
  jsonParts,
  jweParts,
  jwsParts,
  sealedData,
  split,
} from "./framing-samples.ts";

const CBOR = ["E_CBOR", "encoding"] as const satisfies readonly [string, Step];
const MAX = Number.MAX_SAFE_INTEGER;
const REQ = ["wire:frame"];

const message = (bytes: Uint8Array): { message: { binary: string } } => ({
  message: binary(bytes) as { binary: string },
});
const concat = (...parts: Uint8Array[]): Buffer => Buffer.concat(parts);

const [, PAYLOAD, SIGNATURE] = split(JWS).map(unb64u) as [Buffer, Buffer, Buffer];
const DATA = sealedData(JWE);
const JWS_PARTS = split(JWS).map(unb64u);
const JWE_PARTS = split(JWE).map(unb64u);

/** The elements of an honest frame of each form, the number of the form first. */
const FORMS: readonly (readonly [string, readonly unknown[]])[] = [
  ["bare", [0, HELLO]],
  ["jws", [1, ...JWS_PARTS]],
  ["jwe", [2, ...JWE_PARTS]],
  ["sealed", [3, 0, 1, DATA]],
  ["signed", [4, 0, PAYLOAD, SIGNATURE]],
];

export function binaryWire(): Group {
  const group = new Group("framing/binary", {
    level: "L0",
    section: "envelope.md#32-binary-wire",
    op: "frame.decode",
    context: { wire: "binary" },
  });
  accepted(group);
  lengths(group);
  for (const [name, elements] of FORMS) defects(group, name, elements);
  heads(group);
  types(group);
  return group;
}

function accepted(group: Group): void {
  const [bare, jws, jwe, sealed, signed] = FORMS.map(([, elements]) => cbor(elements)) as Buffer[] as [
    Buffer,
    Buffer,
    Buffer,
    Buffer,
    Buffer,
  ];
  group.accept("bare", "form 0, bare JSON", REQ, message(bare), jsonParts(HELLO));
  group.accept("jws", "form 1, the JWS of framing/text/jws", REQ, message(jws), jwsParts(JWS));
  group.accept(
    "jwe",
    "form 2, the JWE of framing/text/jwe",
    [...REQ, "wire:encrypted-key"],
    message(jwe),
    jweParts(JWE),
  );
  const data = DATA.toString("hex");
  group.accept("sealed", "form 3, a JWE without header and IV", REQ, message(sealed), { form: 3, h: 0, seq: 1, data });
  const parts = { form: 4, h: 0, payload: PAYLOAD.toString("hex"), signature: SIGNATURE.toString("hex") };
  group.accept("signed", "form 4, a JWS without header", REQ, message(signed), parts);
  group.accept("sealed-control", "h is odd for control", REQ, message(cbor([3, 1, 2, DATA])), {
    form: 3,
    h: 1,
    seq: 2,
    data,
  });
  group.accept(
    "sealed-short",
    "data too short for a tag is a matter of step crypto",
    REQ,
    message(cbor([3, 0, 1, Buffer.of(1)])),
    { form: 3, h: 0, seq: 1, data: "01" },
  );
  group.accept("sealed-seq-0", "the number 0 is a matter of step sequence", REQ, message(cbor([3, 0, 0, DATA])), {
    form: 3,
    h: 0,
    seq: 0,
    data,
  });
  group.accept("signed-empty", "byte strings can be empty", REQ, message(cbor([4, 0, Buffer.of(), Buffer.of()])), {
    form: 4,
    h: 0,
    payload: "",
    signature: "",
  });
  group.accept(
    "bare-unparsed",
    "framing does not look into the JSON",
    REQ,
    message(cbor([0, utf8("[")])),
    jsonParts(utf8("[")),
  );
  for (const h of [23, 24, 255, 256, MAX]) {
    group.accept(`h-${h}`, "h is an index, in its shortest head", REQ, message(cbor([4, h, CLAIMS, SIGNATURE])), {
      form: 4,
      h,
      payload: CLAIMS.toString("hex"),
      signature: parts.signature,
    });
  }
  for (const seq of [23, 24, 255, 256, 65535, 65536, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, MAX - 1, MAX]) {
    group.accept(`seq-${seq}`, "seq in its shortest head", REQ, message(cbor([3, 0, seq, DATA])), {
      form: 3,
      h: 0,
      seq,
      data,
    });
  }
}

/** Byte strings on both sides of each width of the length. */
function lengths(group: Group): void {
  for (const length of [0, 23, 24, 255, 256]) {
    const bytes = filler(length);
    group.accept(`length-${length}`, `a byte string of ${length}`, REQ, message(cbor([0, bytes])), jsonParts(bytes));
  }
  for (const length of [65535, 65536]) {
    const json = { $hex: { repeat: "7b", n: length } };
    const prefix = concat(cbor([0]).fill(0x82, 0, 1), head(2, length)).toString("hex");
    const frame = { $hex: { prefix, repeat: "7b", n: length } };
    group.accept(
      `length-${length}`,
      `a byte string of ${length}`,
      REQ,
      { message: { binary: frame } },
      { form: 0, json },
    );
  }
}

/** What can be wrong with every form. */
function defects(group: Group, from: string, elements: readonly unknown[]): void {
  const honest = cbor(elements);
  const last = elements.at(-1) as Buffer;
  const rest = elements.slice(0, -1);
  const count = elements.length;
  const body = honest.subarray(1);
  const refuse = (name: string, mutation: string, bytes: Uint8Array): unknown =>
    group.refuse(`${from}-${name}`, from, mutation, REQ, message(bytes), CBOR);
  refuse("extra", "an element appended", cbor([...elements, Buffer.of()]));
  refuse("missing", "the last element removed", cbor(rest));
  refuse("trailing", "a byte after the array", concat(honest, Buffer.of(0)));
  refuse("truncated", "the last byte removed", honest.subarray(0, -1));
  refuse("indefinite", "an array of indefinite length", concat(Buffer.of(0x9f), body, Buffer.of(0xff)));
  refuse("long-array", "the length of the array in a byte of its own", concat(head(4, count, 1), body));
  refuse(
    "long-form",
    "the form in a byte of its own",
    concat(head(4, count), head(0, elements[0] as number, 1), body.subarray(1)),
  );
  refuse("text", "a text string as last element", cbor([...rest, new Raw(concat(head(3, last.length), last))]));
  const width = last.length < 24 ? 1 : last.length < 256 ? 2 : 4;
  refuse(
    "long-length",
    "the length of the last element not in its shortest form",
    cbor([...rest, new Raw(concat(head(2, last.length, width), last))]),
  );
  refuse(
    "chunks",
    "the last element in chunks",
    cbor([...rest, new Raw(concat(Buffer.of(0x5f), cbor(last), Buffer.of(0xff)))]),
  );
}

/** Numbers that are not in their shortest form, or none at all. */
function heads(group: Group): void {
  const refuse = (name: string, from: string, mutation: string, elements: readonly unknown[]): unknown =>
    group.refuse(name, from, mutation, REQ, message(cbor(elements)), CBOR);
  const seq = (bytes: Uint8Array): readonly unknown[] => [3, 0, new Raw(bytes), DATA];
  refuse("seq-long-1", "sealed", "seq 1 in one byte of its own", seq(head(0, 1, 1)));
  refuse("seq-long-2", "seq-255", "seq 255 in two bytes", seq(head(0, 255, 2)));
  refuse("seq-long-4", "seq-65535", "seq 65535 in four bytes", seq(head(0, 65535, 4)));
  refuse("seq-long-8", "seq-4294967295", "seq 2^32-1 in eight bytes", seq(head(0, 2 ** 32 - 1, 8)));
  refuse("seq-2-53", `seq-${MAX}`, "one more than 2^53-1", seq(head(0, 2n ** 53n)));
  refuse("seq-2-53-1", `seq-${MAX}`, "2^53+1, which binary64 rounds", seq(head(0, 2n ** 53n + 1n)));
  refuse("seq-2-64-1", `seq-${MAX}`, "the greatest unsigned integer", seq(head(0, 2n ** 64n - 1n)));
  refuse("seq-negative", "sealed", "seq -1", seq(head(1, 0)));
  refuse("seq-float", "sealed", "seq 1 as float64", seq(float64(1)));
  refuse("seq-half", "sealed", "seq 1 as float16", seq(Buffer.of(0xf9, 0x3c, 0)));
  refuse("seq-bignum", "sealed", "seq 1 as bignum", seq(Buffer.of(0xc2, 0x41, 1)));
  refuse("seq-bytes", "sealed", "seq as byte string", seq(Buffer.of(0x41, 1)));
  refuse("seq-reserved", "sealed", "a reserved head as seq", seq(Buffer.of(0x1c)));
  refuse("h-long", "sealed", "h 0 in one byte of its own", [3, new Raw(head(0, 0, 1)), 1, DATA]);
  refuse("h-long-2", "h-255", "h 255 in two bytes", [4, new Raw(head(0, 255, 2)), PAYLOAD, SIGNATURE]);
  refuse("h-negative", "sealed", "h -1", [3, new Raw(head(1, 0)), 1, DATA]);
  refuse("h-2-53", `h-${MAX}`, "one more than 2^53-1", [4, new Raw(head(0, 2n ** 53n)), PAYLOAD, SIGNATURE]);
  const bytesOf = (width: 2 | 4 | 8, n: number): Raw => new Raw(concat(head(2, n, width), filler(n)));
  refuse("length-long-1", "length-23", "the length 23 in one byte", [0, new Raw(concat(head(2, 23, 1), filler(23)))]);
  refuse("length-long-2", "length-255", "the length 255 in two bytes", [0, bytesOf(2, 255)]);
  refuse("length-long-4", "length-256", "the length 256 in four bytes", [0, bytesOf(4, 256)]);
  refuse("length-long-8", "length-256", "the length 256 in eight bytes", [0, bytesOf(8, 256)]);
}

/** Other CBOR in the place of a frame. */
function types(group: Group): void {
  const refuse = (name: string, from: string, mutation: string, bytes: Uint8Array): unknown =>
    group.refuse(name, from, mutation, REQ, message(bytes), CBOR);
  const [jws, jwe] = [cbor(FORMS[1]?.[1]), cbor(FORMS[2]?.[1])];
  refuse("empty", "bare", "nothing at all", Buffer.of());
  refuse("empty-array", "bare", "an array without elements", cbor([]));
  refuse("form-5", "bare", "the unknown form 5", cbor([5, HELLO]));
  refuse("form-text", "bare", "the form as text", cbor(["0", HELLO]));
  refuse("form-negative", "bare", "the form -1", cbor([-1, HELLO]));
  refuse("form-float", "bare", "the form as float64", cbor([new Raw(float64(0)), HELLO]));
  refuse("json-only", "bare", "the array removed", cbor(HELLO));
  refuse("map", "bare", "a map in place of the array", cbor({ 0: HELLO }));
  refuse("text-frame", "jws", "the text form in a byte string", cbor(utf8(JWS)));
  refuse("self-described", "jws", "tag 55799 before the array", concat(Buffer.of(0xd9, 0xd9, 0xf7), jws));
  refuse(
    "tag-24",
    "jws",
    "tag 24 before the payload",
    cbor([1, JWS_PARTS[0], new Raw(concat(Buffer.of(0xd8, 24), cbor(PAYLOAD))), SIGNATURE]),
  );
  refuse("tag-cose", "jws", "tag 18 of COSE before the array", concat(Buffer.of(0xd2), jws));
  refuse("payload-null", "jws", "null in place of the payload", cbor([1, JWS_PARTS[0], null, SIGNATURE]));
  refuse("payload-array", "jws", "the payload in an array", cbor([1, JWS_PARTS[0], [PAYLOAD], SIGNATURE]));
  refuse(
    "payload-base64url",
    "jws",
    "the payload as base64url text",
    cbor([1, JWS_PARTS[0], b64u(PAYLOAD), SIGNATURE]),
  );
  refuse("break", "jws", "a break after the array", concat(jws, Buffer.of(0xff)));
  refuse("second-frame", "jws", "a second frame after the first", concat(jws, jws));
  const [header, , ...rest] = JWE_PARTS;
  const key = (name: string, mutation: string, value: unknown): unknown =>
    group.refuse(
      name,
      "jwe",
      mutation,
      [...REQ, "wire:encrypted-key"],
      message(cbor([2, header, value, ...rest])),
      CBOR,
    );
  key("key-filled", "an encrypted key", Buffer.alloc(40, 1));
  key("key-null", "null in place of the empty key", null);
  refuse("key-missing", "jwe", "the empty key left out", cbor([2, header, ...rest]));
  refuse("jwe-as-signed", "jwe", "the number of form 4", concat(Buffer.of(jwe[0] as number, 4), jwe.subarray(2)));
  refuse("signed-as-sealed", "signed", "the number of form 3", cbor([3, 0, PAYLOAD, SIGNATURE]));
  refuse("sealed-as-signed", "sealed", "the number of form 4", cbor([4, 0, 1, DATA]));
  // Heads that promise what the message does not hold: nothing may be allocated for them.
  refuse("only-indefinite", "bare", "nothing but the head of an indefinite array", Buffer.of(0x9f));
  refuse("huge-array", "bare", "an array of 2^32-1 elements", Buffer.of(0x9a, 0xff, 0xff, 0xff, 0xff));
  refuse("huge-array-64", "bare", "an array of 2^64-1 elements", concat(Buffer.of(0x9b), Buffer.alloc(8, 0xff)));
  refuse(
    "huge-bytes",
    "bare",
    "a byte string of 2^64-1 bytes",
    concat(Buffer.of(0x82, 0, 0x5b), Buffer.alloc(8, 0xff)),
  );
  refuse("huge-bytes-32", "bare", "a byte string of 4 GiB", concat(Buffer.of(0x82, 0), head(2, 2 ** 32 - 1)));
}
