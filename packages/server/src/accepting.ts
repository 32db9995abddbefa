import type { IncomingMessage } from "node:http";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { SealwireError } from "@sealwire/core";
import {
  adaptWebSocket,
  type Clock,
  Connection,
  type ConnectionEnd,
  type CryptoBackend,
  type ProofKey,
  ServerHandshake,
  type ServerStep,
  type WebSocketLike,
} from "@sealwire/core/internal";
import type { WebSocket, WebSocketServer } from "ws";
import { type Carried, carrierReader } from "./carried.ts";
import type { checkOptions } from "./check.ts";
import { type SessionHost, within } from "./hosting.ts";
import { KeysAhead } from "./keys-ahead.ts";
import { Opening } from "./opening.ts";
import type { ServerOptions } from "./options.ts";
import type { Platform } from "./platform.ts";
import { countBytes } from "./pre-auth.ts";
import { ProofKeys } from "./proof-keys.ts";
import type { LiveServerSession } from "./session.ts";
import type { CheckedToken, VerifyToken } from "./tokens.ts";
import {
  Admission,
  type Admitted,
  addressOf,
  originAllowed,
  type Refusal,
  refuseUpgrade,
  selectProtocol,
} from "./upgrade.ts";

export interface AcceptingOptions {
  readonly platform: Platform;
  readonly options: ServerOptions;
  readonly checked: ReturnType<typeof checkOptions>;
  readonly backend: CryptoBackend;
  readonly signers: Promise<readonly ProofKey[]>;
  readonly verifyToken: VerifyToken;
  readonly host: SessionHost;
  readonly report: (error: SealwireError, where: Where) => void;
}

interface Where {
  readonly sessionId?: string;
  readonly remoteAddress?: string;
}

/** What is known of a connection when it is upgraded. */
interface Upgraded {
  readonly carried: Carried;
  readonly signers: readonly ProofKey[];
}

const nothing = (): void => {};

/** From the upgrade request to the connection of a session, new or resumed. */
export class Accepting {
  readonly #o: AcceptingOptions;
  readonly #clock: Clock;
  readonly #readCarried: ReturnType<typeof carrierReader>;
  readonly #wss: WebSocketServer;
  readonly #admission: Admission;
  readonly #keys: KeysAhead;
  readonly #proofKeys = new ProofKeys();
  /** Once they are imported. */
  #signers: readonly ProofKey[] | undefined;
  readonly #connections = new Map<Connection, Admitted>();
  /** Called when the last one has ended. */
  #onEmpty: (() => void)[] = [];
  /** Upgrades before their 101, and what was refused after it. */
  readonly #sockets = new Map<Duplex, Admitted>();
  readonly #onSocketClosed: (this: Duplex) => void;
  #closing = false;

  constructor(options: AcceptingOptions) {
    this.#o = options;
    const { platform, checked, verifyToken } = options;
    const { limits, protocols } = checked;
    this.#clock = platform.clock;
    const left = (socket: Duplex) => this.#left(socket);
    // One function for all of them, which is called on the socket.
    this.#onSocketClosed = function () {
      left(this);
    };
    options.signers.then(
      (signers) => {
        this.#signers = signers;
      },
      // Every connection reports it.
      () => {},
    );
    this.#admission = new Admission(limits);
    this.#keys = new KeysAhead(options.backend, platform.clock);
    this.#readCarried = carrierReader(options.options, limits, verifyToken, platform.clock);
    this.#wss = new platform.WebSocketServer({
      noServer: true,
      clientTracking: false,
      // Compression before encryption leaks content by its size (RFC 7692 section 8).
      perMessageDeflate: false,
      maxPayload: limits.messageBytes,
      ...{ maxFragments: limits.fragments },
      // A peer that does not answer a close frame is not waited for longer than after a bye.
      ...{ closeTimeout: limits.byeSeconds * 1000 },
      handleProtocols: (offered) => selectProtocol(offered, protocols),
    });
  }

  /** The same for a connection that will be asked to resume a session: nothing tells them apart yet. */
  upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void {
    // It ended while the application routed it: its close event is gone, and a place given to it would never be freed.
    if (socket.destroyed) return;
    const { origins, trustProxy } = this.#o.checked;
    const address = addressOf(req, trustProxy);
    const refuse = (refusal: Refusal): void => {
      refuseUpgrade(socket, refusal);
      if (refusal.error !== undefined) this.#o.report(refusal.error, { remoteAddress: address });
    };
    if (!originAllowed(req, origins)) {
      const text = "origin not allowed: see the server's option origins";
      refuse({ status: 403, text, error: new SealwireError("E_ORIGIN") });
      return;
    }
    const carried = this.#readCarried(req);
    if ("status" in carried) {
      refuse(carried);
      return;
    }
    const admitted = this.#closing ? undefined : this.#admission.enter(address);
    if (admitted === undefined) {
      refuse({ status: 503, text: "no room for another connection now", error: new SealwireError("E_BUSY") });
      return;
    }
    this.#sockets.set(socket, admitted);
    socket.on("error", nothing);
    socket.on("close", this.#onSocketClosed);
    const upgrade = ([signers, refusal]: readonly [readonly ProofKey[], Refusal | undefined]) => {
      if (refusal !== undefined) return refuse(refusal);
      if (this.#closing) return refuse({ status: 503, text: "this server is closing" });
      // A broken upgrade request is answered by ws itself, and the socket closes.
      this.#wss.handleUpgrade(req, socket, head, (ws) => {
        // From here on `ws` looks after it.
        socket.off("error", nothing);
        if (ws.protocol !== "") return this.#open(ws, socket, admitted, { carried, signers });
        // A page that offered no subprotocol can read this code; a refused upgrade it could not.
        ws.on("error", nothing);
        ws.close(4406, "negotiate");
      });
    };
    const notReady = (cause: unknown) => {
      const error = new SealwireError("E_INTERNAL", { detail: "identity.keys cannot be imported", cause });
      refuse({ status: 503, text: "not ready", error });
    };
    // The 101 waits for it, so that nothing can arrive while nobody listens.
    const { early } = carried;
    if (this.#signers !== undefined && early === undefined) upgrade([this.#signers, undefined]);
    else Promise.all([this.#o.signers, early?.()]).then(upgrade, notReady);
  }

  #left(socket: Duplex): void {
    const admitted = this.#sockets.get(socket);
    if (this.#sockets.delete(socket) && admitted !== undefined) this.#leave(admitted);
  }

  /** Whoever does not wait for what others are asked for the handshake keeps the place until they have answered. */
  #leave(admitted: Admitted): void {
    const { asked } = admitted;
    if (asked === undefined) admitted.leave();
    else void within(this.#clock, this.#o.checked.limits.handshakeSeconds * 1000, asked).then(() => admitted.leave());
  }

  #open(ws: WebSocket, socket: Duplex, admitted: Admitted, { carried, signers }: Upgraded): void {
    const { host } = this.#o;
    const { limits } = this.#o.checked;
    const opening = new Opening(host, carried);
    admitted.opening = opening;
    // From here on the connection tells its end.
    socket.off("close", this.#onSocketClosed);
    this.#sockets.delete(socket);
    const machine = this.#handshake(ws.protocol, carried, signers, opening);
    const connection = new Connection({
      socket: adaptWebSocket(ws as unknown as WebSocketLike, this.#clock, socket, socket instanceof Socket),
      clock: this.#clock,
      limits,
      handshake: {
        admit: (size) => machine.admit(size),
        receive: (frame, time) => {
          const step = machine.receive(frame, time);
          admitted.asking(step);
          return step;
        },
      },
      rateLimited: true,
      onEstablished: (established, step) => {
        admitted.ready();
        const { address } = admitted;
        const session = opening.establish(established, connection, step as ServerStep<CheckedToken>, address);
        admitted.session = session;
        admitted.opening = undefined;
        return session.receiver;
      },
      onClosed: this.#onClosed,
    });
    this.#connections.set(connection, admitted);
    opening.stopCounting = countBytes(socket, limits.unauthenticatedBytes, (error) => connection.fail(error));
  }

  /** For all of them. */
  readonly #onClosed = (info: ConnectionEnd, connection: Connection): void => {
    const admitted = this.#connections.get(connection) as Admitted;
    const { session, address, opening } = admitted;
    this.#leave(admitted);
    opening?.end();
    this.#connections.delete(connection);
    const superseded = info.error?.code === "E_SUPERSEDED";
    if (info.error !== undefined && !superseded) this.#o.report(info.error, where(session, address));
    if (this.#connections.size > 0) return;
    this.#keys.clear();
    for (const resolve of this.#onEmpty.splice(0)) resolve();
  };

  #empty(): Promise<void> {
    if (this.#connections.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onEmpty.push(resolve);
    });
  }

  #handshake(
    protocol: string,
    carried: Carried,
    signers: readonly ProofKey[],
    opening: Opening,
  ): ServerHandshake<CheckedToken> {
    const { backend, host } = this.#o;
    const { identity, proof = "optional", order = "strict" } = this.#o.options;
    const { levels, codecs, suites, protocols, limits, resumeSeconds } = this.#o.checked;
    return new ServerHandshake<CheckedToken>({
      backend,
      id: identity.id,
      signers,
      accept: { suites, levels, codecs, signatures: ["ES256", "Ed25519"] },
      protocols,
      protocol,
      proof,
      order,
      resume: resumeSeconds,
      exportableChain: host.exportable,
      findSession: (kid, check) => opening.find(kid, check),
      limits,
      proofKeys: this.#proofKeys,
      ephemeralKey: (suite) => this.#keys.take(suite),
      upgradeToken: carried.token,
      verifyToken: carried.verifyToken,
      admit: (token) => opening.admit(token),
    });
  }

  /** Refuses whoever comes from now on with 503, and ends what is no session yet. */
  stop(): void {
    this.#closing = true;
    for (const connection of this.#connections.keys()) if (!connection.established) connection.close(1001, "away");
  }

  /** Waits for the connections, no longer than `ms`; what is left then is cut. */
  async finish(ms: number, detach: () => void): Promise<void> {
    await within(this.#clock, ms, this.#empty());
    // Until here a new upgrade got its 503; from here on it is the business of the HTTP server.
    detach();
    for (const connection of this.#connections.keys()) connection.terminate();
    for (const socket of this.#sockets.keys()) socket.destroy();
    await this.#empty();
  }
}

const where = (session: LiveServerSession | undefined, remoteAddress: string): Where =>
  session === undefined ? { remoteAddress } : { sessionId: session.id, remoteAddress };
