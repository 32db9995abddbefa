/** What one attempt to resume a session has claimed. Where it comes to nothing it gives that back, and nothing else. */
export class Claim {
  readonly #claim: () => Promise<boolean>;
  readonly #giveBack: () => void;
  #claimed = false;
  #released = false;

  constructor(claim: () => Promise<boolean>, giveBack: () => void) {
    this.#claim = claim;
    this.#giveBack = giveBack;
  }

  /** The connection of the attempt is gone. */
  get released(): boolean {
    return this.#released;
  }

  /** False where it is not to be had, or comes too late. */
  async claim(): Promise<boolean> {
    if (this.#released || !(await this.#claim())) return false;
    if (this.#released) {
      this.#giveBack();
      return false;
    }
    this.#claimed = true;
    return true;
  }

  /** The session has its connection: what was claimed is in use. */
  take(): void {
    this.#claimed = false;
  }

  release(): void {
    this.#released = true;
    if (!this.#claimed) return;
    this.#claimed = false;
    this.#giveBack();
  }
}
