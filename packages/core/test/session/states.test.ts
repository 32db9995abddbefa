import { describe, expect, it } from "vitest";
import type { Payload } from "../../src/envelope/sealer.ts";
import type { ErrorCode, Stage } from "../../src/registry.generated.ts";
import { settle, until } from "../support/clock.ts";
import { openPair, type Pair } from "../support/pair.ts";
import { Puppet } from "../support/puppet.ts";
import { toFull } from "../support/raw.ts";
import { expectClearRefusal, expectRefusal } from "../support/tamper.ts";

// The two tables of specs/session.md, section 10, cell by cell: what arrives in which state.

const PROTOCOLS = ["sealwire.v1.cbor", "sealwire.v1.text"] as const;
type Protocol = (typeof PROTOCOLS)[number];
type Event = "CH" | "SH" | "CA" | "SR" | "app" | "control" | "bye" | "err-json";
const EVENTS: readonly Event[] = ["CH", "SH", "CA", "SR", "app", "control", "bye", "err-json"];

const HEADER = { code: "E_HEADER", stage: "header", close: 4400 } as const;
const CLAIMS = { code: "E_CLAIMS", stage: "claims", close: 4400 } as const;
const STATE = { code: "E_STATE", stage: "commit", close: 4400 } as const;

/** One of every event for this end of a pair. */
async function events(pair: Pair, as: "client" | "server"): Promise<Record<Event, Payload>> {
  const puppet = new Puppet(pair, as);
  const hello = (direction: "c2s" | "s2c", index: number) =>
    pair.link.log.filter((e) => e.direction === direction)[index]!.payload;
  return {
    CH: hello("c2s", 0),
    SH: hello("s2c", 0),
    CA: hello("c2s", 1),
    SR: hello("s2c", 1),
    app: await puppet.message(puppet.claims({}, 1), { seq: 1 }),
    control: await puppet.control({ top: "ping" }, { seq: 1 }),
    bye: await puppet.control({ top: "bye" }, { seq: 1 }),
    "err-json": toFull(pair.wire, '{"typ":"sealwire-err","code":"busy"}'),
  };
}

/** A handshake in which `direction`'s message number `index` is replaced. */
async function replaced(protocol: Protocol, direction: "c2s" | "s2c", index: number, payload: Payload): Promise<Pair> {
  return await openPair({
    protocol,
    onLink: (link) => {
      link.tap = (d, p, i) => (d === direction && i === index ? [payload] : [p]);
    },
  });
}

describe.each(PROTOCOLS)("%s [hs:states]", (protocol) => {
  const donated = async (as: "client" | "server") => await events(await openPair({ protocol }), as);

  // A CH out of place is not told from err-json by its form alone; both are bare JSON.
  const BEFORE: readonly [string, "client" | "server", number, Partial<Record<Event, object>>][] = [
    ["server wait-CH", "server", 0, { "err-json": CLAIMS, SH: { code: "E_TYP" } }],
    ["server wait-CA", "server", 1, {}],
    ["client wait-SH", "client", 0, {}],
    ["client wait-SR", "client", 1, {}],
  ];
  describe.each(BEFORE)("%s", (state, side, index, exceptions) => {
    const awaited = { "server wait-CH": "CH", "client wait-SH": "SH" }[state];
    const others = EVENTS.filter((event) => event !== awaited && !(side === "client" && event === "err-json"));
    it.each(others)("%s is refused [wire:form]", async (event) => {
      const payload = (await donated(side === "server" ? "client" : "server"))[event];
      const pair = await replaced(protocol, side === "server" ? "c2s" : "s2c", index, payload);
      const verdict = { side, ...HEADER, ...exceptions[event] };
      await (side === "server" ? expectClearRefusal(pair, verdict) : expectRefusal(pair, verdict));
      expect(pair[side].session).toBeUndefined();
    });
  });

  it.each([0, 1])("client, before its message %i: err-json is the peer's claim", async (index) => {
    const pair = await replaced(protocol, "s2c", index, (await donated("server"))["err-json"]);
    expect(pair.client.info!.error).toMatchObject({ code: "E_BUSY", remote: true });
  });

  describe.each(["client", "server"] as const)("%s", (side) => {
    const as = side === "server" ? "client" : "server";
    const target = async () => {
      const pair = await openPair({ protocol, clientHooks: {}, serverHooks: { authorize: () => true } });
      const all = await events(pair, as);
      const got: unknown[] = [];
      pair[side].session!.handle("t", (data) => {
        got.push(data);
      });
      return { pair, all, got, puppet: Puppet.seize(pair, as) };
    };

    it.each(["CH", "SH", "CA", "SR", "err-json"] as const)(
      "open: %s is refused with a bye [wire:form] [close:fatal-bye]",
      async (event) => {
        const { pair, all, puppet } = await target();
        puppet.deliver(all[event]);
        await expectRefusal(pair, { side, ...HEADER });
        expect(await puppet.controls()).toEqual([{ seq: 1, top: "bye", code: "protocol", rcv: 0 }]);
      },
    );

    it("open: app is delivered, control handled, bye answered", async () => {
      const { pair, all, got, puppet } = await target();
      puppet.deliver(all.app);
      puppet.deliver(
        await puppet.control({ top: "ping" }, { seq: 2 }),
        await puppet.control({ top: "bye", rcv: 1 }, { seq: 3 }),
      );
      await until(() => pair[side].session!.byeSent, "bye");
      await settle();
      expect(got).toEqual([1]);
      expect((await puppet.controls()).map((c) => c.top)).toEqual(["pong", "bye"]);
    });

    it.each(["CH", "SH", "CA", "SR", "err-json"] as const)(
      "closing: %s is refused, without another bye",
      async (event) => {
        const { pair, all, puppet } = await target();
        void pair[side].session!.close();
        await settle();
        puppet.deliver(all[event]);
        await expectRefusal(pair, { side, ...HEADER });
        expect((await puppet.controls()).map((c) => c.top)).toEqual(["bye"]);
      },
    );

    it("closing, before the peer's bye: app is delivered, ping is not answered, the bye ends it", async () => {
      const { pair, all, got, puppet } = await target();
      void pair[side].session!.close();
      await settle();
      puppet.deliver(all.app);
      puppet.deliver(await puppet.control({ top: "ping" }, { seq: 2 }));
      await until(() => got.length === 1, "the message");
      expect(pair[side].info).toBeUndefined();
      puppet.deliver(await puppet.control({ top: "bye", rcv: 1 }, { seq: 3 }));
      await until(() => pair[side].info !== undefined, "the end");
      expect(pair[side].info).toEqual({ code: 1000, clean: true, truncated: false, undetermined: [] });
      expect((await puppet.controls()).map((c) => c.top)).toEqual(["bye"]);
    });

    it.each(["app", "control", "bye"] as const)(
      "closing, after the peer's bye: %s is refused [close:after-bye]",
      async (event) => {
        const { pair, got, puppet } = await target();
        puppet.deliver(await puppet.control({ top: "bye" }, { seq: 1 }));
        await until(() => pair[side].session!.byeSent, "bye");
        const later = {
          app: () => puppet.message(puppet.claims({}, 2), { seq: 2 }),
          control: () => puppet.control({ top: "ping" }, { seq: 2 }),
          bye: () => puppet.control({ top: "bye" }, { seq: 2 }),
        };
        puppet.deliver(await later[event]());
        await expectRefusal(pair, { side, ...STATE });
        expect(got).toEqual([]);
        expect((await puppet.controls()).map((c) => c.top)).toEqual(["bye"]);
      },
    );

    it.each([
      ["open", false],
      ["closing", true],
    ] as const)("%s: the socket closes without the peer's bye: truncated [close:truncated]", async (_, closing) => {
      const { pair } = await target();
      if (closing) void pair[side].session!.close();
      await settle();
      pair.link[side].breakOff();
      await settle();
      expect(pair[side].info).toMatchObject({ clean: false, truncated: true, error: { code: "E_TRUNCATED" } });
    });

    it("closed: nothing has an effect any more", async () => {
      const { pair, all, got, puppet } = await target();
      pair.link[side].breakOff();
      await settle();
      const info = pair[side].info;
      puppet.deliver(...Object.values(all));
      await settle();
      expect(pair[side].info).toBe(info);
      expect([got, puppet.received]).toEqual([[], []]);
    });
  });
});

describe("opcodes [wire:opcode]", () => {
  it.each([
    ["text on the binary wire", "sealwire.v1.cbor", '{"typ":"sealwire-ch"}'],
    ["bytes on the text wire", "sealwire.v1.text", Buffer.from("e30.e30.e30")],
  ] as const)("%s is refused in every state", async (_, protocol, payload) => {
    const frame: { code: ErrorCode; stage: Stage; close: number } = { code: "E_FRAME", stage: "frame", close: 4400 };
    for (const index of [0, 1]) {
      await expectClearRefusal(await replaced(protocol, "c2s", index, payload), { side: "server", ...frame });
      await expectRefusal(await replaced(protocol, "s2c", index, payload), { side: "client", ...frame });
    }
    for (const side of ["client", "server"] as const) {
      const pair = await openPair({ protocol });
      Puppet.seize(pair, side === "client" ? "server" : "client").deliver(payload);
      await expectRefusal(pair, { side, ...frame });
    }
  });
});
