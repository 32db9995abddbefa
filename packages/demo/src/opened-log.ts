import type { RecordedFrame } from "./relay/types.ts";
import { toText } from "./wire/bytes.ts";
import { readClaims } from "./wire/cbor-claims.ts";

/** As the SDK's `trace` option reports it: one sealed message with its claims in clear. */
export interface Trace {
  readonly direction: "in" | "out";
  readonly seq: number;
  readonly claims: Uint8Array;
}

const KEPT_MESSAGES = 300;
/** Claims of file chunks are large and of no interest to a reader. */
const KEPT_BYTES = 4096;

/**
 * What this end sealed and opened. Laid beside the relay's record by direction and number: the relay counts the sealed
 * frames, which have the sequence numbers in turn.
 */
export class OpenedLog {
  readonly #claims = new Map<string, Uint8Array>();

  add({ direction, seq, claims }: Trace): void {
    this.#claims.set(`${direction === "out" ? "c2s" : "s2c"} ${seq}`, claims.slice(0, KEPT_BYTES + 1));
    if (this.#claims.size > KEPT_MESSAGES) this.#claims.delete(this.#claims.keys().next().value ?? "");
  }

  /** Numbers start again, or are sealed again: what follows belongs to another connection. */
  clear(): void {
    this.#claims.clear();
  }

  find(frame: Pick<RecordedFrame, "direction" | "seq" | "kind">): string | undefined {
    if (frame.kind !== "message" && frame.kind !== "control") return undefined;
    const claims = this.#claims.get(`${frame.direction} ${frame.seq}`);
    if (claims === undefined) return undefined;
    if (claims.length > KEPT_BYTES) return `(the first ${KEPT_BYTES / 1024} KiB of a file chunk; not kept)`;
    // JSON begins with "{"; a CBOR map of fewer than 24 members with 0xa0 to 0xb7.
    const value: unknown = claims[0] === 0x7b ? JSON.parse(toText(claims)) : readClaims(claims);
    return JSON.stringify(value, null, 2);
  }
}
