import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Limits } from "@sealwire/core";
import type { Clock } from "@sealwire/core/internal";
import { calculateJwkThumbprint, EmbeddedJWK, type JWK, jwtVerify } from "jose";

/**
 * Whether the DPoP header of an upgrade is one valid proof for this token (RFC 9449 section 4.3), with `htu` the https
 * form of the address. Not checked: whether it was used before; CA proves the key for this connection alone.
 */
export async function dpopHolds(
  req: IncomingMessage,
  { token, jkt }: { readonly token: string; readonly jkt: string | undefined },
  limits: Limits,
  clock: Clock,
): Promise<boolean> {
  const [proof, ...more] = req.headersDistinct.dpop ?? [];
  if (proof === undefined || more.length > 0) return false;
  try {
    const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK, {
      typ: "dpop+jwt",
      algorithms: ["ES256", "Ed25519", "EdDSA"],
      maxTokenAge: limits.clientAuthLifeSeconds,
      clockTolerance: limits.skewSeconds,
      currentDate: new Date(clock.unix()),
      requiredClaims: ["jti", "iat"],
    });
    const { htm, htu, ath } = payload;
    return (
      htm === "GET" &&
      typeof htu === "string" &&
      addressOf(htu) === addressOf(`https://${req.headers.host}${req.url}`) &&
      ath === createHash("sha256").update(token).digest("base64url") &&
      (await calculateJwkThumbprint(protectedHeader.jwk as JWK)) === jkt
    );
  } catch {
    return false;
  }
}

/** Without query and fragment, normalized. */
function addressOf(text: string): string {
  const { origin, pathname } = new URL(text);
  return origin + pathname;
}
