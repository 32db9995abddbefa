import { describe, expect, it, vi } from "vitest";
import type { CryptoBackend, SharedSecret } from "../../src/crypto/backend.ts";
import { backend as node } from "../../src/crypto/node.ts";
import { cbor } from "../support/cbor.ts";
import { attacked, CRYPTO, expectFatal, HEADER, LEVELS, type Make, type Verdict, WIRES } from "../support/messages.ts";
import type { Puppet } from "../support/puppet.ts";
import { b64u, unb64u } from "../support/raw.ts";
import { expectRefusal } from "../support/tamper.ts";

type Level = (typeof LEVELS)[number];
type Change = (bytes: Buffer) => Uint8Array;
const IV: Verdict = { code: "E_IV", stage: "sequence", close: 4501 };
const ENCRYPTED: readonly Level[] = ["aead", "nest"];
const SIGNED: readonly Level[] = ["mac", "sig"];

const flip =
  (at: number): Change =>
  (bytes) =>
    bytes.map((byte, i) => (i === (at + bytes.length) % bytes.length ? byte ^ 1 : byte));

/** A right message (or ping) of which one segment of the text form was changed on the way. */
const changed =
  (index: number, change: Change, control = false): Make =>
  async (puppet) => {
    const good = control ? puppet.toText(await puppet.control({ top: "ping" })) : await puppet.compact();
    const segments = good.split(".");
    segments[index] = b64u(change(unb64u(segments[index]!)));
    return puppet.toWire(segments.join("."), control ? 1 : 0, 1);
  };

/** Sealed rightly under a header that the receive table does not hold. */
const under =
  (header: (puppet: Puppet) => object): Make =>
  (puppet) =>
    puppet.message(puppet.claims(), { header: header(puppet) });

function refuses(
  rows: readonly (readonly [string, Make])[],
  verdict: Verdict,
  levels: readonly Level[],
  wires = WIRES as readonly (typeof WIRES)[number][],
): void {
  for (const level of levels)
    for (const protocol of wires)
      for (const [name, make] of rows)
        it(`${name}, ${level}, ${protocol}`, () => expectFatal(make, verdict, { level, protocol }));
}

describe("a bit that was changed [level:verify]", () => {
  refuses(
    [
      ["the first of the ciphertext", changed(3, flip(0))],
      ["the last of the ciphertext", changed(3, flip(-1))],
      ["the first of the tag", changed(4, flip(0))],
      ["the last of the tag", changed(4, flip(-1))],
      ["one of a control message", changed(3, flip(3), true)],
      ["one of a control message's tag", changed(4, flip(3), true)],
    ],
    CRYPTO,
    ENCRYPTED,
  );
  refuses(
    [
      ["the first of the claims", changed(1, flip(0))],
      ["the last of the claims", changed(1, flip(-1))],
      ["the first of the signature", changed(2, flip(0))],
      ["the last of the signature", changed(2, flip(-1))],
      ["no signature", changed(2, () => Buffer.alloc(0))],
      ["a signature one byte short", changed(2, (b) => b.subarray(1))],
      ["a signature one byte long", changed(2, (b) => Buffer.concat([b, Buffer.of(0)]))],
      ["a signature of zeros: r = s = 0", changed(2, (b) => Buffer.alloc(b.length))],
      ["one of a control message", changed(3, flip(3), true)],
    ],
    CRYPTO,
    SIGNED,
  );
  it.each(LEVELS)("cut short, %s", async (level) => {
    const short = changed(level === "mac" || level === "sig" ? 1 : 3, (b) => b.subarray(0, -1));
    await expectFatal(short, CRYPTO, { level });
  });
  it("a zero signature of Ed25519", async () => {
    await expectFatal(
      changed(2, () => Buffer.alloc(64)),
      CRYPTO,
      { level: "sig", proof: "Ed25519" },
    );
  });
});

describe("tags of another length [aead:tag]", () => {
  const moved =
    (n: number): Make =>
    async (puppet) => {
      const s = (await puppet.compact()).split(".");
      const [ct, tag] = [unb64u(s[3]!), unb64u(s[4]!)];
      s[3] = b64u(Buffer.concat([ct, tag.subarray(0, 16 - n)]));
      s[4] = b64u(tag.subarray(16 - n));
      return s.join(".");
    };
  const text = ["sealwire.v1.text"] as const;
  refuses(
    [
      [`12 bytes, the rest in the ciphertext`, moved(12)],
      ["15 bytes", moved(15)],
      ["none", moved(0)],
    ],
    CRYPTO,
    ENCRYPTED,
    text,
  );
  refuses(
    [
      ["cut to 12 bytes", changed(4, (tag) => tag.subarray(0, 12))],
      ["17 bytes", changed(4, (tag) => Buffer.concat([tag, tag.subarray(0, 1)]))],
    ],
    CRYPTO,
    ENCRYPTED,
    text,
  );
  const whole =
    (n: number): Make =>
    () =>
      cbor([3, 0, 1, Buffer.alloc(n)]);
  refuses(
    [
      ["15 bytes in all", whole(15)],
      ["nothing", whole(0)],
      ["16 bytes in all", whole(16)],
    ],
    CRYPTO,
    ENCRYPTED,
    ["sealwire.v1.cbor"],
  );
});

describe("nonces [aead:iv]", () => {
  const iv = (change: Change) => changed(2, change);
  refuses(
    [
      ["of 11 bytes", iv((b) => b.subarray(1))],
      ["of 13 bytes", iv((b) => Buffer.concat([b, Buffer.of(0)]))],
      ["of none", iv(() => Buffer.alloc(0))],
      ...[0, 1, 2, 3].map((i): readonly [string, Make] => [`with byte ${i} changed`, iv(flip(i))]),
      ["of a number above 2^53 - 1", iv((b) => b.map((byte, i) => (i === 4 ? byte ^ 0x40 : byte)))],
    ],
    IV,
    ENCRYPTED,
    ["sealwire.v1.text"],
  );
});

describe("headers [header:not-in-table]", () => {
  const reordered = (puppet: Puppet) => Object.fromEntries(Object.entries(puppet.header).reverse());
  const text = ["sealwire.v1.text"] as const;
  refuses(
    [
      ["members in another order", under(reordered)],
      ["a member more", under((p) => ({ ...p.header, iat: 1 }))],
      ["another typ", under((p) => ({ ...p.header, typ: "JWT" }))],
      ["the other codec's cty", under((p) => ({ ...p.header, cty: "sealwire+cbor" }))],
      ["a member less", under(({ header }) => ({ ...header, typ: undefined }))],
      ["another kid", under((p) => ({ ...p.header, kid: "A".repeat(22) }))],
      ["a space", changed(0, (b) => Buffer.from(b.toString().replace(",", ", ")))],
      ["a bit of it", changed(0, flip(5))],
      ["half of it", changed(0, (b) => b.subarray(0, 20))],
      ["bytes that are no JSON", changed(0, () => Buffer.from("ey"))],
    ],
    HEADER,
    LEVELS,
    text,
  );
  const kid = (p: Puppet) => p.kid;
  const levels: readonly (readonly [Level, (p: Puppet) => object])[] = [
    ["mac", (p) => ({ alg: "HS256", kid: kid(p), typ: "sealwire+jwt" })],
    ["aead", (p) => ({ alg: "dir", enc: "A256GCM", kid: kid(p), typ: "sealwire+jwt" })],
    ["nest", (p) => ({ alg: "dir", enc: "A256GCM", cty: "JWT", kid: kid(p), typ: "sealwire+jwt" })],
  ];
  for (const [other, header] of levels) {
    it.each(LEVELS.filter((l) => l !== other))(`the header of ${other} at %s`, async (level) => {
      const make: Make = async (p) =>
        other === "mac"
          ? await p.sign(header(p), p.encode(p.claims()), p.key("mac"))
          : await p.encrypt(header(p), p.encode(p.claims()), 1);
      await expectFatal(make, HEADER, { level, protocol: "sealwire.v1.text" });
    });
  }
  it.each([
    [3, 2],
    [3, 3],
    [3, 4],
    [3, Number.MAX_SAFE_INTEGER],
  ])("form %i with h = %i: another epoch", async (form, h) => {
    for (const level of ENCRYPTED) await expectFatal(() => cbor([form, h, 1, Buffer.alloc(32)]), HEADER, { level });
  });
  it.each([1, 2, 3])("form 4 with h = %i", async (h) => {
    for (const level of SIGNED)
      await expectFatal(() => cbor([4, h, Buffer.alloc(9), Buffer.alloc(64)]), HEADER, { level });
  });
  it("form 3 with an even h at mac and sig, form 4 at aead and nest [wire:form]", async () => {
    for (const level of SIGNED) await expectFatal(() => cbor([3, 0, 1, Buffer.alloc(32)]), HEADER, { level });
    for (const level of ENCRYPTED)
      await expectFatal(() => cbor([4, 0, Buffer.alloc(9), Buffer.alloc(64)]), HEADER, { level });
  });
  it.each(LEVELS)("full forms in a session, %s [wire:form]", async (level) => {
    const full: Make = async (p) => {
      const segments = (await p.compact()).split(".").map(unb64u);
      return cbor([segments.length === 3 ? 1 : 2, ...segments]);
    };
    await expectFatal(full, HEADER, { level });
  });
  it.each(LEVELS)("control under the header of an application message, and the reverse, %s", async (level) => {
    const protocol = "sealwire.v1.text";
    const verdict =
      level === "aead" || level === "nest" ? ({ code: "E_CLAIMS", stage: "claims", close: 4400 } as const) : HEADER;
    if (level !== "nest")
      await expectFatal(
        (p) => p.control({ top: "ping" }, { header: { alg: "dir", enc: "A256GCM", kid: p.kid, typ: "sealwire+jwt" } }),
        verdict,
        { level, protocol },
      );
    await expectFatal(
      (p) => p.control(JSON.stringify(p.claims())),
      { code: "E_CLAIMS", stage: "claims", close: 4400 },
      { level, protocol },
    );
  });
});

describe("whatever is not in the table", () => {
  /** A server whose keys count how often they are used. */
  function counting(): { backend: CryptoBackend; count: () => number } {
    let n = 0;
    const count =
      <A extends unknown[], R>(f: (...args: A) => R) =>
      (...args: A): R => {
        n++;
        return f(...args);
      };
    const counted = (z: SharedSecret): SharedSecret => ({
      bytes: z.bytes,
      aead: async (...args) => {
        const key = await z.aead(...args);
        return { seal: (...a) => key.seal(...a), open: count((...a) => key.open(...a)) };
      },
      mac: async (...args) => {
        const key = await z.mac(...args);
        return { sign: (...a) => key.sign(...a), verify: count((...a) => key.verify(...a)) };
      },
    });
    const backend: CryptoBackend = {
      ...node,
      generateKeyAgreement: async (suite) => {
        const own = await node.generateKeyAgreement(suite);
        return { ...own, agree: async (peer) => counted(await own.agree(peer)) };
      },
    };
    return { backend, count: () => n };
  }

  it.each(LEVELS)("is neither decrypted nor parsed, %s [header:not-in-table]", async (level) => {
    const { backend, count } = counting();
    const { pair, puppet } = await attacked({ level, protocol: "sealwire.v1.text", serverBackend: backend });
    const payload = await under((p) => ({ ...p.header, typ: "JWT" }))(puppet);
    const before = count();
    const parse = vi.spyOn(JSON, "parse");
    puppet.deliver(payload);
    await expectRefusal(pair, { side: "server", ...HEADER });
    expect(parse).not.toHaveBeenCalled();
    parse.mockRestore();
    expect(count()).toBe(before);
  });
});
