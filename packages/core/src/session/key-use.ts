import { SealwireError } from "../errors.ts";
import type { Limits } from "../registry.generated.ts";

/** More than the claims of any bye. */
const BYE_BYTES = 128;

/** What one direction has used of the keys of its epoch (specs/session.md, section 12; specs/lifecycle.md, section 3). */
export class KeyUse {
  readonly #limits: Limits;
  #base: number;
  #bytes = 0;
  #since: number;

  /** `base`: the number before the first under these keys; `elapsed`: now, on a clock that does not jump. */
  constructor(limits: Limits, base: number, elapsed: number) {
    this.#limits = limits;
    this.#base = base;
    this.#since = elapsed;
  }

  /** New keys from the number after `base` on. */
  renew(base: number, elapsed: number): void {
    this.#base = base;
    this.#bytes = 0;
    this.#since = elapsed;
  }

  /** Before `seq` is sealed. The last number, and room for its claims, are kept for the bye: a session ends in order. */
  seal(seq: number, bytes: number, elapsed: number, bye: boolean): void {
    const { keyMessages, keyBytes } = this.#limits;
    // Its own time may have come because the keys are old.
    if (bye) this.check(seq, bytes, this.#since, keyMessages, keyBytes);
    else this.check(seq, bytes, elapsed, keyMessages - 1, keyBytes - BYE_BYTES);
  }

  /** True where `bytes` more can be sealed under a number that is in use. */
  hasRoom(bytes: number): boolean {
    return this.#bytes + bytes <= this.#limits.keyBytes - BYE_BYTES;
  }

  /** Bytes that join what is counted already. */
  add(bytes: number): void {
    this.#bytes += bytes;
  }

  open(seq: number, bytes: number, elapsed: number): void {
    this.check(seq, bytes, elapsed, this.#limits.keyMessages, this.#limits.keyBytes);
  }

  private check(seq: number, bytes: number, elapsed: number, messages: number, room: number): void {
    const tooOld = elapsed - this.#since > this.#limits.keySeconds * 1000;
    if (seq - this.#base > messages || this.#bytes + bytes > room || tooOld) throw new SealwireError("E_KEY_LIMIT");
    this.#bytes += bytes;
  }

  /** Time to renew the keys; `slack` 0.1 waits for a tenth more, so that both ends rarely propose at once. */
  due(last: number, elapsed: number, slack: number): boolean {
    const { rekeyMessages, rekeyBytes } = this.#limits;
    const tenths = Math.round(10 * (1 + slack));
    const isReached = 10 * (last - this.#base) >= tenths * rekeyMessages || 10 * this.#bytes >= tenths * rekeyBytes;
    return isReached || elapsed >= this.dueAt(slack);
  }

  /** Elapsed time at which the keys are old enough. */
  dueAt(slack: number): number {
    return this.#since + Math.round(this.#limits.rekeySeconds * 1000 * (1 + slack));
  }

  /** Elapsed time until which the keys may be used. */
  get end(): number {
    return this.#since + this.#limits.keySeconds * 1000;
  }
}
