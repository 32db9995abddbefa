// From a cut of the connection until the session is open again, and until what was sent meanwhile has arrived.
import { openClient, quantile, sleep, startWire, startWorld } from "./world.mjs";

/** @param {number} cuts */
export async function measureResume(cuts) {
  // More than anybody needs: a server takes no more than it is set to.
  const world = await startWorld({ limits: { resumesPerMinute: 60 * cuts } });
  const wire = await startWire(world.port);
  const token = await world.token();
  // Without the pause that spreads clients: it is at random up to half a second by default, and grows where cuts come often.
  const session = await openClient(wire.port, world.target, { token, reconnect: { minDelay: 1, maxDelay: 1 } });
  const { id } = session;
  let arrived = () => {};
  session.handle("down", () => arrived());
  const open = [];
  const delivered = [];
  for (let i = 0; i < cuts; i++) {
    await sleep(100);
    const peer = [...world.server.sessions][0];
    const reopened = new Promise((resolve) => {
      const stop = session.onStateChange((state) => {
        if (state !== "open") return;
        stop();
        resolve(performance.now());
      });
    });
    const message = new Promise((resolve) => {
      arrived = () => resolve(performance.now());
    });
    const start = performance.now();
    wire.cut();
    void peer.send("down", i);
    open.push((await reopened) - start);
    delivered.push((await message) - start);
  }
  if (session.id !== id) throw new Error("the session was not resumed");
  await session.close();
  wire.close();
  await world.close();
  return {
    cuts,
    openMedianMs: quantile(open, 0.5),
    openLargestMs: Math.max(...open),
    deliveredMedianMs: quantile(delivered, 0.5),
    deliveredLargestMs: Math.max(...delivered),
  };
}
