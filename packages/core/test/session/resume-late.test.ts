import { describe, expect, it } from "vitest";
import { settle } from "../support/clock.ts";
import { attempt, cut, handshakeAgain, resumable, SlowLink } from "../support/reconnect.ts";
import { noUnhandledRejections } from "../support/unhandled.ts";

// A client that goes on in a new session, and an attempt to take up the old one that is still under way.

noUnhandledRejections();

const lost = (info: { clean: boolean }) => !info.clean;

describe("a client that has given its session up", () => {
  it("does not take it up any more: what it reported as undetermined would arrive all the same [ack:undetermined]", async () => {
    const { pair, got, client, server } = await resumable({ clientHooks: { lost } });
    const told: number[] = [];
    client.onUndetermined((messages) => told.push(...messages.map(({ seq }) => seq)));
    pair.link.tap = () => [];
    const { seq } = await client.send("t", "gone");
    await cut(pair, ["client"]);
    await pair.clock.advance(50_000);
    pair.link.server.breakOff();
    await pair.clock.advance(65_000);
    // The server's window is still open, and the client's ends before the last word.
    let way: SlowLink | undefined;
    const late = attempt(pair, {
      onLink: (link) => {
        way = new SlowLink(link);
      },
    });
    for (const direction of ["c2s", "s2c", "c2s"] as const) {
      await settle();
      way?.deliver(direction);
    }
    await settle();
    expect(server.state).toBe("open");
    await pair.clock.advance(5_000);
    way?.open();
    await settle();
    expect(late.client.info?.error).toMatchObject({ code: "E_RESUME", stage: "session" });
    expect(client.state).toBe("reconnecting");
    const made = handshakeAgain(pair);
    await settle();
    expect([client.state, got.server, told]).toEqual(["open", [], [seq]]);
    expect(made.session.id).toBe(client.id);
    await client.close();
    await pair.clock.advance(130_000);
    expect(pair.clock.pending).toBe(0);
  });

  it("has done so when the session's time ends without a connection, and lives on", async () => {
    // An hour, and it could be resumed for two.
    const { pair, client, server } = await resumable({ clientHooks: { lost }, server: { resume: 7200 } });
    server.handle("hang", () => new Promise(() => {}));
    const asking = client.request("hang", 1, { timeout: 7_200_000 }).catch((error) => error.code);
    await settle();
    await cut(pair);
    const { timeLeft } = client;
    await pair.clock.advance(timeLeft - 1);
    expect(client.life.ledger.chains).toHaveLength(1);
    await pair.clock.advance(1);
    expect([client.state, client.life.ledger.chains, await asking]).toEqual(["reconnecting", [], "E_TRUNCATED"]);
    expect((await server.closed).error?.code).toBe("E_SESSION_EXPIRED");
    await client.close();
    expect(pair.clock.pending).toBe(0);
  });
});
