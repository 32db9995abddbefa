import { createMemoryReplayStore, type IssuerKeys, type ReplayStore } from "@sealwire/core";
import {
  assertData,
  type CryptoBackend,
  decodeStandaloneClaims,
  encodeStandaloneClaims,
  isIdentifier,
  isMessageId,
  isTopic,
  openWith,
  type PrivateJwk,
  type PublicJwk,
  replayKey,
  type StandaloneClaims,
  sealWith,
  type Wire,
} from "@sealwire/core/internal";
import { backend } from "./backend.ts";
import { fromJson, fromMessage, type Input, type Message, type Ops, toJson, toMessage } from "./values.ts";

export function readStandalone(bytes: Uint8Array, encrypted: boolean): object {
  const { data, ...claims } = decodeStandaloneClaims(bytes, encrypted);
  return { ...claims, data: toJson(data) };
}

/** What `seal` checks, then the claims in the order of the table. */
export function writeStandalone(input: Input): Uint8Array {
  const claims = { ...input, data: fromJson(input.data) } as StandaloneClaims;
  const { iss, aud, top, jti, ref, data } = claims;
  if (![iss, aud].every(isIdentifier)) throw new TypeError("iss and aud are identifiers");
  if (![jti, ref ?? jti].every(isMessageId)) throw new TypeError("jti and ref are ids of envelopes");
  if (!isTopic(top)) throw new TypeError("not a topic");
  assertData(data, "json");
  return encodeStandaloneClaims(claims);
}

interface Opens {
  readonly message: Message;
  readonly audience: string | readonly string[];
  readonly keys: IssuerKeys;
  readonly decryptionKey?: PrivateJwk;
  readonly now: number;
  readonly maxLife?: number;
  readonly seen?: readonly (readonly [iss: string, jti: string])[];
}

/** A store that holds what the input says was delivered. */
async function storeOf({ audience, seen = [], now }: Opens): Promise<ReplayStore> {
  const store = createMemoryReplayStore({ startedAt: 0 });
  const receiver = typeof audience === "string" ? audience : (audience[0] as string);
  for (const [issuer, jti] of seen) {
    const key = await replayKey(receiver, issuer, jti, backend);
    store.insert({ key, issuer, issuedAt: now, keepUntil: now + 86_400, now });
  }
  return store;
}

async function open(input: Opens): Promise<object> {
  const { message, audience, keys, decryptionKey, now, maxLife } = input;
  const opened = await openWith(backend, fromMessage(message), {
    audience,
    keys,
    ...(decryptionKey === undefined ? {} : { decryptionKey }),
    ...(maxLife === undefined ? {} : { maxLife }),
    replay: await storeOf(input),
    now: () => now * 1000,
  });
  const { issuer, audience: aud, id, issuedAt, expiresAt, topic, ref, data, encrypted } = opened;
  return {
    iss: issuer,
    aud,
    jti: id,
    iat: issuedAt.getTime() / 1000,
    exp: expiresAt.getTime() / 1000,
    top: topic,
    ref,
    data: toJson(data),
    encrypted,
  };
}

interface Seals {
  readonly wire: Wire;
  readonly signer: PrivateJwk;
  readonly iss: string;
  readonly aud: string;
  readonly jti: string;
  readonly iat: number;
  readonly exp: number;
  readonly top: string;
  readonly ref?: string;
  readonly data: unknown;
  readonly encryptTo?: PublicJwk;
}

const ID_BYTES = 16;

/** The driver's backend, whose first random bytes are those of the `jti`; it makes no other 16 bytes. */
function withId(jti: string): CryptoBackend {
  const id = Buffer.from(jti, "base64url");
  return {
    ...backend,
    random: (length) => (length === ID_BYTES ? Uint8Array.from(id) : backend.random(length)),
  };
}

async function seal({ wire, signer, iss, aud, jti, iat, exp, top, ref, data, encryptTo }: Seals): Promise<object> {
  const content = { topic: top, data: fromJson(data), ...(ref === undefined ? {} : { ref }) };
  const sealed = await sealWith(withId(jti), content, {
    issuer: iss,
    key: signer,
    audience: aud,
    expiresIn: exp - iat,
    ...(encryptTo === undefined ? {} : { encryptTo }),
    form: wire,
    now: () => iat * 1000,
  });
  return { message: toMessage(sealed) };
}

export const ops: Ops = {
  "standalone.open": (input) => open(input as unknown as Opens),
  "standalone.seal": (input) => seal(input as unknown as Seals),
};
