import fc from "fast-check";
import { expect, it } from "vitest";
import { settle } from "../support/clock.ts";
import { ROLES, type Role, released, upTo } from "../support/live.ts";
import { attempt, resumable, SlowLink, sessionOf } from "../support/reconnect.ts";
import { noUnhandledRejections } from "../support/unhandled.ts";

noUnhandledRejections();

const webcrypto = process.env.SEALWIRE_BACKEND === "webcrypto";
const MANY = 1e9;
const role = fc.constantFrom(...ROLES);

const event = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constantFrom("send" as const, "request" as const), role }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("burst" as const), role, many: fc.integer({ min: 2, max: 5 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("rekey" as const), role }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("refresh" as const) }) },
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant("arrive" as const), role, many: fc.integer({ min: 1, max: 4 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("time" as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("cut" as const), sides: fc.subarray([...ROLES], { minLength: 1 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("resume" as const), chain: fc.nat(3) }) },
);
type Event = typeof event extends fc.Arbitrary<infer E> ? E : never;

const nameOf = ({ seq, index = 0 }: { readonly seq: number; readonly index?: number }): string => `${seq}/${index}`;

/** A session that is used and cut at random. */
class Play {
  readonly made: Awaited<ReturnType<typeof resumable>>;
  readonly got: Record<Role, number[]> = { client: [], server: [] };
  readonly sent: Record<Role, number> = { client: 0, server: 0 };
  readonly results: Promise<unknown>[] = [];
  /** Names of the messages that `send` named. */
  readonly names: Record<Role, Map<number, string>> = { client: new Map(), server: new Map() };
  readonly reported: Record<Role, string[]> = { client: [], server: [] };
  readonly wires: SlowLink[] = [];
  #refreshing = false;

  constructor(made: Awaited<ReturnType<typeof resumable>>) {
    this.made = made;
    this.wires.push(new SlowLink(made.pair.link));
    for (const side of ROLES) {
      const session = sessionOf(made.pair, side);
      session.onUndetermined((list) => this.reported[side].push(...list.map(nameOf)));
      session.handle("m", (n) => void this.got[side].push(n as number));
      session.handle("q", (n) => {
        this.got[side].push(n as number);
        return (n as number) * 2;
      });
    }
  }

  /** The connection of the moment. */
  get wire(): SlowLink {
    return this.wires.at(-1) as SlowLink;
  }

  async do(e: Event): Promise<void> {
    const { pair, client } = this.made;
    switch (e.do) {
      case "send":
        this.send(e.role);
        break;
      case "request":
        this.request(e.role);
        break;
      // In one turn, as one batch.
      case "burst":
        for (let i = 0; i < e.many; i++) i % 2 === 0 ? this.send(e.role) : this.request(e.role);
        break;
      case "rekey":
        sessionOf(pair, e.role).rekey();
        break;
      case "refresh":
        if (this.#refreshing) break;
        this.#refreshing = true;
        // Where its connection is lost, the answer is: that is one way to settle.
        this.results.push(
          client
            .refresh("any")
            .catch((error) => expect(["E_TRUNCATED", "E_CLOSED"]).toContain(error.code))
            .finally(() => {
              this.#refreshing = false;
            }),
        );
        break;
      case "arrive":
        // On every connection there is: what the server still has of an old one arrives as well.
        for (const wire of this.wires)
          for (let i = 0; i < e.many; i++) wire.deliver(e.role === "client" ? "s2c" : "c2s");
        break;
      case "time":
        await pair.clock.advance(700);
        break;
      case "cut":
        for (const side of e.sides) this.wire.link[side].breakOff();
        break;
      case "resume": {
        const { chains } = client.life.ledger;
        // A client makes a full handshake before it holds more.
        if (chains.length < 6) this.resume(e.chain % chains.length);
      }
    }
    await settle(1);
  }

  send(role: Role): void {
    const n = ++this.sent[role];
    const named = sessionOf(this.made.pair, role).send("m", n);
    this.results.push(named.then((sent) => this.names[role].set(n, nameOf(sent))));
  }

  request(role: Role): void {
    const n = ++this.sent[role];
    const asked = sessionOf(this.made.pair, role).request("q", n);
    this.results.push(asked.then((reply) => expect(reply).toBe(2 * n)));
  }

  resume(chain: number): void {
    attempt(this.made.pair, {
      chain: this.made.client.life.ledger.chains[chain]!,
      onLink: (link) => void this.wires.push(new SlowLink(link)),
    });
  }

  /** Everything that is on the way arrives, on a connection that stays. */
  async finish(): Promise<void> {
    const { pair, client, server } = this.made;
    for (const wire of this.wires) wire.cut();
    await settle(2);
    for (let i = 0; client.state !== "open" && i < client.life.ledger.chains.length; i++) {
      this.resume(i);
      this.wire.open();
      await settle(2);
    }
    expect([client.state, server.state]).toEqual(["open", "open"]);
    await pair.clock.advance(4000);
  }
}

it("exactly once, in order, every promise settled, nothing left, whatever happens [resume:again] [resume:delivered] [chain:server] [chain:client] [ack:keep]", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(event, { minLength: 5, maxLength: 40 }), async (events) => {
      const refresh = async () => ({ expiresAt: 1_893_456_000 + 3000, scopes: [] });
      const limits = {
        controlBurst: MANY,
        itemsBurst: MANY,
        itemsPerSecond: MANY,
        retainedMessages: 5,
        ackMessages: 3,
      };
      const play = new Play(await resumable({ limits, serverHooks: { refresh } }));
      for (const e of events) await play.do(e);
      await play.finish();
      await Promise.all(play.results);
      const { pair, client, server } = play.made;
      expect(play.got).toEqual({ client: upTo(play.sent.server), server: upTo(play.sent.client) });
      for (const session of [client, server]) expect(session.life.ledger.chains).toHaveLength(1);
      expect((await client.close()).undetermined).toEqual([]);
      expect((await server.closed).undetermined).toEqual([]);
      await pair.clock.advance(20_000);
      await released(pair);
    }),
    { numRuns: webcrypto ? 25 : 120 },
  );
}, 60_000);

it("a session that is given up reports or delivers each message, and settles every promise [ack:undetermined]", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(event, { minLength: 5, maxLength: 25 }), async (events) => {
      const limits = {
        controlBurst: MANY,
        itemsBurst: MANY,
        itemsPerSecond: MANY,
        retainedMessages: 5,
        ackMessages: 3,
      };
      const play = new Play(await resumable({ limits }));
      for (const e of events) if (e.do !== "refresh") await play.do(e);
      const { pair } = play.made;
      const settled = Promise.allSettled(play.results);
      for (const wire of play.wires) wire.cut();
      await pair.clock.advance(180_000);
      await settled;
      for (const side of ROLES) {
        const session = sessionOf(pair, side);
        const { undetermined } = await session.closed;
        const peer = side === "client" ? "server" : "client";
        // In order, without a gap; the rest is on record, once, or was never sent.
        expect(play.got[peer]).toEqual(upTo(play.got[peer].length));
        const reported = [...play.reported[side], ...undetermined.map(nameOf)];
        expect(new Set(reported).size).toBe(reported.length);
        for (const [n, name] of play.names[side])
          expect(play.got[peer].includes(n) || reported.includes(name), `${side}: ${n}`).toBe(true);
        expect(session.life.ledger.retention.all()).toEqual([]);
      }
      expect(pair.clock.pending).toBe(0);
    }),
    { numRuns: webcrypto ? 10 : 60 },
  );
}, 60_000);
