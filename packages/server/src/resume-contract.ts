import type { Awaitable } from "@sealwire/core";
import type { ResumeStore } from "./resume-store.ts";

/** An empty store to be tested, as two servers have it. */
export interface ResumeStoreSubject {
  readonly store: ResumeStore;
  /** The same store as another server sees it. Default: `store`. */
  readonly other?: ResumeStore;
  /** NumericDate by the clock of the store. */
  readonly now: () => number;
  /** Moves that clock; absent where a test cannot. */
  readonly advance?: (seconds: number) => Awaitable<void>;
  readonly dispose?: () => Awaitable<void>;
}

export interface ResumeStoreContractCase {
  readonly name: string;
  /** Rejects where the store breaks its contract. */
  readonly run: () => Promise<void>;
}

/**
 * What every `ResumeStore` has to do, as cases for any test runner:
 * `for (const { name, run } of resumeStoreContract(make)) test(name, run);`
 * Each case asks `make` for an empty store.
 */
export function resumeStoreContract(make: () => Awaitable<ResumeStoreSubject>): readonly ResumeStoreContractCase[] {
  return CASES.map(([name, test]) => ({
    name,
    run: async () => {
      const subject = await make();
      try {
        await test({ ...subject, other: subject.other ?? subject.store, until: subject.now() + 100 });
      } finally {
        await subject.dispose?.();
      }
    },
  }));
}

type Bench = ResumeStoreSubject & { readonly other: ResumeStore; readonly until: number };

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function check(holds: boolean, rule: string): void {
  if (!holds) throw new Error(`the store breaks its contract: ${rule}`);
}

async function holds({ other }: Bench, kid: string, text: string | undefined, rule: string): Promise<void> {
  const found = await other.find(kid);
  check((found === undefined ? undefined : new TextDecoder().decode(found)) === text, rule);
}

const CASES: readonly (readonly [name: string, test: (bench: Bench) => Promise<void>])[] = [
  [
    "finds a state by each of its kids, in another server too",
    async (bench) => {
      await holds(bench, "kid-1", undefined, "nothing is there");
      await bench.store.park("a", ["kid-1", "kid-2"], bench.until, bytes("state a"));
      await bench.store.park("b", ["kid-3"], bench.until, bytes("state b"));
      await holds(bench, "kid-1", "state a", "the first kid");
      await holds(bench, "kid-2", "state a", "the second kid");
      await holds(bench, "kid-3", "state b", "another session");
      await holds(bench, "a", undefined, "an id is no kid");
    },
  ],
  [
    "gives back the bytes as they were, whatever becomes of the array",
    async ({ store, other, until }) => {
      const state = Uint8Array.from({ length: 256 }, (_, i) => i);
      await store.park("a", ["kid"], until, state);
      state.fill(0);
      const found = await other.find("kid");
      check(found?.length === 256 && found.every((byte, i) => byte === i), "the bytes of the state");
    },
  ],
  [
    "find takes nothing away",
    async (bench) => {
      await bench.store.park("a", ["kid"], bench.until, bytes("state"));
      for (let i = 0; i < 3; i++) await holds(bench, "kid", "state", "it is still there");
      check((await bench.store.claim("a")) === true, "it can still be claimed");
    },
  ],
  [
    "of many claims at once, from two servers, one gets it",
    async (bench) => {
      const { store, other, until } = bench;
      await store.park("a", ["kid"], until, bytes("state"));
      const claims = Array.from({ length: 20 }, async (_, i) => await (i % 2 === 0 ? store : other).claim("a"));
      const won = (await Promise.all(claims)).filter((claimed) => claimed === true);
      check(won.length === 1, `${won.length} claims got it`);
      await holds(bench, "kid", undefined, "it is not found any more");
      check((await store.claim("a")) === false, "it is claimed once");
    },
  ],
  [
    "nobody claims what is not there",
    async ({ store, until }) => {
      check((await store.claim("a")) === false, "an id that was never parked");
      await store.park("a", ["kid"], until, bytes("state"));
      check((await store.claim("b")) === false, "another id");
      check((await store.claim("kid")) === false, "a kid");
    },
  ],
  [
    "an older id does not claim the same session parked again",
    async (bench) => {
      const { store, other, until } = bench;
      await store.park("a", ["kid"], until, bytes("old"));
      check((await other.claim("a")) === true, "the first");
      await other.park("b", ["kid"], until, bytes("new"));
      check((await store.claim("a")) === false, "the old id");
      await store.forget("a");
      await holds(bench, "kid", "new", "what is there under the new id");
      check((await store.claim("b")) === true, "the new id");
    },
  ],
  [
    "forgets what is over, and minds nothing that is not there",
    async (bench) => {
      const { store, other, until } = bench;
      await store.park("a", ["kid"], until, bytes("state"));
      await other.forget("a");
      await other.forget("a");
      await holds(bench, "kid", undefined, "it is gone");
      check((await store.claim("a")) === false, "nobody gets it");
    },
  ],
  [
    "keeps a state until its end, and no longer",
    async (bench) => {
      const { store, until, advance } = bench;
      if (advance === undefined) return;
      await store.park("a", ["kid"], until, bytes("state"));
      await advance(98);
      await holds(bench, "kid", "state", "before its end");
      await advance(3);
      await holds(bench, "kid", undefined, "after its end");
      check((await store.claim("a")) === false, "nobody gets it after its end");
    },
  ],
];
