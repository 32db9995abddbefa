import type { SimClock } from "./clock.ts";
import { type Direction, describeFault, type Fault } from "./faults.ts";
import { DIRECT, Lane, type LineOptions } from "./lane.ts";
import type { EventLog } from "./log.ts";
import type { Random } from "./random.ts";
import { type Attachment, SimSocket } from "./socket.ts";
import type { Timeline } from "./timeline.ts";

/** A machine on the network. */
export interface Host {
  readonly name: string;
  readonly clock: SimClock;
  /** Takes a connection; a machine without it refuses. */
  accept?: (socket: SimSocket) => void;
}

export interface NetworkOptions {
  readonly random: Random;
  readonly log: EventLog;
  readonly line?: Partial<LineOptions>;
}

const failure = (code: string): Error => Object.assign(new Error(`connect ${code}`), { code, syscall: "connect" });

/** TCP-like connections between machines in virtual time: bytes keep their order and their number, until a fault. */
export class SimNetwork {
  readonly #timeline: Timeline;
  readonly #o: NetworkOptions;
  readonly #line: LineOptions;
  readonly #open = new Set<SimSocket>();
  readonly #fired: { readonly fault: Fault; readonly at: number }[] = [];
  /** The faults of each connection, in the order in which they are made. */
  readonly #planned: (readonly Fault[])[] = [];
  readonly #links = new Set<Link>();
  #unpluggedUntil = 0;

  constructor(timeline: Timeline, options: NetworkOptions) {
    this.#timeline = timeline;
    this.#o = options;
    this.#line = { ...DIRECT, ...options.line };
  }

  /** Sockets that are not closed. */
  get open(): ReadonlySet<SimSocket> {
    return this.#open;
  }

  /** Faults that happened, and when. */
  get fired(): readonly { readonly fault: Fault; readonly at: number }[] {
    return this.#fired;
  }

  /** The faults of the next connection that has none yet. */
  plan(faults: readonly Fault[]): void {
    this.#planned.push(faults);
  }

  /** Pulls the cable for `ms`: new connections fail, and what is sent on the others arrives when it is back. */
  unplug(ms: number): void {
    this.#o.log.add(this.#timeline.now, "network", `unplugged for ${ms} ms`);
    this.#unpluggedUntil = Math.max(this.#unpluggedUntil, this.#timeline.now + ms);
  }

  /** Every connection is reset, as where a machine goes down. */
  reset(): void {
    for (const link of this.#links) link.reset();
  }

  /** A socket at once, as `net.connect` gives one: connected after a round trip, or not. */
  connect(from: Host, to: Host): SimSocket {
    const near = this.#socket(to);
    const { latency } = this.#line;
    if (this.#timeline.now < this.#unpluggedUntil) {
      from.clock.deliver(() => near.refused(failure("ENETUNREACH")), 0);
      return near;
    }
    to.clock.deliver(() => {
      const accept = to.accept;
      if (accept === undefined) {
        from.clock.deliver(() => near.refused(failure("ECONNREFUSED")), latency);
        return;
      }
      const faults = this.#planned.shift() ?? [];
      const far = this.#socket(from);
      const link = new Link({ near, far, from, to, faults, options: this.#o, line: this.#line, network: this });
      this.#links.add(link);
      near.once("close", () => this.#links.delete(link));
      far.connected(link.attachment("s2c"));
      accept(far);
      from.clock.deliver(() => {
        this.#o.log.add(this.#timeline.now, from.name, "connected");
        near.connected(link.attachment("c2s"));
      }, latency);
    }, latency);
    return near;
  }

  get unpluggedUntil(): number {
    return this.#unpluggedUntil;
  }

  happened(fault: Fault): void {
    this.#fired.push({ fault, at: this.#timeline.now });
    this.#o.log.add(this.#timeline.now, "network", describeFault(fault));
  }

  #socket(peer: Host): SimSocket {
    const socket = new SimSocket(peer.name);
    this.#open.add(socket);
    socket.once("close", () => this.#open.delete(socket));
    return socket;
  }
}

interface LinkOptions {
  readonly near: SimSocket;
  readonly far: SimSocket;
  readonly from: Host;
  readonly to: Host;
  readonly faults: readonly Fault[];
  readonly options: NetworkOptions;
  readonly line: LineOptions;
  readonly network: SimNetwork;
}

/** One connection: a lane for each direction, and how they end. */
class Link {
  readonly #o: LinkOptions;
  readonly #lanes: Readonly<Record<Direction, Lane>>;
  /** What arrives later than that is lost. */
  #deadAt = Number.POSITIVE_INFINITY;

  constructor(options: LinkOptions) {
    this.#o = options;
    this.#lanes = { c2s: this.#lane("c2s"), s2c: this.#lane("s2c") };
  }

  /** What the socket that writes into `direction` has of this link. */
  attachment(direction: Direction): Attachment {
    const [out, back] = [this.#lanes[direction], this.#lanes[direction === "c2s" ? "s2c" : "c2s"]];
    const { host, reader } = this.#ends(direction);
    return {
      write: (bytes, done) => {
        this.#log(host.name, `sends ${bytes.length} bytes`);
        out.write(bytes, done);
      },
      end: () => {
        this.#log(host.name, "ends the stream");
        out.end();
      },
      consumed: (bytes) => back.consumed(bytes),
      closed: (unread) => {
        this.#log(host.name, unread > 0 ? `closes the socket, ${unread} bytes unread` : "closes the socket");
        if (unread > 0) this.#resetLater(reader, direction);
        else out.abandon();
      },
    };
  }

  #ends(direction: Direction) {
    const { near, far, from, to } = this.#o;
    return direction === "c2s"
      ? { host: from, writer: near, reader: far, receiver: to }
      : { host: to, writer: far, reader: near, receiver: from };
  }

  #lane(direction: Direction): Lane {
    const { faults, options, line, network } = this.#o;
    const { host, writer, reader, receiver } = this.#ends(direction);
    return new Lane({
      ...line,
      random: options.random,
      faults: faults.filter((fault) => fault.direction === direction),
      from: host.clock,
      to: receiver.clock,
      unpluggedUntil: () => network.unpluggedUntil,
      onBytes: (bytes, at) => {
        if (at > this.#deadAt) return;
        // As TCP does: nobody has this connection any more.
        if (reader.destroyed) {
          this.#resetLater(writer, direction === "c2s" ? "s2c" : "c2s");
          return;
        }
        this.#log(receiver.name, `receives ${bytes.length} bytes`);
        reader.arrive(bytes);
      },
      onEnd: (at) => {
        if (at > this.#deadAt) return;
        this.#log(receiver.name, "receives the end of the stream");
        reader.arrive(null);
      },
      onFault: (fault) => this.#happen(fault),
    });
  }

  #happen(fault: Fault): void {
    this.#o.network.happened(fault);
    switch (fault.kind) {
      case "reset":
        this.reset();
        return;
      case "silent":
        this.#kill();
        return;
      case "lose": {
        const { host, writer } = this.#ends(fault.direction);
        // What is sent to it gets lost: nobody answers with a RST.
        this.#lanes[fault.direction === "c2s" ? "s2c" : "c2s"].cut();
        host.clock.deliver(() => reset(writer), fault.ms / 2);
        return;
      }
      case "fin": {
        const { near, far, from, to } = this.#o;
        const [socket, clock] = fault.to === "client" ? [near, from.clock] : [far, to.clock];
        this.#kill();
        clock.deliver(() => socket.arrive(null), 0);
        return;
      }
    }
  }

  /** A RST to both ends at once. */
  reset(): void {
    const { near, far, from, to } = this.#o;
    this.#kill();
    from.clock.deliver(() => reset(near), 0);
    to.clock.deliver(() => reset(far), 0);
  }

  #kill(): void {
    this.#deadAt = this.#o.from.clock.elapsed();
    this.#lanes.c2s.cut();
    this.#lanes.s2c.cut();
  }

  /** A RST on its way to `socket`, in the direction in which that one reads. */
  #resetLater(socket: SimSocket, direction: Direction): void {
    const { receiver } = this.#ends(direction);
    const at = receiver.clock.elapsed() + this.#o.line.latency;
    receiver.clock.deliver(() => at <= this.#deadAt && reset(socket), this.#o.line.latency);
  }

  #log(who: string, what: string): void {
    this.#o.options.log.add(this.#o.from.clock.elapsed(), who, what);
  }
}

function reset(socket: SimSocket): void {
  if (!socket.destroyed) socket.destroy(Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" }));
}
