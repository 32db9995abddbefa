import { type Limits, SealwireError } from "@sealwire/core";
import {
  adaptWebSocket,
  type Chain,
  ClientHandshake,
  ClientResume,
  Connection,
  type ConnectionEnd,
  type CryptoBackend,
  type Established,
  type Handshake,
  hintedError,
  LiveSession,
  type Offer,
  type ProofKey,
  type Receiver,
  tokenHash,
} from "@sealwire/core/internal";
import { type Credential, credentialOf } from "./credential.ts";
import { serverKeys } from "./keys.ts";
import type { ConnectOptions } from "./options.ts";
import type { Platform } from "./platform.ts";
import { openSocket } from "./websocket.ts";

/** What every connection of one client session has in common. */
export interface DialerOptions {
  readonly platform: Platform;
  readonly url: URL;
  readonly options: ConnectOptions;
  readonly limits: Limits;
  readonly backend: CryptoBackend;
  readonly proof: ProofKey | undefined;
  readonly offer: Offer;
  readonly protocols: readonly string[];
}

/** Told once both ends have confirmed the connection; answers with what it feeds. */
export type OnEstablished = (established: Established, connection: Connection) => Receiver;

/** Opens connections: for a new session, or for one that is resumed. Nothing of it is kept between two. */
export class Dialer {
  readonly #o: DialerOptions;

  constructor(options: DialerOptions) {
    this.#o = options;
  }

  /** A full handshake, with a token that is fresh. */
  async open(signal: AbortSignal, onEstablished: OnEstablished): Promise<void> {
    const { url, options, limits, backend, proof, offer, protocols } = this.#o;
    const keys = await serverKeys(options.server.keys, signal);
    const credential = await credentialOf(url, options, signal);
    const handshakeOf = (protocol: string) =>
      new ClientHandshake({
        backend,
        serverId: options.server.id,
        serverKeys: keys,
        offeredProtocols: protocols,
        protocol,
        offer,
        limits,
        token: credential.token,
        tokenSentAtUpgrade: options.tokenAtUpgrade !== undefined,
        proof,
        order: options.order ?? "strict",
      });
    await this.#connect(credential, signal, onEstablished, handshakeOf, true);
  }

  /** The session once more, by one of its chains. A token goes along only where the upgrade needs one. */
  async resume({ life }: LiveSession, chain: Chain, signal: AbortSignal, onEstablished: OnEstablished): Promise<void> {
    const { url, options, limits, backend, offer, protocols } = this.#o;
    const atUpgrade = options.tokenAtUpgrade !== undefined;
    const credential = atUpgrade ? await credentialOf(url, options, signal) : { url };
    const ath = atUpgrade ? await tokenHash(backend, (credential as Credential).token) : undefined;
    const { facts, ledger } = life;
    await this.#connect(credential, signal, onEstablished, (protocol) => {
      const { signatures } = offer;
      return new ClientResume({ facts, ledger, chain, limits, offeredProtocols: protocols, protocol, signatures, ath });
    });
  }

  async #connect(
    credential: Omit<Credential, "token">,
    signal: AbortSignal,
    onEstablished: OnEstablished,
    handshakeOf: (protocol: string) => Required<Pick<Handshake, "start" | "receive">>,
    opens = false,
  ): Promise<void> {
    const { platform, options, limits, protocols } = this.#o;
    const { tls } = options;
    const { ws, stream } = await openSocket(platform.WebSocket, credential, protocols, {
      limits,
      signal,
      ...(tls === undefined ? {} : { tls }),
    });
    await new Promise<void>((resolve, reject) => {
      const machine = handshakeOf(ws.protocol);
      /** The server has got a token: it may open a session, which nobody else could end before its time. */
      let asked = false;
      const connection = new Connection({
        socket: adaptWebSocket(ws, platform.clock, stream),
        clock: platform.clock,
        limits,
        handshake: {
          start: () => machine.start(),
          async receive(frame, time) {
            const step = await machine.receive(frame, time);
            asked ||= opens && step.send !== undefined;
            return step;
          },
        },
        rateLimited: false,
        onEstablished: (established) => {
          signal.removeEventListener("abort", abort);
          if (signal.aborted) return leave(established, connection, limits);
          const receiver = onEstablished(established, connection);
          resolve();
          return receiver;
        },
        onClosed: (info) => {
          signal.removeEventListener("abort", abort);
          reject(signal.aborted ? signal.reason : failureOf(info));
        },
      });
      // The own deadline is an error of the protocol with a close code. Who gives up by choice goes away, and no more.
      const abort = () => {
        const { reason: cause } = signal;
        const late = cause instanceof SealwireError && cause.code === "E_TIMEOUT_HS";
        const away = new SealwireError("E_CLOSED", { closeCode: 1001, detail: "connecting was given up", cause });
        if (late || !asked) connection.fail(late ? cause : away);
        else {
          reject(cause);
          connection.timer(() => connection.fail(away), limits.byeSeconds * 1000);
        }
      };
      signal.addEventListener("abort", abort, { once: true });
      if (signal.aborted) abort();
      ws.resume?.();
    });
  }
}

/** Ends a session that nobody waits for any more: only a sealed bye keeps the server from holding it until it expires. */
function leave(established: Established, connection: Connection, limits: Limits): Receiver {
  const session = new LiveSession(established, connection, limits, { heartbeat: false, rateLimited: false });
  queueMicrotask(() => void session.close());
  return session.receiver;
}

/** A connection that was cut in the handshake says as little about the server as one that was never there. */
function failureOf({ code, error }: ConnectionEnd): SealwireError {
  if (code === 1006 && (error === undefined || error.remote))
    return new SealwireError("E_CLOSED", { detail: "the connection was lost before the session was ready" });
  return error ?? hintedError(code, "before the session was ready");
}
