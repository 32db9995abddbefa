// Calls that an application makes in one turn, and the messages that a sealer which batches makes of them.
import { b64u, unhex } from "../kit/bytes.ts";
import type { Message } from "../kit/jose.ts";
import type { Claims } from "../kit/messages.ts";
import type { Values } from "./handshake-scene.ts";
import type { Talk } from "./session-scene.ts";

/** `init` of an end that batches. */
export const BATCHES: Values = { batch: true };

export type Call = Values & { readonly op: "send" | "request" | "close"; readonly data?: unknown };

export const send = (data: unknown, more: Values = {}): Call => ({ op: "send", top: "chat.say", data, ...more });
export const ask = (data: unknown): Call => ({ op: "request", top: "chat.ask", data });

/** Data as the wire carries it. */
function onTheWire(data: unknown): unknown {
  const { $bytes, $text } = (data ?? {}) as {
    readonly $bytes?: string;
    readonly $text?: { repeat: string; n: number };
  };
  if ($bytes !== undefined) return unhex($bytes);
  return $text === undefined ? data : $text.repeat.repeat($text.n);
}

const claimsOf = (t: Talk, { ttl, idempotent }: Call): Claims => ({
  ...(ttl === undefined ? {} : { exp: t.peer.now + (ttl as number) }),
  ...(idempotent === undefined ? {} : { jti: idempotent, iat: Math.max(t.peer.now, t.peer.handshake.setup.now + 1) }),
});

/** One call that stands alone. */
export function alone(t: Talk, call: Call): Message {
  const data = onTheWire(call.data);
  const { codec } = t.peer.reverse;
  const body = data instanceof Uint8Array && codec === "json" ? { bin: b64u(data) } : { dat: data };
  return t.peer.says({ ...claimsOf(t, call), top: call.top, ...(call.op === "request" ? { req: true } : {}), ...body });
}

/** Several calls under one number; their lives are one. */
export function batch(t: Talk, calls: readonly Call[]): Message {
  const bat = calls.map(({ op, top, data }) => [top, null, onTheWire(data), ...(op === "request" ? [true] : [])]);
  return t.peer.says({ ...claimsOf(t, calls[0] as Call), bat });
}

/** What calls make: those of one list share a number. */
export const sealed = (t: Talk, parts: readonly (readonly Call[])[]): Message[] =>
  parts.map((part) => (part.length === 1 ? alone(t, part[0] as Call) : batch(t, part)));

/** A turn, by the lists of calls that share a number; `calls` where others are among them. */
export function turn<T extends Talk>(
  t: T,
  parts: readonly (readonly Call[])[],
  outcome: Values = {},
  calls: readonly Call[] = parts.flat(),
): T {
  return t.step({ op: "turn", calls }, { emit: sealed(t, parts), ...outcome });
}
