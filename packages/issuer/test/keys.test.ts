import { calculateJwkThumbprint, createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from "jose";
import { describe, expect, it } from "vitest";
import { MOST_KEYS } from "../src/keys.ts";
import { type Issuer, startIssuer, tokensOf } from "./support.ts";

const kidOf = (token: string) => decodeProtectedHeader(token).kid;
const published = async (w: Issuer) => (await w.jwks()).keys.map(({ kid }) => kid);
const accessToken = async (w: Issuer) => tokensOf(await w.signIn()).accessToken;

describe("keys", () => {
  it("are published without their private halves, named by thumbprint", async () => {
    const w = await startIssuer();
    const [key] = (await w.jwks()).keys;
    expect(Object.keys(key as object).sort()).toEqual(["alg", "crv", "kid", "kty", "use", "x", "y"]);
    expect(key?.kid).toBe(await calculateJwkThumbprint(key as never));
  });

  it("after a rotation the new one signs, and both are published until the overlap ends", async () => {
    const w = await startIssuer({ keyOverlapSeconds: 700 });
    const before = await accessToken(w);
    await w.issuer.rotateKeys();
    const after = await accessToken(w);
    expect(await published(w)).toEqual([kidOf(after), kidOf(before)]);
    expect(kidOf(after)).not.toBe(kidOf(before));
    const keys = createLocalJWKSet((await w.jwks()) as unknown as JSONWebKeySet);
    for (const token of [before, after])
      await jwtVerify(token, keys, { currentDate: new Date(w.clock.seconds * 1000) });
    w.clock.seconds += 699;
    expect(await published(w)).toHaveLength(2);
    w.clock.seconds += 1;
    expect(await published(w)).toEqual([kidOf(after)]);
  });

  it("the overlap is longer than a token lives, where nobody says otherwise", async () => {
    const w = await startIssuer({ accessTokenSeconds: 5000 });
    await w.issuer.rotateKeys();
    w.clock.seconds += 5599;
    expect(await published(w)).toHaveLength(2);
    w.clock.seconds += 1;
    expect(await published(w)).toHaveLength(1);
  });

  it("refresh and revocation go on across a rotation", async () => {
    const w = await startIssuer();
    const first = tokensOf(await w.signIn());
    await w.issuer.rotateKeys();
    expect(kidOf(tokensOf(await w.refresh(first.refreshToken)).accessToken)).toBe((await published(w))[0]);
    const feed = w.issuer.revocations()[Symbol.asyncIterator]();
    await w.revoke(first.accessToken);
    expect(await feed.next()).toMatchObject({ value: { tokenId: expect.any(String) } });
  });

  it("no more than 16 are published: the next rotation fails and changes nothing", async () => {
    const w = await startIssuer();
    for (let i = 1; i < MOST_KEYS; i++) await w.issuer.rotateKeys();
    const keys = await published(w);
    expect(keys).toHaveLength(MOST_KEYS);
    await expect(w.issuer.rotateKeys()).rejects.toThrow(/16 keys/);
    expect(await published(w)).toEqual(keys);
    expect(kidOf(await accessToken(w))).toBe(keys[0]);
  });

  it("rotations at once each have their key", async () => {
    const w = await startIssuer();
    await Promise.all([w.issuer.rotateKeys(), w.issuer.rotateKeys()]);
    expect(new Set(await published(w)).size).toBe(3);
  });
});
