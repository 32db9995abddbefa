import type { Codec } from "../registry.generated.ts";
import type { Data } from "../wire/json.ts";
import type { OutgoingClaims, RawClaims } from "./claims.ts";
import { decodeCborClaims, encodeCborClaims } from "./claims-cbor.ts";
import { decodeJsonClaims, encodeJsonClaims } from "./claims-json.ts";

export const encodeClaims = (codec: Codec, claims: OutgoingClaims): Uint8Array =>
  codec === "cbor" ? encodeCborClaims(claims) : encodeJsonClaims(claims);

export const decodeClaims = (codec: Codec, bytes: Uint8Array): RawClaims =>
  codec === "cbor" ? decodeCborClaims(bytes) : decodeJsonClaims(bytes);

/** Of an own message that is to be sent again. */
export function dataOf(codec: Codec, bytes: Uint8Array): { readonly data: Data; readonly iat: number | undefined } {
  const raw = decodeClaims(codec, bytes);
  return { data: (raw.get("bin") ?? raw.get("dat") ?? null) as Data, iat: raw.get("iat") as number | undefined };
}

/** An own message with another `bnd`: the same message, for the keys of another connection. */
export function rebind(codec: Codec, bytes: Uint8Array, bnd: string): Uint8Array {
  const { dat, bin, ...claims } = Object.fromEntries(decodeClaims(codec, bytes)) as Record<string, unknown>;
  return encodeClaims(codec, { ...(claims as unknown as OutgoingClaims), bnd, data: (bin ?? dat ?? null) as Data });
}
