import { describe, expect, it } from "vitest";
import { SealwireError } from "../../src/errors.ts";
import { settle, until } from "../support/clock.ts";
import { controlsOf, end, LEVELS, live, mute, other, ROLES, released, sentBy, seqsOf } from "../support/live.ts";
import { openPair, type PairOptions } from "../support/pair.ts";
import { Puppet } from "../support/puppet.ts";
import { expectRefusal, tampered } from "../support/tamper.ts";

const NOW = 1_893_456_000;
const SKEW = 30;
const MAX = 300;

describe("the life of a message", () => {
  type Row = [name: string, claims: { iat?: number; exp: number }, code: string | undefined];
  const rows: Row[] = [
    ["ends now", { exp: NOW }, undefined],
    ["ended within the skew [time:expired]", { exp: NOW - SKEW + 1 }, undefined],
    ["ended at the skew [time:expired]", { exp: NOW - SKEW }, "E_EXPIRED"],
    ["ended at 0 [time:expired]", { exp: 0, iat: 0 }, "E_EXPIRED"],
    ["begins at the skew [time:future]", { iat: NOW + SKEW, exp: NOW + 60 }, undefined],
    ["begins beyond the skew [time:future]", { iat: NOW + SKEW + 1, exp: NOW + 60 }, "E_FUTURE"],
    ["lasts the longest [time:ttl]", { iat: NOW, exp: NOW + MAX }, undefined],
    ["lasts longer [time:ttl]", { iat: NOW, exp: NOW + MAX + 1 }, "E_TTL"],
    ["began long ago and lasts longer [time:ttl]", { iat: NOW - 5000, exp: NOW + 1 }, "E_TTL"],
    ["ends as late as it may [time:ttl]", { iat: NOW + SKEW, exp: NOW + MAX + SKEW }, undefined],
    ["is expired before it is of the future [time:expired]", { iat: NOW - SKEW, exp: NOW - SKEW }, "E_EXPIRED"],
    ["is of the future before it is too long [time:future]", { iat: NOW + SKEW + 1, exp: NOW + 9999 }, "E_FUTURE"],
  ];
  const anonymous: Row[] = [
    ["no iat, ends as late as it may [time:ttl]", { exp: NOW + MAX + SKEW }, undefined],
    ["no iat, ends later [time:ttl]", { exp: NOW + MAX + SKEW + 1 }, "E_TTL"],
    ["no iat, ends at the end of numbers [time:ttl]", { exp: Number.MAX_SAFE_INTEGER }, "E_TTL"],
  ];
  for (const level of LEVELS) {
    const signed = level === "sig" || level === "nest";
    it.each(signed ? rows : [...rows, ...anonymous])(
      `${level}: %s: refused ones are counted, named by one err, and the session goes on [seq:consumed] [req:failure]`,
      async (_, life, code) => {
        const pair = await live({ level });
        const seen: unknown[] = [];
        pair.server.session!.handle("t", (d) => void seen.push(d));
        const puppet = Puppet.seize(pair);
        const claims = signed ? { iat: Math.min(NOW, life.exp), ...life } : life;
        puppet.deliver(
          await puppet.message(puppet.claims({ ...claims, dat: "this" })),
          await puppet.message(puppet.claims({ dat: "next" })),
        );
        await until(() => seen.includes("next"));
        expect(seen).toEqual(code === undefined ? ["this", "next"] : ["next"]);
        expect(controlsOf(pair, "server")).toEqual(
          code === undefined ? [] : [{ seq: 1, top: "err", code, ref: 1, rcv: expect.any(Number) }],
        );
        expect(pair.server.info).toBe(undefined);
      },
    );
  }

  it("control has no life and passes where messages are refused [time:expired]", async () => {
    const pair = await live();
    const puppet = Puppet.seize(pair);
    const old = [await puppet.message(), await puppet.control({ top: "ping" })];
    await pair.clock.advance(100_000);
    puppet.deliver(...old);
    await until(() => controlsOf(pair, "server").some((c) => c.top === "pong"));
    expect(controlsOf(pair, "server").filter((c) => c.top !== "ping")).toMatchObject([
      { top: "err", code: "E_EXPIRED", ref: 1 },
      { top: "pong", ref: 2 },
    ]);
  });

  it.each([0, -1, 1.5, 301, Number.NaN])("a ttl of %s is a TypeError", async (ttl) => {
    const pair = await live();
    await expect(pair.client.session!.send("t", 1, { ttl })).rejects.toThrow(TypeError);
    expect(seqsOf(pair, "client")).toEqual([]);
  });
});

describe("clocks that differ", () => {
  const DAY = 86_400;
  const offsets = (level: string) => [-(level === "aead" ? DAY : 300), -17, 0, 17, level === "aead" ? DAY : 300];
  for (const level of ["aead", "nest"] as const) {
    it.each(offsets(level))(
      `the client writes server time, ${level}, %s s behind [time:server-time]`,
      async (behind) => {
        const pair = await live({ level, behind });
        pair.server.session!.handle("q", (d) => d);
        expect(await pair.client.session!.request("q", 1)).toBe(1);
        expect(sentBy(pair, "client")[0]).toMatchObject({ exp: NOW + 60, ...(level === "nest" ? { iat: NOW } : {}) });
        // What the application sees is in its own time.
        expect(pair.client.session!.expiresAt.getTime()).toBe((NOW + 3600 - behind) * 1000);
        await pair.clock.advance(45_000);
        await pair.client.session!.send("q", 1);
        expect(sentBy(pair, "client").at(-1)).toMatchObject({ exp: NOW + 105 });
      },
    );
  }

  it.each([
    ["mac", DAY, true],
    ["mac", DAY + 1, false],
    ["aead", -DAY, true],
    ["aead", -DAY - 1, false],
    ["sig", 300, true],
    ["sig", 301, false],
    ["sig", -301, false],
    ["nest", -300, true],
    ["nest", 301, false],
  ] as const)("%s with a clock %s s behind: %s [time:offset]", async (level, behind, admitted) => {
    const pair = await openPair({ level, behind });
    if (admitted) expect(pair.client.session).toBeDefined();
    else await expectRefusal(pair, { side: "client", code: "E_FUTURE", stage: "claims", close: 4406 });
  });
});

describe("SR", () => {
  const bad = (name: string, sr: (claims: Record<string, unknown>) => unknown, options: PairOptions = {}) =>
    [name, { sr: ({ claims }: { claims: Record<string, unknown> }) => sr(claims) }, options] as const;

  it.each([
    bad("another th", (c) => Object.assign(c, { th: "A".repeat(43) })),
    bad("another cb", (c) => Object.assign(c, { cb: "A".repeat(43) })),
    bad("an empty cb", (c) => Object.assign(c, { cb: "" })),
  ])("%s is refused [sr:th]", async (_, edits) => {
    await expectRefusal(await tampered(edits), { side: "client", code: "E_TRANSCRIPT", stage: "claims", close: 4501 });
  });

  it("no cb is accepted [sr:th]", async () => {
    const pair = await tampered({ sr: ({ claims }) => delete claims.cb });
    expect(pair.client.session).toBeDefined();
  });

  it.each([
    ["exp at now − skew", { iat: NOW - 90, exp: NOW - SKEW }, false],
    ["iat beyond now + skew", { iat: NOW + SKEW + 1, exp: NOW + 90 }, false],
    ["iat at now + skew", { iat: NOW + SKEW, exp: NOW + 90 }, true],
    ["an exp of years to come", { exp: NOW + 10 ** 9 }, true],
  ] as const)("%s [sr:time]", async (_, members, admitted) => {
    const pair = await tampered({ sr: ({ claims }) => Object.assign(claims, members) });
    if (admitted) expect(pair.client.session).toBeDefined();
    else {
      const error = { code: "E_SESSION_EXPIRED", closeCode: 4510, remote: false };
      expect(await end(pair, "client")).toMatchObject({ error, truncated: false });
      expect(pair.client.session).toBe(undefined);
    }
  });

  it("an exp within the skew opens a session that ends at once, in order [sr:time]", async () => {
    const pair = await tampered({ sr: ({ claims }) => Object.assign(claims, { iat: NOW - 90, exp: NOW - 1 }) });
    await pair.clock.advance(1);
    const info = await end(pair, "client");
    expect(info.error).toMatchObject({ code: "E_SESSION_EXPIRED" });
    expect((await end(pair, "server")).error).toMatchObject({
      code: "E_SESSION_EXPIRED",
      remote: true,
      closeCode: 4510,
    });
    expect(await pair.client.session!.closed).toBe(info);
  });

  it.each([
    ["the token check", (fail: Promise<never>) => ({ verifyToken: () => fail })],
    ["admission", (fail: Promise<never>) => ({ admit: () => fail })],
  ])("the server says nothing between SH and the end of %s [sr:first]", async (_, server) => {
    let refuse!: (e: Error) => void;
    const fail = new Promise<never>((_resolve, reject) => {
      refuse = reject;
    });
    const pair = await openPair({ waitFor: false, server: server(fail) });
    await until(() => pair.link.log.length === 3);
    await settle(20);
    expect(pair.link.log.map((e) => e.direction)).toEqual(["c2s", "s2c", "c2s"]);
    refuse(new SealwireError("E_BUSY"));
    await until(() => pair.server.info !== undefined);
    expect(pair.link.log).toHaveLength(4);
    expect(pair.client.session).toBe(undefined);
  });

  it("no SR before the proof signature is checked: it comes last [sr:first]", async () => {
    const pair = await tampered({
      ca: (ca) => {
        ca.signature = (good) => good.map((b, i) => (i === 9 ? b ^ 1 : b));
      },
    });
    await expectRefusal(pair, { side: "server", code: "E_POP", stage: "claims", close: 3000 });
    expect(pair.link.log.filter((e) => e.direction === "s2c")).toHaveLength(2);
    expect(pair.client.session).toBe(undefined);
  });
});

describe("the end of the session", () => {
  it.each(ROLES)("at SR.exp a bye and 4510, %s [sr:end]", async (role) => {
    const pair = await live({ limits: { heartbeatSeconds: 9999, idleSeconds: 99_999 } });
    mute(pair, other(role));
    await pair.clock.advance(3_599_999);
    expect(pair[role].info).toBe(undefined);
    await pair.clock.advance(1);
    const info = await end(pair, role);
    expect(info).toMatchObject({ code: 4510, error: { code: "E_SESSION_EXPIRED", remote: false }, clean: false });
    expect(pair.link[role].closedWith).toEqual({ code: 4510, reason: "expired" });
    expect(controlsOf(pair, role)).toEqual([{ seq: 1, top: "bye", code: "expired", rcv: 0 }]);
  });

  it.each(ROLES)(
    "a message that comes then is not delivered, also where the timer is late, %s [sr:end]",
    async (role) => {
      const pair = await live();
      pair[role].session!.handle("t", () => expect.unreachable("after the end"));
      const puppet = Puppet.seize(pair, other(role));
      const message = await puppet.message();
      const elapsed = pair.clock.elapsed.bind(pair.clock);
      pair.clock.elapsed = () => elapsed() + 3_600_000;
      puppet.deliver(message);
      expect((await end(pair, role)).error).toMatchObject({
        code: "E_SESSION_EXPIRED",
        stage: "session",
        remote: false,
      });
    },
  );

  it.each([
    [undefined, 3600],
    [600, 600],
    [7200, 3600],
  ])("limit sessionSeconds %s: the session lasts %s s [sr:end]", async (sessionSeconds, lasts) => {
    const pair = await live(sessionSeconds === undefined ? {} : { limits: { sessionSeconds } });
    for (const role of ROLES) expect(pair[role].session!.expiresAt).toEqual(new Date((NOW + lasts) * 1000));
    await pair.clock.advance(lasts * 1000);
    await released(pair);
    const codes = ROLES.map((role) => pair[role].info!.error!.code);
    expect(codes).toEqual(["E_SESSION_EXPIRED", "E_SESSION_EXPIRED"]);
  });
});
