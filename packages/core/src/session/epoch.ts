import type { CryptoBackend, Signer, Verifier } from "../crypto/backend.ts";
import type { SignerId } from "../envelope/headers.ts";
import { MessageOpener } from "../envelope/opener.ts";
import { MessageSealer, type Protection, type TrafficKeys } from "../envelope/sealer.ts";
import { chain as after, all, type Maybe } from "../maybe.ts";
import type { Codec, Level, SuiteId } from "../registry.generated.ts";
import type { Wire } from "../wire/frame.ts";
import { type Chain, deriveChain } from "./chain.ts";
import type { KeySchedule } from "./schedule.ts";

/** Own key (signs) or the peer's (verifies), with the name it has in headers. */
export interface PartyKey {
  readonly id: SignerId;
  readonly signer?: Signer;
  readonly verifier?: Verifier;
}

/** What a session fixes for all of its epochs, whatever wire its connections have. */
export interface EpochOptions {
  readonly backend: CryptoBackend;
  readonly role: "client" | "server";
  readonly level: Level;
  readonly codec: Codec;
  readonly suite: SuiteId;
  readonly serverId: string;
  readonly serverKey: PartyKey | undefined;
  /** The key of the proof of possession; undefined in a bearer session. */
  readonly clientKey: PartyKey | undefined;
  readonly exportableChain: boolean;
}

const shared = new WeakMap<PartyKey, EpochOptions[]>();

/** Sessions of a server whose clients have no key differ in little: the same options serve all of them. */
export function sharedOptions(own: EpochOptions): EpochOptions {
  const { serverKey, clientKey } = own;
  if (serverKey === undefined || clientKey !== undefined) return own;
  const known = shared.get(serverKey) ?? [];
  const members = Object.keys(own) as (keyof EpochOptions)[];
  const same = known.find((other) => members.every((member) => other[member] === own[member]));
  if (same !== undefined) return same;
  shared.set(serverKey, [...known, own]);
  return own;
}

/** Levels sig and nest: who signs as whom for whom, and the key ids that bind a signature to one epoch of one connection. */
export interface Binding {
  readonly self: string;
  readonly peer: string;
  readonly sendKid: string;
  readonly receiveKid: string;
}

/** The keys of both directions from one key agreement to the next. */
export interface Epoch {
  readonly n: number;
  readonly sealer: MessageSealer;
  readonly opener: MessageOpener;
  readonly binding: Binding | undefined;
  readonly chain: Chain;
}

/** Derives the keys of epoch `n`, with `ctx` TH3 (handshake), TH2 (resume) or TR (rekey). */
export function deriveEpoch(
  o: EpochOptions,
  wire: Wire,
  n: number,
  schedule: KeySchedule,
  ctx: Uint8Array,
): Maybe<Epoch> {
  const derived = all<readonly [TrafficKeys, TrafficKeys, Chain]>([
    schedule.trafficKeys("c", ctx, o.level),
    schedule.trafficKeys("s", ctx, o.level),
    deriveChain(o.backend, schedule, ctx, o.exportableChain),
  ]);
  return after(derived, ([c, s, chain]) => {
    const [send, receive] = o.role === "client" ? [c, s] : [s, c];
    return buildEpoch(o, wire, n, send, receive, chain);
  });
}

/** From the keys of both directions. */
export function buildEpoch(
  o: EpochOptions,
  wire: Wire,
  n: number,
  send: TrafficKeys,
  receive: TrafficKeys,
  chain: Chain,
): Epoch {
  const { level, codec, role, serverId, serverKey, clientKey } = o;
  const [self, peer] = role === "client" ? [clientKey, serverKey] : [serverKey, clientKey];
  const [selfName, peerName] =
    role === "client" ? [clientKey?.id.thumbprint, serverId] : [serverId, clientKey?.id.thumbprint];
  const signed = level === "sig" || level === "nest";
  const protect = (keys: TrafficKeys): Protection => ({ wire, level, codec, epoch: n, keys });
  return {
    n,
    sealer: new MessageSealer(protect(send), signed && self?.signer ? { signer: self.signer, id: self.id } : undefined),
    opener: new MessageOpener(
      protect(receive),
      signed && peer?.verifier ? { verifier: peer.verifier, id: peer.id } : undefined,
    ),
    binding: signed
      ? { self: selfName as string, peer: peerName as string, sendKid: send.kid, receiveKid: receive.kid }
      : undefined,
    chain,
  };
}
