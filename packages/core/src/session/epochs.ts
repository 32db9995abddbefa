import type { Control } from "../envelope/control.ts";
import type { Direction } from "../envelope/headers.ts";
import type { Begun, OpenedFrame, SequenceCheck } from "../envelope/opener.ts";
import { SealwireError } from "../errors.ts";
import { chain, isPromise, type Maybe } from "../maybe.ts";
import type { WireFrame } from "../wire/frame.ts";
import type { Epoch } from "./epoch.ts";

/** A message that opened, and the epoch under whose keys it did. */
export interface OpenedIn extends OpenedFrame {
  readonly epoch: Epoch;
  /** Other epochs whose header it has as well: only at sig on the text wire, where `bnd` tells which it is. */
  readonly others: readonly Epoch[];
}

/** An epoch without its keys. */
interface Past extends Readonly<Record<"in" | "out", Direction>> {
  readonly n: number;
}

const REMEMBERED = 2;
const NO_PAST: readonly Past[] = [];

const NONE: readonly Epoch[] = [];

/** Member by member: a spread costs more than the rest of the step. */
const openedIn = (
  { control, seq, claims, apart, jws }: OpenedFrame,
  epoch: Epoch,
  others: readonly Epoch[],
): OpenedIn => ({
  control,
  seq,
  claims,
  apart,
  jws,
  epoch,
  others,
});

const openedLater = (opened: Promise<OpenedFrame>, epoch: Epoch): Promise<OpenedIn> =>
  opened.then((later) => openedIn(later, epoch, NONE));

const headerError = (detail: string): never => {
  throw new SealwireError("E_HEADER", { stage: "header", detail });
};

/**
 * Which keys seal and which open, while they change (specs/lifecycle.md, section 3). Strict order: one epoch after the
 * other, told apart by the peer's `ack`. Window order: by the lowest number that came under the newer one.
 */
export class Epochs {
  readonly #window: number | undefined;
  #send: Epoch;
  /** Opens; undefined for a proposer in strict order between `rekeyed` and `ack`, when nothing old can come any more. */
  #current: Epoch | undefined;
  /** Derived, and nothing of the peer has come under it. */
  #next: Epoch | undefined;
  /** Window order: the epoch before #current, and the lowest number under #current. */
  #previous: Epoch | undefined;
  #boundary = 0;
  /** Headers and IVs, which are not secret, of epochs that are over: frames of them are still looked at. */
  #past: readonly Past[] = NO_PAST;

  /** `window`: its size; undefined is strict order. */
  constructor(first: Epoch, window: number | undefined) {
    this.#send = first;
    this.#current = first;
    this.#window = window;
  }

  /** What the short forms of epoch `n` leave out, for an epoch of the last few. */
  table(n: number, way: "in" | "out"): Direction | undefined {
    const epoch = [this.#send, this.#next].find((its) => its?.n === n);
    if (epoch !== undefined) return (way === "in" ? epoch.opener : epoch.sealer).direction;
    return this.#past.find((its) => its.n === n)?.[way];
  }

  get send(): Epoch {
    return this.#send;
  }

  /** The epoch that the peer seals in, as far as this end knows. */
  get receive(): Epoch {
    return (this.#current ?? this.#next) as Epoch;
  }

  /** One direction has changed its keys and the other has not, or the peer has not shown that it did. */
  get changing(): boolean {
    return this.#next !== undefined || this.#send !== this.#current;
  }

  /** Seals in `epoch` from now on. */
  sendIn(epoch: Epoch): void {
    this.#send = epoch;
  }

  get ordered(): boolean {
    return this.#window === undefined;
  }

  /** `epoch` was derived: the peer goes over to it some time. */
  expect(epoch: Epoch): void {
    const { n, sealer, opener } = this.#send;
    this.#past = [...this.#past, { n, in: opener.direction, out: sealer.direction }].slice(-REMEMBERED);
    this.#next = epoch;
    this.#previous = undefined;
  }

  /** Strict order: the peer has answered, and everything after its answer is under `epoch`. */
  enter(epoch: Epoch): void {
    this.expect(epoch);
    this.#current = undefined;
  }

  /** Steps header to inner. */
  open(frame: WireFrame, sequence: SequenceCheck, begun?: Begun): Maybe<OpenedIn> {
    const current = this.#current;
    const kind = current?.opener.headerTellsEpoch ? current.opener.admits(frame) : undefined;
    if (current === undefined || kind === undefined) return this.search(frame, sequence, begun);
    const opened = current.opener.open(frame, sequence, kind, begun);
    return isPromise(opened) ? openedLater(opened, current) : openedIn(opened, current, NONE);
  }

  private search(frame: WireFrame, sequence: SequenceCheck, begun: Begun | undefined): Maybe<OpenedIn> {
    const [epoch = headerError("not in the receive table"), ...others] = [
      this.#current,
      this.#next,
      this.#previous,
    ].filter((e): e is Epoch => e !== undefined && e.opener.admits(frame) !== undefined);
    const { opener } = epoch;
    if (this.ordered && epoch === this.#next && opener.headerTellsEpoch && opener.admits(frame) === "application")
      headerError("application message before ack");
    const checked: SequenceCheck = {
      check: (seq) => {
        this.assertOpen(epoch, seq);
        sequence.check(seq);
      },
    };
    return chain(opener.open(frame, checked, undefined, begun), (opened) => openedIn(opened, epoch, others));
  }

  /** Where the header does not tell the epoch, in window order the signed key id does. */
  boundTo({ epoch, others }: OpenedIn, kid: string | undefined): Epoch {
    if (this.#window === undefined || epoch.binding?.receiveKid === kid) return epoch;
    return others.find((e) => e.binding?.receiveKid === kid) ?? epoch;
  }

  /** Window order: the peer has left this epoch before number `seq`. */
  assertOpen(epoch: Epoch, seq: number): void {
    if (epoch === this.#previous && seq >= this.#boundary) headerError("another epoch");
  }

  /** A message under `epoch` shows for the first time that the peer has its keys. */
  confirms(epoch: Epoch): boolean {
    return epoch === this.#next;
  }

  /** Strict order: the peer shows new keys with `ack`. */
  assertFirst(epoch: Epoch, control: Control): void {
    if (epoch === this.#next && this.#window === undefined && control.top !== "ack")
      throw new SealwireError("E_STATE", { detail: "the first message of an epoch is ack" });
  }

  /** A message was committed. */
  committed(epoch: Epoch, seq: number): void {
    if (epoch === this.#next) {
      if (this.#window !== undefined) this.#previous = this.#current;
      this.#boundary = seq;
      this.#current = epoch;
      this.#next = undefined;
    } else if (this.#window !== undefined && epoch === this.#current && this.#previous !== undefined) {
      this.#boundary = Math.min(this.#boundary, seq);
      if (seq >= this.#boundary + this.#window) this.#previous = undefined;
    }
  }
}
