import { createMemoryResumeStore, type ResumeStore, resumeStoreContract } from "@sealwire/server";
import { describe, expect, it } from "vitest";
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
    const options = { store, now: () => Date.now(), report: (detail: string) => void reports.push(detail) };
    return { options, reports, parking: new Parking(options) };
  };

  it("is the newest state, once", async () => {
    const store = createMemoryResumeStore();
    const { parking, reports } = start(store);
    expect(await Promise.all([parking.park(state("a"), 10), parking.park(state("b"))])).toEqual([true, true]);
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
    await parking.park(state("a"), 10);
    expect(await inner.claim(ids[0] as string)).toBe(true);
    expect(await parking.park(state("b"))).toBe(false);
    expect(ids.length).toBe(1);
    const other = start(inner).parking;
    await other.park(state("c"), 10);
    expect(await other.leave()).toBe(true);
    await other.forget();
    expect(await inner.find("c")).toBeDefined();
  });

  it("a store that fails is reported, and holds nothing up", async () => {
    const fail = () => Promise.reject(new Error("down"));
    const inner = createMemoryResumeStore();
    const failing = start({ ...inner, park: fail });
    expect(await failing.parking.park(state("a"), 10)).toBe(true);
    expect(failing.reports).toEqual([expect.stringContaining("not parked")]);
    expect(failing.parking.parked).toBe(false);
    const down = start({ ...inner, claim: fail, forget: fail });
    await down.parking.park(state("a"), 10);
    await expect(down.parking.claim()).rejects.toThrow("down");
    await down.parking.forget();
    expect(down.reports.length).toBe(1);
  });
});
