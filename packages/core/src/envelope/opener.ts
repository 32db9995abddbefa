import { AeadOpener } from "../crypto/aead.ts";
import type { Awaiting, MacKey, Verifier } from "../crypto/backend.ts";
import { SealwireError } from "../errors.ts";
import { chain, isPromise, type Maybe } from "../maybe.ts";
import { encodeBase64url } from "../wire/base64url.ts";
import { compactText, concat, equal } from "../wire/bytes.ts";
import { compactJws, decodeText, signingInputOf, type Wire, type WireFrame } from "../wire/frame.ts";
import { Direction, type Header, type SignerId } from "./headers.ts";
import type { Protection } from "./sealer.ts";

const TAG = 16;
/** Data up to here is not worth to be left where it was decrypted. */
const SMALL = 16_384;

/** An authentic message, its claims not yet read. */
export interface OpenedFrame {
  readonly control: boolean;
  /** From the IV or the frame; undefined at mac and sig, where only the claims carry it. */
  readonly seq: number | undefined;
  readonly claims: Uint8Array;
  /** The claims behind `claims`, in memory of their own: where the data was rightly expected there, it is that. */
  readonly apart: Uint8Array | undefined;
  /** The compact JWS that an auditor can verify; levels sig and nest. */
  readonly jws: string | undefined;
}

export type FrameKind = "application" | "control";

/** Asked in step `sequence`, before anything is decrypted; throws for a number that is not acceptable. */
export interface SequenceCheck {
  check(seq: number): void;
}

/** Whoever begins to open messages ahead of their turn. */
export interface Reader {
  /** `begun` is at an end. Never called at once. */
  onOpened(begun: Begun): void;
}

/** What knows the turns. */
export interface Turns {
  /** True for the next one that may be opened ahead of its turn. */
  isNext(seq: number): boolean;
}

/** What was begun ahead of its turn: it has one of them once the cipher has answered, so that its turn needs no promise. */
export class Begun implements Awaiting<void> {
  /** Keys can change meanwhile: nobody else goes on with it. */
  readonly by: MessageOpener;
  readonly #control: boolean;
  readonly #seq: number | undefined;
  readonly #reader: Reader;
  opened: OpenedFrame | undefined;
  failure: { readonly cause: unknown } | undefined;

  constructor(by: MessageOpener, control: boolean, seq: number | undefined, reader: Reader) {
    this.by = by;
    this.#control = control;
    this.#seq = seq;
    this.#reader = reader;
  }

  get isDone(): boolean {
    return this.opened !== undefined || this.failure !== undefined;
  }

  /** Where nothing but the cipher had to answer. */
  ended(claims: Uint8Array): void {
    this.done({ control: this.#control, seq: this.#seq, claims, apart: undefined, jws: undefined });
  }

  failed(cause: unknown): void {
    this.refused(new SealwireError("E_CRYPTO", { cause }));
  }

  done(opened: OpenedFrame): void {
    this.opened = opened;
    this.#reader.onOpened(this);
  }

  refused(cause: unknown): void {
    this.failure = { cause };
    this.#reader.onOpened(this);
  }
}

/**
 * Where data of bytes is expected in large claims: at the byte at which it began in the last two of them. Chunks of a file
 * differ in nothing but their numbers. What is expected decides about nothing.
 */
interface DataPlace {
  last: number;
  expected: number;
}

/** Steps header, sequence, crypto and inner of the receive pipeline, for one direction in one epoch. */
export class MessageOpener {
  readonly #wire: Wire;
  readonly #epoch: number;
  readonly #mac: MacKey | undefined;
  readonly #aead: AeadOpener;
  readonly #verifier: Verifier | undefined;
  readonly direction: Direction;
  #opensLater = false;
  /** Made by the first large message. */
  #data: DataPlace | undefined;

  constructor(protection: Protection, peer?: { readonly verifier: Verifier; readonly id: SignerId }) {
    const { wire, level, codec, epoch, keys } = protection;
    this.#wire = wire;
    this.#epoch = epoch;
    this.#mac = keys.mac;
    this.#verifier = peer?.verifier;
    this.direction = new Direction(level, codec, keys, peer?.id);
    this.#aead = new AeadOpener(keys.aead, this.direction);
  }

  /** The cipher answers later: known once it was asked. */
  get opensLater(): boolean {
    return this.#opensLater;
  }

  /** False at sig on the text wire: its header is that of every epoch. */
  get headerTellsEpoch(): boolean {
    return this.direction.level !== "sig" || this.#wire !== "text";
  }

  /** Step header: what the receive table of this direction and epoch says of the frame; undefined if it holds nothing. */
  admits(frame: WireFrame): FrameKind | undefined {
    const [level, wire, epoch] = [this.direction.level, this.#wire, this.#epoch];
    const encrypted = level === "aead" || level === "nest";
    // The full forms belong to the handshake on the binary wire: one object, one form.
    if (frame.form === 0 || frame.form < 3 === (wire === "binary")) return undefined;
    if (frame.form >= 3) {
      const { form, h } = frame as Extract<WireFrame, { h: number }>;
      if (h === 2 * epoch) return encrypted === (form === 3) ? "application" : undefined;
      return h === 2 * epoch + 1 && form === 3 ? "control" : undefined;
    }
    const { form, protected: header } = frame as Extract<WireFrame, { protected: Uint8Array }>;
    if (encrypted === (form === 2) && equal(header, this.direction.application.json)) return "application";
    return form === 2 && equal(header, this.direction.control.json) ? "control" : undefined;
  }

  /** `kind`: what `admits` says of the frame. `begun`: what `begin` made of it, which has come to its end. */
  open(
    frame: WireFrame,
    sequence: SequenceCheck,
    kind: FrameKind | undefined = this.admits(frame),
    begun?: Begun,
  ): Maybe<OpenedFrame> {
    if (kind === undefined || frame.form === 0)
      throw new SealwireError("E_HEADER", { detail: "not in the receive table" });
    const seq = this.seqOf(frame);
    if (seq !== undefined) sequence.check(seq);
    if (begun?.by === this) {
      if (begun.opened === undefined) throw begun.failure?.cause;
      return begun.opened;
    }
    const opened = this.unseal(frame, kind === "control", seq);
    this.#opensLater = isPromise(opened);
    return opened;
  }

  /**
   * Begins steps crypto and inner of a frame that `open` is called for later, or never; `reader` is told when they are at an
   * end. Undefined where the header or `turns` say that it cannot come now.
   */
  begin(frame: WireFrame, turns: Turns, reader: Reader): Begun | undefined {
    const kind = this.admits(frame);
    if (kind === undefined || frame.form === 0) return undefined;
    const seq = this.seqOf(frame);
    if (seq !== undefined && !turns.isNext(seq)) return undefined;
    const control = kind === "control";
    const begun = new Begun(this, control, seq, reader);
    if (!this.beginAlone(frame, control, begun)) void this.beginMore(frame, control, seq, begun);
    return begun;
  }

  /** Where nothing but the cipher has to answer. False where it is not so. */
  private beginAlone(frame: WireFrame, control: boolean, begun: Begun): boolean {
    if (frame.form !== 3 || frame.sealed.length < TAG || (!control && this.direction.inner !== undefined)) return false;
    const { aad } = control ? this.direction.control : this.direction.application;
    return this.#aead.begin(frame.seq, aad, frame.sealed, begun);
  }

  /** Also what is thrown at once is told in its turn. */
  private async beginMore(frame: WireFrame, control: boolean, seq: number | undefined, begun: Begun): Promise<void> {
    let opened: OpenedFrame;
    try {
      opened = await this.unseal(frame, control, seq);
    } catch (cause) {
      begun.refused(cause);
      return;
    }
    begun.done(opened);
  }

  /** Told of data of bytes that ended the claims of an authentic message, of which `before` bytes stand before it. */
  sawData(before: number, { length }: Uint8Array): void {
    if (length <= SMALL || this.direction.level !== "aead") return;
    this.#data ??= { last: 0, expected: 0 };
    this.#data.expected = before === this.#data.last ? before : 0;
    this.#data.last = before;
  }

  /** @throws SealwireError `E_IV` */
  private seqOf(frame: WireFrame): number | undefined {
    if (frame.form === 3) return frame.seq;
    return frame.form === 2 ? this.direction.seqOf(frame.iv) : undefined;
  }

  private unseal(frame: WireFrame, control: boolean, seq: number | undefined): Maybe<OpenedFrame> {
    switch (frame.form) {
      case 2:
        return this.decrypt(control, seq as number, concat(frame.ciphertext, frame.tag), frame.tag.length);
      case 3:
        return this.decrypt(control, frame.seq, frame.sealed, TAG);
      default: {
        const { payload, signature } = frame as Extract<WireFrame, { signature: Uint8Array }>;
        return this.verify(payload, signature);
      }
    }
  }

  private decrypt(control: boolean, seq: number, sealed: Uint8Array, tag: number): Maybe<OpenedFrame> {
    // A shorter tag is easier to forge, and some libraries take one (RFC 7518 section 5.3 asks for 128 bits).
    if (tag !== TAG || sealed.length < TAG) throw new SealwireError("E_CRYPTO");
    const { aad } = control ? this.direction.control : this.direction.application;
    const place = this.#data;
    if (place !== undefined && place.expected > 0 && !control && sealed.length - TAG > place.expected + SMALL) {
      const parts = this.#aead.openApart(seq, aad, sealed, place.expected);
      if (parts !== undefined) {
        // A peer whose data is elsewhere would have each message read twice: `sawData` says that it was there.
        place.expected = 0;
        return { control, seq, claims: parts[0], apart: parts[1], jws: undefined };
      }
    }
    const claims = this.#aead.openNow(seq, aad, sealed);
    return claims === undefined ? this.decryptLater(control, seq, aad, sealed) : this.decrypted(control, seq, claims);
  }

  private decryptLater(control: boolean, seq: number, aad: Uint8Array, sealed: Uint8Array): Maybe<OpenedFrame> {
    return this.#aead.open(seq, aad, sealed, (claims) => this.decrypted(control, seq, claims));
  }

  private decrypted(control: boolean, seq: number, claims: Uint8Array): Maybe<OpenedFrame> {
    const { inner } = this.direction;
    if (!control && inner !== undefined) return this.openInner(inner, seq, claims);
    return { control, seq, claims, apart: undefined, jws: undefined };
  }

  private verify(claims: Uint8Array, signature: Uint8Array): Maybe<OpenedFrame> {
    const header = this.direction.application;
    const signed = this.direction.level === "sig";
    const verdict = signed
      ? (this.#verifier as Verifier).verify(signingInputOf(header.signed, claims), signature)
      : (this.#mac as MacKey).verify(header.signed, signature, encodeBase64url(claims));
    return chain(verdict, (ok) => {
      if (ok !== true) throw new SealwireError("E_CRYPTO");
      const jws = signed ? compactJws({ form: 1, protected: header.json, payload: claims, signature }) : undefined;
      return { control: false, seq: undefined, claims, apart: undefined, jws };
    });
  }

  /** Step inner of nest: every defect of header or signature is E_CRYPTO, so that the peer learns nothing from it. */
  private openInner(header: Header, seq: number, plaintext: Uint8Array): Maybe<OpenedFrame> {
    const jws = compactText(plaintext);
    const frame = innerFrame(jws);
    if (frame.form !== 1) throw new SealwireError("E_MALFORMED", { stage: "inner", detail: "not a JWS" });
    if (!equal(frame.protected, header.json)) throw new SealwireError("E_CRYPTO", { stage: "inner" });
    const verdict = (this.#verifier as Verifier).verify(signingInputOf(header.signed, frame.payload), frame.signature);
    return chain(verdict, (ok) => {
      if (ok !== true) throw new SealwireError("E_CRYPTO", { stage: "inner" });
      return { control: false, seq, claims: frame.payload, apart: undefined, jws };
    });
  }
}

function innerFrame(jws: string): WireFrame {
  try {
    return decodeText(jws);
  } catch (error) {
    if (error instanceof SealwireError) throw new SealwireError(error.code, { stage: "inner", cause: error });
    throw error;
  }
}
