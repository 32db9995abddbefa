import { describe, expect, it } from "vitest";
import { backend as node } from "../../src/crypto/node.ts";
import { backend as webcrypto } from "../../src/crypto/webcrypto.ts";
import { aroundSeal } from "../support/backends.ts";
import { settle, until } from "../support/clock.ts";
import { controlsOf, end, LEVELS, live, ROLES, seqsOf, upTo, WIRES } from "../support/live.ts";
import { Puppet } from "../support/puppet.ts";

describe("order under load", () => {
  for (const protocol of WIRES) {
    for (const level of LEVELS) {
      it(`WebCrypto: frames leave and arrive in the order of numbers, messages, requests and control mixed, ${protocol}, ${level} [seq:send] [level:fifo]`, async () => {
        const pair = await live({ backend: webcrypto, level, protocol, limits: { heartbeatSeconds: 1 } });
        const seen: unknown[] = [];
        pair.server.session!.handle("t", (d) => void seen.push((d as { i: number }).i));
        for (const role of ROLES) pair[role].session!.handle("q", (d) => d);
        const work: Promise<unknown>[] = [];
        for (const i of upTo(30)) {
          // Large before small: what comes later is sealed and opened faster.
          work.push(pair.client.session!.send("t", { i, x: "x".repeat(i % 3 === 0 ? 60_000 : 1) }));
          if (i % 4 === 0) work.push(pair.client.session!.request("q", i));
          if (i % 5 === 0) work.push(pair.server.session!.request("q", "y".repeat(i % 2 === 0 ? 50_000 : 1)));
          if (i === 10) work.push(pair.clock.advance(1000));
        }
        await Promise.all(work);
        await until(() => seen.length === 30 && controlsOf(pair, "client").length > 0);
        expect(seen).toEqual(upTo(30));
        for (const role of ROLES) expect(seqsOf(pair, role)).toEqual(upTo(seqsOf(pair, role).length));
        expect(await pair.client.session!.close()).toMatchObject({ clean: true });
      });
    }
  }

  it("a cipher that is slow at first does not let later messages pass [seq:send]", async () => {
    let calls = 0;
    const backend = aroundSeal(node, (seal) => (iv, aad, plaintext, room) => {
      const ms = 20 - Math.min(20, 4 * calls++);
      return new Promise((resolve) => setTimeout(() => resolve(seal(iv, aad, plaintext, room)), ms));
    });
    const pair = await live({ batch: false, backend, serverBackend: node });
    const seen: unknown[] = [];
    pair.server.session!.handle("t", (d) => void seen.push(d));
    await Promise.all(upTo(8).map((i) => pair.client.session!.send("t", i)));
    await until(() => seen.length === 8);
    expect([seen, seqsOf(pair, "client")]).toEqual([upTo(8), upTo(8)]);
  });
});

describe("the number of a message", () => {
  for (const level of LEVELS) {
    for (const backend of [node, webcrypto]) {
      it(`replay while the original is being opened, ${level}, ${backend.name} [seq:replay] [level:fifo]`, async () => {
        const pair = await live({ level, backend });
        const seen: unknown[] = [];
        pair.server.session!.handle("t", (d) => void seen.push(d));
        const puppet = Puppet.seize(pair);
        const [one, two] = [await puppet.message(), await puppet.message()];
        puppet.deliver(one, two, two);
        expect((await end(pair, "server")).error).toMatchObject({ code: "E_REPLAY", closeCode: 4502 });
        expect(seen).toEqual([1, 1]);
      });
    }

    it(`what fails before commit changes nothing: rcv of the bye stays [seq:commit] ${level}`, async () => {
      const faults: [string, (p: Puppet) => Promise<string | Uint8Array>][] = [
        ["E_CLAIMS", (p) => p.message(p.claims({ top: "not a topic" }))],
        ["E_CLAIMS", (p) => p.message(p.claims({ ref: 7 }))],
        ["E_CLAIMS", (p) => p.control({ top: "nothing" })],
        ["E_SEQ", (p) => p.control({ top: "ping", rcv: 5 })],
        ["E_SEQ", (p) => p.control({ top: "ping", seq: 1 })],
      ];
      for (const [code, fault] of faults) {
        const pair = await live({ level });
        const puppet = Puppet.seize(pair);
        puppet.deliver(await puppet.message());
        puppet.deliver(await fault(puppet));
        expect((await end(pair, "server")).error).toMatchObject({ code });
        expect(controlsOf(pair, "server").at(-1)).toMatchObject({ top: "bye", rcv: 1 });
      }
    });
  }

  it("a forgery under the next number ends the session; the number was not used [seq:commit]", async () => {
    const pair = await live();
    const puppet = Puppet.seize(pair);
    const good = (await puppet.message()) as Uint8Array;
    const forged = good.slice();
    forged[forged.length - 1]! ^= 1;
    puppet.deliver(forged, good);
    expect((await end(pair, "server")).error).toMatchObject({ code: "E_CRYPTO" });
    expect(controlsOf(pair, "server")).toMatchObject([{ top: "bye", code: "crypto", rcv: 0 }]);
  });

  it("what is refused after commit is counted, at each of the steps [seq:consumed]", async () => {
    const authorize = ({ topic, direction }: { topic: string; direction: string }) =>
      direction === "out" || topic !== "no";
    const pair = await live({ serverHooks: { authorize } });
    const puppet = Puppet.seize(pair);
    puppet.deliver(
      await puppet.message(puppet.claims({ exp: 1 })),
      await puppet.message(puppet.claims({ top: "no" })),
      await puppet.message(puppet.claims({ req: true })),
      await puppet.control({ top: "ping" }),
    );
    await until(() => controlsOf(pair, "server").length === 4);
    expect(controlsOf(pair, "server").map((c) => c.code ?? c.top)).toEqual([
      "E_EXPIRED",
      "E_DENIED",
      "E_NO_HANDLER",
      "pong",
    ]);
    expect(controlsOf(pair, "server").at(-1)).toMatchObject({ ref: 4, rcv: 4 });
  });
});

describe("the order of the steps: of several faults the first decides [level:order]", () => {
  const BAD = { top: "not a topic", exp: 1 };
  type Fault = (p: Puppet) => Promise<string | Uint8Array>;
  const flipped = (payload: string | Uint8Array): string | Uint8Array => {
    if (typeof payload === "string") return payload.replace(/.{4}$/, (end) => (end === "AAAA" ? "BBBB" : "AAAA"));
    return payload.map((b, i) => (i === payload.length - 1 ? b ^ 1 : b));
  };
  const rows: [string, string, Fault][] = [
    ["sequence before crypto", "E_SEQ", async (p) => flipped(await p.message(p.claims(BAD), { seq: 9 }))],
    ["crypto before claims", "E_CRYPTO", async (p) => flipped(await p.message(p.claims(BAD)))],
    ["syntax before equality of seq", "E_CLAIMS", (p) => p.control({ top: "nothing", seq: 7, rcv: 99 })],
    ["equality of seq before ref", "E_SEQ", (p) => p.message(p.claims({ seq: 7, ref: 99, exp: 1 }))],
    ["claims before time", "E_CLAIMS", (p) => p.message(p.claims({ ...BAD }))],
    ["ref before time", "E_CLAIMS", (p) => p.message(p.claims({ ref: 99, exp: 1 }))],
  ];
  for (const protocol of WIRES) {
    it.each(rows)(`${protocol}: %s`, async (_, code, fault) => {
      const pair = await live({ protocol });
      const puppet = Puppet.seize(pair);
      puppet.deliver(await fault(puppet));
      expect((await end(pair, "server")).error).toMatchObject({ code });
    });
    it(`${protocol}: size before encoding, encoding before header`, async () => {
      for (const [n, code] of [
        [70_000, "E_TOO_BIG"],
        [10, protocol === "sealwire.v1.cbor" ? "E_CBOR" : "E_MALFORMED"],
      ] as const) {
        const pair = await live({ protocol, limits: { messageBytes: 65_536 } });
        pair.link.inject("c2s", protocol === "sealwire.v1.cbor" ? new Uint8Array(n).fill(0x84) : "?".repeat(n));
        expect((await end(pair, "server")).error).toMatchObject({ code });
      }
    });
  }

  it("sig: key before binding, both before the number", async () => {
    for (const [claims, code] of [
      [{ iss: "x", aud: "y", seq: 9 }, "E_KEY"],
      [{ aud: "y", seq: 9 }, "E_BINDING"],
      [{ seq: 9, ref: 3 }, "E_SEQ"],
    ] as const) {
      const pair = await live({ level: "sig" });
      const puppet = Puppet.seize(pair);
      puppet.deliver(await puppet.message(puppet.claims(claims)));
      expect((await end(pair, "server")).error).toMatchObject({ code });
    }
  });

  it("time before authorize, authorize before deliver", async () => {
    const asked: string[] = [];
    const authorize = ({ topic, direction }: { topic: string; direction: string }) => {
      asked.push(`${direction} ${topic}`);
      return direction === "out" || topic !== "no";
    };
    const pair = await live({ serverHooks: { authorize } });
    const puppet = Puppet.seize(pair);
    puppet.deliver(
      await puppet.message(puppet.claims({ top: "no", req: true, exp: 1 })),
      await puppet.message(puppet.claims({ top: "no", req: true })),
      await puppet.message(puppet.claims({ top: "yes", req: true })),
    );
    await until(() => controlsOf(pair, "server").length === 3);
    await settle();
    expect(controlsOf(pair, "server").map((c) => c.code)).toEqual(["E_EXPIRED", "E_DENIED", "E_NO_HANDLER"]);
    expect(asked).toEqual(["in no", "in yes"]);
  });
});
