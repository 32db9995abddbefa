import type { Awaiting } from "../crypto/backend.ts";
import type { ApplicationClaims, Ref } from "../envelope/claims.ts";
import type { Control } from "../envelope/control.ts";
import type { MessageSealer, Payload } from "../envelope/sealer.ts";
import type { SealwireError } from "../errors.ts";
import type { Maybe } from "../maybe.ts";
import type { ErrorCode } from "../registry.generated.ts";
import type { Data } from "../wire/json.ts";
import type { Kept, Retention } from "./retention.ts";

const NONE = new Uint8Array(0);

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
  /** None of a message that has left; those of a control message stay. */
  claims: Uint8Array;
  readonly control: boolean;
  readonly #sealer: MessageSealer;
  readonly #kept: Kept | undefined;
  readonly #retention: Retention | undefined;

  /** `kept`, in `retention`: of a message that is sealed for the first time, where its claims are memory to be given back. */
  constructor(
    seq: number,
    claims: Uint8Array,
    control: boolean,
    sealer: MessageSealer,
    kept?: Kept,
    retention?: Retention,
  ) {
    this.seq = seq;
    this.claims = claims;
    this.control = control;
    this.#sealer = sealer;
    this.#kept = kept;
    this.#retention = retention;
  }

  /** It is sealed: of a message nobody looks at the claims here any more. */
  leave(): void {
    if (this.#kept === undefined) return;
    const { claims } = this;
    this.claims = NONE;
    this.#retention?.sealed(this.#kept, claims);
  }

  seal(): Maybe<Payload> {
    const { seq, claims } = this;
    return this.control ? this.#sealer.control(seq, claims) : this.#sealer.application(seq, claims);
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
