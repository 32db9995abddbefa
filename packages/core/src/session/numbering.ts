import type { OutgoingClaims } from "../envelope/claims.ts";
import { encodeClaims, rebind } from "../envelope/codec.ts";
import { type Control, encodeControl } from "../envelope/control.ts";
import { type MessageSealer, maxSealedSize } from "../envelope/sealer.ts";
import { SealwireError } from "../errors.ts";
import type { Epochs } from "./epochs.ts";
import type { SessionFacts } from "./established.ts";
import { BATCH, Gathering, type Place } from "./gathering.ts";
import type { KeyUse } from "./key-use.ts";
import type { Ledger } from "./ledger.ts";
import { type Outgoing, Prepared } from "./messages.ts";
import { Kept } from "./retention.ts";

/** The machine whose sending half it is. */
export interface NumberingHost {
  readonly facts: SessionFacts;
  readonly ledger: Ledger;
  readonly epochs: Epochs;
  /** Of the keys that seal. */
  readonly use: KeyUse;
  /** Takes what has to be sealed next. */
  onPrepared(prepared: Prepared): void;
}

/** The sending half of the machine: gives each message its number and its claims. `elapsed` is of a clock that does not jump. */
export class Numbering {
  readonly #o: NumberingHost;
  /** Has its number, and waits for others to join it. */
  #open: Gathering | undefined;
  /** Bytes of the claims of the last one: those of a batch are often as many as those of the batch before. */
  #room = 0;
  #byeSent = false;
  #retired = false;

  constructor(host: NumberingHost) {
    this.#o = host;
  }

  get byeSent(): boolean {
    return this.#byeSent;
  }

  /** Nothing more is numbered, nor sealed: what has its number is kept, where it can be sent again. */
  retire(): void {
    this.#retired = true;
    if (this.#open !== undefined) this.hold(this.#open.kept, this.#open.finish());
    this.#open = undefined;
  }

  /** A message waits to be sealed. */
  get gathers(): boolean {
    return this.#open !== undefined;
  }

  /** The last number that is sealed, or about to be. */
  get sealed(): number {
    return this.#o.ledger.sent - (this.#open === undefined ? 0 : 1);
  }

  /** Seals what waits for others to join it. */
  flush(): void {
    const open = this.#open;
    if (open === undefined) return;
    this.#open = undefined;
    this.seal(open.kept, open.finish(), open.sealer);
  }

  private seal(kept: Kept, claims: Uint8Array, sealer: MessageSealer): void {
    this.hold(kept, claims);
    const { facts, ledger } = this.#o;
    // Those of a batch are a part of memory that its writer may still hold; those of codec json are of no memory of ours.
    const whole = kept.count === 1 && facts.keys.codec === "cbor";
    const [owned, retention] = whole ? [kept, ledger.retention] : [];
    this.#o.onPrepared(new Prepared(kept.seq, claims, false, sealer, owned, retention));
  }

  private hold(kept: Kept, claims: Uint8Array): void {
    // A large message before it says nothing about a batch.
    this.#room = Math.min(claims.length, BATCH.bytes);
    this.#o.ledger.retention.hold(kept, claims);
  }

  /**
   * Numbers a message, and tells `place`. It is sealed at the next `flush`, together with what is added until then, if there
   * is room for that and nothing keeps them apart. `now`: seconds in the server's time. Every refusal (limits, closed
   * session) happens before a number is used.
   */
  add(message: Outgoing, elapsed: number, now: number, place: Place): void {
    this.assertOpen();
    const iat = this.issued(message, now);
    // Where the server's clock went back, `iat` of an idempotent message lies ahead of it: refused for that, and no offence.
    const exp = message.exp ?? Math.max(now + message.ttl, iat ?? 0);
    if (!message.alone && this.join(message, exp, place)) return;
    this.flush();
    const { facts, ledger, epochs } = this.#o;
    const { codec } = facts.keys;
    const { binding, sealer } = epochs.send;
    const seq = ledger.sent + 1;
    const { topic: top, ref, request: req, data, jti } = message;
    // All in one literal: two that are spread into one cost more than the cipher.
    const claims: OutgoingClaims = {
      iss: binding?.self,
      aud: binding?.peer,
      bnd: binding?.sendKid,
      seq,
      jti,
      iat,
      exp,
      top,
      ref,
      req,
      data,
    };
    const encoded = encodeClaims(codec, claims);
    this.assertFits(encoded);
    this.use(seq, encoded.length, elapsed, false);
    const kept = Kept.of(seq, jti, exp, top, encoded.length);
    ledger.keep(kept);
    place.seq = seq;
    if (message.alone || encoded.length >= BATCH.bytes) this.seal(kept, encoded, sealer);
    else this.#open = new Gathering(codec, claims, encoded, kept, place, sealer);
  }

  /** False where the message needs a number of its own. */
  private join(message: Outgoing, exp: number, place: Place): boolean {
    const open = this.#open;
    if (open === undefined || open.kept.exp !== exp) return false;
    const { facts, ledger, use } = this.#o;
    const { keys, peerMessageBytes } = facts;
    const { topic: top, ref, request: req, data } = message;
    // Too large by itself: it is encoded once.
    if (data instanceof Uint8Array && data.length > BATCH.bytes) return false;
    const size = open.write({ top, ref, req, data }, this.#room);
    // Reading the data may have run code of the application that sends.
    if (open !== this.#open) return false;
    const more = size - open.size;
    // As on the wire on which it is largest, since it may be sent again on that.
    if (size > BATCH.bytes || maxSealedSize("text", keys.level, size) > peerMessageBytes || !use.hasRoom(more)) {
      open.leave();
      return false;
    }
    open.join(place);
    ledger.join(open.kept, top, more);
    use.add(more);
    if (open.kept.count === BATCH.items) this.flush();
    return true;
  }

  /** @throws SealwireError E_TOO_BIG */
  private assertFits(claims: Uint8Array): void {
    const { peerMessageBytes } = this.#o.facts;
    const size = this.sealedSize(claims);
    if (size <= peerMessageBytes) return;
    throw new SealwireError("E_TOO_BIG", {
      fatal: false,
      detail: `up to ${size} bytes sealed, the peer takes ${peerMessageBytes} (limit messageBytes)`,
    });
  }

  private issued({ jti, iat }: Outgoing, now: number): number | undefined {
    const { facts, epochs } = this.#o;
    if (jti !== undefined) return iat ?? Math.max(now, facts.startedAt + 1);
    return epochs.send.binding === undefined ? undefined : now;
  }

  prepareControl(message: Control, elapsed: number): Prepared {
    this.assertOpen();
    this.flush();
    const { ledger, epochs } = this.#o;
    const { sealer } = epochs.send;
    const seq = ledger.sent + 1;
    const claims = encodeControl(seq, ledger.announce(), message);
    this.use(seq, claims.length, elapsed, message.top === "bye");
    if (message.top === "ping") ledger.pinged(seq);
    if (message.top === "bye") this.#byeSent = true;
    return new Prepared(seq, claims, true, sealer);
  }

  /** A message, or a batch, of a lost connection once more: its number is used already. Undefined is `void`. */
  prepareAgain(seq: number, kept: Kept | undefined, elapsed: number): Prepared {
    const { facts, epochs, use } = this.#o;
    const { sealer, binding } = epochs.send;
    const old = kept?.claims;
    const claims =
      old === undefined
        ? encodeControl(seq, 0, { top: "void" })
        : binding === undefined
          ? old
          : rebind(facts.keys.codec, old, binding.sendKid);
    use.seal(seq, claims.length, elapsed, false);
    return new Prepared(seq, claims, old === undefined, sealer);
  }

  /** The wire of this connection, on which messages are larger, may make one too large for the peer. */
  takes({ claims }: Kept): boolean {
    return claims === undefined || this.sealedSize(claims) <= this.#o.facts.peerMessageBytes;
  }

  private sealedSize(claims: Uint8Array): number {
    const { facts, epochs } = this.#o;
    return maxSealedSize(epochs.send.sealer.wire, facts.keys.level, claims.length);
  }

  private assertOpen(): void {
    if (this.#byeSent || this.#retired) throw new SealwireError("E_CLOSED");
  }

  private use(seq: number, bytes: number, elapsed: number, bye: boolean): void {
    const { ledger, use } = this.#o;
    // Reading the data ran code of the application that sent.
    if (seq !== ledger.sent + 1) throw new TypeError("the session sent while data was read that it was to send");
    use.seal(seq, bytes, elapsed, bye);
    ledger.sent++;
  }
}
