import type { ClientSession } from "@sealwire/client";
import type { Data, SealwireError } from "@sealwire/core";
import { createMemoryResumeStore, type ResumeStore, type SealwireServer, type ServerOptions } from "@sealwire/server";
import { expect } from "vitest";
import { World } from "./world.ts";

export const TEXT = { protocols: ["sealwire.v1.text"] } as const;

/** A store between the servers and what keeps the sessions: each test says how slow and how reliable it is. */
export class Slow implements ResumeStore {
  readonly inner: ResumeStore;
  readonly calls: string[] = [];
  readonly ends: number[] = [];
  /** Awaited before, or after, a method does what it does. */
  before: Partial<Record<keyof ResumeStore, () => Promise<unknown>>> = {};
  after: Partial<Record<keyof ResumeStore, () => Promise<unknown>>> = {};

  constructor(now: () => number) {
    this.inner = createMemoryResumeStore({ now });
  }

  async #call<T>(name: keyof ResumeStore, work: () => T): Promise<Awaited<T>> {
    this.calls.push(name);
    await this.before[name]?.();
    const result = await work();
    await this.after[name]?.();
    return result;
  }

  park: ResumeStore["park"] = (id, kids, until, state) =>
    this.#call("park", () => {
      this.ends.push(until);
      return this.inner.park(id, kids, until, state);
    });
  find: ResumeStore["find"] = (kid) => this.#call("find", () => this.inner.find(kid));
  claim: ResumeStore["claim"] = (id) => this.#call("claim", () => this.inner.claim(id));
  forget: ResumeStore["forget"] = (id) => this.#call("forget", () => this.inner.forget(id));

  count(name: keyof ResumeStore): number {
    return this.calls.filter((call) => call === name).length;
  }
}

export interface Place {
  readonly world: World;
  readonly store: Slow;
  readonly session: ClientSession;
  readonly errors: SealwireError[];
  /** What reached a handler, with the name of the server. */
  readonly got: string[];
  /** Another server of the same identity and store, which takes the connections from then on. */
  serve(name: string, over?: Partial<ServerOptions>): SealwireServer;
}

export async function place(
  over: Partial<ServerOptions> = {},
  { seconds = 120, ...client }: { seconds?: number } & Parameters<World["connect"]>[0] = {},
): Promise<Place & { a: SealwireServer }> {
  const world = new World();
  const store = new Slow(() => world.server.clock.unix());
  const [errors, got]: [SealwireError[], string[]] = [[], []];
  const serve = (name: string, o: Partial<ServerOptions> = over) => {
    world.serve({ resume: { store, seconds }, onError: (error) => errors.push(error), ...o });
    const { sealwire } = world;
    sealwire.handle("m", (data: Data) => {
      got.push(`${name}:${data}`);
      return name;
    });
    return sealwire;
  };
  const a = serve("a");
  const session = await world.connect({ ...TEXT, reconnect: { minDelay: 500, maxDelay: 500 }, ...client });
  return { world, store, session, errors, got, serve, a };
}

export const gate = (): { readonly opened: Promise<void>; open(): void } => {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
};

export const never = (): Promise<never> => new Promise<never>(() => {});
export const kidOf = (world: World): string =>
  (world.sessions[0] as unknown as { life: { ledger: { chains: { kid: string }[] } } }).life.ledger.chains[0]
    ?.kid as string;

/** Loses the connection, and waits until the session is parked. */
export async function lose({ world, store }: Place): Promise<void> {
  const before = store.count("park");
  world.cut();
  await world.advance(5);
  expect([world.sessions[0]?.state, store.count("park")]).toEqual(["reconnecting", before + 1]);
}
