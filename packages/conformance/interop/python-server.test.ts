import { connect, unsafeAllowInsecure } from "@sealwire/client";
import type { PrivateJwk, Subprotocol } from "@sealwire/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Jwk, key, publicJwk, thumbprint } from "../src/kit/keys.ts";
import { terminalReport } from "../src/live/report.ts";
import { testServer } from "../src/live/run.ts";
import { mint } from "../src/live/token.ts";
import { config, ID, ISSUER, LEVELS, PROTOCOLS, SERVER_KEY, TOKENS, TOPICS } from "../test/live.support.ts";
import { files, limitOptions, Python, present, SHORT } from "./python.ts";

const proof: Jwk = key("interop/client", "Ed25519");
const store = files();
afterAll(store.remove);

describe.skipIf(!present)("the Python server", () => {
  let server: Python;
  let url = "";

  beforeAll(async () => {
    server = new Python([
      ...["-m", "live.server", "--server-id", ID, "--identity", store.write("identity.json", { keys: [SERVER_KEY] })],
      ...["--issuer", ISSUER.name, "--jwks", store.write("jwks.json", TOKENS.keys), "--level", LEVELS.join(",")],
      ...[
        "--allow",
        `${TOPICS.echo},${TOPICS.message}`,
        "--echo",
        TOPICS.echo,
        "--reflect",
        TOPICS.message,
        "--ask",
        "who",
        ...limitOptions(SHORT),
      ],
    ]);
    const { port } = await server.event(({ event }) => event === "listening");
    url = `ws://127.0.0.1:${port}/`;
  });
  afterAll(() => server.stop());

  const cases = LEVELS.flatMap((level) =>
    PROTOCOLS.flatMap((protocol) => [
      [level, protocol, "p256", "json"],
      [level, protocol, "x25519", "cbor"],
    ]),
  );
  test.each(cases)("and our client: %s, %s, %s, %s", async (...choice) => {
    const [level, protocol, suite, codec] = choice as ["aead", Subprotocol, "p256", "json"];
    const session = await connect(url, {
      server: { id: ID, keys: { keys: [publicJwk(SERVER_KEY)] } },
      token: mint(ISSUER, ID, "", { cnf: { jkt: thumbprint(proof) } }),
      proof: proof as PrivateJwk,
      levels: [level],
      protocols: [protocol],
      suites: [suite],
      codecs: [codec],
      [unsafeAllowInsecure]: true,
    });
    let asked: unknown;
    session.handle("who", (data: unknown) => {
      asked = data;
      return "us";
    });
    expect(session.level).toBe(level);
    expect(await session.request(TOPICS.echo, { text: "grüße", list: [1, 2.5, null] })).toEqual({
      text: "grüße",
      list: [1, 2.5, null],
    });
    await expect(session.request(TOPICS.denied, 1)).rejects.toMatchObject({ code: "E_DENIED" });
    const reflected = session.messages(TOPICS.message);
    await session.send(TOPICS.message, new Uint8Array([0, 255, 16]));
    expect((await reflected.next()).value?.data).toEqual(new Uint8Array([0, 255, 16]));
    expect(asked).toEqual({ from: "python" });
    expect(await session.close()).toMatchObject({ code: 1000, clean: true, truncated: false });
  });

  test("every check of the live suite holds", { timeout: 240_000 }, async () => {
    const results = await testServer(url, config({ limits: SHORT }), { slow: true });
    expect(results.some(({ failure }) => failure !== undefined) ? terminalReport(results, false) : "").toBe("");
    expect(results.length).toBeGreaterThan(400);
  });
});
