import { type ClientSession, type ConnectOptions, stopRefresh, type TokenContext } from "@sealwire/client";
import { connectOn } from "@sealwire/client/internal";
import { decodeClaims, type TraceRecord, thumbprint } from "@sealwire/core/internal";
import { backend } from "@sealwire/core/internal/node";
import { START } from "../clock.ts";
import { fixedKey, seededBackend } from "../crypto.ts";
import { issue, SERVER_ID } from "../issuer.ts";
import { clientPlatform } from "../platform.ts";
import { Random } from "../random.ts";
import type { Action } from "./plan.ts";
import { identity } from "./server-side.ts";
import { Speaker } from "./speaker.ts";
import type { Stage } from "./stage.ts";

const proof = fixedKey("client");
const jkt = await thumbprint(backend, proof.publicJwk);

/** The application tries so often to connect, with as many milliseconds between. */
const ATTEMPTS = 5;
const AGAIN_MS = 1000;

/** The client: one session object, from the first connection that succeeds to the end. */
export class ClientSide {
  readonly #stage: Stage;
  #session: ClientSession | undefined;
  #speaker: Speaker | undefined;
  #over = false;
  #tries = 0;
  /** The last good one, and the millisecond until which it is good. */
  #token: { readonly text: string; readonly until: number } | undefined;
  /** What the token grants that was got last, whether it is in force yet or not. */
  #coming = false;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  start(): void {
    this.#stage.watch("connect", this.#connect());
  }

  async #connect(): Promise<void> {
    const { record } = this.#stage;
    const masks = new Random(this.#stage.plan.seed, 3);
    const { client, server } = this.#stage.hosts;
    const platform = clientPlatform({
      clock: client.clock,
      connect: () => {
        record.client.tries = Math.max(record.client.tries, ++this.#tries);
        return this.#stage.network.connect(client, server);
      },
      mask: (key) => void masks.fill(key),
    });
    const options = this.#options();
    for (let i = 0; i < ATTEMPTS && !this.#over; i++) {
      if (i > 0) await this.#stage.pause("client", AGAIN_MS);
      try {
        this.#established(await connectOn(platform, "ws://localhost/", options));
        return;
      } catch (error) {
        record.client.failures.push(error);
        this.#stage.note("client", `connect failed: ${error}`);
      }
    }
  }

  #options(): ConnectOptions {
    const { codec, level, order, protocol, seed, suite, limits, reconnect } = this.#stage.plan;
    return {
      server: { id: SERVER_ID, keys: { keys: [identity.publicJwk] } },
      token: (context) => this.#getToken(context),
      ...(this.#signs ? { proof: proof.privateJwk } : {}),
      crypto: seededBackend(new Random(seed, 4)),
      levels: [level],
      codecs: [codec],
      suites: [suite],
      protocols: [protocol],
      order,
      reconnect,
      limits: limits.client,
      trace: (record) => this.#trace(record),
      onError: (error) => this.#stage.report("client", error),
    };
  }

  get #signs(): boolean {
    const { level } = this.#stage.plan;
    return level === "sig" || level === "nest";
  }

  /** The issuer has the right time, whatever the clocks of the two ends say. */
  async #getToken({ reason }: TokenContext): Promise<string> {
    const { plan, record, now } = this.#stage;
    const { ms, extra, refresh, seconds, cached } = plan.tokens;
    if (cached && reason === "connect" && this.#token !== undefined && now < this.#token.until) return this.#token.text;
    if (ms > 0) await this.#stage.pause("client", ms);
    if (reason === "refresh" && refresh === "fails") throw new Error("no token now");
    if (reason === "refresh" && refresh === "stop") throw stopRefresh();
    const name = `t${record.tokens.size}`;
    const grants = extra[Math.min(record.tokens.size, extra.length - 1)] ?? false;
    record.tokens.set(name, grants);
    record.client.tokenAt = this.#stage.now;
    this.#coming = grants;
    if (grants) for (const message of record.client.sent) message.granted = true;
    const subject = reason === "refresh" && refresh === "other" ? "mallory" : "alice";
    this.#stage.note("client", `gets token ${name}${grants ? ", extra" : ""}`);
    const principal = { subject, scopes: grants ? ["extra"] : [], claims: { jti: name } };
    const text = await issue(principal, START + now, this.#signs ? jkt : undefined, seconds);
    if (subject === "alice") this.#token = { text, until: now + seconds * 1000 };
    return text;
  }

  #trace({ direction, kind, seq, claims }: TraceRecord): void {
    const session = this.#session;
    if (kind !== "application" || session === undefined) return;
    const { client } = this.#stage.record;
    if (direction === "in") {
      client.opened.add(`${session.id} ${seq}`);
      return;
    }
    const { req, dat, bat } = decodeClaims(this.#stage.plan.codec, claims);
    // Requests have no other name that the application sees.
    if (req === true) client.requests.set((dat as [number])[0], { session: session.id, seq });
    for (const [index, { data, request }] of (bat ?? []).entries())
      if (request) client.requests.set((data as [number])[0], { session: session.id, seq, index });
  }

  #established(session: ClientSession): void {
    const { client } = this.#stage.record;
    this.#session = session;
    this.#tries = 0;
    this.#stage.note("client", `has session ${session.id.slice(0, 6)}`);
    client.sessions.push({ id: session.id, at: this.#stage.now });
    session.onStateChange((state) => {
      client.scopes = session.scopes;
      if (state !== "open") return;
      this.#tries = 0;
      if (client.sessions.at(-1)?.id === session.id) client.resumes++;
      else client.sessions.push({ id: session.id, at: this.#stage.now });
    });
    this.#speaker = new Speaker({
      stage: this.#stage,
      side: "client",
      session,
      record: client,
      index: -1,
      coming: () => this.#coming,
    });
    if (this.#over) this.close();
  }

  act(action: Action): void {
    if (this.#speaker === undefined) this.#stage.note("client", `has no session to ${action.kind} on`);
    else this.#speaker.act(action);
  }

  close(): void {
    this.#over = true;
    if (this.#session === undefined) return;
    this.#stage.record.client.asked = true;
    this.#stage.watch("session.close", this.#session.close());
  }
}
