import { describe, expect, it } from "vitest";
import type { Limits } from "../../src/registry.generated.ts";
import { released, upTo } from "../support/live.ts";
import { cut, resumable, resume } from "../support/reconnect.ts";
import { answers, HOUR, refreshing } from "../support/refreshing.ts";
import { noUnhandledRejections } from "../support/unhandled.ts";

noUnhandledRejections();

describe("auth-soon [refresh:soon]", () => {
  /** When the client was reminded, in seconds of the session. */
  async function reminded(limits: Partial<Limits> = {}) {
    const told: number[] = [];
    const made = await refreshing({
      limits: { idleSeconds: 1e5, ...limits },
      clientHooks: { soon: () => void told.push(made.pair.clock.elapsed() / 1000) },
    });
    return { ...made, told };
  }

  it("comes once, refreshSeconds before the end or up to a tenth of them earlier; again after a refresh", async () => {
    const { pair, client, told } = await reminded();
    const isSoon = (at: number | undefined, end: number) => {
      expect(at).toBeGreaterThanOrEqual(end - 66);
      expect(at).toBeLessThanOrEqual(end - 60);
    };
    await pair.clock.advance((HOUR - 60) * 1000);
    expect(told).toHaveLength(1);
    isSoon(told[0], HOUR);
    await client.refresh(`good ${2 * HOUR}`);
    await pair.clock.advance(HOUR * 1000);
    expect(told).toHaveLength(2);
    isSoon(told[1], 2 * HOUR);
    expect(client.timeLeft).toBe(60_000);
    await pair.clock.advance(60_000);
    await released(pair);
  });

  it("comes once for an end, also where the token that answers it has the same", async () => {
    for (const _ of upTo(4)) {
      const told: number[] = [];
      const soon = () => {
        told.push(made.pair.clock.elapsed());
        void made.client.refresh(`good ${HOUR}`);
      };
      const made = await refreshing({ limits: { idleSeconds: 1e5 }, clientHooks: { soon } });
      await made.pair.clock.advance(HOUR * 1000);
      expect(told).toHaveLength(1);
      expect(made.asked).toHaveLength(1);
      await released(made.pair);
    }
  });

  it("not at the same moment in sessions that end at the same moment [refresh:spread]", async () => {
    const all: number[] = [];
    for (let i = 0; i < 24; i++) {
      const { pair, client, told } = await reminded({ refreshSeconds: 3000 });
      await pair.clock.advance(600_000);
      all.push(...told);
      expect(told[0]).toBeGreaterThanOrEqual(HOUR - 3300);
      await client.close();
    }
    expect(new Set(all).size).toBeGreaterThan(20);
    // Of 300 seconds. By chance once in 600,000 runs.
    expect(Math.max(...all) - Math.min(...all)).toBeGreaterThan(150);
  });

  it("of a session that lives little longer, not before half of that is over", async () => {
    for (let i = 0; i < 8; i++) {
      const { pair, client, told } = await reminded({ refreshSeconds: HOUR - 1 });
      await pair.clock.advance(500);
      expect(told).toEqual([]);
      await pair.clock.advance(500);
      expect(told).toHaveLength(1);
      await client.close();
    }
  });

  it("not in a session of that length or less, and not before the longest life ends", async () => {
    for (const limits of [{ sessionSeconds: 1800 }, { refreshSeconds: HOUR }]) {
      const made = await refreshing({ limits: { idleSeconds: 1e5, ...limits } });
      await made.pair.clock.advance(HOUR * 1000);
      await released(made.pair);
      expect(answers(made)).toEqual([]);
    }
  });

  it("is not told where there is no connection", async () => {
    const told: number[] = [];
    const { pair, client } = await refreshing({ clientHooks: { soon: () => void told.push(1) } });
    await pair.clock.advance((HOUR - 100) * 1000);
    await cut(pair);
    await pair.clock.advance(50_000);
    expect(told).toEqual([]);
    await resume(pair);
    expect(told).toEqual([]);
    await client.close();
    await released(pair);
  });

  it("not where nobody takes tokens", async () => {
    const made = await resumable({ limits: { idleSeconds: 1e5 } });
    await made.pair.clock.advance(HOUR * 1000);
    await released(made.pair);
    expect(answers(made)).toEqual([]);
  });
});
