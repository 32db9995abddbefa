import { backend as defaultBackend } from "#backend";
import type { CryptoBackend, PrivateJwk } from "../crypto/backend.ts";
import type { CryptoKeyPair } from "../crypto/keypair.ts";
import { isIdentifier } from "../envelope/claims.ts";
import { checkLife } from "../envelope/time.ts";
import { notFatal, SealwireError } from "../errors.ts";
import { DEFAULT_LIMITS } from "../registry.generated.ts";
import { type ReplayStore, type ReplayVerdict, replayKey } from "../replay/store.ts";
import type { Data } from "../wire/json.ts";
import { assertEnvelope } from "./refusal.ts";
import { checkedLife, secondsOf } from "./seal.ts";
import { type IssuerKeys, importDecryptionKeys, type KeyResolver, signerLookup } from "./trust.ts";
import { decodeEnvelope, type Receiver, type VerifiedEnvelope, verifyEnvelope } from "./verify.ts";

/** In place of a replay store: every envelope can be delivered again until it has expired. For tests, and for reading archives. */
export const unsafeAllowReplay: unique symbol = Symbol("sealwire.unsafeAllowReplay");

export interface OpenOptions {
  /** The own identity; in an array the groups behind it. An encrypted envelope has to name the identity itself. */
  readonly audience: string | readonly string[];
  /** Signing keys by the identity of their issuer, or a function that finds one. An issuer that is not there is unknown. */
  readonly keys: IssuerKeys | KeyResolver;
  /** Own recipient keys: private JWKs with `alg` "ECDH-ES", or key pairs whose private half need not be extractable. */
  readonly decryptionKey?: PrivateJwk | CryptoKeyPair | readonly (PrivateJwk | CryptoKeyPair)[];
  /** Remembers what was delivered under the own identity: one store for all nodes that have it. */
  readonly replay: ReplayStore | typeof unsafeAllowReplay;
  /** Asked last, before the envelope is used up. Only `true` grants; what it throws is a denial. Default: every known issuer may. */
  readonly authorize?: (envelope: OpenedEnvelope) => boolean | Promise<boolean>;
  /**
   * Ends the wait for the store: the envelope is refused, and used up if the store takes it after all. For instance
   * `AbortSignal.timeout(250)`. Default: the store answers in a time of its own.
   */
  readonly signal?: AbortSignal;
  /** Longest life of an envelope in whole seconds, up to 86,400. Default 300. */
  readonly maxLife?: number;
  /** The clock, in milliseconds since 1970: core has none of its own. In a program `Date.now`. */
  readonly now: () => number;
}

/** A verified envelope. */
export interface OpenedEnvelope {
  /** Who signed: the identity that the key stands under in `keys`. */
  readonly issuer: string;
  /** Whom it names: the own identity, or one of the groups. */
  readonly audience: string;
  /** `jti`: different for every envelope of an issuer. */
  readonly id: string;
  readonly topic: string;
  readonly data: Data;
  /** `id` of the envelope that this one answers, if the issuer tells the truth. */
  readonly ref?: string;
  readonly issuedAt: Date;
  readonly expiresAt: Date;
  /** Of the key that signed. */
  readonly thumbprint: string;
  readonly encrypted: boolean;
  /** The compact JWS, for evidence; that inside of an encrypted envelope. No opener takes the latter for an envelope. */
  readonly jws: string;
}

/**
 * Opens a standalone envelope. What it resolves with was signed by `issuer` for this receiver, is within its life, was
 * granted by `authorize`, and is delivered once per replay store: a crash after that loses the message, it is not delivered
 * twice.
 *
 * Not checked: order, whether messages are missing, whether `ref` was ever sent, and what happens with the data.
 *
 * @throws TypeError for options that cannot work; SealwireError, never fatal, with the first step that failed: E_TOO_BIG,
 * E_MALFORMED, E_B64, E_CBOR, E_HEADER, E_TYP, E_KEY, E_ALG, E_CTY, E_CRYPTO, E_CLAIMS, E_BINDING, E_EXPIRED, E_FUTURE,
 * E_TTL, E_DENIED, E_REPLAY, E_REPLAY_STORE. What a `KeyResolver` throws is thrown on.
 * @see specs/envelope.md, section 13
 */
export function open(envelope: string | Uint8Array, options: OpenOptions): Promise<OpenedEnvelope> {
  return openWith(defaultBackend, envelope, options);
}

/** `open` on a given backend. */
export async function openWith(
  backend: CryptoBackend,
  envelope: string | Uint8Array,
  options: OpenOptions,
): Promise<OpenedEnvelope> {
  assertEnvelope(envelope);
  // Before the copy: what is too big is not worth one.
  if (envelope.length > DEFAULT_LIMITS.messageBytes) {
    throw new SealwireError("E_TOO_BIG", { stage: "frame", fatal: false, detail: "limit messageBytes" });
  }
  // A copy, before anything is waited for: the buffer may be used again by whoever read it from a broker.
  const own = typeof envelope === "string" ? envelope : new Uint8Array(envelope);
  const { replay, now } = options;
  if (replay !== unsafeAllowReplay && typeof replay?.insert !== "function") {
    throw new TypeError("replay is a ReplayStore, as of createMemoryReplayStore(), or unsafeAllowReplay");
  }
  const maxLife = checkedLife(options.maxLife ?? DEFAULT_LIMITS.messageTtlMax, "maxLife");
  // A clock that cannot work shows at the first envelope, also at a bad one.
  secondsOf(now);
  try {
    // Before any key is imported: what is no envelope costs nothing.
    const frame = decodeEnvelope(own);
    const receiver = await receiverOf(backend, options);
    const verified = await verifyEnvelope(frame, receiver);
    checkTime(verified, secondsOf(now), maxLife);
    const opened = openedEnvelope(verified);
    await authorized(opened, options.authorize);
    if (replay !== unsafeAllowReplay) {
      const { iss, jti } = verified.claims;
      const key = await replayKey(receiver.identity, iss, jti, backend);
      await insert(replay, key, verified, secondsOf(now), options.signal);
    }
    // authorize() and the store may have taken any time, and no store remembers for longer than this.
    if (secondsOf(now) >= verified.claims.exp + DEFAULT_LIMITS.standaloneSkewSeconds) {
      throw new SealwireError("E_EXPIRED", { stage: "time", detail: "it ended while it was being delivered" });
    }
    return opened;
  } catch (error) {
    throw notFatal(error);
  }
}

async function receiverOf(backend: CryptoBackend, { audience, keys, decryptionKey }: OpenOptions): Promise<Receiver> {
  const [identity, ...groups] = typeof audience === "string" ? [audience] : audience;
  if (identity === undefined || ![identity, ...groups].every(isIdentifier)) {
    throw new TypeError("audience is the own identity, or an array that begins with it");
  }
  const decryption = await importDecryptionKeys(backend, decryptionKey);
  return { identity, groups, signers: await signerLookup(backend, keys, decryption), decryption };
}

function checkTime({ claims }: VerifiedEnvelope, now: number, maxLife: number): void {
  const fault = checkLife(claims, now, DEFAULT_LIMITS.standaloneSkewSeconds, maxLife);
  if (fault !== undefined) throw new SealwireError(fault, { stage: "time" });
}

function openedEnvelope({ claims, thumbprint, encrypted, jws }: VerifiedEnvelope): OpenedEnvelope {
  return Object.freeze({
    issuer: claims.iss,
    audience: claims.aud,
    id: claims.jti,
    topic: claims.top,
    data: claims.data,
    ...(claims.ref === undefined ? {} : { ref: claims.ref }),
    issuedAt: new Date(claims.iat * 1000),
    expiresAt: new Date(claims.exp * 1000),
    thumbprint,
    encrypted,
    jws,
  });
}

async function authorized(envelope: OpenedEnvelope, authorize: OpenOptions["authorize"]): Promise<void> {
  if (authorize === undefined) return;
  let granted: unknown;
  try {
    granted = await authorize(envelope);
  } catch (cause) {
    throw new SealwireError("E_DENIED", { detail: "authorize() failed", cause });
  }
  if (granted !== true) throw new SealwireError("E_DENIED");
}

/** Step deliver. Whatever is not clearly new is refused. */
async function insert(
  store: ReplayStore,
  key: Uint8Array,
  { claims }: VerifiedEnvelope,
  now: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { iss, iat, exp } = claims;
  let verdict: ReplayVerdict;
  try {
    const keepUntil = exp + 2 * DEFAULT_LIMITS.standaloneSkewSeconds;
    verdict = await unlessAborted(
      async () => store.insert({ key, issuer: iss, issuedAt: iat, keepUntil, now }),
      signal,
    );
  } catch (cause) {
    throw new SealwireError("E_REPLAY_STORE", { stage: "deliver", detail: "the store failed", cause });
  }
  if (verdict === "seen") throw new SealwireError("E_REPLAY", { stage: "deliver" });
  if (verdict !== "new") throw new SealwireError("E_REPLAY_STORE", { stage: "deliver", detail: String(verdict) });
}

async function unlessAborted<T>(work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await work();
  signal.throwIfAborted();
  let stop = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    const abort = (): void => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    stop = () => signal.removeEventListener("abort", abort);
  });
  try {
    return await Promise.race([work(), aborted]);
  } finally {
    stop();
  }
}
