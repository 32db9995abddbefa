// Messages of a session (specs/envelope.md), right or wrong at every place.
import { type Bytes, b64u, json, labelled, unb64u } from "./bytes.ts";
import { cbor } from "./cbor.ts";
import { type Content, jwe, jws, type Message, nonce, short } from "./jose.ts";
import type { Keys } from "./kdf.ts";
import { type Jwk, thumbprint } from "./keys.ts";

export type Wire = "text" | "binary";
export type Level = "mac" | "sig" | "aead" | "nest";
export type Codec = "json" | "cbor";
export type Claims = Readonly<Record<string, unknown>>;

/** One direction of a session. `signer`, `iss` and `aud` belong to the levels `sig` and `nest`. */
export interface Channel {
  readonly wire: Wire;
  readonly level: Level;
  readonly codec: Codec;
  readonly keys: Keys;
  /** That of `keys`; 0 until the first rekey of a connection. */
  readonly epoch?: number;
  readonly signer?: Jwk;
  readonly iss?: string;
  readonly aud?: string;
}

/** What is done otherwise than the specification says. */
export interface Faults {
  /** Protected header; at `nest` the outer one. */
  readonly header?: Content;
  /** Protected header of the JWS inside `nest`. */
  readonly inner?: Content;
  /** What signs: `mac` and `sig`, and inside `nest`. */
  readonly signer?: Bytes | Jwk;
  /** Content key. */
  readonly key?: Bytes;
  readonly iv?: Bytes;
  /** Plaintext of `nest` in place of a JWS. */
  readonly plaintext?: Content;
  /** Number in the frame and the IV in place of that in the claims. */
  readonly seq?: number;
  readonly h?: number;
}

/** The keys that a key schedule would give, from a label. */
export const directionKeys = (label: string): Keys => ({
  key: labelled(`${label} key`),
  iv: labelled(`${label} iv`).subarray(0, 12),
  mac: labelled(`${label} mac`),
  kid: labelled(`${label} kid`).subarray(0, 16),
});

export const keyId = (keys: Keys): string => b64u(keys.kid);

const signedHeader = (codec: Codec, signer: Jwk): Claims => ({
  alg: signer.alg,
  ...(codec === "cbor" ? { cty: "sealwire+cbor" } : {}),
  kid: thumbprint(signer),
  typ: "sealwire+jwt",
});

export const controlHeader = (keys: Keys): Claims => ({
  alg: "dir",
  enc: "A256GCM",
  kid: keyId(keys),
  typ: "sealwire-ctl+jwt",
});

/** The header of application messages, at `nest` the outer one. */
export function messageHeader({ level, codec, keys, signer }: Channel): Claims {
  const [kid, typ] = [keyId(keys), "sealwire+jwt"];
  const cty = codec === "cbor" ? { cty: "sealwire+cbor" } : {};
  if (level === "sig") return signedHeader(codec, signer as Jwk);
  if (level === "mac") return { alg: "HS256", ...cty, kid, typ };
  return { alg: "dir", enc: "A256GCM", ...(level === "nest" ? { cty: "JWT" } : cty), kid, typ };
}

export const innerHeader = ({ codec, signer }: Channel): Claims => signedHeader(codec, signer as Jwk);

const ORDER = "iss aud bnd seq jti iat exp top ref req dat bin bat rcv pad".split(" ");

/** The claims in the order of the table; others follow in the order in which they came. */
export function ordered(claims: Claims): Claims {
  const known = ORDER.filter((name) => claims[name] !== undefined).map((name) => [name, claims[name]]);
  return Object.fromEntries([...known, ...Object.entries(claims).filter(([name]) => !ORDER.includes(name))]);
}

/** Bytes and strings stand as they are. */
export function encodeClaims(codec: Codec, claims: Claims | Bytes | string): Bytes {
  if (claims instanceof Uint8Array) return claims;
  if (typeof claims === "string") return json(claims);
  return codec === "cbor" ? cbor(ordered(claims)) : json(ordered(claims));
}

/** The JWS inside a message at `nest`. */
export const innerJws = (channel: Channel, claims: Claims | Bytes | string, faults: Faults = {}): string =>
  jws(
    faults.inner ?? innerHeader(channel),
    encodeClaims(channel.codec, claims),
    faults.signer ?? (channel.signer as Jwk),
  );

/** An application message in text form. Claims that are bytes or text need `seq` among the faults where they are encrypted. */
export function compact(channel: Channel, claims: Claims | Bytes | string, faults: Faults = {}): string {
  const { level, keys, codec, signer } = channel;
  const header = faults.header ?? messageHeader(channel);
  if (level === "mac" || level === "sig") {
    const key = faults.signer ?? (level === "mac" ? keys.mac : (signer as Jwk));
    return jws(header, encodeClaims(codec, claims), key);
  }
  const iv = faults.iv ?? nonce(keys.iv, seqOf(claims, faults));
  const plaintext =
    level === "aead" ? encodeClaims(codec, claims) : (faults.plaintext ?? innerJws(channel, claims, faults));
  return jwe(header, faults.key ?? keys.key, iv, plaintext);
}

const seqOf = (claims: Claims | Bytes | string, { seq }: Faults): number => seq ?? ((claims as Claims).seq as number);

/** An application message on its wire. */
export function applicationMessage(channel: Channel, claims: Claims | Bytes | string, faults: Faults = {}): Message {
  const seq = seqOf(claims, faults) ?? 0;
  return short(channel.wire, compact(channel, claims, faults), faults.h ?? 2 * (channel.epoch ?? 0), seq);
}

const CONTROL_ORDER = "seq top n epk at code ref exp scp rcv".split(" ");

/** The members of a control message in the order of the specification, as text; others follow. */
export function controlClaims(claims: Claims | string): string {
  if (typeof claims === "string") return claims;
  const others = Object.keys(claims).filter((name) => !CONTROL_ORDER.includes(name));
  return JSON.stringify(Object.fromEntries([...CONTROL_ORDER, ...others].map((name) => [name, claims[name]])));
}

/** A control message in text form: the same at every level, JSON. */
export function compactControl({ keys }: Channel, claims: Claims | string, faults: Faults = {}): string {
  const iv = faults.iv ?? nonce(keys.iv, seqOf(claims, faults));
  return jwe(faults.header ?? controlHeader(keys), faults.key ?? keys.key, iv, controlClaims(claims));
}

export function controlMessage(channel: Channel, claims: Claims | string, faults: Faults = {}): Message {
  return short(
    channel.wire,
    compactControl(channel, claims, faults),
    faults.h ?? 2 * (channel.epoch ?? 0) + 1,
    seqOf(claims, faults),
  );
}

/** The same compact object with one segment (negative: from the end) replaced: its bytes, or its text. */
export function withSegment(text: string, index: number, change: (bytes: Buffer) => Bytes | string): string {
  const segments = text.split(".");
  const at = index < 0 ? segments.length + index : index;
  const changed = change(unb64u(segments[at] as string));
  segments[at] = typeof changed === "string" ? changed : b64u(changed);
  return segments.join(".");
}

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** The base64url of bytes whose number is no multiple of three, with a pad bit set: the same bytes in a second spelling. */
export function padBits(bytes: Bytes): string {
  const text = b64u(bytes);
  const last = ALPHABET.indexOf(text.at(-1) as string);
  return `${text.slice(0, -1)}${ALPHABET[last | 1]}`;
}
