import { SimClock } from "./clock.ts";
import type { LineOptions } from "./lane.ts";
import { EventLog } from "./log.ts";
import { type Host, SimNetwork } from "./network.ts";
import { Random } from "./random.ts";
import { Timeline } from "./timeline.ts";

export interface WorldOptions {
  /** Decides what varies: where `jitter` is not 0, the way of each segment. Default: 1. */
  readonly seed?: number;
  /** What every connection does with bytes. Default: it carries everything at once. */
  readonly line?: Partial<LineOptions>;
}

/** More than any test needs. */
const MOST_EVENTS = 100_000;

/** Two machines, each with its clock, and the network between them, in virtual time. */
export class SimWorld {
  readonly timeline: Timeline = new Timeline();
  readonly log: EventLog = new EventLog();
  readonly network: SimNetwork;
  readonly client: Host = { name: "client", clock: new SimClock(this.timeline) };
  readonly server: Host = { name: "server", clock: new SimClock(this.timeline) };

  constructor({ seed = 1, line = {} }: WorldOptions = {}) {
    this.network = new SimNetwork(this.timeline, { random: new Random(seed, 1), log: this.log, line });
  }

  /** Moves on by `ms` milliseconds. */
  advance(ms: number): Promise<void> {
    return this.timeline.advance(ms);
  }

  /**
   * Moves on until `work` has settled, and settles as it does. Only virtual time passes: what waits for a real timer or
   * socket does not settle.
   * @throws Error where nothing is left to happen, or 100,000 events were not enough
   */
  async until<T>(work: Promise<T>): Promise<T> {
    let settled = false;
    const done = () => {
      settled = true;
    };
    work.then(done, done);
    await this.timeline.run(MOST_EVENTS, () => settled);
    if (!settled) throw new Error("time was moved on as far as it goes, and the promise has not settled");
    return await work;
  }
}
