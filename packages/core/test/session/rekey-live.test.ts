import { describe, expect, it } from "vitest";
import { SealwireError } from "../../src/errors.ts";
import { settle } from "../support/clock.ts";
import {
  controlsOf,
  end,
  LEVELS,
  live,
  mute,
  other,
  ROLES,
  type Role,
  released,
  seqsOf,
  upTo,
  WIRES,
} from "../support/live.ts";
import type { PairOptions } from "../support/pair.ts";
import { SlowLink, sessionOf } from "../support/reconnect.ts";
import { noUnhandledRejections } from "../support/unhandled.ts";

noUnhandledRejections();

const open = (options: PairOptions = {}) =>
  live({ ...options, serverHooks: { authorize: () => true, ...options.serverHooks } });

describe("new keys, whoever proposes", () => {
  for (const role of ROLES) {
    for (const level of LEVELS) {
      for (const protocol of WIRES) {
        for (const codec of ["json", "cbor"] as const) {
          for (const suite of ["x25519", "p256"] as const) {
            it(`${role}, ${level}, ${protocol}, ${codec}, ${suite} [rekey:answer]`, async () => {
              const pair = await live({
                level,
                protocol,
                codec,
                suite,
                serverHooks: { authorize: () => true, trace: () => {} },
                clientHooks: { trace: () => {} },
              });
              const got: Record<Role, unknown[]> = { client: [], server: [] };
              for (const side of ROLES) sessionOf(pair, side).handle("t", (data) => void got[side].push(data));
              for (let n = 1; n <= 2; n++) {
                const sent: Promise<unknown>[] = [];
                for (const side of ROLES) sent.push(sessionOf(pair, side).send("t", 3 * n));
                sessionOf(pair, n === 1 ? role : other(role)).rekey();
                for (const side of ROLES) sent.push(sessionOf(pair, side).send("t", 3 * n + 1));
                await Promise.all(sent);
                await settle(2);
                for (const side of ROLES) {
                  await sessionOf(pair, side).send("t", 3 * n + 2);
                  expect(sessionOf(pair, side).epochs).toEqual({ send: n, receive: n });
                }
              }
              await settle(2);
              for (const side of ROLES) expect(got[side]).toEqual([3, 4, 5, 6, 7, 8]);
              expect(await sessionOf(pair, role).close()).toMatchObject({ clean: true });
              await released(pair);
            });
          }
        }
      }
    }
  }

  it("numbers go on, and the messages of a rekey are these [rekey:ack-first] [rekey:send-new]", async () => {
    const pair = await open();
    await sessionOf(pair, "client").send("t", 1);
    sessionOf(pair, "client").rekey();
    await settle();
    await sessionOf(pair, "client").send("t", 2);
    const tops = (role: Role) => controlsOf(pair, role).map(({ seq, top, n, ref }) => ({ seq, top, n, ref }));
    expect(tops("client")).toEqual([
      { seq: 2, top: "rekey", n: 1 },
      { seq: 3, top: "ack" },
    ]);
    // The refusal of "t", which nobody handles, is none.
    expect(tops("server")).toEqual([
      { seq: 1, top: "rekeyed", n: 1, ref: 2 },
      { seq: 2, top: "ack" },
    ]);
    expect(seqsOf(pair, "client")).toEqual(upTo(4));
    await sessionOf(pair, "client").close();
    await released(pair);
  });

  it("one after the other, asked for more often than that [rekey:one]", async () => {
    const pair = await open({ limits: { controlBurst: 1000 } });
    for (let i = 0; i < 20; i++) {
      for (const role of ROLES) for (let k = 0; k < 3; k++) sessionOf(pair, role).rekey();
      await settle(2);
    }
    const { send, receive } = sessionOf(pair, "client").epochs;
    expect(send).toBe(20);
    expect([receive, ...Object.values(sessionOf(pair, "server").epochs)]).toEqual([20, 20, 20]);
    await sessionOf(pair, "server").close();
    await released(pair);
  });

  it("what is sent while keys are derived keeps its order", async () => {
    const pair = await open({ limits: { controlBurst: 1000, itemsBurst: 10_000 } });
    const got: Record<Role, unknown[]> = { client: [], server: [] };
    for (const side of ROLES) sessionOf(pair, side).handle("t", (data) => void got[side].push(data));
    const sent: Promise<unknown>[] = [];
    for (let i = 1; i <= 100; i++) {
      for (const role of ROLES) sent.push(sessionOf(pair, role).send("t", i));
      if (i % 10 === 0) sessionOf(pair, ROLES[(i / 10) % 2] as Role).rekey();
      if (i % 3 === 0) await settle(1);
    }
    await Promise.all(sent);
    await settle();
    for (const role of ROLES) expect(got[role]).toEqual(upTo(100));
    for (const role of ROLES) expect(seqsOf(pair, role)).toEqual(upTo(seqsOf(pair, role).length));
    await sessionOf(pair, "client").close();
    await released(pair);
  });
});

describe("keys are renewed by themselves [rekey:trigger]", () => {
  const rekeysOf = (pair: Awaited<ReturnType<typeof open>>, role: Role) =>
    controlsOf(pair, role).filter((c) => c.top === "rekey").length;

  it.each([
    ["server", 100],
    ["client", 110],
  ] as const)("after so many messages of the %s, whose own trigger is %i", async (role, due) => {
    // The other end counts the same messages: it proposes with its own trigger.
    const pair = await open({ limits: { rekeyMessages: 100, itemsBurst: 10_000 } });
    const [session, peer] = [sessionOf(pair, role), sessionOf(pair, other(role))];
    peer.handle("t", () => {});
    const first = Math.min(due, role === "client" ? 100 : 110);
    for (let i = 0; i < first - 1; i++) await session.send("t", i);
    await settle();
    expect([session.epochs.send, peer.epochs.send]).toEqual([0, 0]);
    await session.send("t", 0);
    await settle();
    expect([session.epochs, peer.epochs]).toEqual([
      { send: 1, receive: 1 },
      { send: 1, receive: 1 },
    ]);
    // At 100 messages it is the server's turn, whichever direction they went.
    expect([rekeysOf(pair, "server"), rekeysOf(pair, "client")]).toEqual([1, 0]);
    await session.close();
    await released(pair);
  });

  it("a client alone does so a tenth later", async () => {
    const pair = await open({ limits: { rekeyMessages: 100, itemsBurst: 10_000 } });
    const client = sessionOf(pair, "client");
    const way = new SlowLink(pair.link);
    for (let i = 0; i < 109; i++) await client.send("t", i);
    await settle();
    expect(rekeysOf(pair, "client")).toBe(0);
    await client.send("t", 0);
    await settle();
    expect(rekeysOf(pair, "client")).toBe(1);
    way.open();
    await settle();
    await client.close();
    await released(pair);
  });

  it.each([
    ["server", 10_000],
    ["client", 11_000],
  ] as const)("the %s after %i bytes of claims", async (role, due) => {
    const pair = await open({ limits: { rekeyBytes: 10_000, itemsBurst: 10_000 } });
    const session = sessionOf(pair, role);
    const way = new SlowLink(pair.link);
    const bytes = () =>
      pair.trace[role].filter((r) => r.direction === "out").reduce((sum, r) => sum + r.claims.length, 0);
    while (bytes() + 200 < due) await session.send("t", "x".repeat(64));
    await settle();
    expect(rekeysOf(pair, role)).toBe(0);
    while (bytes() < due) await session.send("t", "x".repeat(64));
    await settle();
    expect(rekeysOf(pair, role)).toBe(1);
    way.open();
    await settle();
    await session.close();
    await released(pair);
  });

  it.each([
    ["server", 3600],
    ["client", 3960],
  ] as const)("the %s when they are %i seconds old", async (role, seconds) => {
    const verifyToken = async () => ({
      issuer: "https://issuer.example",
      subject: "alice",
      clientId: undefined,
      scopes: [],
      expiresAt: 1_893_456_000 + 10_000,
      jkt: undefined,
    });
    const pair = await open({ proof: "none", server: { verifyToken }, limits: { idleSeconds: 100_000 } });
    // What the other end proposes does not arrive.
    mute(pair, other(role));
    await pair.clock.advance(seconds * 1000 - 1);
    expect(rekeysOf(pair, role)).toBe(0);
    await pair.clock.advance(1);
    expect(rekeysOf(pair, role)).toBe(1);
    for (const side of ROLES) sessionOf(pair, side).fail(new SealwireError("E_QUOTA"));
    pair.link.client.breakOff();
    pair.link.server.breakOff();
    await released(pair);
  });
});

describe("time", () => {
  it.each(ROLES)("a proposal of the %s that is not answered ends the session [rekey:timeout]", async (role) => {
    const pair = await open({ limits: { rekeyWaitSeconds: 7 } });
    new SlowLink(pair.link);
    sessionOf(pair, role).rekey();
    await settle();
    await pair.clock.advance(6999);
    expect(pair[role].info).toBeUndefined();
    await pair.clock.advance(1);
    expect((await end(pair, role)).error).toMatchObject({ code: "E_TIMEOUT_HS", closeCode: 3008 });
    await released(pair);
  });

  it.each(ROLES)("a %s that answered and gets no ack ends the session [rekey:timeout]", async (role) => {
    const pair = await open({ limits: { rekeyWaitSeconds: 7 } });
    const way = new SlowLink(pair.link);
    sessionOf(pair, other(role)).rekey();
    await settle();
    way.deliver(role === "client" ? "s2c" : "c2s");
    await settle();
    mute(pair, other(role));
    await pair.clock.advance(6999);
    expect(pair[role].info).toBeUndefined();
    await pair.clock.advance(1);
    expect((await end(pair, role)).error).toMatchObject({ code: "E_TIMEOUT_HS" });
    pair.link[other(role)].breakOff();
    await released(pair);
  });

  it.each(ROLES)("a %s whose proposal was answered and gets no ack ends the session [rekey:timeout]", async (role) => {
    const pair = await open({ limits: { rekeyWaitSeconds: 7 } });
    const way = new SlowLink(pair.link);
    sessionOf(pair, role).rekey();
    await settle();
    way.deliver(role === "client" ? "c2s" : "s2c");
    await settle();
    way.deliver(role === "client" ? "s2c" : "c2s");
    await settle();
    expect(sessionOf(pair, role).epochs.send).toBe(1);
    mute(pair, other(role));
    await pair.clock.advance(6999);
    expect(pair[role].info).toBeUndefined();
    await pair.clock.advance(1);
    expect((await end(pair, role)).error).toMatchObject({ code: "E_TIMEOUT_HS" });
    pair.link[other(role)].breakOff();
    await released(pair);
  });

  it("key limits count anew under new keys [limit:key-seal] [limit:key-open]", async () => {
    const pair = await open({ limits: { keyMessages: 8 } });
    const client = sessionOf(pair, "client");
    for (let n = 0; n < 3; n++) {
      for (let i = 0; i < 5; i++) await client.send("t", i);
      client.rekey();
      await settle();
    }
    for (let i = 0; i < 6; i++) await client.send("t", i);
    await expect(client.send("t", 6)).rejects.toMatchObject({ code: "E_KEY_LIMIT" });
    expect((await end(pair, "client")).error).toMatchObject({ code: "E_KEY_LIMIT", closeCode: 4508 });
    expect((await end(pair, "server")).error).toMatchObject({ code: "E_KEY_LIMIT", remote: true });
    await released(pair);
  });
});
