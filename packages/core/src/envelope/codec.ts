import type { Codec } from "../registry.generated.ts";
import type { Data } from "../wire/json.ts";
import { dataOf, type OutgoingClaims, type RawClaims } from "./claims.ts";
import { decodeCborClaims, encodeCborClaims } from "./claims-cbor.ts";
import { decodeJsonClaims, encodeJsonClaims } from "./claims-json.ts";

export const encodeClaims = (codec: Codec, claims: OutgoingClaims): Uint8Array =>
  codec === "cbor" ? encodeCborClaims(claims) : encodeJsonClaims(claims);

export const decodeClaims = (codec: Codec, bytes: Uint8Array): RawClaims =>
  codec === "cbor" ? decodeCborClaims(bytes) : decodeJsonClaims(bytes);

/** Of an own message that is to be sent again. */
export function contentOf(codec: Codec, bytes: Uint8Array): { readonly data: Data; readonly iat: number | undefined } {
  const { dat, bin, iat } = decodeClaims(codec, bytes);
  return { data: dataOf(dat, bin), iat: iat as number | undefined };
}

/** An own message with another `bnd`: the same message, for the keys of another connection. */
export function rebind(codec: Codec, bytes: Uint8Array, bnd: string): Uint8Array {
  const { dat, bin, ...claims } = decodeClaims(codec, bytes);
  return encodeClaims(codec, { ...(claims as unknown as OutgoingClaims), bnd, data: dataOf(dat, bin) });
}
