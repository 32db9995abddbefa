import { createMemoryReplayStore, type ReplayStore } from "@sealwire/core";
import {
  createMemoryResumeStore,
  type ResumeStore,
  type Revocation,
  type SealwireServer,
  type ServerSession,
} from "@sealwire/server";
import { createServerOn } from "@sealwire/server/internal";
import { type FixedKey, fixedKey, seededBackend } from "../crypto.ts";
import { SERVER_ID, TOKENS } from "../issuer.ts";
import { httpServer, REQUEST_MS, serverPlatform } from "../platform.ts";
import { Random } from "../random.ts";
import type { Action, Trouble } from "./plan.ts";
import { endRecord, type SentMessage, type ServerRecord } from "./record.ts";
import { Speaker } from "./speaker.ts";
import type { Stage } from "./stage.ts";

export const identity: FixedKey = fixedKey("server");

/** Plans have no more messages than that. */
const REPLAY_ENTRIES = 100;
/** So many milliseconds a server that goes away waits for its clients. */
const FAREWELL_MS = 5000;

type Crash = Trouble & { readonly kind: "crash" };

interface Held {
  readonly session: ServerSession;
  readonly record: ServerRecord;
  readonly speaker: Speaker;
}

/** The server, and after a restart the next one. */
export class ServerSide {
  readonly #stage: Stage;
  readonly #all: SealwireServer[] = [];
  readonly #held: Held[] = [];
  #current: SealwireServer | undefined;
  #sharedReplay: ReplayStore | undefined;
  /** A crash that waits for messages. */
  #fuse: { readonly crash: Crash; left: number } | undefined;
  readonly #store: { readonly store?: ResumeStore };
  #over = false;

  constructor(stage: Stage) {
    this.#stage = stage;
    const now = () => stage.hosts.server.clock.unix();
    this.#store = stage.plan.sharedSessions ? { store: createMemoryResumeStore({ now }) } : {};
  }

  start(): void {
    const { clock } = this.#stage.hosts.server;
    const { codec, level, order, protocol, seed, suite, limits, resume, authorizeMs, admitMs } = this.#stage.plan;
    const number = this.#all.length;
    const sealwire = createServerOn(serverPlatform(clock), {
      identity: { id: SERVER_ID, keys: [identity.privateJwk] },
      tokens: TOKENS,
      authorize: async ({ principal, topic, direction, data }) => {
        const [n] = data as [number];
        // Not all alike: who asks later may be answered earlier.
        if (authorizeMs > 0 && n % 2 === 0) await this.#stage.pause("server", authorizeMs);
        const granted = topic.startsWith("free.") || principal.scopes.has("extra");
        if (direction === "in") this.#stage.record.decided.push({ n, granted });
        return granted;
      },
      admit: async () => {
        if (admitMs > 0) await this.#stage.pause("server", admitMs);
        return true;
      },
      crypto: seededBackend(new Random(seed, 100 + number)),
      levels: [level],
      codecs: [codec],
      suites: [suite],
      protocols: [protocol],
      order,
      replay: this.#replay(),
      ...(order === "window" ? {} : { resume: resume === false ? false : { seconds: resume, ...this.#store } }),
      limits: limits.server,
      onError: (error) => this.#stage.report("server", error),
    });
    sealwire.onSession((session) => this.#onSession(session, number));
    this.#stage.hosts.server.accept = httpServer(clock, REQUEST_MS, (...upgrade) => sealwire.handleUpgrade(...upgrade));
    this.#all.push(sealwire);
    this.#current = sealwire;
  }

  /** One that knows nothing of what was before refuses what could be of then; before the one that all share there was nothing. */
  #replay(): ReplayStore {
    const of = (startedAt: number) =>
      createMemoryReplayStore({ startedAt, capacity: REPLAY_ENTRIES, issuerShare: 100, skew: 30 });
    if (!this.#stage.plan.sharedReplay) return of(Math.floor(this.#stage.hosts.server.clock.unix() / 1000));
    this.#sharedReplay ??= of(0);
    return this.#sharedReplay;
  }

  #onSession(session: ServerSession, server: number): void {
    const { record } = this.#stage;
    const token = () => session.principal.tokenId as string;
    const index = record.servers.length;
    const own: ServerRecord = {
      ...endRecord(),
      id: session.id,
      index,
      server,
      tokens: [token()],
      order: this.#stage.order(),
    };
    record.servers.push(own);
    session.onPrincipalChange(() => own.tokens.push(token()));
    const { level, protocol, codec } = session;
    this.#stage.note(
      "server",
      `[${index}] session ${session.id.slice(0, 6)}: ${level}, ${protocol}, ${codec}, ${token()}`,
    );
    const onTaken = (kind: SentMessage["kind"]) => {
      if (kind === "idempotent") this.#burn();
    };
    const speaker = new Speaker({ stage: this.#stage, side: "server", session, record: own, index, token, onTaken });
    this.#held.push({ session, record: own, speaker });
  }

  #burn(): void {
    if (this.#fuse === undefined || --this.#fuse.left > 0) return;
    const { at, kind, ms } = this.#fuse.crash;
    this.#fuse = undefined;
    this.suffer({ at, kind, ms });
  }

  act(action: Action): void {
    const held = this.#held.at(-1);
    if (held === undefined || held.session.state === "closed")
      this.#stage.note("server", `has no session to ${action.kind} on`);
    else held.speaker.act(action);
  }

  suffer(trouble: Trouble & { readonly kind: "restart" | "crash" | "revoke" }): void {
    if (this.#over || this.#current === undefined) return;
    const sealwire = this.#current;
    if (trouble.kind === "revoke") {
      const { network, timeline } = this.#stage;
      if (trouble.unseen) network.reset();
      timeline.schedule(() => this.#revoke(sealwire, trouble.by), trouble.unseen ? 1 : 0);
    } else if (trouble.kind === "crash" && trouble.upon !== undefined) {
      this.#fuse = { crash: trouble, left: trouble.upon };
    } else {
      this.#stage.note("server", `${trouble.kind}, back in ${trouble.ms} ms`);
      if (trouble.kind === "restart") this.#leave(sealwire);
      else this.#stage.network.reset();
      this.#current = undefined;
      delete this.#stage.hosts.server.accept;
      this.#stage.timeline.schedule(() => {
        if (!this.#over) this.start();
      }, trouble.ms);
    }
  }

  #revoke(sealwire: SealwireServer, by: (Trouble & { kind: "revoke" })["by"]): void {
    const { record } = this.#stage;
    const held = this.#held.findLast(({ session }) => sealwire.sessions.has(session));
    if (held === undefined) return;
    const { principal, id } = held.session;
    const { tokenId = "", subject, thumbprint } = principal;
    if (by === "thumbprint" && thumbprint === undefined) return;
    const revocation: Revocation = {
      session: { session: id },
      tokenId: { tokenId },
      subject: { subject },
      thumbprint: { thumbprint: thumbprint ?? "" },
    }[by];
    const concerned =
      by === "session" || by === "tokenId" ? [held] : this.#held.filter((h) => sealwire.sessions.has(h.session));
    // A token by its id, or each one that the sessions hold at this moment; none that is issued later.
    const tokens = new Set(concerned.map(({ session }) => session.principal.tokenId as string));
    const revoked = sealwire.revoke(revocation).then((count) => {
      const sessions = concerned.map((h) => h.record.index);
      const [key, order] = [by === "thumbprint", this.#stage.order()];
      record.revoked.push({ server: this.#all.indexOf(sealwire), sessions, tokens, key, order });
      this.#stage.note("server", `revoked by ${by}, ${count} sessions ended`);
    });
    this.#stage.watch("server.revoke", revoked);
  }

  #leave(sealwire: SealwireServer): void {
    for (const { session, record } of this.#held) if (sealwire.sessions.has(session)) record.asked = true;
    this.#stage.watch(`close of server ${this.#all.indexOf(sealwire)}`, sealwire.close({ timeout: FAREWELL_MS }));
  }

  /** All of them, also those that crashed: their memory is gone, their sessions are not. */
  close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#current = undefined;
    delete this.#stage.hosts.server.accept;
    for (const sealwire of this.#all) this.#leave(sealwire);
  }

  get sessions(): number {
    return this.#all.reduce((sum, { sessions }) => sum + sessions.size, 0);
  }
}
