import type { BatchWriter, CommonClaims, OutgoingItem } from "../envelope/claims.ts";
import { batchWriter, contentOf, outgoing } from "../envelope/codec.ts";
import type { MessageSealer } from "../envelope/sealer.ts";
import type { Codec } from "../registry.generated.ts";
import type { Kept } from "./retention.ts";

/** Enough that what a message costs by itself hardly counts, and so little that nobody waits long for the rest of it. */
export const BATCH = { items: 64, bytes: 16_384 } as const;

/** What a message is called: its number, and its index where others share it. */
export interface Place {
  readonly session: string;
  seq: number;
  index?: number;
}

/** A message that has its number and is not sealed yet, and those that join it under this number (specs/envelope.md, section 7). */
export class Gathering {
  readonly #codec: Codec;
  readonly #common: CommonClaims;
  /** Of the first message, as it is sealed if it stays alone. */
  readonly #claims: Uint8Array;
  readonly #first: Place;
  readonly kept: Kept;
  readonly sealer: MessageSealer;
  /** Once another one wants to join: the first one as an item, then those that joined. */
  #batch: BatchWriter | undefined;
  /** Bytes of the claims. */
  size: number;

  constructor(codec: Codec, common: CommonClaims, claims: Uint8Array, kept: Kept, first: Place, sealer: MessageSealer) {
    this.#codec = codec;
    this.#common = common;
    this.#claims = claims;
    this.#first = first;
    this.kept = kept;
    this.sealer = sealer;
    this.size = claims.length;
  }

  /**
   * Writes one more item, which then joins by `join` or is taken back by `leave`; answers with the bytes of the claims with
   * it. `room`: bytes to set aside. Reading its data may run code of the application, which may send as well.
   */
  write(item: OutgoingItem, room: number): number {
    this.#batch ??= this.#begin(room);
    this.#batch.add(item);
    return this.#batch.size;
  }

  #begin(room: number): BatchWriter {
    const batch = batchWriter(this.#codec, this.#common, Math.max(room, 2 * this.size));
    for (const first of contentOf(this.#codec, this.#claims).items) batch.add(outgoing(first));
    return batch;
  }

  join(place: Place): void {
    const { count, size } = this.#batch as BatchWriter;
    this.#first.index = 0;
    place.seq = this.#first.seq;
    place.index = count - 1;
    this.size = size;
  }

  leave(): void {
    this.#batch?.undo();
  }

  /** The claims to be sealed: nobody joins any more. */
  finish(): Uint8Array {
    return this.kept.count === 1 ? this.#claims : (this.#batch as BatchWriter).finish();
  }
}
