import type { Data } from "../wire/json.ts";
import type { EpochOptions } from "./epoch.ts";
import type { SessionHooks } from "./hooks.ts";
import type { ReceivedMessage } from "./messages.ts";
import type { Message } from "./types.ts";

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** What a handler learns of a message besides topic and data. Items of a batch have it in common, but for their index. */
export class Description {
  readonly #seq: number;
  readonly #expiresAt: Date;
  readonly #issuedAt: Date | undefined;
  readonly #signed: Message["signed"];

  /** `offset`: milliseconds from the server's clock to this one; `hooks` tell the token of the peer at this moment. */
  constructor(
    { seq, claims, jws }: ReceivedMessage,
    keys: Pick<EpochOptions, "role" | "clientKey" | "serverKey">,
    offset: number,
    hooks: Pick<SessionHooks, "peerToken">,
  ) {
    this.#seq = seq;
    this.#expiresAt = new Date(claims.exp * 1000 - offset);
    this.#issuedAt = claims.iat === undefined ? undefined : new Date(claims.iat * 1000 - offset);
    const jwk =
      jws === undefined ? undefined : keys[keys.role === "client" ? "serverKey" : "clientKey"]?.verifier?.publicJwk;
    this.#signed =
      jws === undefined || jwk === undefined
        ? undefined
        : { jws, jwk, ...(hooks.peerToken === undefined ? {} : { token: hooks.peerToken() }) };
  }

  /** `index`: its place in a batch. */
  of(topic: string, data: Data, index: number | undefined): Message {
    const message: Writable<Message> = { topic, data, seq: this.#seq, expiresAt: this.#expiresAt };
    if (index !== undefined) message.index = index;
    if (this.#issuedAt !== undefined) message.issuedAt = this.#issuedAt;
    if (this.#signed !== undefined) message.signed = this.#signed;
    return message;
  }
}
