import type { Item } from "../envelope/claims.ts";
import type { EpochOptions } from "./epoch.ts";
import type { SessionHooks } from "./hooks.ts";
import type { Received } from "./messages.ts";
import type { Message } from "./types.ts";

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/**
 * What a handler learns of a message. `index`: its place in a batch; `offset`: milliseconds from the server's clock to this
 * one; `hooks` tell the token of the peer at this moment.
 */
export function describe(
  { seq, claims, jws }: Received & { readonly kind: "message" },
  { topic, data }: Item,
  index: number | undefined,
  keys: Pick<EpochOptions, "role" | "clientKey" | "serverKey">,
  offset: number,
  hooks: Pick<SessionHooks, "peerToken">,
): Message {
  const message: Writable<Message> = { topic, data, seq, expiresAt: new Date(claims.exp * 1000 - offset) };
  if (index !== undefined) message.index = index;
  if (claims.iat !== undefined) message.issuedAt = new Date(claims.iat * 1000 - offset);
  const jwk =
    jws === undefined ? undefined : keys[keys.role === "client" ? "serverKey" : "clientKey"]?.verifier?.publicJwk;
  if (jws !== undefined && jwk !== undefined)
    message.signed = { jws, jwk, ...(hooks.peerToken === undefined ? {} : { token: hooks.peerToken() }) };
  return message;
}
