import { execFile } from "node:child_process";
import { createServer as createHttp } from "node:http";
import { fileURLToPath } from "node:url";
import {
  type ClientSession,
  type ConnectOptions,
  connect,
  generateKey,
  type JWKS,
  type Sent,
  type SessionState,
  type Undetermined,
} from "@sealwire/client";
import { createServer, type ServerOptions } from "@sealwire/server";
import { describe, expect, it, onTestFinished } from "vitest";
import { startProxy, type TcpProxy } from "./support/proxy.ts";
import {
  failure,
  listen,
  SERVER_ID,
  server,
  serverOptions,
  startWorld,
  token,
  until,
  type World,
} from "./support/world.ts";

const FAST = { minDelay: 5, maxDelay: 40 };
const upTo = (n: number) => Array.from({ length: n }, (_, i) => i + 1);

const through = async ({ url }: Pick<TcpProxy, "url">, options: Partial<ConnectOptions> = {}) =>
  await connect(url, { server, token: () => token(), reconnect: FAST, ...options });

function watch(session: ClientSession) {
  const seen = { states: [] as SessionState[], undetermined: [] as Undetermined[], got: [] as unknown[] };
  session.handle("n", (n) => {
    seen.got.push(n);
    return n;
  });
  session.onStateChange((state) => seen.states.push(state));
  session.onUndetermined((messages) => seen.undetermined.push(...messages));
  return seen;
}

/** A server on a port of its own choice, or on that of the one before. */
async function serve(port: number, options: Partial<ServerOptions> = {}) {
  const sealwire = createServer(serverOptions(options));
  const arrived: unknown[] = [];
  sealwire.handle("n", (n) => {
    arrived.push(n);
    return n;
  });
  sealwire.handle("hang", () => new Promise(() => {}));
  const http = createHttp();
  sealwire.attach(http);
  await new Promise<void>((resolve) => http.listen(port, "127.0.0.1", resolve));
  const kill = async () => {
    http.closeAllConnections();
    await Promise.all([sealwire.close({ timeout: 1 }), new Promise((resolve) => http.close(resolve))]);
  };
  onTestFinished(kill);
  return { sealwire, arrived, kill, port: (http.address() as { port: number }).port };
}

describe("over TCP connections that break", () => {
  it("anywhere in a frame, in the middle of traffic in both directions: all once, in order", async () => {
    // More connections than a server takes from a session that comes back so fast.
    const world = await startWorld({ limits: { resumesPerMinute: 1000 } });
    const arrived: unknown[] = [];
    world.sealwire.handle("n", (n) => {
      arrived.push(n);
    });
    let lengths = 0;
    // The first one gets as far as a session; most later ones break somewhere.
    const proxy = await startProxy(
      () => world.port,
      () => (lengths++ === 0 ? 3000 : 1500 + ((lengths * 1117) % 3000)),
    );
    const session = await through(proxy);
    const seen = watch(session);
    const [peer] = world.sealwire.sessions;
    for (const n of upTo(400)) {
      void session.send("n", n);
      void peer?.send("n", n);
      if (n % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => arrived.length >= 400 && seen.got.length >= 400);
    expect([arrived, seen.got]).toEqual([upTo(400), upTo(400)]);
    expect([seen.undetermined, world.sealwire.sessions.size, proxy.taken > 3]).toEqual([[], 1, true]);
  });

  it("a request that came before its handler, and the connection was gone at once, is answered all the same", async () => {
    const world = await startWorld();
    const answers: Promise<unknown>[] = [];
    const proxy = await startProxy(() => world.port);
    world.sealwire.onSession((session) => {
      answers.push(session.request("who", null).catch((error) => error.code));
      // Behind SR and the request, in the same moment.
      setImmediate(() => proxy.cut());
    });
    for (const i of upTo(10)) {
      // Cut before SR has arrived it is an error of connect, and no session.
      const session = await through(proxy).catch(() => undefined);
      if (session === undefined) {
        answers.pop();
        continue;
      }
      session.handle("who", () => i);
      expect(await answers.at(-1)).toBe(i);
      await session.close();
    }
  });

  it("unreachable, then a proxy without an upstream, then there: the same session", async () => {
    const world = await startWorld();
    world.sealwire.handle("n", (n) => n);
    const proxy = await startProxy(() => world.port);
    const session = await through(proxy);
    const { states, undetermined } = watch(session);
    const { id } = session;
    for (const mode of ["refuse", "502"] as const) {
      const before = proxy.taken;
      proxy.mode = mode;
      proxy.cut();
      await until(() => proxy.taken > before + 3);
    }
    const reply = session.request("n", 7);
    proxy.mode = "pass";
    expect(await reply).toBe(7);
    expect([session.id, undetermined, states]).toEqual([id, [], ["reconnecting", "open"]]);
  });
});

describe("a server that is started again on its port", () => {
  it("knows nothing of the session: a new one, and what was on its way is named", async () => {
    const first = await serve(0);
    const session = await through({ url: `ws://127.0.0.1:${first.port}/` });
    const seen = watch(session);
    const before = session.id;
    expect(await session.request("n", 1)).toBe(1);
    const asking = failure(session.request("hang", 2));
    const sent: Sent = await session.send("n", 3);
    await first.kill();
    const second = await serve(first.port);
    await until(() => seen.states.includes("open"));
    expect(await session.request("n", 4)).toBe(4);
    expect(second.arrived).toEqual([4]);
    expect(session.id).not.toBe(before);
    const named = seen.undetermined.map(({ session: s, seq, topic }) => ({ session: s, seq, topic }));
    for (const { session: s } of named) expect(s).toBe(before);
    expect(named.some(({ seq }) => seq === sent.seq) || first.arrived.includes(3)).toBe(true);
    expect((await asking).code).toBe("E_TRUNCATED");
  });
});

describe("server.keys as an address", () => {
  it("is asked again for each new session; that it does not answer for a while is no end", async () => {
    const [one, two] = [await generateKey(), await generateKey()];
    let published: JWKS | undefined = { keys: [one.publicJwk] };
    let asked = 0;
    const keys = createHttp((_, response) => {
      asked++;
      if (published === undefined) response.writeHead(503).end();
      else response.end(JSON.stringify(published));
    });
    onTestFinished(() => void keys.close());
    const url = new URL(`http://127.0.0.1:${await listen(keys)}/jwks`);
    const identity = (key: typeof one) => ({ identity: { id: SERVER_ID, keys: [key.privateJwk] } });
    const first = await serve(0, identity(one));
    const session = await through({ url: `ws://127.0.0.1:${first.port}/` }, { server: { id: SERVER_ID, keys: url } });
    published = undefined;
    await first.kill();
    await serve(first.port, identity(two));
    await until(() => asked > 6);
    expect(session.state).toBe("reconnecting");
    published = { keys: [two.publicJwk] };
    await until(() => session.state === "open");
    expect(await session.request("n", 1)).toBe(1);
  });
});

describe("a Node process", () => {
  const folder = fileURLToPath(new URL("..", import.meta.url));
  /** Runs `body` after connecting in a process of its own, and answers with what it wrote. */
  const run = async (world: World, body: string): Promise<string> => {
    const options = { server, token: await token(), reconnect: { minDelay: 1500, maxDelay: 1500 } };
    const program = `
      import { connect } from "@sealwire/client";
      const options = ${JSON.stringify(options)};
      const session = await connect("${world.url}", options);
      session.onStateChange((state) => console.log(state));
      ${body}`;
    const args = ["--input-type=module", "-e", program];
    return await new Promise((resolve, reject) => {
      execFile(process.execPath, args, { cwd: folder, timeout: 15_000 }, (error, stdout) =>
        error === null ? resolve(stdout) : reject(error),
      );
    });
  };

  /** Whose topic "cut" resets the connection that it came on. */
  const fragileWorld = async () => {
    const world = await startWorld();
    let last: { destroy(): void } | undefined;
    world.http.on("upgrade", (_, socket) => {
      last = socket;
    });
    world.sealwire.handle("cut", () => last?.destroy());
    return world;
  };

  it("waits for a session that reconnects, and ends with its end", async () => {
    // Nothing but the session keeps it alive: neither a timer nor a promise that is awaited.
    const said = await run(
      await fragileWorld(),
      `let opened = 0;
       session.onStateChange((state) => {
         if (state === "open") void (++opened === 2 ? session.close() : session.send("cut", null));
       });
       void session.send("cut", null);`,
    );
    expect(said).toBe("reconnecting\nopen\nreconnecting\nopen\nclosed\n");
  });

  it("ends after close(), whatever was under way", async () => {
    const said = await run(
      await fragileWorld(),
      `session.onStateChange((state) => { if (state === "reconnecting") void session.close(); });
       void session.send("cut", null);`,
    );
    expect(said).toBe("reconnecting\nclosed\n");
  });
});
