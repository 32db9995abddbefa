/** One WebSocket frame of a byte stream: `end` is the offset behind its last byte. */
export interface FrameSpan {
  readonly start: number;
  readonly end: number;
}

const HEAD_END = "\r\n\r\n";

/** Finds where the frames of RFC 6455 (section 5.2) begin and end, behind the HTTP head of the same direction. */
export class FrameTracker {
  /** Every frame that has begun, and whose header is complete. */
  readonly frames: FrameSpan[] = [];
  #offset = 0;
  #upgraded = false;
  /** The end of the HTTP head, or the header of a frame, as far as it was seen. */
  #seen = "";
  #frameEnd = 0;

  feed(bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length; ) {
      if (this.#upgraded && this.#offset < this.#frameEnd) {
        const skipped = Math.min(bytes.length - i, this.#frameEnd - this.#offset);
        this.#offset += skipped;
        i += skipped;
        continue;
      }
      this.#seen += String.fromCharCode(bytes[i++] as number);
      this.#offset++;
      if (this.#upgraded) this.#header();
      else if (this.#seen.endsWith(HEAD_END)) {
        this.#upgraded = true;
        this.#seen = "";
        this.#frameEnd = this.#offset;
      } else this.#seen = this.#seen.slice(1 - HEAD_END.length);
    }
  }

  #header(): void {
    const header = Buffer.from(this.#seen, "latin1");
    if (header.length < 2) return;
    const second = header[1] as number;
    const length = second & 127;
    const extended = length === 127 ? 8 : length === 126 ? 2 : 0;
    if (header.length < 2 + extended) return;
    const payload =
      extended === 8 ? Number(header.readBigUInt64BE(2)) : extended === 2 ? header.readUInt16BE(2) : length;
    const start = this.#offset - header.length;
    this.#frameEnd = this.#offset + (second & 128 ? 4 : 0) + payload;
    this.frames.push({ start, end: this.#frameEnd });
    this.#seen = "";
  }
}
