import { type CloseInfo, SealwireError } from "@sealwire/core";
import { describe, expect, it } from "vitest";
import { planOf } from "../../src/sim/draw.ts";
import { violations } from "../../src/sim/invariants.ts";
import type { Plan } from "../../src/sim/plan.ts";
import type { Delivered, RunRecord, SentMessage, ServerRecord } from "../../src/sim/record.ts";
import { endRecord, runRecord } from "../../src/sim/record.ts";

const CLEAN: CloseInfo = { code: 1000, clean: true, truncated: false, undetermined: [] };
const TRUNCATED: CloseInfo = {
  ...CLEAN,
  code: 1006,
  clean: false,
  truncated: true,
  error: new SealwireError("E_TRUNCATED"),
};
const UNTOLD = { session: "s0", seq: 1, topic: "free.send" };

/** A message that its session took: the n-th has number n. */
const sent = (n: number, over: Partial<SentMessage> = {}): SentMessage => ({
  n,
  kind: "send",
  right: "free",
  at: 0,
  granted: true,
  outcome: { session: "s0", seq: n },
  ...over,
});
const delivered = (n: number, over: Partial<Delivered> = {}): Delivered => ({
  n,
  right: "free",
  kind: "send",
  by: "handlers",
  session: 0,
  at: 0,
  order: 10 + n,
  token: "t0",
  ...over,
});
const server = (over: Partial<ServerRecord> = {}): ServerRecord => ({
  ...endRecord(),
  id: "s0",
  index: 0,
  server: 0,
  tokens: ["t0"],
  order: 1,
  states: ["closed"],
  closed: CLEAN,
  ...over,
});

/** A run in which something happened, so that not everything has to be as if nothing had. */
function record(change: (run: RunRecord) => void = () => {}, plan: Partial<Plan> = {}): RunRecord {
  const run = runRecord(
    { ...planOf(1), order: "strict", troubles: [], resume: 120, end: { at: 1000, by: "client" }, ...plan },
    [],
  );
  run.client.sessions.push({ id: "s0", at: 0 });
  run.client.states.push("closed");
  run.client.closed = CLEAN;
  run.client.scopes = ["extra"];
  run.servers.push(server());
  run.tokens.set("t0", true);
  run.ended = true;
  run.fired = [{ what: "repeat at c2s frame 3", at: 1 }];
  change(run);
  return run;
}

const broken = (change: (run: RunRecord) => void, plan?: Partial<Plan>) => violations(record(change, plan));

describe("what breaks a run", () => {
  it("nothing, where all arrived", () => {
    const found = broken((run) => {
      run.client.sent.push(sent(1), sent(2, { kind: "request", outcome: { reply: 2 } }));
      run.servers[0]?.delivered.push(delivered(1), delivered(2, { kind: "request" }));
      run.servers[0]?.sent.push(sent(1));
      run.client.delivered.push(delivered(1));
    });
    expect(found).toEqual([]);
  });

  it("a message twice, out of order, or from nowhere, however the session ended", () => {
    const delivering = (...numbers: number[]) =>
      broken((run) => {
        run.client.sent.push(sent(1), sent(2), sent(3));
        run.client.undetermined.push({ ...UNTOLD }, { ...UNTOLD, seq: 2 }, { ...UNTOLD, seq: 3 });
        run.servers[0] = server({ closed: TRUNCATED, delivered: numbers.map((n) => delivered(n)) });
      });
    expect(delivering(1, 2)).toEqual([]);
    expect(delivering(1, 1)).toEqual(["client to server 0: 1 was delivered after 1"]);
    expect(delivering(2, 1)).toEqual(["client to server 0: 1 was delivered after 2"]);
    expect(delivering(1, 4)).toEqual(["client to server 0: 4 was delivered and never sent"]);
  });

  it("what an iterator gives out of order, which may be behind what is handled", () => {
    const taking = (...taken: [n: number, by: string][]) =>
      broken((run) => {
        run.client.sent.push(sent(1), sent(2), sent(3));
        run.client.undetermined.push({ ...UNTOLD }, { ...UNTOLD, seq: 2 }, { ...UNTOLD, seq: 3 });
        run.servers[0] = server({ closed: TRUNCATED, delivered: taken.map(([n, by]) => delivered(n, { by })) });
      });
    expect(taking([1, "all"], [3, "handlers"], [2, "all"])).toEqual([]);
    expect(taking([2, "all"], [3, "handlers"], [1, "all"])).toEqual(["client to server 0: 1 was delivered after 2"]);
  });

  it("a message that two sessions delivered", () => {
    const found = broken((run) => {
      run.client.sent.push(sent(1, { kind: "idempotent" }));
      run.servers[0]?.delivered.push(delivered(1, { kind: "idempotent" }));
      run.servers.push(server({ index: 1, id: "s1", delivered: [delivered(1, { kind: "idempotent", session: 1 })] }));
    });
    expect(found).toEqual(["client to server: 1 was delivered in sessions 0 and 1"]);
  });

  it("a loss that its sender is not told", () => {
    const losing = (change: (run: RunRecord) => void) =>
      broken((run) => {
        run.client.sent.push(sent(1));
        change(run);
      });
    expect(losing(() => {})).toEqual(["client: send 1 was lost: 1 of session s0"]);
    expect(losing((run) => run.client.undetermined.push(UNTOLD))).toEqual([]);
    expect(losing((run) => run.client.refused.push({ ...UNTOLD, code: "E_DENIED" }))).toEqual([]);
    // A server that ended for a reason may have taken it and nothing more.
    const taken = (run: RunRecord) => run.decided.push({ n: 1, granted: true });
    expect(losing(taken)).toHaveLength(1);
    const cut = (run: RunRecord) => {
      run.servers[0] = server({ closed: TRUNCATED });
    };
    expect(losing(cut)).toHaveLength(1);
    expect(losing((run) => [cut(run), taken(run)])).toEqual([]);
  });

  it("a loss of what its reader came to after the end, unless it was idempotent and the store refused it", () => {
    const losing = (kind: SentMessage["kind"], ...reported: string[]) =>
      broken((run) => {
        run.client.sent.push(sent(1, { kind }));
        run.reported.push(...reported);
      });
    expect(losing("idempotent")).toHaveLength(1);
    expect(losing("send", "E_REPLAY_STORE")).toHaveLength(1);
    expect(losing("idempotent", "E_REPLAY_STORE")).toEqual([]);
  });

  it("an idempotent message that the next session does not bring", () => {
    const change = (at: number) => (run: RunRecord) => {
      run.client.sessions.push({ id: "s1", at });
      run.servers.push(server({ index: 1, id: "s1" }));
      run.client.sent.push(sent(1, { kind: "idempotent" }));
      run.client.undetermined.push({ ...UNTOLD, messageId: "m" });
    };
    expect(broken(change(1000))).toEqual(["client: idempotent 1 did not come with the next session"]);
    expect(broken(change(100_000))).toEqual([]);
  });

  it("a message that failed, or was refused, and was delivered", () => {
    const error = new SealwireError("E_QUEUE_FULL");
    expect(
      broken((run) => {
        run.client.sent.push(sent(1, { outcome: { error } }));
        run.servers[0]?.delivered.push(delivered(1));
      }),
    ).toEqual(["client: send 1 failed with E_QUEUE_FULL and was delivered"]);
    expect(
      broken((run) => {
        run.client.sent.push(sent(1));
        run.client.refused.push({ ...UNTOLD, code: "E_DENIED" });
        run.servers[0]?.delivered.push(delivered(1));
      }),
    ).toEqual(["client to server 0: 1 was delivered and refused"]);
  });

  it("a client that does not know what it was granted last", () => {
    const knowing = (...scopes: string[]) =>
      broken(
        (run) => {
          run.tokens.set("t1", false);
          run.servers[0]?.tokens.push("t1");
          run.client.scopes = scopes;
        },
        { end: { at: 10_000, by: "client" } },
      );
    expect(knowing()).toEqual([]);
    expect(knowing("extra")).toEqual(["client: scopes extra, which is not what token t1 grants"]);
  });

  it("a message that is reported twice", () => {
    expect(broken((run) => run.client.undetermined.push(UNTOLD, UNTOLD))).toEqual([
      "1 of session s0 was reported twice",
    ]);
  });

  it("a delivery without right, or after the session was revoked", () => {
    expect(
      broken((run) => {
        run.tokens.set("t1", false);
        run.client.sent.push(sent(1, { right: "extra" }));
        run.servers[0]?.delivered.push(delivered(1, { right: "extra", token: "t1" }));
      }),
    ).toEqual(["client to server 0: 1 was delivered, which token t1 does not grant"]);
    expect(
      broken((run) => {
        run.client.sent.push(sent(1, { right: "extra", granted: false }));
        run.servers[0]?.delivered.push(delivered(1, { right: "extra" }));
      }),
    ).toEqual(["client to server 0: 1 was delivered, which was not granted any more when it was sent"]);
    expect(
      broken((run) => {
        run.client.sent.push(sent(1), sent(2));
        run.servers[0]?.delivered.push(delivered(1), delivered(2));
        run.revoked.push({ server: 0, sessions: [0], tokens: new Set(["t0"]), key: false, order: 11 });
        run.servers.push(server({ index: 1, id: "s1", order: 20 }));
      }),
    ).toEqual([
      "client to server 0: 2 was delivered after the session was revoked",
      "session 1 began with a token that was revoked",
    ]);
  });

  it("an end without a reason, and states that there are not", () => {
    const ending = (closed: CloseInfo | undefined) =>
      broken((run) => {
        run.client.closed = closed;
      });
    expect(ending(undefined)).toEqual(["the client never ended"]);
    expect(ending({ ...TRUNCATED, error: undefined as never })).toEqual(["the client gives no reason"]);
    expect(ending({ ...CLEAN, code: 4999 })).toEqual(["the client ended with code 4999"]);
    expect(ending({ ...CLEAN, truncated: true })).toContain("the client is clean and truncated");
    expect(ending({ ...TRUNCATED, error: new Error("x") as SealwireError })).toHaveLength(1);
    expect(ending(TRUNCATED)).toEqual(["the client gave up for E_TRUNCATED, after which it can come back"]);
    expect(ending({ ...TRUNCATED, code: 4403, error: new SealwireError("E_REVOKED") })).toEqual([]);
    const states = broken((run) => run.client.states.push("open"));
    expect(states).toEqual(["the client was closed, open"]);
  });

  it("an undisturbed run that does not end clean", () => {
    const plan = {
      begin: 100,
      limits: { client: { byeSeconds: 60 }, server: {} },
      end: { at: 1000, by: "client" },
    } as const;
    const found = broken((run) => {
      run.fired = [];
      run.client.asked = true;
      run.client.closed = TRUNCATED;
    }, plan);
    expect(found).toEqual(["nothing disturbed it, and it did not end clean"]);
  });

  it("a session that its connections could not carry on", () => {
    const plan = {
      begin: 100,
      actions: [],
      faults: [[]],
      limits: { client: { byeSeconds: 60 }, server: {} },
      tokens: { seconds: 600, ms: 0, cached: false, extra: [true], refresh: "good" },
      end: { at: 150_200, by: "client" },
    } as const;
    const found = broken((run) => {
      run.fired = [{ what: "reset at c2s frame 3", at: 100 }];
      run.client.sessions.push({ id: "s1", at: 0 });
      run.client.asked = true;
      run.client.closed = TRUNCATED;
    }, plan);
    expect(found).toEqual([
      "its connections were cut, and it became 2 sessions",
      "its connections were cut, and it ended with E_TRUNCATED",
    ]);
  });

  it("an offence against the protocol, where bytes came as they were written", () => {
    const reporting = (code: string, what: string) =>
      broken((run) => {
        run.fired = [{ what, at: 1 }];
        run.reported.push(code);
      });
    expect(reporting("E_SEQ", "reset at c2s frame 3")).toEqual([
      "bytes came as they were written, and there was E_SEQ",
    ]);
    expect(reporting("E_SEQ", "repeat at c2s frame 3")).toEqual([]);
    expect(reporting("E_TRUNCATED", "reset at c2s frame 3")).toEqual([]);
  });

  it("a connect that fails with anything but an error of the registry", () => {
    expect(broken((run) => run.client.failures.push(new SealwireError("E_CLOSED")))).toEqual([]);
    expect(broken((run) => run.client.failures.push(new TypeError("x")))).toEqual([
      "connect failed without a reason: TypeError: x",
    ]);
  });

  it("a request with another's reply, and promises that never settle", () => {
    const outcome = (outcome: SentMessage["outcome"]) =>
      broken((run) => {
        run.client.sent.push(sent(1, { kind: "request", outcome }));
        run.servers[0] = server({ closed: TRUNCATED, delivered: [delivered(1, { kind: "request" })] });
      });
    expect(outcome({ reply: 1 })).toEqual([]);
    expect(outcome({ reply: 2 })).toEqual(["client: request 1 was answered with 2"]);
    expect(outcome("pending")).toEqual(["client: request 1 never settled"]);
    expect(outcome({ error: new Error("x") })).toEqual(["client: request 1 failed with Error: x"]);
    expect(broken((run) => Object.assign(run, { unsettled: ["connect"] }))).toEqual(["never settled: connect"]);
  });

  it("what is left over, errors that nobody handled, and no end at all", () => {
    const left = { timers: 1, sockets: 2, sessions: 3 };
    expect(broken((run) => Object.assign(run, { left }))).toEqual([
      "1 timers left at the end",
      "2 sockets left at the end",
      "3 sessions left at the end",
    ]);
    expect(broken((run) => run.unhandled.push("boom"))).toEqual(["unhandled: boom"]);
    expect(broken((run) => Object.assign(run, { ended: false }))).toEqual(["it did not come to an end"]);
  });
});
