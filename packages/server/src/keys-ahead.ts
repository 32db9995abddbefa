import { attempt, type Clock, type CryptoBackend, chain, type KeyAgreement, type Maybe } from "@sealwire/core/internal";

type SuiteId = KeyAgreement["suite"];

/** Pairs of one suite that wait at most. */
const MOST = 8;
/** Milliseconds without a hello after which one is made. */
const QUIET = 1;
/** Milliseconds for which a pair waits at most: whoever reads this memory learns nothing of what comes later. */
const LONGEST = 10_000;

interface Waiting {
  readonly key: KeyAgreement;
  readonly until: number;
}

/**
 * Ephemeral key pairs of a server, made ahead while no hello comes, so that the next one is answered without that work.
 * Each is given away once, and nothing here knows it any more; those that nobody took in time are dropped. Before the
 * first is asked for, after a while without, and where nobody is connected none waits.
 */
export class KeysAhead {
  readonly #backend: CryptoBackend;
  readonly #clock: Clock;
  /** Oldest first. */
  readonly #waiting = new Map<SuiteId, Waiting[]>();
  #takenAt = 0;
  #stopMaking: (() => void) | undefined;
  #stopDropping: (() => void) | undefined;

  constructor(backend: CryptoBackend, clock: Clock) {
    this.#backend = backend;
    this.#clock = clock;
  }

  take(suite: SuiteId): Maybe<KeyAgreement> {
    this.#drop();
    const waiting = this.#waiting.get(suite) ?? [];
    this.#waiting.set(suite, waiting);
    this.#takenAt = this.#clock.elapsed();
    const key = waiting.shift()?.key;
    this.#makeLater();
    return key ?? this.#backend.generateKeyAgreement(suite);
  }

  #makeLater(): void {
    if (this.#lacking === undefined) return;
    this.#stopMaking ??= this.#clock.schedule(() => {
      this.#stopMaking = undefined;
      this.#make();
    }, QUIET);
  }

  get #lacking(): SuiteId | undefined {
    for (const [suite, waiting] of this.#waiting) if (waiting.length < MOST) return suite;
    return undefined;
  }

  /** One, and then the next: a hello that has come meanwhile waits for no more than that. */
  #make(): void {
    const suite = this.#lacking;
    if (suite === undefined) return;
    const waiting = this.#waiting.get(suite) as Waiting[];
    if (this.#clock.elapsed() < this.#takenAt + QUIET) {
      this.#makeLater();
      return;
    }
    const keep = (key: KeyAgreement): void => {
      if (waiting.length >= MOST) return;
      waiting.push({ key, until: this.#clock.elapsed() + LONGEST });
      this.#dropLater();
      this.#makeLater();
    };
    // Where one cannot be made, whoever asks next is told.
    attempt(
      () => chain(this.#backend.generateKeyAgreement(suite), keep),
      () => {},
    );
  }

  #drop(): void {
    const now = this.#clock.elapsed();
    for (const waiting of this.#waiting.values())
      while (waiting[0] !== undefined && waiting[0].until <= now) waiting.shift();
  }

  #dropLater(): void {
    if (this.#stopDropping !== undefined) return;
    let oldest = Number.POSITIVE_INFINITY;
    for (const [first] of this.#waiting.values()) oldest = Math.min(oldest, first?.until ?? oldest);
    if (oldest === Number.POSITIVE_INFINITY) return;
    this.#stopDropping = this.#clock.schedule(() => {
      this.#stopDropping = undefined;
      this.#drop();
      this.#dropLater();
    }, oldest - this.#clock.elapsed());
  }

  /** Drops what waits, and makes none until one is asked for. */
  clear(): void {
    this.#stopMaking?.();
    this.#stopDropping?.();
    [this.#stopMaking, this.#stopDropping] = [undefined, undefined];
    this.#waiting.clear();
  }
}
