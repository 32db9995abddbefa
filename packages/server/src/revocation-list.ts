import { SealwireError } from "@sealwire/core";
import { type AnyRevocation, nameOf, type Revocable, type RevokedToken } from "./revocation.ts";

interface Entry {
  /** NumericDate. */
  readonly until: number;
  /** Of a subject: tokens that were issued before count. */
  readonly before: number;
}

/** Entries from which on what is past is looked for. */
const FEW = 1024;
const ANY = "";

/**
 * What was revoked, in memory, for as long as this server runs or until its end, where that is known. A feed that repeats
 * what is in force when it is subscribed to covers restarts.
 */
export class RevocationList {
  readonly #capacity: number;
  readonly #now: () => number;
  readonly #entries = new Map<string, Entry>();
  #sweepAt = FEW;

  /** `now` in milliseconds. */
  constructor(capacity: number, now: () => number) {
    this.#capacity = capacity;
    this.#now = now;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** `tokens`: those of sessions that it ended. False if all of it was known. @throws SealwireError E_QUEUE_FULL */
  add(by: AnyRevocation, tokens: readonly RevokedToken[]): boolean {
    const { until = Number.POSITIVE_INFINITY, issuedBefore: before = 0 } = by;
    const named = keysOf(by).map((key): [string, Entry] => [key, { until, before }]);
    return this.#put([...named, ...tokens.map((t): [string, Entry] => [nameOf(t), { until: t.expiresAt, before }])]);
  }

  #put(entries: readonly [string, Entry][]): boolean {
    const room = () => this.size + entries.length <= this.#capacity;
    if (this.size + entries.length > this.#sweepAt || !room()) this.#sweep();
    if (!room())
      throw new SealwireError("E_QUEUE_FULL", { detail: "limit revocations: sessions end, but tokens can come back" });
    let isNew = false;
    for (const [key, { until, before }] of entries) {
      const known = this.#find(key);
      if (known !== undefined && known.until >= until && known.before >= before) continue;
      isNew = true;
      this.#entries.set(key, {
        until: Math.max(until, known?.until ?? until),
        before: Math.max(before, known?.before ?? before),
      });
    }
    return isNew;
  }

  hasSession(id: string): boolean {
    return this.size > 0 && this.#find(JSON.stringify(["session", id])) !== undefined;
  }

  has(token: Revocable): boolean {
    if (this.size === 0) return false;
    const { issuer, subject, tokenId, thumbprint, issuedAt = Number.NEGATIVE_INFINITY } = token;
    if (this.#find(nameOf(token)) !== undefined) return true;
    if (thumbprint !== undefined && this.#find(JSON.stringify(["key", thumbprint])) !== undefined) return true;
    return [issuer, ANY].some(
      (by) =>
        (tokenId !== undefined && this.#find(JSON.stringify(["id", by, tokenId])) !== undefined) ||
        issuedAt < (this.#find(JSON.stringify(["subject", by, subject]))?.before ?? Number.NEGATIVE_INFINITY),
    );
  }

  #find(key: string): Entry | undefined {
    const entry = this.#entries.get(key);
    return entry !== undefined && entry.until * 1000 > this.#now() ? entry : undefined;
  }

  /** Each time twice as many are there as were left: what it costs is spread over what was added. */
  #sweep(): void {
    for (const [key, { until }] of this.#entries) if (until * 1000 <= this.#now()) this.#entries.delete(key);
    this.#sweepAt = Math.max(FEW, 2 * this.size);
  }
}

function keysOf({ session, tokenId, subject, thumbprint, issuer = ANY }: AnyRevocation): readonly string[] {
  if (session !== undefined) return [JSON.stringify(["session", session])];
  if (tokenId !== undefined) return [JSON.stringify(["id", issuer, tokenId])];
  if (thumbprint !== undefined) return [JSON.stringify(["key", thumbprint])];
  return [JSON.stringify(["subject", issuer, subject])];
}
