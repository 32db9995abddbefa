import { createServer as createHttp, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { generateKey } from "@sealwire/core";
import { createServer, type SealwireServer } from "@sealwire/server";
import { build } from "esbuild";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { PageApi, WorkerAnswer } from "./session-page.ts";

const executablePath = process.env.SEALWIRE_CHROMIUM;
const ID = "https://chat.example";
const ISSUER = "https://idp.example";

/** Calls a function of session-page.ts. */
async function call<K extends keyof PageApi>(
  page: Page,
  name: K,
  ...args: Parameters<PageApi[K]>
): Promise<Awaited<ReturnType<PageApi[K]>>> {
  return (await page.evaluate(
    ([fn, given]) =>
      (globalThis as unknown as { sealwire: Record<string, (...a: unknown[]) => unknown> }).sealwire[fn]?.(...given),
    [name as string, args as unknown[]] as const,
  )) as Awaited<ReturnType<PageApi[K]>>;
}

async function until(ready: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await ready())) await new Promise((resolve) => setTimeout(resolve, 10));
}

interface Kind {
  readonly name: string;
  /** What the page loads before Sealwire. */
  readonly before: string;
  /** Whether async functions stay what they are. */
  readonly supported: Readonly<Record<string, boolean>>;
}

// The pages run what was built, as a user's do: `npm test` builds first.
// zone.js, which Angular loads, puts a class of its own in the place of `Promise`: what WebCrypto and async functions answer
// is none of these. Angular's builder also rewrites async functions, whose promises are then of that class.
const KINDS: readonly Kind[] = [
  { name: "in a page", before: "", supported: {} },
  { name: "under zone.js", before: 'import "zone.js";', supported: {} },
  {
    name: "under zone.js, async functions rewritten",
    before: 'import "zone.js";',
    supported: { "async-await": false },
  },
];

// That it is skipped says browser.test.ts.
describe.skipIf(!executablePath).each(KINDS)("a session in Chromium (SEALWIRE_CHROMIUM) $name", (kind) => {
  const sockets = new Set<Socket>();
  let browser: Browser;
  let context: BrowserContext;
  let http: Server;
  let server: SealwireServer;
  let script: string;
  let origin: string;
  let given: Parameters<PageApi["connect"]>[0];
  let arrived: unknown[];
  /** What the server was told of. */
  let ends: string[];

  beforeAll(async () => {
    const bundle = await build({
      stdin: { contents: `${kind.before}import "./session-page.ts";`, resolveDir: import.meta.dirname },
      supported: kind.supported,
      bundle: true,
      write: false,
      format: "iife",
      platform: "browser",
      target: "es2022",
      logLevel: "warning",
    });
    script = bundle.outputFiles[0]?.text ?? "";
    const identity = await generateKey();
    const issuer = await generateKeyPair("ES256");
    const issue = (jkt: string) =>
      new SignJWT({ scope: "chat", cnf: { jkt } })
        .setProtectedHeader({ alg: "ES256", typ: "at+jwt" })
        .setIssuer(ISSUER)
        .setAudience(ID)
        .setSubject("alice")
        .setIssuedAt()
        .setExpirationTime("10m")
        .sign(issuer.privateKey);
    server = createServer({
      identity: { id: ID, keys: [identity.privateJwk] },
      tokens: { issuer: ISSUER, keys: { keys: [{ ...(await exportJWK(issuer.publicKey)), alg: "ES256" }] as never } },
      authorize: () => true,
      onError: ({ code }) => ends.push(code),
    });
    server.handle("n", (n) => {
      arrived.push(n);
      return n;
    });
    // Loopback counts as a secure context, without which there is no WebCrypto.
    http = createHttp(async (request, response) => {
      const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
      if (pathname === "/token") response.end(await issue(searchParams.get("jkt") ?? ""));
      else if (pathname === "/page.js") response.setHeader("content-type", "text/javascript").end(script);
      else
        response
          .setHeader("content-type", "text/html")
          .end('<!doctype html><title>session</title><script src="/page.js"></script>');
    });
    http.on("upgrade", (_, socket: Socket) => {
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
    });
    server.attach(http);
    await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
    origin = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
    given = {
      url: origin.replace("http", "ws"),
      id: ID,
      keys: { keys: [identity.publicJwk] },
      token: `${origin}/token`,
    };
    browser = await chromium.launch({
      executablePath: executablePath as string,
      args: ["--no-sandbox", "--disable-gpu"],
    });
  }, 60_000);

  beforeEach(async () => {
    arrived = [];
    ends = [];
    // A profile of its own: what IndexedDB keeps is gone with it.
    context = await browser.newContext();
    return async () => await context.close();
  });

  afterAll(async () => {
    await browser?.close();
    await server?.close();
    http?.close();
  });

  const open = async (): Promise<Page> => {
    const page = await context.newPage();
    await page.goto(origin);
    return page;
  };

  test("proof key: the same after a reload, not to be exported, another one after forget()", async () => {
    const page = await open();
    const first = await call(page, "thumbprint");
    await page.reload();
    expect(await call(page, "thumbprint")).toBe(first);
    expect(await call(page, "exported")).toMatch(/not extractable/);
    await call(page, "forget");
    const second = await call(page, "thumbprint");
    expect(second).not.toBe(first);
    await page.reload();
    expect(await call(page, "thumbprint")).toBe(second);
  });

  test("proof key: pages that ask for it at once get the same", async () => {
    const pages = await Promise.all([open(), open(), open(), open()]);
    const thumbprints = await Promise.all(pages.map((page) => call(page, "thumbprint")));
    expect(new Set(thumbprints).size).toBe(1);
  });

  test("proof key: where the browser keeps nothing, an error that says so", async () => {
    const page = await open();
    await page.evaluate(
      () =>
        new Promise<void>((resolve) => {
          const request = indexedDB.open("taken", 7);
          request.onsuccess = () => {
            request.result.close();
            resolve();
          };
        }),
    );
    expect(await call(page, "failure", "taken")).toMatch(/^E_KEY: .*IndexedDB keeps no proof key here/);
    // A sandboxed frame has no origin, and so no storage.
    const frame = await page.evaluateHandle(
      () =>
        new Promise<HTMLIFrameElement>((resolve) => {
          const made = document.createElement("iframe");
          made.setAttribute("sandbox", "allow-scripts");
          made.onload = () => resolve(made);
          made.src = "/";
          document.body.append(made);
        }),
    );
    const inside = await frame.contentFrame();
    const said = await inside?.evaluate(() =>
      (globalThis as unknown as { sealwire: PageApi }).sealwire.failure("sealwire"),
    );
    expect(said).toMatch(/^E_KEY: .*IndexedDB keeps no proof key here/);
    await frame.dispose();
  });

  test("a session that its page closes as it goes leaves nothing at the server", async () => {
    const page = await open();
    const id = await call(page, "connect", given);
    await call(page, "endWithPage");
    expect([...server.sessions].map((session) => session.id)).toContain(id);
    await page.reload();
    await until(() => ![...server.sessions].some((session) => session.id === id));
    expect(ends).toEqual([]);
  });

  test("in a worker: the proof key of its page, and a session of its own", async () => {
    const page = await open();
    const thumbprint = await call(page, "thumbprint");
    const answer = await page.evaluate(
      (asked) =>
        new Promise<WorkerAnswer>((resolve, reject) => {
          const worker = new Worker("/page.js");
          worker.onmessage = ({ data }) => resolve(data);
          worker.onerror = ({ message }) => reject(new Error(message));
          worker.postMessage(asked);
        }),
      given,
    );
    expect(answer).toEqual({ thumbprint, reply: 5, end: { code: 1000, clean: true } });
    expect(arrived).toEqual([5]);
  });

  test("the server's socket is cut in the middle of traffic: the session goes on, nothing is lost or doubled", async () => {
    const page = await open();
    const id = await call(page, "connect", given);
    const [peer] = server.sessions;
    const numbers = Array.from({ length: 60 }, (_, i) => i);
    for (const n of numbers) {
      await call(page, "send", n);
      void peer?.send("n", n).catch(() => {});
      if (n % 20 === 10) for (const socket of sockets) socket.resetAndDestroy();
    }
    await until(async () => arrived.length >= 60 && (await call(page, "seen")).got.length >= 60);
    const seen = await call(page, "seen");
    expect([arrived, seen.got]).toEqual([numbers, numbers]);
    expect(seen).toMatchObject({ id, state: "open", undetermined: 0, errors: [] });
    expect(seen.states.slice(0, 2)).toEqual(["reconnecting", "open"]);
    expect(server.sessions.size).toBe(1);
    expect(await call(page, "logout")).toEqual({ code: 1000, clean: true });
  });

  test("offline and online again: found out by the browser's event, and resumed", async () => {
    const page = await open();
    const id = await call(page, "connect", given);
    await context.setOffline(true);
    for (const socket of sockets) socket.resetAndDestroy();
    await until(async () => (await call(page, "seen")).state === "reconnecting");
    expect(await page.evaluate(() => navigator.onLine)).toBe(false);
    await call(page, "send", 1);
    // Longer than any of the first attempts would have waited: there are none without a network.
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect([arrived, (await call(page, "seen")).state]).toEqual([[], "reconnecting"]);
    await context.setOffline(false);
    await until(() => arrived.length === 1);
    expect(await call(page, "seen")).toMatchObject({ id, state: "open", undetermined: 0 });
    expect(await call(page, "logout")).toMatchObject({ clean: true });
  });

  test("logout(): the session ends in order, and the key is another one", async () => {
    const page = await open();
    await call(page, "connect", given);
    const before = await call(page, "thumbprint");
    expect(await call(page, "logout")).toEqual({ code: 1000, clean: true });
    await until(() => server.sessions.size === 0);
    expect(await call(page, "thumbprint")).not.toBe(before);
    await call(page, "connect", given);
    expect(await call(page, "request", 5)).toBe(5);
  });
});
