import type { CommonClaims } from "../envelope/claims.ts";
import { batchSize, contentOf, encodeBatch, encodeItem, outgoing } from "../envelope/codec.ts";
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
  #items: Uint8Array[] | undefined;
  #bytes = 0;
  /** Of a batch without items. */
  #empty = 0;

  constructor(codec: Codec, common: CommonClaims, claims: Uint8Array, kept: Kept, first: Place, sealer: MessageSealer) {
    this.#codec = codec;
    this.#common = common;
    this.#claims = claims;
    this.#first = first;
    this.kept = kept;
    this.sealer = sealer;
  }

  /** Bytes of its claims. */
  get size(): number {
    const { count } = this.kept;
    return count === 1 ? this.#claims.length : batchSize(this.#codec, this.#empty, count, this.#bytes);
  }

  /** Bytes of its claims with this item as well. */
  sizeWith(item: Uint8Array): number {
    const codec = this.#codec;
    if (this.#items === undefined) {
      this.#empty = encodeBatch(codec, this.#common, []).length;
      this.#items = contentOf(codec, this.#claims).items.map((first) => encodeItem(codec, outgoing(first)));
      for (const first of this.#items) this.#bytes += first.length;
    }
    return batchSize(codec, this.#empty, this.#items.length + 1, this.#bytes + item.length);
  }

  /** After `sizeWith` of the same item. */
  join(item: Uint8Array, place: Place): void {
    this.#first.index = 0;
    place.seq = this.#first.seq;
    place.index = (this.#items?.push(item) as number) - 1;
    this.#bytes += item.length;
  }

  /** The claims to be sealed: nobody joins any more. */
  finish(): Uint8Array {
    return this.kept.count === 1 ? this.#claims : encodeBatch(this.#codec, this.#common, this.#items ?? []);
  }
}
