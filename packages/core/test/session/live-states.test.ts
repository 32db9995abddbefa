import { describe, expect, it } from "vitest";
import type { Payload } from "../../src/envelope/sealer.ts";
import { SealwireError } from "../../src/errors.ts";
import { settle, until } from "../support/clock.ts";
import { controlsOf, end, gate, live, mute, other, ROLES, type Role, released, WIRES } from "../support/live.ts";
import { openPair, type Pair, type PairOptions } from "../support/pair.ts";
import { Puppet } from "../support/puppet.ts";
import { toFull } from "../support/raw.ts";

type Protocol = (typeof WIRES)[number];
const EVENTS = ["CH", "SH", "CA", "SR", "app", "control", "bye", "err-json"] as const;
type Event = (typeof EVENTS)[number];

/** One of each object, as another connection carried it; for a session, as its own carried it. */
async function objects(pair: Pair, as: Role, protocol: Protocol): Promise<Record<Event, Payload>> {
  const [CH, SH, CA, SR] = pair.link.log.map((e) => e.payload) as [Payload, Payload, Payload, Payload];
  const puppet = new Puppet(pair, as);
  const wire = protocol === "sealwire.v1.text" ? "text" : "binary";
  return {
    CH,
    SH,
    CA,
    SR,
    app: await puppet.message(undefined, { seq: 1 }),
    control: await puppet.control({ top: "ping", seq: 1 }),
    bye: await puppet.control({ top: "bye", seq: 1 }),
    "err-json": toFull(wire, '{"typ":"sealwire-err","code":"revoked"}'),
  };
}

/** A connection in which one side waits for the object of this index from the other. */
async function waiting(side: Role, index: number, protocol: Protocol, options: PairOptions = {}): Promise<Pair> {
  const from = side === "server" ? "c2s" : "s2c";
  const pair = await openPair({
    protocol,
    codec: "json",
    waitFor: false,
    ...options,
    onLink: (link) => {
      link.tap = (direction, payload, i) => (direction === from && i >= index ? [] : [payload]);
    },
  });
  await until(() => pair.link.log.filter((e) => e.direction === from).length > index);
  await settle();
  mute(pair, other(side));
  return pair;
}

const inject = (pair: Pair, side: Role, payload: Payload) =>
  pair.link.inject(side === "server" ? "c2s" : "s2c", payload);

describe.each(WIRES)("states over events, %s [hs:states]", (protocol) => {
  const before: [state: string, side: Role, index: number, next: Event, errJson: string][] = [
    ["wait-CH", "server", 0, "CH", "E_CLAIMS"],
    ["wait-CA", "server", 1, "CA", "E_HEADER"],
    ["wait-SH", "client", 0, "SH", "E_CLOSED"],
    ["wait-SR", "client", 1, "SR", "E_CLOSED"],
  ];
  for (const [state, side, index, next, errJson] of before) {
    // Bare JSON that is no sealwire-err is a row of until-ready.test.ts.
    const foreign = EVENTS.filter((e) => e !== next && !(side === "client" && e === "CH"));
    it.each(foreign)(`${side} ${state}: %s`, async (event) => {
      const donor = await live({ protocol });
      const pair = await waiting(side, index, protocol);
      inject(pair, side, (await objects(donor, other(side), protocol))[event]);
      const { error } = await end(pair, side);
      // A JWS in place of CH could be that of a resume: its header is parsed.
      const jws = state === "wait-CH" && event === "SH" ? "E_TYP" : "E_HEADER";
      const expected = event === "err-json" ? errJson : jws;
      expect(error).toMatchObject({ code: expected, remote: expected === "E_CLOSED" });
      expect(pair[side].session).toBe(undefined);
    });

    it(`${side} ${state}: socket-close and timeout`, async () => {
      const closed = await waiting(side, index, protocol);
      closed.link[side].breakOff();
      await closed.clock.advance(2000);
      expect(await end(closed, side)).toMatchObject({ truncated: false, clean: false });
      const late = await waiting(side, index, protocol);
      await late.clock.advance(10_000);
      expect((await end(late, side)).error).toMatchObject({ code: "E_TIMEOUT_HS", closeCode: 3008 });
    });
  }

  for (const side of ROLES) {
    for (const state of ["open", "closing"] as const) {
      it.each(["CH", "SH", "CA", "SR", "err-json"] as const)(`${side} ${state}: %s`, async (event) => {
        const pair = await live({ protocol });
        mute(pair, other(side));
        if (state === "closing") void pair[side].session!.close();
        inject(pair, side, (await objects(pair, other(side), protocol))[event]);
        expect((await end(pair, side)).error).toMatchObject({
          code: "E_HEADER",
          stage: "header",
          closeCode: 4400,
          remote: false,
        });
        const byes = controlsOf(pair, side);
        expect(byes).toEqual([{ seq: 1, top: "bye", rcv: 0, ...(state === "open" ? { code: "protocol" } : {}) }]);
      });
    }

    it.each(EVENTS)(`${side} closed: %s is ignored`, async (event) => {
      const pair = await live({ protocol });
      const all = await objects(pair, other(side), protocol);
      await pair[side].session!.close();
      await released(pair);
      const [info, sent] = [pair[side].info, pair.link.log.length];
      inject(pair, side, all[event]);
      pair.link[side].breakOff();
      await settle();
      expect(pair[side].info).toBe(info);
      expect([pair.link.log.length, pair.clock.pending]).toEqual([sent, 0]);
    });
  }
});

describe("early data", () => {
  /** The server's check of the token hangs; the client is in the hands of whoever sends early. */
  async function early(limits = {}): Promise<{ pair: Pair; token: ReturnType<typeof gate<boolean>> }> {
    const token = gate<boolean>();
    const pair = await openPair({ waitFor: false, limits, server: { admit: () => token.promise } });
    await until(() => pair.link.log.length === 3);
    await settle();
    return { pair, token };
  }
  const garbage = toFull("binary", '{"typ":"x"}');

  it("the server opens nothing before CA is accepted and SR is queued [hs:early-order]", async () => {
    const { pair, token } = await early();
    pair.link.inject("c2s", garbage);
    await settle(20);
    expect(pair.server.info).toBe(undefined);
    expect(pair.link.log).toHaveLength(3);
    token.open(true);
    expect((await end(pair, "server")).error).toMatchObject({ code: "E_HEADER" });
    // SR, then the bye of the error.
    expect(pair.link.log.slice(3).map((e) => e.direction)).toEqual(["s2c", "s2c"]);
  });

  it("a refused CA drops it unopened [hs:early-order]", async () => {
    const { pair, token } = await early();
    pair.link.inject("c2s", garbage);
    await settle();
    token.open(false);
    expect((await end(pair, "server")).error).toMatchObject({ code: "E_FORBIDDEN", closeCode: 3003 });
    expect(pair.link.log).toHaveLength(4);
  });

  it.each([
    [65_536, true],
    [65_537, false],
  ] as const)("%s bytes are held: %s [limit:early-data]", async (size, held) => {
    const { pair } = await early();
    pair.link.inject("c2s", new Uint8Array(size - 10));
    pair.link.inject("c2s", new Uint8Array(10));
    await settle();
    if (held) expect(pair.server.info).toBe(undefined);
    else expect((await end(pair, "server")).error).toMatchObject({ code: "E_STATE" });
  });

  it("the client sends nothing between CA and SR: it has no session to send with [hs:early-send]", async () => {
    const { pair, token } = await early();
    expect(pair.client.session).toBe(undefined);
    await pair.clock.advance(9000);
    const bytes = pair.link.log.filter((e) => e.direction === "c2s").slice(2);
    expect(bytes).toEqual([]);
    token.open(true);
    await until(() => pair.client.session !== undefined && pair.server.session !== undefined);
    const seen: unknown[] = [];
    pair.server.session!.handle("t", (d) => void seen.push(d));
    await pair.client.session!.send("t", 1);
    await until(() => seen.length === 1);
    expect(pair.link.log.map((e) => e.direction)).toEqual(["c2s", "s2c", "c2s", "s2c", "c2s"]);
  });

  it("a server whose check fails in an unknown way says internal, and nothing else", async () => {
    const pair = await openPair({ server: { verifyToken: () => Promise.reject(new SealwireError("E_INTERNAL")) } });
    expect((await end(pair, "client")).error).toMatchObject({ code: "E_INTERNAL", remote: true });
    await released(pair);
  });
});
