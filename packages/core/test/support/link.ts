import type { Payload } from "../../src/envelope/sealer.ts";
import type { SessionSocket, SocketEvents } from "../../src/session/socket.ts";

export type Direction = "c2s" | "s2c";
/** Sees every message in transit and decides what arrives instead: [] drops, [a, b] inserts. */
export type Tap = (direction: Direction, payload: Payload, index: number) => readonly Payload[];

/** Two sockets in memory with somebody in between. Delivery is asynchronous, as on a network. */
export class Link {
  readonly client: MemorySocket;
  readonly server: MemorySocket;
  readonly log: { direction: Direction; payload: Payload }[] = [];
  tap: Tap = (_, payload) => [payload];
  #counts = { c2s: 0, s2c: 0 };

  constructor(protocol: string) {
    this.client = new MemorySocket(
      protocol,
      (p) => this.#carry("c2s", p, this.server),
      () => this.server,
    );
    this.server = new MemorySocket(
      protocol,
      (p) => this.#carry("s2c", p, this.client),
      () => this.client,
    );
  }

  /** Puts a message on the wire that nobody sent. */
  inject(direction: Direction, payload: Payload): void {
    (direction === "c2s" ? this.server : this.client).receive(payload);
  }

  #carry(direction: Direction, payload: Payload, to: MemorySocket): void {
    this.log.push({ direction, payload });
    for (const p of this.tap(direction, payload, this.#counts[direction]++)) to.receive(p);
  }
}

export class MemorySocket implements SessionSocket {
  readonly protocol: string;
  bufferedAmount = 0;
  paused = false;
  closedWith: { code: number; reason: string } | undefined;
  readonly #carry: (payload: Payload) => void;
  readonly #peer: () => MemorySocket;
  #events: SocketEvents | undefined;
  #held: Payload[] = [];
  #closed = false;

  constructor(protocol: string, carry: (payload: Payload) => void, peer: () => MemorySocket) {
    this.protocol = protocol;
    this.#carry = carry;
    this.#peer = peer;
  }

  listen(events: SocketEvents): void {
    this.#events = events;
    this.#flush();
  }

  send(payload: Payload): void {
    if (!this.#closed) this.#carry(typeof payload === "string" ? payload : payload.slice());
  }

  receive(payload: Payload): void {
    this.#held.push(payload);
    queueMicrotask(() => this.#flush());
  }

  close(code: number, reason: string): void {
    this.closedWith ??= { code, reason };
    this.#end(code, reason);
    queueMicrotask(() => this.#peer().#end(code, reason));
  }

  terminate(): void {
    this.#end(1006, "");
    queueMicrotask(() => this.#peer().#end(1006, ""));
  }

  /** The network closes the connection towards this side. */
  breakOff(code = 1006, reason = ""): void {
    this.#end(code, reason);
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    this.#flush();
  }

  drained(_mark: number): Promise<void> {
    return Promise.resolve();
  }

  /** Bytes that have come and are not read. */
  get heldBytes(): number {
    return this.#held.reduce((sum, payload) => sum + payload.length, 0);
  }

  /** Called whenever something is read. */
  onRead: () => void = () => {};

  #flush(): void {
    while (this.#events !== undefined && !this.paused && this.#held.length > 0) {
      const payload = this.#held.shift() as Payload;
      this.onRead();
      if (!this.#closed) this.#events.onMessage(payload);
    }
  }

  #end(code: number, reason: string): void {
    if (this.#closed) return;
    this.#flush();
    this.#closed = true;
    this.#events?.onClose(code, reason);
  }
}

/** A network that holds nothing: what one end does not read stays in the buffer of the other. */
export function narrow(link: Link): void {
  for (const [near, far] of [
    [link.client, link.server],
    [link.server, link.client],
  ] as const) {
    let waiting: { mark: number; resolve: () => void }[] = [];
    Object.defineProperty(near, "bufferedAmount", { get: () => far.heldBytes });
    near.drained = (mark) => new Promise<void>((resolve) => void waiting.push({ mark, resolve }));
    far.onRead = () => {
      const ready = waiting.filter(({ mark }) => far.heldBytes <= mark);
      waiting = waiting.filter((one) => !ready.includes(one));
      for (const { resolve } of ready) resolve();
    };
  }
}
