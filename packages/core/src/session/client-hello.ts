import type { PublicJwk } from "../crypto/backend.ts";
import { checkPublicJwk } from "../crypto/jwk.ts";
import { fail, isIdentifier, isInteger } from "../envelope/claims.ts";
import { decodeObject } from "../envelope/claims-json.ts";
import { SealwireError } from "../errors.ts";
import {
  CODECS,
  type Codec,
  DEFAULT_LIMITS,
  LEVELS,
  type Level,
  SIGNATURE_ALGS,
  type SignatureAlg,
  SUITES,
  type SuiteId,
} from "../registry.generated.ts";
import { isBase64url } from "../wire/base64url.ts";
import { utf8 } from "../wire/bytes.ts";

/** ClientHello, in its member order. Sent in clear: SH signs it and every key depends on it. */
export interface ClientHello {
  /** 1; another one is refused after the syntax of this draft. */
  readonly v: number;
  readonly rnd: string;
  readonly aud: string;
  readonly prt: readonly string[];
  readonly st: readonly string[];
  /** Checked key by key with `agreementKey`, after prt and aud. */
  readonly kex: readonly unknown[];
  readonly lvl: readonly string[];
  readonly sig: readonly string[];
  readonly cod: readonly string[];
  readonly msg: number;
  /** Of a resume: the highest sequence number that the client has committed, and the hash of an upgrade token. */
  readonly rcv?: number;
  readonly ath?: string;
}

export function encodeClientHello(h: ClientHello): Uint8Array {
  const { v, rnd, aud, prt, st, kex, lvl, sig, cod, msg, rcv, ath } = h;
  const rs = rcv === undefined ? undefined : { rcv };
  const members = { typ: "sealwire-ch", v, rnd, aud, prt, st, kex, lvl, sig, cod, lim: { msg }, rs, ath };
  return utf8.encode(JSON.stringify(members));
}

/** Syntax of CH. Unknown members are ignored, but hashed with the rest; unknown names in the offers are kept. */
export function decodeClientHello(json: Uint8Array, resume = false): ClientHello {
  const o = decodeObject(
    json,
    fail,
    (path) => path[0] === "v" || isMessageLimit(path) || (resume && isResumeNumber(path)),
  );
  if (o.typ !== "sealwire-ch") fail("typ is not sealwire-ch");
  if (!isInteger(o.v, 0)) return fail("v is not an integer");
  if (typeof o.rnd !== "string" || !isBase64url(o.rnd, 43)) return fail("rnd is not 32 bytes");
  if (!isIdentifier(o.aud)) return fail("aud is not an identifier");
  const prt = names(o.prt, "prt", 8);
  if (!prt.every((p) => p.startsWith("sealwire.v"))) fail("prt holds something that is no Sealwire subprotocol");
  const st = names(o.st, "st", 4);
  if (!Array.isArray(o.kex) || o.kex.length !== st.length) return fail("kex and st differ in length");
  return {
    v: o.v,
    rnd: o.rnd,
    aud: o.aud,
    prt,
    st,
    kex: o.kex,
    lvl: names(o.lvl, "lvl", 16),
    sig: names(o.sig, "sig", 16),
    cod: names(o.cod, "cod", 16),
    msg: messageLimit(o.lim),
    ...(resume ? { rcv: resumeNumber(o.rs), ...resumeHash(o.ath) } : {}),
  };
}

/** Where `rs.rcv` stands. */
export const isResumeNumber = (path: readonly (string | number)[]): boolean =>
  path.length === 2 && path[0] === "rs" && path[1] === "rcv";

export function resumeNumber(rs: unknown): number {
  const rcv = (rs as { rcv?: unknown } | null | undefined)?.rcv;
  return isInteger(rcv, 0) ? rcv : fail("rs.rcv is not an integer from 0");
}

function resumeHash(ath: unknown): { readonly ath?: string } {
  if (ath === undefined) return {};
  return typeof ath === "string" && isBase64url(ath, 43) ? { ath } : fail("ath is not a hash");
}

/** The key offered for `suite`. Every key of a known suite is checked; one of an unknown suite is never used. */
export function agreementKey(hello: ClientHello, suite: SuiteId): PublicJwk {
  const keys = hello.st.map((name, i) => {
    const known = SUITES.find((s) => s === name);
    return known && ephemeralKey(hello.kex[i], known);
  });
  return keys[hello.st.indexOf(suite)] as PublicJwk;
}

const KEY_TYPE = { p256: { kty: "EC", crv: "P-256" }, x25519: { kty: "OKP", crv: "X25519" } } as const;

/** A received ephemeral key: the members of its suite (E_CLAIMS), then our own point check (E_KEY), before any library sees it. */
export function ephemeralKey(value: unknown, suite: SuiteId): PublicJwk {
  const { kty, crv } = (value ?? {}) as { kty?: unknown; crv?: unknown };
  if (kty !== KEY_TYPE[suite].kty || crv !== KEY_TYPE[suite].crv) return fail("key of another type than its suite's");
  const checked = checkPublicJwk(value, "agree", { exact: true });
  if (checked.ok) return checked.jwk;
  if (checked.reason === "members") return fail(checked.detail);
  throw new SealwireError("E_KEY", { stage: "claims", detail: checked.detail });
}

/** Where `lim.msg` stands: an integer of this protocol, unlike other members of `lim`. */
export const isMessageLimit = (path: readonly (string | number)[]): boolean =>
  path.length === 2 && path[0] === "lim" && path[1] === "msg";

export function messageLimit(lim: unknown): number {
  const msg = (lim as { msg?: unknown } | null | undefined)?.msg;
  return isInteger(msg, DEFAULT_LIMITS.messageBytesMin)
    ? msg
    : fail("lim.msg is missing or below the limit messageBytesMin");
}

function names(value: unknown, name: string, max: number): readonly string[] {
  if (!Array.isArray(value) || value.length < 1 || value.length > max) return fail(`${name} is not 1 to ${max} names`);
  if (!value.every((v) => typeof v === "string" && v.length >= 1 && v.length <= 64))
    fail(`${name} holds something that is no name`);
  return value.every((v, i) => value.indexOf(v) === i) ? value : fail(`${name} names something twice`);
}

export interface Offer {
  readonly suites: readonly SuiteId[];
  readonly levels: readonly Level[];
  readonly codecs: readonly Codec[];
  readonly signatures: readonly SignatureAlg[];
}

export const FULL_OFFER: Offer = { suites: SUITES, levels: LEVELS, codecs: CODECS, signatures: SIGNATURE_ALGS };

/** The first of the offered names, in the order of the client's preference, that the server supports. */
export function select<T extends string>(offered: readonly string[], supported: readonly T[]): T | undefined {
  return offered.find((name): name is T => supported.includes(name as T));
}
