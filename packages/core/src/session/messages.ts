import type { Awaiting } from "../crypto/backend.ts";
import type { ApplicationClaims, Ref } from "../envelope/claims.ts";
import type { Control } from "../envelope/control.ts";
import type { MessageSealer, Payload } from "../envelope/sealer.ts";
import type { SealwireError } from "../errors.ts";
import { isPromise, type Maybe } from "../maybe.ts";
import type { ErrorCode } from "../registry.generated.ts";
import type { Data } from "../wire/json.ts";

/** What the application gives to be sent. */
export interface Outgoing extends Role {
  readonly topic: string;
  readonly data: Data;
  /** Seconds. */
  readonly ttl: number;
  /** It shares its number with no other one. */
  readonly alone: boolean;
  /** Of a message that is sent again in another session. */
  readonly iat: number | undefined;
  readonly exp: number | undefined;
}

/** What a message is beside its topic and data. */
export interface Role {
  /** Of a reply. */
  readonly ref: Ref | undefined;
  readonly request: true | undefined;
  /** Names a message that may be sent again in another session, where it keeps `iat` and `exp`. */
  readonly jti: string | undefined;
}

/** A message whose sequence number is fixed. `seal`, or else `begin`, is called once, in the order of the numbers. */
export class Prepared {
  readonly seq: number;
  readonly claims: Uint8Array;
  readonly control: boolean;
  readonly #sealer: MessageSealer;
  /** The cipher is done with the claims. */
  sealed = false;

  constructor(seq: number, claims: Uint8Array, control: boolean, sealer: MessageSealer) {
    this.seq = seq;
    this.claims = claims;
    this.control = control;
    this.#sealer = sealer;
  }

  seal(): Maybe<Payload> {
    const { seq, claims } = this;
    const sealed = this.control ? this.#sealer.control(seq, claims) : this.#sealer.application(seq, claims);
    this.sealed = !isPromise(sealed);
    return sealed;
  }

  /**
   * Seals it by no promise but the cipher's own, which answers with what `to` makes of it; `framed` makes the payload.
   * Undefined where there is more to be done, and nothing was.
   */
  begin<T>(to: Awaiting<T>): Promise<T> | undefined {
    return this.#sealer.begin(this.control, this.seq, this.claims, to);
  }

  /** There is no more to be done: `begin` is what does it. */
  get sealsLater(): boolean {
    return this.#sealer.sealsLater(this.control);
  }

  framed(sealed: Uint8Array): Payload {
    return this.#sealer.framed(this.control, this.seq, this.claims, sealed);
  }
}

export type Received =
  /** With `error` a failure that ends nothing yet (window order); without it a message that is not to be delivered. */
  { readonly kind: "dropped"; readonly error?: SealwireError } | ReceivedControl | ReceivedMessage;

export interface ReceivedMessage {
  readonly kind: "message";
  readonly seq: number;
  readonly claims: ApplicationClaims;
  /** As they came; what is `apart` stands behind it. */
  readonly raw: Uint8Array;
  readonly apart: Uint8Array | undefined;
  /** Bytes of the claims. */
  readonly size: number;
  readonly jws: string | undefined;
  /** Step time failed: the message is not delivered, its seq is used up. */
  readonly late: ErrorCode | undefined;
}

export interface ReceivedControl {
  readonly kind: "control";
  readonly seq: number;
  readonly message: Control;
  readonly raw: Uint8Array;
}
