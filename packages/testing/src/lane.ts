import type { SimClock } from "./clock.ts";
import type { Fault } from "./faults.ts";
import { type FrameSpan, FrameTracker } from "./frames.ts";
import type { Random } from "./random.ts";

/** What the line does with bytes. */
export interface LineOptions {
  /** Milliseconds from one end to the other. */
  readonly latency: number;
  /** Up to so many milliseconds more, another number for every segment; order is kept, as TCP keeps it. */
  readonly jitter: number;
  readonly bytesPerSecond: number;
  /** Longest segment. Applications see bytes in such pieces. */
  readonly segmentBytes: number;
  /** Bytes on their way or unread at which the sender has to wait. */
  readonly window: number;
}

export const DIRECT: LineOptions = {
  latency: 0,
  jitter: 0,
  bytesPerSecond: Number.POSITIVE_INFINITY,
  segmentBytes: Number.POSITIVE_INFINITY,
  window: 65_536,
};

export interface LaneOptions extends LineOptions {
  readonly random: Random;
  readonly faults: readonly Fault[];
  /** The machine that writes, and the one that reads. */
  readonly from: SimClock;
  readonly to: SimClock;
  /** Until then nothing leaves: the cable is out. */
  readonly unpluggedUntil: () => number;
  /** `at`: when they arrived, which is before the machine sees them where it is paused. */
  readonly onBytes: (bytes: Uint8Array, at: number) => void;
  readonly onEnd: (at: number) => void;
  readonly onFault: (fault: Fault) => void;
}

interface Write {
  bytes: Uint8Array;
  readonly done: (error?: Error) => void;
}

/** One direction of a connection: bytes in, the same bytes out, later and in pieces, unless a fault says otherwise. */
export class Lane {
  readonly #o: LaneOptions;
  readonly #frames = new FrameTracker();
  readonly #queue: Write[] = [];
  #faults: Fault[];
  /** What passed so far, for a fault that repeats it. */
  #passed: Uint8Array[] = [];
  #sent = 0;
  #freeAt = 0;
  #arrival = 0;
  readonly #arriving: (() => void)[] = [];
  /** Bytes on their way or unread. */
  #outstanding = 0;
  #end: "open" | "wanted" | "sent" = "open";
  #cut = false;

  constructor(options: LaneOptions) {
    this.#o = options;
    this.#faults = [...options.faults];
  }

  /** `done` is called when the bytes have left. */
  write(bytes: Uint8Array, done: (error?: Error) => void): void {
    this.#frames.feed(bytes);
    // Who wrote them may use the memory again.
    this.#queue.push({ bytes: new Uint8Array(bytes), done });
    this.#pump();
  }

  /** The stream ends behind what was written. */
  end(): void {
    if (this.#end === "open") this.#end = "wanted";
    this.#pump();
  }

  /** What has not left is dropped, and the stream ends. */
  abandon(): void {
    for (const { done } of this.#queue.splice(0)) done(new Error("write ECANCELED"));
    this.end();
  }

  /** The reader took bytes: there is room for more. */
  consumed(bytes: number): void {
    this.#outstanding -= bytes;
    this.#pump();
  }

  /** Nothing passes any more. Who writes does not notice until the window is full. */
  cut(): void {
    this.#cut = true;
  }

  #pump(): void {
    this.#trip();
    while (this.#queue.length > 0) {
      const write = this.#queue[0] as Write;
      const room = this.#o.window - this.#outstanding;
      const size = Math.min(write.bytes.length, room, this.#segment(), this.#untilFault());
      if (size <= 0 && write.bytes.length > 0) return;
      const segment = write.bytes.subarray(0, size);
      write.bytes = write.bytes.subarray(size);
      this.#transmit(segment);
      if (write.bytes.length === 0) {
        this.#queue.shift();
        this.#whenLeft(write.done);
      }
      this.#trip();
    }
    if (this.#end === "wanted" && !this.#cut) {
      this.#end = "sent";
      this.#arrive((at) => this.#o.onEnd(at));
    }
  }

  #segment(): number {
    const { segmentBytes, random } = this.#o;
    return segmentBytes === Number.POSITIVE_INFINITY ? segmentBytes : random.between(1, segmentBytes);
  }

  #transmit(segment: Uint8Array): void {
    this.#sent += segment.length;
    if (this.#faults.some((fault) => fault.kind === "repeat")) this.#passed.push(segment);
    this.#send(segment);
  }

  #send(segment: Uint8Array): void {
    this.#outstanding += segment.length;
    this.#freeAt = this.#start() + (segment.length / this.#o.bytesPerSecond) * 1000;
    if (!this.#cut) this.#arrive((at) => this.#o.onBytes(segment, at));
  }

  #start(): number {
    return Math.max(this.#o.from.elapsed(), this.#freeAt, this.#o.unpluggedUntil());
  }

  #whenLeft(done: () => void): void {
    const wait = this.#freeAt - this.#o.from.elapsed();
    if (wait > 0) this.#o.from.deliver(done, wait);
    else done();
  }

  #arrive(fn: (at: number) => void): void {
    const at = this.#nextArrival();
    const { to } = this.#o;
    // One after the other, also where the sums of two times differ in their last bit.
    this.#arriving.push(() => fn(at));
    to.deliver(() => this.#arriving.shift()?.(), at - to.elapsed());
  }

  /** After the latency, and never before what was sent earlier. */
  #nextArrival(): number {
    const { latency, jitter, random } = this.#o;
    const at = this.#start() + latency + (jitter > 0 ? random.fraction() * jitter : 0);
    this.#arrival = Math.max(this.#arrival, at);
    return this.#arrival;
  }

  // --- faults ----------------------------------------------------------------------------------------------------

  /** Bytes that may pass before the next fault; a place that is not known yet lies behind everything written. */
  #untilFault(): number {
    const offsets = this.#faults.map((fault) => this.#offsetOf(fault) ?? Number.POSITIVE_INFINITY);
    return Math.min(Number.POSITIVE_INFINITY, ...offsets) - this.#sent;
  }

  #offsetOf({ place }: Fault): number | undefined {
    if ("offset" in place) return place.offset;
    const span = this.#frames.frames[place.frame - 1];
    if (span === undefined) return undefined;
    const length = span.end - span.start;
    const inside = 1 + Math.floor((place.part ?? 0.5) * (length - 2));
    return { before: span.start, inside: span.start + Math.min(inside, length - 1), after: span.end }[place.at];
  }

  #trip(): void {
    for (;;) {
      const fault = this.#faults.find((f) => (this.#offsetOf(f) ?? Number.POSITIVE_INFINITY) <= this.#sent);
      if (fault === undefined || this.#cut) return;
      this.#faults = this.#faults.filter((f) => f !== fault);
      if (fault.kind === "withhold" || fault.kind === "lose") this.#freeAt = this.#start() + fault.ms;
      else if (fault.kind === "repeat") this.#repeat(fault);
      else {
        const { timeline } = this.#o.to;
        const at = this.#nextArrival();
        this.#cut = true;
        // No machine has to notice.
        timeline.schedule(() => this.#o.onFault(fault), at - timeline.now);
        return;
      }
      this.#o.onFault(fault);
    }
  }

  #repeat(fault: Fault & { readonly kind: "repeat" }): void {
    const passed = Buffer.concat(this.#passed);
    const { place } = fault;
    const span: FrameSpan | undefined = "frame" in place ? this.#frames.frames[place.frame - 1] : undefined;
    const bytes = fault.bytes ?? (span === undefined ? passed.length : span.end - span.start);
    const again = passed.subarray(Math.max(0, passed.length - bytes));
    if (again.length > 0) this.#send(new Uint8Array(again));
  }
}
