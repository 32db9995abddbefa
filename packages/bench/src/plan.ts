import { HELD_SIZE, SIZES } from "./data.ts";
import type { Effort } from "./rounds.ts";

/** How much of everything is measured. */
export interface Plan {
  /** Fewer contenders and tables, and no profiles. */
  readonly quick: boolean;
  readonly micro: Effort;
  /** Connections that echo: rounds, and milliseconds of each. */
  readonly echo: { readonly rounds: number; readonly ms: number };
  readonly latency: { readonly rounds: number; readonly ms: number };
  readonly browsers: {
    readonly sizes: readonly number[];
    readonly effort: Effort;
    readonly inFlight: readonly number[];
    readonly inFlightSizes: readonly number[];
    /** For what is held to a bound. */
    readonly pages: number;
    /** In which a page answers. */
    readonly seconds: number;
  };
  readonly fanOut: { readonly sizes: readonly number[]; readonly rounds: number };
  readonly file: { readonly rounds: number; readonly bytes: number; readonly profiled: number };
  readonly handshakes: {
    readonly rounds: number;
    readonly count: number;
    readonly warm: number;
    readonly profiled: number;
  };
  /** Idle connections. */
  readonly memory: readonly number[];
  readonly startUps: number;
}

/** What the report is made of. */
export const FULL: Plan = {
  quick: false,
  micro: { rounds: 11, slice: 100 },
  echo: { rounds: 7, ms: 2000 },
  latency: { rounds: 5, ms: 4000 },
  browsers: {
    sizes: SIZES,
    effort: { rounds: 9, slice: 100 },
    inFlight: [1, 8, 32],
    inFlightSizes: [HELD_SIZE, 16_384],
    pages: 7,
    seconds: 900,
  },
  fanOut: { sizes: [1, 10, 100, 1000], rounds: 7 },
  file: { rounds: 9, bytes: 50_000_000, profiled: 10 },
  handshakes: { rounds: 7, count: 200, warm: 4000, profiled: 1500 },
  memory: [1000, 10_000],
  startUps: 9,
};

/** What is held to a bound, as the report measures it or nearly so. */
export const CHECK: Plan = {
  ...FULL,
  quick: true,
  browsers: { ...FULL.browsers, sizes: [], inFlight: [32], inFlightSizes: [HELD_SIZE], seconds: 60 },
  fanOut: { sizes: [1, 50], rounds: 3 },
  file: { rounds: 5, bytes: 50_000_000, profiled: 0 },
  handshakes: { ...FULL.handshakes, profiled: 0 },
  memory: [10_000],
  startUps: 3,
};

/** In under two minutes on two cores; the figures are coarse. */
export const QUICK: Plan = {
  ...CHECK,
  micro: { rounds: 5, slice: 30 },
  echo: { rounds: 2, ms: 500 },
  latency: { rounds: 2, ms: 700 },
  browsers: { ...CHECK.browsers, sizes: [256], effort: { rounds: 3, slice: 20 }, pages: 1, seconds: 30 },
  file: { rounds: 1, bytes: 50_000_000, profiled: 0 },
  handshakes: { rounds: 2, count: 50, warm: 200, profiled: 0 },
  memory: [1000],
};
