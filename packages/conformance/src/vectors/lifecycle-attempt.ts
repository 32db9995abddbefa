// One resume of a session whose one end is under test: each step right, or ended by what comes instead (specs/lifecycle.md, section 7).
import type { Bytes } from "../kit/bytes.ts";
import { protocolOf, type Setup } from "../kit/handshake.ts";
import { full, type Message } from "../kit/jose.ts";
import { applicationMessage, type Claims, type Faults, keyId } from "../kit/messages.ts";
import { closeOf, failedAttempt, meaningOf } from "../kit/peer.ts";
import { type Changes, Resume } from "../kit/resume.ts";
import type { Values, Verdict } from "./handshake-scene.ts";
import type { Life } from "./lifecycle-scene.ts";

export interface AttemptOptions {
  readonly changes?: Changes;
  /** In place of the newest chain, and the place that a client under test gives to it. */
  readonly chain?: Bytes;
  readonly place?: number;
  /** What the peer announces; by default it has received everything. */
  readonly heard?: number;
  /** What the tested end announces, where it is not everything; what it has committed when it takes up the connection. */
  readonly own?: number;
  readonly committed?: number;
  readonly setup?: Partial<Setup>;
  /** More members of the step `start`, or of its outcome. */
  readonly step?: Values;
  readonly outcome?: Values;
}

export interface Confirmation {
  /** Own numbers that are sent again without their bodies. */
  readonly voided?: readonly number[];
  /** What the peer's `resumed` says, where it is more than its hello said. */
  readonly rcv?: number;
  /** What the tested end sends behind that. */
  readonly fresh?: () => Message[];
  /** More members of the step, and of its outcome. */
  readonly step?: Values;
  readonly more?: Values;
}

export class Attempt {
  readonly t: Life;
  readonly resume: Resume;
  readonly conn: number;
  /** What the peer announced, and what the tested end did. */
  readonly heard: number;
  readonly announced: number;
  readonly #o: AttemptOptions;

  constructor(t: Life, o: AttemptOptions = {}) {
    const { peer } = t;
    this.t = t;
    this.#o = o;
    this.conn = ++t.conn;
    this.heard = o.heard ?? peer.own;
    this.announced = o.own ?? peer.seq;
    const client = peer.tested === "client";
    const rcv = client
      ? { clientRcv: this.announced, serverRcv: this.heard }
      : { clientRcv: this.heard, serverRcv: this.announced };
    const setup = { ...t.nextSetup(), ...o.setup, chain: o.chain ?? peer.chain, ...rcv };
    this.resume = new Resume(setup, o.changes);
  }

  get #client(): boolean {
    return this.t.peer.tested === "client";
  }

  get #committed(): number {
    return this.#o.committed ?? this.announced;
  }

  /** The upgrade has passed. */
  start(): this {
    const { place = 0, step = {}, outcome = {} } = this.#o;
    const protocol = protocolOf(this.resume.setup.wire);
    if (this.#client) {
      const begin = { op: "start", protocol, resume: place, ...step };
      this.t.step(begin, { emit: [this.resume.message("ch")], attempt: "wait-sh", ...outcome });
    } else this.t.step({ op: "start", protocol, ...step }, { attempt: "wait-ch", ...outcome });
    return this;
  }

  /** The hello that the tested end hears, and its answer. */
  hello(): this {
    this.start();
    const { t, resume } = this;
    if (this.#client) {
      t.recv(resume.message("sh"), { emit: [this.own()], attempt: "wait-resumed" });
    } else t.recv(resume.message("ch"), { emit: [resume.message("sh")], attempt: "wait-resumed" });
    return this;
  }

  /** `resumed` of an end, under the keys of this resume. */
  #resumed(from: "client" | "server", over: Claims, faults: Faults = {}): Message {
    const { t, resume } = this;
    const before = { chain: t.peer.chain, in: t.peer.channel, out: t.peer.reverse };
    t.peer.move(resume);
    const { exp, scp } = t.terms;
    const terms = from === "server" ? { exp, scp } : {};
    const direction = from === t.peer.tested ? "out" : "in";
    const message = t.peer.uncounted(direction, { seq: 0, top: "resumed", ...terms, ...over }, faults);
    t.peer.restore(before);
    return message;
  }

  /** What the tested end sends as its confirmation. */
  own(): Message {
    return this.#resumed(this.t.peer.tested, { rcv: this.#client ? this.announced : this.#committed });
  }

  /** What the peer confirms with. */
  confirmation(over: Claims = {}, faults: Faults = {}): Message {
    return this.#resumed(this.t.peer.role, { rcv: this.heard, ...over }, faults);
  }

  /** The tested end takes up the connection, and sends again. */
  confirm(o: Confirmation = {}): Life {
    const { t } = this;
    const { voided = [], rcv, more = {}, fresh = () => [], step = {} } = o;
    const message = this.confirmation(rcv === undefined ? {} : { rcv });
    const first = this.#client ? [] : [this.own()];
    t.peer.move(this.resume);
    t.epoch = 0;
    t.wire = this.resume.setup.wire;
    const emit = [...first, ...t.peer.again("out", this.heard + 1, voided), ...fresh()];
    const outcome = { ...(emit.length === 0 ? {} : { emit }), resumed: { rcv: this.#committed, peer: this.heard } };
    t.state = "open";
    t.told = Math.max(t.told, this.heard, rcv ?? 0);
    return t.recv(message, { ...outcome, ...more }, step);
  }

  /** The whole of it. */
  done(o: Confirmation = {}): Life {
    return this.hello().confirm(o);
  }

  /** An application message of the peer under the keys of this resume. */
  message(seq: number): Message {
    const { peer } = this.t;
    const channel = this.resume.channel(peer.role);
    const bound = channel.iss === undefined ? {} : { bnd: keyId(channel.keys) };
    return applicationMessage(channel, peer.claims(bound, seq));
  }

  /** The connection ends and the session stays. */
  failed(verdict: Verdict, code?: number): Values {
    return failedAttempt(this.t.peer.tested, this.resume.setup.wire, this.conn, verdict, code);
  }

  /** It does so at a message of the peer. */
  fails(message: object, verdict: Verdict, code?: number): Life {
    return this.t.recv(message, this.failed(verdict, code));
  }

  /** The hello of the peer is refused. */
  failsHello(verdict: Verdict, code?: number): Life {
    this.start();
    return this.fails(this.resume.message(this.#client ? "sh" : "ch"), verdict, code);
  }

  /** A client is told why. */
  told(code: string): Life {
    const { t, conn } = this;
    const close = closeOf(code === "resume" ? 4504 : 1011);
    const said = full(t.wire, JSON.stringify({ typ: "sealwire-err", code }));
    return t.recv(said, { failed: { conn, error: meaningOf(code), step: "local", peer: true, close } });
  }

  /** The connection is gone before it carried the session. */
  dropped(): Life {
    return this.t.step({ op: "drop" }, { failed: { conn: this.conn } });
  }
}

/** A whole resume. */
export const resumes = (t: Life, o: AttemptOptions = {}): Life => new Attempt(t, o).done();
