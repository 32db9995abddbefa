import type { ConnectOptions } from "@sealwire/client";
import type { ServerOptions } from "@sealwire/server";
import { describe, expect, test } from "vitest";
import { type Jwk, key, publicJwk } from "../src/kit/keys.ts";
import type { LiveConfig } from "../src/live/config.ts";
import { byRequirement, terminalReport } from "../src/live/report.ts";
import { type Result, testClient, testServer } from "../src/live/run.ts";
import { config, ID, keepConnecting, SLOW_SUBJECT, startServer, TOKENS } from "./live.support.ts";

const narrow = (changes: Partial<LiveConfig>): LiveConfig =>
  config({ protocols: ["sealwire.v1.cbor"], levels: ["aead"], suites: ["p256"], codecs: ["json"], ...changes });

/** The check that tells, and the requirements that the report names because of it. */
function expectFound(results: readonly Result[], slugs: readonly string[]): void {
  const failed = byRequirement(results).flatMap((one) => (one.failed.length > 0 ? [one.slug] : []));
  expect(failed).toEqual(expect.arrayContaining([...slugs]));
  for (const slug of slugs) expect(terminalReport(results, false)).toContain(`✗ ${slug} `);
}

interface ServerFault {
  readonly limits?: Record<string, number>;
  readonly over?: Partial<ServerOptions>;
  readonly changes?: Partial<LiveConfig>;
}

describe("the live suite finds a server that", () => {
  const other = { id: ID, keys: [key("live/other", "ES256")] };
  const unbounded = { unauthenticatedBytes: 1e8, earlyDataBytes: 1e8, handshakeSeconds: 3 };
  test.each<[what: string, only: string, slugs: readonly string[], fault: ServerFault]>([
    [
      "authorizes everything",
      "not allowed",
      ["auth:deny-default", "batch:isolated"],
      { over: { authorize: () => true } },
    ],
    ["admits every page", "another origin", ["hs:origin"], { over: { origins: ["https://evil.example"] } }],
    ["has no control budget", "budget", ["ctl:budget"], { limits: { controlBurst: 5000 } }],
    ["takes larger messages", "lim.msg", ["limit:message"], { limits: { messageBytes: 4_000_000 } }],
    ["takes tokens of any typ", "another typ", ["token:typ"], { over: { tokens: { ...TOKENS, typ: "JWT" } } }],
    [
      "admits more connections",
      "too many connections",
      ["limit:connections"],
      { limits: { unauthenticatedPerAddress: 50 } },
    ],
    ["tolerates expired messages", "expired message", ["time:expired"], { limits: { skewSeconds: 300 } }],
    ["tolerates messages from the future", "from the future", ["time:future"], { limits: { skewSeconds: 300 } }],
    ["does not count bytes before SR", "bytes before SR", ["limit:unauthenticated"], { limits: unbounded }],
    [
      "does not bound early data",
      "early data than admitted while",
      ["limit:early-data"],
      { limits: unbounded, changes: { slowSubject: SLOW_SUBJECT } },
    ],
    ["signs with another key", "SH follows", ["kdf:schedule"], { changes: { server: other } }],
  ])("%s", async (_what, only, slugs, { limits, over, changes = {} }) => {
    const server = await startServer(limits, over);
    try {
      expectFound(await testServer(server.url, narrow(changes), { slow: false, only }), slugs);
    } finally {
      await server.stop();
    }
  });
});

describe("the live suite finds a client that", () => {
  const elsewhere = { id: ID, keys: { keys: [publicJwk(key("live/other", "ES256")) as Jwk] } };
  test.each<[what: string, only: string, slugs: readonly string[], over: Partial<ConnectOptions>]>([
    ["has no control budget", "budget", ["ctl:budget"], { limits: { controlBurst: 5000 } }],
    ["pins another key", "honest request", ["req:reply"], { server: elsewhere as ConnectOptions["server"] }],
    ["takes larger messages", "lim.msg", ["limit:message"], { limits: { messageBytes: 4_000_000 } }],
    ["tolerates expired messages", "expired message", ["time:expired"], { limits: { skewSeconds: 300 } }],
    ["tolerates messages from the future", "from the future", ["time:future"], { limits: { skewSeconds: 300 } }],
    ["takes long lives", "too long a life", ["time:ttl"], { limits: { messageTtlMax: 10_000 } }],
    ["tolerates another day", "a day off", ["time:offset"], { limits: { clockOffsetMaxSeconds: 1e6 } }],
  ])("%s", async (_what, only, slugs, over) => {
    let client: ReturnType<typeof keepConnecting> | undefined;
    const results = await testClient(0, narrow({}), {
      slow: false,
      only,
      onListening: (port) => {
        client = keepConnecting(`ws://127.0.0.1:${port}/`, "sealwire.v1.cbor", over);
      },
    });
    await client?.stop();
    expectFound(results, slugs);
  });
});
