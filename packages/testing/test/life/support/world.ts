import type { ClientSession, ConnectOptions } from "@sealwire/client";
import { connectOn } from "@sealwire/client/internal";
import { type Data, isSealwireError, type SealwireError, type SessionState, type Undetermined } from "@sealwire/core";
import { thumbprint } from "@sealwire/core/internal";
import { backend } from "@sealwire/core/internal/node";
import type { SealwireServer, ServerOptions, ServerSession } from "@sealwire/server";
import { createServerOn } from "@sealwire/server/internal";
import { onTestFinished } from "vitest";
import { SimClock } from "../../../src/clock.ts";
import { fixedKey, seededBackend } from "../../../src/crypto.ts";
import { issue, SERVER_ID, TOKENS } from "../../../src/issuer.ts";
import type { LineOptions } from "../../../src/lane.ts";
import { EventLog } from "../../../src/log.ts";
import { type Host, SimNetwork } from "../../../src/network.ts";
import { clientPlatform, httpServer, REQUEST_MS, serverPlatform } from "../../../src/platform.ts";
import { Random } from "../../../src/random.ts";
import type { SimSocket } from "../../../src/socket.ts";
import { Timeline } from "../../../src/timeline.ts";

export const identity: ReturnType<typeof fixedKey> = fixedKey("server");
const proof = fixedKey("client");

/** What both ends of a session saw. */
export class Seen {
  readonly states: SessionState[] = [];
  readonly undetermined: Undetermined[] = [];
  readonly delivered: Data[] = [];
  readonly errors: SealwireError[] = [];
}

/** A client and a server on a simulated network, both the real ones, in virtual time. */
export class World {
  readonly timeline: Timeline = new Timeline();
  readonly client: Host;
  readonly server: Host;
  readonly network: SimNetwork;
  /** What the client's side saw, over all sessions that it had. */
  readonly seen: Seen = new Seen();
  /** What the server delivered, over all sessions and restarts. */
  readonly arrived: Data[] = [];
  readonly sessions: ServerSession[] = [];
  /** For which reason a token was asked for, and when. */
  readonly asked: { readonly reason: string; readonly at: number }[] = [];
  /** Seconds that a token is good for. */
  tokenSeconds = 600;
  /** In place of a good token. */
  token: ((reason: string) => string | Promise<string>) | undefined;
  online = true;
  #sealwire: SealwireServer | undefined;
  #presence = new Set<() => void>();
  #sockets: SimSocket[] = [];
  readonly #random: Random;

  constructor(line: Partial<LineOptions> = { latency: 10 }) {
    this.#random = new Random(1);
    this.network = new SimNetwork(this.timeline, { random: this.#random, log: new EventLog(), line });
    this.client = { name: "client", clock: new SimClock(this.timeline) };
    this.server = { name: "server", clock: new SimClock(this.timeline) };
    onTestFinished(() => this.stop());
  }

  get now(): number {
    return this.timeline.now;
  }

  get sealwire(): SealwireServer {
    return this.#sealwire as SealwireServer;
  }

  /** A server with an empty memory, in place of the one before. */
  serve(options: Partial<ServerOptions> = {}): this {
    const { clock } = this.server;
    const sealwire = createServerOn(serverPlatform(clock), {
      identity: { id: SERVER_ID, keys: [identity.privateJwk] },
      tokens: TOKENS,
      authorize: () => true,
      ...options,
    });
    sealwire.onSession((session) => void this.sessions.push(session));
    sealwire.handle("n", (n) => {
      this.arrived.push(n);
      return n;
    });
    sealwire.handle("hang", () => new Promise(() => {}));
    this.#sealwire = sealwire;
    this.open((...upgrade) => sealwire.handleUpgrade(...upgrade));
    return this;
  }

  /** Takes connections, and leaves upgrades to `upgrade`. */
  open(upgrade: SealwireServer["handleUpgrade"]): void {
    const accept = httpServer(this.server.clock, REQUEST_MS, upgrade);
    this.server.accept = (socket) => {
      this.#sockets.push(socket);
      accept(socket);
    };
  }

  /** Nobody listens any more; what is open stays. */
  refuse(): void {
    delete (this.server as { accept?: unknown }).accept;
  }

  /** Every connection breaks off, at both ends. */
  cut(): void {
    for (const socket of this.network.open) socket.destroy();
  }

  async stop(): Promise<void> {
    const closing = this.#sealwire?.close({ timeout: 10 });
    await this.advance(10_000);
    await closing;
  }

  /** The network is back, or the page is looked at again. */
  tell(): void {
    for (const fn of this.#presence) fn();
  }

  get watchers(): number {
    return this.#presence.size;
  }

  advance(ms: number): Promise<void> {
    return this.timeline.advance(ms);
  }

  /** Moves on until `ready`; fails if it is not after an hour. */
  async until(ready: () => boolean): Promise<void> {
    const end = this.now + 3_600_000;
    while (!ready()) {
      if (this.now >= end) throw new Error("it never came");
      await this.advance(1);
      if (!ready()) await this.advance(20);
    }
  }

  /** What `work` comes to, in virtual time. */
  async settled<T>(work: Promise<T>): Promise<T> {
    let done = false;
    const end = () => {
      done = true;
    };
    work.then(end, end);
    await this.until(() => done);
    return await work;
  }

  connecting(options: Partial<ConnectOptions> = {}): Promise<ClientSession> {
    const { clock } = this.client;
    const platform = {
      ...clientPlatform({ clock, connect: () => this.network.connect(this.client, this.server) }),
      presence: {
        online: () => this.online,
        watch: (fn: () => void) => {
          this.#presence.add(fn);
          return () => this.#presence.delete(fn);
        },
      },
    };
    return connectOn(platform, "ws://localhost/", {
      server: { id: SERVER_ID, keys: { keys: [identity.publicJwk] } },
      token: async ({ reason }) => {
        this.asked.push({ reason, at: this.now });
        return await (this.token === undefined ? this.issue() : this.token(reason));
      },
      proof: proof.privateJwk,
      crypto: seededBackend(this.#random),
      onError: (error) => this.seen.errors.push(error),
      ...options,
    });
  }

  async issue(seconds: number = this.tokenSeconds): Promise<string> {
    return await issue({}, this.server.clock.unix(), await this.jkt(), seconds);
  }

  /** Of the client's proof key. */
  async jkt(): Promise<string> {
    return await thumbprint(backend, proof.publicJwk);
  }

  async connect(options: Partial<ConnectOptions> = {}): Promise<ClientSession> {
    const session = await this.settled(this.connecting(options));
    const { seen } = this;
    session.handle("n", (n) => {
      seen.delivered.push(n);
      return n;
    });
    session.onStateChange((state) => seen.states.push(state));
    session.onUndetermined((messages) => seen.undetermined.push(...messages));
    return session;
  }

  /** Timers and sockets of the client that are left. */
  get left(): { readonly timers: number; readonly sockets: number; readonly watchers: number } {
    return { timers: this.client.clock.pending, sockets: this.network.open.size, watchers: this.watchers };
  }
}

export const NOTHING: World["left"] = { timers: 0, sockets: 0, watchers: 0 };

/** The code that `work` rejects with, or what it resolves with. */
export const outcome = (work: Promise<unknown>): Promise<unknown> =>
  work.catch((error: unknown) => (isSealwireError(error) ? error.code : error));
