import { createServer as createHttp } from "node:http";
import { connect } from "@sealwire/client";
import { decodePayload } from "@sealwire/core/internal";
import { createDevelopmentIssuer, DEVELOPMENT_GRANT, nodeListener } from "@sealwire/issuer";
import { createTickets, type Revocation } from "@sealwire/server";
import { describe, expect, it, onTestFinished } from "vitest";
import { jktOf, now, proof, SERVER_ID, serverJwks, token } from "./support/keys.ts";
import { clientMachine, rawResume, rawSession, rawSocket } from "./support/raw.ts";
import { failure, listen, startWorld, until } from "./support/world.ts";

const jkt = await jktOf(proof);
const bound = { cnf: { jkt } };
const time = () => ({ unix: Date.now(), elapsed: performance.now() });

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

  it("[revoke:token] a subject: nor does a token issued before, by a clock that is ahead", async () => {
    const world = await startWorld();
    const text = await token({ iat: now() + 20 });
    await world.server.revoke({ subject: "alice" });
    expect(await failure(world.connect({ token: text }))).toMatchObject({ code: "E_AUTH_REQUIRED", closeCode: 3000 });
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

  it("[revoke:end] a session that rests on a token of the revoked one ends too, one of another token does not", async () => {
    const world = await startWorld();
    const text = await token();
    const [first, second] = [await world.connect({ token: text }), await world.connect({ token: text })];
    const other = await world.connect({ token: await token({ jti: "jti-2" }) });
    expect(await world.server.revoke({ session: first.id })).toBe(2);
    expect(await second.closed).toMatchObject({ code: 4403 });
    expect(other.state).toBe("open");
    await other.close();
  });

  it("[revoke:token] a ticket whose key is revoked opens nothing", async () => {
    const tickets = createTickets();
    let asked = 0;
    const world = await startWorld({ tickets, admit: () => ++asked > 0 });
    await world.server.revoke({ thumbprint: jkt });
    const ticket = await tickets.issue({ token: await token(), jkt });
    const error = await failure(world.connect({ tokenAtUpgrade: "ticket", token: ticket, proof }));
    expect(error).toMatchObject({ code: "E_AUTH_REQUIRED", closeCode: 3000 });
    expect(asked).toBe(0);
  });

  it("[revoke:token] a ticket of a token that is revoked between 101 and CA opens nothing", async () => {
    const tickets = createTickets();
    const world = await startWorld({ tickets, verifyAtUpgrade: true });
    const ticket = await tickets.issue({ token: await token(), jkt });
    const socket = await rawSocket(world, { path: `/?ticket=${ticket}` });
    await world.server.revoke({ tokenId: "jti-1" });
    const machine = await clientMachine({ token: ticket, tokenSentAtUpgrade: true, proof: await proofKey() });
    socket.ws.send((await machine.start()).send as Uint8Array);
    const step = await machine.receive(decodePayload("binary", (await socket.next()) as Uint8Array), time());
    socket.ws.send(step.send as Uint8Array);
    expect(await socket.closed).toMatchObject({ code: 3000 });
  });

  it("[revoke:end] revoked while its token is checked: no session of it is seen, nothing of it is handled", async () => {
    let release = (_: boolean) => {};
    const admitted = new Promise<boolean>((resolve) => {
      release = resolve;
    });
    let asked = 0;
    const world = await startWorld({
      admit: () => {
        asked++;
        return admitted;
      },
    });
    let seen = 0;
    world.server.onSession(() => seen++);
    world.server.handle("say", () => void seen++);
    const opening = world.connect({ reconnect: false });
    await until(() => asked === 1);
    await world.server.revoke({ subject: "alice" });
    release(true);
    const session = await opening;
    void session.send("say", 1).catch(() => {});
    expect(await session.closed).toMatchObject({ code: 4403, error: { code: "E_REVOKED" } });
    expect(seen).toBe(0);
  });

  it("[revoke:end] revoked while a refresh is checked: the new principal is not told, and the session ends", async () => {
    let release = (_: boolean) => {};
    let asked = 0;
    const admit = () => (++asked === 1 ? true : new Promise<boolean>((resolve) => (release = resolve)));
    const world = await startWorld({ admit });
    const raw = await rawSession(world);
    const [peer] = world.server.sessions;
    let told = 0;
    peer?.onPrincipalChange(() => told++);
    const refreshed = failure(raw.session.refresh(await token({ jti: "jti-2" })));
    await until(() => asked === 2);
    const ended = world.server.revoke({ session: raw.session.id });
    release(true);
    expect(await ended).toBe(1);
    expect(await raw.info).toMatchObject({ error: { code: "E_REVOKED" } });
    await refreshed;
    await peer?.closed;
    expect(told).toBe(0);
  });

  it.each([
    {},
    { session: "a", subject: "b" },
    { tokenId: "" },
    { subject: 1 },
    { subject: "a", issuedBefore: Number.NaN },
    { subject: "a", until: "tomorrow" },
    { subject: "a", tokens: [] },
    { session: "a", tokens: [{ subject: "alice", tokenId: "t", expiresAt: 1 }] },
    { session: "a", tokens: [null] },
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
    const state = { returned: 0, asked: 0, subscribed: 0 };
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
      end: () => waiting.shift()?.({ done: true, value: undefined }),
      revocations: {
        [Symbol.asyncIterator]: () => {
          state.subscribed++;
          return iterator;
        },
      },
    };
  };

  it("ends sessions; an item that is none is reported, and the feed goes on", async () => {
    const { push, revocations, state } = feed();
    const world = await startWorld({ revocations });
    const session = await world.connect();
    push({ nothing: true });
    const error = await world.nextError();
    expect(error).toMatchObject({ code: "E_DEPENDENCY", fatal: false, cause: expect.any(TypeError) });
    expect(error.message).toContain("the option revocations gave what is no revocation");
    expect(session.state).toBe("open");
    push({ session: session.id });
    expect(await session.closed).toMatchObject({ code: 4403 });
    await world.server.close();
    expect(state.returned).toBe(1);
  });

  it.each(["fails", "ends"])("a feed that %s is reported, once, and the server goes on", async (how) => {
    const { fail, end, revocations, state } = feed();
    const world = await startWorld({ revocations });
    const session = await world.connect();
    if (how === "fails") fail(new Error("the feed is gone"));
    else end();
    const detail = expect.stringContaining("until it is subscribed to again");
    expect(await world.nextError()).toMatchObject({ code: "E_DEPENDENCY", fatal: false, detail });
    expect(state.asked).toBe(1);
    await session.close();
    expect(world.errors.length).toBe(1);
  });

  it.each([1, 2])("that ended %s times is subscribed to again, and its revocations hold", async (times) => {
    const { end, push, revocations, state } = feed();
    const world = await startWorld({ revocations });
    const session = await world.connect();
    for (let i = 1; i <= times; i++) {
      end();
      await until(() => state.subscribed === i + 1);
    }
    push({ session: session.id });
    expect(await session.closed).toMatchObject({ code: 4403 });
    expect(world.errors.filter(({ error }) => error.code === "E_DEPENDENCY").length).toBe(times);
  });

  it("a generator, which cannot be subscribed to again, is given up with a word", async () => {
    const revocations = (async function* (): AsyncGenerator<Revocation> {
      yield { tokenId: "jti-1" };
    })();
    const world = await startWorld({ revocations });
    expect(await world.nextError()).toMatchObject({ detail: expect.stringContaining("ended: nothing more") });
    expect(await failure(world.connect())).toMatchObject({ code: "E_AUTH_REQUIRED" });
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
    expect(world.errors.map(({ error }) => error.code)).not.toContain("E_DEPENDENCY");
  });
});
