import { type FrameView, viewFrame } from "../wire-view.ts";
import { type Direction, type Fate, type Frame, KEPT_BYTES, KEPT_FRAMES, type RecordedFrame } from "./types.ts";

/** A bounded memory of what crossed one connection: the last 200 frames, the first 2 KiB of each. */
export class Recorder {
  readonly #frames: RecordedFrame[] = [];
  readonly #listeners = new Set<(frame: RecordedFrame) => void>();
  /** Of the next sealed frame. */
  readonly #next: Record<Direction, number> = { c2s: 1, s2c: 1 };
  /** In a resume: where numbers go on after the one message that has number 0. */
  readonly #after: Partial<Record<Direction, number>> = {};
  #count = 0;

  frame(direction: Direction, frame: Frame, fate: Fate): void {
    // A copy, never a view: a view would keep the whole message alive, and with it the bound would be a lie.
    const kept = frame.data.slice(0, KEPT_BYTES);
    const view = viewFrame({ data: kept, binary: frame.binary });
    const { kind } = view;
    this.#watchResume(direction, view);
    const counts = (kind === "message" || kind === "control") && fate !== "injected";
    const seq = counts ? this.#number(direction) : 0;
    this.#add({ direction, binary: frame.binary, size: frame.data.length, kept, fate, kind, seq });
  }

  /** Both hellos of a resume say, in clear, up to which number their sender has the other's messages. */
  #watchResume(direction: Direction, { received }: FrameView): void {
    if (received === undefined) return;
    const other = direction === "c2s" ? "s2c" : "c2s";
    this.#next[other] = 0;
    this.#after[other] = received + 1;
  }

  #number(direction: Direction): number {
    const seq = this.#next[direction];
    this.#next[direction] = (seq === 0 ? this.#after[direction] : undefined) ?? seq + 1;
    return seq;
  }

  close(direction: Direction, code: number, reason: string, fate: Fate): void {
    this.#add({
      direction,
      binary: false,
      size: 0,
      kept: new Uint8Array(0),
      fate,
      kind: "unknown",
      seq: 0,
      close: { code, reason },
    });
  }

  frames(after = 0): RecordedFrame[] {
    return this.#frames.filter((f) => f.n > after);
  }

  onFrame(listener: (frame: RecordedFrame) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #add(entry: Omit<RecordedFrame, "n" | "at">): void {
    this.#count += 1;
    const recorded: RecordedFrame = { n: this.#count, at: Date.now(), ...entry };
    this.#frames.push(recorded);
    if (this.#frames.length > KEPT_FRAMES) this.#frames.shift();
    for (const listener of this.#listeners) listener(recorded);
  }
}
