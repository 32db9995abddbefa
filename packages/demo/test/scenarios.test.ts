import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ATTACKS, findAttack, runAttack } from "../src/attacks/index.ts";
import { nodeBench } from "../src/demo.ts";
import { attackScenarios } from "../src/scenarios/attacks.ts";
import { chatScenarios } from "../src/scenarios/chat.ts";
import { fileScenarios } from "../src/scenarios/files.ts";
import { lifeScenarios, TOKEN_SECONDS } from "../src/scenarios/life.ts";
import { eventually, type TestDemo, testDemo } from "./support.ts";

let demo: TestDemo;
/** Gives tokens that soon expire. */
let brief: TestDemo;
beforeAll(async () => {
  demo = await testDemo();
  brief = await testDemo({ tokenSeconds: TOKEN_SECONDS });
});
afterAll(async () => {
  await demo.end();
  await brief.end();
});

describe("what `npm start -- --once` reports", () => {
  test.each([...chatScenarios(), ...fileScenarios()])("$title", async ({ run }) => {
    expect(await run(demo)).toEqual(expect.any(String));
  });

  test.each(lifeScenarios())("$title", async ({ run }) => {
    expect(await run(brief)).toEqual(expect.any(String));
  });
});

describe("every attack of the table is refused by the expected side, with its code and close code", () => {
  for (const level of ["aead", "mac", "sig", "nest"] as const) {
    for (const wire of ["text", "binary"] as const) {
      test.each(attackScenarios(wire, level))(`${level}, ${wire}: $title`, async ({ run }) => {
        expect(await run(demo)).toMatch(/recovered|survived/);
      });
    }
  }

  test("an attack that nobody refuses, or that is refused otherwise, does not pass", async () => {
    const bench = nodeBench(demo, "text", "aead");
    const expected = { side: "server", code: "E_CRYPTO", closeCode: 4501 } as const;
    const harmless = {
      id: "none",
      title: "None",
      what: "Nothing.",
      on: "handshake",
      expect: expected,
      arm: () => ({}),
    } as const;
    const unrefused = await runAttack(harmless, { ...bench, arm: async () => {} });
    expect(unrefused).toMatchObject({ refusedBy: "nobody", code: "none", recovered: true, passed: false });
    const other = await runAttack({ ...findAttack("expired-token"), expect: expected }, bench);
    expect(other).toMatchObject({ refusedBy: "server", code: "E_TOKEN", passed: false });
    await bench.end();
  });

  test("the table covers the whole bench of the issue", () => {
    const ids = ATTACKS.map((a) => a.id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of [
      "tamper",
      "replay",
      "drop",
      "reorder",
      "reflect",
      "truncate",
      "strip-signature",
      "strip-proof",
      "swap",
      "downgrade",
      "forged-close",
      "expired-token",
      "other-token",
    ]) {
      expect(ids).toContain(id);
    }
  });
});

test("nothing is left of the sessions that were attacked", async () => {
  for (const { server, relay } of [demo, brief])
    await eventually(() => server.sealwire.sessions.size === 0 && relay.connections.size === 0);
});
