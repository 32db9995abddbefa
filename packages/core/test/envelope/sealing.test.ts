import { compactDecrypt, compactVerify } from "jose";
import { describe, expect, it } from "vitest";
import { AeadSealer, StaticIv } from "../../src/crypto/aead.ts";
import type { CryptoBackend, SharedSecret } from "../../src/crypto/backend.ts";
import { aeadKey, macKey, backend as node } from "../../src/crypto/node.ts";
import { backend as webcrypto } from "../../src/crypto/webcrypto.ts";
import { encodeClaims } from "../../src/envelope/codec.ts";
import { expandFrame } from "../../src/envelope/expand.ts";
import { Direction } from "../../src/envelope/headers.ts";
import { MessageSealer, maxSealedSize, type Payload } from "../../src/envelope/sealer.ts";
import { generateKey } from "../../src/keys/generate.ts";
import { decodeFrame, encodeFrame, encodeText, type TextFrame } from "../../src/wire/frame.ts";
import { product } from "../support/all-pairs.ts";
import { settle } from "../support/clock.ts";
import { LEVELS, WIRES } from "../support/messages.ts";
import { openPair, proofKey } from "../support/pair.ts";
import { Puppet } from "../support/puppet.ts";
import { b64u, toFull, unb64u } from "../support/raw.ts";

const KEY = Buffer.alloc(32, 1);
const STATIC_IV = Buffer.from("0102030405060708090a0b0c", "hex");
const keys = { kid: "A".repeat(22), iv: STATIC_IV, aead: aeadKey(Buffer.from(KEY)), mac: macKey(Buffer.from(KEY)) };
const SIGNER = await proofKey(node, (await generateKey("Ed25519")).privateJwk);
const LONGEST = await proofKey(node, (await generateKey("ES256")).privateJwk);
type Level = (typeof LEVELS)[number];
const sealer = (wire: "text" | "binary", level: Level, codec: "json" | "cbor" = "json", signer = SIGNER) =>
  new MessageSealer({ wire, level, codec, epoch: 0, keys }, signer);

/** static_iv XOR uint64_be(seq), in decimal arithmetic that shares nothing with the sources. */
function nonce(seq: bigint): Buffer {
  const n = BigInt(`0x${STATIC_IV.toString("hex")}`) ^ seq;
  return Buffer.from(n.toString(16).padStart(24, "0"), "hex");
}

describe("the nonce [aead:nonce]", () => {
  it.each([1, 2, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 2 ** 40 + 7, 2 ** 53 - 1])(
    "of %i",
    async (seq) => {
      const claims = Buffer.from("claims");
      for (const level of ["aead", "nest"] as const) {
        const text = (await sealer("text", level).application(seq, claims)) as string;
        expect(unb64u(text.split(".")[2]!)).toEqual(nonce(BigInt(seq)));
        // The binary wire sends the number alone; what jose opens with this nonce was sealed with it.
        const frame = (await sealer("binary", level).application(seq, claims)) as Uint8Array;
        expect(decodeFrame(frame)).toMatchObject({ form: 3, h: 0, seq });
        const sealed = decodeFrame(frame) as { sealed: Uint8Array };
        const compact = [
          text.split(".")[0],
          "",
          b64u(nonce(BigInt(seq))),
          b64u(sealed.sealed.subarray(0, -16)),
          b64u(sealed.sealed.subarray(-16)),
        ].join(".");
        await expect(compactDecrypt(compact, KEY)).resolves.toBeDefined();
      }
      const control = (await sealer("text", "mac").control(seq, claims)) as string;
      expect(unb64u(control.split(".")[2]!)).toEqual(nonce(BigInt(seq)));
    },
  );
});

describe("one number, one use [aead:once]", () => {
  const used = expect.objectContaining({ code: "E_INTERNAL" });
  it("a number that was used or passed over is refused by the sealing object itself", () => {
    const aead = new AeadSealer(keys.aead, new StaticIv(STATIC_IV));
    aead.seal(1, new Uint8Array(), new Uint8Array(), 0, (sealed) => sealed);
    for (const seq of [1, 0, -1, 1.5, 2 ** 53])
      expect(() => aead.seal(seq, new Uint8Array(), new Uint8Array(), 0, (sealed) => sealed)).toThrow(used);
    aead.seal(5, new Uint8Array(), new Uint8Array(), 0, (sealed) => sealed);
    expect(() => aead.seal(4, new Uint8Array(), new Uint8Array(), 0, (sealed) => sealed)).toThrow(used);
  });
  it("a message and a control message share it", () => {
    const both = sealer("text", "aead");
    both.application(1, new Uint8Array());
    expect(() => both.control(1, new Uint8Array())).toThrow(used);
  });
  it("a cipher that failed has used the number", () => {
    let fail = true;
    const key = {
      ...keys.aead,
      seal: (...args: Parameters<typeof keys.aead.seal>) => {
        if (fail) throw new Error("broken");
        return keys.aead.seal(...args);
      },
    };
    const aead = new AeadSealer(key, new StaticIv(STATIC_IV));
    expect(() => aead.seal(1, new Uint8Array(), new Uint8Array(), 0, (sealed) => sealed)).toThrow(used);
    fail = false;
    expect(() => aead.seal(1, new Uint8Array(), new Uint8Array(), 0, (sealed) => sealed)).toThrow(used);
  });
});

describe("a cipher or signature that fails ends the connection [aead:failure]", () => {
  /** A client whose cipher works until it is told to break, once. */
  function breaking(inner: CryptoBackend): { backend: CryptoBackend; break: () => void } {
    let broken = false;
    const once = () => {
      if (!broken) return;
      broken = false;
      throw new Error("the cipher is broken");
    };
    const secret = (z: SharedSecret): SharedSecret => ({
      ...z,
      aead: async (...args) => {
        const key = await z.aead(...args);
        return {
          open: (...a) => key.open(...a),
          seal: (...a) => {
            once();
            return key.seal(...a);
          },
        };
      },
    });
    const backend: CryptoBackend = {
      ...inner,
      generateKeyAgreement: async (suite) => {
        const own = await inner.generateKeyAgreement(suite);
        return { ...own, agree: async (peer) => secret(await own.agree(peer)) };
      },
    };
    return {
      backend,
      break: () => {
        broken = true;
      },
    };
  }

  it.each([node, webcrypto])("$name: nothing more is sent, not even a bye", async (inner) => {
    const it = breaking(inner);
    const pair = await openPair({ backend: it.backend, serverBackend: node });
    await pair.client.session!.send("t", 1);
    const before = pair.link.log.length;
    it.break();
    await Promise.allSettled([pair.client.session!.send("t", 2), pair.client.session!.send("t", 3)]);
    await settle(20);
    expect(pair.client.info).toMatchObject({ code: 1011, error: { code: "E_INTERNAL", closeCode: 1011 } });
    expect(pair.link.client.closedWith).toEqual({ code: 1011, reason: "internal" });
    expect(pair.link.log.length).toBe(before);
    await expect(pair.client.session!.send("t", 4)).rejects.toMatchObject({ code: "E_CLOSED" });
  });

  it("a signature that fails too", async () => {
    const pair = await openPair({ level: "sig" });
    const { signer } = await proofKey(node, pair.clientKey!);
    const broken = await openPair({
      level: "sig",
      client: {
        proof: {
          signer: { ...signer, sign: () => Promise.reject(new Error("no key")) },
          id: { alg: "ES256", thumbprint: pair.clientId! },
        },
      },
    });
    // It is needed for CA already.
    expect(broken.client.info!.error).toMatchObject({ code: "E_INTERNAL" });
  });
});

describe("expand gives the text that the text wire carries [expand:same-text]", () => {
  const claims = Buffer.from('{"seq":7}');
  const context = (level: Level) => {
    const { application, control } = new Direction(level, "json", keys, SIGNER.id);
    return { headers: [application.json, control.json], iv: new StaticIv(STATIC_IV) };
  };

  it.each(LEVELS)("forms 3 and 4, %s", async (level) => {
    for (const kind of ["application", "control"] as const) {
      const text = await sealer("text", level)[kind](7, claims);
      const frame = (await sealer("binary", level)[kind](7, claims)) as Uint8Array;
      expect(expandFrame(decodeFrame(frame), context(level))).toBe(text);
    }
  });

  it("forms 0 to 2", () => {
    const [a, b] = [Buffer.from("header"), Buffer.from("payload")];
    const frames: TextFrame[] = [
      { form: 0, json: Buffer.from('{"typ":"sealwire-ch"}') },
      { form: 1, protected: a, payload: b, signature: Buffer.alloc(64, 5) },
      { form: 2, protected: a, iv: STATIC_IV, ciphertext: b, tag: Buffer.alloc(16, 9) },
    ];
    for (const frame of frames) {
      const text = encodeText(frame);
      expect(expandFrame(decodeFrame(encodeFrame(frame)), context("aead"))).toBe(text);
      expect(encodeFrame(frame)).toEqual(new Uint8Array(toFull("binary", text) as Uint8Array));
    }
  });

  it.each([2, 3, 4, 2 ** 53 - 1])("an h that is not known is a TypeError: %i", (h) => {
    expect(() => expandFrame({ form: 3, h, seq: 1, sealed: new Uint8Array(20) }, context("aead"))).toThrow(TypeError);
    expect(() => expandFrame({ form: 4, h, payload: claims, signature: claims }, context("sig"))).toThrow(TypeError);
  });

  it.each(LEVELS)("of a session, in both directions; jose opens it, %s", async (level) => {
    const pair = await openPair({ level });
    await pair.client.session!.send("t", 1);
    await pair.server.session!.send("t", 2);
    for (const direction of ["c2s", "s2c"] as const) {
      const frame = pair.link.log.filter((e) => e.direction === direction).at(-1)!.payload as Uint8Array;
      const puppet = new Puppet(pair, direction === "c2s" ? "client" : "server");
      const [sender, receiver] = direction === "c2s" ? [pair.client, pair.server] : [pair.server, pair.client];
      const text = sender.session!.expand(frame, "out");
      expect(text).toBe(puppet.toText(frame));
      expect(receiver.session!.expand(frame)).toBe(text);
      if (level === "mac") await compactVerify(text, puppet.key("mac"));
      if (level === "aead" || level === "nest") await compactDecrypt(text, puppet.key("key"));
    }
  });
});

describe("size", () => {
  const rows = product({ level: LEVELS, wire: ["text", "binary"], codec: ["json", "cbor"] } as const);
  it.each(rows.map((r) => [Object.values(r).join(" "), r] as const))(
    "is never above the bound that is computed before sealing, %s",
    async (_, { level, wire, codec }) => {
      for (const signer of [SIGNER, LONGEST]) {
        const make = sealer(wire, level, codec, signer);
        for (const [i, n] of [0, 1, 2, 3, 100, 1000, 65_536, 200_000].entries()) {
          const seq = 2 ** 53 - 10 + i;
          const claims = encodeClaims(codec, { seq, exp: 1, top: "t", data: "x".repeat(n) });
          const payload: Payload = await make.application(seq, claims);
          expect(payload.length).toBeLessThanOrEqual(maxSealedSize(wire, level, claims.length));
        }
      }
    },
  );

  it.each(WIRES)(
    "a message above the peer's lim.msg is refused before it takes a number, %s [limit:message-send]",
    async (protocol) => {
      const pair = await openPair({
        protocol,
        limits: { messageBytes: 65_536 },
        serverHooks: { authorize: () => true },
      });
      const seqs: number[] = [];
      pair.server.session!.handle("t", (_, { message }) => {
        seqs.push(message.seq);
      });
      const client = pair.client.session!;
      await expect(client.send("t", "x".repeat(65_536))).rejects.toMatchObject({ code: "E_TOO_BIG", fatal: false });
      await client.send("t", "x".repeat(protocol === "sealwire.v1.text" ? 48_000 : 64_000));
      await settle();
      expect(seqs).toEqual([1]);
      expect(pair.client.info).toBeUndefined();
    },
  );
});
