/** A token bucket over a clock that is passed in: `rate` units a second, up to `burst` at once. */
export class TokenBucket {
  readonly #rate: number;
  readonly #burst: number;
  #level: number;
  #at: number | undefined;

  constructor(rate: number, burst: number, level: number = burst) {
    this.#rate = rate;
    this.#burst = burst;
    this.#level = level;
  }

  /** What is there. */
  level(elapsed: number): number {
    this.#refill(elapsed);
    return this.#level;
  }

  /** Takes `n` if they are there. */
  take(n: number, elapsed: number): boolean {
    this.#refill(elapsed);
    if (this.#level < n) return false;
    this.#level -= n;
    return true;
  }

  /** Takes `n` in any case; milliseconds until the bucket is out of debt, 0 if it is not in debt. */
  spend(n: number, elapsed: number): number {
    this.#refill(elapsed);
    this.#level -= n;
    return this.#level >= 0 ? 0 : Math.ceil((-this.#level / this.#rate) * 1000);
  }

  #refill(elapsed: number): void {
    const since = this.#at === undefined ? 0 : Math.max(0, elapsed - this.#at);
    this.#at = elapsed;
    this.#level = Math.min(this.#burst, this.#level + (since / 1000) * this.#rate);
  }
}
