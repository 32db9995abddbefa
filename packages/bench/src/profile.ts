// In a child: where the time of its main thread goes.
import { type Profiler, Session } from "node:inspector";

/** Parts of the busy time, by what they are of; together 1. */
export type Shares = Readonly<Record<string, number>>;

let session: Session | undefined;

const post = (method: string): Promise<unknown> =>
  new Promise((resolve, reject) => {
    session?.post(method, (error: Error | null, answer: unknown) => (error === null ? resolve(answer) : reject(error)));
  });

export async function startProfile(): Promise<void> {
  session = new Session();
  session.connect();
  await post("Profiler.enable");
  await post("Profiler.start");
}

export async function stopProfile(): Promise<Shares> {
  const { profile } = (await post("Profiler.stop")) as Profiler.StopReturnType;
  session?.disconnect();
  return sharesOf(profile);
}

/** Time in which it waits is left out. */
export function sharesOf({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): Shares {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, partOf(callFrame)]));
  const times = new Map<string, number>();
  let busy = 0;
  samples.forEach((id, i) => {
    const name = names.get(id);
    const time = timeDeltas[i] ?? 0;
    if (name === undefined || name === IDLE) return;
    busy += time;
    times.set(name, (times.get(name) ?? 0) + time);
  });
  return Object.fromEntries([...times].sort(([, a], [, b]) => b - a).map(([name, time]) => [name, time / busy]));
}

/** What of the busy time is in the lines of Sealwire's packages themselves. */
export function ownShare(shares: Shares): number {
  const own = Object.entries(shares).filter(([part]) => OWN.test(part));
  return own.reduce((sum, [, share]) => sum + share, 0);
}

const OWN = /^(?:core|server|client|issuer)(?:$|\/)/;

const IDLE = "idle";
const ENGINE: Readonly<Record<string, string>> = {
  "(idle)": IDLE,
  "(garbage collector)": "garbage collection",
  "(program)": "the engine itself",
  "(root)": "the engine itself",
};

type Frame = Pick<Profiler.ProfileNode["callFrame"], "functionName" | "url">;

export function partOf({ functionName, url }: Frame): string {
  const engine = ENGINE[functionName];
  if (engine !== undefined) return engine;
  if (url === "") return "system calls, built-in functions";
  if (url.startsWith("node:internal/crypto")) return "node:crypto";
  if (url.startsWith("node:")) return "Node: sockets, streams, events";
  const own = /\/packages\/(\w+)\/dist\/(?:(\w+)\/)?/.exec(url);
  if (own !== null) return own[1] === "core" && own[2] !== undefined ? `core/${own[2]}` : (own[1] as string);
  return /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1] ?? "else";
}
