// Values of test-vectors/README.md, section 3, and those of core.
import type { Data } from "@sealwire/core";

export type Input = Readonly<Record<string, unknown>>;
/** One operation of a driver. A refusal is thrown: a SealwireError, or a TypeError for a mistake of the caller. */
export type Ops = Readonly<Record<string, (input: Input) => unknown | Promise<unknown>>>;

export type Message = { readonly text: string } | { readonly binary: string };

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
/** Without the methods of Buffer, whose slice() is a view. */
export const unhex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "hex"));

export const fromMessage = (message: Message): string | Uint8Array =>
  "text" in message ? message.text : unhex(message.binary);

export const toMessage = (payload: string | Uint8Array): Message =>
  typeof payload === "string" ? { text: payload } : { binary: hex(payload) };

/** `{"$bytes": hex}` stands for bytes, at any depth. */
export function fromJson(value: unknown): Data {
  if (typeof value !== "object" || value === null) return value as Data;
  if (Array.isArray(value)) return value.map(fromJson) as Data;
  const entries = Object.entries(value);
  const [name, content] = entries.length === 1 ? (entries[0] as [string, unknown]) : [];
  if (name === "$bytes") return unhex(content as string);
  return Object.fromEntries(entries.map(([member, inner]) => [member, fromJson(inner)])) as Data;
}

export function toJson(value: Data): unknown {
  if (value instanceof Uint8Array) return { $bytes: hex(value) };
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(toJson);
  return Object.fromEntries(Object.entries(value).map(([member, inner]) => [member, toJson(inner as Data)]));
}
