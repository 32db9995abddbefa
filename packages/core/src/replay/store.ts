import { backend as defaultBackend } from "#backend";
import type { CryptoBackend } from "../crypto/backend.ts";
import type { Maybe } from "../maybe.ts";
import { concat, lengthPrefixed, utf8 } from "../wire/bytes.ts";

/** One envelope that is about to be delivered. It has been verified: nothing unauthentic reaches a store. */
export interface ReplayEntry {
  /** `replayKey` of receiver, issuer and `jti`: 32 bytes. */
  readonly key: Uint8Array;
  /** Whose share of the capacity it takes: the issuer of an envelope, or in a server the principal of a session. */
  readonly issuer: string;
  /** `iat` of the envelope, NumericDate. */
  readonly issuedAt: number;
  /** NumericDate, exp + 2·skew: from then on every node refuses the envelope for its age alone. */
  readonly keepUntil: number;
  /** The receiver's time, NumericDate. */
  readonly now: number;
}

/**
 * `new`: was not there, is there now. `seen`: was there. `full`: capacity or the issuer's share is used up.
 * `before-start`: issued at a time of which this store remembers nothing.
 */
export type ReplayVerdict = "new" | "seen" | "full" | "before-start";

/**
 * Remembers what was delivered. `insert` is atomic: of two equal keys at the same time, also on two nodes that share
 * the store, exactly one is `new`; what has ended already (`keepUntil` not after `now`) never is. An entry is kept until
 * `keepUntil`, never evicted before. Whatever the store throws or rejects with, the envelope is refused (E_REPLAY_STORE): it
 * fails closed. A store that asks others answers within a time of its own, for instance 250 ms, or rejects.
 * `replayStoreContract` tests the answers through one handle; several nodes and the time are the store's own matter.
 * @see specs/replay.md, section 6
 */
export interface ReplayStore {
  insert(entry: ReplayEntry): Maybe<ReplayVerdict>;
}

const LABEL = utf8.encode("sealwire1 jti\0");

/** H("sealwire1 jti" || 0 || lp(receiver) || lp(issuer) || lp(jti)): two services in one store never meet. */
export function replayKey(
  receiver: string,
  issuer: string,
  jti: string,
  backend: CryptoBackend = defaultBackend,
): Maybe<Uint8Array> {
  return backend.sha256(concat(LABEL, ...[receiver, issuer, jti].map((text) => lengthPrefixed(utf8.encode(text)))));
}
