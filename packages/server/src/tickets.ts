import { createHash, randomBytes } from "node:crypto";
import { type Awaitable, DEFAULT_LIMITS, SealwireError } from "@sealwire/core";

/** What a ticket stands for. Not the ticket: that is known to its client alone. */
export interface TicketRecord {
  /** An access token that the server takes; it need not be bound to a key itself. */
  readonly token: string;
  /** RFC 7638 thumbprint of the key that the client has to prove. */
  readonly jkt: string;
  /** Unix time in milliseconds. */
  readonly issuedAt: number;
}

/**
 * Keeps records of tickets under the hash of the ticket. Shared between nodes it has to be one store for all of them,
 * and holds access tokens: protect it as such.
 */
export interface TicketStore {
  /** Keeps a record for so many seconds, then forgets it. Rejects where there is no room. */
  put(hash: string, record: TicketRecord, seconds: number): Awaitable<void>;
  /** Removes the record and returns it, in one atomic step: of two that ask at once, one gets it. */
  take(hash: string): Awaitable<TicketRecord | undefined>;
}

export interface Tickets {
  /**
   * A ticket for one connection within limit ticketSeconds. For an endpoint of the application that has authenticated
   * the caller over https, and hands it out with `Cache-Control: no-store`. When it is used, the server checks the
   * token by its own policy, and the client proves the key `jkt`.
   *
   * Not checked: that the caller holds the key `jkt` (the handshake does), and how many tickets one caller asks for.
   *
   * @throws TypeError for a token or jkt that is none; SealwireError E_BUSY where the store in memory is full
   */
  issue(of: { readonly token: string; readonly jkt: string }): Promise<string>;
  /** For the server: the record of a ticket, once. */
  take(ticket: string): Promise<TicketRecord | undefined>;
}

const THUMBPRINT = /^[A-Za-z0-9_-]{43}$/;
/** 256 bits. */
const TICKET_BYTES = 32;

const hashOf = (ticket: string): string => createHash("sha256").update(ticket).digest("base64url");

export interface TicketsOptions {
  /** Default: in memory, for 10,000 open tickets, on the same clock. */
  readonly store?: TicketStore;
  /** Milliseconds since 1970. Default: Date.now. */
  readonly now?: () => number;
}

export interface MemoryTicketStoreOptions {
  /** Open tickets; more are refused with E_BUSY. Default: 10,000. */
  readonly capacity?: number;
  /** Milliseconds since 1970. Default: Date.now. */
  readonly now?: () => number;
}

/** Single-use tickets for the query of an upgrade request. */
export function createTickets(options: TicketsOptions = {}): Tickets {
  const { now = () => Date.now() } = options;
  const { store = memoryTicketStore({ now }) } = options;
  return {
    issue: async ({ token, jkt }) => {
      if (typeof token !== "string" || token === "") throw new TypeError("token is not a string, or empty");
      if (typeof jkt !== "string" || !THUMBPRINT.test(jkt)) throw new TypeError("jkt is not a SHA-256 thumbprint");
      const ticket = randomBytes(TICKET_BYTES).toString("base64url");
      await store.put(hashOf(ticket), { token, jkt, issuedAt: now() }, DEFAULT_LIMITS.ticketSeconds);
      return ticket;
    },
    take: async (ticket) => await store.take(hashOf(ticket)),
  };
}

/** A store of one process: a restart makes its open tickets worthless. @throws TypeError for a capacity that is none */
export function memoryTicketStore(options: MemoryTicketStoreOptions = {}): TicketStore {
  const { capacity = 10_000, now: clock = () => Date.now() } = options;
  if (!Number.isSafeInteger(capacity) || capacity < 1) throw new TypeError("capacity is a number of tickets");
  const records = new Map<string, { readonly record: TicketRecord; readonly ends: number }>();
  /** In order of issue, which is that of expiry; one that is out of it waits for its predecessors. */
  const forget = (now: number) => {
    for (const [hash, { ends }] of records) {
      if (ends > now) return;
      records.delete(hash);
    }
  };
  return {
    put: (hash, record, seconds) => {
      const now = clock();
      forget(now);
      if (records.size >= capacity) throw new SealwireError("E_BUSY", { detail: "too many tickets are open" });
      records.set(hash, { record, ends: now + seconds * 1000 });
    },
    take: (hash) => {
      const found = records.get(hash);
      records.delete(hash);
      return found !== undefined && found.ends > clock() ? found.record : undefined;
    },
  };
}
