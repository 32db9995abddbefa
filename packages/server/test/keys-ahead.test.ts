import { chain, backend as node } from "@sealwire/core/internal";
import { backend as webcrypto } from "@sealwire/core/internal/webcrypto";
import { describe, expect, it, vi } from "vitest";
import { KeysAhead } from "../src/keys-ahead.ts";
import { startWorld } from "./support/world.ts";

/** Time that a test moves on; what is due runs in its order. */
function virtualClock() {
  let now = 0;
  let timers: { at: number; fn: () => void }[] = [];
  return {
    unix: () => now,
    elapsed: () => now,
    schedule(fn: () => void, ms: number) {
      const timer = { at: now + ms, fn };
      timers.push(timer);
      return () => {
        timers = timers.filter((t) => t !== timer);
      };
    },
    get pending() {
      return timers.length;
    },
    async advance(ms: number) {
      const end = now + ms;
      for (;;) {
        const next = timers.sort((a, b) => a.at - b.at)[0];
        if (next === undefined || next.at > end) break;
        timers.shift();
        now = next.at;
        next.fn();
        // The backend of browsers answers later.
        await vi.waitFor(() => expect(made.pending).toBe(0), { interval: 1 });
      }
      now = end;
    },
  };
}

const made = { count: 0, pending: 0 };

/** Answers as the backend does: at once, or later. */
function counting(backend: typeof node): typeof node {
  made.count = 0;
  return {
    ...backend,
    generateKeyAgreement(suite) {
      made.count++;
      const key = backend.generateKeyAgreement(suite);
      if (!(key instanceof Promise)) return key;
      made.pending++;
      return key.finally(() => made.pending--);
    },
  };
}

describe.each([node, webcrypto])("key pairs of $name that are made ahead", (backend) => {
  const start = () => {
    const clock = virtualClock();
    const keys = new KeysAhead(counting(backend), clock);
    return { clock, keys };
  };

  it("are none before the first hello, and up to eight of a suite after it", async () => {
    const { clock, keys } = start();
    await clock.advance(1000);
    expect(made.count).toBe(0);
    await keys.take("x25519");
    await clock.advance(1000);
    expect(made.count).toBe(1 + 8);
    await keys.take("p256");
    await clock.advance(1000);
    expect(made.count).toBe(2 + 16);
    keys.clear();
    expect(clock.pending).toBe(0);
  });

  it("are given away once each, of the suite that is asked for", async () => {
    const { clock, keys } = start();
    const seen = new Set<string>();
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 12; i++) {
        for (const suite of ["x25519", "p256"] as const) {
          const key = await keys.take(suite);
          expect(key.suite).toBe(suite);
          seen.add(key.publicJwk.x);
        }
      }
      await clock.advance(100);
    }
    expect(seen.size).toBe(72);
    keys.clear();
  });

  it("are not made while hellos come", async () => {
    const { clock, keys } = start();
    for (let i = 0; i < 50; i++) {
      await keys.take("x25519");
      await clock.advance(0.5);
    }
    expect(made.count).toBe(50);
    await clock.advance(20);
    expect(made.count).toBe(58);
    keys.clear();
  });

  it("are dropped after ten seconds, and none is made anew until a hello comes", async () => {
    const { clock, keys } = start();
    await keys.take("x25519");
    await clock.advance(9_000);
    expect(made.count).toBe(9);
    // One that waits is taken, so that one is made in its place, which is younger.
    await keys.take("x25519");
    await clock.advance(1_500);
    expect(made.count).toBe(10);
    for (let i = 0; i < 2; i++) await keys.take("x25519");
    expect(made.count).toBe(11);
    await clock.advance(60_000);
    const { count } = made;
    expect(clock.pending).toBe(0);
    await keys.take("x25519");
    expect(made.count).toBe(count + 1);
    keys.clear();
  });

  it("are gone when they are cleared away, also one that is being made, and none is made until the next hello", async () => {
    const { clock, keys } = start();
    await keys.take("x25519");
    await clock.advance(100);
    await keys.take("x25519");
    keys.clear();
    await clock.advance(60_000);
    expect(made.count).toBe(9);
    expect(clock.pending).toBe(0);
    await keys.take("x25519");
    expect(made.count).toBe(10);
    // It is being made when everything is cleared away: it must not come after that.
    const making = clock.advance(1);
    keys.clear();
    await making;
    await keys.take("x25519");
    expect(made.count).toBe(12);
    keys.clear();
    expect(clock.pending).toBe(0);
  });
});

it.each([
  ["at once", () => fail()],
  ["later", async () => fail()],
])("a key pair that cannot be made, which is known %s, is missed by who needs it and by nobody else", async (_, no) => {
  const clock = virtualClock();
  const generateKeyAgreement = vi.fn(no);
  const keys = new KeysAhead({ ...node, generateKeyAgreement }, clock);
  const taken = async () => await keys.take("x25519");
  await expect(taken()).rejects.toThrow("no entropy");
  await clock.advance(1000);
  expect(generateKeyAgreement).toHaveBeenCalledTimes(2);
  await expect(taken()).rejects.toThrow("no entropy");
  keys.clear();
});

const fail = (): never => {
  throw new Error("no entropy");
};

it("no two answers of a server have the same ephemeral key", async () => {
  const keys: string[] = [];
  const crypto: typeof node = {
    ...node,
    generateKeyAgreement: (suite) =>
      chain(node.generateKeyAgreement(suite), (own) => ({
        ...own,
        agree(peer) {
          keys.push(own.publicJwk.x);
          return own.agree(peer);
        },
      })),
  };
  const world = await startWorld({ crypto });
  for (let i = 0; i < 20; i++) await world.connect();
  expect(keys).toHaveLength(20);
  expect(new Set(keys).size).toBe(20);
});
