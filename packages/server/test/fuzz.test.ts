import { CLOSE_CODES, ERRORS } from "@sealwire/core";
import type { SessionMachine } from "@sealwire/core/internal";
import { describe, expect, it } from "vitest";
import { CBOR, clientHello, rawSession, rawSocket, rawTcp, TEXT, upgradeRequest } from "./support/raw.ts";
import { failure, startWorld, until, type World } from "./support/world.ts";

/** mulberry32: the same bytes in every run. */
function random(seed: number) {
  let a = seed;
  const next = () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
  const int = (n: number) => Math.floor(next() * n);
  const bytes = (n: number) => Uint8Array.from({ length: n }, () => int(256));
  /** Never the same again: an unchanged message is rightly accepted. */
  const mutate = (source: Uint8Array): Uint8Array => {
    for (;;) {
      const changed = mutant(source);
      if (!Buffer.from(source).equals(changed)) return changed;
    }
  };
  /** One of: flipped bit, cut, doubled piece, inserted byte, another byte. */
  const mutant = (source: Uint8Array): Uint8Array => {
    const out = Buffer.from(source);
    const at = int(out.length);
    switch (int(5)) {
      case 0:
        out[at] = (out[at] as number) ^ (1 << int(8));
        return out;
      case 1:
        return out.subarray(0, at);
      case 2:
        return Buffer.concat([out.subarray(0, at), out.subarray(int(at + 1))]);
      case 3:
        return Buffer.concat([out.subarray(0, at), bytes(1 + int(4)), out.subarray(at)]);
      default:
        out[at] = int(256);
        return out;
    }
  };
  return { int, bytes, mutate };
}

const bytesOf = (payload: string | Uint8Array): Uint8Array =>
  typeof payload === "string" ? Buffer.from(payload, "latin1") : payload;

/** One message, as the client of a session seals it. */
function sealed(machine: SessionMachine): string | Uint8Array {
  let payload: unknown;
  const nothing = () => {};
  const onPrepared = (prepared: { seal(): unknown }) => {
    payload = prepared.seal();
  };
  machine.events = { onControl: nothing, onEpoch: nothing, onAcknowledged: nothing, onPrepared };
  const rest = { ref: undefined, request: undefined, jti: undefined, iat: undefined, exp: undefined };
  const message = { topic: "t", data: "x", ttl: 60, alone: true, ...rest };
  machine.add(message, { unix: Date.now(), elapsed: 0 }, { session: "", seq: 0 });
  return payload as string | Uint8Array;
}

const asPayload = (protocol: string, bytes: Uint8Array): string | Uint8Array =>
  protocol === TEXT ? Buffer.from(bytes).toString("latin1") : bytes;

/** Codes that RFC 6455 itself gives, by the WebSocket layer. */
const FRAMING = [1002, 1005, 1006, 1007];

function assertRegistry(world: World, code: number): void {
  expect([...Object.keys(CLOSE_CODES).map(Number), ...FRAMING]).toContain(code);
  for (const { error } of world.errors) {
    expect(Object.keys(ERRORS)).toContain(error.code);
    expect([error.code, error.cause]).not.toContain("E_INTERNAL");
  }
}

/** Somebody who must not notice anything. */
async function bystander(world: World) {
  world.server.handle("echo", (data) => data);
  const session = await world.connect();
  return async (i: number) => expect(await session.request("echo", i)).toBe(i);
}

describe("hostile bytes over real sockets", () => {
  it("instead of HTTP and in the upgrade", async () => {
    const world = await startWorld();
    const check = await bystander(world);
    const { int, bytes, mutate } = random(1);
    for (let i = 0; i < 150; i++) {
      const request = i % 3 === 0 ? bytes(1 + int(300)) : mutate(Buffer.from(upgradeRequest()));
      const answer = rawTcp(world.port, request);
      answer.socket.end();
      await answer.closed;
      answer.socket.destroy();
      if (i % 10 === 0) await check(i);
    }
    await check(-1);
    assertRegistry(world, 1000);
  });

  it.each([CBOR, TEXT] as const)("in place of CH, %s", async (protocol) => {
    const world = await startWorld();
    const check = await bystander(world);
    const { int, bytes, mutate } = random(2);
    const hello = bytesOf(await clientHello({ protocol }));
    for (let i = 0; i < 200; i++) {
      const raw = await rawSocket(world, { protocols: [protocol] });
      raw.ws.send(asPayload(protocol, i % 3 === 0 ? bytes(int(200)) : mutate(hello)));
      // A change that is none (white space, another random value) is answered with SH; then it is over anyway.
      const first = await raw.next();
      if (first !== undefined && raw.ws.readyState === raw.ws.OPEN) raw.ws.terminate();
      assertRegistry(world, (await raw.closed).code);
      if (i % 20 === 0) await check(i);
    }
    await check(-1);
  });

  it.each([CBOR, TEXT] as const)("in place of CA, %s: never a session", async (protocol) => {
    const world = await startWorld();
    const check = await bystander(world);
    const { int, bytes, mutate } = random(3);
    for (let i = 0; i < 60; i++) {
      const options = {
        protocol,
        tamper: (p: string | Uint8Array, n: number) =>
          n === 1 ? asPayload(protocol, i % 4 === 0 ? bytes(int(500)) : mutate(bytesOf(p))) : p,
      } as const;
      const error = await failure(rawSession(world, options));
      expect(error.code).not.toBe("E_INTERNAL");
      if (i % 20 === 0) await check(i);
    }
    expect(world.server.sessions.size).toBe(1);
    assertRegistry(world, 1000);
    await check(-1);
  });

  it.each([CBOR, TEXT] as const)(
    "in a session, %s: it ends with the registry's code, and nothing of it is delivered",
    async (protocol) => {
      const world = await startWorld();
      const check = await bystander(world);
      const { int, bytes, mutate } = random(4);
      let delivered = 0;
      world.server.handle("t", () => delivered++);
      for (let i = 0; i < 120; i++) {
        const raw = await rawSession(world, { protocol });
        const good = bytesOf(sealed(raw.established.machine));
        let bad: Uint8Array = good;
        while (Buffer.compare(bad, good) === 0) bad = i % 4 === 0 ? bytes(int(100)) : mutate(good);
        raw.ws.send(asPayload(protocol, bad));
        const info = await raw.info;
        expect(info.error).toMatchObject({ remote: true });
        assertRegistry(world, info.code);
        if (i % 20 === 0) await check(i);
      }
      expect(delivered).toBe(0);
      await until(() => world.server.sessions.size === 1);
      await check(-1);
    },
  );

  it("frames that no WebSocket library would send", async () => {
    const world = await startWorld({ limits: { byeSeconds: 0.05 } });
    const check = await bystander(world);
    const { int, bytes } = random(5);
    for (let i = 0; i < 120; i++) {
      const answer = rawTcp(world.port, upgradeRequest());
      await answer.head;
      answer.socket.write(bytes(2 + int(60)));
      answer.socket.end();
      await answer.closed;
      answer.socket.destroy();
      if (i % 20 === 0) await check(i);
    }
    assertRegistry(world, 1000);
    await check(-1);
  });
});
