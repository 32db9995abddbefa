import type { IncomingMessage } from "node:http";
import { isIPv6 } from "node:net";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import type { Limits, SealwireError, Subprotocol } from "@sealwire/core";
import { select } from "@sealwire/core/internal";
import type { Opening } from "./opening.ts";
import type { ServerOptions } from "./options.ts";
import type { LiveServerSession } from "./session.ts";

const NAMES = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  503: "Service Unavailable",
};

/** The answer to an upgrade that is refused, and what onError is told of it. */
export interface Refusal {
  readonly status: keyof typeof NAMES;
  readonly text: string;
  readonly error?: SealwireError;
}

/** Refuses an upgrade at HTTP level. A browser's script sees only that it failed, so this is kept to what is needed. */
export function refuseUpgrade(socket: Duplex, { status, text }: Refusal): void {
  const body = `${text}\n`;
  socket.on("error", () => {});
  // The peer's half stays open otherwise, for as long as it likes: no timeout of the HTTP server covers an upgrade.
  socket.once("finish", () => socket.destroy());
  socket.end(
    `HTTP/1.1 ${status} ${NAMES[status]}\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n` +
      (status === 401 ? 'WWW-Authenticate: Bearer error="invalid_token"\r\n' : "") +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

const USUAL_PORTS: Readonly<Record<string, number>> = { "https:": 443, "http:": 80 };

/** Exact comparison; a request without Origin does not come from a page. */
export function originAllowed(req: IncomingMessage, origins: NonNullable<ServerOptions["origins"]>): boolean {
  const { origin, host } = req.headers;
  if (origin === undefined) return true;
  if (origins !== "same-origin") return origins.includes(origin);
  if (!URL.canParse(origin)) return false;
  const url = new URL(origin);
  // Behind a proxy that ends TLS the page's scheme cannot be known; here it can.
  const encrypted = (req.socket as Partial<TLSSocket>).encrypted === true;
  // Some proxies write the port that a browser leaves out.
  const port = USUAL_PORTS[url.protocol];
  const usual = port !== undefined && url.port === "" && host === `${url.host}:${port}`;
  return url.origin === origin && (url.host === host || usual) && (!encrypted || url.protocol === "https:");
}

/** The subprotocol of the 101 response: the first of the client's order that this server speaks, or none. */
export function selectProtocol(offered: Iterable<string>, supported: readonly Subprotocol[]): Subprotocol | false {
  // The server's own name for it: that of the request would keep its whole header in memory.
  const selected = select([...offered], supported);
  return supported.find((name) => name === selected) ?? false;
}

/**
 * The client's address: of the connection, or as many hops back in X-Forwarded-For as there are trusted proxies. What
 * stands further left was written by the client itself.
 */
export function addressOf(req: IncomingMessage, trustProxy: number): string {
  const direct = req.socket.remoteAddress ?? "unknown";
  if (trustProxy === 0) return direct;
  const forwarded = [req.headers["x-forwarded-for"] ?? []]
    .flat()
    .join(",")
    .split(",")
    .map((s) => s.trim());
  return forwarded.at(-trustProxy) || direct;
}

/** The tokens of all Authorization headers; Node itself would keep the first and hide the others. */
export function bearerTokens(req: IncomingMessage): readonly string[] {
  const values = (req.headersDistinct.authorization ?? []).flatMap((value) => value.split(","));
  return values.flatMap((value) => /^ *(?:Bearer|DPoP) +([A-Za-z0-9._~+/-]+=*) *$/i.exec(value)?.[1] ?? []);
}

/** Of one address. */
interface Counts {
  readonly admission: Admission;
  readonly address: string;
  all: number;
  pending: number;
}

/** Counts connections, in all and per address, before and after SR. */
export class Admission {
  readonly #limits: Limits;
  readonly #open = new Map<string, Counts>();
  /** Those that have no session yet. */
  pending = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#open.size;
  }

  /** Undefined where there is no room. */
  enter(from: string): Admitted | undefined {
    const { connectionsPerAddress, unauthenticatedPerAddress, unauthenticatedTotal } = this.#limits;
    const address = networkOf(from);
    const counts = this.#open.get(address) ?? { admission: this, address, all: 0, pending: 0 };
    if (counts.all >= connectionsPerAddress || counts.pending >= unauthenticatedPerAddress) return undefined;
    if (this.pending >= unauthenticatedTotal) return undefined;
    counts.all++;
    counts.pending++;
    this.pending++;
    this.#open.set(address, counts);
    return new Admitted(from, counts);
  }

  /** Nothing of this address is open any more. */
  forget(address: string): void {
    this.#open.delete(address);
  }
}

/** The place of one connection, from its upgrade to its end, and who has it. */
export class Admitted {
  readonly address: string;
  readonly #counts: Counts;
  #pending = true;
  #asked: Promise<void> | undefined;
  session: LiveServerSession | undefined;
  /** From its 101 until it has a session: nothing of its handshake, nor of its request, is held longer. */
  opening: Opening | undefined;

  constructor(address: string, counts: Counts) {
    this.address = address;
    this.#counts = counts;
  }

  /** Told of each step of the handshake: others are asked in it, for tokens, sessions and their consent. */
  asking(step: Promise<unknown>): void {
    const done = () => {
      if (this.#asked === work) this.#asked = undefined;
    };
    const work: Promise<void> = step.then(done, done);
    this.#asked = work;
  }

  /** What others are still asked; undefined if nothing is. */
  get asked(): Promise<void> | undefined {
    return this.#asked;
  }

  /** It has a session: it is not one of the unauthenticated any more. */
  ready(): void {
    if (!this.#pending) return;
    this.#pending = false;
    this.#counts.pending--;
    this.#counts.admission.pending--;
  }

  /** The connection has ended. */
  leave(): void {
    this.ready();
    const { admission, address } = this.#counts;
    this.#counts.all--;
    if (this.#counts.all === 0) admission.forget(address);
  }
}

const IPV4 = /^[\d.]+$/;

/** What counts as one address: of IPv6 the /64 that one subscriber has; without the port that some proxies append. */
export function networkOf(address: string): string {
  if (IPV4.test(address)) return address;
  const host = address
    .replace(/^\[(.*)\](?::\d+)?$/, "$1")
    .replace(/^([\d.]+):\d+$/, "$1")
    .replace(/^::ffff:(?=\d+\.)/i, "");
  if (!isIPv6(host)) return host;
  const [left, right] = host.split("::").map((half) => half.split(":").filter((group) => group !== "")) as [
    string[],
    string[]?,
  ];
  const groups =
    right === undefined ? left : [...left, ...Array(Math.max(0, 8 - left.length - right.length)).fill("0"), ...right];
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":")}::/64`;
}
