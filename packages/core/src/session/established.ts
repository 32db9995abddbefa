import type { CryptoBackend, Signer, Verifier } from "../crypto/backend.ts";
import { expandFrame } from "../envelope/expand.ts";
import { type SignerId, sessionHeaders } from "../envelope/headers.ts";
import { MessageOpener } from "../envelope/opener.ts";
import { MessageSealer, type Protection, type TrafficKeys } from "../envelope/sealer.ts";
import type { Codec, Level, Limits, SuiteId } from "../registry.generated.ts";
import { StrictCounter } from "../replay/strict.ts";
import { ReplayWindow } from "../replay/window.ts";
import { decodeFrame } from "../wire/frame.ts";
import { SessionMachine } from "./machine.ts";
import { wireOf } from "./payload.ts";
import type { KeySchedule } from "./schedule.ts";
import type { ServerHello } from "./server-hello.ts";
import type { MessageOrder } from "./types.ts";

/** Own key (signs) or the peer's (verifies), with the name it has in headers. */
interface PartyKey {
  readonly id: SignerId;
  readonly signer?: Signer;
  readonly verifier?: Verifier;
}

export interface EstablishOptions {
  readonly backend: CryptoBackend;
  readonly role: "client" | "server";
  readonly protocol: string;
  readonly hello: ServerHello;
  readonly schedule: KeySchedule;
  readonly ctx: Uint8Array;
  readonly server: { readonly id: string; readonly key: PartyKey };
  /** The key of the proof of possession; undefined in a bearer session. */
  readonly client: PartyKey | undefined;
  readonly peerMessageBytes: number;
  readonly limits: Limits;
  readonly offset: number;
  readonly sid: string;
  readonly subject: string;
  readonly scopes: readonly string[];
  readonly expiresAt: number;
}

/** A session after SR: the machine, and what the handshake decided. */
export interface Established {
  readonly machine: SessionMachine;
  readonly id: string;
  readonly protocol: string;
  readonly level: Level;
  readonly codec: Codec;
  readonly suite: SuiteId;
  readonly order: MessageOrder;
  readonly subject: string;
  readonly scopes: readonly string[];
  /** NumericDate in the server's time, and the milliseconds from the local clock to it. */
  readonly expiresAt: number;
  readonly offset: number;
  /** Key of the peer that evidence names; undefined for a bearer client. */
  readonly peerKey: SignerId | undefined;
  readonly peerJwk: Verifier["publicJwk"] | undefined;
  /** Rebuilds the compact JOSE object from a frame of the binary wire. */
  readonly expand: (frame: Uint8Array, direction: "in" | "out") => string;
}

/** Derives the traffic keys of epoch 0 and builds the machine. Levels sig and nest have both keys, by pol.pop. */
export async function establish(o: EstablishOptions): Promise<Established> {
  const [level, codec] = [o.hello.lvl as Level, o.hello.cod as Codec];
  const [c, s] = await Promise.all([o.schedule.trafficKeys("c", o.ctx), o.schedule.trafficKeys("s", o.ctx)]);
  const wire = wireOf(o.protocol);
  const protect = (keys: TrafficKeys): Protection => ({ wire, level, codec, epoch: 0, keys });
  const [sendKeys, receiveKeys] = o.role === "client" ? [c, s] : [s, c];
  const [self, peer] = o.role === "client" ? [o.client, o.server.key] : [o.server.key, o.client];
  const signed = level === "sig" || level === "nest";
  const clientName = o.client?.id.thumbprint;
  const [selfName, peerName] = o.role === "client" ? [clientName, o.server.id] : [o.server.id, clientName];
  const signer = signed && self?.signer ? { signer: self.signer, id: self.id } : undefined;
  const verifier = signed && peer?.verifier ? { verifier: peer.verifier, id: peer.id } : undefined;
  const machine = new SessionMachine({
    wire,
    level,
    codec,
    sealer: new MessageSealer(protect(sendKeys), signer),
    opener: new MessageOpener(protect(receiveKeys), verifier),
    binding: signed
      ? { self: selfName as string, peer: peerName as string, sendKid: sendKeys.kid, receiveKid: receiveKeys.kid }
      : undefined,
    limits: o.limits,
    received: o.hello.pol.seq === "window" ? new ReplayWindow(o.limits.replayWindow) : new StrictCounter(),
    peerMessageBytes: o.peerMessageBytes,
    offset: o.offset,
  });
  const expand = (frame: Uint8Array, direction: "in" | "out"): string => {
    const [keys, id] = direction === "out" ? [sendKeys, self?.id] : [receiveKeys, peer?.id];
    const { application, control } = sessionHeaders(level, codec, keys.kid, id);
    const headers = [application.json, control.json];
    return expandFrame(decodeFrame(frame), { headers, staticIv: keys.iv });
  };
  return {
    machine,
    id: o.sid,
    protocol: o.protocol,
    level,
    codec,
    suite: o.hello.st as SuiteId,
    order: o.hello.pol.seq,
    subject: o.subject,
    scopes: o.scopes,
    expiresAt: o.expiresAt,
    offset: o.offset,
    peerKey: peer?.id,
    peerJwk: peer?.verifier?.publicJwk,
    expand,
  };
}
