import { describe, expect, it } from "vitest";
import { settle } from "../support/clock.ts";
import { type Live, live, ROLES, type Role, released } from "../support/live.ts";
import { type Attempt, attempt, SlowLink, sessionOf } from "../support/reconnect.ts";
import { noUnhandledRejections } from "../support/unhandled.ts";

// Every place at which a connection can break, on one backend and level: what is lost does not depend on them.

const RESUMABLE = { server: { resume: 120 } } as const;
const N = 3;

noUnhandledRejections();

interface Run {
  readonly pair: Live;
  readonly got: Record<Role, unknown[]>;
  readonly settled: Promise<unknown>[];
  wire: SlowLink;
}

/** Both ends send, and nothing has arrived yet. */
async function start(rekey?: Role): Promise<Run> {
  const pair = await live({ ...RESUMABLE, serverHooks: { authorize: () => true } });
  const wire = new SlowLink(pair.link);
  const got: Run["got"] = { client: [], server: [] };
  const settled: Promise<unknown>[] = [];
  for (const role of ROLES) {
    const session = sessionOf(pair, role);
    session.handle("m", (data) => void got[role].push(data));
    session.handle("q", (data) => {
      got[role].push(data);
      return [data];
    });
  }
  if (rekey !== undefined) sessionOf(pair, rekey).rekey();
  for (let i = 1; i <= N; i++) {
    for (const role of ROLES) {
      if (i === 2)
        settled.push(
          sessionOf(pair, role)
            .request("q", i)
            .then((r) => expect(r).toEqual([i])),
        );
      else settled.push(sessionOf(pair, role).send("m", i));
    }
  }
  await settle(1);
  return { pair, got, settled, wire };
}

/** The client tries its chains, the newest first. `steps` deliveries happen, from either side in turn. */
async function retry(run: Run, steps: number): Promise<void> {
  for (const chain of sessionOf(run.pair, "client").life.ledger.chains) {
    let wire!: SlowLink;
    const made: Attempt = attempt(run.pair, {
      chain,
      onLink: (link) => {
        wire = new SlowLink(link);
      },
    });
    run.wire = wire;
    let left = steps;
    for (let idle = 0; left > 0 && idle < 3; ) {
      await settle(1);
      let moved = false;
      for (const direction of ["c2s", "s2c"] as const) {
        if (left > 0 && wire.deliver(direction)) {
          left--;
          moved = true;
        }
      }
      idle = moved ? 0 : idle + 1;
    }
    await settle(1);
    if (made.server.info?.error?.code !== "E_RESUME") return;
  }
  throw new Error("no chain was taken");
}

async function finish({ pair, got, settled, wire }: Run): Promise<void> {
  wire.open();
  await settle(2);
  for (const role of ROLES) expect(got[role], role).toEqual([1, 2, 3]);
  await Promise.all(settled);
  const clientDone = sessionOf(pair, "client").close();
  await settle(2);
  await released(pair);
  expect((await clientDone).undetermined).toEqual([]);
}

/** Deliveries that lead to a cut. */
function deliver(wire: SlowLink, c2s: number, s2c: number): void {
  for (let i = 0; i < c2s; i++) wire.deliver("c2s");
  for (let i = 0; i < s2c; i++) wire.deliver("s2c");
}

describe("exactly once and in order [resume:again] [resume:void] [resume:delivered] [chain:server] [chain:client]", () => {
  for (const rekey of [undefined, "client", "server"] as const) {
    it(`whatever arrived before a cut, rekey: ${rekey}`, async () => {
      for (let c2s = 0; c2s <= N + 3; c2s++) {
        for (let s2c = 0; s2c <= N + 3; s2c++) {
          const run = await start(rekey);
          deliver(run.wire, c2s, s2c);
          await settle(1);
          deliver(run.wire, 1, 1);
          await settle(1);
          run.wire.cut();
          await settle(1);
          await retry(run, 1000);
          await finish(run);
        }
      }
    });

    it(`a second cut at each message of the resume and after it, rekey: ${rekey}`, async () => {
      for (let steps = 0; steps <= 16; steps++) {
        for (const [c2s, s2c] of [
          [0, 0],
          [2, 1],
          [1, 3],
        ] as const) {
          const run = await start(rekey);
          deliver(run.wire, c2s, s2c);
          await settle(1);
          run.wire.cut();
          await settle(1);
          await retry(run, steps);
          run.wire.cut();
          await settle(1);
          await retry(run, 1000);
          await finish(run);
        }
      }
    });
  }

  it("the old connection lives on, for what arrives on it at each moment of the resume [resume:old-lives]", async () => {
    for (let before = 0; before <= N; before++) {
      for (let steps = 0; steps <= 4; steps++) {
        const run = await start();
        const old = run.wire;
        deliver(old, before, 0);
        // Only the client learns that its connection is gone.
        old.way.s2c.length = 0;
        old.link.client.breakOff();
        await settle(1);
        await retry(run, steps);
        deliver(old, 1, 0);
        await settle(1);
        deliver(old, N, 0);
        await settle(1);
        run.wire.cut();
        old.link.server.breakOff();
        await settle(1);
        await retry(run, 1000);
        await finish(run);
      }
    }
  });
});
