import { createHash } from "node:crypto";

/** Everything that happened in a simulation, in its order. Two runs of one seed have the same log. */
export class EventLog {
  readonly #lines: string[] = [];

  /** `at`: milliseconds of virtual time. */
  add(at: number, who: string, what: string): void {
    this.#lines.push(`${at.toFixed(3).padStart(12)}  ${who.padEnd(7)}  ${what}`);
  }

  get lines(): readonly string[] {
    return this.#lines;
  }

  /** SHA-256 over all lines, in hexadecimal. */
  get hash(): string {
    return createHash("sha256").update(this.#lines.join("\n")).digest("hex");
  }
}
