// Found by an adversarial reading: what takes time, what changes meanwhile, and who answers strangely.
import { describe, expect, it } from "vitest";
import { createMemoryReplayStore } from "../../src/replay/memory-store.ts";
import type { ReplayStore } from "../../src/replay/store.ts";
import { open } from "../../src/standalone/open.ts";
import { seal } from "../../src/standalone/seal.ts";
import type { ResolvedKey } from "../../src/standalone/trust.ts";
import {
  ALICE,
  BOB,
  craft,
  expectOpened,
  expectRefused,
  failureOf,
  KEYS,
  NOW,
  now,
  OPTIONS,
  printOf,
  publicOf,
} from "./fixtures.ts";

describe("what ends while it is being delivered [standalone:deliver-time]", () => {
  const slow = (seconds: number) => {
    let time = NOW;
    return { now: () => time * 1000, later: () => (time += seconds) };
  };
  it.each([
    [119, true],
    [120, false],
  ])("authorize takes %s seconds", async (seconds, opened) => {
    const clock = slow(seconds);
    const authorize = async () => clock.later() > 0;
    const options = { ...OPTIONS, now: clock.now, authorize };
    if (opened) expect(await open(craft("signed"), options)).toMatchObject({ issuer: ALICE });
    else
      expect(await failureOf(() => open(craft("signed"), options))).toMatchObject({ code: "E_EXPIRED", stage: "time" });
  });

  it("the store takes until then, and says new", async () => {
    const clock = slow(120);
    const replay: ReplayStore = {
      insert: async () => {
        clock.later();
        return "new" as const;
      },
    };
    await expectRefused(craft("encrypted"), "E_EXPIRED", "time", { now: clock.now, replay });
  });
});

describe("a store that does not answer [store:closed]", () => {
  const silent: ReplayStore = { insert: () => new Promise(() => {}) };

  it("is given up with the signal", async () => {
    const controller = new AbortController();
    const refused = expectRefused(craft("signed"), "E_REPLAY_STORE", "deliver", {
      replay: silent,
      signal: controller.signal,
    });
    controller.abort();
    await refused;
  });

  it("is not asked once the signal is aborted", async () => {
    let asked = 0;
    const replay: ReplayStore = {
      insert: () => {
        asked++;
        return "new";
      },
    };
    await expectRefused(craft("signed"), "E_REPLAY_STORE", "deliver", { replay, signal: AbortSignal.abort() });
    expect(asked).toBe(0);
  });

  it("a signal that is not aborted changes nothing", async () => {
    const replay = createMemoryReplayStore({ startedAt: 0 });
    const options = { ...OPTIONS, replay, signal: new AbortController().signal };
    expect(await open(craft("signed"), options)).toMatchObject({ issuer: ALICE });
  });
});

describe("a resolver", () => {
  const answering = (answer: unknown) => ({ keys: () => answer as ResolvedKey });
  const key = publicOf(KEYS.alice);

  it.each([
    ["null", null],
    ["a private key", { identity: ALICE, key: KEYS.alice }],
    ["a key with another alg", { identity: ALICE, key: { ...key, alg: "ECDH-ES" } }],
  ])("that answers with %s knows no such key", async (_, answer) => {
    await expectRefused(craft("signed"), "E_KEY", "header", answering(answer));
  });

  it("is believed with and without alg", async () => {
    const { kty, crv, x, y } = key;
    await expectOpened(craft("signed"), answering({ identity: ALICE, key }));
    await expectOpened(craft("signed"), answering({ identity: ALICE, key: { kty, crv, x, y } }));
  });
});

describe("what the caller holds in its hands", () => {
  it("data that is changed after the call is not what is signed", async () => {
    const data = new Uint8Array([1, 2, 3]);
    const sealing = seal({ topic: "pay", data }, { issuer: ALICE, key: KEYS.alice, audience: BOB, now });
    data.fill(9);
    expect((await open(await sealing, OPTIONS)).data).toEqual(new Uint8Array([1, 2, 3]));
  });

  it("authorize cannot make the envelope another one", async () => {
    const replay = createMemoryReplayStore({ startedAt: 0 });
    const authorize = (envelope: object): boolean => Reflect.set(envelope, "id", "AAAAAAAAAAAAAAAAAAAAAA") || true;
    expect(await open(craft("signed"), { ...OPTIONS, replay, authorize })).toMatchObject({ issuer: ALICE });
    await expectRefused(craft("signed"), "E_REPLAY", "deliver", { replay, authorize });
  });

  it("a key that is taken out of a set counts no more, one that is put in counts at once", async () => {
    const set = { keys: [publicOf(KEYS.alice)] };
    const options = { keys: { [ALICE]: set } };
    await expectOpened(craft("signed"), options);
    set.keys.splice(0, 1, publicOf(KEYS.aliceEd));
    await expectRefused(craft("signed"), "E_KEY", "header", options);
    set.keys.push(publicOf(KEYS.alice));
    await expectOpened(craft("signed"), options);
    expect(printOf(KEYS.alice)).not.toBe(printOf(KEYS.aliceEd));
  });

  it("bytes beyond the limit are refused before anything is done with them", async () => {
    const huge = new Uint8Array(2 ** 20 + 1);
    expect(await failureOf(() => open(huge, OPTIONS))).toMatchObject({
      code: "E_TOO_BIG",
      stage: "frame",
      fatal: false,
    });
  });
});
