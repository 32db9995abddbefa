import { SimClock } from "../../src/clock.ts";
import type { Fault } from "../../src/faults.ts";
import type { LineOptions } from "../../src/lane.ts";
import { EventLog } from "../../src/log.ts";
import { type Host, SimNetwork } from "../../src/network.ts";
import { Random } from "../../src/random.ts";
import type { SimSocket } from "../../src/socket.ts";
import { Timeline } from "../../src/timeline.ts";

/** What one end of a connection saw, with the time of each. */
export interface End {
  readonly socket: SimSocket;
  readonly bytes: number[];
  readonly events: string[];
}

export interface Wire {
  readonly timeline: Timeline;
  readonly network: SimNetwork;
  readonly hosts: { readonly client: Host; readonly server: Host };
  readonly client: End;
  /** Undefined until the connection was accepted. */
  readonly server: () => End;
}

export function watch(socket: SimSocket, timeline: Timeline): End {
  const end: End = { socket, bytes: [], events: [] };
  const note = (what: string) => end.events.push(`${what} at ${Math.round(timeline.now)}`);
  socket.on("data", (chunk: Buffer) => end.bytes.push(...chunk));
  socket.on("end", () => note("end"));
  socket.on("error", (error: Error & { code?: string }) => note(`error ${error.code}`));
  socket.on("close", () => note("close"));
  return end;
}

/** A connection between two machines; every test moves the time itself. */
export function wire(line: Partial<LineOptions> = {}, faults: readonly Fault[] = [], seed = 1): Wire {
  const timeline = new Timeline();
  const network = new SimNetwork(timeline, { random: new Random(seed), log: new EventLog(), line });
  let far: End | undefined;
  const hosts = {
    client: { name: "client", clock: new SimClock(timeline) },
    server: {
      name: "server",
      clock: new SimClock(timeline),
      accept: (socket: SimSocket) => {
        far = watch(socket, timeline);
      },
    },
  };
  network.plan(faults);
  const client = watch(network.connect(hosts.client, hosts.server), timeline);
  return { timeline, network, hosts, client, server: () => far as End };
}
