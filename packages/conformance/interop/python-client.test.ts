import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Jwk, key, publicJwk, thumbprint } from "../src/kit/keys.ts";
import { terminalReport } from "../src/live/report.ts";
import { testClient } from "../src/live/run.ts";
import { mint } from "../src/live/token.ts";
import { config, ID, ISSUER, LEVELS, type Running, SERVER_KEY, startServer, TOPICS } from "../test/live.support.ts";
import { files, limitOptions, Python, present, SHORT } from "./python.ts";

const proof: Jwk = key("interop/client", "ES256");
const bound = (): string => mint(ISSUER, ID, "", { cnf: { jkt: thumbprint(proof) } });
const store = files();
const pinned = store.write("pinned.json", { keys: [publicJwk(SERVER_KEY)] });
const proofFile = store.write("proof.json", proof);
afterAll(store.remove);

const TOPIC_OPTIONS = ["--allow", `${TOPICS.echo},${TOPICS.message}`, "--echo", TOPICS.echo];
const common = (url: string): string[] => ["-m", "live.client", "--url", url, "--server-id", ID, "--pinned", pinned];

const script = store.write(
  "script.jsonl",
  [
    { op: "request", top: TOPICS.echo, data: { text: "grüße" } },
    { op: "send", top: TOPICS.message, data: { n: 1.5, deep: [[{ a: null }]] } },
    { op: "send", top: TOPICS.message, data: { $bytes: "00ff10" } },
    { op: "request", top: TOPICS.denied, data: 1 },
    { op: "close" },
  ]
    .map((step) => JSON.stringify(step))
    .join("\n"),
);

describe.skipIf(!present)("the Python client and our server", () => {
  let server: Running;
  const got: unknown[] = [];
  beforeAll(async () => {
    server = await startServer({}, {}, (data) => got.push(data));
  });
  afterAll(() => server.stop());

  const cases = LEVELS.flatMap((level) =>
    ["text", "binary"].flatMap((wire) => [
      [level, wire, "p256", "json"],
      [level, wire, "x25519", "cbor"],
    ]),
  );
  test.each(cases)("%s, %s, %s, %s: a request, data and bytes, a denial, an end in order", async (...choice) => {
    got.length = 0;
    const [level, wire, suite, codec] = choice as [string, string, string, string];
    const token = store.write("token", bound());
    const options = ["--level", level, "--wire", wire, "--suite", suite, "--codec", codec];
    const client = new Python([
      ...common(server.url),
      ...["--token", `@${token}`, "--proof-key", proofFile, "--script", script, ...options, ...TOPIC_OPTIONS],
    ]);
    expect(await client.exited, client.stderr).toBe(0);
    const named = (name: string) => client.events.filter(({ event }) => event === name);
    expect(named("opened")).toEqual([expect.objectContaining({ lvl: level, cod: codec, sub: "conformance" })]);
    expect(named("settled").map(({ data, error }) => data ?? error)).toEqual([{ text: "grüße" }, "E_DENIED"]);
    expect(named("ended")).toEqual([expect.objectContaining({ clean: true, truncated: false })]);
    expect(got).toEqual([{ n: 1.5, deep: [[{ a: null }]] }, new Uint8Array([0, 255, 16])]);
  });

  test("a bearer token, and a server whose key is not the pinned one", async () => {
    const token = mint(ISSUER, ID, "");
    const good = new Python([...common(server.url), "--token", token, "--script", script, ...TOPIC_OPTIONS]);
    expect(await good.exited, good.stderr).toBe(0);
    const others = store.write("others.json", { keys: [publicJwk(key("interop/other", "ES256"))] });
    const args = common(server.url).map((arg) => (arg === pinned ? others : arg));
    const bad = new Python([...args, "--token", token, ...TOPIC_OPTIONS]);
    expect(await bad.exited).toBe(1);
    expect(bad.events.at(-1)).toMatchObject({ event: "ended", error: "E_KEY", step: "header" });
  });
});

describe.skipIf(!present)("the live suite against the Python client", () => {
  // A codec does not know its wire, so one of the four combinations is left out for the time it takes.
  test.each([
    ["text", ["json", "cbor"]],
    ["binary", ["cbor"]],
  ] as const)("every check holds: %s, %j", { timeout: 240_000 }, async (wire, codecs) => {
    let client: Python | undefined;
    const results = await testClient(0, config({ limits: SHORT, codecs }), {
      slow: true,
      onListening: (port) => {
        const token = store.write(`token-${wire}`, bound());
        const options = [
          "--wire",
          wire,
          "--level",
          LEVELS.join(","),
          "--repeat",
          ...TOPIC_OPTIONS,
          ...limitOptions(SHORT),
        ];
        client = new Python([
          ...common(`ws://127.0.0.1:${port}/`),
          ...["--token", `@${token}`, "--proof-key", proofFile, "--script", store.write("empty.jsonl", ""), ...options],
        ]);
      },
    });
    await client?.stop();
    expect(results.some(({ failure }) => failure !== undefined) ? terminalReport(results, false) : "").toBe("");
    expect(results.length).toBeGreaterThan(codecs.length * 150);
  });
});
