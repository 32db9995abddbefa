import { describe, expect, it } from "vitest";
import type { AuthorizeRequest } from "../../src/session/hooks.ts";
import { settle } from "../support/clock.ts";
import { controlsOf, end, gate, live, released } from "../support/live.ts";
import type { PairOptions } from "../support/pair.ts";
import { attempt, cut, handshakeAgain, resume, SlowLink, sessionOf } from "../support/reconnect.ts";
import { noUnhandledRejections } from "../support/unhandled.ts";

// What is under way on one connection when another takes over.

noUnhandledRejections();

const granted = () => true;
const resumable = (options: PairOptions = {}): PairOptions => ({
  ...options,
  server: { resume: 120, ...options.server },
  serverHooks: { authorize: granted, ...options.serverHooks },
});

async function both(options: PairOptions = {}) {
  const pair = await live(resumable(options));
  return { pair, client: sessionOf(pair, "client"), server: sessionOf(pair, "server") };
}

describe("what is under way when another connection takes over", () => {
  it("a message that waits for its authorization comes before those of the new connection [resume:again]", async () => {
    const first = gate<boolean>();
    const authorize = ({ direction, data }: AuthorizeRequest) =>
      direction === "out" || data !== 1 ? true : first.promise;
    const { pair, client, server } = await both({ serverHooks: { authorize } });
    const got: unknown[] = [];
    server.handle("t", (data) => void got.push(data));
    await client.send("t", 1);
    await settle();
    pair.link.client.breakOff();
    await settle();
    await resume(pair);
    await client.send("t", 2);
    await settle();
    expect(got).toEqual([]);
    first.open(true);
    await settle();
    expect(got).toEqual([1, 2]);
    await client.close();
    await released(pair);
  });

  it("the same where the old connection is gone, and its message undecided for longer than that", async () => {
    const first = gate<boolean>();
    const authorize = ({ data }: AuthorizeRequest) => (data === 1 ? first.promise : true);
    const { pair, client, server } = await both({ serverHooks: { authorize } });
    const got: unknown[] = [];
    server.handle("t", (data) => void got.push(data));
    await client.send("t", 1);
    await settle();
    await cut(pair);
    await pair.clock.advance(5000);
    expect(server.state).toBe("reconnecting");
    await resume(pair);
    await client.send("t", 2);
    await settle();
    first.open(true);
    await settle();
    expect(got).toEqual([1, 2]);
    await client.close();
    await released(pair);
  });

  it("keys are not renewed between messages that are sent again [resume:again] [rekey:trigger]", async () => {
    const { pair, client, server } = await both({ limits: { rekeyMessages: 3 } });
    const got: unknown[] = [];
    client.handle("t", (data) => void got.push(data));
    await cut(pair, ["client"]);
    for (let i = 1; i <= 5; i++) await server.send("t", i);
    await settle();
    pair.link.server.breakOff();
    await settle();
    const more = Array.from({ length: 3 }, (_, i) => server.send("t", i + 6));
    await resume(pair);
    await Promise.all(more);
    await settle();
    expect(got).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(server.epochs.send).toBeGreaterThan(0);
    await client.close();
    await released(pair);
  });

  it("nor, by the application, while the policy is asked about them", async () => {
    const asked = gate<boolean>();
    let again = false;
    const authorize = ({ direction }: AuthorizeRequest) => (direction === "out" && again ? asked.promise : true);
    const { pair, client, server } = await both({ serverHooks: { authorize } });
    const got: unknown[] = [];
    client.handle("t", (data) => void got.push(data));
    await cut(pair, ["client"]);
    await server.send("t", 1);
    pair.link.server.breakOff();
    await settle();
    again = true;
    await resume(pair);
    server.rekey();
    await client.send("t", "while the server is asking");
    await settle();
    expect(got).toEqual([]);
    asked.open(true);
    await settle();
    expect(got).toEqual([1]);
    expect(server.epochs).toEqual({ send: 1, receive: 1 });
    await client.close();
    await released(pair);
  });

  it("`void` is no receipt: what was committed before it is acknowledged in time [ack:send]", async () => {
    const asked = gate<boolean>();
    let again = false;
    const authorize = ({ direction }: AuthorizeRequest) => (direction === "out" && again ? asked.promise : true);
    const { pair, client, server } = await both({ serverHooks: { authorize } });
    await cut(pair, ["client"]);
    await server.send("t", 1);
    pair.link.server.breakOff();
    await settle();
    again = true;
    await resume(pair);
    await client.send("t", "committed");
    await settle();
    asked.open(false);
    await settle();
    expect(client.life.ledger.retention.all()).toHaveLength(1);
    await pair.clock.advance(2000);
    expect(client.life.ledger.retention.all()).toEqual([]);
    await client.close();
    await released(pair);
  });

  it("a token that the server took after its SH is not sent again: resumed tells what became of it [refresh:lost] [resume:delivered]", async () => {
    const tokens: string[] = [];
    const refresh = async (token: string) => {
      tokens.push(token);
      return { expiresAt: pair.clock.unix() / 1000 + 1000, scopes: ["new"] };
    };
    const made = await both({ serverHooks: { refresh } });
    const { pair, client } = made;
    const old = new SlowLink(pair.link);
    const refreshed = client.refresh("token").catch((error: unknown) => error);
    await settle();
    pair.link.client.breakOff();
    await settle();
    let slow!: SlowLink;
    attempt(pair, {
      onLink: (link) => {
        slow = new SlowLink(link);
      },
    });
    await settle();
    slow.deliver("c2s");
    await settle();
    // SH is on its way: it does not say that the token was committed.
    old.deliver("c2s");
    await settle();
    slow.open();
    await settle();
    expect(await refreshed).toMatchObject({ code: "E_TRUNCATED" });
    expect(client.scopes).toEqual(["new"]);
    expect(tokens).toEqual(["token"]);
    await client.close();
    await released(pair);
  });

  it("a resume that is confirmed after the session ended is refused, and nothing comes back to life", async () => {
    const { pair, client, server } = await both();
    await cut(pair);
    let slow!: SlowLink;
    const made = attempt(pair, {
      onLink: (link) => {
        slow = new SlowLink(link);
      },
    });
    for (const direction of ["c2s", "s2c", "c2s"] as const) {
      await settle();
      slow.deliver(direction);
    }
    await settle();
    expect(made.server.connection.established).toBe(true);
    const ended = client.close();
    await settle();
    slow.open();
    await settle();
    expect((await ended).clean).toBe(false);
    expect(client.state).toBe("closed");
    expect(made.client.info?.error?.code).toBe("E_RESUME");
    void server.close();
    await pair.clock.advance(120_000);
    await server.closed;
    expect(pair.clock.pending).toBe(0);
  });

  it("the numbers change hands at once: what the old connection still opens changes nothing [resume:compare]", async () => {
    for (let after = 0; after < 12; after++) {
      const { pair, client, server } = await both();
      const got: unknown[] = [];
      server.handle("t", (data) => void got.push(data));
      const old = new SlowLink(pair.link);
      await client.send("t", 1);
      await client.send("t", 2);
      await settle(1);
      old.link.client.breakOff();
      await settle(1);
      let slow!: SlowLink;
      attempt(pair, {
        onLink: (link) => {
          slow = new SlowLink(link);
        },
      });
      for (const direction of ["c2s", "s2c"] as const) {
        await settle(1);
        slow.deliver(direction);
      }
      await settle(1);
      // The client's `resumed` verifies, and some microtasks later a message of the old connection arrives.
      slow.deliver("c2s");
      for (let i = 0; i < after; i++) await undefined;
      old.deliver("c2s");
      for (let i = 0; i < after; i++) await undefined;
      old.deliver("c2s");
      await settle(1);
      slow.open();
      await settle(2);
      expect(got, `${after} microtasks`).toEqual([1, 2]);
      void client.close();
      await settle(2);
      await released(pair);
    }
  });
});

describe("a session in place of one that is lost [idem:only]", () => {
  const hooks = { clientHooks: { lost: (info: { clean: boolean }) => !info.clean } };

  it("gets no reply and no refusal from the old one's handlers", async () => {
    const pair = await live({ serverHooks: { authorize: granted }, ...hooks });
    const client = sessionOf(pair, "client");
    const work = [gate<void>(), gate<void>(), gate<void>()];
    client.handle("q", async (data) => {
      await work[data as number]?.promise;
      if (data === 1) throw new Error("not this time");
      return data;
    });
    const asked = [0, 1, 2].map((n) =>
      sessionOf(pair, "server")
        .request("q", n)
        .catch((e) => e.code),
    );
    await settle();
    await cut(pair);
    work[2]?.open();
    await settle();
    const made = handshakeAgain(pair);
    await settle();
    expect(client.state).toBe("open");
    work[0]?.open();
    work[1]?.open();
    await settle();
    expect(made.session.state).toBe("open");
    expect(await Promise.all(asked)).toEqual(["E_TRUNCATED", "E_TRUNCATED", "E_TRUNCATED"]);
    expect(await client.request("missing", null).catch((e) => e.code)).toBe("E_NO_HANDLER");
    await client.close();
    await made.session.closed;
    await settle();
    expect(pair.clock.pending).toBe(0);
  });
});

describe("without an open session", () => {
  it("a refresh is refused", async () => {
    const { pair, client } = await both();
    await client.close();
    await expect(client.refresh("token")).rejects.toMatchObject({ code: "E_CLOSED" });
    await released(pair);
  });

  it("a session that cannot be resumed has no chain: a resume of it finds nothing [resume:kid]", async () => {
    const pair = await live({ serverHooks: { authorize: granted } });
    expect(sessionOf(pair, "server").life.ledger.chains).toEqual([]);
    await sessionOf(pair, "client").close();
    await released(pair);
  });
});

describe("bye and rekey", () => {
  it.each(["client", "server"] as const)(
    "a rekey of the %s that crosses a bye is not answered, and the end is clean [close:bye-last]",
    async (role) => {
      const other = role === "client" ? "server" : "client";
      for (const rekeyFirst of [true, false]) {
        const { pair } = await both();
        const way = new SlowLink(pair.link);
        const act = [() => sessionOf(pair, role).rekey(), () => void sessionOf(pair, other).close()];
        for (const step of rekeyFirst ? act : act.reverse()) step();
        await settle();
        way.open();
        await settle();
        expect((await end(pair, role)).clean).toBe(true);
        expect((await end(pair, other)).clean).toBe(true);
        await released(pair);
      }
    },
  );

  it.each(["client", "server"] as const)(
    "the %s closes while its own proposal is answered, and the end is clean",
    async (role) => {
      const { pair } = await both();
      const way = new SlowLink(pair.link);
      sessionOf(pair, role).rekey();
      await settle();
      way.deliver(role === "client" ? "c2s" : "s2c");
      await settle();
      void sessionOf(pair, role).close();
      await settle();
      way.open();
      await settle();
      for (const side of ["client", "server"] as const) expect((await end(pair, side)).clean, side).toBe(true);
      await released(pair);
    },
  );

  it.each(["client", "server"] as const)("the %s proposes and closes at once, and the end is clean", async (role) => {
    const { pair } = await both();
    sessionOf(pair, role).rekey();
    void sessionOf(pair, role).close();
    await settle();
    for (const side of ["client", "server"] as const) expect((await end(pair, side)).clean, side).toBe(true);
    await released(pair);
  });
});

it("keys that are old while their renewal is under way start no timer after the other [rekey:one]", async () => {
  const { pair, client } = await both({ limits: { rekeySeconds: 20, rekeyWaitSeconds: 1000 } });
  await pair.clock.advance(19_000);
  new SlowLink(pair.link);
  let scheduled = 0;
  const schedule = pair.clock.schedule.bind(pair.clock);
  pair.clock.schedule = (fn, ms) => {
    scheduled++;
    return schedule(fn, ms);
  };
  await pair.clock.advance(20_000);
  expect(scheduled).toBeLessThan(10);
  expect(controlsOf(pair, "client").filter((c) => c.top === "rekey")).toHaveLength(1);
  void client.close();
  await pair.clock.advance(10_000);
});
