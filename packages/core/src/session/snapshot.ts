import type { CryptoBackend } from "../crypto/backend.ts";
import { checkPublicJwk, publicJwkOf } from "../crypto/jwk.ts";
import type { Ref } from "../envelope/claims.ts";
import { SealwireError } from "../errors.ts";
import { all, chain, type Maybe } from "../maybe.ts";
import { CODECS, ERRORS, type ErrorCode, LEVELS, type Limits, SIGNATURE_ALGS, SUITES } from "../registry.generated.ts";
import { decodeBase64url, encodeBase64url } from "../wire/base64url.ts";
import { decodeUtf8, utf8 } from "../wire/bytes.ts";
import { type Json, parseJson } from "../wire/json.ts";
import type { Said } from "./answers.ts";
import { type Chain, chainOf } from "./chain.ts";
import type { ProofKey } from "./client-handshake.ts";
import type { PartyKey } from "./epoch.ts";
import type { SessionFacts } from "./established.ts";
import { Ledger } from "./ledger.ts";
import type { Time } from "./payload.ts";
import { Piece } from "./pieces.ts";
import { Kept } from "./retention.ts";
import type { Part } from "./undelivered.ts";

/** A server's session between two connections: everything that another node needs to go on with it. */
export interface SessionState {
  readonly facts: SessionFacts;
  readonly ledger: Ledger;
  readonly refusals: readonly Readonly<Said>[];
  readonly scopes: readonly string[];
  /** NumericDate. */
  readonly expiresAt: number;
  /** What the SDK around the session keeps with it. */
  readonly extra: Json;
}

/** What a state is read with: the cryptography and the identity of the node that goes on with the session. */
export interface RestoreOptions {
  readonly backend: CryptoBackend;
  readonly limits: Limits;
  readonly serverId: string;
  readonly signers: readonly ProofKey[];
  readonly time: Time;
}

const VERSION = 3;

/**
 * The state as bytes: JSON, version 3. Secret: it holds the chains, with which anybody can be either end of the session,
 * and the unacknowledged messages in clear. @throws TypeError where the chains of the session are not exportable
 */
export function encodeSession(state: SessionState, { unix, elapsed }: Time): Uint8Array {
  const { facts, ledger, refusals, scopes, expiresAt, extra } = state;
  const { keys } = facts;
  return utf8.encode(
    JSON.stringify({
      v: VERSION,
      at: unix,
      sid: facts.id,
      pol: { pop: facts.policy.pop, res: facts.policy.res, seq: facts.policy.seq },
      lvl: keys.level,
      cod: keys.codec,
      st: keys.suite,
      aud: keys.serverId,
      key: keys.serverKey?.id.thumbprint ?? null,
      cnf: keys.clientKey === undefined ? null : clientKey(keys.clientKey),
      lim: [facts.messageBytes, facts.peerMessageBytes],
      sub: facts.subject,
      beg: facts.startedAt,
      end: facts.longestEnd,
      seq: [ledger.sent, ledger.acknowledged, ledger.committed],
      prt: ledger.part === undefined ? null : [ledger.part.seq, ledger.part.settled],
      ctl: ledger.budget.control.level(elapsed),
      rsm: ledger.budget.resumes.level(elapsed),
      ack: ledger.freeAcks,
      itm: ledger.budget.freeItemErrs,
      chn: ledger.chains.map(chainBytes),
      out: ledger.retention.all().map(outgoing),
      err: refusals.map(({ ref, code, seq }) => [ref, code, seq ?? null]),
      scp: scopes,
      exp: expiresAt,
      ext: extra,
    }),
  );
}

function clientKey({ id, verifier }: PartyKey): Json {
  if (verifier === undefined) throw new TypeError("the client's key is not known");
  return { alg: id.alg, jkt: id.thumbprint, jwk: { ...publicJwkOf(verifier.publicJwk) } };
}

function chainBytes({ bytes }: Chain): string {
  if (bytes === undefined) throw new TypeError("the chains of this session are not exportable");
  return encodeBase64url(bytes);
}

const outgoing = ({ seq, jti, exp, claims, topics }: Kept): Json => [
  seq,
  jti ?? null,
  exp,
  claims === undefined ? null : encodeBase64url(claims),
  topics,
];

/**
 * Reads what `encodeSession` wrote, and nothing else.
 * @throws SealwireError E_RESUME for another version or form, another server, and at levels sig and nest for an identity key
 * that this node does not have
 */
export function decodeSession(bytes: Uint8Array, o: RestoreOptions): Maybe<SessionState> {
  const s = members(parseJson(decodeUtf8(bytes, invalid), invalid, UNBOUNDED), MEMBERS);
  if (s.v !== VERSION) return invalid("version");
  if (s.aud !== o.serverId) return invalid("another server");
  const [level, codec, suite] = [oneOf(s.lvl, LEVELS), oneOf(s.cod, CODECS), oneOf(s.st, SUITES)];
  const pol = members(s.pol, ["pop", "res", "seq"]);
  const policy = {
    pop: oneOf(pol.pop, ["required", "optional"] as const),
    res: integer(pol.res),
    seq: oneOf(pol.seq, ["strict"] as const),
  };
  const [messageBytes, peerMessageBytes] = tuple(s.lim, 2).map(integer) as [number, number];
  const [sent, acknowledged, committed] = tuple(s.seq, 3).map(integer) as [number, number, number];
  if (acknowledged > sent) return invalid("seq");
  // What the peer has not used for a while it may use again, as on a node that kept the session.
  const seconds = Math.max(0, o.time.unix - number(s.at)) / 1000;
  const { controlPerSecond, controlBurst, resumesPerMinute } = o.limits;
  const control = Math.min(controlBurst, number(s.ctl) + seconds * controlPerSecond);
  const resumes = Math.min(resumesPerMinute, number(s.rsm) + (seconds / 60) * resumesPerMinute);
  const [freeAcks, freeItemErrs] = [integer(s.ack), integer(s.itm)];
  const start = { sent, acknowledged, committed, control, resumes, freeAcks, freeItemErrs, part: partOf(s.prt) };
  const ledger = new Ledger(o.limits, true, start);
  for (const kept of list(s.out).map(keptOf)) ledger.retention.add(kept);
  const signed = level === "sig" || level === "nest";
  const serverKey = o.signers.find(({ id }) => id.thumbprint === s.key) ?? (signed ? invalid("key") : o.signers[0]);
  const keys = { level, codec, suite, serverId: o.serverId, serverKey, exportableChain: true, role: "server" } as const;
  const facts = { id: text(s.sid), policy, messageBytes, peerMessageBytes, subject: text(s.sub) };
  const [startedAt, longestEnd] = [integer(s.beg), integer(s.end)];
  const rest = {
    refusals: list(s.err).map(saidOf),
    scopes: list(s.scp).map(text),
    expiresAt: integer(s.exp),
    extra: s.ext as Json,
  };
  const chains = list(s.chn).map((one) => chainOf(o.backend, base64url(one)));
  return chain(all<readonly Chain[]>(chains), (chains) => {
    ledger.chains = chains;
    return chain(clientKeyOf(s.cnf, o.backend), (clientKey) => ({
      ...rest,
      ledger,
      facts: { ...facts, startedAt, longestEnd, keys: { ...keys, backend: o.backend, clientKey } },
    }));
  });
}

/** Names of the members, in the order in which they are written. */
const MEMBERS =
  "v at sid pol lvl cod st aud key cnf lim sub beg end seq prt ctl rsm ack itm chn out err scp exp ext".split(" ");

/** It was written by a node of this server: what bounds strangers does not bound it. */
const UNBOUNDED = { maxDepth: 64, maxMembers: Number.MAX_SAFE_INTEGER, maxNodes: Number.MAX_SAFE_INTEGER };

function clientKeyOf(value: unknown, backend: CryptoBackend): Maybe<PartyKey | undefined> {
  if (value === null) return undefined;
  const { alg, jkt, jwk } = members(value, ["alg", "jkt", "jwk"]);
  const checked = checkPublicJwk(jwk, "sign", { exact: true });
  if (!checked.ok) return invalid("cnf");
  const id = { alg: oneOf(alg, SIGNATURE_ALGS), thumbprint: text(jkt) };
  return chain(backend.importVerifier(checked.jwk), (verifier) => ({ id, verifier }));
}

function keptOf(value: unknown): Kept {
  const [seq, jti, exp, sealed, topics] = tuple(value, 5);
  const claims = sealed === null ? undefined : base64url(sealed);
  const [first = invalid("a message without a topic"), ...others] = list(topics).map(text);
  const id = jti === null ? undefined : text(jti);
  const kept = Kept.of(integer(seq), id, integer(exp), first, claims?.length ?? 0);
  for (const topic of others) kept.join(topic, 0);
  if (claims !== undefined) kept.hold(new Piece(claims, true), 0, claims.length);
  return kept;
}

function partOf(value: unknown): Part | undefined {
  if (value === null) return undefined;
  const [seq, settled] = tuple(value, 2);
  return { seq: integer(seq), settled: list(settled).map(integer) };
}

function saidOf(value: unknown): Said {
  const [ref, code, seq] = tuple(value, 3);
  const of = Array.isArray(ref) ? (tuple(ref, 2).map(integer) as [number, number]) : integer(ref);
  return {
    ref: of as Ref,
    code: oneOf(code, Object.keys(ERRORS) as ErrorCode[]),
    seq: seq === null ? undefined : integer(seq),
  };
}

/** Names a rule, never what is stored. */
function invalid(detail: string): never {
  throw new SealwireError("E_RESUME", { stage: "session", detail: `stored session: ${detail}` });
}

function members(value: unknown, names: readonly string[]): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return invalid("not an object");
  const own = Object.keys(value);
  if (own.length !== names.length || !names.every((name) => own.includes(name))) return invalid("members");
  return value as Readonly<Record<string, unknown>>;
}

const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : invalid("not an array"));

function tuple(value: unknown, length: number): readonly unknown[] {
  return list(value).length === length ? list(value) : invalid("length of an array");
}

const text = (value: unknown): string => (typeof value === "string" ? value : invalid("not a string"));
const number = (value: unknown): number =>
  typeof value === "number" && value >= 0 ? value : invalid("not a number from 0");
const integer = (value: unknown): number => (Number.isSafeInteger(value) ? number(value) : invalid("not an integer"));

function oneOf<T extends string>(value: unknown, names: readonly T[]): T {
  return names.find((name) => name === value) ?? invalid("a name that is not known");
}

function base64url(value: unknown): Uint8Array {
  try {
    return decodeBase64url(text(value));
  } catch {
    return invalid("not base64url");
  }
}
