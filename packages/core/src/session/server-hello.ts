import type { MacKey, Signer, Verifier } from "../crypto/backend.ts";
import { fail, isIdentifier, isInteger } from "../envelope/claims.ts";
import { decodeObject } from "../envelope/claims-json.ts";
import { type Header, type SignerId, serverHelloHeader } from "../envelope/headers.ts";
import { parseHeader } from "../envelope/parsed-header.ts";
import { SealwireError } from "../errors.ts";
import type { KeySet } from "../keys/keyset.ts";
import { chain, type Maybe } from "../maybe.ts";
import { encodeBase64url, isBase64url } from "../wire/base64url.ts";
import { followedBy, passingUtf8, utf8 } from "../wire/bytes.ts";
import { compactJws, signingInput, signingInputOf, type WireFrame } from "../wire/frame.ts";
import { isMessageLimit, isResumeNumber, messageLimit, resumeNumber } from "./client-hello.ts";
import type { MessageOrder } from "./types.ts";

export interface SessionPolicy {
  /** Required: every session proves possession of its token's key. Levels sig and nest need it. */
  readonly pop: "required" | "optional";
  /** Seconds for which a session can be resumed after its connection is gone; 0 for not at all. */
  readonly res: number;
  readonly seq: MessageOrder;
}

const policies = new Map<string, SessionPolicy>();

/** A server has few, which all of its sessions share. */
export function policyOf(pop: SessionPolicy["pop"], res: number, seq: MessageOrder): SessionPolicy {
  const name = `${pop} ${res} ${seq}`;
  let policy = policies.get(name);
  if (policy === undefined) {
    policy = Object.freeze({ pop, res, seq });
    policies.set(name, policy);
  }
  return policy;
}

/** ServerHello: the server's choice, under its signature. */
export interface ServerHello {
  /** Absent in a resume, where no identity key signs. */
  readonly iss: string | undefined;
  readonly iat: number;
  readonly th: string;
  readonly rnd: string;
  readonly prt: string;
  readonly st: string;
  /** As received: checked with `ephemeralKey` after all that is cheaper. */
  readonly epk: unknown;
  readonly lvl: string;
  readonly cod: string;
  readonly pol: SessionPolicy;
  readonly msg: number;
  /** Of a resume: the highest sequence number that the server has committed. */
  readonly rcv?: number;
}

/** A hello as it goes over the wire, and its text form, which is what the transcript hashes on both wires. */
export interface SignedHello {
  readonly frame: WireFrame & { readonly form: 1 };
  readonly text: Uint8Array;
}

export function encodeServerHello(h: ServerHello): Uint8Array {
  const { iss, iat, th, rnd, prt, st, epk, lvl, cod, pol, msg, rcv } = h;
  const rs = rcv === undefined ? undefined : { rcv };
  return passingUtf8(JSON.stringify({ iss, iat, th, rnd, prt, st, epk, lvl, cod, pol, lim: { msg }, rs }));
}

export function signServerHello(h: ServerHello, signer: Signer, id: SignerId): Maybe<SignedHello> {
  return signHello(serverHelloHeader(id), encodeServerHello(h), signer);
}

/** `key` signs: a private key, or the MAC key of a resume. */
export function signHello(
  header: Header,
  payload: Uint8Array,
  key: Pick<Signer, "sign"> | Pick<MacKey, "sign">,
): Maybe<SignedHello> {
  const input = signingInputOf(header.signed, payload);
  return chain(key.sign(input), (signature) => ({
    frame: { form: 1, protected: header.json, payload, signature },
    text: followedBy(input, `.${encodeBase64url(signature)}`),
  }));
}

/** A hello whose signature holds; what it says is compared by the caller. */
export interface VerifiedServerHello {
  readonly hello: ServerHello;
  /** The compact JWS as received, on both wires: m2 of the transcript. */
  readonly text: Uint8Array;
  readonly key: { readonly id: SignerId; readonly verifier: Verifier };
}

/** Header, key (found in the pinned set by thumbprint), alg and signature of SH, in this order; then its syntax. */
export async function verifyServerHello(
  frame: WireFrame,
  keys: KeySet,
  offeredAlgs: readonly string[],
): Promise<VerifiedServerHello> {
  // A client that sent a clear CH accepts a signed SH and nothing else.
  if (frame.form !== 1) throw new SealwireError("E_HEADER", { detail: "SH is not a JWS" });
  const header = parseHeader(frame.protected, "sealwire-sh+jwt", { jwk: false });
  const thumbprint = header.kid;
  const verifier = typeof thumbprint === "string" ? keys.find(thumbprint) : undefined;
  if (typeof thumbprint !== "string" || verifier === undefined) {
    throw new SealwireError("E_KEY", { stage: "header", detail: "SH is signed by a key that is not pinned" });
  }
  const { alg } = verifier;
  if (header.alg !== alg || !offeredAlgs.includes(alg)) throw new SealwireError("E_ALG");
  header.assertContentType();
  if ((await verifier.verify(signingInput(frame.protected, frame.payload), frame.signature)) !== true) {
    throw new SealwireError("E_SIG_SERVER");
  }
  return {
    hello: decodeServerHello(frame.payload, false),
    text: utf8.encode(compactJws(frame)),
    key: { id: { alg, thumbprint }, verifier },
  };
}

const isOwnInteger = (path: readonly (string | number)[]): boolean =>
  path[0] === "iat" || isMessageLimit(path) || (path[0] === "pol" && path[1] === "res");

export function decodeServerHello(json: Uint8Array, resume: boolean): ServerHello {
  const o = decodeObject(json, fail, (path) => isOwnInteger(path) || (resume && isResumeNumber(path)));
  if (!resume && !isIdentifier(o.iss)) return fail("iss is not an identifier");
  if (!isInteger(o.iat, 0)) return fail("iat is not a NumericDate");
  if (typeof o.th !== "string" || !isBase64url(o.th, 43)) return fail("th is not a hash");
  if (typeof o.rnd !== "string" || !isBase64url(o.rnd, 43)) return fail("rnd is not 32 bytes");
  const { iat, th, rnd, prt, st, lvl, cod } = o;
  for (const name of [prt, st, lvl, cod])
    if (typeof name !== "string") return fail("prt, st, lvl or cod is not a name");
  const [p, s, l, c] = [prt, st, lvl, cod] as string[];
  return {
    iss: resume ? undefined : (o.iss as string),
    iat,
    th,
    rnd,
    prt: p as string,
    st: s as string,
    epk: o.epk,
    lvl: l as string,
    cod: c as string,
    pol: policy(o.pol),
    msg: messageLimit(o.lim),
    ...(resume ? { rcv: resumeNumber(o.rs) } : {}),
  };
}

function policy(value: unknown): SessionPolicy {
  const { pop, res, seq } = (value ?? {}) as { [k: string]: unknown };
  if (pop !== "required" && pop !== "optional") return fail("pol.pop");
  if (!isInteger(res, 0)) return fail("pol.res");
  if (seq !== "strict" && seq !== "window") return fail("pol.seq");
  return { pop, res, seq };
}
