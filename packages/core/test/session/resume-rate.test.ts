import { describe, expect, it } from "vitest";
import { DEFAULT_LIMITS } from "../../src/registry.generated.ts";
import { settle } from "../support/clock.ts";
import { released } from "../support/live.ts";
import type { Pair } from "../support/pair.ts";
import { type Attempt, attempt, cut, resumable, resume } from "../support/reconnect.ts";
import { noUnhandledRejections } from "../support/unhandled.ts";

noUnhandledRejections();

const MINUTE = DEFAULT_LIMITS.resumesPerMinute;

/** Each connection is lost as soon as it has the session; answers with the last one. */
async function again(pair: Pair, times: number): Promise<Attempt | undefined> {
  let last: Attempt | undefined;
  for (let i = 0; i < times; i++) {
    last = await resume(pair);
    await cut(last);
  }
  return last;
}

async function refused(pair: Pair): Promise<void> {
  const tried = attempt(pair);
  await settle();
  expect(tried.server.info?.error).toMatchObject({ code: "E_QUOTA", stage: "rate", closeCode: 4529 });
  expect(tried.client.info?.error).toMatchObject({ code: "E_QUOTA", remote: true });
}

describe("a session that is resumed again and again [resume:rate]", () => {
  it("as often as a minute allows at once, then one after the other; it stays as it is", async () => {
    const { pair, client, server, got } = await resumable();
    await server.send("t", "kept");
    await settle();
    await cut(pair);
    await again(pair, MINUTE);
    for (let i = 0; i < 3; i++) await refused(pair);
    expect([client.state, server.state, client.life.ledger.chains.length]).toEqual(["reconnecting", "reconnecting", 1]);
    const one = 60_000 / MINUTE;
    await pair.clock.advance(one - 1);
    await refused(pair);
    await pair.clock.advance(1);
    await again(pair, 1);
    await refused(pair);
    await pair.clock.advance(one);
    await resume(pair);
    expect(got.client).toEqual(["kept"]);
    await client.close();
    await released(pair);
  });

  it("does not save up for more than a minute", async () => {
    const { pair, client } = await resumable({ limits: { idleSeconds: 1e5 } });
    await pair.clock.advance(600_000);
    await cut(pair);
    await again(pair, MINUTE);
    await refused(pair);
    await pair.clock.advance(60_000);
    await resume(pair);
    await client.close();
    await released(pair);
  });

  it("a hello that nobody confirms takes nothing", async () => {
    const { pair, client } = await resumable();
    await cut(pair);
    for (let i = 0; i < 2 * MINUTE; i++) {
      const onLink = (link: Attempt["link"]) => {
        link.tap = (direction, payload) => (direction === "c2s" ? [payload] : []);
      };
      const tried = attempt(pair, { onLink });
      await settle();
      expect(tried.server.info).toBeUndefined();
      await cut(tried);
    }
    await resume(pair);
    await client.close();
    await released(pair);
  });
});
