import type { EpochOptions } from "./epoch.ts";
import type { Received } from "./messages.ts";
import type { Message } from "./types.ts";

/** What a handler learns of a message besides topic and data. `offset`: milliseconds from the server's clock to this one. */
export function describe(
  { seq, claims, jws }: Received & { readonly kind: "message" },
  keys: Pick<EpochOptions, "role" | "clientKey" | "serverKey">,
  offset: number,
  token: string | undefined,
): Omit<Message, "topic" | "data"> {
  const local = (seconds: number) => new Date(seconds * 1000 - offset);
  const jwk = keys[keys.role === "client" ? "serverKey" : "clientKey"]?.verifier?.publicJwk;
  return {
    seq,
    expiresAt: local(claims.exp),
    ...(claims.iat === undefined ? {} : { issuedAt: local(claims.iat) }),
    ...(jws === undefined || jwk === undefined
      ? {}
      : { signed: { jws, jwk, ...(token === undefined ? {} : { token }) } }),
  };
}
