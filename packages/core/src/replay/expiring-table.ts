/** Words of a key that are kept: 128 of the 256 bits of a SHA-256. */
const KEY_WORDS = 4;
/** Two thirds full at most: longer runs of taken slots cost more than the memory does. */
const SLOTS_PER_ENTRY = 1.5;

/**
 * A fixed number of entries (key, end, owner) in typed arrays: 38 bytes each, no objects. Found by open addressing with
 * linear probing; the first one to end is on top of a binary heap, so that any span of life will do and no timer runs.
 *
 * The slot of a key follows from a secret of the table: an issuer chooses what is hashed into keys, and could try until all
 * of its keys lie in one run of slots, through which everybody else would have to search. Half of the hash suffices for
 * comparing: a false hit, which refuses what is new, takes a second preimage of 128 bits, and a key that is there is
 * always found.
 */
export class ExpiringTable {
  readonly capacity: number;
  readonly #keys: Uint32Array;
  readonly #ends: Float64Array;
  readonly #owners: Uint32Array;
  /** A permutation of the entries: the heap of those in use, by end, and behind it the free ones. */
  readonly #heap: Uint32Array;
  /** Entry + 1, or 0 where the slot is free. */
  readonly #slots: Uint32Array;
  readonly #secret: Uint32Array;
  #size = 0;

  /** `secret`: 16 random bytes. */
  constructor(capacity: number, secret: Uint8Array) {
    this.capacity = capacity;
    this.#secret = words(secret).map((word) => (word | 1) >>> 0);
    this.#keys = new Uint32Array(capacity * KEY_WORDS);
    this.#ends = new Float64Array(capacity);
    this.#owners = new Uint32Array(capacity);
    this.#heap = new Uint32Array(capacity).map((_, i) => i);
    this.#slots = new Uint32Array(Math.floor(capacity * SLOTS_PER_ENTRY) + 1);
  }

  get size(): number {
    return this.#size;
  }

  get byteLength(): number {
    const arrays = [this.#keys, this.#ends, this.#owners, this.#heap, this.#slots];
    return arrays.reduce((sum, array) => sum + array.byteLength, 0);
  }

  /** End of the entry that ends first; Infinity where there is none. */
  get firstEnd(): number {
    return this.#size === 0 ? Number.POSITIVE_INFINITY : this.#end(0);
  }

  /** End of the entry with this key (32 bytes), or undefined. */
  endOf(key: Uint8Array): number | undefined {
    const entry = this.#slots[this.#probe(words(key))] as number;
    return entry === 0 ? undefined : (this.#ends[entry - 1] as number);
  }

  /** Adds a key that is not there, to a table that is not full. */
  add(key: Uint8Array, end: number, owner: number): void {
    const entry = this.#heap[this.#size] as number;
    const parts = words(key);
    this.#slots[this.#probe(parts)] = entry + 1;
    this.#keys.set(parts, entry * KEY_WORDS);
    this.#ends[entry] = end;
    this.#owners[entry] = owner;
    this.#rise(this.#size++);
  }

  /** Removes the entry that ends first; its owner. */
  removeFirst(): number {
    const entry = this.#heap[0] as number;
    this.#unlink(entry);
    this.#size--;
    this.#swap(0, this.#size);
    this.#sink();
    return this.#owners[entry] as number;
  }

  #end(place: number): number {
    return this.#ends[this.#heap[place] as number] as number;
  }

  #home(key: ArrayLike<number>, at = 0): number {
    return slotOf(key, at, this.#secret, this.#slots.length);
  }

  /** The slot that holds the key, or the free one where it belongs. */
  #probe(key: ArrayLike<number>): number {
    let slot = this.#home(key);
    for (;;) {
      const entry = this.#slots[slot] as number;
      if (entry === 0 || this.#holds(entry - 1, key)) return slot;
      slot = (slot + 1) % this.#slots.length;
    }
  }

  #holds(entry: number, key: ArrayLike<number>): boolean {
    for (let i = 0; i < KEY_WORDS; i++) if (this.#keys[entry * KEY_WORDS + i] !== key[i]) return false;
    return true;
  }

  /** Frees its slot and moves up what was pushed behind it, so that no search stops short. */
  #unlink(entry: number): void {
    const slots = this.#slots;
    const { length } = slots;
    const at = entry * KEY_WORDS;
    let hole = this.#probe(this.#keys.subarray(at, at + KEY_WORDS));
    for (let next = (hole + 1) % length; slots[next] !== 0; next = (next + 1) % length) {
      const home = this.#home(this.#keys, ((slots[next] as number) - 1) * KEY_WORDS);
      if ((next - home + length) % length < (next - hole + length) % length) continue;
      slots[hole] = slots[next] as number;
      hole = next;
    }
    slots[hole] = 0;
  }

  #swap(a: number, b: number): void {
    const heap = this.#heap;
    [heap[a], heap[b]] = [heap[b] as number, heap[a] as number];
  }

  #rise(start: number): void {
    for (let place = start; place > 0; ) {
      const parent = (place - 1) >>> 1;
      if (this.#end(parent) <= this.#end(place)) return;
      this.#swap(place, parent);
      place = parent;
    }
  }

  #sink(): void {
    for (let place = 0; ; ) {
      const [left, right] = [2 * place + 1, 2 * place + 2];
      let least = place;
      if (left < this.#size && this.#end(left) < this.#end(least)) least = left;
      if (right < this.#size && this.#end(right) < this.#end(least)) least = right;
      if (least === place) return;
      this.#swap(place, least);
      place = least;
    }
  }
}

/** Multiply and add with odd numbers that nobody outside knows; the four words of the key begin at `at`. */
export function slotOf(key: ArrayLike<number>, at: number, secret: ArrayLike<number>, slots: number): number {
  let mixed = 0;
  for (let i = 0; i < KEY_WORDS; i++) mixed += Math.imul(key[at + i] as number, secret[i] as number);
  return Math.floor(((mixed >>> 0) / 2 ** 32) * slots);
}

function words(key: Uint8Array): Uint32Array {
  const view = new DataView(key.buffer, key.byteOffset, key.byteLength);
  const out = new Uint32Array(KEY_WORDS);
  for (let i = 0; i < KEY_WORDS; i++) out[i] = view.getUint32(4 * i);
  return out;
}
