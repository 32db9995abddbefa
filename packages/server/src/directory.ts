import { type Awaitable, SealwireError } from "@sealwire/core";
import type { Chain } from "@sealwire/core/internal";
import {
  type AnyRevocation,
  assertRevocation,
  concerns,
  nameOf,
  type Revocation,
  type RevokedToken,
} from "./revocation.ts";
import { RevocationList } from "./revocation-list.ts";
import type { LiveServerSession, Peer } from "./session.ts";
import type { CheckedToken } from "./tokens.ts";

export interface DirectoryOptions {
  /** Revocations. */
  readonly capacity: number;
  /** The longest life of a session. */
  readonly seconds: number;
  /** Seconds by which the `iat` of a token can be ahead of `now`. */
  readonly tolerance: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** The tokens of a session that no server has, from the store that they share. */
  readonly parkedTokens: (session: string) => Promise<readonly RevokedToken[]>;
  /** Tells other servers. */
  readonly publish: ((revocation: Revocation) => Awaitable<void>) | undefined;
  readonly report: (detail: string, cause: unknown) => void;
}

/** The sessions of a server: found by a chain when they are resumed, and by what is revoked. */
export class SessionDirectory {
  /** Those that have not ended. */
  readonly sessions: Set<LiveServerSession> = new Set();
  readonly #byChain = new Map<string, LiveServerSession>();
  readonly #o: DirectoryOptions;
  readonly #revoked: RevocationList;

  constructor(options: DirectoryOptions) {
    this.#o = options;
    this.#revoked = new RevocationList(options.capacity, options.now);
  }

  /** The chains of a session changed from `before` to `after`. */
  index(session: LiveServerSession, before: readonly Chain[], after: readonly Chain[]): void {
    for (const { kid } of before) if (this.#byChain.get(kid) === session) this.#byChain.delete(kid);
    for (const { kid } of after) this.#byChain.set(kid, session);
  }

  /** The session that holds the chain with this K. Only sessions that can be resumed hold any. */
  find(kid: string): LiveServerSession | undefined {
    return this.#byChain.get(kid);
  }

  /** @throws SealwireError E_TOKEN for a token that is revoked */
  assertNotRevoked(token: CheckedToken): CheckedToken {
    if (!this.#revoked.has(token.revocable)) return token;
    throw new SealwireError("E_TOKEN", { stage: "claims", detail: "the token, its subject or its key is revoked" });
  }

  /** A session, or the token of one, that this server did not hold when it was revoked. Its other tokens are, from then on. */
  isRevoked(id: string, peer: Peer): boolean {
    if (!this.#revoked.hasSession(id) && !this.#revoked.has(peer.token.revocable)) return false;
    // Later: it may be in the middle of its beginning.
    queueMicrotask(() => this.#learn(id, peer));
    return true;
  }

  #learn(session: string, { token, earlier = [] }: Peer): void {
    const found = this.#complete({ session, tokens: [...earlier, token.revocable].map(bare) });
    const { isNew, news, failed } = this.#apply(found);
    if (!isNew) return;
    this.#publish([found, ...news], failed).catch((cause) =>
      this.#o.report("the tokens of a revoked session may open another one", cause),
    );
  }

  /**
   * Ends what it concerns, keeps its tokens from opening anything, and tells other servers. Answers with the number of
   * sessions ended.
   * @throws TypeError for what names nothing; SealwireError E_QUEUE_FULL if it cannot be remembered; what `publish` throws
   */
  async revoke(given: Revocation): Promise<number> {
    assertRevocation(given);
    const revocation = this.#complete(given);
    const { ended, news, failed } = this.#apply(revocation);
    const tokens = ended === 0 ? await this.#parked(revocation) : [];
    await this.#publish([tokens.length === 0 ? revocation : { ...revocation, tokens }, ...news], failed);
    return ended;
  }

  /** A revocation from elsewhere: others are told what only this server knows. @throws SealwireError and `publish` as `revoke` */
  async take(given: Revocation): Promise<void> {
    const revocation = this.#complete(given);
    const { isNew, ended, news, failed } = this.#apply(revocation);
    // Each server looks for itself: nobody has to be told.
    if (isNew && ended === 0) await this.#parked(revocation);
    await this.#publish(news, failed);
  }

  #complete(given: Revocation): Known {
    const now = this.#o.now() / 1000;
    const { session, subject, until = now + this.#o.seconds }: AnyRevocation = given;
    if (session !== undefined) return { ...given, until: Math.ceil(until) };
    if (subject === undefined) return given;
    // Whatever was issued by now, also by a clock that is ahead: no other server is told less than is meant here.
    const latest = Math.max(Math.floor(now) + this.#o.tolerance, this.#newest(given));
    const { issuedBefore = latest + 1 }: AnyRevocation = given;
    return { ...given, issuedBefore };
  }

  /** When the newest token of its sessions was issued: by a clock that went back, that is still far ahead. */
  #newest(revocation: AnyRevocation): number {
    const all = { ...revocation, issuedBefore: Number.POSITIVE_INFINITY };
    let newest = 0;
    for (const { id, revocable } of this.sessions)
      if (concerns(all, id, revocable)) newest = Math.max(newest, revocable.issuedAt ?? 0);
    return newest;
  }

  /** At once: nothing that is revoked opens, resumes or delivers anything after this. */
  #apply(revocation: Known): Applied {
    const { tokens = [] } = revocation;
    const outcome = this.#remember(revocation, tokens);
    // What was known has ended what it concerns, and who came later was asked about it.
    if (outcome === false) return { isNew: false, ended: 0, news: [], failed: undefined };
    const all: Outcome[] = [outcome];
    const news: Revocation[] = [];
    const ended = this.#end((s) => concerns(revocation, s.id, s.revocable));
    let names = new Set(tokens.map(nameOf));
    // A session that rests on a token of one that is revoked ends as well.
    for (let at = 0; names.size > 0 || at < ended.length; ) {
      for (const { id, tokens: had } of ended.slice(at)) {
        // The others are told of these by the revocation itself.
        const unnamed = had.filter((token) => !concerns(revocation, "", token));
        if (unnamed.length === 0) continue;
        const one = this.#complete({ session: id, tokens: unnamed.map(bare) });
        all.push(this.#remember(one, unnamed));
        news.push(one);
        for (const token of unnamed) names.add(nameOf(token));
      }
      at = ended.length;
      const by = names;
      names = new Set();
      if (by.size > 0) ended.push(...this.#end((s) => by.has(nameOf(s.revocable))));
    }
    const failed = all.find((one) => typeof one !== "boolean");
    return { isNew: true, ended: ended.length, news, failed };
  }

  #end(test: (session: LiveServerSession) => boolean): LiveServerSession[] {
    const concerned = [...this.sessions].filter((session) => !session.revoked && test(session));
    for (const session of concerned) session.revoke();
    return concerned;
  }

  /** The tokens of a session that no server has: from the store. */
  async #parked({ session, tokens }: AnyRevocation): Promise<readonly RevokedToken[]> {
    if (session === undefined || tokens !== undefined) return [];
    const found = (await this.#o.parkedTokens(session)).map(bare);
    if (found.length === 0) return found;
    const { news, failed } = this.#apply(this.#complete({ session, tokens: found }));
    await this.#publish(news, failed);
    return found;
  }

  #remember(by: AnyRevocation, tokens: readonly RevokedToken[]): Outcome {
    try {
      return this.#revoked.add(by, tokens);
    } catch (error) {
      return error as SealwireError;
    }
  }

  async #publish(revocations: readonly Revocation[], failed: Outcome | undefined): Promise<void> {
    for (const revocation of revocations) await this.#o.publish?.(revocation);
    if (failed !== undefined) throw failed;
  }
}

type Known = Revocation & AnyRevocation;

interface Applied {
  readonly isNew: boolean;
  /** Sessions. */
  readonly ended: number;
  /** What other servers do not know. */
  readonly news: readonly Revocation[];
  readonly failed: Outcome | undefined;
}

/** Whether something was new, or why it is not remembered. */
type Outcome = boolean | SealwireError;

/** Without what only this server needs. */
const bare = ({ issuer, subject, tokenId, issuedAt, expiresAt }: RevokedToken): RevokedToken => ({
  issuer,
  subject,
  expiresAt,
  ...(tokenId === undefined ? {} : { tokenId }),
  ...(issuedAt === undefined ? {} : { issuedAt }),
});
