import { type ClientSession, stopRefresh } from "@sealwire/client";
import { CLOSE_CODES, type CloseInfo, SealwireError } from "@sealwire/core";
import { describe, expect, it } from "vitest";
import { answers, badGateway, impostor, silence } from "./support/hostile.ts";
import { NOTHING, World } from "./support/world.ts";

const TEXT = { protocols: ["sealwire.v1.text"] } as const;
const HOUR = 3_600_000;

/** The end of a session, or undefined while it goes on. */
function ending(session: ClientSession): { readonly info: CloseInfo | undefined } {
  const end: { info: CloseInfo | undefined } = { info: undefined };
  void session.closed.then((info) => {
    end.info = info;
  });
  return end;
}

async function lost(options: Parameters<World["connect"]>[0] = {}) {
  const world = new World().serve();
  const session = await world.connect({ ...TEXT, ...options });
  return { world, session, end: ending(session) };
}

describe("attempts", () => {
  it("are made one at a time, and one that is given up has ended before the next", async () => {
    const { world, session } = await lost();
    let [now, most, count] = [0, 0, 0];
    silence(
      world,
      () => {
        count++;
        most = Math.max(most, ++now);
      },
      () => now--,
    );
    world.cut();
    await world.advance(110_000);
    expect([count > 4, most]).toEqual([true, 1]);
    expect(session.state).toBe("reconnecting");
  });

  it("are spread: each somewhere up to twice as late as the one before, and no later than maxDelay", async () => {
    const world = new World().serve();
    await world.connect({ reconnect: { minDelay: 1000, maxDelay: 8000 } });
    const at: number[] = [];
    badGateway(world, () => at.push(world.now));
    world.cut();
    await world.advance(100_000);
    const waits = at.map((t, i) => t - (at[i - 1] ?? t)).slice(1);
    // 10 ms of latency each way, to the answer and to the next request.
    for (const [i, wait] of waits.entries()) expect(wait).toBeLessThanOrEqual(Math.min(8000, 1000 * 2 ** (i + 1)) + 60);
    expect(new Set(waits.map(Math.round)).size).toBeGreaterThan(waits.length / 2);
    expect(Math.max(...waits)).toBeGreaterThan(3000);
  });

  it("a proxy that answers 502 is waited for, however long it takes", async () => {
    const { world, session } = await lost();
    let requests = 0;
    badGateway(world, () => requests++);
    world.cut();
    await world.advance(HOUR);
    expect([session.state, requests > 100]).toEqual(["reconnecting", true]);
    world.serve();
    await world.until(() => session.state === "open");
  });

  it("`attempts` says how many may go unanswered", async () => {
    const { world, session, end } = await lost({ reconnect: { attempts: 3 } });
    let requests = 0;
    badGateway(world, () => requests++);
    world.cut();
    await world.until(() => end.info !== undefined);
    expect(end.info).toMatchObject({ error: { code: "E_CLOSED", remote: false }, clean: false, truncated: true });
    await world.advance(100);
    expect([requests, session.state, world.left]).toEqual([3, "closed", NOTHING]);
  });

  it("connections that break off without a word are made anew as often as it takes, in the handshake too", async () => {
    const { world, session } = await lost();
    for (let i = 0; i < 12; i++) {
      world.cut();
      await world.advance(0);
      await world.until(() => session.state === "open");
    }
    let cuts = 0;
    impostor(world, (ws) => {
      cuts++;
      ws.terminate();
    });
    world.cut();
    await world.until(() => cuts > 12);
    expect(session.state).toBe("reconnecting");
  });

  it("one to resume ends with the resume window", async () => {
    const world = new World().serve({ resume: { seconds: 60 } });
    const session = await world.connect({ ...TEXT, timeout: 50_000 });
    silence(world);
    world.cut();
    await world.advance(60_500);
    world.serve();
    await world.advance(15_000);
    expect([session.state, world.sessions.length]).toEqual(["open", 2]);
  });

  it("[chain:limit] all chains twice, then a full handshake", async () => {
    const { world } = await lost();
    const hellos: string[] = [];
    impostor(world, (ws, hello) => {
      hellos.push(hello);
      ws.close(4504, "resume");
    });
    world.cut();
    await world.advance(10_000);
    expect(hellos.slice(0, 4)).toEqual(["resume", "resume", "new", "new"]);
  });

  it.each([
    ["busy", 1013],
    ["internal", 1011],
    ["quota", 4529],
  ] as const)(
    "[resume:put-off] %s refuses no chain: the same one for as long as it is worth anything",
    async (code, close) => {
      const { world, session } = await lost();
      const hellos: string[] = [];
      impostor(world, (ws, hello) => {
        hellos.push(hello);
        ws.send(JSON.stringify({ typ: "sealwire-err", code }));
        ws.close(close, code);
      });
      world.cut();
      await world.advance(100_000);
      expect([hellos.length > 4, new Set(hellos)]).toEqual([true, new Set(["resume"])]);
      world.serve();
      await world.until(() => session.state === "open");
      expect(world.sessions).toHaveLength(2);
    },
  );

  it("[resume:put-off] a server whose admit fails for some seconds has not lost the session", async () => {
    let down = false;
    const admit = () => {
      if (down) throw new Error("the directory is down");
      return true;
    };
    const world = new World().serve({ admit });
    const session = await world.connect();
    const { id } = session;
    down = true;
    world.cut();
    await world.advance(5_000);
    expect(session.state).toBe("reconnecting");
    down = false;
    await world.until(() => session.state === "open");
    expect([session.id, world.sessions.length]).toEqual([id, 1]);
  });

  it("[resume:rate] that the server does not take so soon after another are made later, and the session goes on", async () => {
    const world = new World().serve({ limits: { resumesPerMinute: 1 } });
    const session = await world.connect();
    const { id } = session;
    await session.send("n", 1);
    for (let i = 0; i < 3; i++) {
      world.cut();
      await world.advance(0);
      await world.until(() => session.state === "open");
    }
    expect([session.id, world.sessions.length]).toEqual([id, 1]);
    expect(world.now).toBeGreaterThan(120_000);
  });

  it("[resume:rate] are spread so that a server takes them all, also where each connection is lost at once", async () => {
    const refused: string[] = [];
    const world = new World().serve({ onError: ({ code }) => void refused.push(code) });
    world.tokenSeconds = 3600;
    const session = await world.connect();
    let cuts = 0;
    while (world.now < HOUR / 4) {
      cuts++;
      world.cut();
      await world.advance(0);
      await world.until(() => session.state === "open");
    }
    expect([cuts > 60, world.sessions.length]).toEqual([true, 1]);
    expect(refused).not.toContain("E_QUOTA");
  });

  it("no network: none but now and then, and one at once when it is back", async () => {
    const { world, session } = await lost();
    world.online = false;
    world.cut();
    await world.advance(19_000);
    expect(session.state).toBe("reconnecting");
    world.online = true;
    world.tell();
    await world.advance(200);
    expect(session.state).toBe("open");
    // A page that takes itself for offline, and is not.
    world.online = false;
    world.cut();
    await world.advance(20_200);
    expect(session.state).toBe("open");
  });

  it("the page is looked at again: a connection that has died meanwhile is found out in five seconds", async () => {
    const { world, session } = await lost();
    await world.advance(1000);
    world.network.unplug(HOUR);
    world.tell();
    await world.advance(4_900);
    expect(session.state).toBe("open");
    await world.advance(200);
    expect(session.state).toBe("reconnecting");
  });
});

describe("[close:hint] words that nobody has signed", () => {
  it.each([4403, 4400, 3003, 1009, 4501, 4409, 1011])(
    "close code %i in the handshake: five more attempts in ten minutes, then the application decides",
    async (code) => {
      const { world, session, end } = await lost();
      let fresh = 0;
      impostor(world, (ws, hello) => {
        if (hello === "new") fresh++;
        ws.close(code);
      });
      world.cut();
      await world.until(() => end.info !== undefined);
      expect([fresh, session.state]).toEqual([6, "closed"]);
      expect(end.info?.error).toMatchObject({ remote: true });
      expect(world.left.timers).toBe(0);
    },
  );

  it("sealwire-err likewise; in between others start again from nothing", async () => {
    const { world, session, end } = await lost();
    let fresh = 0;
    const names = ["forbidden", "busy", "negotiate"];
    impostor(world, (ws, hello) => {
      if (hello === "new") fresh++;
      ws.send(JSON.stringify({ typ: "sealwire-err", code: names[fresh % 3] }));
    });
    world.cut();
    await world.until(() => end.info !== undefined);
    expect([fresh, session.state]).toEqual([16, "closed"]);
  });

  it("3000: one more attempt with a new token; without a function that gets one, none", async () => {
    for (const [token, attempts] of [
      [undefined, 2],
      ["x", 1],
    ] as const) {
      const world = new World().serve();
      const given = token === undefined ? {} : { token: await world.issue() };
      const session = await world.connect({ ...TEXT, ...given });
      const end = ending(session);
      let fresh = 0;
      impostor(world, (ws, hello) => {
        if (hello === "new") fresh++;
        ws.close(3000);
      });
      world.cut();
      await world.until(() => end.info !== undefined);
      expect(fresh).toBe(attempts);
      expect(end.info?.error).toMatchObject({ code: "E_AUTH_REQUIRED", remote: true });
    }
  });

  it.each([
    ["401 Unauthorized", 2, "E_AUTH_REQUIRED"],
    ["403 Forbidden", 6, "E_FORBIDDEN"],
  ])("an upgrade that is answered with %s: %i attempts to begin anew", async (status, attempts, code) => {
    const { world, session, end } = await lost();
    let requests = 0;
    answers(world, status, () => requests++);
    world.cut();
    await world.until(() => end.info !== undefined);
    expect(end.info?.error).toMatchObject({ code, remote: true });
    // Before them the one chain was tried twice.
    expect([requests, world.asked.length, session.state]).toEqual([attempts + 2, attempts + 1, "closed"]);
    await world.advance(HOUR);
    expect(world.left).toEqual(NOTHING);
  });

  it.each([4403, 3000])("a bare close code %i in an open session does not end it either", async (code) => {
    const { world, session } = await lost({ token: await new World().issue() });
    for (let i = 0; i < 3; i++) {
      for (const socket of world.network.open)
        if (socket.remoteAddress === "server") socket.emit("data", closeFrame(code));
      await world.until(() => session.state === "reconnecting");
      await world.until(() => session.state === "open");
    }
    expect(world.sessions).toHaveLength(1);
  });
});

/** A close frame of a server (RFC 6455, section 5.5.1), as anybody on the way could write one. */
const closeFrame = (code: number): Buffer => Buffer.from([0x88, 2, code >> 8, code & 255]);

describe("what a sealed bye says is done", () => {
  const AGAIN = [1001, 1013, 1011, 3000, 4501, 4502, 4504, 4508, 4510, 4529];
  const STOP = [1009, 3003, 4400, 4403, 4406, 4409];

  it("every close code of the registry stands here", () => {
    // 1012 has the name of 1001. 3008 is not said: who hears nothing has nobody to say it to, and the session goes on.
    const known = Object.keys(CLOSE_CODES).map(Number);
    expect(known.filter((code) => ![1000, 1012, 3008, ...AGAIN, ...STOP].includes(code))).toEqual([]);
  });

  const bye = (world: World, closeCode: number) => {
    const peer = world.sessions.at(-1) as unknown as { fail(error: SealwireError): void };
    peer.fail(new SealwireError(CLOSE_CODES[closeCode]?.peerError ?? "E_CLOSED", { closeCode, fatal: true }));
  };

  it.each(AGAIN)("%i: a new session", async (code) => {
    const { world, session, end } = await lost();
    bye(world, code);
    await world.until(() => world.sessions.length === 2 && session.state === "open");
    expect([end.info, world.asked.length]).toEqual([undefined, 2]);
    expect(world.seen.errors.at(0)).toMatchObject({ remote: true, closeCode: code });
  });

  it.each(STOP)("%i: the end", async (code) => {
    const { world, session, end } = await lost();
    bye(world, code);
    await world.until(() => end.info !== undefined);
    await world.advance(HOUR);
    expect([session.state, world.sessions.length]).toEqual(["closed", 1]);
    expect(end.info).toMatchObject({ code, error: { remote: true, closeCode: code } });
    expect(world.left).toEqual(NOTHING);
  });

  it("1000: the end, in order", async () => {
    const { world, end } = await lost();
    void world.sessions[0]?.close();
    await world.until(() => end.info !== undefined);
    expect(end.info).toMatchObject({ code: 1000, clean: true });
  });

  it("3000 twice, or 4501 three times in a row: the end; not where a session held in between", async () => {
    for (const [code, times] of [
      [3000, 2],
      [4501, 3],
    ] as const) {
      const { world, session, end } = await lost();
      for (let i = 1; i < times; i++) {
        bye(world, code);
        await world.until(() => world.sessions.length === 1 + i && session.state === "open");
      }
      await world.advance(31_000);
      bye(world, code);
      await world.until(() => world.sessions.length === 1 + times && session.state === "open");
      for (let i = 1; i < times; i++) {
        bye(world, code);
        if (i < times - 1) await world.until(() => world.sessions.length === 1 + times + i && session.state === "open");
      }
      await world.until(() => end.info !== undefined);
      expect(end.info?.code).toBe(code);
    }
  });
});

describe("an end that the application wants", () => {
  it.each(["close", "logout"] as const)("%s() at any moment leaves nothing", async (end) => {
    for (let ms = 0; ms < 700; ms += 23) {
      const world = new World({ latency: 20 }).serve({ resume: ms % 2 === 0 ? {} : false });
      const session = await world.connect();
      void session.send("n", 1);
      world.cut();
      await world.advance(ms);
      const count = world.sessions.length;
      await world.settled<unknown>(session[end]());
      expect(session.state).toBe("closed");
      await world.advance(5_000);
      expect(world.left).toEqual(NOTHING);
      expect(world.sessions.length - count).toBeLessThan(2);
      await world.stop();
    }
  });

  it("close() whose farewell is lost with the connection is an end", async () => {
    const { world, session, end } = await lost();
    void session.close();
    world.cut();
    await world.until(() => end.info !== undefined);
    await world.advance(HOUR);
    expect([session.state, world.sessions.length]).toEqual(["closed", 1]);
    expect(end.info?.error?.code).toBe("E_TRUNCATED");
  });

  it("close() while a token is being fetched, or a connection hangs", async () => {
    for (const hang of ["token", "connection"]) {
      const { world, session } = await lost();
      if (hang === "token") {
        world.token = () => new Promise(() => {});
        world.serve();
      } else silence(world);
      world.cut();
      await world.advance(4_000);
      await world.settled(session.close());
      await world.advance(5_000);
      expect(world.left).toEqual(NOTHING);
    }
  });
});

describe("the function of the option token, when a new session is made", () => {
  const GOOD = Symbol("good");
  const failing = async (answers: readonly unknown[]) => {
    const { world, session, end } = await lost();
    const left = [...answers];
    world.token = () => {
      const next = left.length > 0 ? left.shift() : GOOD;
      if (next === GOOD) return world.issue();
      if (next instanceof Error) throw next;
      return next as string;
    };
    world.serve();
    world.cut();
    await world.advance(0);
    await world.until(() => session.state === "open" || end.info !== undefined);
    return { world, session, end };
  };

  it("throws, a TypeError of fetch too, hangs, or answers with something else: asked again, and told", async () => {
    const failed = new TypeError("fetch failed");
    const never = new Promise(() => {});
    const { world, session } = await failing([failed, new Error("503"), undefined, "", 7, never]);
    expect(session.state).toBe("open");
    const told = world.seen.errors.filter(({ code }) => code === "E_TOKEN");
    expect(told).toHaveLength(5);
    expect(told[0]).toMatchObject({ stage: "local", fatal: false, cause: failed });
    expect(told[2]?.cause).toBeInstanceOf(TypeError);
  });

  it("throws stopRefresh(): the end, for the reason for which the session was lost", async () => {
    const { world, end } = await failing([stopRefresh("signed out")]);
    expect(end.info).toMatchObject({ error: { code: "E_TRUNCATED" } });
    await world.advance(HOUR);
    expect(world.left.timers).toBe(0);
  });

  it("answers with a token that the server refuses, twice: the end", async () => {
    const { world, end } = await failing(["not.a.token", "neither.this.one"]);
    expect(end.info).toMatchObject({ error: { code: "E_AUTH_REQUIRED", remote: true } });
    expect(world.asked).toHaveLength(3);
  });
});
