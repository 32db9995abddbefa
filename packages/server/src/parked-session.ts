import type { Json } from "@sealwire/core";
import {
  chain,
  decodeSession,
  encodeSession,
  type Maybe,
  type RestoreOptions,
  type SessionState,
} from "@sealwire/core/internal";
import type { JWTPayload } from "jose";
import type { Parkable } from "./parking.ts";
import type { Revocable } from "./revocation.ts";
import type { LiveServerSession, Peer } from "./session.ts";
import { checkedToken } from "./tokens.ts";

/** A session as the store has it. */
export interface Stored {
  /** Under which it is parked. */
  readonly id: string;
  /** NumericDate, the end of its time to be resumed in. */
  readonly until: number;
  /** Under which a server parked it that still looks out for it, if one does. */
  readonly lookout: string | null;
  readonly state: SessionState;
  readonly peer: Peer;
}

/** What a server keeps with a session: written and read by servers of one identity alone. */
interface Extra {
  readonly id: string;
  readonly until: number;
  readonly lookout: string | null;
  readonly token: string;
  readonly claims: Json;
  readonly jkt: string | null;
  readonly address: string;
  readonly earlier: readonly Revocable[];
}

/** K of the hellos: strangers send what they like. */
export const isResumeKid = (kid: string): boolean => /^[A-Za-z0-9_-]{22}$/.test(kid);

/** Under which the servers find a parked session by its id. No K of a hello has this form. */
export const parkedName = (session: string): string => `session:${session}`;

type Parked = Pick<Extra, "id" | "until" | "lookout">;

function extraOf({ token, remoteAddress, earlier = [] }: Peer, parked: Parked): Json {
  const { claims, jkt } = token;
  const extra: Extra = {
    ...parked,
    // Kept where there is a store.
    token: token.token as string,
    claims: claims as Json,
    jkt: jkt ?? null,
    address: remoteAddress,
    earlier,
  };
  return extra as unknown as Json;
}

/** `leaves`: this server is going away, and does not look out for it. */
export const parkableOf = (session: LiveServerSession, leaves = false): Parkable => ({
  get kids() {
    return [parkedName(session.id), ...session.life.ledger.chains.map(({ kid }) => kid)];
  },
  state: (id, until) =>
    encodeSession(...session.snapshot(extraOf(session.peer, { id, until, lookout: leaves ? null : id }))),
});

/** One that was taken from the store and not taken up. */
export const parkableAgain = ({ state, peer, lookout }: Stored, time: RestoreOptions["time"]): Parkable => ({
  get kids() {
    return [parkedName(state.facts.id), ...state.ledger.chains.map(({ kid }) => kid)];
  },
  state: (id, until) => encodeSession({ ...state, extra: extraOf(peer, { id, until, lookout }) }, time),
});

/** @throws SealwireError E_RESUME for what no server of this identity wrote */
export function readParked(bytes: Uint8Array, options: RestoreOptions): Maybe<Stored> {
  return chain(decodeSession(bytes, options), (state) => {
    const { id, until, lookout, token, claims, jkt, address, earlier } = state.extra as unknown as Extra;
    const checked = checkedToken(token, claims as JWTPayload, jkt ?? undefined);
    return { id, until, lookout, state, peer: { token: checked, remoteAddress: address, earlier } };
  });
}
