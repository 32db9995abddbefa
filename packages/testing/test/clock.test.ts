import { expect, it } from "vitest";
import { SimClock, START } from "../src/clock.ts";
import { Timeline } from "../src/timeline.ts";

it("events run by time, those of one moment in the order in which they were made", async () => {
  const timeline = new Timeline();
  const seen: string[] = [];
  timeline.schedule(() => seen.push(`late ${timeline.now}`), 20);
  timeline.schedule(() => seen.push(`first ${timeline.now}`), 10);
  timeline.schedule(() => seen.push(`second ${timeline.now}`), 10);
  timeline.schedule(() => seen.push("never"), 10)();
  await timeline.advance(15);
  expect(seen).toEqual(["first 10", "second 10"]);
  expect([timeline.now, timeline.pending]).toEqual([15, 1]);
  expect(await timeline.run(1)).toBe(false);
  expect(seen.at(-1)).toBe("late 20");
  expect(await timeline.run(1)).toBe(true);
});

it("what an event sets in motion is done before the next one, also on WebCrypto's threads", async () => {
  const timeline = new Timeline();
  const seen: string[] = [];
  timeline.schedule(() => {
    void (async () => {
      for (let i = 0; i < 20; i++) await crypto.subtle.digest("SHA-256", new Uint8Array(100_000));
      seen.push("hashed");
    })();
  }, 1);
  timeline.schedule(() => seen.push("next"), 1);
  await timeline.advance(1);
  expect(seen).toEqual(["hashed", "next"]);
});

it("machines share time and have wall clocks of their own, which jump", async () => {
  const timeline = new Timeline();
  const [one, two] = [new SimClock(timeline), new SimClock(timeline)];
  one.jump(-5000);
  await one.advance(100);
  expect([one.unix(), one.elapsed()]).toEqual([START - 4900, 100]);
  expect([two.unix(), two.elapsed()]).toEqual([START + 100, 100]);
});

it("a machine that stands still gets everything late and in order; others go on", async () => {
  const timeline = new Timeline();
  const [one, two] = [new SimClock(timeline), new SimClock(timeline)];
  const seen: string[] = [];
  one.schedule(() => seen.push(`timer 50 at ${timeline.now}`), 50);
  one.deliver(() => seen.push(`bytes 20 at ${timeline.now}`), 20);
  one.schedule(() => seen.push(`timer 100 at ${timeline.now}`), 100);
  two.schedule(() => seen.push(`other 30 at ${timeline.now}`), 30);
  one.pause(100);
  await timeline.run(100);
  expect(seen).toEqual(["other 30 at 30", "bytes 20 at 100", "timer 50 at 100", "timer 100 at 100"]);
});

it("counts the timers that wait", async () => {
  const clock = new SimClock();
  const cancel = clock.schedule(() => {}, 10);
  clock.schedule(() => {}, 20);
  clock.deliver(() => {}, 30);
  expect(clock.pending).toBe(2);
  cancel();
  cancel();
  expect(clock.pending).toBe(1);
  await clock.advance(20);
  expect(clock.pending).toBe(0);
});

it("no timer runs at the moment in which it was made", async () => {
  const clock = new SimClock();
  let runs = 0;
  const again = () => {
    runs++;
    clock.schedule(again, 1e-12);
  };
  again();
  await clock.advance(10);
  expect(runs).toBe(11);
});
