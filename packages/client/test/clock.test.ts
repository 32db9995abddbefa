import { afterEach, describe, expect, it, vi } from "vitest";
import { systemClock } from "../src/clock.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

describe("the clock of the machine", () => {
  it("asks performance.now() once for each millisecond", () => {
    const unix = vi.spyOn(Date, "now").mockReturnValue(1_000_000);
    const now = vi.spyOn(performance, "now").mockReturnValue(5.7);
    const asked = Array.from({ length: 10 }, () => systemClock.elapsed());
    now.mockReturnValue(6.2);
    asked.push(systemClock.elapsed());
    expect(asked).toEqual(Array(11).fill(5));
    expect(now).toHaveBeenCalledTimes(1);
    unix.mockReturnValue(1_000_001);
    expect(systemClock.elapsed()).toBe(6);
    expect(now).toHaveBeenCalledTimes(2);
  });

  it("asks the wall clock once for both times", () => {
    const unix = vi.spyOn(Date, "now").mockReturnValue(4_000_000);
    vi.spyOn(performance, "now").mockReturnValue(7.5);
    expect(systemClock.time?.()).toEqual({ unix: 4_000_000, elapsed: 7 });
    unix.mockReturnValue(4_000_001);
    expect(systemClock.time?.()).toEqual({ unix: 4_000_001, elapsed: 7 });
    expect(unix).toHaveBeenCalledTimes(2);
  });

  it("goes on where the wall clock is set back, or stands still", () => {
    const unix = vi.spyOn(Date, "now").mockReturnValue(2_000_000);
    const now = vi.spyOn(performance, "now").mockReturnValue(10);
    expect(systemClock.elapsed()).toBe(10);
    unix.mockReturnValue(1_000_000);
    now.mockReturnValue(20);
    expect(systemClock.elapsed()).toBe(20);
    now.mockReturnValue(30);
    const asked = Array.from({ length: 100 }, () => systemClock.elapsed());
    expect(asked.at(-1)).toBe(30);
  });

  it("knows that the time of a timer has passed where the wall clock stands still", async () => {
    vi.spyOn(Date, "now").mockReturnValue(3_000_000);
    const before = systemClock.elapsed();
    await new Promise<void>((resolve) => void systemClock.schedule(resolve, 30));
    // A timer may ring a little before its time.
    expect(systemClock.elapsed()).toBeGreaterThanOrEqual(before + 28);
  });
});
