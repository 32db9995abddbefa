// Steps frame, encoding and header, and what of step sequence a frame shows.
import { b64u, flip, json, unb64u, unhex, utf8 } from "../kit/bytes.ts";
import { cbor, head, Raw } from "../kit/cbor.ts";
import { binary, full, jws, type Message } from "../kit/jose.ts";
import { thumbprint } from "../kit/keys.ts";
import { compact, keyId, messageHeader, padBits, withSegment } from "../kit/messages.ts";
import { OTHER_CONNECTION, type Scene, SEQ } from "./message-scene.ts";

const bytesOf = (message: Message): Buffer => unhex((message as { binary: string }).binary);
const MALFORMED = ["E_MALFORMED", "encoding"] as const;
const B64 = ["E_B64", "encoding"] as const;
const CBOR = ["E_CBOR", "encoding"] as const;
const HEADER = ["E_HEADER", "header"] as const;

export function frameRefusals(scene: Scene): void {
  const text = scene.text();
  const other: Message = scene.wire === "text" ? binary(utf8(text)) : { text };
  const kind = scene.wire === "text" ? "binary" : "text";
  scene.refuse("opcode", `sent as a ${kind} WebSocket message`, ["wire:opcode"], other, ["E_FRAME", "frame"]);
  tooBig(scene, text);
  if (scene.wire === "text") textEncoding(scene, text);
  else binaryEncoding(scene, text);
}

/** Size is looked at before anything is decoded. */
function tooBig(scene: Scene, text: string): void {
  const honest = scene.send(text) as { text?: string; binary?: string };
  const prefix = honest.text ?? (honest.binary as string);
  const size = honest.text === undefined ? prefix.length / 2 : prefix.length;
  const n = 1048577 - size;
  const long =
    honest.text === undefined ? { $hex: { prefix, repeat: "00", n } } : { $text: { prefix, repeat: "A", n } };
  const message = honest.text === undefined ? { binary: long } : { text: long };
  const mutation = "lengthened to one byte more than 1,048,576";
  scene.group.refuse("too-big", "json", mutation, ["limit:message"], { message }, ["E_TOO_BIG", "frame"]);
}

function textEncoding(scene: Scene, text: string): void {
  const segments = text.split(".");
  const put = (index: number, change: (bytes: Buffer) => string): Message => ({
    text: withSegment(text, index, change),
  });
  const refuse = (name: string, mutation: string, message: Message, encrypted = false): void =>
    scene.refuse(name, mutation, [encrypted ? "wire:encrypted-key" : "wire:segments"], message, MALFORMED);
  refuse("segment-missing", "the last segment is left out", { text: segments.slice(0, -1).join(".") });
  refuse("segment-extra", "one more segment", { text: `${text}.AA` });
  refuse("empty", "an empty message", { text: "" });
  refuse("header-empty", "the first segment is empty", { text: ["", ...segments.slice(1)].join(".") });
  if (scene.encrypted)
    refuse(
      "encrypted-key",
      "an encrypted key of one byte",
      put(1, () => "AA"),
      true,
    );
  const b64 = (name: string, mutation: string, message: Message): void =>
    scene.refuse(name, mutation, ["b64:canonical"], message, B64);
  b64("padding", "base64 padding at the end", { text: `${text}=` });
  b64("newline", "a line feed at the end", { text: `${text}\n` });
  b64(
    "alphabet",
    "a character of the other base64 alphabet",
    put(-1, (bytes) => `+${b64u(bytes).slice(1)}`),
  );
  b64("pad-bits", "a pad bit of the last segment is set", put(-1, padBits));
  b64(
    "length",
    "a segment of impossible length",
    put(-1, (bytes) => `${b64u(bytes.subarray(0, 15))}A`),
  );
  const [protectedHeader, payload, signature] = segments;
  const serialization = scene.encrypted
    ? { protected: segments[0], iv: segments[2], ciphertext: segments[3], tag: segments[4] }
    : { payload, signatures: [{ protected: protectedHeader, signature }] };
  const form = (name: string, mutation: string, content: object): void =>
    scene.refuse(name, mutation, ["wire:form"], { text: JSON.stringify(content) }, HEADER);
  form("json-serialization", "the same object in a JSON serialization of JOSE", serialization);
  form("bare-json", "the claims without protection", scene.claims());
}

function binaryEncoding(scene: Scene, text: string): void {
  const honest = bytesOf(scene.message());
  const refuse = (name: string, mutation: string, bytes: Uint8Array): void =>
    scene.refuse(name, mutation, ["wire:frame"], binary(bytes), CBOR);
  const [first = Buffer.alloc(0), ...rest] = parts(honest);
  refuse("empty", "an empty message", Buffer.alloc(0));
  refuse("truncated", "the last byte is missing", honest.subarray(0, -1));
  refuse("trailing", "one more byte", Buffer.concat([honest, Buffer.of(0)]));
  refuse(
    "indefinite",
    "an array of indefinite length",
    Buffer.concat([Buffer.of(0x9f), ...parts(honest), Buffer.of(0xff)]),
  );
  refuse("long-head", "a head that is not the shortest", Buffer.concat([head(4, 4, 1), honest.subarray(1)]));
  refuse(
    "long-form",
    "a form in two bytes",
    Buffer.concat([honest.subarray(0, 1), head(0, first[0] as number, 1), ...rest]),
  );
  refuse("tagged", "the array under tag 24", Buffer.concat([head(6, 24), honest]));
  refuse("extra-element", "one more element", Buffer.concat([head(4, 5), ...parts(honest), Buffer.of(0)]));
  refuse("unknown-form", "a form that does not exist", Buffer.concat([head(4, 4), head(0, 5), ...rest]));
  const data = unbstr(rest.at(-1) as Buffer);
  const asText = Buffer.concat([head(3, data.length), data]);
  refuse(
    "text-string",
    "a text string where bytes belong",
    Buffer.concat([head(4, 4), first, ...rest.slice(0, -1), asText]),
  );
  if (scene.encrypted) {
    const beyond = Buffer.concat([head(4, 4), first, head(0, 0), head(0, 2n ** 53n), rest.at(-1) as Buffer]);
    refuse("seq-2-53", "a sequence number of 2^53", beyond);
    const [protectedHeader, , iv, ciphertext, tag] = text.split(".").map(unb64u) as Buffer[];
    const withKey = binary(cbor([2, protectedHeader, Buffer.of(0), iv, ciphertext, tag]));
    scene.refuse(
      "encrypted-key",
      "the full form with an encrypted key of one byte",
      ["wire:encrypted-key"],
      withKey,
      CBOR,
    );
  }
  const header = (name: string, mutation: string, req: string, message: Message): void =>
    scene.refuse(name, mutation, [req], message, HEADER);
  header("full-form", "the full form of the same object", "wire:form", full("binary", text));
  header("bare-json", "the claims without protection", "wire:form", full("binary", JSON.stringify(scene.claims())));
  const otherForm = scene.encrypted
    ? cbor([4, 0, unb64u(text.split(".")[3] as string), unb64u(text.split(".")[4] as string)])
    : cbor([3, 0, SEQ, Buffer.concat(text.split(".").slice(1).map(unb64u))]);
  header("other-short-form", "the short form of the other kind of level", "wire:form", binary(otherForm));
  header("epoch", "the h of another epoch", "header:not-in-table", scene.message({}, { h: 2 }));
  header("h-max", "an h of 2^53 - 1", "header:not-in-table", scene.message({}, { h: Number.MAX_SAFE_INTEGER }));
  if (!scene.encrypted)
    header("parity", "the h of control messages", "header:not-in-table", scene.message({}, { h: 1 }));
  else {
    const message = scene.message({}, { h: 1 });
    scene.refuse("parity", "the h of control messages", ["level:verify"], message, ["E_CRYPTO", "crypto"]);
  }
  if (scene.encrypted) {
    const float = Buffer.concat([
      head(4, 4),
      first,
      head(0, 0),
      cbor(new Raw(unhex("fb4014000000000000"))),
      rest.at(-1) as Buffer,
    ]);
    refuse("seq-float", "a sequence number as floating point", float);
  }
}

/** The encoded elements of a frame in short form. */
function parts(frame: Buffer): Buffer[] {
  const out: Buffer[] = [];
  for (let at = 1; at < frame.length; ) {
    const info = (frame[at] as number) & 31;
    const width = info < 24 ? 0 : 2 ** (info - 24);
    const argument = width === 0 ? info : frame.readUIntBE(at + 1, width);
    const end = at + 1 + width + ((frame[at] as number) >> 5 === 2 ? argument : 0);
    out.push(frame.subarray(at, end));
    at = end;
  }
  return out;
}

const unbstr = (element: Buffer): Buffer => {
  const info = (element[0] as number) & 31;
  return element.subarray(1 + (info < 24 ? 0 : 2 ** (info - 24)));
};

/** Headers travel on the text wire only. `all` for one codec of a level, the first few for the other. */
export function headerRefusals(scene: Scene, all: boolean): void {
  const { channel } = scene;
  const header = messageHeader(channel);
  const refuse = (name: string, mutation: string, content: object | string, ...more: string[]): void => {
    const message = scene.message({}, { header: content });
    scene.refuse(name, mutation, ["header:not-in-table", ...more], message, HEADER);
  };
  refuse(
    "member-order",
    "the members of the header in the opposite order",
    Object.fromEntries(Object.entries(header).reverse()),
    "header:exact",
  );
  const otherKid =
    scene.signed && scene.level === "sig" ? thumbprint(scene.stranger) : b64u(flip(channel.keys.kid, -1));
  refuse("other-kid", "the kid of a key that does not exist here", { ...header, kid: otherKid });
  refuse("own-kid", "the kid of the opener's own direction", { ...header, kid: messageHeader(scene.reverse).kid });
  const { cty, ...plain } = header as { cty?: string };
  refuse("cty", cty ? "cty left out" : "the cty of the other codec", cty ? plain : insertCty(header));
  if (!all) return;
  refuse("white-space", "a space after the first colon", JSON.stringify(header).replace(":", ": "), "header:exact");
  refuse(
    "header-duplicate",
    "the member alg twice",
    JSON.stringify(header).replace("{", `{"alg":"${header.alg as string}",`),
  );
  for (const [name, member] of EXTRA) refuse(name, `a header member ${name}`, { ...header, ...member });
  for (const typ of TYPES) refuse(`typ-${typ.toLowerCase().replace(/[/+]/g, "-")}`, `typ ${typ}`, { ...header, typ });
  const { typ: _, ...untyped } = header;
  refuse("typ-missing", "typ left out", untyped);
  const none = { alg: "none", typ: "sealwire+jwt" };
  const unsigned = withSegment(jws(none, json(scene.claims()), Buffer.alloc(32)), 2, () => "");
  scene.refuse("alg-none", "an unsecured JWS", ["header:not-in-table"], { text: unsigned }, HEADER);
  const other = { ...channel, level: scene.encrypted ? ("mac" as const) : ("aead" as const) };
  const message = { text: compact(other, scene.claims()) };
  scene.refuse("other-level", `sealed as at level ${other.level}`, ["header:not-in-table"], message, HEADER);
  if (scene.level === "sig") keyConfusion(scene);
}

/** HMAC under the bytes of the public key: what an opener would verify that takes alg from the header. */
function keyConfusion(scene: Scene): void {
  const { signer } = scene.channel;
  const secret = Buffer.concat([signer?.x, signer?.y].map((c) => unb64u(c ?? "")));
  const header = { ...messageHeader(scene.channel), alg: "HS256" };
  const message = scene.message({}, { header, signer: secret });
  scene.refuse("hs256-public-key", "HS256 with the public key as secret", ["header:not-in-table"], message, HEADER);
  if (signer?.alg === "Ed25519") {
    const message = scene.message({}, { header: { ...messageHeader(scene.channel), alg: "EdDSA" } });
    scene.refuse("alg-eddsa", "the older name of the algorithm", ["header:not-in-table"], message, HEADER);
  }
  const mac = { alg: "HS256", kid: keyId(scene.channel.keys), typ: "sealwire+jwt" };
  const atMac = scene.message({}, { header: mac, signer: scene.channel.keys.mac });
  scene.refuse("level-mac", "sealed as at level mac", ["header:not-in-table"], atMac, HEADER);
}

function insertCty(header: Readonly<Record<string, unknown>>): object {
  const names = Object.keys(header);
  const at = names.indexOf("kid");
  const entries = Object.entries(header);
  return Object.fromEntries([...entries.slice(0, at), ["cty", "sealwire+cbor"], ...entries.slice(at)]);
}

const EXTRA: readonly (readonly [string, object])[] = [
  ["crit", { crit: ["exp"] }],
  ["b64", { b64: false }],
  ["zip", { zip: "DEF" }],
  ["jku", { jku: "https://keys.example/jwks" }],
  ["x5u", { x5u: "https://keys.example/chain" }],
  ["jwk", { jwk: { kty: "oct", k: "AA" } }],
  ["p2c", { p2c: 1000000 }],
];
const TYPES = [
  "at+jwt",
  "dpop+jwt",
  "secevent+jwt",
  "JWT",
  "application/sealwire+jwt",
  "sealwire-sh+jwt",
  "sealwire-sr+jwt",
  "sealwire-env+jwt",
];

/** Messages of the same endpoints from elsewhere: the other direction, another connection. */
export function elsewhereRefusals(scene: Scene): void {
  const { channel, wire, level } = scene;
  const hidden = wire === "binary";
  const reflected = { ...scene.claims(), bnd: scene.signed ? keyId(scene.reverse.keys) : undefined };
  const { iss, aud } = scene.reverse;
  const own = compact(scene.reverse, scene.signed ? { ...reflected, iss, aud } : reflected);
  const verdict = hidden ? (["E_CRYPTO", "crypto"] as const) : HEADER;
  const req = hidden ? ["level:verify"] : ["header:not-in-table"];
  scene.refuse("reflected", "a message that the opener sealed itself", req, scene.send(own), verdict);
  const keys = OTHER_CONNECTION[scene.options.from];
  const elsewhere = compact({ ...channel, keys }, scene.claims(scene.signed ? { bnd: keyId(keys) } : {}));
  const message = scene.send(elsewhere);
  if (level === "sig") {
    scene.refuse(
      "other-connection",
      "signed for another connection of the same endpoints",
      ["claims:binding"],
      message,
      ["E_BINDING", "claims"],
    );
  } else scene.refuse("other-connection", "from another connection of the same endpoints", req, message, verdict);
}
