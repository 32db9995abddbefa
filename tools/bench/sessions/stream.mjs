// Delivery gaps of a steady stream in both directions: with nothing else, while tokens are refreshed, while keys are renewed.
import { openClient, quantile, sleep, startWorld } from "./world.mjs";

const MESSAGE_BYTES = 256;
/** A message in each direction so often. */
const PERIOD_MS = 2;
/** So short that the client refreshes every few seconds, each time in another second than the token is of. */
const TOKEN_SECONDS = 5;
const REKEY_EVERY_MS = 250;
/** Compilers and caches are warm after it. */
const WARM_UP_MS = 1_000;

/** @param {"nothing" | "refresh" | "rekey"} what @param {number} ms */
export async function measureGaps(what, ms) {
  const tokenSeconds = what === "refresh" ? TOKEN_SECONDS : 3600;
  const world = await startWorld({ tokenSeconds, limits: { itemsPerSecond: 10_000, itemsBurst: 10_000 } });
  /** When something happened, and when it was over. */
  const events = [];
  let running;
  const begin = () => {
    running = { from: performance.now(), to: Number.POSITIVE_INFINITY };
    events.push(running);
  };
  let opened = false;
  const token = async () => {
    const next = await world.token();
    if (opened) begin();
    return next;
  };
  const session = await openClient(world.port, world.target, { token });
  opened = true;
  const peer = [...world.server.sessions][0];
  const state = () => (what === "rekey" ? session.epochs.send + session.epochs.receive : session.expiresAt.getTime());
  let last = state();
  const look = () => {
    const now = state();
    if (now === last || (what === "rekey" && session.epochs.send !== session.epochs.receive)) return;
    last = now;
    if (running) running.to = performance.now();
    running = undefined;
  };
  const arrivals = { up: [], down: [] };
  world.server.handle("up", () => void arrivals.up.push(performance.now()));
  session.handle("down", () => {
    arrivals.down.push(performance.now());
    look();
  });
  const data = "x".repeat(MESSAGE_BYTES);
  const stream = setInterval(() => {
    void session.send("up", data);
    void peer.send("down", data);
  }, PERIOD_MS);
  const renew =
    what === "rekey" &&
    setInterval(() => {
      if (running) return;
      begin();
      session.rekey();
    }, REKEY_EVERY_MS);
  await sleep(WARM_UP_MS);
  for (const list of [arrivals.up, arrivals.down, events]) list.length = 0;
  await sleep(ms);
  clearInterval(stream);
  clearInterval(renew);
  await session.close();
  await world.close();
  return summary(what, events, arrivals);
}

function summary(what, events, { up, down }) {
  const done = events.filter((e) => Number.isFinite(e.to));
  const gaps = [up, down].flatMap((times) =>
    times.slice(1).map((to, i) => ({ from: times[i], to, ms: to - times[i] })),
  );
  const during = gaps.filter((gap) => done.some((e) => gap.to > e.from && gap.from < e.to));
  const most = (of) => of.reduce((max, { ms }) => Math.max(max, ms), 0);
  const all = gaps.map(({ ms }) => ms);
  return {
    what,
    messages: up.length + down.length,
    events: done.length,
    medianMs: quantile(all, 0.5),
    p99Ms: quantile(all, 0.99),
    largestMs: most(gaps),
    largestDuringMs: done.length === 0 ? undefined : most(during),
  };
}
