import { describe, expect, it } from "vitest";
import { apply, atRest, initialState, type ScheduleBounds, type ScheduleState, schedules } from "./schedules.ts";

const bounds = (proposals: number, messages: number, rekeys: number): ScheduleBounds => ({
  proposals,
  messages,
  rekeys,
});

const count = (of: ScheduleBounds): number => {
  let n = 0;
  for (const _ of schedules(of)) n++;
  return n;
};

/** Paths counted over states, without walking them. */
function countPaths(of: ScheduleBounds): { paths: number; states: number } {
  const known = new Map<string, number>();
  const from = (state: ScheduleState): number => {
    const key = JSON.stringify(state);
    const seen = known.get(key);
    if (seen !== undefined) return seen;
    let paths = atRest(state) ? 1 : 0;
    for (const event of [
      "client proposes",
      "server proposes",
      "client sends",
      "server sends",
      "to client",
      "to server",
    ] as const) {
      const next = apply(state, event, of);
      if (next) paths += from(next);
    }
    known.set(key, paths);
    return paths;
  };
  return { paths: from(initialState(of)), states: known.size };
}

describe("schedules of rekeys", () => {
  it("without proposals are the interleavings of two queues", () => {
    // Catalan(m) orders of sends and deliveries in each direction, interleaved: binomial(4m, 2m) times that squared.
    expect(count(bounds(0, 0, 1))).toBe(1);
    expect(count(bounds(0, 1, 1))).toBe(6);
    expect(count(bounds(0, 2, 1))).toBe(280);
    expect(count(bounds(0, 3, 1))).toBe(23_100);
  });

  it("without messages are the ones counted by hand", () => {
    // None: 1. One end proposes: the two acks in either order, 2 for each end. Both propose: two orders of the proposals, two of
    // their deliveries, two of the acks.
    expect(count(bounds(1, 0, 1))).toBe(1 + 2 * 2 + 2 * 2 * 2);
    const collisions = [...schedules(bounds(1, 0, 1))].filter(
      (s) => s.filter((e) => e.endsWith("proposes")).length > 1,
    );
    expect(collisions).toHaveLength(8);
    for (const events of collisions) expect(events.slice(0, 2).sort()).toEqual(["client proposes", "server proposes"]);
  });

  it.each([
    [1, 1, 1],
    [1, 0, 2],
    [2, 0, 2],
  ])("%i proposals, %i messages, %i rekeys: as many as paths through the states, each once", (p, m, r) => {
    const all = [...schedules(bounds(p, m, r))].map((events) => events.join(","));
    expect(new Set(all).size).toBe(all.length);
    expect(all.length).toBe(countPaths(bounds(p, m, r)).paths);
  });

  it("end at rest with both ends in one epoch, which no bound exceeds", () => {
    const reached = new Set<number>();
    for (const events of schedules(bounds(2, 0, 2))) {
      let state = initialState(bounds(2, 0, 2));
      for (const event of events) state = apply(state, event, bounds(2, 0, 2))!;
      const { client, server } = state;
      expect(new Set([client.sendEpoch, client.receiveEpoch, server.sendEpoch, server.receiveEpoch]).size).toBe(1);
      expect(client.waiting || server.waiting).toBe(false);
      reached.add(client.sendEpoch);
    }
    expect([...reached].sort()).toEqual([0, 1, 2]);
  });

  it("come in the same order each time, and lazily", () => {
    const first = (n: number) => {
      const taken: string[] = [];
      for (const events of schedules(bounds(3, 3, 3))) {
        if (taken.length === n) break;
        taken.push(events.join(","));
      }
      return taken;
    };
    expect(first(50)).toEqual(first(50));
  });
});
