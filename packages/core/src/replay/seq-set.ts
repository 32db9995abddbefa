/** A set of sequence numbers, one bit each: even all that one key may seal take 2 MiB. */
export class SeqSet {
  #bits = new Uint8Array(0);

  /** False if it was there. */
  add(seq: number): boolean {
    const [index, bit] = [Math.floor(seq / 8), 1 << (seq % 8)];
    if (index >= this.#bits.length) {
      const grown = new Uint8Array(Math.max(16, 2 * index));
      grown.set(this.#bits);
      this.#bits = grown;
    }
    const byte = this.#bits[index] as number;
    this.#bits[index] = byte | bit;
    return (byte & bit) === 0;
  }
}
