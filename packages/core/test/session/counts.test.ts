// What a message costs, counted: none of it depends on the machine.
import { createHook } from "node:async_hooks";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { backend } from "../../src/crypto/node.ts";
import { backend as webcrypto } from "../../src/crypto/webcrypto.ts";
import { encodeClaims } from "../../src/envelope/codec.ts";
import { MessageOpener } from "../../src/envelope/opener.ts";
import { MessageSealer, type Protection } from "../../src/envelope/sealer.ts";
import type { Level } from "../../src/registry.generated.ts";
import { ClientHandshake, type HandshakeStep } from "../../src/session/client-handshake.ts";
import { decodePayload } from "../../src/session/payload.ts";
import { ServerHandshake } from "../../src/session/server-handshake.ts";
import { decodeFrame } from "../../src/wire/frame.ts";
import { claimsMemory } from "../../src/wire/memory.ts";
import { settle, VirtualClock } from "../support/clock.ts";
import type { Link } from "../support/link.ts";
import { live, upTo, WIRES } from "../support/live.ts";
import { openPair } from "../support/pair.ts";
import { sessionOf } from "../support/reconnect.ts";

/** Calls of node:crypto, by name, while they are counted. */
const calls = vi.hoisted(() => ({ counts: undefined as Record<string, number> | undefined }));

vi.mock("node:crypto", async (original) => {
  const actual = (await original()) as Record<string, unknown>;
  const counted = (name: string, fn: (...args: unknown[]) => unknown) =>
    Object.assign((...args: unknown[]) => {
      if (calls.counts !== undefined) calls.counts[name] = (calls.counts[name] ?? 0) + 1;
      return fn(...args);
    }, fn);
  const isFunction = ([name, value]: [string, unknown]) => typeof value === "function" && /^[a-z]/.test(name);
  const wrapped = Object.entries(actual)
    .filter(isFunction)
    .map(([name, value]) => [name, counted(name, value as never)]);
  return { ...actual, ...Object.fromEntries(wrapped), default: actual };
});

const MESSAGES = 10;

/** Each in a turn of its own, so that none is gathered with another one. */
async function callsOf(level: Level, protocol: (typeof WIRES)[number]): Promise<Record<string, number>> {
  const pair = await live({ backend, level, protocol, codec: "cbor" });
  const got: unknown[] = [];
  sessionOf(pair, "server").handle("t", (data) => void got.push(data));
  await settle();
  const frames = pair.link.log.length;
  calls.counts = {};
  onTestFinished(() => {
    calls.counts = undefined;
  });
  for (const n of upTo(MESSAGES)) {
    void sessionOf(pair, "client").send("t", { n });
    await settle();
  }
  const { counts } = calls;
  calls.counts = undefined;
  expect(got).toEqual(upTo(MESSAGES).map((n) => ({ n })));
  expect(pair.link.log.length - frames).toBe(MESSAGES);
  return counts;
}

describe("a message is one frame, and no call of node:crypto more than it has to be", () => {
  const CIPHER = { createCipheriv: MESSAGES, createDecipheriv: MESSAGES };
  const SIGNATURE = { sign: MESSAGES, verify: MESSAGES };
  const wanted: Record<Level, Record<string, number>> = {
    aead: CIPHER,
    // One HMAC to sign and one to verify, of two hashes each.
    mac: { hash: 4 * MESSAGES, timingSafeEqual: MESSAGES },
    sig: SIGNATURE,
    nest: { ...CIPHER, ...SIGNATURE },
  };
  for (const protocol of WIRES)
    for (const [level, counts] of Object.entries(wanted))
      it(`${level}, ${protocol}`, async () => {
        expect(await callsOf(level as Level, protocol)).toEqual(counts);
      });
});

describe("with node:crypto nothing waits", () => {
  /** Promises that are made while `run` runs. */
  function promisesOf(run: () => void): number {
    let count = 0;
    const hook = createHook({
      init(_, type) {
        if (type === "PROMISE") count++;
      },
    }).enable();
    run();
    hook.disable();
    return count;
  }

  it("to send makes the promise that the caller gets, and to deliver makes none: the handler has it at once", async () => {
    const seen: { promises: number; delivered: number }[] = [];
    let delivered = 0;
    const onLink = (link: Link) => {
      const listen = link.server.listen.bind(link.server);
      link.server.listen = (events) =>
        listen({
          ...events,
          onMessage(payload) {
            const promises = promisesOf(() => events.onMessage(payload));
            seen.push({ promises, delivered });
          },
        });
    };
    const pair = await live({ backend, codec: "cbor", onLink });
    sessionOf(pair, "server").handle("t", () => void delivered++);
    // Once it has sealed, it knows that nothing has to be waited for.
    await sessionOf(pair, "client").send("t", 0);
    await settle();
    seen.length = 0;
    delivered = 0;
    for (const n of upTo(MESSAGES)) {
      const sent = promisesOf(() => void sessionOf(pair, "client").send("t", n));
      expect(sent).toBe(1);
      await settle();
    }
    expect(seen).toEqual(upTo(MESSAGES).map((n) => ({ promises: 0, delivered: n })));
  });
});

describe("the server's side of a handshake", () => {
  /** What `run` takes until it is done: promises, with that of its result, and calls of node:crypto. */
  async function costOf<T>(run: () => Promise<T>) {
    let promises = 0;
    calls.counts = {};
    const hook = createHook({
      init(_, type) {
        if (type === "PROMISE") promises++;
      },
    }).enable();
    const result = run();
    await result;
    hook.disable();
    const { counts } = calls;
    calls.counts = undefined;
    return { promises, counts, result: await result };
  }

  it("takes the promises of its results, and those of whoever checks the token; keys are not derived by objects", async () => {
    const pair = await openPair({ backend });
    const { clock, wire, handshakes } = pair;
    const time = { unix: clock.unix(), elapsed: clock.elapsed() };
    const frame = ({ send }: HandshakeStep) => decodePayload(wire, send as Uint8Array);
    const client = new ClientHandshake(handshakes.client);
    const server = new ServerHandshake(handshakes.server);
    const ch = frame(await client.start());
    const hello = await costOf(() => server.receive(ch, time));
    const ca = frame(await client.receive(frame(hello.result), time));
    const auth = await costOf(() => server.receive(ca, time));
    expect(auth.result.established).toBeDefined();
    expect({ hello: hello.promises, auth: auth.promises }).toEqual({ hello: 4, auth: 9 });
    // The key pair, the agreement and its secret, what is extracted, a key; two hashes a derivation, and the transcript.
    const pairAndKeys = {
      generateKeyPairSync: 1,
      createPublicKey: 1,
      diffieHellman: 1,
      createSecretKey: 3,
      createHmac: 1,
    };
    expect(hello.counts).toEqual({ ...pairAndKeys, hash: 8, randomFillSync: 1, sign: 1 });
    const ciphers = { createDecipheriv: 1, createCipheriv: 1, createSecretKey: 3 };
    expect(auth.counts).toEqual({ ...ciphers, createPublicKey: 1, verify: 1, hash: 27 });
  });
});

describe("with WebCrypto", () => {
  const { subtle } = crypto;

  /** Per message, of `pass` that does so many: what they need once is not in it. */
  async function perMessage(pass: (count: number) => Promise<void>): Promise<number> {
    const promisesOf = async (count: number): Promise<number> => {
      let made = 0;
      const hook = createHook({
        init(_, type) {
          if (type === "PROMISE") made++;
        },
      }).enable();
      await pass(count);
      hook.disable();
      return made;
    };
    await pass(MESSAGES);
    const [few, many] = [await promisesOf(10 * MESSAGES), await promisesOf(20 * MESSAGES)];
    return (many - few) / (10 * MESSAGES);
  }

  /** Messages that are under way at the same time. */
  async function through(cipher: typeof backend): Promise<(count: number) => Promise<void>> {
    const pair = await live({ backend: cipher, codec: "cbor", clientHooks: { batch: false } });
    let left = 0;
    let done = () => {};
    sessionOf(pair, "server").handle("t", () => {
      if (--left === 0) done();
    });
    await settle();
    return (count) =>
      new Promise((resolve) => {
        [left, done] = [count, resolve];
        for (const n of upTo(count)) void sessionOf(pair, "client").send("t", n);
      });
  }

  async function bare(): Promise<(count: number) => Promise<void>> {
    const key = await subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
    const params = { name: "AES-GCM", iv: new Uint8Array(12) };
    const sealed = await subtle.encrypt(params, key, new Uint8Array(20));
    return async (count) => {
      let last: Promise<unknown> | undefined;
      for (const _ of upTo(count)) {
        void subtle.encrypt(params, key, new Uint8Array(20));
        last = subtle.decrypt(params, key, sealed);
      }
      await last;
    };
  }

  it("a message costs one encrypt and one decrypt, and three promises more than these do, that of the caller among them", async () => {
    const pass = await through(webcrypto);
    await pass(1);
    const names = ["encrypt", "decrypt", "sign", "verify", "digest", "importKey", "deriveKey", "deriveBits"] as const;
    const spies = names.map((name) => vi.spyOn(subtle, name));
    await pass(MESSAGES);
    const called = Object.fromEntries(
      spies.flatMap(({ mock }, i) => (mock.calls.length ? [[names[i], mock.calls.length]] : [])),
    );
    for (const spy of spies) spy.mockRestore();
    expect(called).toEqual({ encrypt: MESSAGES, decrypt: MESSAGES });
    const more = (await perMessage(pass)) - (await perMessage(await bare()));
    expect(more).toBeLessThan(4);
  });

  it("a message asks the clock three times, and sets no timer", async () => {
    const pass = await through(webcrypto);
    await pass(1);
    const [asked, set] = [vi.spyOn(VirtualClock.prototype, "elapsed"), vi.spyOn(VirtualClock.prototype, "schedule")];
    await pass(MESSAGES);
    const counts = { asked: asked.mock.calls.length, set: set.mock.calls.length };
    for (const spy of [asked, set]) spy.mockRestore();
    // When it is sent, when it comes, and when it is decided.
    expect(counts).toEqual({ asked: 3 * MESSAGES, set: 0 });
  });
});

describe("buffers", () => {
  const SMALL = 64;

  /** Sizes of the buffers that are made while `run` runs; those of an IV, a tag and the like aside. */
  function buffersOf<T>(run: () => T): { result: T; sizes: number[] } {
    const sizes: number[] = [];
    const counting = <C extends object>(type: C): C =>
      new Proxy(type, {
        construct(target, args: unknown[], newTarget) {
          const [first] = args;
          const size = ArrayBuffer.isView(first) ? first.byteLength : first;
          // A view of a buffer that is there already makes none.
          if (typeof size === "number" && size >= SMALL) sizes.push(size);
          return Reflect.construct(target as never, args, newTarget) as object;
        },
      });
    const { Uint8Array: bytes, ArrayBuffer: buffer } = globalThis;
    const alloc = [vi.spyOn(Buffer, "alloc"), vi.spyOn(Buffer, "allocUnsafe"), vi.spyOn(Buffer, "allocUnsafeSlow")];
    Object.assign(globalThis, { Uint8Array: counting(bytes), ArrayBuffer: counting(buffer) });
    try {
      return { result: run(), sizes };
    } finally {
      Object.assign(globalThis, { Uint8Array: bytes, ArrayBuffer: buffer });
      for (const spy of alloc) {
        sizes.push(...spy.mock.calls.map(([size]) => size).filter((size) => size >= SMALL));
        spy.mockRestore();
      }
    }
  }

  /** Both ends of one direction. */
  async function ends(level: Level): Promise<{ sealer: MessageSealer; opener: MessageOpener }> {
    const key = await (await backend.generateKeyAgreement("x25519")).agree(
      (await backend.generateKeyAgreement("x25519")).publicJwk,
    );
    const [salt, info] = [new Uint8Array(32), new Uint8Array(1)];
    const keys = {
      kid: "A".repeat(22),
      iv: new Uint8Array(12),
      aead: await key.aead(salt, info),
      mac: await key.mac(salt, info),
    };
    const protection: Protection = { wire: "binary", level, codec: "cbor", epoch: 0, keys };
    const [sealer, opener] = [new MessageSealer(protection), new MessageOpener(protection)];
    // The first message makes the header, which is kept.
    opener.open(decodeFrame(seal(sealer, 1, new Uint8Array(1))), { check() {} });
    return { sealer, opener };
  }

  const seal = (sealer: MessageSealer, seq: number, data: Uint8Array): Uint8Array =>
    sealer.application(seq, encodeClaims("cbor", { seq, exp: 1, top: "t", data })) as Uint8Array;

  for (const level of ["aead", "mac"] as const) {
    it(`to seal makes one for the claims and one for the frame, to open makes none but the cipher's, ${level}`, async () => {
      const { sealer, opener } = await ends(level);
      const data = new Uint8Array(10_000);
      const sealed = buffersOf(() => seal(sealer, 2, data));
      expect(sealed.sizes).toHaveLength(2);
      expect(sealed.result.length - data.length).toBeLessThan(96);
      const opened = buffersOf(() => opener.open(decodeFrame(sealed.result), { check() {} }));
      expect(opened.sizes).toEqual([]);
    });

    it(`a hundred short messages share a few, ${level}`, async () => {
      const { sealer, opener } = await ends(level);
      const data = new Uint8Array(256);
      const passed = buffersOf(() => {
        for (const seq of upTo(100)) opener.open(decodeFrame(seal(sealer, 1 + seq, data)), { check() {} });
      });
      expect(new Set(passed.sizes)).toEqual(new Set([16_384]));
      expect(passed.sizes.length).toBeLessThan(9);
    });
  }
});

describe("claims of codec cbor", () => {
  const texts = { iss: "https://a.example", aud: "b", bnd: "B".repeat(22) };
  const id = { jti: "A".repeat(22), iat: 1_700_000_000 };
  const rows: readonly Partial<Parameters<typeof encodeClaims>[1]>[] = [
    {},
    { seq: 24 },
    { seq: 65_536, exp: 2 ** 40, top: "t".repeat(128) },
    { ...texts, iat: 0 },
    { ...texts, ...id },
    { req: true },
    { ref: 23 },
    { ref: [256, 63] },
    { data: new Uint8Array(0) },
    { data: new Uint8Array(256) },
    { data: { a: [1, "é", null] } },
  ];
  it.each(rows)("take as much memory as they are long: %j", (row) => {
    const take = vi.spyOn(claimsMemory, "take");
    const claims = encodeClaims("cbor", { seq: 1, exp: 1, top: "t", data: "x", ...row });
    expect(take.mock.calls).toEqual([[claims.length]]);
    expect(take.mock.results[0]?.value).toBe(claims);
    take.mockRestore();
  });

  it.each([
    [backend.name, backend],
    [webcrypto.name, webcrypto],
  ])("of messages of one length are written to the same memory, one message after the other, %s", async (_, own) => {
    const pair = await live({ backend: own, level: "aead", codec: "cbor" });
    const got: unknown[] = [];
    sessionOf(pair, "server").handle("t", (data) => void got.push(data));
    const take = vi.spyOn(claimsMemory, "take");
    onTestFinished(() => take.mockRestore());
    for (const n of upTo(MESSAGES)) {
      await sessionOf(pair, "client").send("t", { n });
      await vi.waitUntil(() => got.length === n);
    }
    expect(got).toEqual(upTo(MESSAGES).map((n) => ({ n })));
    expect(take).toHaveBeenCalledTimes(MESSAGES);
    expect(new Set(take.mock.results.map(({ value }) => value)).size).toBe(1);
  });

  it.each(["cbor", "json"] as const)("of a batch, and of codec json, are given back to nobody: %s", async (codec) => {
    const pair = await live({ backend, level: "aead", codec });
    const giveBack = vi.spyOn(claimsMemory, "giveBack");
    onTestFinished(() => giveBack.mockRestore());
    const send = (count: number) =>
      Promise.all(upTo(count).map((n) => sessionOf(pair, "client").send("t", new Uint8Array(300).fill(n))));
    await send(2);
    await settle();
    expect(giveBack).not.toHaveBeenCalled();
    await send(1);
    await settle();
    expect(giveBack).toHaveBeenCalledTimes(codec === "cbor" ? 1 : 0);
  });
});
