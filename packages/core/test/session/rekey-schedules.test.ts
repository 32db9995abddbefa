import { expect, it } from "vitest";
import { settle } from "../support/clock.ts";
import { type Live, live, ROLES, type Role, released } from "../support/live.ts";
import { SlowLink, sessionOf } from "../support/reconnect.ts";
import { apply, initialState, type ScheduleBounds, type ScheduleEvent, schedules } from "../support/schedules.ts";
import { noUnhandledRejections } from "../support/unhandled.ts";

// Every order of events that the model of specs/formal/rekey-strict.pml has, on the session itself: one after the other
// on one connection, since each ends at rest. WebCrypto answers later and on other threads: a part of them is enough.

noUnhandledRejections();

const webcrypto = process.env.SEALWIRE_BACKEND === "webcrypto";
const MANY = 1e9;
const limits = { controlBurst: MANY, itemsBurst: MANY, itemsPerSecond: MANY };

/** What follows from one event has happened. */
async function quiet(): Promise<void> {
  if (webcrypto) return settle(1);
  for (let i = 0; i < 10; i++) await undefined;
}

interface Run {
  readonly pair: Live;
  readonly way: SlowLink;
  readonly got: Record<Role, unknown[]>;
  readonly sent: Record<Role, number>;
  /** Epoch in which the schedule begins: those of the model count from 0. */
  base: number;
}

async function play(run: Run, events: readonly ScheduleEvent[], bounds: ScheduleBounds): Promise<void> {
  const { pair, way, sent, base } = run;
  let state = initialState(bounds);
  for (const event of events) {
    const [first, second] = event.split(" ") as [string, string];
    if (first === "to") way.deliver(second === "server" ? "c2s" : "s2c");
    else if (second === "proposes") sessionOf(pair, first as Role).rekey();
    else void sessionOf(pair, first as Role).send("t", ++sent[first as Role]);
    await quiet();
    state = apply(state, event, bounds) as typeof state;
    // As many frames are on the way as in the model, and both seal in its epochs.
    const real = [way.way.s2c.length, way.way.c2s.length, ...ROLES.map((r) => sessionOf(pair, r).epochs.send - base)];
    const { client, server } = state;
    const model = [client.inbox.length, server.inbox.length, client.sendEpoch, server.sendEpoch];
    // Only then, since `expect` costs more than the rest.
    if (real.some((n, k) => n !== model[k])) expect(real, `${events}, after ${event}`).toEqual(model);
  }
  const { sendEpoch } = state.client;
  const rest = ROLES.flatMap((role) => Object.values(sessionOf(pair, role).epochs));
  if (rest.some((n) => n !== base + sendEpoch)) expect(rest, `${events}`).toEqual(Array(4).fill(base + sendEpoch));
  run.base += sendEpoch;
}

it.each([
  [{ proposals: 1, messages: 1, rekeys: 1 }, 1, 50],
  [{ proposals: 2, messages: 0, rekeys: 2 }, 1, 5],
  [{ proposals: 1, messages: 1, rekeys: 2 }, 41, 500],
] as const)(
  "every interleaving of %j [rekey:answer] [rekey:ack-first] [rekey:send-new] [rekey:send-old] [rekey:collision-server] [rekey:collision-client] [rekey:one]",
  async (bounds, each, eachOfWebcrypto) => {
    const pair = await live({
      limits,
      serverHooks: { authorize: () => true, trace: () => {} },
      clientHooks: { trace: () => {} },
    });
    const run: Run = {
      pair,
      way: new SlowLink(pair.link),
      got: { client: [], server: [] },
      sent: { client: 0, server: 0 },
      base: 0,
    };
    for (const role of ROLES) sessionOf(pair, role).handle("t", (data) => void run.got[role].push(data));
    let i = 0;
    for (const events of schedules(bounds)) {
      if (i++ % (webcrypto ? eachOfWebcrypto : each) === 0) await play(run, events, bounds);
    }
    const upTo = (n: number) => Array.from({ length: n }, (_, k) => k + 1);
    expect(run.got).toEqual({ client: upTo(run.sent.server), server: upTo(run.sent.client) });
    expect(run.base).toBeGreaterThan(0);
    run.way.open();
    await sessionOf(pair, "client").close();
    await released(pair);
  },
  120_000,
);
