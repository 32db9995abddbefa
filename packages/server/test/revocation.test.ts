import { createServer as createHttp } from "node:http";
import { connect } from "@sealwire/client";
import { createDevelopmentIssuer, DEVELOPMENT_GRANT, nodeListener } from "@sealwire/issuer";
import type { Revocation } from "@sealwire/server";
import { describe, expect, it, onTestFinished } from "vitest";
import { jktOf, now, proof, SERVER_ID, serverJwks, token } from "./support/keys.ts";
import { rawResume, rawSession } from "./support/raw.ts";
import { failure, listen, startWorld, until } from "./support/world.ts";

const jkt = await jktOf(proof);
const bound = { cnf: { jkt } };

type Make = (session: { readonly id: string }) => Revocation;

const kinds: Record<string, Make> = {
  session: ({ id }) => ({ session: id }),
  "token id": () => ({ tokenId: "jti-1" }),
  "token id of one issuer": () => ({ tokenId: "jti-1", issuer: "https://idp.example" }),
  subject: () => ({ subject: "alice" }),
  "subject before a time": () => ({ subject: "alice", issuedBefore: now() + 1 }),
  thumbprint: () => ({ thumbprint: jkt }),
};

describe("server.revoke", () => {
  it.each(Object.entries(kinds))("[revoke:end] %s: an open session ends with bye revoked, 4403", async (_, make) => {
    const world = await startWorld();
    const session = await world.connect({ token: await token(bound), proof });
    const other = await world.connect({ token: await token({ sub: "bob", jti: "jti-2" }) });
    const [peer] = world.server.sessions;
    expect(await world.server.revoke(make(session))).toBe(1);
    expect(await session.closed).toMatchObject({ code: 4403, error: { code: "E_REVOKED", remote: true } });
    expect(await peer?.closed).toMatchObject({ code: 4403, error: { code: "E_REVOKED", remote: false } });
    expect(other.state).toBe("open");
    await other.close();
  });

  it.each(Object.entries(kinds))("[revoke:token] %s: its token opens nothing any more", async (_, make) => {
    const world = await startWorld();
    const text = await token(bound);
    const session = await world.connect({ token: text, proof, reconnect: false });
    await world.server.revoke(make(session));
    await session.closed;
    const error = await failure(world.connect({ token: text, proof }));
    expect(error).toMatchObject({ code: "E_AUTH_REQUIRED", remote: true, closeCode: 3000 });
    const other = await world.connect({ token: await token({ sub: "bob", jti: "jti-2" }) });
    await other.close();
  });

  it.each(Object.entries(kinds))("[revoke:resume] %s: a lost session is not resumed", async (_, make) => {
    const world = await startWorld();
    const { signer, id } = await proofKey();
    const raw = await rawSession(world, { keep: true, token: await token(bound), proof: { signer, id } });
    const [peer] = world.server.sessions;
    raw.ws.terminate();
    await raw.info;
    await until(() => peer?.state === "reconnecting");
    expect(await world.server.revoke(make(raw.session))).toBe(1);
    expect(await peer?.closed).toMatchObject({ error: { code: "E_REVOKED" } });
    const refused = await rawResume(world, raw.session);
    expect(await refused.info).toMatchObject({ error: { code: "E_RESUME", remote: true } });
  });

  it("a newer token of the subject opens a session, an older one and one without iat do not", async () => {
    const world = await startWorld();
    await world.server.revoke({ subject: "alice", issuedBefore: now() - 5 });
    for (const iat of [now() - 6, undefined])
      expect(await failure(world.connect({ token: await token({ iat, jti: `${iat}` }) }))).toMatchObject({
        code: "E_AUTH_REQUIRED",
      });
    const session = await world.connect({ token: await token({ iat: now() - 5 }) });
    await session.close();
  });

  it("[revoke:token] the token of a revoked session is each one that it had", async () => {
    const world = await startWorld();
    const tokens = await Promise.all([1, 2, 3].map((n) => token({ jti: `jti-${n}`, exp: now() + 600 + n })));
    const raw = await rawSession(world, { token: tokens[0] as string });
    for (const text of tokens.slice(1)) await raw.session.refresh(text);
    await world.server.revoke({ session: raw.session.id });
    await raw.info;
    for (const text of tokens)
      expect(await failure(world.connect({ token: text }))).toMatchObject({ code: "E_AUTH_REQUIRED" });
    const other = await world.connect({ token: await token({ jti: "jti-4" }) });
    await other.close();
  });

  it.each([
    {},
    { session: "a", subject: "b" },
    { tokenId: "" },
    { subject: 1 },
    { subject: "a", issuedBefore: Number.NaN },
    null,
  ])("%j names nothing: TypeError, and nothing ends", async (revocation) => {
    const world = await startWorld();
    const session = await world.connect();
    await expect(world.server.revoke(revocation as unknown as Revocation)).rejects.toThrow(TypeError);
    expect(session.state).toBe("open");
    await session.close();
  });

  it("[limit:revocations] what cannot be remembered is refused, and sessions end all the same", async () => {
    const world = await startWorld({ limits: { revocations: 2 } });
    const session = await world.connect();
    await world.server.revoke({ tokenId: "a" });
    await expect(world.server.revoke({ session: session.id })).rejects.toMatchObject({ code: "E_QUEUE_FULL" });
    expect(await session.closed).toMatchObject({ code: 4403 });
  });
});

async function proofKey() {
  const { backend, thumbprint } = await import("@sealwire/core/internal");
  const signer = await backend.importSigner(proof);
  return { signer, id: { alg: signer.alg, thumbprint: await thumbprint(backend, signer.publicJwk) } };
}

describe("the option revocations", () => {
  /** A feed that a test fills, and that tells how it was left. */
  const feed = () => {
    const waiting: ((result: IteratorResult<Revocation>) => void)[] = [];
    const queue: Revocation[] = [];
    let fail = (_: Error) => {};
    const state = { returned: 0, asked: 0 };
    const next = () => {
      state.asked++;
      const value = queue.shift();
      if (value !== undefined) return Promise.resolve({ done: false as const, value });
      return new Promise<IteratorResult<Revocation>>((resolve, reject) => {
        waiting.push(resolve);
        fail = reject;
      });
    };
    const push = (value: unknown) => {
      const wake = waiting.shift();
      if (wake === undefined) queue.push(value as Revocation);
      else wake({ done: false, value: value as Revocation });
    };
    const iterator = {
      next,
      return: async () => {
        state.returned++;
        return { done: true as const, value: undefined };
      },
    };
    return {
      state,
      push,
      fail: (error: Error) => fail(error),
      revocations: { [Symbol.asyncIterator]: () => iterator },
    };
  };

  it("ends sessions; an item that is none is reported, and the feed goes on", async () => {
    const { push, revocations, state } = feed();
    const world = await startWorld({ revocations });
    const session = await world.connect();
    push({ nothing: true });
    expect(await world.nextError()).toMatchObject({ code: "E_INTERNAL", fatal: false });
    expect(session.state).toBe("open");
    push({ session: session.id });
    expect(await session.closed).toMatchObject({ code: 4403 });
    await world.server.close();
    expect(state.returned).toBe(1);
  });

  it("a feed that fails is reported, once, and the server goes on", async () => {
    const { fail, revocations, state } = feed();
    const world = await startWorld({ revocations });
    const session = await world.connect();
    fail(new Error("the feed is gone"));
    expect(await world.nextError()).toMatchObject({
      code: "E_INTERNAL",
      detail: expect.stringContaining("nothing more"),
    });
    expect(state.asked).toBe(1);
    await session.close();
    expect(world.errors.length).toBe(1);
  });

  it("a revocation at the issuer ends the session end to end, and its token opens none", async () => {
    const handle = { current: (_: unknown, __: unknown) => {} };
    const http = createHttp((req, res) => handle.current(req, res));
    const port = await listen(http);
    onTestFinished(() => void http.close());
    const issuer = await createDevelopmentIssuer({
      issuer: `http://127.0.0.1:${port}`,
      audience: SERVER_ID,
      clients: { app: {} },
      accounts: (subject) => (subject === "alice" ? { scopes: ["chat"] } : undefined),
    });
    handle.current = nodeListener(issuer.handle) as typeof handle.current;
    const ask = async (path: string, body: Record<string, string>) =>
      await fetch(`${issuer.issuer}${path}`, { method: "POST", body: new URLSearchParams(body) });
    const signIn = async () => {
      const answer = await ask("/token", { grant_type: DEVELOPMENT_GRANT, client_id: "app", subject: "alice" });
      return (await answer.json()) as { access_token: string; refresh_token: string };
    };
    const world = await startWorld({ tokens: { issuer: issuer.issuer }, revocations: issuer.revocations() });
    const open = async (text: string) =>
      await connect(world.url, { server: { id: SERVER_ID, keys: serverJwks }, token: text, reconnect: false });
    const [first, second] = [await signIn(), await signIn()];
    const [session, other] = [await open(first.access_token), await open(second.access_token)];
    const answer = await ask("/revoke", { client_id: "app", token: first.refresh_token });
    expect(answer.status).toBe(200);
    expect(await session.closed).toMatchObject({ code: 4403, error: { code: "E_REVOKED" } });
    expect(await failure(open(first.access_token))).toMatchObject({ code: "E_AUTH_REQUIRED" });
    expect(other.state).toBe("open");
    await other.close();
    expect(world.errors.map(({ error }) => error.code)).not.toContain("E_INTERNAL");
  });
});
