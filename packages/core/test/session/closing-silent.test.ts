import { describe, expect, it } from "vitest";
import { SealwireError } from "../../src/errors.ts";
import type { Chain } from "../../src/session/chain.ts";
import { settle } from "../support/clock.ts";
import type { MemorySocket } from "../support/link.ts";
import { mute, released } from "../support/live.ts";
import { attempt, cut, resumable, resume } from "../support/reconnect.ts";
import { noUnhandledRejections } from "../support/unhandled.ts";

// The two seconds from the finding that the peer has fallen silent to the end of the socket: nothing can be said any more,
// and the session would outlive them.

noUnhandledRejections();

const HOUR = 3_600_000;

/** The peer does not answer its close frame. */
function neverCloses(socket: MemorySocket): { readonly with: number | undefined } {
  const closed: { with: number | undefined } = { with: undefined };
  socket.close = (code) => {
    closed.with = code;
  };
  return closed;
}

/** A session whose server is one second into closing the connection, and one second before the session's own end. */
async function losing(why: "idle" | "rekey") {
  const made = await resumable({ limits: why === "idle" ? { idleSeconds: 40 } : {} });
  const { pair, server, client } = made;
  const wait = why === "idle" ? 40_000 : 30_000;
  await pair.clock.advance(HOUR - 2000 - wait);
  await client.send("t", "last");
  await settle();
  const [chain] = client.life.ledger.chains;
  mute(pair, "client");
  const closed = neverCloses(pair.link.server);
  if (why === "rekey") server.rekey();
  await pair.clock.advance(wait + 1000);
  expect([server.state, closed.with]).toEqual(["open", 3008]);
  return { ...made, chain: chain as Chain };
}

describe.each(["idle", "rekey"] as const)("while a silent connection is being closed (%s)", (why) => {
  it("the session's time is over [sr:end]", async () => {
    const { pair, server, chain } = await losing(why);
    await pair.clock.advance(1000);
    expect((await server.closed).error).toMatchObject({ code: "E_SESSION_EXPIRED", closeCode: 4510 });
    await over(pair, chain);
  });

  it("it is revoked [revoke:end]", async () => {
    const { pair, server, chain } = await losing(why);
    server.fail(new SealwireError("E_REVOKED", { stage: "session" }));
    expect((await server.closed).error).toMatchObject({ code: "E_REVOKED", closeCode: 4403 });
    await over(pair, chain);
  });
});

/** Whoever comes with a chain of it finds nothing, and nothing of it is left. */
async function over(pair: Parameters<typeof attempt>[0], chain: Chain): Promise<void> {
  expect(pair.server.session?.life.ledger.chains).toEqual([]);
  const tried = attempt(pair, { chain });
  await settle();
  expect(tried.server.info?.error).toMatchObject({ code: "E_RESUME", stage: "header", closeCode: 4504 });
  await pair.client.session?.close();
  await cut(pair);
  await pair.clock.advance(10_000);
  await released(pair);
}

it("a client whose time is over then goes on to the next connection, where the server has the last word [sr:end]", async () => {
  const lost = (info: { clean: boolean }) => !info.clean;
  const { pair, client, server } = await resumable({ limits: { idleSeconds: 40 }, clientHooks: { lost } });
  await pair.clock.advance(HOUR - 42_000);
  await server.send("t", "last");
  await settle();
  const chain = client.life.ledger.chains[0] as Chain;
  mute(pair, "server");
  const closed = neverCloses(pair.link.client);
  await pair.clock.advance(41_000);
  expect([client.state, closed.with]).toEqual(["open", 3008]);
  await pair.clock.advance(1500);
  expect([client.state, server.state]).toEqual(["reconnecting", "closed"]);
  const tried = attempt(pair, { chain });
  await settle();
  expect(tried.client.info?.error).toMatchObject({ code: "E_RESUME", remote: true });
  expect(client.state).toBe("reconnecting");
  await client.close();
  await pair.clock.advance(10_000);
  expect(pair.clock.pending).toBe(0);
});

it("a session whose time is over by the wall clock of the server, which was set, is not resumed [sr:end]", async () => {
  const { pair, client, server } = await resumable();
  const chain = client.life.ledger.chains[0] as Chain;
  await cut(pair);
  const { server: clock } = pair.clocks;
  const unix = clock.unix.bind(clock);
  Object.assign(clock, { unix: () => unix() + HOUR });
  const tried = attempt(pair);
  await settle();
  expect(tried.server.info?.error).toMatchObject({ code: "E_RESUME", stage: "session" });
  expect([client.state, server.state]).toEqual(["reconnecting", "reconnecting"]);
  Object.assign(clock, { unix });
  await resume(pair, { chain });
  await client.close();
  await released(pair);
});
