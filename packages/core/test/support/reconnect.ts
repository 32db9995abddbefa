import type { Payload } from "../../src/envelope/sealer.ts";
import type { Limits, Subprotocol } from "../../src/registry.generated.ts";
import type { Chain } from "../../src/session/chain.ts";
import { ClientHandshake } from "../../src/session/client-handshake.ts";
import { ClientResume } from "../../src/session/client-resume.ts";
import type { ConnectionEnd } from "../../src/session/close-info.ts";
import { Connection, type Handshake } from "../../src/session/connection.ts";
import type { Established } from "../../src/session/established.ts";
import { LiveSession } from "../../src/session/live.ts";
import {
  ServerHandshake,
  type ServerHandshakeOptions,
  type VerifiedToken,
} from "../../src/session/server-handshake.ts";
import type { ResumeCandidate } from "../../src/session/server-resume.ts";
import { settle } from "./clock.ts";
import { type Direction, Link } from "./link.ts";
import { live } from "./live.ts";
import type { Pair, PairOptions } from "./pair.ts";

/** One more connection between the ends of a pair, as their SDKs make it. */
export interface Attempt {
  readonly link: Link;
  readonly client: AttemptSide;
  readonly server: AttemptSide;
}

export interface AttemptSide {
  readonly connection: Connection;
  /** How the connection ended. */
  info: ConnectionEnd | undefined;
}

export interface AttemptOptions {
  readonly protocol?: Subprotocol;
  /** Default: the client's newest. */
  readonly chain?: Chain;
  readonly ath?: string;
  readonly limits?: Partial<Limits>;
  readonly server?: Partial<ServerHandshakeOptions>;
  readonly admits?: (token: VerifiedToken) => boolean;
  /** Called before the first byte, to set the tap. */
  readonly onLink?: (link: Link) => void;
}

/** The client tries to resume; nothing is awaited. */
export function attempt(pair: Pair, options: AttemptOptions = {}): Attempt {
  const { facts, ledger } = sessionOf(pair, "client").life;
  const protocol = options.protocol ?? pair.handshakes.client.protocol;
  const resume = new ClientResume({
    facts,
    ledger,
    chain: options.chain ?? (ledger.chains[0] as Chain),
    limits: pair.limits,
    offeredProtocols: [protocol],
    protocol,
    signatures: pair.handshakes.client.offer.signatures,
    ath: options.ath,
  });
  return connect(pair, protocol, resume, options);
}

/** The client makes a full handshake in place of a resume; its session is replaced, the server makes a new one. */
export function handshakeAgain(pair: Pair, options: AttemptOptions = {}): Attempt & { readonly session: LiveSession } {
  return connect(pair, pair.handshakes.client.protocol, new ClientHandshake(pair.handshakes.client), options);
}

function connect(
  pair: Pair,
  protocol: string,
  client: Handshake,
  o: AttemptOptions,
): Attempt & { session: LiveSession } {
  const link = new Link(protocol);
  o.onLink?.(link);
  const findSession = (kid: string) => candidate(pair, kid, o.admits);
  const server = new ServerHandshake({ ...pair.handshakes.server, protocol, findSession, ...o.server });
  const limits = { ...pair.limits, ...o.limits };
  const made: { link: Link; session?: LiveSession; client?: AttemptSide; server?: AttemptSide } = { link };
  const side = (role: "client" | "server", handshake: Handshake): AttemptSide => {
    const own = { info: undefined as ConnectionEnd | undefined };
    const connection: Connection = new Connection({
      socket: link[role],
      clock: pair.clocks[role],
      limits,
      handshake,
      rateLimited: role === "server",
      onEstablished: (established) => receiver(pair, role, established, connection, made),
      onClosed: (info) => {
        own.info = info;
        const { session } = pair[role];
        if (session?.state === "closed")
          void session.closed.then((ended) => Object.assign(pair[role], { info: ended }));
      },
    });
    return Object.assign(own, { connection });
  };
  const start = () => (client as ClientResume).start();
  made.server = side("server", server);
  made.client = side("client", { start, receive: (frame, time) => client.receive(frame, time) });
  return made as Attempt & { session: LiveSession };
}

function receiver(
  pair: Pair,
  role: "client" | "server",
  established: Established,
  connection: Connection,
  made: { session?: LiveSession },
) {
  if (established.resume !== undefined) return sessionOf(pair, role).resume(established, connection);
  if (role === "client") return sessionOf(pair, role).replace(established, connection);
  const session = new LiveSession(established, connection, pair.limits, pair.hooks.server);
  made.session = session;
  return session.receiver;
}

/** As the server SDK finds a session: by K of each chain it holds. */
function candidate(
  pair: Pair,
  kid: string,
  admits: AttemptOptions["admits"] = () => true,
): ResumeCandidate<VerifiedToken> | undefined {
  const session = sessionOf(pair, "server");
  const { facts, ledger } = session.life;
  const chain = ledger.chains.find((c) => c.kid === kid);
  if (chain === undefined) return undefined;
  return {
    facts,
    ledger,
    chain,
    get alive() {
      return session.state !== "closed";
    },
    get scopes() {
      return session.scopes;
    },
    get expiresAt() {
      return session.expiresAt.getTime() / 1000;
    },
    token: HOLDER,
    admits,
  };
}

/** Whose session it is, as far as the policy of a server is asked. */
export const HOLDER: VerifiedToken = {
  issuer: "https://issuer.example",
  subject: "alice",
  clientId: undefined,
  scopes: [],
  expiresAt: 0,
  jkt: undefined,
};

export function sessionOf(pair: Pair, role: "client" | "server"): LiveSession {
  const { session } = pair[role];
  if (session === undefined) throw new Error(`the ${role} has no session`);
  return session;
}

/** A pair whose session outlives its connection; what the handlers of "t" got. */
export async function resumable(options: PairOptions = {}) {
  const pair = await live({
    ...options,
    server: { resume: 120, ...options.server },
    serverHooks: { authorize: () => true, ...options.serverHooks },
  });
  const got: Record<"client" | "server", unknown[]> = { client: [], server: [] };
  const [client, server] = [sessionOf(pair, "client"), sessionOf(pair, "server")];
  client.handle("t", (data) => void got.client.push(data));
  server.handle("t", (data) => void got.server.push(data));
  return { pair, got, client, server };
}

/** Resumes and lets everything arrive; throws where it does not succeed. */
export async function resume(pair: Pair, options?: AttemptOptions): Promise<Attempt> {
  const made = attempt(pair, options);
  await settle();
  for (const role of ["client", "server"] as const) {
    if (!made[role].connection.established) throw new Error(`the ${role} did not resume: ${made[role].info?.error}`);
  }
  return made;
}

/** The network is gone, for both ends; what is on the way is lost. */
export async function cut(pair: Pair | Attempt, roles: readonly ("client" | "server")[] = ["client", "server"]) {
  pair.link.tap = () => [];
  for (const role of roles) pair.link[role].breakOff();
  await settle();
}

/** A link whose frames a test delivers one by one. */
export class SlowLink {
  readonly link: Link;
  readonly way: Record<Direction, Payload[]> = { c2s: [], s2c: [] };

  constructor(link: Link) {
    this.link = link;
    link.tap = (direction, payload) => {
      this.way[direction].push(payload);
      return [];
    };
  }

  /** The oldest frame of this direction arrives, if there is one. */
  deliver(direction: Direction): boolean {
    const payload = this.way[direction].shift();
    if (payload !== undefined) this.link.inject(direction, payload);
    return payload !== undefined;
  }

  /** What is on the way arrives, and nothing is held any more. */
  open(): void {
    this.link.tap = (_, payload) => [payload];
    for (const direction of ["c2s", "s2c"] as const) while (this.deliver(direction));
  }

  /** What is on the way is lost; both ends learn of it. */
  cut(): void {
    this.way.c2s.length = 0;
    this.way.s2c.length = 0;
    this.link.tap = () => [];
    this.link.client.breakOff();
    this.link.server.breakOff();
  }
}
