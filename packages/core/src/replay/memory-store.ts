import { backend } from "#backend";
import { DEFAULT_LIMITS } from "../registry.generated.ts";
import { ExpiringTable } from "./expiring-table.ts";
import type { ReplayEntry, ReplayStore, ReplayVerdict } from "./store.ts";

export interface MemoryReplayStoreOptions {
  /**
   * NumericDate at which this process began to deliver: what may have been delivered before is refused, since nothing
   * remembers it. Add `skew` where the clock can have been set since, or another machine was at work before.
   * 0 where nothing was ever delivered under this receiver's name.
   */
  readonly startedAt: number;
  /** Entries. The memory for all of them is taken at once, 38 bytes each. Default: limit replayEntries. */
  readonly capacity?: number;
  /** Percent of the capacity that one issuer can fill. Default: limit replayIssuerShare. */
  readonly issuerShare?: number;
  /** Seconds that an issuer's clock can be ahead, the same as in opening. Default: limit standaloneSkewSeconds. */
  readonly skew?: number;
}

export interface MemoryReplayStore extends ReplayStore {
  insert(entry: ReplayEntry): ReplayVerdict;
  /** Entries held, those included that have ended and were not removed yet. */
  readonly size: number;
  /** Bytes of the tables. */
  readonly byteLength: number;
}

/** Entries removed at most by an insert that finds room: a long pause is not paid for by one caller. */
const SWEEP = 32;

/**
 * A replay store for one process. It forgets nothing that could still be accepted: where it is full it refuses, and so
 * it does with what could have been delivered before it began (specs/replay.md, section 6.2).
 * @throws TypeError for options that cannot work
 */
export function createMemoryReplayStore(options: MemoryReplayStoreOptions): MemoryReplayStore {
  const { startedAt } = options;
  const capacity = options.capacity ?? DEFAULT_LIMITS.replayEntries;
  const issuerShare = options.issuerShare ?? DEFAULT_LIMITS.replayIssuerShare;
  const skew = options.skew ?? DEFAULT_LIMITS.standaloneSkewSeconds;
  if (!Number.isFinite(startedAt)) throw new TypeError("startedAt is a NumericDate: when this process began, or 0");
  if (!Number.isSafeInteger(capacity) || capacity < 1) throw new TypeError("capacity is a whole number above 0");
  if (!(issuerShare > 0 && issuerShare <= 100)) throw new TypeError("issuerShare is a percentage up to 100");
  if (!(Number.isFinite(skew) && skew >= 0)) throw new TypeError("skew is a number of seconds");
  return new MemoryStore(capacity, Math.max(1, Math.floor((capacity * issuerShare) / 100)), startedAt + skew);
}

class MemoryStore implements MemoryReplayStore {
  readonly #table: ExpiringTable;
  readonly #share: number;
  /** What was issued then or before may have been delivered by an earlier process. */
  readonly #unknownUntil: number;
  readonly #issuers = new Issuers();
  /** The latest time seen. It never goes back with the clock, as what has been removed does not come back either. */
  #time = Number.NEGATIVE_INFINITY;

  constructor(capacity: number, share: number, unknownUntil: number) {
    this.#table = new ExpiringTable(capacity, backend.random(16));
    this.#share = share;
    this.#unknownUntil = unknownUntil;
  }

  get size(): number {
    return this.#table.size;
  }

  get byteLength(): number {
    return this.#table.byteLength;
  }

  insert({ key, issuer, issuedAt, keepUntil, now }: ReplayEntry): ReplayVerdict {
    if (key.length !== 32 || ![issuedAt, keepUntil, now].every(Number.isFinite)) {
      throw new TypeError("not a replay entry: a key of 32 bytes and three NumericDates");
    }
    this.#time = Math.max(this.#time, now);
    if (issuedAt <= this.#unknownUntil || keepUntil <= this.#time) return "before-start";
    this.#sweep(SWEEP);
    const end = this.#table.endOf(key);
    if (end !== undefined && end > this.#time) return "seen";
    if (end !== undefined || !this.#hasRoom(issuer)) this.#sweep(Number.POSITIVE_INFINITY);
    if (!this.#hasRoom(issuer)) return "full";
    this.#table.add(key, keepUntil, this.#issuers.enter(issuer));
    return "new";
  }

  #hasRoom(issuer: string): boolean {
    return this.#table.size < this.#table.capacity && this.#issuers.countOf(issuer) < this.#share;
  }

  #sweep(most: number): void {
    for (let i = 0; i < most && this.#table.firstEnd <= this.#time; i++) this.#issuers.leave(this.#table.removeFirst());
  }
}

/** How many entries each issuer has, under a small number that an entry can hold. */
class Issuers {
  readonly #ids = new Map<string, number>();
  readonly #names: string[] = [];
  readonly #counts: number[] = [];
  readonly #free: number[] = [];

  countOf(issuer: string): number {
    const id = this.#ids.get(issuer);
    return id === undefined ? 0 : (this.#counts[id] as number);
  }

  enter(issuer: string): number {
    let id = this.#ids.get(issuer);
    if (id === undefined) {
      id = this.#free.pop() ?? this.#names.length;
      this.#ids.set(issuer, id);
      this.#names[id] = issuer;
      this.#counts[id] = 0;
    }
    this.#counts[id] = (this.#counts[id] as number) + 1;
    return id;
  }

  leave(id: number): void {
    const left = (this.#counts[id] as number) - 1;
    this.#counts[id] = left;
    if (left > 0) return;
    this.#ids.delete(this.#names[id] as string);
    this.#free.push(id);
  }
}
