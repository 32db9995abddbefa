// How an opener has to be asked for what a sealing vector seals, where the vector itself has no `then`.
import type { Values } from "./expand.ts";
import type { FollowUp, VectorCase } from "./vectors.ts";

/** `{"$key": label}` to `{"$public": label}`: only short forms tell which private key belongs to a public one. */
function renamed(key: unknown, from: "$key" | "$public", to: "$key" | "$public"): Values | undefined {
  const label = (key as Values)[from];
  return label === undefined ? undefined : { [to]: label };
}

const given = (values: Values): Values =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));

function openMessage({
  wire,
  level,
  codec,
  keys,
  signer,
  self,
  peer,
  control,
  ...claims
}: Values): FollowUp | undefined {
  const peerKey = signer === undefined ? undefined : renamed(signer, "$key", "$public");
  if (signer !== undefined && peerKey === undefined) return undefined;
  const { seq, iat, exp, top, ref = null, req = false, data, bat = [[top, ref, data, req]] } = claims;
  const items = (bat as unknown[][]).map(([top, ref, data, req = false]) => ({ top, ref, req, data }));
  // An opener that has sent so much that every `ref` and `rcv` can be true.
  const state = { last: (seq as number) - 1, sent: Number.MAX_SAFE_INTEGER, rcv: 0 };
  const now = iat ?? (exp === undefined ? 0 : (exp as number) - 1);
  const signed = peerKey === undefined ? {} : { peerKey, self: peer, peer: self };
  const result =
    control === undefined
      ? given({ kind: "message", seq, iat, exp, items })
      : { kind: "control", seq, ...(control as Values) };
  return {
    op: "message.open",
    input: { wire, level, codec, keys, ...signed, ...state, now },
    result: { ok: true, ...result },
  };
}

function openStandalone({ wire: _, signer, encryptTo, ...claims }: Values): FollowUp | undefined {
  const key = renamed(signer, "$key", "$public");
  const decryptionKey = encryptTo === undefined ? undefined : renamed(encryptTo, "$public", "$key");
  if (key === undefined || (encryptTo !== undefined && decryptionKey === undefined)) return undefined;
  const { iss, aud, iat } = claims;
  return {
    op: "standalone.open",
    input: given({ audience: aud, keys: { [iss as string]: { keys: [key] } }, decryptionKey, now: iat }),
    result: { ok: true, ...claims, encrypted: encryptTo !== undefined },
  };
}

/** Undefined for what seals nothing. */
export function openingOf({ op, input, result, then }: VectorCase): FollowUp | undefined {
  if (result.ok !== true) return undefined;
  if (op === "message.seal") return then ?? openMessage(input);
  return op === "standalone.seal" ? (then ?? openStandalone(input)) : undefined;
}
