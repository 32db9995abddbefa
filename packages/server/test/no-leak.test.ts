import { inspect } from "node:util";
import type { ConnectOptions } from "@sealwire/client";
import { connect } from "@sealwire/client";
import { createTickets, type ServerOptions } from "@sealwire/server";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { jktOf, now, proof, SERVER_ID, serverJwks, token } from "./support/keys.ts";
import { CBOR, type HandshakeOptions, rawSession, rawTcp, upgradeRequest } from "./support/raw.ts";
import { startWorld } from "./support/world.ts";

const jkt = await jktOf(proof);
const tickets = createTickets();
const ORIGIN = "https://app.example";

/** Everything that anybody is told or shown, while a test runs. */
let heard: string[];
const hear = (thing: unknown) => heard.push(typeof thing === "string" ? thing : inspect(thing, { depth: 20 }));
const OUTPUTS = ["log", "info", "warn", "error", "debug", "trace"] as const;

beforeEach(() => {
  heard = [];
  for (const name of OUTPUTS) vi.spyOn(console, name).mockImplementation((...args) => args.forEach(hear));
  for (const stream of [process.stdout, process.stderr]) {
    vi.spyOn(stream, "write").mockImplementation((chunk) => hear(String(chunk)) > 0);
  }
  process.on("warning", hear);
});

afterEach(() => {
  vi.restoreAllMocks();
  process.off("warning", hear);
});

async function listening(over: Partial<ServerOptions> = {}) {
  return await startWorld({
    tokenAtUpgrade: ["authorization", "subprotocol"],
    tickets,
    origins: [ORIGIN],
    onError: (error, context) => {
      hear(error);
      hear(error.stack);
      hear(JSON.stringify(error));
      hear(context);
    },
    ...over,
  });
}

type World = Awaited<ReturnType<typeof listening>>;

/** With the SDK's client: a session says something and ends, or connecting fails. */
async function byClient(world: World, options: Partial<ConnectOptions>): Promise<void> {
  try {
    const session = await connect(`${world.url}/`, {
      server: { id: SERVER_ID, keys: serverJwks },
      token: "",
      trace: (record) => hear(Buffer.from(record.claims).toString("latin1")),
      ...options,
    });
    await session.send("chat.say", { text: "hello" });
    hear(await session.close());
  } catch (error) {
    hear(error);
    hear((error as Error).stack);
  }
}

async function byRaw(world: World, options: HandshakeOptions): Promise<void> {
  try {
    const session = await rawSession(world, options);
    session.ws.close();
    hear(await session.closed);
  } catch (error) {
    hear(error);
  }
}

/** The answer over HTTP and what follows it, up to its end. */
async function byHttp(world: World, headers: Record<string, string | readonly string[]>, line?: string): Promise<void> {
  const answer = rawTcp(world.port, upgradeRequest(headers, line));
  if (!(await answer.head).startsWith("HTTP/1.1 101")) await answer.closed;
  answer.socket.end();
  hear(answer.text());
}

/** A token is not shown in parts either. */
const partsOf = (secret: string): readonly string[] => secret.split(".").filter((part) => part.length > 12);

describe.each([false, true])(
  "with verifyAtUpgrade %s, nothing that is said or shown has a token",
  (verifyAtUpgrade) => {
    it("[token:silent] good and bad ones, in every way", async () => {
      const world = await listening({ verifyAtUpgrade });
      const credentials = [
        await token({ jti: "bearer" }),
        await token({ jti: "bound", cnf: { jkt } }),
        await token({ exp: now() - 600 }),
        await token({ aud: "https://other.example", cnf: { jkt } }),
        await token({ iss: "https://nobody.example" }),
        await token({ cnf: { "x5t#S256": "A".repeat(43) } }),
        `${(await token({ jti: "forged" })).slice(0, -8)}AAAAAAAA`,
        "bm90LWEtdG9rZW4tYnV0LW9wYXF1ZQ",
        "not/a/token/of/any/kind==",
      ];
      const issued = [
        await tickets.issue({ token: credentials[0] as string, jkt }),
        await tickets.issue({ token: credentials[1] as string, jkt }),
        await tickets.issue({ token: credentials[2] as string, jkt }),
        "QQ".repeat(20),
      ];
      for (const access of credentials) {
        for (const tokenAtUpgrade of [undefined, "authorization", "subprotocol", "ticket"] as const) {
          const way = tokenAtUpgrade === undefined ? {} : { tokenAtUpgrade };
          await byClient(world, { token: access, ...way });
          await byClient(world, { token: access, proof, ...way });
        }
        await byClient(world, { token: () => Promise.reject(new Error("no token")) });
        await byHttp(world, { Authorization: [`Bearer ${access}`, `DPoP ${access}`] });
        await byHttp(world, { Authorization: `DPoP ${access}`, DPoP: access });
        await byHttp(world, { "Sec-WebSocket-Protocol": `sealwire.bearer.${access}, ${CBOR}` });
        await byHttp(world, { "Sec-WebSocket-Protocol": `sealwire.bearer.${access}` });
        await byHttp(world, { "Sec-WebSocket-Protocol": `sealwire.v9, sealwire.bearer.${access}` });
        await byHttp(world, {}, `GET /?ticket=${access} HTTP/1.1`);
        await byHttp(world, {}, `GET /?access_token=${access} HTTP/1.1`);
        await byHttp(world, { Authorization: `Bearer ${access}`, Origin: "https://evil.example" });
      }
      for (const ticket of issued) {
        await byRaw(world, { path: `/?ticket=${ticket}`, token: ticket });
        await byClient(world, { tokenAtUpgrade: "ticket", token: ticket, proof });
        await byClient(world, { tokenAtUpgrade: "ticket", token: ticket, proof });
        await byHttp(world, {}, `GET /?ticket=${ticket}&ticket=${ticket} HTTP/1.1`);
      }
      const everything = heard.join("\n");
      // That it was listened to at all.
      expect(everything).toContain("E_TOKEN");
      expect(everything).toContain("hello");
      expect(everything).toContain("HTTP/1.1 400");
      if (verifyAtUpgrade) expect(everything).toContain("HTTP/1.1 401");
      const shown = [...credentials, ...issued].flatMap(partsOf).filter((part) => everything.includes(part));
      expect(shown).toEqual([]);
    });
  },
);

it("[token:silent] nor a cookie, where it is an additional factor", async () => {
  const values = ["a-cookie-of-alice", "a-cookie-of-bob", "a-cookie-of-nobody"];
  const verify = (value: string) => {
    if (value.endsWith("nobody")) throw new Error("the application's store is down");
    return value.endsWith("alice");
  };
  const world = await listening({ cookie: { name: "sid", verify } });
  for (const value of values) {
    const headers = { cookie: `sid=${value}`, origin: ORIGIN };
    await byRaw(world, { headers });
    await byHttp(world, { Cookie: `sid=${value}` });
    await byHttp(world, { Cookie: `sid=${value}; sid=${value}`, Origin: ORIGIN });
    await byHttp(world, { Cookie: `sid=${value}`, Origin: "https://evil.example" });
  }
  const everything = heard.join("\n");
  const marks = ["E_FORBIDDEN", "HTTP/1.1 403", "the application's store is down"];
  expect(marks.filter((mark) => !everything.includes(mark))).toEqual([]);
  expect(values.filter((value) => everything.includes(value))).toEqual([]);
});
