import { createMemoryIssuerStore, type RefreshFamily } from "@sealwire/issuer";
import { decodeJwt } from "jose";
import { describe, expect, it } from "vitest";
import { proofKey, proofOf, startIssuer, tokensOf } from "./support.ts";

const key = await proofKey();
const thief = await proofKey();

const GONE = { status: 400, body: { error: "invalid_grant" } };

describe("a refresh token", () => {
  it("is replaced by each use", async () => {
    const w = await startIssuer();
    const first = tokensOf(await w.signIn());
    const second = tokensOf(await w.refresh(first.refreshToken));
    const third = tokensOf(await w.refresh(second.refreshToken));
    expect(new Set([first.refreshToken, second.refreshToken, third.refreshToken]).size).toBe(3);
    expect(new Set([first, second, third].map(({ accessToken }) => decodeJwt(accessToken).jti)).size).toBe(3);
  });

  it("that was used before ends everything that came of its sign-in, and nothing else", async () => {
    const w = await startIssuer();
    const mine = tokensOf(await w.signIn());
    const elsewhere = tokensOf(await w.signIn());
    const next = tokensOf(await w.refresh(mine.refreshToken));
    const reuse = await w.refresh(mine.refreshToken);
    expect(reuse).toMatchObject(GONE);
    expect(reuse.body.error_description).toMatch(/used before/);
    expect(JSON.stringify(reuse.body)).not.toContain(mine.refreshToken.slice(0, 20));
    expect(await w.refresh(next.refreshToken)).toMatchObject(GONE);
    expect((await w.refresh(elsewhere.refreshToken)).status).toBe(200);
  });

  it.each<[string, { scope?: string }]>([
    ["asks for too much", { scope: "admin" }],
    ["is of a user who is gone", {}],
  ])("that was used before ends its sign-in, also where it %s", async (_, form) => {
    const w = await startIssuer();
    const first = tokensOf(await w.signIn());
    const next = tokensOf(await w.refresh(first.refreshToken));
    const { alice } = w.accounts;
    if (form.scope === undefined) delete w.accounts.alice;
    expect((await w.refresh(first.refreshToken, form)).body.error_description).toMatch(/used before/);
    if (alice !== undefined) w.accounts.alice = alice;
    expect(await w.refresh(next.refreshToken)).toMatchObject(GONE);
  });

  it("that comes twice at once is used before by one of the two", async () => {
    const w = await startIssuer();
    const { refreshToken } = tokensOf(await w.signIn());
    const answers = await Promise.all([w.refresh(refreshToken), w.refresh(refreshToken)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 400]);
    const winner = answers.find(({ status }) => status === 200) as (typeof answers)[0];
    expect(await w.refresh(tokensOf(winner).refreshToken)).toMatchObject(GONE);
  });

  it("ends with its sign-in: refreshing does not lengthen it", async () => {
    const w = await startIssuer({ refreshTokenSeconds: 1000 });
    const first = tokensOf(await w.signIn());
    w.clock.seconds += 999;
    const { refreshToken } = tokensOf(await w.refresh(first.refreshToken));
    w.clock.seconds += 1;
    expect(await w.refresh(refreshToken)).toMatchObject(GONE);
  });

  it.each([
    ["that is none", "refresh"],
    ["that nobody gave out", `${"a".repeat(43)}.${"b".repeat(43)}`],
    ["that is missing", ""],
  ])("%s is refused", async (_, token) => {
    const w = await startIssuer();
    expect((await w.refresh(token)).status).toBe(400);
  });

  it("of another client is refused, and stays good for its own", async () => {
    const w = await startIssuer();
    const { refreshToken } = tokensOf(await w.signIn());
    expect(await w.refresh(refreshToken, { client_id: "other" })).toMatchObject(GONE);
    expect((await w.refresh(refreshToken)).status).toBe(200);
  });

  it("is kept as a hash only", async () => {
    const families: RefreshFamily[] = [];
    const memory = createMemoryIssuerStore();
    const note = (family: RefreshFamily) => {
      families.push(family);
      return family;
    };
    const w = await startIssuer({
      store: {
        ...memory,
        add: (family) => memory.add(note(family)),
        replace: (family, expected) => memory.replace(note(family), expected),
      },
    });
    const first = tokensOf(await w.signIn());
    const second = tokensOf(await w.refresh(first.refreshToken));
    expect(families).toHaveLength(2);
    for (const token of [first, second]) {
      for (const part of [...token.refreshToken.split("."), ...token.accessToken.split(".")]) {
        expect(JSON.stringify(families)).not.toContain(part);
      }
    }
  });
});

describe("a store of another kind", () => {
  it("has put a family in place only where it says true", async () => {
    const memory = createMemoryIssuerStore();
    const w = await startIssuer({ store: { ...memory, replace: async () => ({ changed: 0 }) as never } });
    const { refreshToken } = tokensOf(await w.signIn());
    expect(await w.refresh(refreshToken)).toMatchObject({ status: 400, body: { error: "invalid_grant" } });
  });
});

describe("a refresh token bound to a key", () => {
  const bound = async () => {
    const w = await startIssuer();
    return { ...w, ...tokensOf(await w.signIn({}, { dpop: await proofOf(key) })) };
  };

  it("gives tokens bound to it", async () => {
    const w = await bound();
    const response = await w.refresh(w.refreshToken, {}, { dpop: await proofOf(key) });
    expect(response.body.token_type).toBe("DPoP");
    expect(decodeJwt(tokensOf(response).accessToken).cnf).toEqual({ jkt: key.thumbprint });
  });

  it.each([
    ["without a proof", async () => ({})],
    ["with a proof by another key", async () => ({ dpop: await proofOf(thief) })],
    [
      "with a proof for another address",
      async () => ({ dpop: await proofOf(key, { claims: { htu: "https://x.example" } }) }),
    ],
  ])("%s is refused, and not used up", async (_, headers) => {
    const w = await bound();
    expect((await w.refresh(w.refreshToken, {}, await headers())).status).toBe(400);
    expect((await w.refresh(w.refreshToken, {}, { dpop: await proofOf(key) })).status).toBe(200);
  });

  it("does not end by a thief without the key, who has one that was used", async () => {
    const w = await bound();
    const next = tokensOf(await w.refresh(w.refreshToken, {}, { dpop: await proofOf(key) }));
    expect(await w.refresh(w.refreshToken, {}, { dpop: await proofOf(thief) })).toMatchObject(GONE);
    expect((await w.refresh(next.refreshToken, {}, { dpop: await proofOf(key) })).status).toBe(200);
  });

  it("a bearer one does not become one", async () => {
    const w = await startIssuer();
    const { refreshToken } = tokensOf(await w.signIn());
    expect(await w.refresh(refreshToken, {}, { dpop: await proofOf(key) })).toMatchObject(GONE);
  });
});

describe("the scope of a refresh", () => {
  it("may be narrower, and the next one whole again", async () => {
    const w = await startIssuer();
    const narrow = await w.refresh(tokensOf(await w.signIn()).refreshToken, { scope: "chat.join" });
    expect([narrow.body.scope, decodeJwt(tokensOf(narrow).accessToken).scope]).toEqual(["chat.join", "chat.join"]);
    expect((await w.refresh(tokensOf(narrow).refreshToken)).body.scope).toBe("chat.say chat.join");
  });

  it("is never wider than the sign-in's, though the account has more", async () => {
    const w = await startIssuer();
    const { refreshToken } = tokensOf(await w.signIn({ scope: "chat.join" }));
    const wide = await w.refresh(refreshToken, { scope: "chat.join chat.say" });
    expect(wide).toMatchObject({ status: 400, body: { error: "invalid_scope" } });
    expect((await w.refresh(refreshToken)).body.scope).toBe("chat.join");
  });

  it("loses what was taken from the account, and its claims are those of now", async () => {
    const w = await startIssuer();
    const { refreshToken } = tokensOf(await w.signIn());
    w.accounts.alice = { scopes: ["chat.join", "more"], claims: { roles: [] } };
    const response = await w.refresh(refreshToken);
    const { scope, roles, groups } = decodeJwt(tokensOf(response).accessToken);
    expect([scope, roles, groups]).toEqual(["chat.join", [], undefined]);
    expect((await w.refresh(tokensOf(response).refreshToken, { scope: "chat.say" })).body.error).toBe("invalid_scope");
  });

  it("an account that is gone gets nothing", async () => {
    const w = await startIssuer();
    const { refreshToken } = tokensOf(await w.signIn());
    delete w.accounts.alice;
    expect(await w.refresh(refreshToken)).toMatchObject(GONE);
  });
});

describe("room for sign-ins", () => {
  it("what is full refuses the next, keeps the others, and takes again when one expires", async () => {
    const now = () => w.clock.seconds * 1000;
    const store = createMemoryIssuerStore({ families: 2, now: () => now() });
    const w = await startIssuer({ store, refreshTokenSeconds: 1000 });
    const first = tokensOf(await w.signIn());
    w.clock.seconds += 10;
    const second = tokensOf(await w.signIn());
    expect(await w.signIn()).toMatchObject({ status: 503, body: { error: "temporarily_unavailable" } });
    const kept = tokensOf(await w.refresh(first.refreshToken));
    await w.revoke(kept.refreshToken);
    expect((await w.signIn()).status).toBe(200);
    w.clock.seconds += 995;
    expect((await w.signIn()).status).toBe(503);
    w.clock.seconds += 5;
    expect((await w.signIn()).status).toBe(200);
    expect(await w.refresh(second.refreshToken)).toMatchObject(GONE);
  });
});
