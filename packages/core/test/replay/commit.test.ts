import { describe, expect, it } from "vitest";
import { aeadKey, macKey, backend as node } from "../../src/crypto/node.ts";
import type { Payload } from "../../src/envelope/sealer.ts";
import { DEFAULT_LIMITS } from "../../src/registry.generated.ts";
import { StrictCounter } from "../../src/replay/strict.ts";
import { buildEpoch, type EpochOptions } from "../../src/session/epoch.ts";
import type { SessionFacts } from "../../src/session/established.ts";
import { Ledger } from "../../src/session/ledger.ts";
import { SessionMachine } from "../../src/session/machine.ts";
import { decodePayload } from "../../src/session/payload.ts";
import { settle, until } from "../support/clock.ts";
import { attacked, LEVELS, type Make, WIRES } from "../support/messages.ts";
import { openPair, type PairOptions, proofKey, SERVER_ID } from "../support/pair.ts";
import { Puppet } from "../support/puppet.ts";
import { b64u, unb64u } from "../support/raw.ts";
import { expectRefusal } from "../support/tamper.ts";

/** The receiving half of a server's session alone: what no connection ends. */
async function machine(options: PairOptions): Promise<{ puppet: Puppet; receive: (p: Payload) => unknown }> {
  const pair = await openPair({ codec: "json", ...options });
  const puppet = new Puppet(pair, "client");
  const own = new Puppet(pair, "server");
  const keysOf = (p: Puppet) => ({
    kid: p.kid,
    iv: p.key("iv"),
    aead: aeadKey(p.key("key")),
    mac: macKey(p.key("mac")),
  });
  const client = await proofKey(node, pair.clientKey!);
  const server = await proofKey(node, pair.serverKey);
  const { wire, level, codec } = pair;
  const keys: EpochOptions = {
    backend: node,
    role: "server",
    level,
    codec,
    suite: "x25519",
    serverId: SERVER_ID,
    serverKey: server,
    clientKey: { id: client.id, verifier: await node.importVerifier(client.signer.publicJwk) },
    exportableChain: false,
  };
  const { messageBytes } = DEFAULT_LIMITS;
  const facts: SessionFacts = {
    id: "",
    policy: { pop: "required", res: 0, seq: "strict" },
    keys,
    messageBytes,
    peerMessageBytes: messageBytes,
    subject: "",
    startedAt: 0,
    longestEnd: 0,
  };
  const chain = { kid: "", key: macKey(new Uint8Array(32)), bytes: undefined };
  const session = new SessionMachine({
    facts,
    epoch: buildEpoch(keys, wire, 0, keysOf(own), keysOf(puppet), chain),
    limits: DEFAULT_LIMITS,
    ledger: new Ledger(DEFAULT_LIMITS, false, { sent: 0, acknowledged: 0, committed: 0 }),
    received: new StrictCounter(),
    serverTime: ({ unix }) => unix,
    elapsed: 0,
  });
  const time = { unix: pair.clock.unix(), elapsed: 0 };
  return {
    puppet,
    receive: (payload) =>
      session.receive(decodePayload(pair.wire, payload), time, { onReceived: (received) => received as never }),
  };
}

const flipped: Make = async (p) => {
  const s = (await p.compact()).split(".");
  s[s.length - 1] = b64u(unb64u(s.at(-1)!).map((b, i) => (i === 0 ? b ^ 1 : b)));
  return p.toWire(s.join("."), 0, p.seq);
};

describe("a message that fails before commit changes nothing [seq:commit]", () => {
  for (const protocol of WIRES) {
    it.each(LEVELS)(`%s, ${protocol}`, async (level) => {
      const { puppet, receive } = await machine({ level, protocol });
      const forged: readonly [string, Make][] = [
        ["E_CRYPTO", flipped],
        ["E_CLAIMS", (p) => p.message(p.claims({ exp: undefined }))],
        ["E_CLAIMS", (p) => p.message(p.claims({ ref: 5 }))],
        ["E_CLAIMS", (p) => p.control({ top: "ping", rcv: -1 })],
        ["E_CLAIMS", (p) => p.control({ top: "rekey" })],
        ["E_CLAIMS", (p) => p.control({ top: "renew" })],
        ["E_SEQ", (p) => p.control({ top: "ping", rcv: 9 })],
        ["E_SEQ", (p) => p.control({ top: "ping", seq: 77 })],
      ];
      for (let seq = 1; seq <= 3; seq++) {
        for (const [code, make] of forged) {
          puppet.seq = seq - 1;
          const payload = await make(puppet);
          expect(() => receive(payload), code).toThrow(expect.objectContaining({ code }));
        }
        puppet.seq = seq - 1;
        const genuine = await puppet.message(puppet.claims({}, seq));
        expect(receive(genuine)).toMatchObject({ kind: "message", seq });
        expect(() => receive(genuine)).toThrow(expect.objectContaining({ code: "E_REPLAY" }));
      }
    });
  }
});

describe("a message that was refused after commit has used its number [seq:consumed]", () => {
  const EXPIRED = { iat: 1_893_456_000 - 90, exp: 1_893_456_000 - 30 };
  it.each([
    ["expired", EXPIRED, {}, "E_EXPIRED"],
    ["denied", {}, { authorize: (): boolean => false }, "E_DENIED"],
    ["a request that nobody handles", { req: true, top: "nobody" }, { authorize: (): boolean => true }, "E_NO_HANDLER"],
  ] as const)("%s: the next is taken, the same again is a replay", async (_, overrides, serverHooks, code) => {
    for (const level of LEVELS) {
      const { pair, puppet, got } = await attacked({ level, serverHooks: serverHooks as never });
      const refused = await puppet.message(puppet.claims(overrides));
      puppet.deliver(refused, await puppet.message(puppet.claims()));
      const errs = code === "E_DENIED" ? 2 : 1;
      await until(() => puppet.received.length === errs && (errs === 2 || got.length === 1), "the answers");
      expect((await puppet.controls())[0]).toMatchObject({ top: "err", code, ref: 1 });
      expect(pair.server.info).toBeUndefined();
      puppet.deliver(refused);
      const stage = level === "mac" || level === "sig" ? "claims" : "sequence";
      await expectRefusal(pair, { side: "server", code: "E_REPLAY", stage, close: 4502 });
    }
  });
});

describe("no number is used before every refusal has passed [seq:late]", () => {
  it.each(WIRES)("%s", async (protocol) => {
    const pair = await openPair({
      protocol,
      limits: { messageBytes: 65_536 },
      clientHooks: { authorize: ({ topic }) => topic !== "no" },
      serverHooks: { authorize: () => true },
    });
    const client = pair.client.session!;
    const refused: readonly [Promise<unknown>, object][] = [
      [client.send("a topic", 1), { name: "TypeError" }],
      [client.send("t", undefined as never), { name: "TypeError" }],
      [client.send("t", { d: new Date() } as never), { name: "TypeError" }],
      [client.send("t", 1, { ttl: 301 }), { name: "TypeError" }],
      [client.send("t", 1, { ttl: 0 }), { name: "TypeError" }],
      [client.send("t", "x".repeat(70_000)), { code: "E_TOO_BIG" }],
      [client.request("t", "x".repeat(70_000)), { code: "E_TOO_BIG" }],
      [client.send("no", 1), { code: "E_DENIED" }],
      [client.send("t", 1, { signal: AbortSignal.abort() }), { name: "AbortError" }],
    ];
    for (const [promise, error] of refused) await expect(promise).rejects.toMatchObject(error);
    const seqs: number[] = [];
    pair.server.session!.handle("t", (_, { message }) => {
      seqs.push(message.seq);
    });
    await client.send("t", 1);
    await settle();
    await until(() => seqs.length === 1, "the message");
    expect(seqs).toEqual([1]);
  });
});
