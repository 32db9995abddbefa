import fc from "fast-check";
import { expect, it } from "vitest";
import { Alarms, UNSET } from "../../src/session/alarms.ts";
import { Timers } from "../../src/session/timers.ts";
import { VirtualClock } from "../support/clock.ts";

const DAYS_40 = 40 * 86_400_000;

it("a time that no timer of the platform can have comes when it is there, and no sooner", async () => {
  const clock = new VirtualClock();
  const asked: number[] = [];
  const schedule = clock.schedule.bind(clock);
  clock.schedule = (fn: () => void, ms: number) => {
    asked.push(ms);
    return schedule(fn, ms);
  };
  const timers = new Timers(clock);
  const rung: string[] = [];
  timers.after(DAYS_40, () => rung.push("first"));
  const cancelled = timers.after(DAYS_40, () => rung.push("cancelled"));
  await clock.advance(DAYS_40 - 1);
  expect(rung).toEqual([]);
  cancelled.cancel();
  await clock.advance(1);
  expect(rung).toEqual(["first"]);
  expect(Math.max(...asked)).toBeLessThan(2 ** 31);
  timers.after(DAYS_40, () => rung.push("cleared"));
  await clock.advance(30 * 86_400_000);
  timers.clear();
  expect(clock.pending).toBe(0);
});

it("one timer of the clock for all: in the order of their times, then in that in which they were set", async () => {
  const clock = new VirtualClock();
  const timers = new Timers(clock);
  const rung: string[] = [];
  const note = (name: string) => () => void rung.push(`${name} ${clock.elapsed()}`);
  timers.after(20, note("late"));
  timers.after(10, () => {
    note("first")();
    second.cancel();
    timers.after(0, note("set meanwhile"));
  });
  const second = timers.after(10, note("cancelled meanwhile"));
  timers.after(10, note("third"));
  timers.after(5, note("early"));
  const gone = timers.after(1, note("cancelled"));
  gone.cancel();
  gone.cancel();
  expect(clock.pending).toBe(1);
  await clock.advance(20);
  expect(rung).toEqual(["early 5", "first 10", "third 10", "set meanwhile 10", "late 20"]);
  expect(clock.pending).toBe(0);
});

it("the last that is cancelled leaves no timer, and none rings after the end", async () => {
  const clock = new VirtualClock();
  const timers = new Timers(clock);
  const rung: string[] = [];
  const one = timers.after(10, () => rung.push("one"));
  const two = timers.after(20, () => rung.push("two"));
  one.cancel();
  two.cancel();
  expect(clock.pending).toBe(0);
  timers.after(10, () => timers.clear());
  timers.after(10, () => rung.push("after the end"));
  await clock.advance(10);
  timers.after(10, () => rung.push("later"));
  await clock.advance(100);
  expect(rung).toEqual([]);
  expect(clock.pending).toBe(0);
});

it("whatever is set and cancelled: as a list that is sorted anew for each", async () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ set: fc.integer({ min: 0, max: 12 }) }) },
    { weight: 3, arbitrary: fc.record({ cancel: fc.nat(30) }) },
    { weight: 2, arbitrary: fc.record({ advance: fc.integer({ min: 1, max: 9 }) }) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const clock = new VirtualClock();
      const timers = new Timers(clock);
      const [rung, wanted]: number[][] = [[], []];
      const set: { readonly at: number; readonly n: number; readonly timer: { cancel(): void } }[] = [];
      let count = 0;
      for (const s of steps) {
        if ("set" in s) {
          const n = count++;
          const timer = timers.after(s.set, () => rung?.push(n));
          set.push({ at: clock.elapsed() + s.set, n, timer });
        } else if ("cancel" in s) {
          for (const { timer } of set.splice(s.cancel % Math.max(1, set.length), 1)) timer.cancel();
        } else {
          const until = clock.elapsed() + s.advance;
          await clock.advance(s.advance);
          const due = set.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at || a.n - b.n);
          for (const one of due) {
            wanted?.push(one.n);
            set.splice(set.indexOf(one), 1);
          }
        }
        expect(rung).toEqual(wanted);
      }
      if (set.length === 0) expect(clock.pending).toBe(0);
    }),
    { numRuns: 300 },
  );
});

it("one timer of the clock for all sessions, to the last that is cleared: each rings in its time", async () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ set: fc.integer({ min: 0, max: 12 }), of: fc.nat(5) }) },
    { weight: 2, arbitrary: fc.record({ cancel: fc.nat(30) }) },
    { weight: 1, arbitrary: fc.record({ clear: fc.nat(5) }) },
    { weight: 2, arbitrary: fc.record({ advance: fc.integer({ min: 1, max: 9 }) }) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 80 }), async (steps) => {
      const clock = new VirtualClock();
      const owners = Array.from({ length: 6 }, () => new Timers(clock));
      const [rung, wanted]: string[][] = [[], []];
      let set: { readonly at: number; readonly name: string; readonly of: number; readonly cancel: () => void }[] = [];
      for (const [n, s] of steps.entries()) {
        if ("set" in s) {
          const timers = owners[s.of] as Timers;
          const timer = timers.after(s.set, () => rung?.push(`${n} ${clock.elapsed()}`));
          set.push({ at: clock.elapsed() + s.set, name: `${n}`, of: s.of, cancel: () => timer.cancel() });
        } else if ("cancel" in s) {
          for (const { cancel } of set.splice(s.cancel % Math.max(1, set.length), 1)) cancel();
        } else if ("clear" in s) {
          owners[s.clear]?.clear();
          owners[s.clear] = new Timers(clock);
          set = set.filter(({ of }) => of !== s.clear);
        } else {
          const until = clock.elapsed() + s.advance;
          await clock.advance(s.advance);
          for (const { name, at } of set) if (at <= until) wanted?.push(`${name} ${at}`);
          set = set.filter(({ at }) => at > until);
        }
        expect(rung?.toSorted()).toEqual(wanted?.toSorted());
        expect(clock.pending).toBe(set.length === 0 ? 0 : 1);
      }
    }),
    { numRuns: 300 },
  );
});

it("at one moment the session whose timer was set first comes first; one that throws keeps no other from its own", async () => {
  const clock = new VirtualClock();
  const [a, b, c] = [new Timers(clock), new Timers(clock), new Timers(clock)];
  const rung: string[] = [];
  b.after(10, () => rung.push("b"));
  c.after(10, () => rung.push("c"));
  a.after(10, () => {
    rung.push("a");
    throw new Error("of a listener");
  });
  a.after(20, () => rung.push("a, later"));
  const last = new Timers(clock);
  last.after(10, () => rung.push("last"));
  await expect(clock.advance(10)).rejects.toThrow("of a listener");
  expect(rung).toEqual(["b", "c", "a"]);
  await clock.advance(10);
  expect(rung).toEqual(["b", "c", "a", "last", "a, later"]);
  expect(clock.pending).toBe(0);
});

it("an alarm that is set again rings at its new time alone, sooner or later than before", async () => {
  const clock = new VirtualClock();
  const alarms = Alarms.of(clock);
  const rung: string[] = [];
  const alarm = (name: string) => ({
    at: 0,
    order: 0,
    place: UNSET,
    ring: () => void rung.push(`${name} ${clock.elapsed()}`),
  });
  const [later, sooner, other] = [alarm("later"), alarm("sooner"), alarm("other")];
  alarms.set(later, 5);
  alarms.set(sooner, 30);
  alarms.set(other, 20);
  alarms.set(sooner, 10);
  alarms.set(later, 25);
  await clock.advance(40);
  expect(rung).toEqual(["sooner 10", "other 20", "later 25"]);
  expect(clock.pending).toBe(0);
});

it("what takes long at the same moment does so in several turns, in between which others are", async () => {
  const clock = new VirtualClock();
  let worked = 0;
  const elapsed = clock.elapsed.bind(clock);
  clock.elapsed = () => elapsed() + worked;
  const rung: string[] = [];
  for (const name of ["a", "b", "c", "d", "e"])
    new Timers(clock).after(10, () => {
      worked += 15;
      rung.push(name);
    });
  clock.schedule(() => rung.push("another"), 10);
  await clock.advance(100);
  expect(rung).toEqual(["a", "b", "another", "c", "d", "e"]);
});
