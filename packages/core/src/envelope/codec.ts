import type { Codec } from "../registry.generated.ts";
import type { OutgoingClaims, RawClaims } from "./claims.ts";
import { decodeCborClaims, encodeCborClaims } from "./claims-cbor.ts";
import { decodeJsonClaims, encodeJsonClaims } from "./claims-json.ts";

export const encodeClaims = (codec: Codec, claims: OutgoingClaims): Uint8Array =>
  codec === "cbor" ? encodeCborClaims(claims) : encodeJsonClaims(claims);

export const decodeClaims = (codec: Codec, bytes: Uint8Array): RawClaims =>
  codec === "cbor" ? decodeCborClaims(bytes) : decodeJsonClaims(bytes);
