import { dataOf, fail, isIdentifier, isInteger, isMessageId, isTopic } from "../envelope/claims.ts";
import { decodeJsonClaims } from "../envelope/claims-json.ts";
import { notFatal } from "../errors.ts";
import { encodeBase64url } from "../wire/base64url.ts";
import { utf8 } from "../wire/bytes.ts";
import type { Data } from "../wire/json.ts";

/** Claims of a standalone envelope, by their names in specs/envelope.md, section 13. */
export interface StandaloneClaims {
  readonly iss: string;
  readonly aud: string;
  readonly jti: string;
  readonly iat: number;
  readonly exp: number;
  readonly top: string;
  readonly ref?: string;
  readonly data: Data;
}

/** They belong to a connection; an envelope with one of them was meant for another place. */
const OF_SESSIONS = ["bnd", "seq", "req", "bat", "rcv"] as const;

/** The member order of the literal is the order of the specification. */
export function encodeStandaloneClaims({ iss, aud, jti, iat, exp, top, ref, data }: StandaloneClaims): Uint8Array {
  const payload = data instanceof Uint8Array ? { bin: encodeBase64url(data) } : { dat: data };
  return utf8.encode(JSON.stringify({ iss, aud, jti, iat, exp, top, ref, ...payload }));
}

/**
 * Syntax alone: presence, types and ranges. Unknown claims are ignored (RFC 7519 section 4).
 *
 * @throws SealwireError E_CLAIMS, not fatal
 */
export function decodeStandaloneClaims(bytes: Uint8Array, encrypted: boolean): StandaloneClaims {
  try {
    return decoded(bytes, encrypted);
  } catch (error) {
    throw notFatal(error);
  }
}

function decoded(bytes: Uint8Array, encrypted: boolean): StandaloneClaims {
  const raw = decodeJsonClaims(bytes);
  for (const name of OF_SESSIONS) if (raw[name] !== undefined) fail(`${name} belongs to sessions`);
  const { iss, aud, jti, iat, exp, top, ref, dat, bin, pad } = raw;
  if (pad !== undefined && !(encrypted && typeof pad === "string")) fail("pad");
  if (!isIdentifier(iss) || !isIdentifier(aud)) return fail("iss or aud is not an identifier");
  if (!isMessageId(jti)) return fail("jti is not base64url of 16 bytes");
  if (!isInteger(iat, 0) || !isInteger(exp, 0)) return fail("iat or exp is not a NumericDate");
  if (exp < iat) return fail("exp is before iat");
  if (!isTopic(top)) return fail("top is not a topic");
  if (ref !== undefined && !isMessageId(ref)) return fail("ref is not the jti of an envelope");
  if (dat !== undefined && bin !== undefined) fail("dat and bin exclude each other");
  return { iss, aud, jti, iat, exp, top, ...(ref === undefined ? {} : { ref }), data: dataOf(dat, bin) };
}
