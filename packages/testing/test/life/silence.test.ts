import type { ClientSession } from "@sealwire/client";
import type { SealwireError } from "@sealwire/core";
import type { ServerOptions, ServerSession } from "@sealwire/server";
import { describe, expect, it } from "vitest";
import { World } from "./support/world.ts";

/**
 * Nothing passes any more from the 39th second on, so that the server closes the connection in the 59th, and its socket is
 * gone two seconds later. The network is back after 65 seconds.
 */
async function silent(
  tokenSeconds: number,
  serve: Partial<ServerOptions> = {},
  talk: (world: World, session: ClientSession) => void = () => {},
) {
  const errors: SealwireError[] = [];
  const limits = { idleSeconds: 20, heartbeatSeconds: 5, byeSeconds: 2, ...serve.limits };
  const world = new World().serve({ onError: (error) => errors.push(error), ...serve, limits });
  world.tokenSeconds = tokenSeconds;
  const session = await world.connect();
  const peer = world.sessions[0] as ServerSession;
  const id = session.id;
  await world.advance(38_900 - world.now);
  void session.send("n", 0);
  talk(world, session);
  await world.advance(100);
  world.network.unplug(26_000);
  /** Its connection is being closed, and nothing can be said on it. */
  const closing = async () => {
    await world.advance(59_500 - world.now);
    expect([peer.state, errors.length]).toEqual(["open", 0]);
  };
  return { world, session, id, peer, errors, closing };
}

describe("a connection that has fallen silent is being closed", () => {
  it("and the session outlives it [resume:no-bye]", async () => {
    const { world, session, id, peer, closing } = await silent(600);
    await closing();
    await world.advance(2_000);
    expect(peer.state).toBe("reconnecting");
    await world.until(() => session.state === "open" && peer.state === "open");
    expect([session.id, world.sessions.length]).toEqual([id, 1]);
  });

  it("when the session's time is over: it ends then, and is not resumed [sr:end] [resume:window]", async () => {
    const { world, session, id, peer, closing } = await silent(60);
    await closing();
    await world.advance(500);
    expect([peer.state, (await peer.closed).error?.code]).toEqual(["closed", "E_SESSION_EXPIRED"]);
    expect(world.sealwire.sessions.size).toBe(0);
    await world.until(() => world.sessions.length === 2 && session.state === "open");
    expect(session.id).not.toBe(id);
  });

  it("when its subject is revoked: it ends then, what waits is not handled, and nothing of it comes back [revoke:end] [revoke:resume]", async () => {
    const handled: unknown[] = [];
    let done = () => {};
    const talk = ({ sealwire }: World, session: ClientSession) => {
      sealwire.handle("pay", (n) => {
        handled.push(n);
        return new Promise<void>((resolve) => {
          done = resolve;
        });
      });
      for (const n of [1, 2, 3]) void session.send("pay", n);
    };
    const made = await silent(600, { limits: { concurrentHandlers: 1 } }, talk);
    const { world, session, peer, closing } = made;
    await closing();
    expect(await world.sealwire.revoke({ subject: "alice" })).toBe(1);
    expect([peer.state, (await peer.closed).error?.code]).toEqual(["closed", "E_REVOKED"]);
    expect(world.sealwire.sessions.size).toBe(0);
    done();
    await world.advance(1000);
    expect(handled).toEqual([1]);
    expect(await world.settled(session.closed)).toMatchObject({ code: 3000, error: { code: "E_AUTH_REQUIRED" } });
    expect(world.sessions).toHaveLength(1);
  });
});

describe("a client that asks for a sign of life", () => {
  it("stays connected where the answer comes in the moment in which it asks", async () => {
    const world = new World({ latency: 0 }).serve();
    const session = await world.connect();
    await world.advance(1000);
    world.tell();
    await world.advance(10_000);
    expect([world.seen.states, session.state]).toEqual([[], "open"]);
  });

  it("makes another connection where none comes", async () => {
    const world = new World().serve();
    world.network.plan([{ kind: "silent", direction: "c2s", place: { frame: 3, at: "before" } }]);
    const session = await world.connect();
    world.tell();
    await world.advance(4900);
    expect(world.seen.states).toEqual([]);
    await world.until(() => world.seen.states.length === 2);
    expect([world.seen.states, session.state]).toEqual([["reconnecting", "open"], "open"]);
  });
});
