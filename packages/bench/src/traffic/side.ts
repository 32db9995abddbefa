// One end of the traffic, in a process of its own: the server, or all of the clients.
import { subscribe } from "node:diagnostics_channel";
import type { Socket } from "node:net";
import { answer } from "../child.ts";
import { bytesOf } from "../data.ts";
import type { Place } from "../echo/world.ts";
import { startProfile, stopProfile } from "../profile.ts";
import { dialPeer, type Hub, listen, type Peer, type TrafficKind } from "./peers.ts";

export interface Dialing {
  readonly kind: TrafficKind;
  readonly place: Place;
  readonly count: number;
}

export interface Spreading {
  readonly size: number;
  readonly messages: number;
}

export interface Giving {
  readonly bytes: number;
  readonly chunk: number;
}

let hub: Hub | undefined;
const dialed: Peer[] = [];
const sockets = new Map<Peer, Socket>();
let newest: Socket | undefined;
subscribe("net.client.socket", (message) => {
  newest = (message as { socket: Socket }).socket;
});

let [messages, bytes] = [0, 0];
let looked = () => {};

/** Milliseconds of a clock that all processes share. */
const now = (): number => Number(process.hrtime.bigint()) / 1e6;

const ends = (): readonly Peer[] => hub?.peers ?? dialed;

function count(data: Uint8Array): void {
  messages++;
  bytes += data.length;
  looked();
}

/** When as much had come as `enough` asks for. */
function until(enough: () => boolean): Promise<number> {
  return new Promise((resolve) => {
    looked = () => {
      if (!enough()) return;
      looked = () => {};
      [messages, bytes] = [0, 0];
      resolve(now());
    };
    looked();
  });
}

async function dialMore({ kind, place, count: many }: Dialing): Promise<void> {
  for (let i = 0; i < many; i++) {
    const peer = await dialPeer(kind, place);
    peer.onMessage(count);
    sockets.set(peer, newest as Socket);
    dialed.push(peer);
  }
}

/** To everybody, one message a turn of the event loop; when the first one began. */
async function spread({ size, messages: many }: Spreading): Promise<number> {
  const data = bytesOf(size);
  const start = now();
  for (let i = 0; i < many; i++) {
    (hub as Hub).broadcast(data);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return start;
}

/** Made once: that costs more than to send it. */
let file = new Uint8Array(0);

/** A file to the other end, chunk after chunk, as fast as that takes them; when it began. */
async function give({ bytes: size, chunk }: Giving): Promise<number> {
  if (file.length !== size) file = bytesOf(size);
  const [peer] = ends() as [Peer];
  const start = now();
  for (let at = 0; at < size; at += chunk) await peer.send(file.subarray(at, at + chunk));
  return start;
}

/** Each connection is cut, and its session taken up again, one after the other. Milliseconds for all. */
async function resumeAll(): Promise<number> {
  const start = performance.now();
  for (const peer of dialed) {
    const { session } = peer;
    if (session === undefined) throw new TypeError("only sessions are resumed");
    const { id } = session;
    const open = new Promise<void>((resolve) => {
      const stop = session.onStateChange((state) => {
        if (state !== "open") return;
        stop();
        resolve();
      });
    });
    sockets.get(peer)?.destroy();
    await open;
    sockets.set(peer, newest as Socket);
    if (session.id !== id) throw new Error("another session came in place of it");
  }
  return performance.now() - start;
}

answer({
  listen: async (kind: TrafficKind) => {
    hub = await listen(kind);
    return hub.place;
  },
  /** After the clients are there. */
  watch: () => {
    for (const peer of ends()) peer.onMessage(count);
  },
  dial: dialMore,
  spread,
  give,
  resume: resumeAll,
  startProfile,
  stopProfile,
  messages: (many: number) => until(() => messages >= many),
  bytes: (many: number) => until(() => bytes >= many),
});
