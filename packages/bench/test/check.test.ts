import { expect, it } from "vitest";
import { allowanceOf, heldInBrowser, measured } from "../dist/check.js";

it("tells with which share of its own time a bound would be met", () => {
  // Of 2.0 it is 0.5 beyond the rest, of which 0.1 may stay.
  expect(allowanceOf(2, { most: 1.6 }, 1.5)).toBeCloseTo(0.2);
  // A quarter of the throughput is four times the time, of which one is its own, and half of that may stay.
  expect(allowanceOf(1 / 4, { least: 1 / 3.5 }, 1 / 3)).toBeCloseTo(0.5);
});

it("leaves nothing where the rest misses the bound by itself", () => {
  expect(allowanceOf(2, { most: 1.2 }, 1.5)).toBe(0);
  expect(allowanceOf(0.4, { least: 0.6 }, 0.5)).toBe(0);
});

it("says of what was not measured that it was not, and does not count it as met", () => {
  expect([measured(1.234, "×"), measured(Number.NaN, "×")]).toEqual(["1.23×", "not measured"]);
  expect(heldInBrowser("Chromium", undefined)).toMatchObject([{ met: false, value: Number.NaN }]);
});
