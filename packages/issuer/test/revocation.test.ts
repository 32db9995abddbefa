import type { Revocation } from "@sealwire/issuer";
import { decodeJwt } from "jose";
import { describe, expect, it } from "vitest";
import { FEED_CAPACITY, RevocationFeed } from "../src/revocations.ts";
import { ISSUER, type Issuer, SECRET, START, startIssuer, tokensOf } from "./support.ts";

const idOf = (accessToken: string): string => decodeJwt(accessToken).jti as string;

const expiryOf = (accessToken: string): number => decodeJwt(accessToken).exp as number;

/** What a subscriber gets that comes now: revocations in force. */
async function inForce({ issuer }: Pick<Issuer, "issuer">): Promise<Revocation[]> {
  const mark = `end ${crypto.randomUUID()}`;
  await issuer.revokeSubject(mark);
  const all: Revocation[] = [];
  for await (const revocation of issuer.revocations()) {
    if (!("subject" in revocation && revocation.subject.startsWith("end "))) all.push(revocation);
    else if (revocation.subject === mark) break;
  }
  return all;
}

describe("the revocation endpoint", () => {
  it("a refresh token: its sign-in ends, and its access tokens are published", async () => {
    const w = await startIssuer();
    const first = tokensOf(await w.signIn());
    const second = tokensOf(await w.refresh(first.refreshToken));
    const elsewhere = tokensOf(await w.signIn());
    expect(await w.revoke(second.refreshToken)).toMatchObject({ status: 200 });
    expect((await w.refresh(second.refreshToken)).body.error).toBe("invalid_grant");
    expect((await w.refresh(elsewhere.refreshToken)).status).toBe(200);
    expect(await inForce(w)).toEqual(
      [first, second].map(({ accessToken }) => ({
        issuer: ISSUER,
        tokenId: idOf(accessToken),
        until: expiryOf(accessToken),
      })),
    );
  });

  it("an older refresh token of the sign-in ends it too, and a second time is no error", async () => {
    const w = await startIssuer();
    const first = tokensOf(await w.signIn());
    const second = tokensOf(await w.refresh(first.refreshToken));
    for (let i = 0; i < 2; i++) expect((await w.revoke(first.refreshToken)).status).toBe(200);
    expect((await w.refresh(second.refreshToken)).body.error).toBe("invalid_grant");
    expect(await inForce(w)).toHaveLength(2);
  });

  it("an access token: that one, whatever the hint says", async () => {
    const w = await startIssuer();
    const { accessToken, refreshToken } = tokensOf(await w.signIn());
    expect((await w.revoke(accessToken, { token_type_hint: "refresh_token" })).status).toBe(200);
    expect(await inForce(w)).toEqual([{ issuer: ISSUER, tokenId: idOf(accessToken), until: expiryOf(accessToken) }]);
    expect((await w.refresh(refreshToken)).status).toBe(200);
  });

  it.each<[string, (w: Issuer) => Promise<string> | string]>([
    ["no token at all", () => "anything"],
    ["a refresh token that nobody gave out", () => `${"a".repeat(43)}.${"b".repeat(43)}`],
    ["an access token of another issuer", async () => tokensOf(await (await startIssuer()).signIn()).accessToken],
    [
      "an access token that has expired",
      async (w) => (await w.issuer.signIn("alice", { clientId: "app", issuedAt: START - 601 })).access_token,
    ],
  ])("%s: 200, and nothing is published", async (_, make) => {
    const w = await startIssuer();
    expect((await w.revoke(await make(w))).status).toBe(200);
    expect(await inForce(w)).toEqual([]);
  });

  it("tokens of another client are refused", async () => {
    const w = await startIssuer();
    const { accessToken, refreshToken } = tokensOf(await w.signIn());
    for (const token of [accessToken, refreshToken]) {
      expect(await w.revoke(token, { client_id: "other" })).toMatchObject({
        status: 400,
        body: { error: "invalid_grant" },
      });
    }
    expect((await w.refresh(refreshToken)).status).toBe(200);
    expect(await inForce(w)).toEqual([]);
  });

  it("wants the client to authenticate, and a token", async () => {
    const w = await startIssuer();
    expect((await w.revoke("x", { client_id: "service" })).body.error).toBe("invalid_client");
    expect((await w.revoke("x", { client_id: "service", client_secret: SECRET })).status).toBe(200);
    expect((await w.revoke("")).body.error).toBe("invalid_request");
  });
});

describe("what is published", () => {
  it("reuse: every access token of the sign-in that could still be used", async () => {
    const w = await startIssuer();
    const first = tokensOf(await w.signIn());
    w.clock.seconds += 600;
    const second = tokensOf(await w.refresh(first.refreshToken));
    const third = tokensOf(await w.refresh(second.refreshToken));
    await w.refresh(second.refreshToken);
    expect(await inForce(w)).toEqual(
      [second, third].map(({ accessToken }) => ({
        issuer: ISSUER,
        tokenId: idOf(accessToken),
        until: expiryOf(accessToken),
      })),
    );
  });

  it("nothing about tokens that have expired", async () => {
    const w = await startIssuer();
    const { refreshToken } = tokensOf(await w.signIn());
    const feed = w.issuer.revocations()[Symbol.asyncIterator]();
    w.clock.seconds += 600;
    await w.revoke(refreshToken);
    await w.issuer.revokeSubject("alice");
    expect((await feed.next()).value).toMatchObject({ subject: "alice" });
  });

  it("a sign-in has 16 live access tokens; with one more the oldest is revoked", async () => {
    const w = await startIssuer();
    let tokens = tokensOf(await w.signIn());
    const first = idOf(tokens.accessToken);
    for (let i = 0; i < 15; i++) tokens = tokensOf(await w.refresh(tokens.refreshToken));
    expect(await inForce(w)).toEqual([]);
    await w.refresh(tokens.refreshToken);
    expect(await inForce(w)).toContainEqual({ issuer: ISSUER, tokenId: first, until: START + 600 });
  });

  it("a user: every sign-in ends, and tokens up to the present second are meant", async () => {
    const w = await startIssuer();
    const [alice, bob] = [tokensOf(await w.signIn()), tokensOf(await w.signIn({ subject: "bob" }))];
    await w.issuer.revokeSubject("alice");
    expect((await w.refresh(alice.refreshToken)).body.error).toBe("invalid_grant");
    expect((await w.refresh(bob.refreshToken)).status).toBe(200);
    expect(await inForce(w)).toEqual([
      { issuer: ISSUER, subject: "alice", issuedBefore: START + 1, until: START + 601 },
    ]);
    expect(decodeJwt(alice.accessToken).iat).toBeLessThan(START + 1);
  });

  it("a user who is signing in meanwhile: the sign-in fails, and nothing of it is good", async () => {
    const held = { release: () => {} };
    const waits = new Promise<void>((resolve) => {
      held.release = resolve;
    });
    const w = await startIssuer({ accounts: () => waits.then(() => ({ scopes: [] })) });
    const signingIn = w.signIn();
    await new Promise((resolve) => setImmediate(resolve));
    await w.issuer.revokeSubject("alice");
    held.release();
    expect((await signingIn).body.error).toBe("invalid_grant");
    expect((await inForce(w)).length).toBe(2);
  });

  it("is kept for later subscribers as long as a token could be used", async () => {
    const w = await startIssuer();
    await w.revoke(tokensOf(await w.signIn()).accessToken);
    await w.issuer.revokeSubject("alice");
    w.clock.seconds += 599;
    expect(await inForce(w)).toHaveLength(2);
    w.clock.seconds += 1;
    expect(await inForce(w)).toEqual([
      { issuer: ISSUER, subject: "alice", issuedBefore: START + 1, until: START + 601 },
    ]);
    w.clock.seconds += 1;
    expect(await inForce(w)).toEqual([]);
  });
});

describe("a subscription", () => {
  const one = (n: number) => ({ tokenId: `t${n}`, until: START + 1 });
  const feed = () => new RevocationFeed(() => START * 1000);

  it("each has everything, in order, whether it waits or not", async () => {
    const f = feed();
    const [a, b] = [f.subscribe(), f.subscribe()];
    const waiting = [a.next(), a.next()];
    for (let i = 0; i < 3; i++) f.publish([one(i)]);
    expect(await Promise.all([...waiting, a.next()])).toEqual([0, 1, 2].map((i) => ({ done: false, value: one(i) })));
    expect(await Promise.all([b.next(), b.next(), b.next()])).toEqual(
      [0, 1, 2].map((i) => ({ done: false, value: one(i) })),
    );
  });

  it("ends when its reader ends it, while it waits too, and is forgotten", async () => {
    const f = feed();
    const a = f.subscribe();
    const waiting = a.next();
    expect(f.subscribers).toBe(1);
    await a.return?.();
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(await a.next()).toEqual({ done: true, value: undefined });
    expect(f.subscribers).toBe(0);
    f.publish([one(1)]);
    expect(await a.next()).toEqual({ done: true, value: undefined });
  });

  it("that lags too far behind gets what it has, then an error, and holds no more", async () => {
    const f = feed();
    const a = f.subscribe();
    for (let i = 0; i < FEED_CAPACITY; i++) f.publish([one(i)]);
    expect(() => f.publish([one(FEED_CAPACITY)])).toThrow(/too many/);
    expect(f.subscribers).toBe(0);
    for (let i = 0; i < FEED_CAPACITY; i++) expect(await a.next()).toEqual({ done: false, value: one(i) });
    await expect(a.next()).rejects.toThrow(/behind/);
    expect(await a.next()).toEqual({ done: true, value: undefined });
  });

  it("has what was revoked twice once, and of a user the later time", async () => {
    const f = feed();
    const alice = (n: number) => ({ subject: "alice", issuedBefore: n, until: START + n });
    f.publish([alice(1)]);
    for (let i = 0; i <= FEED_CAPACITY; i++) f.publish([one(1)]);
    f.publish([alice(2)]);
    const a = f.subscribe();
    for (const value of [one(1), alice(2)]) expect(await a.next()).toEqual({ done: false, value });
    f.publish([one(1), alice(2), one(2)]);
    expect(await a.next()).toEqual({ done: false, value: one(2) });
  });
});

describe("10,000 revocations in force", () => {
  const fill = async (w: Issuer) => {
    for (let i = 0; i < FEED_CAPACITY; i++) await w.issuer.revokeSubject(`u${i}`);
  };
  const FULL = { status: 503, body: { error: "temporarily_unavailable" } };

  it("push none of them out: one more is refused, and told to those who are there", async () => {
    const w = await startIssuer();
    await fill(w);
    const there = w.issuer.revocations()[Symbol.asyncIterator]();
    for (let i = 0; i < FEED_CAPACITY; i++) await there.next();
    await expect(w.issuer.revokeSubject("alice")).rejects.toMatchObject({ code: "temporarily_unavailable" });
    expect((await there.next()).value).toMatchObject({ subject: "alice" });
    const later = w.issuer.revocations()[Symbol.asyncIterator]();
    for (let i = 0; i < FEED_CAPACITY; i++) expect((await later.next()).value).toMatchObject({ subject: `u${i}` });
    w.clock.seconds += 601;
    await w.issuer.revokeSubject("alice");
    expect((await later.next()).value).toMatchObject({ subject: "alice" });
  });

  it("RFC 7009: 503, and the token is as it was", async () => {
    const w = await startIssuer();
    await fill(w);
    const first = tokensOf(await w.signIn());
    expect(await w.revoke(first.accessToken)).toMatchObject(FULL);
    expect(await w.revoke(first.refreshToken)).toMatchObject(FULL);
    const second = tokensOf(await w.refresh(first.refreshToken));
    w.clock.seconds += 601;
    expect((await w.revoke(second.refreshToken)).status).toBe(200);
    expect((await w.refresh(second.refreshToken)).body.error).toBe("invalid_grant");
  });

  it("a refresh that would revoke the oldest access token waits, and uses nothing up", async () => {
    const w = await startIssuer();
    let tokens = tokensOf(await w.signIn());
    for (let i = 0; i < 15; i++) tokens = tokensOf(await w.refresh(tokens.refreshToken));
    await fill(w);
    expect(await w.refresh(tokens.refreshToken)).toMatchObject(FULL);
    w.clock.seconds += 601;
    expect((await w.refresh(tokens.refreshToken)).status).toBe(200);
  });

  it("reuse ends the sign-in all the same", async () => {
    const w = await startIssuer();
    const first = tokensOf(await w.signIn());
    const second = tokensOf(await w.refresh(first.refreshToken));
    await fill(w);
    expect(await w.refresh(first.refreshToken)).toMatchObject(FULL);
    expect((await w.refresh(second.refreshToken)).body.error).toBe("invalid_grant");
  });
});
