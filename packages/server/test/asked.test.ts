import { randomBytes } from "node:crypto";
import type { ServerOptions } from "@sealwire/server";
import { expect, it } from "vitest";
import { b64u } from "./support/keys.ts";
import { rawSession, rawSocket, TEXT } from "./support/raw.ts";
import { startWorld, type World } from "./support/world.ts";

const ORIGIN = "https://app.example";
const PLACES = 3;
const TICKET = "A".repeat(43);
const limits = { unauthenticatedPerAddress: PLACES };

/** Something outside of the server that is asked, and answers when the test says so. */
class Outside {
  asked = 0;
  #waiting: (() => void)[] = [];

  readonly ask = (): Promise<undefined> => {
    this.asked++;
    return new Promise((resolve) => this.#waiting.push(() => resolve(undefined)));
  };

  answer(): void {
    for (const one of this.#waiting.splice(0)) one();
  }
}

interface Way {
  readonly options: (outside: Outside) => Partial<ServerOptions>;
  /** Connects and makes the server ask. The result drops the connection. */
  readonly connect: (world: World) => Promise<() => void>;
}

const byHandshake =
  (options: object) =>
  async (world: World): Promise<() => void> =>
    await new Promise((resolve, reject) => {
      const afterAuth = (ws: { terminate(): void }) => resolve(() => ws.terminate());
      rawSession(world, { ...options, afterAuth }).catch(reject);
    });

const byHello = async (world: World): Promise<() => void> => {
  const { ws } = await rawSocket(world, { protocols: [TEXT] });
  const header = b64u(JSON.stringify({ alg: "HS256", kid: b64u(randomBytes(16)), typ: "sealwire-ch+jwt" }));
  ws.send(`${header}.${b64u("{}")}.${"A".repeat(43)}`);
  return () => ws.terminate();
};

const ticket = { path: `/?ticket=${TICKET}`, token: TICKET };

const ways: Record<string, Way> = {
  tickets: { options: ({ ask }) => ({ tickets: { issue: async () => "", take: ask } }), connect: byHandshake(ticket) },
  admit: { options: ({ ask }) => ({ admit: async () => (await ask()) === undefined }), connect: byHandshake({}) },
  cookie: {
    options: ({ ask }) => ({
      origins: [ORIGIN],
      cookie: { name: "sid", verify: async () => (await ask()) !== undefined },
    }),
    connect: byHandshake({ headers: { cookie: "sid=1", origin: ORIGIN } }),
  },
  "the resume store": {
    options: ({ ask }) => ({ resume: { store: { park() {}, find: ask, claim: () => false, forget() {} } } }),
    connect: byHello,
  },
};

/** True if the server asked for this connection, which is gone afterwards. */
async function asks(world: World, outside: Outside, { connect }: Way): Promise<boolean> {
  const before = outside.asked;
  const drop = await connect(world).catch(({ message }: Error) => void expect(message).toContain("503"));
  while (drop !== undefined && outside.asked === before) await turn();
  drop?.();
  const open = () =>
    new Promise<number>((resolve, reject) => world.http.getConnections((e, n) => (e ? reject(e) : resolve(n))));
  while ((await open()) > 0) await turn();
  return outside.asked > before;
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

it.each(Object.entries(ways))(
  "%s: what is asked keeps its place, whatever its connection does [limit:connections]",
  async (_, way) => {
    const outside = new Outside();
    const world = await startWorld({ limits, ...way.options(outside) });
    for (let i = 0; i < 3 * PLACES; i++) expect(await asks(world, outside, way)).toBe(i < PLACES);
    expect(world.errors.filter(({ error }) => error.code === "E_BUSY")).toHaveLength(2 * PLACES);
    outside.answer();
    while (!(await asks(world, outside, way))) await turn();
    expect(outside.asked).toBe(PLACES + 1);
  },
);

it.each(Object.entries(ways))("%s: where no answer comes, the place is free after handshakeSeconds", async (_, way) => {
  const outside = new Outside();
  const world = await startWorld({ limits: { ...limits, handshakeSeconds: 0.2 }, ...way.options(outside) });
  for (let i = 0; i < PLACES; i++) expect(await asks(world, outside, way)).toBe(true);
  while (!(await asks(world, outside, way))) await turn();
  expect(outside.asked).toBe(PLACES + 1);
});
