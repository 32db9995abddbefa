import { describe, expect, it } from "vitest";
import type { AeadKey, CryptoBackend, SharedSecret } from "../../src/crypto/backend.ts";
import { backend as node } from "../../src/crypto/node.ts";
import { backend as webcrypto } from "../../src/crypto/webcrypto.ts";
import { SealwireError } from "../../src/errors.ts";
import { cbor } from "../support/cbor.ts";
import { settle, until } from "../support/clock.ts";
import {
  attacked,
  CLAIMS,
  CRYPTO,
  expectFatal,
  HEADER,
  LEVELS,
  type Make,
  type Verdict,
  WIRES,
} from "../support/messages.ts";
import { openPair } from "../support/pair.ts";
import type { Puppet } from "../support/puppet.ts";

const text = { protocol: "sealwire.v1.text" } as const;
const SEQ: Verdict = { code: "E_SEQ", stage: "sequence", close: 4502 };
const SEQ_IN_CLAIMS: Verdict = { code: "E_SEQ", stage: "claims", close: 4502 };
const IV: Verdict = { code: "E_IV", stage: "sequence", close: 4501 };
const EXPIRED = { iat: 1, exp: 2 };

/** Segments of a right message, changed: each function gets the text of one. */
const edit =
  (edits: Record<number, (s: string) => string>, make: (p: Puppet) => Promise<string> = (p) => p.compact()): Make =>
  async (p) => {
    const segments = (await make(p)).split(".");
    for (const [i, change] of Object.entries(edits)) segments[Number(i)] = change(segments[Number(i)]!);
    return segments.join(".");
  };
const first = (s: string) => `${s.startsWith("A") ? "B" : "A"}${s.slice(1)}`;
const bad = (s: string) => `${s}=`;

describe("of two faults the earlier step's counts [level:order]", () => {
  it.each([
    ["encoding before header", edit({ 0: first, 4: bad }), { code: "E_B64", stage: "encoding", close: 4400 }],
    [
      "segments before base64url",
      edit({ 0: () => "", 4: bad }),
      { code: "E_MALFORMED", stage: "encoding", close: 4400 },
    ],
    ["header before nonce", edit({ 0: first, 2: first }), HEADER],
    ["header before tag", edit({ 0: first, 4: first }), HEADER],
    ["nonce before tag", edit({ 2: first, 4: first }), IV],
    ["sequence before tag", edit({ 4: first }, (p) => p.compact(p.claims(), { seq: 7 })), SEQ],
    ["sequence before the tag's length", edit({ 4: () => "AAAA" }, (p) => p.compact(p.claims(), { seq: 7 })), SEQ],
    ["sequence before claims", edit({}, (p) => p.compact("x", { seq: 7 })), SEQ],
    ["tag before claims", edit({ 4: first }, (p) => p.compact("x")), CRYPTO],
    ["claims before equality of seq", edit({}, (p) => p.compact(p.claims({ seq: 5, exp: "x" }), { seq: 1 })), CLAIMS],
    ["equality of seq before ref", edit({}, (p) => p.compact(p.claims({ seq: 5, ref: 9 }), { seq: 1 })), SEQ_IN_CLAIMS],
    ["claims before time", edit({}, (p) => p.compact(p.claims({ ...EXPIRED, top: "" }))), CLAIMS],
  ] as const)("%s", (_, make, verdict) => expectFatal(make, verdict, text));

  it.each([
    ["signature before claims", edit({ 2: first }, (p) => p.compact("x")), CRYPTO],
    ["signature before sequence", edit({ 2: first }, (p) => p.compact(p.claims({ seq: 9 }))), CRYPTO],
    ["claims before sequence", edit({}, (p) => p.compact(p.claims({ seq: 9, top: "" }))), CLAIMS],
    ["sequence before ref", edit({}, (p) => p.compact(p.claims({ seq: 9, ref: 9 }))), SEQ_IN_CLAIMS],
  ] as const)("%s, where the number stands in the claims", async (_, make, verdict) => {
    for (const level of ["mac", "sig"] as const) await expectFatal(make, verdict, { ...text, level });
  });

  it("frame before encoding: too many bytes of nonsense", async () => {
    const limits = { messageBytes: 65_536 };
    await expectFatal(() => Buffer.alloc(65_537, 0xff), { code: "E_TOO_BIG", stage: "frame", close: 1009 }, { limits });
  });

  it("header before sequence, on the binary wire: h before seq", async () => {
    await expectFatal(() => cbor([3, 2, 7, Buffer.alloc(32)]), HEADER);
    await expectFatal(() => cbor([3, 0, 7, Buffer.alloc(3)]), SEQ);
  });

  it.each([
    ["syntax before rcv", { top: "rekey", rcv: 9 }, CLAIMS],
    ["rcv before ref", { top: "pong", ref: 9, rcv: 9 }, SEQ_IN_CLAIMS],
    ["seq before rcv", { top: "ping", seq: 2, rcv: 9 }, SEQ_IN_CLAIMS],
  ] as const)("control: %s", (_, message, verdict) => expectFatal((p) => p.control(message, { seq: 1 }), verdict));
});

describe("arrival is order, also where opening takes its time [level:fifo]", () => {
  /** A server whose first opening takes longest; answers with the order in which openings began and ended. */
  function slow(): { backend: CryptoBackend; steps: string[]; go: (n: number) => void } {
    const steps: string[] = [];
    const gates: (() => void)[] = [];
    let on = false;
    const delayed = (key: AeadKey): AeadKey => ({
      seal: (...args) => key.seal(...args),
      open: async (...args) => {
        if (!on) return await key.open(...args);
        const n = gates.length;
        steps.push(`begin ${n}`);
        await new Promise<void>((resolve) => {
          gates.push(resolve);
        });
        steps.push(`end ${n}`);
        return await key.open(...args);
      },
    });
    const secret = (z: SharedSecret): SharedSecret => ({
      ...z,
      aead: async (...args) => delayed(await z.aead(...args)),
    });
    const backend: CryptoBackend = {
      ...node,
      generateKeyAgreement: async (suite) => {
        const own = await node.generateKeyAgreement(suite);
        return { ...own, agree: async (peer) => secret(await own.agree(peer)) };
      },
    };
    return {
      backend,
      steps,
      go: (n) => {
        if (n < 0) on = true;
        else gates[n]?.();
      },
    };
  }

  it("three messages, the first the slowest: delivered in order", async () => {
    const { backend, steps, go } = slow();
    const { puppet, got } = await attacked({ serverBackend: backend });
    go(-1);
    for (const dat of ["a", "b", "c"]) puppet.deliver(await puppet.message(puppet.claims({ dat })));
    await settle();
    expect(steps).toEqual(["begin 0", "begin 1", "begin 2"]);
    for (const n of [2, 1, 0]) {
      go(n);
      await settle();
    }
    expect(steps.slice(3)).toEqual(["end 2", "end 1", "end 0"]);
    await until(() => got.length === 3, "three messages");
    expect(got).toEqual(["a", "b", "c"]);
  });

  it("a repeated message is refused although the original is still being opened [seq:replay]", async () => {
    const { backend, go } = slow();
    const { pair, puppet, got } = await attacked({ serverBackend: backend });
    go(-1);
    const payload = await puppet.message();
    puppet.deliver(payload, payload);
    await settle();
    go(0);
    await until(() => pair.server.info !== undefined, "the end");
    expect(pair.server.info!.error).toMatchObject({ code: "E_REPLAY", stage: "sequence" });
    expect(got).toEqual([1]);
  });

  it("what was being opened when the session failed is not delivered", async () => {
    const { backend, go } = slow();
    const { pair, puppet, got } = await attacked({ serverBackend: backend });
    go(-1);
    puppet.deliver(await puppet.message());
    await settle();
    pair.server.connection.fail(new SealwireError("E_IDLE"));
    go(0);
    await settle(20);
    expect(got).toEqual([]);
  });

  it("a handler that asks for more does not bring forward what stands behind its batch [batch:list]", async () => {
    let decide!: () => void;
    const decided = new Promise<void>((resolve) => {
      decide = resolve;
    });
    const authorize = async ({ topic }: { topic: string }) => {
      if (topic === "slow") await decided;
      return true;
    };
    const { pair, puppet } = await attacked({
      serverHooks: { authorize: (r) => (r.topic === "slow" ? authorize(r) : true) },
    });
    const session = pair.server.session!;
    const unread = session.messages("unread");
    const got: unknown[] = [];
    session.handle("x", (data) => {
      got.push(data);
      void unread.next();
    });
    const bat = [
      ["x", null, 1],
      ["x", null, 2],
    ];
    puppet.deliver(
      await puppet.message(puppet.claims({ top: "unread" })),
      await puppet.message(puppet.claims({ top: "slow" })),
      await puppet.message(puppet.claims({ top: undefined, dat: undefined, bat })),
      await puppet.message(puppet.claims({ top: "x", dat: 3 })),
    );
    await settle();
    expect(got).toEqual([]);
    decide();
    await until(() => got.length === 3, "three items");
    expect(got).toEqual([1, 2, 3]);
  });

  it.each(LEVELS)("webcrypto on both sides, 40 messages of any size, %s", async (level) => {
    const pair = await openPair({
      level,
      backend: webcrypto,
      protocol: WIRES[1],
      serverHooks: { authorize: () => true },
    });
    const got: number[] = [];
    pair.server.session!.handle("t", (data) => {
      got.push((data as number[])[0]!);
    });
    const sizes = Array.from({ length: 40 }, (_, i) => (i * 7919) % 3000);
    await Promise.all(sizes.map((size, i) => pair.client.session!.send("t", [i, ...Array(size).fill(0)])));
    await until(() => got.length === 40, "40 messages");
    expect(got).toEqual(sizes.map((_, i) => i));
  });
});
