import type { Codec } from "../registry.generated.ts";
import { headSize } from "../wire/cbor.ts";
import {
  type CommonClaims,
  type Item,
  itemsOf,
  type OutgoingClaims,
  type OutgoingItem,
  type RawClaims,
} from "./claims.ts";
import { decodeCborClaims, encodeCborBatch, encodeCborClaims, encodeCborItem } from "./claims-cbor.ts";
import { decodeJsonClaims, encodeJsonBatch, encodeJsonClaims, encodeJsonItem } from "./claims-json.ts";

export const encodeClaims = (codec: Codec, claims: OutgoingClaims): Uint8Array =>
  codec === "cbor" ? encodeCborClaims(claims) : encodeJsonClaims(claims);

/** One item of a batch; in codec json not of bytes. */
export const encodeItem = (codec: Codec, item: OutgoingItem): Uint8Array =>
  codec === "cbor" ? encodeCborItem(item) : encodeJsonItem(item);

/** A batch of items, each as `encodeItem` made it. */
export const encodeBatch = (codec: Codec, claims: CommonClaims, items: readonly Uint8Array[]): Uint8Array =>
  codec === "cbor" ? encodeCborBatch(claims, items) : encodeJsonBatch(claims, items);

/** Bytes of a batch of `count` items of together `bytes` bytes, where one without any has `empty`. */
export const batchSize = (codec: Codec, empty: number, count: number, bytes: number): number =>
  empty + bytes + (codec === "cbor" ? headSize(count) - headSize(0) : count - 1);

export const decodeClaims = (codec: Codec, bytes: Uint8Array): RawClaims =>
  codec === "cbor" ? decodeCborClaims(bytes) : decodeJsonClaims(bytes);

/** Of an own message. */
export function contentOf(
  codec: Codec,
  bytes: Uint8Array,
): { readonly items: readonly Item[]; readonly iat: number | undefined } {
  const raw = decodeClaims(codec, bytes);
  return { items: itemsOf(raw), iat: raw.iat as number | undefined };
}

export const outgoing = ({ topic, ref, request, data }: Item): OutgoingItem => ({
  top: topic,
  ref: ref ?? undefined,
  req: request || undefined,
  data,
});

/** An own message with another `bnd`: the same message, for the keys of another connection. */
export function rebind(codec: Codec, bytes: Uint8Array, bnd: string): Uint8Array {
  const raw = decodeClaims(codec, bytes);
  const common = { ...(raw as unknown as CommonClaims), bnd };
  const items = itemsOf(raw).map(outgoing);
  if (raw.bat === undefined) return encodeClaims(codec, { ...common, ...(items[0] as OutgoingItem) });
  return encodeBatch(
    codec,
    common,
    items.map((item) => encodeItem(codec, item)),
  );
}
