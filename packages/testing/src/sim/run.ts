import type { ClientSession } from "@sealwire/client";
import { connectOn } from "@sealwire/client/internal";
import type { Session } from "@sealwire/core";
import { thumbprint } from "@sealwire/core/internal";
import { backend } from "@sealwire/core/internal/node";
import { createServerOn } from "@sealwire/server/internal";
import { SimClock } from "../clock.ts";
import { fixedKey, seededBackend } from "../crypto.ts";
import { describeFault } from "../faults.ts";
import { issue, SERVER_ID, TOKENS } from "../issuer.ts";
import { EventLog } from "../log.ts";
import { type Host, SimNetwork } from "../network.ts";
import { clientPlatform, httpServer, REQUEST_MS, serverPlatform } from "../platform.ts";
import { Random } from "../random.ts";
import { Timeline } from "../timeline.ts";
import { type Action, describePlan, type Plan, type Side } from "./plan.ts";
import type { RunRecord, Sent, SideRecord } from "./record.ts";

/** More than any run needs. */
const MOST_EVENTS = 200_000;
/** From the planned end on everybody is given so long, in milliseconds, before the server ends the rest. */
const GRACE = 200_000;

const identity = fixedKey("server");
const proof = fixedKey("client");
const jkt = await thumbprint(backend, proof.publicJwk);
/** Made once: signing takes longer than a whole handshake. */
const tokens = {
  bearer: await issue({ scopes: ["all"] }, new SimClock().unix()),
  bound: await issue({ scopes: ["all"] }, new SimClock().unix(), jkt),
};

const side = (): SideRecord => ({ sent: [], delivered: [], denied: 0, closed: undefined, established: false });

/** Runs a plan, from the first connection until nothing is left to happen. */
export async function run(plan: Plan): Promise<{ readonly record: RunRecord; readonly log: EventLog }> {
  const unhandled: unknown[] = [];
  const onUnhandled = (error: unknown) => unhandled.push(error);
  process.on("unhandledRejection", onUnhandled).on("uncaughtException", onUnhandled);
  try {
    const world = new World(plan, unhandled);
    await world.run();
    return world;
  } finally {
    process.off("unhandledRejection", onUnhandled).off("uncaughtException", onUnhandled);
  }
}

class World {
  readonly log: EventLog = new EventLog();
  readonly record: RunRecord;
  readonly #plan: Plan;
  readonly #timeline = new Timeline();
  readonly #network: SimNetwork;
  readonly #hosts: Readonly<Record<Side, Host>>;
  readonly #sessions: Partial<Record<Side, Session>> = {};
  readonly #unsettled = new Set<string>();

  constructor(plan: Plan, unhandled: unknown[]) {
    this.#plan = plan;
    const random = new Random(plan.seed, 1);
    this.#network = new SimNetwork(this.#timeline, { random, log: this.log, line: plan.line });
    this.#hosts = {
      client: { name: "client", clock: new SimClock(this.#timeline) },
      server: { name: "server", clock: new SimClock(this.#timeline) },
    };
    this.record = {
      plan,
      client: side(),
      server: side(),
      connectError: undefined,
      fired: [],
      unhandled,
      unsettled: [],
      left: { timers: 0, sockets: 0, sessions: 0 },
      ended: false,
    };
  }

  async run(): Promise<void> {
    const { client, server } = this.#hosts;
    for (const line of describePlan(this.#plan)) this.log.add(0, "plan", line);
    const sealwire = this.#serve();
    this.#network.plan(this.#plan.faults);
    this.#watch("connect", this.#connect(), (error) => {
      this.record.connectError = error;
      this.log.add(this.#timeline.now, "client", `connect failed: ${error}`);
    });
    for (const action of this.#plan.actions) this.#hosts[action.side].clock.deliver(() => this.#act(action), action.at);
    for (const trouble of this.#plan.troubles) {
      this.#timeline.schedule(() => {
        if (trouble.kind === "unplug") this.#network.unplug(trouble.ms);
        else {
          this.log.add(this.#timeline.now, trouble.side, `${trouble.kind} of ${trouble.ms} ms`);
          this.#hosts[trouble.side].clock[trouble.kind](trouble.ms);
        }
      }, trouble.at);
    }
    const { at, by } = this.#plan.end;
    let left = false;
    const leave = () => {
      left = true;
      this.#watch("server.close", sealwire.close({ timeout: GRACE }));
    };
    if (by === "server") server.clock.deliver(leave, at);
    else {
      client.clock.deliver(() => {
        const session = this.#sessions.client;
        if (session !== undefined) this.#watch("session.close", session.close());
      }, at);
      server.clock.deliver(leave, at + GRACE);
    }
    // At the moment in which all is closed no timer may be left: afterwards even a forgotten one would have run out.
    const isOver = () => left && this.#unsettled.size === 0 && this.#network.open.size === 0;
    await this.#timeline.run(MOST_EVENTS, isOver);
    const timers = client.clock.pending + server.clock.pending;
    this.record.ended = await this.#timeline.run(MOST_EVENTS);
    this.record.fired = this.#network.fired.map(describeFault);
    this.record.unsettled = [...this.#unsettled];
    this.record.left = { timers, sockets: this.#network.open.size, sessions: sealwire.sessions.size };
  }

  #serve() {
    const { clock } = this.#hosts.server;
    const { codec, level, order, protocol, seed, suite, limits } = this.#plan;
    const sealwire = createServerOn(serverPlatform(clock), {
      identity: { id: SERVER_ID, keys: [identity.privateJwk] },
      tokens: TOKENS,
      authorize: () => true,
      crypto: seededBackend(new Random(seed, 2)),
      levels: [level],
      codecs: [codec],
      suites: [suite],
      protocols: [protocol],
      order,
      limits,
      // Sessions that end with their connection; what goes on is simulated elsewhere.
      resume: false,
      onError: (error) => this.log.add(this.#timeline.now, "server", `reports ${error.message}`),
    });
    sealwire.onSession((session) => this.#established("server", session));
    this.#hosts.server.accept = httpServer(clock, REQUEST_MS, (...upgrade) => sealwire.handleUpgrade(...upgrade));
    return sealwire;
  }

  async #connect(): Promise<void> {
    const { client, server } = this.#hosts;
    const { codec, level, order, protocol, seed, suite, limits } = this.#plan;
    const signs = level === "sig" || level === "nest";
    const masks = new Random(seed, 3);
    const platform = clientPlatform({
      clock: client.clock,
      connect: () => this.#network.connect(client, server),
      mask: (key) => void masks.fill(key),
    });
    const session: ClientSession = await connectOn(platform, "ws://localhost/", {
      server: { id: SERVER_ID, keys: { keys: [identity.publicJwk] } },
      token: signs ? tokens.bound : tokens.bearer,
      ...(signs ? { proof: proof.privateJwk } : {}),
      crypto: seededBackend(new Random(seed, 4)),
      levels: [level],
      codecs: [codec],
      suites: [suite],
      protocols: [protocol],
      order,
      limits,
      reconnect: false,
    });
    this.#established("client", session);
  }

  #established(at: Side, session: Session): void {
    const record = this.record[at];
    record.established = true;
    this.#sessions[at] = session;
    this.log.add(this.#timeline.now, at, `has a session: ${session.level}, ${session.protocol}, ${session.codec}`);
    const handler = async (data: unknown) => {
      const [n] = data as [number, string];
      record.delivered.push(n);
      this.log.add(this.#timeline.now, at, `handles ${n}`);
      const { handlerMs } = this.#plan;
      if (handlerMs > 0) await new Promise<void>((go) => this.#hosts[at].clock.deliver(go, handlerMs));
      return n;
    };
    session.handle("send", handler as never);
    session.handle("request", handler as never);
    session.onDenied(({ code }) => {
      record.denied++;
      this.log.add(this.#timeline.now, at, `hears that a message was refused: ${code}`);
    });
    const closed = session.closed.then((info) => {
      record.closed = info;
      const { code, clean, truncated, error } = info;
      const why = error === undefined ? "" : `: ${error.message}`;
      this.log.add(this.#timeline.now, at, `ended with ${code}, clean ${clean}, truncated ${truncated}${why}`);
    });
    this.#watch(`session.closed of the ${at}`, closed);
  }

  #act({ side: at, kind, size }: Action): void {
    const session = this.#sessions[at];
    if (session === undefined) {
      this.log.add(this.#timeline.now, at, `has no session to ${kind} on`);
      return;
    }
    const { sent } = this.record[at];
    const message: Sent = { n: sent.length + 1, kind, outcome: "pending" };
    sent.push(message);
    const data = [message.n, "x".repeat(size)];
    this.log.add(this.#timeline.now, at, `${kind} ${message.n}, ${size} characters`);
    const work = kind === "send" ? session.send("send", data) : session.request("request", data);
    work.then(
      (reply) => {
        message.outcome = kind === "send" ? "ok" : { reply };
        this.log.add(this.#timeline.now, at, `${kind} ${message.n} resolved`);
      },
      (error: unknown) => {
        message.outcome = { error };
        this.log.add(this.#timeline.now, at, `${kind} ${message.n} failed: ${error}`);
      },
    );
  }

  /** A promise that has to settle. */
  #watch(what: string, promise: Promise<unknown>, onError?: (error: unknown) => void): void {
    this.#unsettled.add(what);
    const done = () => this.#unsettled.delete(what);
    void promise.then(done, (error: unknown) => {
      done();
      if (onError === undefined) throw error;
      onError(error);
    });
  }
}
