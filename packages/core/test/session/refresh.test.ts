import { describe, expect, it } from "vitest";
import type { CryptoBackend } from "../../src/crypto/backend.ts";
import { SealwireError } from "../../src/errors.ts";
import type { Grant } from "../../src/session/hooks.ts";
import type { LiveSession } from "../../src/session/live.ts";
import { settle } from "../support/clock.ts";
import { controlsOf, end, gate, other, ROLES, released, upTo } from "../support/live.ts";
import { attacked, expectFatal } from "../support/messages.ts";
import { BACKENDS, type PairOptions } from "../support/pair.ts";
import { Puppet } from "../support/puppet.ts";
import { cut, resume, SlowLink } from "../support/reconnect.ts";
import { answers, HOUR, refreshing, START } from "../support/refreshing.ts";
import { expectRefusal } from "../support/tamper.ts";
import { noUnhandledRejections } from "../support/unhandled.ts";

noUnhandledRejections();

describe("a new token", () => {
  it("replaces scopes and end on both sides before it is answered [refresh:answer] [refresh:replace]", async () => {
    const made = await refreshing({ limits: { idleSeconds: 1e5 } });
    const { pair, client, server } = made;
    const grant = await client.refresh(`good ${2 * HOUR} a b`);
    expect(grant).toEqual({ expiresAt: START + 2 * HOUR, scopes: ["a", "b"] });
    for (const session of [client, server]) {
      expect(session.scopes).toEqual(["a", "b"]);
      expect(session.expiresAt.getTime()).toBe((START + 2 * HOUR) * 1000);
    }
    expect(answers(made)).toEqual([
      expect.objectContaining({ top: "auth-ok", exp: START + 2 * HOUR, scp: ["a", "b"] }),
    ]);
    await pair.clock.advance(HOUR * 1000);
    expect(client.state).toBe("open");
    await pair.clock.advance(HOUR * 1000);
    await released(pair);
    expect(pair.server.info?.error).toMatchObject({ code: "E_SESSION_EXPIRED", closeCode: 4510 });
    expect(pair.client.info?.error).toMatchObject({ code: "E_SESSION_EXPIRED" });
  });

  it("is bounded by the longest life of a session, and makes it shorter too", async () => {
    const made = await refreshing({ limits: { sessionSeconds: 2 * HOUR } });
    const { pair, client } = made;
    expect(await client.refresh(`good ${9 * HOUR}`)).toMatchObject({ expiresAt: START + 2 * HOUR });
    expect(await client.refresh("good 100")).toMatchObject({ expiresAt: START + 100 });
    await pair.clock.advance(100_000);
    await released(pair);
  });

  it("that is refused changes nothing [refresh:same]", async () => {
    const made = await refreshing();
    const { pair, client, server } = made;
    await expect(client.refresh("bad")).rejects.toMatchObject({ code: "E_TOKEN", remote: true, fatal: false });
    await expect(client.refresh("x".repeat(9000))).rejects.toMatchObject({ code: "E_TOKEN" });
    expect(made.asked).toEqual(["bad"]);
    expect(server.scopes).toEqual(["chat"]);
    expect(answers(made).map((c) => c.top)).toEqual(["auth-no", "auth-no"]);
    expect((pair.errors.server as SealwireError[]).map((e) => e.code)).toEqual(["E_INTERNAL"]);
    expect(JSON.stringify(pair.errors.server, ["message", "detail"])).not.toContain("bad");
    await pair.clock.advance(HOUR * 1000);
    await released(pair);
  });

  it("one at a time [refresh:one]", async () => {
    const { pair, client } = await refreshing();
    const first = client.refresh("good 5000 a");
    await expect(client.refresh("good 5000 b")).rejects.toThrow(TypeError);
    await first;
    await client.refresh("good 5000 b");
    expect(client.scopes).toEqual(["b"]);
    await client.close();
    await released(pair);
  });

  it("a second one before the answer ends the session [refresh:pending]", async () => {
    let asked = 0;
    const refresh = (): Promise<Grant> => {
      asked++;
      return new Promise(() => {});
    };
    const { pair, server } = await refreshing({ codec: "json", serverHooks: { refresh } });
    // A client of ours has one at a time.
    const puppet = Puppet.seize(pair, "client");
    puppet.deliver(await puppet.control({ top: "auth", at: "a" }));
    await settle();
    expect(server.state).toBe("open");
    for (let i = 0; i < 20; i++) puppet.deliver(await puppet.control({ top: "auth", at: "b" }));
    await expectRefusal(pair, { side: "server", code: "E_STATE", stage: "commit", close: 4400 });
    expect([asked, server.life.ledger.committed]).toEqual([1, 1]);
  });

  it("whose check never ends is refused in time, and holds nothing up [refresh:deadline]", async () => {
    const accepted: string[] = [];
    const slow = gate<Grant>();
    let asked = 0;
    const refresh = async () => {
      const grant = asked++ === 0 ? await slow.promise : { expiresAt: START + 5000, scopes: ["b"] };
      return { ...grant, accept: () => void accepted.push(String(grant.scopes)) };
    };
    const { pair, client, server, got } = await refreshing({ serverHooks: { refresh } });
    const refreshed = client.refresh("hangs").catch((error: unknown) => error);
    await client.send("t", "meanwhile");
    await settle();
    expect(got.server).toEqual(["meanwhile"]);
    await pair.clock.advance(9_999);
    expect(pair.errors.server).toEqual([]);
    await pair.clock.advance(1);
    expect(await refreshed).toMatchObject({ code: "E_TOKEN", remote: true, fatal: false });
    expect(pair.errors.server).toMatchObject([{ code: "E_TOKEN", stage: "local", fatal: false }]);
    slow.open({ expiresAt: START + 9999, scopes: ["a"] });
    await settle();
    expect(server.scopes).toEqual(["chat"]);
    await client.refresh("good");
    expect([server.scopes, client.scopes, accepted]).toEqual([["b"], ["b"], ["b"]]);
    await client.close();
    await released(pair);
  });

  it("that has no answer in time: the connection counts as lost, and the next one begins anew [refresh:unanswered] [refresh:lost]", async () => {
    const made = await refreshing({ limits: { handshakeSeconds: 5, idleSeconds: 1e5 } });
    const { pair, client, got } = made;
    const way = new SlowLink(pair.link);
    const refreshed = client.refresh("good 5000 a").catch((error: unknown) => error);
    await pair.clock.advance(9_999);
    expect(client.state).toBe("open");
    await pair.clock.advance(1);
    expect(client.state).toBe("reconnecting");
    expect(await refreshed).toMatchObject({ code: "E_TRUNCATED" });
    way.open();
    await resume(pair);
    await client.refresh("good 5000 b");
    expect(client.scopes).toEqual(["b"]);
    await client.send("t", 1);
    await settle();
    expect(got.server).toEqual([1]);
    await client.close();
  });

  it("what waits in a stream is asked about again when it is read [refresh:replace]", async () => {
    let granted = true;
    const { pair, client, server } = await refreshing({ serverHooks: { authorize: () => granted } });
    const stream = server.messages("s");
    const denied: unknown[] = [];
    client.onDenied(({ seq, code }) => denied.push([seq, code]));
    for (const n of upTo(3)) await client.send("s", n);
    await settle();
    expect((await stream.next()).value.data).toBe(1);
    granted = false;
    await client.refresh("good 5000");
    const next = stream.next();
    await settle();
    expect(denied).toEqual([
      [2, "E_DENIED"],
      [3, "E_DENIED"],
    ]);
    granted = true;
    await client.send("s", 4);
    expect((await next).value.data).toBe(4);
    await client.close();
    await released(pair);
  });

  it("what waits in a stream is not read any more where the session was ended for a reason of this side", async () => {
    const { pair, client, server } = await refreshing();
    const stream = server.messages("s");
    for (const n of upTo(3)) await client.send("s", n);
    await settle();
    server.fail(new SealwireError("E_REVOKED"));
    await settle();
    expect(await stream.next()).toEqual({ done: true, value: undefined });
    await end(pair, "client");
  });

  it("that is revoked when it would be accepted is refused [refresh:same]", async () => {
    const accept = () => {
      throw new SealwireError("E_TOKEN", { stage: "claims", fatal: false });
    };
    const refresh = async () => ({ expiresAt: START + 5000, scopes: [], accept });
    const { pair, client, server } = await refreshing({ serverHooks: { refresh } });
    await expect(client.refresh("revoked")).rejects.toMatchObject({ code: "E_TOKEN", remote: true });
    expect(server.scopes).toEqual(["chat"]);
    await client.close();
    await released(pair);
  });

  it("and its end while it is checked: nothing comes back", async () => {
    const checked = gate<Grant>();
    const { pair, client } = await refreshing({ serverHooks: { refresh: () => checked.promise } });
    const refreshed = client.refresh("good").catch((e) => e.code);
    await settle();
    await client.close();
    expect(await refreshed).toBe("E_CLOSED");
    checked.open({ expiresAt: START + 9999, scopes: [] });
    await settle();
    await released(pair);
  });
});

describe("rights that change decide what follows [refresh:replace]", () => {
  /** The policy admits everything until a token is accepted, then "always" alone. */
  async function narrowing(options: PairOptions = {}) {
    const state = { wide: true, checked: gate<void>(), decided: gate<boolean>() };
    const refresh = async (): Promise<Grant> => {
      await state.checked.promise;
      state.wide = false;
      return { expiresAt: START + 5000, scopes: [] };
    };
    const authorize = ({ data }: { data: unknown }) => {
      if (data === "slowly" && state.wide) return state.decided.promise;
      return state.wide || data === "always";
    };
    return { ...(await refreshing({ ...options, serverHooks: { refresh, authorize } })), state };
  }

  it("what waits for its handler", async () => {
    const { pair, client, server, state } = await narrowing({ limits: { concurrentHandlers: 1 } });
    const handled: unknown[] = [];
    const denied: number[] = [];
    const work = gate<void>();
    client.onDenied(({ seq }) => denied.push(seq));
    server.handle("h", async (data) => {
      handled.push(data);
      await work.promise;
    });
    for (const data of ["being handled", "waits", "always"]) await client.send("h", data);
    state.checked.open();
    await client.refresh("any");
    work.open();
    await settle();
    expect(handled).toEqual(["being handled", "always"]);
    expect(denied).toEqual([2]);
    await client.close();
    await released(pair);
  });

  it.each(["handler", "stream"])("what is being decided, for a %s", async (to) => {
    const { pair, client, server, state } = await narrowing();
    const handled: unknown[] = [];
    if (to === "handler") server.handle("h", (data) => void handled.push(data));
    else
      void (async () => {
        for await (const { data } of server.messages("h")) handled.push(data);
      })();
    const refreshed = client.refresh("any");
    await client.send("h", "slowly");
    await settle();
    state.checked.open();
    await refreshed;
    state.decided.open(true);
    await settle();
    await client.send("h", "always");
    await settle();
    expect(handled).toEqual(["always"]);
    await client.close();
    await released(pair);
  });

  it("what waits to be sent", async () => {
    const { pair, client, server, state, got } = await narrowing({ limits: { retainedMessages: 1 } });
    const refreshed = client.refresh("any");
    await settle();
    await server.send("t", "always");
    const waiting = server.send("t", "wide").catch((e) => e.code);
    const always = server.send("t", "always");
    state.checked.open();
    await refreshed;
    // The receipt of the first one makes room.
    await pair.clock.advance(2000);
    expect(await waiting).toBe("E_DENIED");
    await always;
    await settle();
    expect(got.client).toEqual(["always", "always"]);
    await client.close();
    await released(pair);
  });
});

describe("across a cut", () => {
  it.each(["auth", "auth-ok"])("%s is lost, and both ends forget it [refresh:lost]", async (what) => {
    const made = await refreshing();
    const { pair, client, server } = made;
    const way = new SlowLink(pair.link);
    const refreshed = client.refresh("good 5000 new").catch((error: unknown) => error);
    await settle();
    if (what === "auth-ok") way.deliver("c2s");
    await settle();
    way.cut();
    await settle();
    await resume(pair);
    expect(await refreshed).toMatchObject({ code: "E_TRUNCATED" });
    // `resumed` tells what became of it.
    const took = what === "auth-ok";
    expect(made.asked).toEqual(took ? ["good 5000 new"] : []);
    expect(client.scopes).toEqual(server.scopes);
    expect(client.scopes.includes("new")).toBe(took);
    expect(await client.refresh("good 5000 new")).toMatchObject({ scopes: ["new"] });
    await client.close();
    await released(pair);
  });

  it("what is checked when the connection is lost is forgotten [refresh:lost]", async () => {
    const slow = gate<Grant>();
    const accepted: string[] = [];
    let asked = 0;
    const refresh = async (token: string) => {
      const grant = asked++ === 0 ? await slow.promise : { expiresAt: START + 5000, scopes: ["new"] };
      return { ...grant, accept: () => void accepted.push(token) };
    };
    const { pair, client, server } = await refreshing({ serverHooks: { refresh } });
    const first = client.refresh("first").catch((e) => e.code);
    await settle();
    await cut(pair);
    expect(await first).toBe("E_TRUNCATED");
    await resume(pair);
    const second = client.refresh("second");
    slow.open({ expiresAt: START + 9999, scopes: ["old"] });
    expect(await second).toMatchObject({ scopes: ["new"] });
    await settle();
    expect(server.scopes).toEqual(["new"]);
    expect(accepted).toEqual(["second"]);
    expect(pair.errors.server).toEqual([]);
    await client.close();
    await released(pair);
  });

  type Stop = (ends: { readonly client: LiveSession; readonly server: LiveSession }) => void;
  it.each<[string, Stop, string?]>([
    ["that is closed", ({ server }) => void server.close()],
    ["that is closed while keys are renewed", ({ server }) => void server.close(), "rekey"],
    ["whose client closes it", ({ client }) => void client.close()],
    ["that fails", ({ server }) => server.fail(new SealwireError("E_INTERNAL"))],
    ["that fails while keys are renewed", ({ server }) => server.fail(new SealwireError("E_INTERNAL")), "rekey"],
  ])("that is good comes too late for a session %s meanwhile: nobody is told of it", async (_, stop, rekey) => {
    const slow = gate<Grant>();
    const accepted: string[] = [];
    const refresh = async () => {
      const grant = await slow.promise;
      return { ...grant, accept: () => void accepted.push(String(grant.scopes)) };
    };
    const keys = gate();
    let isSlow = false;
    const node = BACKENDS[0] as CryptoBackend;
    const generateKeyAgreement: CryptoBackend["generateKeyAgreement"] = (suite) =>
      isSlow ? keys.promise.then(() => node.generateKeyAgreement(suite)) : node.generateKeyAgreement(suite);
    const serverBackend = { ...node, generateKeyAgreement };
    const { pair, client, server } = await refreshing({ serverHooks: { refresh }, serverBackend });
    void client.refresh("good").catch(() => {});
    if (rekey !== undefined) {
      isSlow = true;
      client.rekey();
    }
    await settle();
    // Nothing of the server arrives, so that its socket stays open for a while.
    const way = new SlowLink(pair.link);
    pair.link.server.close = () => {};
    stop({ client, server });
    await settle();
    while (way.deliver("c2s"));
    await settle();
    expect(server.state).toBe("open");
    slow.open({ expiresAt: START + 5000, scopes: ["new"] });
    await settle();
    keys.open();
    await settle();
    expect([accepted, server.scopes]).toEqual([[], ["chat"]]);
    expect(controlsOf(pair, "server").map(({ top }) => top)).not.toContain("auth-ok");
    await cut(pair);
    await pair.clock.advance(130_000);
    await released(pair);
  });

  it("without a connection there is nothing to refresh on", async () => {
    const { pair, client } = await refreshing();
    await cut(pair);
    await expect(client.refresh("good 5000 new")).rejects.toMatchObject({ code: "E_CLOSED" });
    await resume(pair);
    expect(await client.refresh("good 5000 new")).toMatchObject({ scopes: ["new"] });
    await client.close();
    await released(pair);
  });
});

describe("answers to nothing end the session [refresh:ref]", () => {
  for (const message of [
    { top: "auth-ok", ref: 1, exp: 2e9, scp: [] },
    { top: "auth-no", ref: 1 },
  ]) {
    it(message.top, async () => {
      const { pair, puppet } = await attacked({}, "server");
      await puppet.target.session?.send("t", null);
      puppet.deliver(await puppet.control(message));
      await expectRefusal(pair, { side: "client", code: "E_STATE", stage: "commit", close: 4400 });
      expect(puppet.target.session?.scopes).toEqual(["chat"]);
    });
  }

  it.each(ROLES)("and what only the %s says, to itself [ctl:direction]", async (role) => {
    const tops =
      role === "client"
        ? [{ top: "auth", at: "x" }]
        : [{ top: "auth-soon" }, { top: "auth-no", ref: 1 }, { top: "auth-ok", ref: 1, exp: 2e9, scp: [] }];
    for (const message of tops)
      await expectFatal(
        (p) => p.control(message),
        { code: "E_CLAIMS", stage: "claims", close: 4400 },
        {},
        other(role),
        1,
      );
  });
});
