import type { Maybe } from "../maybe.ts";
import { type ReplayEntry, type ReplayStore, type ReplayVerdict, replayKey } from "./store.ts";

/** An empty store to be tested. */
export interface ReplayStoreSubject {
  readonly store: ReplayStore;
  /** Moves the store's clock, where it does not go by `now` of its entries. */
  readonly advance?: (seconds: number) => Maybe<void>;
  readonly dispose?: () => Maybe<void>;
}

export interface ReplayStoreContractOptions {
  /** Entries that the stores under test hold; absent where a test cannot fill them. A few hundred will do. */
  readonly capacity?: number;
  /** Percent of the capacity that one issuer can fill, 20 entries at least; absent where the store has no such share. */
  readonly issuerShare?: number;
  /** For stores that refuse what is older than they are: start + skew as a NumericDate before 2030. */
  readonly unknownUntil?: number;
}

export interface ReplayStoreContractCase {
  readonly name: string;
  /** Rejects where the store breaks its contract. */
  readonly run: () => Promise<void>;
}

/** 2030-01-01T00:00:00Z: the entries of the suite are issued from then on. */
const EPOCH = 1_893_456_000;
const LIFE = 120;

/**
 * What every `ReplayStore` has to do, as cases for any test runner:
 * `for (const { name, run } of replayStoreContract(make)) test(name, run);`
 * Each case asks `make` for an empty store. The time of the entries begins in 2030 and is moved by the cases.
 */
export function replayStoreContract(
  make: () => Maybe<ReplayStoreSubject>,
  options: ReplayStoreContractOptions = {},
): readonly ReplayStoreContractCase[] {
  const cases = [...COMMON, ...CAPACITY(options), ...SHARE(options), ...START(options)];
  return cases.map(([name, test]) => ({
    name,
    run: async () => {
      const subject = await make();
      try {
        await test(new Bench(subject));
      } finally {
        await subject.dispose?.();
      }
    },
  }));
}

type Case = readonly [name: string, test: (bench: Bench) => Promise<void>];

interface Envelope {
  readonly receiver?: string;
  readonly issuer?: string;
  readonly jti: string;
  readonly issuedAt?: number;
  readonly life?: number;
}

class Bench {
  now: number = EPOCH;
  readonly #subject: ReplayStoreSubject;

  constructor(subject: ReplayStoreSubject) {
    this.#subject = subject;
  }

  async #entry({
    receiver = "r",
    issuer = "i",
    jti,
    issuedAt = this.now,
    life = LIFE,
  }: Envelope): Promise<ReplayEntry> {
    const key = await replayKey(receiver, issuer, jti);
    return { key, issuer, issuedAt, keepUntil: this.now + life, now: this.now };
  }

  /** Nothing lies between the calls: the store has all of them before it can answer one later. */
  async together(count: number, envelope: Envelope): Promise<readonly ReplayVerdict[]> {
    const entry = await this.#entry(envelope);
    return await Promise.all(Array.from({ length: count }, () => this.#subject.store.insert(entry)));
  }

  async expect(verdict: ReplayVerdict, envelope: Envelope): Promise<void> {
    const [got] = await this.together(1, envelope);
    if (got !== verdict) throw new Error(`${JSON.stringify(envelope)} is ${got} where ${verdict} is right`);
  }

  /** Any answer but `new`, or none. */
  async refuses(envelope: Envelope): Promise<void> {
    const got = await this.together(1, envelope).then(
      ([verdict]) => verdict,
      () => undefined,
    );
    if (got === "new") throw new Error(`${JSON.stringify(envelope)} is new, and has ended`);
  }

  async advance(seconds: number): Promise<void> {
    this.now += seconds;
    await this.#subject.advance?.(seconds);
  }
}

const COMMON: readonly Case[] = [
  [
    "the same envelope is new once, and seen as often as it comes",
    async (bench) => {
      await bench.expect("new", { jti: "1" });
      for (let i = 0; i < 3; i++) await bench.expect("seen", { jti: "1" });
      await bench.expect("new", { jti: "2" });
    },
  ],
  [
    "of a hundred equal inserts at the same time exactly one is new",
    async (bench) => {
      for (const jti of ["a", "b", "c"]) {
        const verdicts = await bench.together(100, { jti });
        const count = (verdict: ReplayVerdict) => verdicts.filter((v) => v === verdict).length;
        if (count("new") !== 1 || count("seen") !== 99) throw new Error(`${count("new")} new, ${count("seen")} seen`);
      }
    },
  ],
  [
    "receivers, issuers and ids do not meet, nor do they where their texts run together",
    async (bench) => {
      const names = ["x", "xy", "y"];
      for (const receiver of names)
        for (const issuer of names) for (const jti of names) await bench.expect("new", { receiver, issuer, jti });
      for (const receiver of names)
        for (const issuer of names) for (const jti of names) await bench.expect("seen", { receiver, issuer, jti });
    },
  ],
  [
    "the key alone decides: another iat or life does not make an envelope new",
    async (bench) => {
      await bench.expect("new", { jti: "1" });
      await bench.expect("seen", { jti: "1", issuedAt: bench.now + 1 });
      await bench.expect("seen", { jti: "1", life: 10 * LIFE });
    },
  ],
  [
    "what has ended already is never new",
    async (bench) => {
      for (const life of [0, -1, -LIFE]) await bench.refuses({ jti: `${life}`, life });
      await bench.expect("new", { jti: "0", life: 1 });
    },
  ],
  [
    "an entry is kept until its end, whatever ends before it, and not longer",
    async (bench) => {
      for (let i = 1; i <= 20; i++) await bench.expect("new", { jti: `${i}`, life: 10 * i });
      for (let second = 5; second < 200; second += 10) {
        await bench.advance(second === 5 ? 5 : 10);
        const ended = Math.floor(second / 10);
        for (let i = ended + 1; i <= 20; i++) await bench.expect("seen", { jti: `${i}`, life: LIFE });
      }
      await bench.advance(10);
      for (let i = 1; i <= 20; i++) await bench.expect("new", { jti: `${i}` });
    },
  ],
];

const CAPACITY = ({ capacity }: ReplayStoreContractOptions): readonly Case[] =>
  capacity === undefined
    ? []
    : [
        [
          "a full store refuses, and forgets nothing that lives for it",
          async (bench) => {
            // Each by an issuer of its own, so that no share is used up.
            const envelopes = Array.from({ length: capacity }, (_, i) => ({ issuer: `i${i}`, jti: "1" }));
            for (const envelope of envelopes) await bench.expect("new", envelope);
            for (let i = 0; i < 10; i++) await bench.expect("full", { issuer: `late${i}`, jti: "1" });
            for (const envelope of envelopes) await bench.expect("seen", envelope);
            await bench.advance(LIFE + 1);
            for (let i = 0; i < capacity; i++) await bench.expect("new", { issuer: `late${i}`, jti: "1" });
          },
        ],
      ];

const SHARE = ({ capacity, issuerShare }: ReplayStoreContractOptions): readonly Case[] => {
  if (capacity === undefined || issuerShare === undefined) return [];
  const share = Math.max(1, Math.floor((capacity * issuerShare) / 100));
  return [
    [
      "an issuer that has used up its share is refused, and nobody else",
      async (bench) => {
        const own = (i: number) => ({ issuer: "greedy", jti: `${i}` });
        for (let i = 0; i < share; i++) await bench.expect("new", own(i));
        for (let i = share; i < share + 10; i++) await bench.expect("full", own(i));
        for (let i = 0; i < share; i++) await bench.expect("seen", own(i));
        if (share < capacity) await bench.expect("new", { issuer: "modest", jti: "1" });
        await bench.advance(LIFE + 1);
        for (let i = 0; i < share; i++) await bench.expect("new", own(i));
        await bench.expect("full", own(share));
      },
    ],
  ];
};

const START = ({ unknownUntil }: ReplayStoreContractOptions): readonly Case[] =>
  unknownUntil === undefined
    ? []
    : [
        [
          "what may have been delivered before the store began is refused",
          async (bench) => {
            await bench.expect("before-start", { jti: "1", issuedAt: unknownUntil - 3600 });
            await bench.expect("before-start", { jti: "1", issuedAt: unknownUntil });
            await bench.expect("new", { jti: "1", issuedAt: unknownUntil + 1 });
            await bench.expect("seen", { jti: "1", issuedAt: unknownUntil + 1 });
          },
        ],
      ];
