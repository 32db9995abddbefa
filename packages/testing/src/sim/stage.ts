import type { SealwireError } from "@sealwire/core";
import type { EventLog } from "../log.ts";
import type { Host, SimNetwork } from "../network.ts";
import type { Timeline } from "../timeline.ts";
import { SimWorld } from "../world.ts";
import type { Plan, Side } from "./plan.ts";
import { type RunRecord, runRecord } from "./record.ts";

/** What the two ends of a run share: time, network, and what is written down. */
export class Stage {
  readonly plan: Plan;
  readonly record: RunRecord;
  readonly log: EventLog;
  readonly timeline: Timeline;
  readonly network: SimNetwork;
  readonly hosts: Readonly<Record<Side, Host>>;
  /** Promises that have not settled. */
  readonly unsettled: Set<string> = new Set();
  #order = 0;

  constructor(plan: Plan, unhandled: unknown[]) {
    this.plan = plan;
    this.record = runRecord(plan, unhandled);
    const { log, timeline, network, client, server } = new SimWorld(plan);
    [this.log, this.timeline, this.network] = [log, timeline, network];
    this.hosts = { client, server };
  }

  get now(): number {
    return this.timeline.now;
  }

  note(who: string, what: string): void {
    this.log.add(this.now, who, what);
  }

  /** What an SDK tells its application. */
  report(who: Side, { code, stage, message }: SealwireError): void {
    // Handlers here wait for a peer that may not be heard from: that it takes long is no defect.
    if (code !== "E_HANDLER" || stage !== "local") this.record.reported.push(code);
    this.note(who, `reports ${message}`);
  }

  /** A number for what is recorded now: greater than that of everything before. */
  order(): number {
    return ++this.#order;
  }

  /** Waits on one of the machines. */
  pause(side: Side, ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.hosts[side].clock.deliver(resolve, ms);
    });
  }

  /** A promise that has to settle. */
  watch(what: string, promise: Promise<unknown>): void {
    this.unsettled.add(what);
    const done = () => this.unsettled.delete(what);
    // What it rejects with is an error that nobody handled.
    void promise.finally(done);
  }
}
