import { expect, it, vi } from "vitest";
import { DEFAULT_LIMITS } from "../../src/registry.generated.ts";
import { Ledger } from "../../src/session/ledger.ts";
import { Kept } from "../../src/session/retention.ts";
import { Timers } from "../../src/session/timers.ts";
import type { Undetermined } from "../../src/session/types.ts";
import { Unacknowledged } from "../../src/session/unacknowledged.ts";
import { VirtualClock } from "../support/clock.ts";
import { upTo } from "../support/live.ts";

it("one timer waits for what expires next, however often a resume has looked before [ack:undetermined]", async () => {
  const clock = new VirtualClock();
  const now = () => Math.floor(clock.unix() / 1000);
  const ledger = new Ledger(DEFAULT_LIMITS, true, { sent: 0, acknowledged: 0, committed: 0 });
  for (const seq of upTo(3)) ledger.keep(Kept.of(seq, undefined, now() + 10 * seq, "t", 1));
  const unacknowledged = new Unacknowledged({
    facts: { id: "s", keys: { codec: "json" } },
    ledger,
    timers: new Timers(clock),
    hooks: {},
    wake: () => {},
    get now() {
      return now();
    },
  });
  const told: Undetermined[] = [];
  unacknowledged.onUndetermined((messages) => told.push(...messages));
  for (const _ of upTo(10)) unacknowledged.sweep();
  const expire = vi.spyOn(ledger.retention, "expire");
  await clock.advance(60_000);
  expect([expire.mock.calls.length, told.map(({ seq }) => seq)]).toEqual([3, [1, 2, 3]]);
});
