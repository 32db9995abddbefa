import { expect, it } from "vitest";
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
