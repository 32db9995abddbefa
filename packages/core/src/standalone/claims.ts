import { fail, isIdentifier, isInteger, isMessageId, isTopic } from "../envelope/claims.ts";
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
const OF_SESSIONS = ["bnd", "seq", "req", "bat", "rcv"];

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
  for (const name of ["constructor", "prototype"]) if (raw.has(name)) fail(`claim ${name}`);
  for (const name of OF_SESSIONS) if (raw.has(name)) fail(`${name} belongs to sessions`);
  if (raw.has("pad") && !(encrypted && typeof raw.get("pad") === "string")) fail("pad");
  const [iss, aud, jti, top] = ["iss", "aud", "jti", "top"].map((name) => raw.get(name));
  if (!isIdentifier(iss) || !isIdentifier(aud)) return fail("iss or aud is not an identifier");
  if (!isMessageId(jti)) return fail("jti is not base64url of 16 bytes");
  const [iat, exp] = [raw.get("iat"), raw.get("exp")];
  if (!isInteger(iat, 0) || !isInteger(exp, 0)) return fail("iat or exp is not a NumericDate");
  if (exp < iat) return fail("exp is before iat");
  if (!isTopic(top)) return fail("top is not a topic");
  const ref = raw.get("ref");
  if (raw.has("ref") && !isMessageId(ref)) return fail("ref is not the jti of an envelope");
  if (raw.has("dat") && raw.has("bin")) return fail("dat and bin exclude each other");
  const data = (raw.get("bin") ?? raw.get("dat") ?? null) as Data;
  return { iss, aud, jti, iat, exp, top, ...(ref === undefined ? {} : { ref: ref as string }), data };
}
