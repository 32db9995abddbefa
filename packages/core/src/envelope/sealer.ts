import { AeadSealer } from "../crypto/aead.ts";
import type { AeadKey, Awaiting, MacKey, Signer } from "../crypto/backend.ts";
import { chain, isPromise, type Maybe } from "../maybe.ts";
import type { Codec, Level } from "../registry.generated.ts";
import { encodeBase64url } from "../wire/base64url.ts";
import { ascii } from "../wire/bytes.ts";
import {
  compactJws,
  encodeFrame,
  encodeText,
  shortJweRoom,
  signingInputOf,
  type Wire,
  writeShortJwe,
} from "../wire/frame.ts";
import { Direction, type DirectionKeys, type Header, type SignerId } from "./headers.ts";

/** What one WebSocket message carries: a string on the text wire, bytes on the binary one. */
export type Payload = string | Uint8Array;

/** Keys of one direction in one epoch (specs/session.md, key schedule). */
export interface TrafficKeys extends DirectionKeys {
  readonly aead: AeadKey;
  /** At level `mac` alone. */
  readonly mac: MacKey | undefined;
}

/** Everything about a direction that both of its ends agree on. */
export interface Protection {
  readonly wire: Wire;
  readonly level: Level;
  readonly codec: Codec;
  readonly epoch: number;
  readonly keys: TrafficKeys;
}

const TAG = 16;
/** Bytes that a sealed message adds to its claims at the most, by level: header, IV, tag, signature and framing. */
const ENVELOPE = 512;

/** An upper bound of the size on the wire, so that E_TOO_BIG is thrown before a sequence number is used. */
export function maxSealedSize(wire: Wire, level: Level, claims: number): number {
  const base64 = (n: number) => Math.ceil((n * 4) / 3);
  const inner = level === "nest" ? base64(claims) : claims;
  return (wire === "text" ? base64(inner) : inner) + ENVELOPE;
}

/** Seals the messages of one direction in one epoch. */
export class MessageSealer {
  readonly wire: Wire;
  readonly #epoch: number;
  readonly #mac: MacKey | undefined;
  readonly #aead: AeadSealer;
  readonly #signer: Signer | undefined;
  readonly direction: Direction;
  /** Level nest, while a signature is made elsewhere. */
  #signing: Promise<void> | undefined;

  constructor(protection: Protection, signer?: { readonly signer: Signer; readonly id: SignerId }) {
    const { wire, level, codec, epoch, keys } = protection;
    this.wire = wire;
    this.#epoch = epoch;
    this.#mac = keys.mac;
    this.#signer = signer?.signer;
    this.direction = new Direction(level, codec, keys, signer?.id);
    this.#aead = new AeadSealer(keys.aead, this.direction);
  }

  control(seq: number, claims: Uint8Array): Maybe<Payload> {
    const { control } = this.direction;
    return chain(this.inTurn(undefined), () => this.encrypt(control, 1, seq, claims));
  }

  application(seq: number, claims: Uint8Array): Maybe<Payload> {
    switch (this.direction.level) {
      case "aead":
        return this.encrypt(this.direction.application, 0, seq, claims);
      case "nest": {
        const inner = this.direction.inner as Header;
        return chain(this.inTurn(this.sign(inner, claims)), (signature) =>
          this.encrypt(
            this.direction.application,
            0,
            seq,
            ascii(compactJws({ form: 1, protected: inner.json, payload: claims, signature })),
          ),
        );
      }
      case "mac":
        return chain((this.#mac as MacKey).sign(this.direction.application.signed, encodeBase64url(claims)), (tag) =>
          this.signed(claims, tag),
        );
      case "sig":
        return chain(this.sign(this.direction.application, claims), (signature) => this.signed(claims, signature));
    }
  }

  /**
   * As `control` and `application`, by no promise but the cipher's own; `framed` makes the payload of what it answers with.
   * Undefined where there is more to be done than that, and nothing was.
   */
  begin<T>(control: boolean, seq: number, claims: Uint8Array, to: Awaiting<T>): Promise<T> | undefined {
    if (!this.sealsLater(control)) return undefined;
    const { aad } = control ? this.direction.control : this.direction.application;
    const room = shortJweRoom(this.headerOf(control), seq, claims.length + TAG);
    return this.#aead.begin(seq, aad, claims, room, to);
  }

  sealsLater(control: boolean): boolean {
    const alone = control ? this.#signing === undefined : this.direction.level === "aead";
    return alone && this.wire === "binary" && this.#aead.answersLater;
  }

  framed(control: boolean, seq: number, { length }: Uint8Array, sealed: Uint8Array): Payload {
    return writeShortJwe(sealed, this.headerOf(control), seq, length + TAG);
  }

  /** How a short frame names its header. */
  private headerOf(control: boolean): number {
    return 2 * this.#epoch + (control ? 1 : 0);
  }

  /** Signatures can be ready in any order; the cipher takes each number after the one before it. */
  private inTurn<T>(value: Maybe<T>): Maybe<T> {
    if (!isPromise(value) && this.#signing === undefined) return value;
    const inTurn = Promise.all([value, this.#signing]).then(([own]) => own);
    const signing = inTurn
      .catch(() => {})
      .then(() => {
        if (this.#signing === signing) this.#signing = undefined;
      });
    this.#signing = signing;
    return inTurn;
  }

  private sign(header: Header, claims: Uint8Array): Maybe<Uint8Array> {
    return (this.#signer as Signer).sign(signingInputOf(header.signed, claims));
  }

  private signed(payload: Uint8Array, signature: Uint8Array): Payload {
    return this.wire === "binary"
      ? encodeFrame({ form: 4, h: 2 * this.#epoch, payload, signature })
      : encodeText({ form: 1, protected: this.direction.application.json, payload, signature });
  }

  private encrypt(header: Header, parity: 0 | 1, seq: number, plaintext: Uint8Array): Maybe<Payload> {
    if (this.wire === "binary") {
      const h = 2 * this.#epoch + parity;
      const length = plaintext.length + TAG;
      const room = shortJweRoom(h, seq, length);
      const sealed = this.#aead.sealNow(seq, header.aad, plaintext, room);
      if (sealed !== undefined) return writeShortJwe(sealed, h, seq, length);
      return this.#aead.seal(seq, header.aad, plaintext, room, behind(h, seq, length));
    }
    return this.#aead.seal(seq, header.aad, plaintext, 0, (sealed) =>
      encodeText({
        form: 2,
        protected: header.json,
        iv: this.direction.nonce(seq),
        ciphertext: sealed.subarray(0, -TAG),
        tag: sealed.subarray(-TAG),
      }),
    );
  }
}

/** Elsewhere than where it is rarely needed: what a function keeps is made wherever it might be. */
const behind =
  (h: number, seq: number, length: number) =>
  (sealed: Uint8Array): Uint8Array =>
    writeShortJwe(sealed, h, seq, length);
