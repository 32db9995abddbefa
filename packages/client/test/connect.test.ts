import { createServer as createTcp } from "node:net";
import { type ConnectOptions, connect, unsafeAllowInsecure } from "@sealwire/client";
import { describe, expect, it, onTestFinished } from "vitest";
import { failure, listen, server, startWorld, token, until } from "./support/world.ts";

const options = (over: Record<string, unknown> = {}): ConnectOptions =>
  ({ server, token: "t", ...over }) as ConnectOptions;

describe("options that cannot work are TypeErrors", () => {
  it.each<[string, string, ConnectOptions, RegExp]>([
    ["http:", "http://localhost/", options(), /WebSocket address/],
    ["no URL", "chat.example", options(), /URL/],
    ["a user in the address", "wss://user@chat.example/", options(), /user/],
    ["a fragment", "wss://chat.example/#x", options(), /fragment/],
    ["ws: to another machine", "ws://chat.example/", options(), /unsafeAllowInsecure/],
    ["ws: to a name that begins like loopback", "ws://localhost.example/", options(), /unsafeAllowInsecure/],
    ["ws: to an address that begins like loopback", "ws://127.0.0.1.example/", options(), /unsafeAllowInsecure/],
    ["ws: to a private address", "ws://192.168.1.1/", options(), /unsafeAllowInsecure/],
    ["ws: to every address", "ws://0.0.0.0/", options(), /unsafeAllowInsecure/],
    [
      "a string in place of the symbol",
      "ws://chat.example/",
      options({ unsafeAllowInsecure: true }),
      /unsafeAllowInsecure/,
    ],
    ["the symbol, but not true", "ws://chat.example/", options({ [unsafeAllowInsecure]: 1 }), /unsafeAllowInsecure/],
    ["no levels", "ws://localhost:1/", options({ levels: [] }), /levels/],
    ["an unknown level", "ws://localhost:1/", options({ levels: ["plain"] }), /levels/],
    ["[ch:no-key-no-sig] level sig without a proof key", "ws://localhost:1/", options({ levels: ["sig"] }), /proof/],
    ["[ch:no-key-no-sig] level nest among others", "ws://localhost:1/", options({ levels: ["aead", "nest"] }), /proof/],
    ["an unknown protocol", "ws://localhost:1/", options({ protocols: ["chat"] }), /protocols/],
    [
      "a protocol twice",
      "ws://localhost:1/",
      options({ protocols: ["sealwire.v1.cbor", "sealwire.v1.cbor"] }),
      /twice/,
    ],
    ["an unknown codec", "ws://localhost:1/", options({ codecs: ["xml"] }), /codecs/],
    ["an unknown suite", "ws://localhost:1/", options({ suites: ["p521"] }), /suites/],
    ["an unknown order", "ws://localhost:1/", options({ order: "any" }), /order/],
    ["a window of any size", "ws://localhost:1/", options({ limits: { replayWindow: 1e15 } }), /replayWindow/],
    ["drops without end", "ws://localhost:1/", options({ limits: { replayDrops: 1e15 } }), /replayDrops/],
    ["half a window", "ws://localhost:1/", options({ limits: { replayWindow: 0.5 } }), /replayWindow/],
    ["attempts without a pause", "ws://localhost:1/", options({ reconnect: { minDelay: 0 } }), /minDelay/],
    ["pauses that shrink", "ws://localhost:1/", options({ reconnect: { minDelay: 9, maxDelay: 8 } }), /maxDelay/],
    ["a pause that no timer keeps", "ws://localhost:1/", options({ reconnect: { maxDelay: 2 ** 31 } }), /maxDelay/],
    ["no attempt", "ws://localhost:1/", options({ reconnect: { attempts: 0 } }), /attempts/],
    ["an unknown limit", "ws://localhost:1/", options({ limits: { idle: 1 } }), /idle/],
    [
      "lim.msg below the protocol's least",
      "ws://localhost:1/",
      options({ limits: { messageBytes: 1000 } }),
      /messageBytes/,
    ],
    ["no server", "ws://localhost:1/", options({ server: undefined }), /server/],
    ["an empty server id", "ws://localhost:1/", options({ server: { ...server, id: "" } }), /server\.id/],
    ["no pinned key", "ws://localhost:1/", options({ server: { ...server, keys: { keys: [] } } }), /key/i],
    [
      "a key set at http",
      "ws://localhost:1/",
      options({ server: { ...server, keys: new URL("http://chat.example/jwks") } }),
      /https/,
    ],
    [
      "a key set in a file",
      "ws://localhost:1/",
      options({ server: { ...server, keys: new URL("file:///etc/passwd") } }),
      /https/,
    ],
    ["no options", "ws://localhost:1/", undefined as never, /connect\(address, options\)/],
    ["half an address", "/chat", options(), /all of it/],
    ["no token", "ws://localhost:1/", options({ token: undefined }), /token/],
    ["an empty token", "ws://localhost:1/", options({ token: "" }), /token/],
    ["a function without a token", "ws://localhost:1/", options({ token: () => "" }), /token/],
    ["a function with another thing", "ws://localhost:1/", options({ token: async () => ({ token: "t" }) }), /token/],
    ["a proof key that is none", "ws://localhost:1/", options({ proof: { kty: "EC" } }), /key/i],
  ])("%s", async (_, address, o, text) => {
    const error = await failure(connect(address, o));
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toMatch(text);
  });
});

describe("loopback needs no flag", () => {
  it.each(["localhost", "127.0.0.1", "127.1", "[::1]", "LOCALHOST", "2130706433"])("ws://%s", async (host) => {
    // Port 1: nobody is there, but the address was admitted.
    expect(await failure(connect(`ws://${host}:1/`, options()))).toMatchObject({ code: "E_CLOSED" });
  });

  it("another host with the symbol", async () => {
    const error = await failure(connect("ws://0.0.0.0:1/", options({ [unsafeAllowInsecure]: true })));
    expect(error).toMatchObject({ code: "E_CLOSED" });
  });
});

describe("the token function", () => {
  it("is called once with its reason and a signal, before the connection opens", async () => {
    const world = await startWorld();
    const calls: unknown[] = [];
    const session = await world.connect({
      token: async (context) => {
        calls.push(
          context.reason,
          context.signal.aborted,
          await new Promise((r) => world.http.getConnections((_, n) => r(n))),
        );
        return await token();
      },
    });
    expect(calls).toEqual(["connect", false, 0]);
    expect(session.subject).toBe("alice");
  });

  it("what it throws is what connect rejects with", async () => {
    const reason = new Error("log in again");
    const throws = () => {
      throw reason;
    };
    expect(await failure(connect("ws://localhost:1/", options({ token: throws })))).toBe(reason);
    expect(await failure(connect("ws://localhost:1/", options({ token: async () => throws() })))).toBe(reason);
  });

  it("its signal is aborted with connect, and one that ignores it holds nothing up", async () => {
    const controller = new AbortController();
    let seen: AbortSignal | undefined;
    const work = connect("ws://localhost:1/", {
      ...options({ signal: controller.signal }),
      token: ({ signal }) => {
        seen = signal;
        return new Promise(() => {});
      },
    });
    await until(() => seen !== undefined);
    controller.abort(new Error("enough"));
    expect((await failure(work)).message).toBe("enough");
    expect(seen?.aborted).toBe(true);
  });

  it("a timeout ends it too: E_TIMEOUT_HS; and that of a proof key that never comes", async () => {
    const never = () => new Promise<never>(() => {});
    for (const hangs of [{ token: never }, { proof: { key: never, thumbprint: never, forget: never } }]) {
      const error = await failure(connect("ws://localhost:1/", options({ timeout: 20, ...hangs })));
      expect(error).toMatchObject({ code: "E_TIMEOUT_HS", stage: "local", remote: false });
    }
  });
});

describe("giving up", () => {
  it("a signal that is aborted already: nothing happens at all", async () => {
    const world = await startWorld();
    let called = 0;
    const signal = AbortSignal.abort(new Error("before"));
    const error = await failure(world.connect({ signal, token: () => `${called++}` }));
    expect(error.message).toBe("before");
    expect(called).toBe(0);
    expect(await new Promise((resolve) => world.http.getConnections((_, n) => resolve(n)))).toBe(0);
  });

  it.each(["before the 101", "before SH", "before SR"])("abort %s frees the connection", async (when) => {
    const controller = new AbortController();
    const world = await startWorld();
    let gone: Promise<unknown> | undefined;
    world.http.on("connection", (socket) => {
      gone = new Promise((resolve) => socket.once("close", resolve));
      let packets = 0;
      socket.on("data", () => {
        if (packets++ === ["before the 101", "before SH", "before SR"].indexOf(when)) controller.abort(new Error(when));
      });
    });
    expect((await failure(world.connect({ signal: controller.signal }))).message).toBe(when);
    await gone;
    expect(world.sealwire.sessions.size).toBe(0);
  });

  it("[hs:give-up] abort while the server opens the session: it ends there as well, by a sealed bye", async () => {
    const world = await startWorld();
    const controller = new AbortController();
    const ended: unknown[] = [];
    world.sealwire.onSession((session) => {
      controller.abort(new Error("just now"));
      void session.closed.then((info) => ended.push(info));
    });
    expect((await failure(world.connect({ signal: controller.signal }))).message).toBe("just now");
    await until(() => ended.length > 0);
    expect(ended).toMatchObject([{ code: 1000, clean: true, truncated: false }]);
    expect(world.sealwire.sessions.size).toBe(0);
  });

  it("[hs:give-up] abort while the server asks somebody else: rejects at once, and is gone after limit byeSeconds", async () => {
    const controller = new AbortController();
    let asked = false;
    const admit = () => {
      asked = true;
      controller.abort(new Error("too slow"));
      return new Promise<boolean>(() => {});
    };
    const world = await startWorld({ admit });
    let gone: Promise<unknown> | undefined;
    let open = true;
    world.http.on("connection", (socket) => {
      gone = new Promise((resolve) => socket.once("close", resolve)).then(() => {
        open = false;
      });
    });
    const work = world.connect({ signal: controller.signal, limits: { byeSeconds: 1 } });
    expect((await failure(work)).message).toBe("too slow");
    expect([asked, open]).toEqual([true, true]);
    await gone;
    expect(world.sealwire.sessions.size).toBe(0);
  });

  it("an abort after the session is ready changes nothing", async () => {
    const world = await startWorld();
    const controller = new AbortController();
    const session = await world.connect({ signal: controller.signal });
    controller.abort();
    expect(await session.close()).toMatchObject({ clean: true });
  });

  it("[hs:timeout] a peer that says nothing: E_TIMEOUT_HS by option timeout", async () => {
    const tcp = createTcp((socket) => socket.on("error", () => {}));
    const port = await listen(tcp as never);
    onTestFinished(() => {
      tcp.close();
    });
    const error = await failure(connect(`ws://127.0.0.1:${port}/`, options({ timeout: 50 })));
    expect(error).toMatchObject({ code: "E_TIMEOUT_HS", closeCode: 3008 });
  });

  it("nobody listens: E_CLOSED that says so, without the token", async () => {
    const secret = "a-token-that-nobody-may-see";
    const error = await failure(
      connect("ws://127.0.0.1:1/", options({ token: secret, tokenAtUpgrade: "authorization" })),
    );
    expect(error).toMatchObject({ code: "E_CLOSED" });
    expect(error.message).toContain("ECONNREFUSED");
    expect(JSON.stringify(error) + error.stack).not.toContain(secret);
  });
});
