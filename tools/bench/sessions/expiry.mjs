// The event loop of a server while all of its sessions expire in the same second. The clients are in processes of their own.
import { fork } from "node:child_process";
import { once } from "node:events";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { openClient, sleep, startWorld } from "./world.mjs";

const CLIENT_PROCESSES = 2;
const AT_ONCE = 16;
/** What opening leaves behind is done when a second passes in which nothing kept a timer waiting for longer. */
const QUIET_MS = 20;
/** Milliseconds before the end: opening is over; all are reminded of it (auth-soon); the loop is watched at rest, quiet or not. */
const [OPENED_MS, REMINDED_MS, REST_MS] = [14_000, 9_000, 2_000];

/** @param {number} count sessions @param {number} openSeconds time that there is to open them */
export async function measureExpiry(count, openSeconds) {
  const world = await startWorld({
    limits: {
      connectionsPerAddress: count + 100,
      unauthenticatedPerAddress: 1000,
      sessionsPerSubject: count,
      sessions: count,
      // Pings of all of them would be measured too.
      heartbeatSeconds: 3600,
      idleSeconds: 7200,
      refreshSeconds: REMINDED_MS / 1000,
    },
  });
  globalThis.gc?.();
  const before = process.memoryUsage().rss;
  const end = (Math.floor(Date.now() / 1000) + openSeconds) * 1000;
  const token = await world.token(openSeconds);
  const share = Math.ceil(count / CLIENT_PROCESSES);
  const clients = Array.from({ length: CLIENT_PROCESSES }, () =>
    fork(fileURLToPath(import.meta.url), ["--clients"], { stdio: "inherit" }),
  );
  for (const [i, client] of clients.entries()) {
    const mine = Math.min(share, count - i * share);
    client.send({ port: world.port, target: world.target, token, count: mine, until: end - OPENED_MS });
  }
  const opened = await Promise.all(clients.map(async (client) => (await once(client, "message"))[0]));
  const sessions = world.server.sessions.size;
  globalThis.gc?.();
  const bytes = (process.memoryUsage().rss - before) / sessions;
  const until = (ms) => sleep(Math.max(0, end - ms - Date.now()));
  await until(REMINDED_MS + 1000);
  const reminded = await watchLoop(() => until(REMINDED_MS - 3000));
  const settled = await settle(end - REST_MS);
  // No longer than what it is compared with takes: a long time at rest has a longer stall by chance.
  await until(REST_MS);
  const idle = await watchLoop(() => until(200));
  const used = process.cpuUsage();
  const busy = await watchLoop(async () => {
    while (world.server.sessions.size > 0) await sleep(5);
  });
  const lastMs = Date.now() - end;
  const { user, system } = process.cpuUsage(used);
  for (const client of clients) client.disconnect();
  await world.close();
  return {
    sessions,
    refused: opened.reduce((sum, { failed }) => sum + failed, 0),
    bytesPerSession: bytes,
    reminderLargestMs: reminded,
    idleSettled: settled,
    idleLargestMs: idle,
    stallLargestMs: busy,
    /** Of the server's process meanwhile: what it would take if it had a core for itself. */
    cpuMs: (user + system) / 1000,
    lastEndedAfterMs: lastMs,
  };
}

/** Waits until the loop is quiet; false where it was not by `deadline`, and what is measured at rest is not rest. */
async function settle(deadline) {
  while (Date.now() + 1000 <= deadline) {
    if ((await watchLoop(() => sleep(1000))) <= QUIET_MS) return true;
  }
  return false;
}

/** The longest that the event loop kept a timer waiting while `work` went on, in milliseconds. */
async function watchLoop(work) {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  await work();
  delay.disable();
  return delay.max / 1e6;
}

/** The other end: opens its share, says so, and holds it until it ends. */
async function holdClients({ port, target, token, count, until }) {
  let next = 0;
  let failed = 0;
  const limits = { idleSeconds: 7200 };
  const opener = async () => {
    while (next < count && Date.now() < until) {
      next += 1;
      await openClient(port, target, { token, reconnect: false, limits }).catch(() => {
        failed += 1;
      });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, opener));
  process.send({ failed: failed + count - next });
}

if (process.argv[2] === "--clients") {
  process.once("message", (task) => void holdClients(task));
  process.once("disconnect", () => process.exit(0));
}
