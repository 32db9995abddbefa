import { describe, expect, it } from "vitest";
import type { Level } from "../../src/registry.generated.ts";
import { settle, until } from "../support/clock.ts";
import { openPair, type Pair, type PairOptions } from "../support/pair.ts";
import { Puppet } from "../support/puppet.ts";
import { fromFull, toFull } from "../support/raw.ts";
import { expectClearRefusal, expectRefusal } from "../support/tamper.ts";

const never = () => new Promise<never>(() => {});
const silent = (who: "c2s" | "s2c"): PairOptions => ({
  waitFor: false,
  onLink: (link) => {
    link.tap = (direction, payload) => (direction === who ? [] : [payload]);
  },
});
const timeout = { code: "E_TIMEOUT_HS", stage: "local", close: 3008 } as const;

describe("deadlines [hs:timeout]", () => {
  it("a server without CH ends after 5 s", async () => {
    const pair = await openPair(silent("c2s"));
    await pair.clock.advance(4999);
    expect(pair.server.info).toBeUndefined();
    await pair.clock.advance(1);
    await expectClearRefusal(pair, { side: "server", ...timeout });
  });

  it("a server without CA ends after 10 s from the start", async () => {
    const pair = await openPair({
      waitFor: false,
      onLink: (link) => {
        link.tap = (direction, payload, index) => (direction === "c2s" && index === 1 ? [] : [payload]);
      },
    });
    // Its own deadline is at the same moment.
    pair.link.client.close = () => {};
    await pair.clock.advance(9999);
    expect(pair.server.info).toBeUndefined();
    await pair.clock.advance(1);
    await expectClearRefusal(pair, { side: "server", ...timeout });
  });

  it("a server whose token check hangs ends after 10 s, and lets go", async () => {
    const pair = await openPair({ waitFor: false, server: { verifyToken: never } });
    await settle(20);
    pair.link.client.close = () => {};
    await pair.clock.advance(10_000);
    await expectClearRefusal(pair, { side: "server", ...timeout });
    expect(pair.clock.pending).toBe(0);
  });

  it("a client without SH or SR ends after 10 s", async () => {
    const noSh = await openPair(silent("s2c"));
    noSh.link.server.close = () => {};
    await noSh.clock.advance(9999);
    expect(noSh.client.info).toBeUndefined();
    await noSh.clock.advance(1);
    await expectRefusal(noSh, { side: "client", ...timeout });

    const noSr = await openPair({ waitFor: false, server: { verifyToken: never } });
    noSr.link.server.close = () => {};
    noSr.link.tap = (direction, payload) => (direction === "s2c" ? [] : [payload]);
    await noSr.clock.advance(10_000);
    await expectRefusal(noSr, { side: "client", ...timeout });
  });

  it("an open session has none of them", async () => {
    const pair = await openPair();
    await pair.clock.advance(60_000);
    expect([pair.client.info, pair.server.info]).toEqual([undefined, undefined]);
  });
});

describe("clocks", () => {
  const future = { code: "E_FUTURE", stage: "claims", close: 4406 } as const;
  const rows: readonly [number, Level, boolean][] = [
    [300, "sig", true],
    [-300, "nest", true],
    [301, "sig", false],
    [-301, "sig", false],
    [301, "nest", false],
    [-301, "nest", false],
    [301, "aead", true],
    [-86_400, "aead", true],
    [86_400, "mac", true],
    [86_401, "aead", false],
    [-86_401, "mac", false],
  ];
  it.each(rows)("a client %i s behind at %s: %s [time:offset]", async (behind, level, works) => {
    const pair = await openPair({ behind, level });
    if (!works) return await expectRefusal(pair, { side: "client", ...future });
    expect(pair.client.session).toBeDefined();
  });

  it("a bound that is set lower holds [time:offset]", async () => {
    const pair = await openPair({ behind: 61, limits: { clockOffsetMaxSeconds: 60 } });
    await expectRefusal(pair, { side: "client", ...future });
  });

  it.each([-200, 200])("a client %i s behind writes server time [time:server-time]", async (behind) => {
    const pair = await openPair({ behind, level: "sig", codec: "json" });
    const got: unknown[] = [];
    pair.server.session!.handle("t", (data, { message }) => {
      got.push([data, message.issuedAt, message.expiresAt]);
    });
    await pair.client.session!.send("t", 1);
    await until(() => got.length === 1, "the message");
    const now = pair.clock.unix();
    expect(got).toEqual([[1, new Date(now), new Date(now + 60_000)]]);
    // And reads it: the dates of its own interface are of its own clock.
    const heard: unknown[] = [];
    pair.client.session!.handle("t", (_, { message }) => {
      heard.push(message.issuedAt);
    });
    await pair.server.session!.send("t", 1);
    await until(() => heard.length === 1, "the answer");
    expect(heard).toEqual([new Date(now - behind * 1000)]);
  });
});

describe("bare JSON before SR [hs:err-shape]", () => {
  const PROTOCOLS = ["sealwire.v1.cbor", "sealwire.v1.text"] as const;
  const answered = async (protocol: (typeof PROTOCOLS)[number], json: string): Promise<Pair> =>
    await openPair({
      protocol,
      onLink: (link) => {
        const payload = toFull(protocol === "sealwire.v1.text" ? "text" : "binary", json);
        link.tap = (d, p) => (d === "s2c" ? [payload] : [p]);
      },
    });
  it.each([
    "{}",
    '{"typ":"x","code":"busy"}',
    '{"typ":"sealwire-err"}',
    '{"typ":"sealwire-err","code":7}',
    '{"typ":"sealwire-err","code":"busy","code":"away"}',
    '{"typ":"sealwire-err","code":"busy","__proto__":1}',
    '{"typ":"sealwire-err","code":"busy"} x',
  ])("%s", async (json) => {
    for (const protocol of PROTOCOLS) {
      const pair = await answered(protocol, json);
      await expectRefusal(pair, { side: "client", code: "E_HEADER", stage: "header", close: 4400 });
    }
  });

  it.each([
    ["unauthorized", "E_AUTH_REQUIRED"],
    ["busy", "E_BUSY"],
    ["forbidden", "E_FORBIDDEN"],
    ["negotiate", "E_NEGOTIATE"],
    ["timeout", "E_TIMEOUT_HS"],
    ["too-big", "E_TOO_BIG"],
    ["something-later", "E_CLOSED"],
    ["4403", "E_CLOSED"],
  ] as const)("sealwire-err %s is %s, the peer's claim", async (name, code) => {
    const pair = await answered("sealwire.v1.cbor", JSON.stringify({ typ: "sealwire-err", code: name, more: 1 }));
    expect(pair.client.info!.error).toMatchObject({ code, remote: true });
  });
});

describe("early data", () => {
  /** A server whose token check hangs, until `decide`; the client is a puppet that may send at once. */
  async function early(ok: boolean) {
    let decide!: () => void;
    const checked = new Promise<void>((resolve) => {
      decide = resolve;
    });
    const seen: unknown[] = [];
    const pair = await openPair({
      proof: "none",
      waitFor: false,
      server: {
        verifyToken: async () => {
          await checked;
          if (!ok) throw new Error("no");
          return { issuer: "i", clientId: undefined, subject: "a", scopes: [], expiresAt: 2e9, jkt: undefined };
        },
      },
      serverHooks: {
        authorize: ({ data }) => seen.push(data) > 0,
        handler: () => () => null,
      },
    });
    await settle(20);
    return { pair, decide, seen };
  }

  it("is refused above 65,536 bytes in all [limit:early-data]", async () => {
    const { pair } = await early(true);
    pair.link.inject("c2s", new Uint8Array(60_000));
    pair.link.inject("c2s", new Uint8Array(5536));
    await settle();
    expect(pair.server.info).toBeUndefined();
    pair.link.inject("c2s", new Uint8Array(1));
    await expectClearRefusal(pair, { side: "server", code: "E_STATE", stage: "commit", close: 4400 });
  });

  it("is not opened before CA is accepted, and in order after it [hs:early-order]", async () => {
    const { pair, decide, seen } = await early(true);
    const garbage = new Uint8Array(100);
    pair.link.inject("c2s", garbage);
    await settle(20);
    // Nothing looked at it: even its framing is wrong.
    expect([seen, pair.server.info]).toEqual([[], undefined]);
    decide();
    await expectRefusal(pair, { side: "server", code: "E_CBOR", stage: "encoding", close: 4400 });
    const frames = pair.link.log.filter((e) => e.direction === "s2c");
    expect(frames.length).toBeGreaterThanOrEqual(2);
  });

  it("reaches the handlers in order once SR is sent [hs:early-order]", async () => {
    const { pair, decide, seen } = await early(true);
    const puppet = Puppet.seize(pair);
    for (const dat of ["a", "b", "c"]) puppet.deliver(await puppet.message(puppet.claims({ dat })));
    await settle(20);
    expect([seen, puppet.received]).toEqual([[], []]);
    decide();
    await until(() => seen.length === 3, "the early messages");
    expect(seen).toEqual(["a", "b", "c"]);
    // The first thing that the server said is SR.
    expect(fromFull(puppet.received[0]!)).toMatch(/^ey/);
    expect(pair.server.info).toBeUndefined();
  });

  it("is dropped unopened when CA is refused [hs:early-order]", async () => {
    const { pair, decide, seen } = await early(false);
    pair.link.inject("c2s", new Uint8Array(100));
    decide();
    await until(() => pair.server.info !== undefined, "the end");
    expect(pair.server.info!.error!.code).toBe("E_INTERNAL");
    expect(seen).toEqual([]);
  });

  it("a client sends none: nothing follows CA before SR [hs:early-send]", async () => {
    const { pair } = await early(true);
    await pair.clock.advance(9000);
    expect(pair.client.session).toBeUndefined();
    expect(pair.link.log.filter((e) => e.direction === "c2s")).toHaveLength(2);
  });
});
