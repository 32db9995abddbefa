import { type CloseInfo, SealwireError } from "@sealwire/core";
import { describe, expect, it } from "vitest";
import { violations } from "../../src/sim/invariants.ts";
import { planOf } from "../../src/sim/plan.ts";
import type { RunRecord, Sent, SideRecord } from "../../src/sim/record.ts";

const CLEAN: CloseInfo = { code: 1000, clean: true, truncated: false, undetermined: [] };
const TRUNCATED: CloseInfo = {
  ...CLEAN,
  code: 1006,
  clean: false,
  truncated: true,
  error: new SealwireError("E_TRUNCATED"),
};

const sent = (...numbers: number[]): Sent[] => numbers.map((n) => ({ n, kind: "send", outcome: "ok" }));
const side = (over: Partial<SideRecord> = {}): SideRecord => ({
  sent: [],
  delivered: [],
  denied: 0,
  closed: CLEAN,
  established: true,
  ...over,
});
const record = (over: Partial<RunRecord> = {}): RunRecord => ({
  plan: { ...planOf(1), faults: [], troubles: [], limits: { byeSeconds: 60 }, begin: 100 },
  client: side(),
  server: side(),
  connectError: undefined,
  fired: ["reset at c2s byte 0"],
  unhandled: [],
  unsettled: [],
  left: { timers: 0, sockets: 0, sessions: 0 },
  ended: true,
  ...over,
});

describe("what breaks a run", () => {
  it("nothing, where all arrived", () => {
    expect(
      violations(record({ fired: [], client: side({ sent: sent(1, 2) }), server: side({ delivered: [1, 2] }) })),
    ).toEqual([]);
  });

  it("a message twice, out of order, or from nowhere, however the session ended", () => {
    const delivering = (...delivered: number[]) =>
      violations(record({ client: side({ sent: sent(1, 2, 3) }), server: side({ delivered, closed: TRUNCATED }) }));
    expect(delivering(1, 2)).toEqual([]);
    expect(delivering(1, 1)).toEqual(["from the client: 1 was delivered after 1"]);
    expect(delivering(2, 1)).toEqual(["from the client: 1 was delivered after 2"]);
    expect(delivering(1, 4)).toEqual(["from the client: 4 was delivered and never sent"]);
  });

  it("a loss that the end does not admit", () => {
    const losing = (closed: CloseInfo, over: Partial<SideRecord> = {}) =>
      violations(record({ client: side({ sent: sent(1, 2), ...over }), server: side({ delivered: [1], closed }) }));
    expect(losing(CLEAN)).toEqual([
      "from the client: 2 were lost, 0 were refused, and the other side ended as if nothing was",
    ]);
    const away = new SealwireError("E_CLOSED", { remote: true, closeCode: 1001 });
    expect(losing({ ...CLEAN, code: 1001, error: away })).toHaveLength(1);
    expect(losing(CLEAN, { denied: 1 })).toEqual([]);
    expect(losing(TRUNCATED)).toEqual([]);
    const said = new SealwireError("E_QUOTA", { remote: true });
    expect(losing({ ...CLEAN, code: 4529, clean: false, truncated: false, error: said })).toHaveLength(1);
    const own = new SealwireError("E_QUOTA");
    expect(losing({ ...CLEAN, code: 4529, clean: false, truncated: false, error: own })).toEqual([]);
    expect(losing({ ...CLEAN, window: { dropped: 0, missing: 1 } })).toEqual([]);
  });

  it("an end without a reason", () => {
    const ending = (closed: CloseInfo | undefined) => violations(record({ client: side({ closed }) }));
    expect(ending(undefined)).toEqual(["the session of the client never ended"]);
    expect(ending({ ...CLEAN, code: 1006, clean: false, truncated: true })).toEqual(["the client gives no reason"]);
    expect(ending({ ...CLEAN, code: 4999 })).toEqual(["the client ended with code 4999"]);
    expect(ending({ ...CLEAN, truncated: true })).toContain("the client is clean and truncated");
    expect(ending({ ...TRUNCATED, error: new Error("x") as SealwireError })).toHaveLength(1);
    expect(ending(TRUNCATED)).toEqual([]);
  });

  it("an undisturbed run that does not end clean", () => {
    expect(violations(record({ fired: [], client: side({ closed: TRUNCATED }) }))).toEqual([
      "nothing disturbed it, and it did not end clean",
    ]);
  });

  it("a connect that fails with anything but an error of the registry", () => {
    const failing = (connectError: unknown) =>
      violations(record({ connectError, client: side({ established: false }), server: side({ established: false }) }));
    expect(failing(new SealwireError("E_CLOSED"))).toEqual([]);
    expect(failing(new TypeError("x"))).toEqual(["connect failed without a reason: TypeError: x"]);
  });

  it("a request with another's reply, and promises that never settle", () => {
    const outcome = (outcome: Sent["outcome"]) =>
      violations(
        record({
          client: side({ sent: [{ n: 1, kind: "request", outcome }] }),
          server: side({ delivered: [1], closed: TRUNCATED }),
        }),
      );
    expect(outcome({ reply: 1 })).toEqual([]);
    expect(outcome({ reply: 2 })).toEqual(["from the client: the reply to 1 is 2"]);
    expect(outcome("pending")).toEqual(["from the client: 1 never settled"]);
    expect(outcome({ error: new Error("x") })).toEqual(["from the client: 1 failed with Error: x"]);
    expect(violations(record({ unsettled: ["connect"] }))).toEqual(["never settled: connect"]);
  });

  it("what is left over, errors that nobody handled, and no end at all", () => {
    const left = { timers: 1, sockets: 2, sessions: 3 };
    expect(violations(record({ left }))).toEqual([
      "1 timers left at the end",
      "2 sockets left at the end",
      "3 sessions left at the end",
    ]);
    expect(violations(record({ unhandled: ["boom"] }))).toEqual(["unhandled: boom"]);
    expect(violations(record({ ended: false }))).toEqual(["it did not come to an end"]);
  });
});
