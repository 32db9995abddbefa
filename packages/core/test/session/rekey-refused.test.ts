import { describe, expect, it } from "vitest";
import type { PublicJwk } from "../../src/crypto/backend.ts";
import type { ErrorCode } from "../../src/registry.generated.ts";
import { settle } from "../support/clock.ts";
import { BAD_X25519, GOOD_P256 } from "../support/keys.ts";
import { LEVELS, live, other, ROLES, type Role, released, WIRES } from "../support/live.ts";
import type { PairOptions } from "../support/pair.ts";
import type { Claims } from "../support/puppet.ts";
import { sessionOf } from "../support/reconnect.ts";
import { ephemeral, Rekeyer } from "../support/rekeyer.ts";
import { noUnhandledRejections } from "../support/unhandled.ts";

// One end is a puppet that derives the keys of each epoch by itself.

noUnhandledRejections();

async function seized(as: Role, options: PairOptions = {}) {
  const pair = await live({ ...options, serverHooks: { authorize: () => true, trace: () => {} } });
  const target = sessionOf(pair, other(as));
  const got: unknown[] = [];
  target.handle("t", (data) => void got.push(data));
  return { pair, target, got, puppet: new Rekeyer(pair, as), side: other(as) };
}
type Seized = Awaited<ReturnType<typeof seized>>;

/** The puppet proposes and the other end answers: it expects the puppet's `ack`. */
async function proposed({ puppet }: Seized): Promise<void> {
  const own = ephemeral();
  const n = puppet.epochs.length;
  const rekey = await puppet.control({ top: "rekey", n, epk: own.jwk });
  await settle();
  const [answer] = await puppet.controls();
  expect(answer).toMatchObject({ n: n - 1, claims: { top: "rekeyed", n, ref: puppet.first.seq } });
  puppet.derive(own, answer?.claims.epk as PublicJwk, rekey, answer?.raw as Uint8Array);
}

/** The other end proposes and the puppet answers: it expects the puppet's `ack`. */
async function answered({ puppet, target }: Seized): Promise<void> {
  const own = ephemeral();
  const n = puppet.epochs.length;
  target.rekey();
  await settle();
  const [proposal] = await puppet.controls();
  expect(proposal).toMatchObject({ n: n - 1, claims: { top: "rekey", n } });
  const rekeyed = await puppet.control({ top: "rekeyed", n, epk: own.jwk, ref: proposal?.claims.seq });
  await settle();
  puppet.derive(own, proposal?.claims.epk as PublicJwk, proposal?.raw as Uint8Array, rekeyed);
}

async function ends({ pair, side, got }: Seized, code: ErrorCode, data: unknown[] = []): Promise<void> {
  await settle();
  expect(pair[side].info?.error).toMatchObject({ code, remote: false });
  expect(got).toEqual(data);
  pair.link[other(side)].breakOff();
  await released(pair);
}

const codec = "json";

describe("with keys that are derived elsewhere", () => {
  for (const as of ROLES) {
    for (const protocol of WIRES) {
      it.each(LEVELS)(`${as}, ${protocol}, %s: both ways, twice [rekey:answer] [rekey:ack-first]`, async (level) => {
        const s = await seized(as, { level, protocol, codec });
        for (let n = 1; n <= 2; n++) {
          await (n === 1 ? proposed(s) : answered(s));
          // The first message under the new keys is its ack, and so is that of the puppet.
          expect((await s.puppet.controls()).map(({ n, claims }) => [n, claims.top])).toEqual([[n, "ack"]]);
          await s.puppet.control({ top: "ack" });
          await s.puppet.message(n, n);
          await settle();
          expect(s.target.epochs).toEqual({ send: n, receive: n });
        }
        expect(s.got).toEqual([1, 2]);
        s.pair.link.server.breakOff();
        s.pair.link.client.breakOff();
        await released(s.pair);
      });
    }
  }
});

describe("before the peer's ack", () => {
  for (const as of ROLES) {
    it.each([
      ["proposer", proposed],
      ["responder", answered],
    ] as const)(`an application message of a ${as}, %s [rekey:switch]`, async (_, change) => {
      const s = await seized(as, { codec });
      await change(s);
      await s.puppet.message();
      await ends(s, "E_HEADER");
    });

    it.each([
      ["proposer", proposed],
      ["responder", answered],
    ] as const)(`another control message of a ${as}, %s [rekey:switch]`, async (_, change) => {
      const s = await seized(as, { codec });
      await change(s);
      await s.puppet.control({ top: "pong", ref: 1 });
      await ends(s, "E_STATE");
    });

    it(`messages of a ${as} that proposed are still opened under the old keys`, async () => {
      const s = await seized(as, { codec });
      await proposed(s);
      await s.puppet.message(0, "old");
      await s.puppet.control({ top: "ack" }, 0);
      await s.puppet.control({ top: "ack" });
      await s.puppet.message(1, "new");
      await settle();
      expect(s.got).toEqual(["old", "new"]);
      expect(s.target.epochs).toEqual({ send: 1, receive: 1 });
      s.pair.link.server.breakOff();
      s.pair.link.client.breakOff();
      await released(s.pair);
    });

    it(`a ${as} that answered has left the old ones at once [rekey:retired]`, async () => {
      const s = await seized(as, { codec });
      await answered(s);
      await s.puppet.message(0);
      await ends(s, "E_HEADER");
    });

    it(`under an epoch that was left, of a ${as} [rekey:retired]`, async () => {
      for (const control of [true, false]) {
        const s = await seized(as, { codec });
        await proposed(s);
        await s.puppet.control({ top: "ack" });
        await s.puppet.message(1, "new");
        if (control) await s.puppet.control({ top: "ack" }, 0);
        else await s.puppet.message(0);
        await ends(s, "E_HEADER", ["new"]);
      }
    });
  }

  it.each(ROLES)("at sig on the text wire `bnd` tells, %s [rekey:switch]", async (as) => {
    const s = await seized(as, { codec, level: "sig", protocol: "sealwire.v1.text" });
    await proposed(s);
    await s.puppet.message();
    await ends(s, "E_BINDING");
  });
});

describe("a rekey that cannot be [rekey:state] [rekey:epk]", () => {
  const key = ephemeral().jwk;
  const rows: [string, Claims, ErrorCode][] = [
    ["rekey with the n of now", { top: "rekey", n: 0, epk: key }, "E_CLAIMS"],
    ["rekey two epochs on", { top: "rekey", n: 2, epk: key }, "E_STATE"],
    ["rekeyed to nothing", { top: "rekeyed", n: 1, epk: key, ref: 1 }, "E_STATE"],
    ["rekeyed that names what was not sent", { top: "rekeyed", n: 1, epk: key, ref: 99 }, "E_CLAIMS"],
    ["a key of another type", { top: "rekey", n: 1, epk: GOOD_P256 }, "E_CLAIMS"],
    ["a key with another member", { top: "rekey", n: 1, epk: { ...key, kid: "x" } }, "E_CLAIMS"],
    ["no point", { top: "rekey", n: 1, epk: { ...key, ...BAD_X25519["small order 0"] } }, "E_KEY"],
    ["no key", { top: "rekey", n: 1 }, "E_CLAIMS"],
  ];
  for (const as of ROLES) {
    it.each(rows)(`%s, from the ${as}`, async (_, message, code) => {
      const s = await seized(as, { codec });
      await s.target.send("t", 1);
      await s.puppet.control(message);
      await ends(s, code);
    });

    it.each([
      ["another n", { n: 2 }],
      ["another ref", { ref: 1 }],
    ])(`an answer of the ${as} with %s`, async (_, change) => {
      const s = await seized(as, { codec });
      await s.target.send("t", 1);
      s.target.rekey();
      await settle();
      const [proposal] = await s.puppet.controls();
      await s.puppet.control({ top: "rekeyed", n: 1, epk: key, ref: proposal?.claims.seq, ...change });
      await ends(s, "E_STATE");
    });

    it(`a second proposal of the ${as} before its ack [rekey:one]`, async () => {
      const s = await seized(as, { codec });
      await proposed(s);
      await s.puppet.control({ top: "rekey", n: 2, epk: key }, 0);
      await ends(s, "E_STATE");
    });

    it(`a second answer of the ${as}`, async () => {
      const s = await seized(as, { codec });
      await answered(s);
      await s.puppet.control({ top: "ack" });
      await s.puppet.control({ top: "rekeyed", n: 2, epk: key, ref: 1 });
      await ends(s, "E_STATE");
    });
  }
});

describe("in window order", () => {
  const window = { codec, client: { order: "window" }, server: { order: "window" } } as const;

  it.each(ROLES)(
    "what the %s numbers above the first message under the new keys is under them [rekey:window-old]",
    async (as) => {
      for (const change of [proposed, answered]) {
        const s = await seized(as, window);
        await change(s);
        await s.puppet.message(0, "old, and below");
        await s.puppet.control({ top: "ack" });
        await s.puppet.message(0, "old, and above");
        await s.puppet.message(1, "new");
        await settle();
        expect(s.got).toEqual(["old, and below", "new"]);
        expect(s.pair.errors[s.side]).toEqual([expect.objectContaining({ code: "E_HEADER", fatal: false })]);
        s.pair.link.server.breakOff();
        s.pair.link.client.breakOff();
        await released(s.pair);
      }
    },
  );

  /** The code of what is dropped when the puppet sends this number under this epoch; undefined where it is delivered. */
  async function fate({ puppet, pair, side, got }: Seized, n: number, seq: number): Promise<unknown> {
    const before = got.length;
    puppet.first.seq = seq - 1;
    await puppet.message(n, seq);
    await settle();
    const [error] = pair.errors[side].splice(0) as { code: string }[];
    expect(error === undefined).toBe(got.length > before);
    return error?.code;
  }

  async function leave({ pair }: Seized): Promise<void> {
    for (const role of ROLES) pair.link[role].breakOff();
    await released(pair);
  }

  it.each(ROLES)("the line between two epochs of the %s moves down [rekey:window] [rekey:window-old]", async (as) => {
    for (const change of [proposed, answered]) {
      const s = await seized(as, window);
      await change(s);
      const { seq } = s.puppet.first;
      expect(await fate(s, 1, seq + 6)).toBeUndefined();
      expect(await fate(s, 0, seq + 5)).toBeUndefined();
      // The number of the line itself is on the far side, whether that is known or not.
      expect(await fate(s, 0, seq + 6)).toBe("E_HEADER");
      expect(await fate(s, 1, seq + 3)).toBeUndefined();
      expect(await fate(s, 0, seq + 4)).toBe("E_HEADER");
      expect(await fate(s, 0, seq + 3)).toBe("E_HEADER");
      expect(await fate(s, 0, seq + 2)).toBeUndefined();
      await leave(s);
    }
  });

  it.each(ROLES)("old keys of the %s go a window after that line, not before [rekey:retired]", async (as) => {
    for (const change of [proposed, answered]) {
      const s = await seized(as, { ...window, limits: { replayWindow: 8 } });
      await change(s);
      const line = s.puppet.first.seq + 4;
      expect(await fate(s, 1, line)).toBeUndefined();
      expect(await fate(s, 1, line + 7)).toBeUndefined();
      // Still opened, and too old to tell.
      expect(await fate(s, 0, line - 1)).toBe("E_REPLAY");
      expect(await fate(s, 1, line + 8)).toBeUndefined();
      expect(await fate(s, 0, line - 1)).toBe("E_HEADER");
      await leave(s);
    }
  });

  // No honest proposer does so: it waits for a message under these keys, which the responder sends once it has seen one.
  it.each(ROLES)("the next proposal of the %s can be the first message under new keys [rekey:state]", async (as) => {
    const s = await seized(as, window);
    await proposed(s);
    await s.puppet.control({ top: "rekey", n: 2, epk: ephemeral().jwk });
    await settle();
    expect((await s.puppet.controls()).map(({ n, claims }) => [n, claims.top, claims.n])).toEqual([
      [1, "ack", undefined],
      [1, "rekeyed", 2],
    ]);
    await leave(s);
  });

  it("a responder seals with the old keys until the new ones are shown [rekey:window-send]", async () => {
    const s = await seized("client", window);
    await proposed(s);
    await s.puppet.control({ top: "ping" }, 0);
    await settle();
    expect((await s.puppet.controls()).map(({ n, claims }) => [n, claims.top])).toEqual([[0, "pong"]]);
    await s.puppet.control({ top: "ack" });
    await s.puppet.control({ top: "ping" });
    await settle();
    expect((await s.puppet.controls()).map(({ n, claims }) => [n, claims.top])).toEqual([
      [1, "ack"],
      [1, "pong"],
    ]);
    s.pair.link.server.breakOff();
    s.pair.link.client.breakOff();
    await released(s.pair);
  });
});

describe("crossing proposals", () => {
  it("the server ignores the client's [rekey:collision-server]", async () => {
    const s = await seized("client", { codec });
    s.target.rekey();
    await settle();
    await s.puppet.control({ top: "rekey", n: 1, epk: ephemeral().jwk });
    await settle();
    expect((await s.puppet.controls()).map(({ claims }) => claims.top)).toEqual(["rekey"]);
    expect(s.target.state).toBe("open");
    s.pair.link.server.breakOff();
    s.pair.link.client.breakOff();
    await released(s.pair);
  });

  it("the client drops its own and answers; an answer to what it dropped ends the session [rekey:collision-client] [rekey:state]", async () => {
    const s = await seized("server", { codec });
    s.target.rekey();
    await settle();
    const [dropped] = await s.puppet.controls();
    await proposed(s);
    await s.puppet.control({ top: "ack" });
    await settle();
    expect(s.target.epochs).toEqual({ send: 1, receive: 1 });
    await s.puppet.control({ top: "rekeyed", n: 2, epk: ephemeral().jwk, ref: dropped?.claims.seq });
    await ends(s, "E_STATE");
  });
});
