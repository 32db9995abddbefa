import { expect } from "vitest";
import type { Payload } from "../../src/envelope/sealer.ts";
import type { Attachment } from "../../src/session/attachment.ts";
import type { Chain } from "../../src/session/chain.ts";
import type { Connection } from "../../src/session/connection.ts";
import type { LiveSession } from "../../src/session/live.ts";
import { decodeFrame } from "../../src/wire/frame.ts";
import { settle } from "./clock.ts";
import type { Edge } from "./interleavings.ts";
import type { Link } from "./link.ts";
import { type Live, ROLES, released } from "./live.ts";
import { type Attempt, attempt, resumable, sessionOf } from "./reconnect.ts";
import { other, SERVER, type Side } from "./rekey-model.ts";
import { bit, CHAINS, isUsed, type ResumeEvent, type ResumeFrame, type ResumeState } from "./resume-model.ts";

const SIDES = [0, 1] as const;
const MANY = 1e9;

/** A connection with what is on the way, and the attempt to resume on it; the first one of a walk can have none. */
interface Road {
  readonly link: Link;
  readonly c2s: Payload[];
  readonly s2c: Payload[];
  attempt?: Attempt;
}

/** Two real sessions that go where a walk through the model of a resume leads, and are compared with it after each step. */
export class ResumeWalker {
  readonly #pair: Live;
  readonly #got: Record<"client" | "server", unknown[]>;
  readonly #ends: readonly [LiveSession, LiveSession];
  /** As the model counts them; undefined where no attempt was made. */
  #roads: (Road | undefined)[];
  /** The client's: on another one nobody reads what the server sends. */
  #current: Link | undefined;
  /** By the model's names. */
  readonly #kids = new Map<number, string>();
  /** Where this walk begins: the model counts from 0. */
  #numbers: readonly [number, number] = [0, 0];
  /** What each end sent in this walk, by number. */
  #sent: readonly [Map<number, number>, Map<number, number>] = [new Map(), new Map()];
  #data = 0;

  private constructor(pair: Live, got: Record<"client" | "server", unknown[]>) {
    this.#pair = pair;
    this.#got = got;
    this.#ends = [sessionOf(pair, "client"), sessionOf(pair, "server")];
    this.#current = pair.link;
    this.#roads = [this.#road(pair.link)];
  }

  static async open(): Promise<ResumeWalker> {
    const { pair, got } = await resumable({
      limits: {
        controlBurst: MANY,
        itemsBurst: MANY,
        itemsPerSecond: MANY,
        bytesPerSecond: MANY,
        resumesPerMinute: MANY,
      },
      serverHooks: { trace: () => {} },
      clientHooks: { trace: () => {} },
    });
    return new ResumeWalker(pair as Live, got);
  }

  /** A link that carries nothing by itself, neither frames nor the end. */
  #road(link: Link): Road {
    const road: Road = { link, c2s: [], s2c: [] };
    link.tap = (direction, payload) => {
      if (direction === "c2s" || link === this.#current) road[direction].push(payload);
      return [];
    };
    for (const role of ROLES) {
      const socket = link[role];
      socket.close = (code, reason) => socket.breakOff(code, reason);
      socket.terminate = () => socket.breakOff();
    }
    return road;
  }

  /** Goes along a walk. The next one can begin where it ends, at rest, unless the client starts anew. */
  async walk(start: ResumeState, edges: readonly Edge<ResumeEvent, ResumeState>[]): Promise<void> {
    this.#begin();
    let before = start;
    for (const [i, { event, to }] of edges.entries()) {
      await this.#step(event, to.state);
      const differences = this.#differences(before, to.state);
      if (differences.length > 0) {
        const way = edges.slice(0, i + 1).map((edge) => JSON.stringify(edge.event));
        expect(differences, `after ${way.join(", ")}`).toEqual([]);
      }
      before = to.state;
    }
    // What was left is given up by the server too.
    for (const road of this.#roads)
      if (road !== undefined && road.link !== this.#current) for (const role of ROLES) road.link[role].breakOff();
    await settle(1);
  }

  #begin(): void {
    this.#roads = this.#roads.filter((road) => road?.link === this.#current);
    this.#numbers = [this.#ends[0].life.ledger.sent, this.#ends[1].life.ledger.sent];
    this.#sent = [new Map(), new Map()];
    for (const role of ROLES) this.#got[role].length = 0;
    this.#kids.clear();
    this.#kids.set(0, kidsOf(this.#ends[0])[0] as string);
  }

  async #step(event: ResumeEvent, { client, on }: ResumeState): Promise<void> {
    if (event.does === "sends") void this.#ends[event.side].send("t", ++this.#data);
    else if (event.does === "proposes") this.#ends[event.side].rekey();
    else if (event.does === "gives up") {
      const road = this.#roads.find((one) => one?.link === this.#current);
      this.#current = undefined;
      if (road !== undefined) road.s2c.length = 0;
      road?.link.client.breakOff();
    } else if (event.does === "tries") this.#try(event.chain, client.cc);
    else if (event.does === "loses") (this.#roads[event.k] as Road).c2s.length = 0;
    else if (event.does === "gets") {
      const { link, c2s, s2c } = this.#roads[event.k] as Road;
      if (event.side === SERVER) link.inject("c2s", c2s.shift() as Payload);
      else link.inject("s2c", s2c.shift() as Payload);
    }
    await settle(1);
    if (event.does === "sends") {
      const { sent } = this.#ends[event.side].life.ledger;
      this.#sent[event.side].set(sent - this.#numbers[event.side], this.#data);
    }
    // The server is done with a connection: what still arrives there changes nothing.
    for (const [k, { st }] of on.entries()) {
      const { link, c2s } = this.#roads[k] ?? { c2s: [] };
      if (st !== "DEAD" || c2s.length === 0) continue;
      for (const payload of c2s.splice(0)) link?.inject("c2s", payload);
      await settle(1);
    }
  }

  #try(name: number, k: number): void {
    const kid = this.#kids.get(name);
    const chain = this.#ends[0].life.ledger.chains.find((one) => one.kid === kid) as Chain;
    const made = attempt(this.#pair, {
      chain,
      onLink: (link) => {
        this.#current = link;
        this.#roads[k] = this.#road(link);
      },
    });
    (this.#roads[k] as Road).attempt = made;
  }

  /** Between the sessions and the model. */
  #differences(before: ResumeState, state: ResumeState): string[] {
    const found: string[] = [];
    const compare = (what: string, real: unknown, model: unknown) => {
      if (String(real) !== String(model)) found.push(`${what}: ${real}, not ${model}`);
    };
    const { client, server, on } = state;
    for (const side of SIDES) {
      const { sent, committed } = this.#ends[side].life.ledger;
      const own = side === SERVER ? server : client;
      const role = ROLES[side];
      compare(`${role} sent`, sent - this.#numbers[side], own.last);
      compare(`${role} committed`, committed - this.#numbers[other(side)], own.rcv);
      // Exactly once and in order.
      const due = [...this.#sent[other(side)]].filter(([n]) => n <= own.rcv);
      compare(
        `${role} got`,
        this.#got[role],
        due.map(([, data]) => data),
      );
      compare(`errors of the ${role}`, this.#pair.errors[role].splice(0), "");
      const receiver = this.#ends[side].receiver as Attachment | undefined;
      compare(`${role} proposes`, receiver?.machine.rekeying.proposing ?? false, own.wait);
    }
    this.#nameChains(before, state);
    compare("chains of the client", this.#names(0).sort(), CHAINS.filter((i) => bit(client.set, i)).map(String));
    compare("chains of the server", this.#names(1), serverChains(state).map(String));
    const road = this.#roads[client.cc];
    const trying = road?.attempt !== undefined && road.attempt.client.info === undefined;
    const real = this.#ends[0].state === "open" ? "live" : trying ? "trying" : "without";
    compare(
      "client",
      real,
      { LIVE: "live", HELLO: "trying", DERIVED: "trying", FRESH: "without", FULL: "without" }[client.st],
    );
    for (const [k, { st, c2s, s2c }] of on.entries()) {
      const road = this.#roads[k];
      if (road === undefined) continue;
      compare(`server's end of ${k}`, this.#serverEnd(road, st), st);
      compare(
        `to the server on ${k}`,
        road.c2s.map((frame) => this.#show(frame, 0)),
        c2s.map((frame) => shown(frame, k > 0 ? server.delivered : 0)),
      );
      compare(
        `to the client on ${k}`,
        road.s2c.map((frame) => this.#show(frame, SERVER)),
        s2c.map((frame) => shown(frame, 0)),
      );
    }
    return found;
  }

  /** Where the network has lost what the server waits for, it cannot know that. */
  #serverEnd({ attempt }: Road, st: string): string {
    const receiver = this.#ends[1].receiver as Attachment | undefined;
    const connection: Connection = (attempt?.server ?? this.#pair.server).connection;
    if (receiver?.connection === connection) return "LIVE";
    // Before a CH the connection may be that of an attempt which was refused.
    if (st === "FRESH") return st;
    return attempt !== undefined && !connection.closing && st !== "LIVE" ? st : "DEAD";
  }

  /** A chain that an end holds for the first time has the name that the model gives it. */
  #nameChains(before: ResumeState, state: ResumeState): void {
    for (const name of CHAINS) if (!isUsed(before, name)) this.#kids.delete(name);
    for (const side of SIDES) {
      const names = side === SERVER ? serverChains(state) : CHAINS.filter((i) => bit(state.client.set, i));
      const [name, ...more] = names.filter((i) => !this.#kids.has(i));
      const kid = kidsOf(this.#ends[side]).find((one) => ![...this.#kids.values()].includes(one));
      if (name !== undefined && more.length === 0 && kid !== undefined) this.#kids.set(name, kid);
    }
  }

  #names(side: Side): string[] {
    const byKid = new Map([...this.#kids].map(([name, kid]) => [kid, String(name)]));
    return kidsOf(this.#ends[side]).map((kid) => byKid.get(kid) ?? "an unknown one");
  }

  #show(payload: Payload, from: Side): string {
    const frame = decodeFrame(payload as Uint8Array) as { form: number; h: number; seq: number };
    if (frame.form === 0) return "refusal";
    if (frame.form === 1) return "hello";
    const n = frame.seq === 0 ? 0 : frame.seq - this.#numbers[from];
    return `${frame.h % 2 === 1 ? "control" : "message"} ${n}`;
  }

  /** Says bye in order: both ends have the same keys and miss nothing. */
  async close(): Promise<void> {
    const link = this.#current as Link;
    link.tap = (_, payload) => [payload];
    for (const role of ROLES) for (const name of ["close", "terminate"]) Reflect.deleteProperty(link[role], name);
    const ended = await this.#ends[0].close();
    expect(ended).toMatchObject({ code: 1000, clean: true, truncated: false });
    await released(this.#pair);
  }
}

const kidsOf = (session: LiveSession): string[] => session.life.ledger.chains.map(({ kid }) => kid);

const serverChains = ({ server: { newest, prev } }: ResumeState): number[] =>
  prev === undefined ? [newest] : [newest, prev];

/** A message that the server has said to have is sent again as `void`, which the model leaves open. */
function shown([kind, n]: ResumeFrame, delivered: number): string {
  if (kind === "CH" || kind === "SH") return "hello";
  if (kind === "NO") return "refusal";
  return `${kind === "APP" && n > delivered ? "message" : "control"} ${n}`;
}
