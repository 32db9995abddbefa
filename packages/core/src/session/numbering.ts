import { encodeClaims, rebind } from "../envelope/codec.ts";
import { type Control, encodeControl } from "../envelope/control.ts";
import { maxSealedSize } from "../envelope/sealer.ts";
import { SealwireError } from "../errors.ts";
import type { Budget } from "./budget.ts";
import type { EpochOptions } from "./epoch.ts";
import type { Epochs } from "./epochs.ts";
import type { KeyUse } from "./key-use.ts";
import type { Ledger } from "./ledger.ts";
import type { Outgoing, Prepared } from "./messages.ts";
import type { Kept } from "./retention.ts";

export interface NumberingOptions {
  readonly keys: EpochOptions;
  readonly peerMessageBytes: number;
  /** See `MachineOptions`. */
  readonly startedAt: number;
  readonly ledger: Ledger;
  readonly budget: Budget;
  readonly epochs: Epochs;
  /** Of the keys that seal. */
  readonly use: KeyUse;
}

/** The sending half of the machine: gives each message its number and its claims. `elapsed` is of a clock that does not jump. */
export class Numbering {
  readonly #o: NumberingOptions;
  #byeSent = false;
  #retired = false;

  constructor(options: NumberingOptions) {
    this.#o = options;
  }

  get byeSent(): boolean {
    return this.#byeSent;
  }

  /** Nothing more is numbered. */
  retire(): void {
    this.#retired = true;
  }

  /** `now`: seconds in the server's time. Every refusal (limits, closed session) happens before a sequence number is used. */
  prepare(message: Outgoing, elapsed: number, now: number): Prepared {
    this.#assertOpen();
    const { keys, peerMessageBytes, ledger, epochs } = this.#o;
    const { binding, sealer } = epochs.send;
    const seq = ledger.sent + 1;
    const iat = this.#issued(message, now);
    // Where the server's clock went back, `iat` of an idempotent message lies ahead of it: refused for that, and no offence.
    const exp = message.exp ?? Math.max(now + message.ttl, iat ?? 0);
    const claims = encodeClaims(keys.codec, {
      iss: binding?.self,
      aud: binding?.peer,
      bnd: binding?.sendKid,
      seq,
      jti: message.jti,
      iat,
      exp,
      top: message.topic,
      ref: message.ref,
      req: message.request,
      data: message.data,
    });
    const size = this.#sealedSize(claims);
    if (size > peerMessageBytes) {
      throw new SealwireError("E_TOO_BIG", {
        fatal: false,
        detail: `up to ${size} bytes sealed, the peer takes ${peerMessageBytes} (limit messageBytes)`,
      });
    }
    this.#use(claims.length, elapsed, false);
    const { topic, jti } = message;
    const [reply, request] = [message.ref !== undefined, message.request === true];
    ledger.keep({ seq, topic, jti, exp, claims, reply, request });
    return { seq, claims, control: false, seal: () => sealer.application(seq, claims) };
  }

  #issued({ jti, iat }: Outgoing, now: number): number | undefined {
    const { startedAt, epochs } = this.#o;
    if (jti !== undefined) return iat ?? Math.max(now, startedAt + 1);
    return epochs.send.binding === undefined ? undefined : now;
  }

  prepareControl(message: Control, elapsed: number): Prepared {
    this.#assertOpen();
    const { ledger, epochs, budget } = this.#o;
    const { sealer } = epochs.send;
    const seq = ledger.sent + 1;
    const claims = encodeControl(seq, ledger.announce(), message);
    this.#use(claims.length, elapsed, message.top === "bye");
    if (message.top === "ping") budget.pinged(seq);
    if (message.top === "bye") this.#byeSent = true;
    return { seq, claims, control: true, seal: () => sealer.control(seq, claims) };
  }

  /** A message of a lost connection once more: its number is used already. Undefined is `void`. */
  prepareAgain(seq: number, kept: Kept | undefined, elapsed: number): Prepared {
    const { keys, epochs, use } = this.#o;
    const { sealer, binding } = epochs.send;
    const old = kept?.claims;
    const claims =
      old === undefined
        ? encodeControl(seq, 0, { top: "void" })
        : binding === undefined
          ? old
          : rebind(keys.codec, old, binding.sendKid);
    use.seal(seq, claims.length, elapsed, false);
    const control = old === undefined;
    return {
      seq,
      claims,
      control,
      seal: () => (control ? sealer.control(seq, claims) : sealer.application(seq, claims)),
    };
  }

  /** The wire of this connection, on which messages are larger, may make one too large for the peer. */
  takes({ claims }: Kept): boolean {
    return claims === undefined || this.#sealedSize(claims) <= this.#o.peerMessageBytes;
  }

  #sealedSize(claims: Uint8Array): number {
    const { wire, level } = this.#o.keys;
    return maxSealedSize(wire, level, claims.length);
  }

  #assertOpen(): void {
    if (this.#byeSent || this.#retired) throw new SealwireError("E_CLOSED");
  }

  #use(bytes: number, elapsed: number, bye: boolean): void {
    const { ledger, use } = this.#o;
    use.seal(ledger.sent + 1, bytes, elapsed, bye);
    ledger.sent++;
  }
}
