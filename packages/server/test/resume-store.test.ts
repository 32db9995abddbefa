import { createMemoryResumeStore, type ResumeStore, resumeStoreContract } from "@sealwire/server";
import { SimClock } from "@sealwire/testing";
import { describe, expect, it, vi } from "vitest";
import { Parking } from "../src/parking.ts";

describe("createMemoryResumeStore", () => {
  const make = () => {
    let time = 1_900_000_000_000;
    return {
      store: createMemoryResumeStore({ now: () => time }),
      now: () => time / 1000,
      advance: (seconds: number) => {
        time += seconds * 1000;
      },
    };
  };
  for (const { name, run } of resumeStoreContract(make)) it(name, run);

  it("a full store refuses, and has room again where something ended", async () => {
    let time = 0;
    const store = createMemoryResumeStore({ capacity: 2, now: () => time });
    await store.park("a", ["1"], 10, new Uint8Array());
    await store.park("b", ["2"], 100, new Uint8Array());
    expect(() => store.park("c", ["3"], 100, new Uint8Array())).toThrow(/full/);
    time = 10_000;
    await store.park("c", ["3"], 100, new Uint8Array());
    expect(await store.find("1")).toBeUndefined();
    expect(() => createMemoryResumeStore({ capacity: 0 })).toThrow(TypeError);
  });
});

describe("the contract", () => {
  const broken: Record<string, (store: ResumeStore) => Partial<ResumeStore>> = {
    "a claim that is no atomic step": (store) => {
      const there = new Set<string>();
      return {
        park: async (id, ...rest) => {
          there.add(id);
          await store.park(id, ...rest);
        },
        claim: async (id) => {
          const had = there.has(id);
          await undefined;
          there.delete(id);
          await store.forget(id);
          return had;
        },
      };
    },
    "a find that takes": (store) => ({
      find: async (kid) => {
        const found = await store.find(kid);
        for (const id of ["a", "b"]) await store.forget(id);
        return found;
      },
    }),
    "a store that never forgets": () => ({ forget: () => {} }),
  };
  it.each(Object.entries(broken))("notices %s", async (_, breaks) => {
    const make = () => {
      const store = createMemoryResumeStore();
      return { store: { ...store, ...breaks(store) }, now: () => Math.floor(Date.now() / 1000) };
    };
    const results = await Promise.allSettled(resumeStoreContract(make).map(({ run }) => run()));
    expect(results.filter(({ status }) => status === "rejected").length).toBeGreaterThan(0);
  });
});

describe("what is parked of a session", () => {
  const state = (text: string) => ({ kids: [text], state: () => new TextEncoder().encode(text) });
  const start = (store: ResumeStore) => {
    const reports: string[] = [];
    const report = (detail: string) => void reports.push(detail);
    const clock = new SimClock(undefined, Date.now());
    const parking = new Parking({ store, clock, ms: 1000, report });
    parking.lost(10);
    return { clock, reports, parking };
  };

  it("is the newest state, once", async () => {
    const store = createMemoryResumeStore();
    const { parking, reports } = start(store);
    expect(await Promise.all([parking.park(state("a")), parking.park(state("b"))])).toEqual([true, true]);
    expect([await store.find("a"), await store.find("b")]).toEqual([undefined, new TextEncoder().encode("b")]);
    expect(await Promise.all([parking.claim(), parking.claim()])).toEqual([true, true]);
    expect(await store.find("b")).toBeUndefined();
    expect(reports).toEqual([]);
  });

  it("is not parked again, nor claimed, where another server has taken it", async () => {
    const ids: string[] = [];
    const inner = createMemoryResumeStore();
    const park: ResumeStore["park"] = (id, ...rest) => {
      ids.push(id);
      return inner.park(id, ...rest);
    };
    const { parking } = start({ ...inner, park });
    await parking.park(state("a"));
    expect(await inner.claim(ids[0] as string)).toBe(true);
    expect(await parking.park(state("b"))).toBe(false);
    expect(ids.length).toBe(1);
    const other = start(inner).parking;
    await other.park(state("c"));
    expect(await other.leave()).toBe(true);
    await other.forget();
    expect(await inner.find("c")).toBeDefined();
  });

  it("is nothing where it arrives in the store later than it was waited for", async () => {
    const inner = createMemoryResumeStore();
    let arrive = () => {};
    const late = new Promise<void>((resolve) => {
      arrive = resolve;
    });
    const park: ResumeStore["park"] = async (...args) => {
      await late;
      await inner.park(...args);
    };
    const forgotten = vi.fn(inner.forget);
    const { clock, parking, reports } = start({ ...inner, park, forget: forgotten });
    const parked = parking.park(state("a"));
    await clock.advance(1000);
    expect([await parked, parking.parked, reports.length]).toEqual([undefined, false, 1]);
    arrive();
    await clock.advance(1);
    expect([forgotten.mock.calls.length, await inner.find("a")]).toEqual([2, undefined]);
  });

  it("is not touched again once it was left to another server, or is over", async () => {
    for (const end of ["leave", "forget"] as const) {
      const store = createMemoryResumeStore();
      const { parking } = start(store);
      await parking.park(state("a"));
      await parking[end]();
      expect(await parking.park(state("b"))).toBe(true);
      expect([await store.find("a"), await store.find("b")]).toEqual([
        end === "leave" ? new TextEncoder().encode("a") : undefined,
        undefined,
      ]);
    }
  });

  it("is asked for once where the answer to a claim is late", async () => {
    const inner = createMemoryResumeStore();
    let answer = () => {};
    const held = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const claim = vi.fn(async (id: string) => {
      const taken = await inner.claim(id);
      await held;
      return taken;
    });
    const { clock, parking } = start({ ...inner, claim });
    await parking.park(state("a"));
    const first = parking.claim();
    await clock.advance(1000);
    expect(await first).toBeUndefined();
    answer();
    expect([await parking.claim(), claim.mock.calls.length]).toEqual([true, 1]);
  });

  it("is what it was where a claim failed, and can be parked anew", async () => {
    const inner = createMemoryResumeStore();
    let fails = true;
    const claim: ResumeStore["claim"] = (id) => (fails ? Promise.reject(new Error("down")) : inner.claim(id));
    const { parking, reports } = start({ ...inner, claim });
    await parking.park(state("a"));
    expect(await parking.claim()).toBeUndefined();
    // What is parked stays: it is not for this server to say that it is its own.
    expect(await parking.park(state("b"))).toBeUndefined();
    expect([parking.parked, await inner.find("b"), reports.length]).toEqual([true, undefined, 2]);
    fails = false;
    expect(await parking.park(state("c"))).toBe(true);
  });

  it("is taken up where another server says so, and not where it was only claimed or the store fails", async () => {
    const ids: string[] = [];
    const inner = createMemoryResumeStore();
    const park: ResumeStore["park"] = (id, ...rest) => {
      ids.push(id);
      return inner.park(id, ...rest);
    };
    let fails = false;
    const find: ResumeStore["find"] = (kid) => (fails ? Promise.reject(new Error("down")) : inner.find(kid));
    const store = { ...inner, park, find };
    const { parking, reports } = start(store);
    expect(await parking.isTakenUp()).toBe(false);
    await parking.park(state("a"));
    await inner.claim(ids[0] as string);
    expect([await parking.claim(), await parking.isTakenUp()]).toEqual([false, false]);
    // Nothing is there, and that is no reason to take it for its own.
    expect([await parking.claim(), await parking.park(state("b"))]).toEqual([false, false]);
    const other = start(store);
    await other.parking.markTakenUp(ids[0] as string);
    expect(await parking.isTakenUp()).toBe(true);
    expect([reports, other.reports]).toEqual([[], []]);
    fails = true;
    expect([await parking.isTakenUp(), reports]).toEqual([false, [expect.stringContaining("could not be had")]]);
    const down = start({ ...inner, park: () => Promise.reject(new Error("down")) });
    await down.parking.markTakenUp(ids[0] as string);
    expect(down.reports).toEqual([expect.stringContaining("will not find")]);
  });

  it("a store that fails is reported, and holds nothing up", async () => {
    const fail = () => Promise.reject(new Error("down"));
    const inner = createMemoryResumeStore();
    const failing = start({ ...inner, park: fail });
    expect(await failing.parking.park(state("a"))).toBeUndefined();
    expect(failing.reports).toEqual([expect.stringContaining("not parked")]);
    expect(failing.parking.parked).toBe(false);
    const down = start({ ...inner, claim: fail, forget: fail });
    await down.parking.park(state("a"));
    expect(await down.parking.claim()).toBeUndefined();
    await down.parking.forget();
    expect(down.reports.length).toBe(2);
  });
});
