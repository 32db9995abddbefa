import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { terminalReport } from "../src/live/report.ts";
import { testClient, testServer } from "../src/live/run.ts";
import { config, keepConnecting, PROTOCOLS, SLOW_SUBJECT, startServer } from "./live.support.ts";

const failures = (results: Awaited<ReturnType<typeof testServer>>): string =>
  results.some(({ failure }) => failure !== undefined) ? terminalReport(results, false) : "";

/** Deadlines are shortened on both sides, so that the checks that wait for them fit here. */
const LIMITS = { clientHelloSeconds: 1, handshakeSeconds: 2, idleSeconds: 3, heartbeatSeconds: 1 };

describe("the live suite against our server", () => {
  let server: Awaited<ReturnType<typeof startServer>>;
  beforeAll(async () => {
    server = await startServer(LIMITS);
  });
  afterAll(() => server.stop());

  test("every check holds on both wires, at every level, in both codecs", { timeout: 180_000 }, async () => {
    const results = await testServer(server.url, config({ limits: LIMITS, slowSubject: SLOW_SUBJECT }), { slow: true });
    expect(failures(results)).toBe("");
    expect(results.length).toBeGreaterThan(400);
  });
});

describe("the live suite against our client", () => {
  test.each(PROTOCOLS)("every check holds: %s", { timeout: 180_000 }, async (protocol) => {
    let client: ReturnType<typeof keepConnecting> | undefined;
    const results = await testClient(0, config({ limits: LIMITS }), {
      slow: true,
      onListening: (port) => {
        client = keepConnecting(`ws://127.0.0.1:${port}/`, protocol, { limits: LIMITS });
      },
    });
    expect(failures(results)).toBe("");
    expect(results.length).toBeGreaterThan(300);
    await client?.stop();
  });
});
