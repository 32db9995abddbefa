import { fail, isInteger } from "../envelope/claims.ts";
import { decodeObject } from "../envelope/claims-json.ts";
import { serverReadyHeader } from "../envelope/headers.ts";
import type { Maybe } from "../maybe.ts";
import { isBase64url } from "../wire/base64url.ts";
import { passingUtf8 } from "../wire/bytes.ts";
import type { WireFrame } from "../wire/frame.ts";
import { openHandshakeObject, sealHandshakeObject } from "./handshake-object.ts";
import type { HandshakeKeys } from "./schedule.ts";

/** ServerReady: confirms the keys and tells the client who it is and until when. */
export interface ServerReady {
  readonly th: string;
  readonly iat: number;
  /** End of the session, in the server's time: the token's expiry or the longest session life. */
  readonly exp: number;
  readonly sub: string;
  readonly scp: readonly string[];
  readonly cb?: string;
}

export function sealServerReady(keys: HandshakeKeys, ready: ServerReady): Maybe<WireFrame> {
  const { th, iat, exp, sub, scp, cb } = ready;
  const claims = passingUtf8(JSON.stringify({ th, iat, exp, sub, scp, cb }));
  return sealHandshakeObject(keys, serverReadyHeader(keys.kid), claims);
}

export async function openServerReady(frame: WireFrame, keys: HandshakeKeys): Promise<ServerReady> {
  const json = await openHandshakeObject(keys, frame, serverReadyHeader(keys.kid));
  const { th, iat, exp, sub, scp, cb } = decodeObject(json, fail, (path) => path[0] === "iat" || path[0] === "exp");
  if (typeof th !== "string" || !isBase64url(th, 43)) return fail("th is not a hash");
  if (!isInteger(iat, 0) || !isInteger(exp, 0) || exp < iat) return fail("iat or exp of SR");
  if (typeof sub !== "string") return fail("sub is not a string");
  if (!Array.isArray(scp) || !scp.every((s): s is string => typeof s === "string")) return fail("scp is not names");
  if (cb !== undefined && typeof cb !== "string") return fail("cb is not a string");
  return { th, iat, exp, sub, scp, ...(cb === undefined ? {} : { cb }) };
}
