import { once } from "node:events";
import { queryObjects } from "node:v8";
import { type Clock, decodeFrame } from "@sealwire/core/internal";
import { expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { CBOR, clientMachine, clock as machine } from "./support/raw.ts";
import { startWorld, until, type World } from "./support/world.ts";

/** What the engine can count, whatever machine it runs on. */
const COUNTED = [AbortController, AbortSignal, Promise, Map, Set, ArrayBuffer, Uint8Array] as const;

/** A session whose client's end is a bare WebSocket from here on. */
async function open({ url }: World): Promise<WebSocket> {
  const ws = new WebSocket(url, [CBOR], { perMessageDeflate: false });
  onTestFinished(() => ws.terminate());
  await once(ws, "open");
  const handshake = await clientMachine();
  let step = await handshake.start();
  while (step.established === undefined) {
    const answer = once(ws, "message");
    if (step.send !== undefined) ws.send(step.send);
    const [data] = (await answer) as [Buffer];
    step = await handshake.receive(decodeFrame(data), { unix: Date.now(), elapsed: 0 });
  }
  return ws;
}

/** Timers of the clock that wait. */
function counting(): { clock: Clock; waiting: () => number } {
  let waiting = 0;
  const schedule: Clock["schedule"] = (fn, ms) => {
    let waits = true;
    const done = () => {
      if (waits) waiting--;
      waits = false;
    };
    waiting++;
    const cancel = machine.schedule(() => {
      done();
      fn();
    }, ms);
    return () => {
      done();
      cancel();
    };
  };
  return { clock: { ...machine, schedule }, waiting: () => waiting };
}

it("an idle session holds no buffer, no promise, no signal, no empty table, and no timer of the clock of its own", async () => {
  const { clock, waiting } = counting();
  const world = await startWorld({}, { clock });
  const openAll = async (count: number) => {
    const before = world.server.sessions.size;
    for (let i = 0; i < count; i++) await open(world);
    await until(() => world.server.sessions.size === before + count);
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  };
  const counts = (): Record<string, number> => ({
    timers: waiting(),
    ...Object.fromEntries(COUNTED.map((what) => [what.name, queryObjects(what as never, { format: "count" })])),
  });
  // What is made once is there before the first reading.
  await openAll(4);
  const before = counts();
  const sessions = 20;
  await openAll(sessions);
  const held = Object.entries(counts()).map(([what, count]) => [
    what,
    Math.floor((count - (before[what] as number)) / sessions),
  ]);
  expect(Object.fromEntries(held)).toEqual({
    timers: 0,
    AbortController: 0,
    AbortSignal: 0,
    Promise: 0,
    Map: 0,

    Set: 0,
    ArrayBuffer: 0,
    Uint8Array: 0,
  });
});
