import type { CryptoBackend, KeyAgreement, PublicJwk, Signer } from "../crypto/backend.ts";
import type { SignerId } from "../envelope/headers.ts";
import type { Payload } from "../envelope/sealer.ts";
import { checkLife } from "../envelope/time.ts";
import { SealwireError } from "../errors.ts";
import type { KeySet } from "../keys/keyset.ts";
import type { Codec, Level, Limits, SuiteId } from "../registry.generated.ts";
import { encodeBase64url } from "../wire/base64url.ts";
import type { WireFrame } from "../wire/frame.ts";
import { sealClientAuth } from "./client-auth.ts";
import { encodeClientHello, ephemeralKey, type Offer } from "./client-hello.ts";
import { clockOffset } from "./clock-offset.ts";
import { type Established, establish } from "./established.ts";
import { encodePayload, reportedError, type Time, wireOf } from "./payload.ts";
import { type HandshakeKeys, KeySchedule, sessionId, transcriptHash } from "./schedule.ts";
import { type ServerHello, type VerifiedServerHello, verifyServerHello } from "./server-hello.ts";
import { openServerReady } from "./server-ready.ts";
import type { MessageOrder } from "./types.ts";

export interface ClientHandshakeOptions {
  readonly backend: CryptoBackend;
  /** The server that the client wants; compared byte for byte. */
  readonly serverId: string;
  readonly serverKeys: KeySet;
  /** All Sealwire subprotocols that were offered, and the one that the 101 response selected. */
  readonly offeredProtocols: readonly string[];
  readonly protocol: string;
  readonly offer: Offer;
  readonly limits: Limits;
  readonly token: string;
  /** True where the same token went with the upgrade request: a key-bound one is then proven by its hash. */
  readonly tokenSentAtUpgrade: boolean;
  readonly proof: ProofKey | undefined;
  /** "window": window order is accepted too. Default: "strict". */
  readonly order?: MessageOrder;
}

/** The client's proof-of-possession key. */
export interface ProofKey {
  readonly signer: Signer;
  readonly id: SignerId;
}

export interface HandshakeStep {
  readonly send?: Payload;
  readonly established?: Established;
}

type State =
  | { readonly name: "wait-SH"; readonly m1: Uint8Array; readonly agreements: readonly KeyAgreement[] }
  | { readonly name: "wait-SR"; readonly ready: ReadyState };

interface ReadyState {
  readonly keys: HandshakeKeys;
  readonly th3: Uint8Array;
  readonly schedule: KeySchedule;
  readonly sid: string;
  readonly server: VerifiedServerHello;
  readonly offset: number;
}

/** The client's side of CH, SH, CA, SR (specs/session.md, client states wait-SH and wait-SR). */
export class ClientHandshake {
  readonly #o: ClientHandshakeOptions;
  readonly #wire: "text" | "binary";
  #state: State | undefined;

  constructor(options: ClientHandshakeOptions) {
    this.#o = options;
    this.#wire = wireOf(options.protocol);
  }

  async start(): Promise<HandshakeStep> {
    const { backend, offer, offeredProtocols, serverId, limits, proof } = this.#o;
    const agreements = await ephemeralKeys(backend, offer.suites);
    const m1 = encodeClientHello({
      v: 1,
      rnd: encodeBase64url(backend.random(32)),
      aud: serverId,
      prt: offeredProtocols,
      st: agreements.map((a) => a.suite),
      kex: agreements.map((a) => a.publicJwk),
      // Levels sig and nest sign with the proof key.
      lvl: offer.levels.filter((level) => proof !== undefined || (level !== "sig" && level !== "nest")),
      sig: offer.signatures,
      cod: offer.codecs,
      msg: limits.messageBytes,
    });
    this.#state = { name: "wait-SH", m1, agreements };
    return { send: encodePayload(this.#wire, { form: 0, json: m1 }) };
  }

  async receive(frame: WireFrame, time: Time): Promise<HandshakeStep> {
    if (frame.form === 0) throw reportedError(frame.json);
    const state = this.#state;
    if (state?.name === "wait-SH") return await this.#onServerHello(frame, state, time);
    if (state?.name === "wait-SR") return await this.#onServerReady(frame, state.ready, time);
    throw new SealwireError("E_STATE", { detail: "message before CH" });
  }

  async #onServerHello(frame: WireFrame, state: State & { name: "wait-SH" }, time: Time): Promise<HandshakeStep> {
    const { backend, serverKeys, offer, serverId, limits, token, tokenSentAtUpgrade, proof } = this.#o;
    const server = await verifyServerHello(frame, serverKeys, offer.signatures);
    const { hello } = server;
    const th = encodeBase64url(await transcriptHash(backend, "ch", state.m1));
    const suites = state.agreements.map((a) => a.suite);
    const epk = this.#checkServerHello(hello, th, suites);
    const offset = clockOffset(hello, time, limits);
    const th2 = await transcriptHash(backend, "th2", state.m1, server.text);
    const agreement = state.agreements.find((a) => a.suite === hello.st) as KeyAgreement;
    const schedule = new KeySchedule(await agreement.agree(epk), th2);
    const now = Math.floor((time.unix + offset) / 1000);
    const auth = { aud: serverId, iat: now, exp: now + limits.clientAuthLifeSeconds, th: encodeBase64url(th2) };
    const keys = await schedule.handshakeKeys("c", th2);
    const ca = await sealClientAuth(backend, keys, auth, { token, tokenSentAtUpgrade, proof });
    const th3 = await transcriptHash(backend, "th3", th2, ca.plaintext);
    const readyKeys = await schedule.handshakeKeys("s", th3);
    const sid = await sessionId(backend, th2);
    this.#state = { name: "wait-SR", ready: { keys: readyKeys, th3, schedule, sid, server, offset } };
    return { send: encodePayload(this.#wire, ca.frame) };
  }

  /** What SH selects has to be what this client offered, in the order that specs/session.md gives. */
  #checkServerHello(hello: ServerHello, th: string, suites: readonly string[]): PublicJwk {
    const { serverId, protocol, offer, proof, order = "strict" } = this.#o;
    if (hello.iss !== serverId)
      throw new SealwireError("E_KEY", { stage: "claims", detail: "SH names another server" });
    if (hello.th !== th) throw new SealwireError("E_TRANSCRIPT", { detail: "the server saw another CH" });
    if (hello.prt !== protocol)
      throw new SealwireError("E_DOWNGRADE", { detail: "SH names another subprotocol than the 101" });
    const { st, lvl, cod, pol } = hello;
    const offered = (names: readonly string[], name: string) => names.includes(name);
    if (!offered(suites, st) || !offered(offer.levels, lvl) || !offered(offer.codecs, cod)) {
      throw new SealwireError("E_NEGOTIATE", { detail: "SH selects what was not offered" });
    }
    const signed = lvl === "sig" || lvl === "nest";
    if (signed && (pol.pop !== "required" || proof === undefined)) {
      throw new SealwireError("E_NEGOTIATE", { detail: `level ${lvl} without proof of possession` });
    }
    if (pol.pop === "required" && proof === undefined) {
      throw new SealwireError("E_NEGOTIATE", { detail: "the server requires a proof key: set the option proof" });
    }
    if (pol.res !== 0 && pol.seq === "window") {
      throw new SealwireError("E_NEGOTIATE", { detail: "a session in window order cannot be resumed" });
    }
    if (pol.seq === "window" && order !== "window") {
      throw new SealwireError("E_NEGOTIATE", { detail: "the server wants window order: see the option order" });
    }
    return ephemeralKey(hello.epk, st as SuiteId);
  }

  async #onServerReady(frame: WireFrame, state: ReadyState, time: Time): Promise<HandshakeStep> {
    const { schedule, th3, server, offset } = state;
    const { backend, serverId, proof, limits, protocol } = this.#o;
    const ready = await openServerReady(frame, state.keys);
    if (ready.th !== encodeBase64url(th3))
      throw new SealwireError("E_TRANSCRIPT", { detail: "the server saw another CA" });
    if (ready.cb !== undefined && ready.cb !== encodeBase64url(await schedule.channelBinding(th3))) {
      throw new SealwireError("E_TRANSCRIPT", { detail: "cb differs" });
    }
    const now = Math.floor((time.unix + offset) / 1000);
    if (checkLife(ready, now, limits.skewSeconds, ready.exp - ready.iat) !== undefined) {
      throw new SealwireError("E_SESSION_EXPIRED", { stage: "claims", detail: "SR is not valid now" });
    }
    const { hello } = server;
    const facts = {
      id: state.sid,
      policy: hello.pol,
      keys: {
        backend,
        role: "client",
        level: hello.lvl as Level,
        codec: hello.cod as Codec,
        suite: hello.st as SuiteId,
        serverId,
        serverKey: server.key,
        clientKey: proof,
        exportableChain: false,
      },
      messageBytes: limits.messageBytes,
      peerMessageBytes: hello.msg,
      subject: ready.sub,
      startedAt: hello.iat,
      longestEnd: Number.POSITIVE_INFINITY,
    } as const;
    const { scp: scopes, exp: expiresAt } = ready;
    const established = await establish({
      facts,
      protocol,
      schedule,
      ctx: th3,
      limits,
      offset,
      time,
      scopes,
      expiresAt,
    });
    return { established };
  }
}

/** A fresh key for each suite. Browsers of before 2025 lack X25519: what a platform cannot do is not offered. */
async function ephemeralKeys(backend: CryptoBackend, suites: readonly SuiteId[]): Promise<readonly KeyAgreement[]> {
  const tried = await Promise.allSettled(suites.map(async (suite) => await backend.generateKeyAgreement(suite)));
  const made = tried.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  const failed = tried.find((result) => result.status === "rejected");
  if (failed !== undefined && (made.length === 0 || (failed.reason as Error)?.name !== "NotSupportedError"))
    throw failed.reason;
  return made;
}
