import type { Codec } from "../registry.generated.ts";
import { concat } from "../wire/bytes.ts";
import {
  type BatchWriter,
  type CommonClaims,
  type Item,
  itemsOf,
  type OutgoingClaims,
  type OutgoingItem,
  type RawClaims,
} from "./claims.ts";
import { CborBatch, decodeCborApart, decodeCborClaims, encodeCborClaims } from "./claims-cbor.ts";
import { decodeJsonClaims, encodeJsonClaims, JsonBatch } from "./claims-json.ts";

export const encodeClaims = (codec: Codec, claims: OutgoingClaims): Uint8Array =>
  codec === "cbor" ? encodeCborClaims(claims) : encodeJsonClaims(claims);

/** A batch of items, in codec json not of bytes. `room`: bytes that its items may take. */
export const batchWriter = (codec: Codec, claims: CommonClaims, room: number): BatchWriter =>
  codec === "cbor" ? new CborBatch(claims, room) : new JsonBatch(claims);

export function encodeBatch(codec: Codec, claims: CommonClaims, items: readonly OutgoingItem[]): Uint8Array {
  const writer = batchWriter(codec, claims, 0);
  for (const item of items) writer.add(item);
  return writer.finish();
}

/** `apart`: the claims behind `bytes`, of which a codec may find that they are the data. */
export function decodeClaims(codec: Codec, bytes: Uint8Array, apart?: Uint8Array): RawClaims {
  const raw = apart !== undefined && codec === "cbor" ? decodeCborApart(bytes, apart) : undefined;
  if (raw !== undefined) return raw;
  const whole = apart === undefined ? bytes : concat(bytes, apart);
  return codec === "cbor" ? decodeCborClaims(whole) : decodeJsonClaims(whole);
}

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
  return encodeBatch(codec, common, items);
}
