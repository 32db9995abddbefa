import { describe, expect, it } from "vitest";
import { settle } from "../support/clock.ts";
import { ROLES, released } from "../support/live.ts";
import { attempt, cut, resumable, resume, SlowLink, sessionOf } from "../support/reconnect.ts";
import { noUnhandledRejections } from "../support/unhandled.ts";

noUnhandledRejections();

describe("who says what, and when", () => {
  it("the server says nothing after SH before the client's `resumed`, and its own comes first [resume:server-waits] [resume:client-waits]", async () => {
    const { pair, client, server } = await resumable();
    await cut(pair);
    const sent = ROLES.map((side) => sessionOf(pair, side).send("t", side));
    let slow!: SlowLink;
    attempt(pair, {
      onLink: (link) => {
        slow = new SlowLink(link);
      },
    });
    const counts = () => [slow.way.c2s.length, slow.way.s2c.length];
    await settle();
    expect(counts()).toEqual([1, 0]);
    slow.deliver("c2s");
    await settle();
    expect(counts()).toEqual([0, 1]);
    slow.deliver("s2c");
    await settle();
    // `resumed`, and nothing of what waits.
    expect(counts()).toEqual([1, 0]);
    expect([client.state, server.state]).toEqual(["reconnecting", "reconnecting"]);
    slow.deliver("c2s");
    await settle();
    expect(counts()).toEqual([0, 2]);
    expect([client.state, server.state]).toEqual(["reconnecting", "open"]);
    slow.deliver("s2c");
    await settle();
    expect(counts()).toEqual([1, 1]);
    slow.open();
    await Promise.all(sent);
    await settle();
    await client.close();
    await released(pair);
  });

  it("the old connection is closed with 4409 once the new one is confirmed, not before [resume:old-lives]", async () => {
    const { pair, got, client, server } = await resumable();
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
    slow.deliver("s2c");
    await settle();
    expect(pair.link.server.closedWith).toBeUndefined();
    expect(server.state).toBe("open");
    slow.open();
    await settle();
    expect(pair.link.server.closedWith).toEqual({ code: 4409, reason: "superseded" });
    await client.send("t", 1);
    await settle();
    expect(got.server).toEqual([1]);
    await client.close();
    await released(pair);
  });

  it("the client leaves a connection that is still open before it says anything on another [resume:stop-old]", async () => {
    const { pair, got, client, server } = await resumable();
    const old = new SlowLink(pair.link);
    await server.send("t", 1);
    await settle();
    attempt(pair);
    old.deliver("s2c");
    await settle();
    expect(got.client).toEqual([1]);
    expect(pair.link.client.closedWith).toBeDefined();
    await client.close();
    await released(pair);
  });

  it("a CH that somebody repeats gets SH and nothing else: the old connection goes on [resume:attempt]", async () => {
    const { pair, got, client } = await resumable();
    await cut(pair);
    const first = await resume(pair);
    await cut(first);
    // The chain that the CH was made with is the newest: it is repeated before the client resumes with it.
    const seen: unknown[] = [];
    const second = attempt(pair, {
      onLink: (link) => {
        link.tap = (direction, payload) => {
          if (direction === "c2s") seen.push(payload);
          return direction === "c2s" ? [] : [payload];
        };
      },
    });
    await settle();
    second.link.client.breakOff();
    await settle();
    const third = await resume(pair);
    // Of a chain that is gone it is refused.
    const stale = attempt(pair, { onLink: (link) => void link.inject("c2s", seen[0] as Uint8Array) });
    await settle();
    expect(stale.server.info?.error?.code).toBe("E_RESUME");
    await cut(third);
    await resume(pair);
    await client.send("t", 1);
    await settle();
    expect(got.server).toEqual([1]);
    await client.close();
    await pair.clock.advance(20_000);
    await released(pair);
  });

  it("an attempt whose `resumed` does not come ends after handshakeSeconds and changes nothing [resume:attempt] [chain:unconfirmed]", async () => {
    const { pair, got, client, server } = await resumable();
    pair.link.client.breakOff();
    await settle();
    const chains = server.life.ledger.chains;
    const made = attempt(pair, {
      onLink: (link) => {
        link.tap = (direction, payload, index) => (direction === "c2s" && index > 0 ? [] : [payload]);
      },
    });
    await pair.clock.advance(10_000);
    expect(made.server.info?.error?.code).toBe("E_TIMEOUT_HS");
    expect(server.state).toBe("open");
    expect(server.life.ledger.chains).toHaveLength(1);
    expect(server.life.ledger.chains[0]).toBe(chains[0]);
    expect(client.life.ledger.chains).toHaveLength(2);
    // The newest one is unknown to the server, the one before is not.
    const refused = attempt(pair);
    await settle();
    expect(refused.server.info?.error?.code).toBe("E_RESUME");
    await resume(pair, { chain: client.life.ledger.chains.at(-1)! });
    await client.send("t", 1);
    await settle();
    expect(got.server).toEqual([1]);
    expect(client.life.ledger.chains).toHaveLength(1);
    await client.close();
    await released(pair);
  });

  it("a late `resumed` of an attempt that was given up is refused [resume:compare]", async () => {
    const { pair, got, client } = await resumable();
    await cut(pair);
    let late!: SlowLink;
    const first = attempt(pair, {
      onLink: (link) => {
        late = new SlowLink(link);
      },
    });
    for (const direction of ["c2s", "s2c"] as const) {
      await settle();
      late.deliver(direction);
    }
    await settle();
    first.link.client.breakOff();
    await settle();
    await resume(pair, { chain: client.life.ledger.chains.at(-1)! });
    late.deliver("c2s");
    await settle();
    expect(first.server.info?.error).toMatchObject({ code: "E_RESUME", stage: "session" });
    await client.send("t", 1);
    await settle();
    expect(got.server).toEqual([1]);
    await client.close();
    await released(pair);
  });

  it("`rekeyed` is lost: the server is found by the chain before [chain:server] [chain:client]", async () => {
    const { pair, client, server } = await resumable();
    const way = new SlowLink(pair.link);
    client.rekey();
    await settle();
    way.deliver("c2s");
    await settle();
    expect(server.life.ledger.chains).toHaveLength(2);
    expect(client.life.ledger.chains).toHaveLength(1);
    way.cut();
    await settle();
    await resume(pair);
    expect(server.life.ledger.chains).toHaveLength(1);
    await client.close();
    await released(pair);
  });
});
