// Claims that are opened in two pieces, so that large data need not be copied: what comes of them is what comes of the whole.
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import type { AeadKey } from "../../src/crypto/backend.ts";
import { backend } from "../../src/crypto/node.ts";
import { decodeClaims, encodeBatch, encodeClaims } from "../../src/envelope/codec.ts";
import { MessageOpener } from "../../src/envelope/opener.ts";
import { MessageSealer, type Protection } from "../../src/envelope/sealer.ts";
import { SealwireError } from "../../src/errors.ts";
import { concat } from "../../src/wire/bytes.ts";
import { decodeFrame } from "../../src/wire/frame.ts";

const LARGE = 20_000;
type Opened = Exclude<ReturnType<MessageOpener["open"]>, Promise<unknown>>;

function outcome(...args: Parameters<typeof decodeClaims>): unknown {
  try {
    return decodeClaims(...args);
  } catch (error) {
    if (error instanceof SealwireError) return error.message;
    throw error;
  }
}

const cborClaims = fc.oneof(
  fc
    .record({
      seq: fc.nat(),
      exp: fc.nat(),
      top: fc.constantFrom("t", "a.longer.topic"),
      iss: fc.option(fc.string(), { nil: undefined }),
      data: fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<never>),
    })
    .map((claims) => encodeClaims("cbor", claims)),
  fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 4 }).map((all) =>
    encodeBatch(
      "cbor",
      { seq: 1, exp: 1 },
      all.map((data) => ({ top: "t", data })),
    ),
  ),
  fc.uint8Array({ maxLength: 60 }),
);

describe("claims in two pieces", () => {
  it("are what the whole is, wherever they are parted and whatever is wrong with them", () => {
    fc.assert(
      fc.property(cborClaims, fc.nat(), fc.option(fc.tuple(fc.nat(), fc.nat(255))), (claims, at, change) => {
        const whole = claims.slice();
        if (change !== null && whole.length > 0) whole[change[0] % whole.length] = change[1];
        const split = at % (whole.length + 1);
        expect(outcome("cbor", whole.subarray(0, split), whole.subarray(split))).toEqual(outcome("cbor", whole));
      }),
      { numRuns: 3000 },
    );
  });

  it("have the second piece itself as data where it is all of that", () => {
    const data = new Uint8Array(300).fill(7);
    const claims = encodeClaims("cbor", { seq: 1, exp: 1, top: "t", data });
    const at = claims.length - data.length;
    const apart = claims.slice(at);
    expect(decodeClaims("cbor", claims.subarray(0, at), apart).dat).toBe(apart);
    expect(decodeClaims("cbor", claims.subarray(0, at - 1), claims.slice(at - 1)).dat).toEqual(data);
    expect(decodeClaims("cbor", claims.subarray(0, at + 1), claims.slice(at + 1)).dat).toEqual(data);
  });

  it("have members behind the data as well, and bytes that stand elsewhere", () => {
    const text = (value: string) => concat(Uint8Array.of(0x60 + value.length), new TextEncoder().encode(value));
    const [head, tail] = [Uint8Array.of(0xa3), concat(text("dat"), Uint8Array.of(0x43, 1, 2, 3))];
    const rest = concat(text("seq"), Uint8Array.of(1), text("exp"), Uint8Array.of(1));
    const unknown = concat(text("oth"), Uint8Array.of(0x43, 1, 2, 3));
    for (const whole of [concat(head, tail, rest), concat(head, rest, unknown)])
      for (let at = 0; at <= whole.length; at++)
        expect(outcome("cbor", whole.slice(0, at), whole.slice(at))).toEqual(outcome("cbor", whole));
  });
});

describe("a message of large data", () => {
  const secret = async () => {
    const [own, peer] = [await backend.generateKeyAgreement("x25519"), await backend.generateKeyAgreement("x25519")];
    return await (await own.agree(peer.publicJwk)).aead(new Uint8Array(32), new Uint8Array(1));
  };

  /** Opens what `messages` gives, and tells how: in two pieces, or whole. */
  async function opened(messages: readonly { readonly top: string; readonly data: Uint8Array }[]) {
    const keys = { kid: "A".repeat(22), iv: new Uint8Array(12), aead: await secret(), mac: undefined };
    const protection: Protection = { wire: "binary", level: "aead", codec: "cbor", epoch: 0, keys };
    const [sealer, opener] = [new MessageSealer(protection), new MessageOpener(protection)];
    const spy = vi.spyOn(keys.aead as Required<AeadKey>, "openApart");
    const found = messages.map(({ top, data }, i) => {
      const calls = spy.mock.calls.length;
      const sealed = sealer.application(i, encodeClaims("cbor", { seq: i, exp: 1, top, data })) as Uint8Array;
      const { claims, apart } = opener.open(decodeFrame(sealed), { check() {} }) as Opened;
      const { dat } = decodeClaims("cbor", claims, apart);
      expect(Buffer.compare(dat as Uint8Array, data)).toBe(0);
      opener.sawData(claims.length + (apart?.length ?? 0) - data.length, data);
      const parted = spy.mock.calls.length > calls;
      return !parted ? "whole" : dat === apart ? "apart" : "missed";
    });
    return { found, keys, sealer, opener };
  }

  it("is parted where the two before it were alike, and is itself where it is another one", async () => {
    const large = (top: string, i: number) => ({ top, data: new Uint8Array(LARGE).fill(i) });
    const { found } = await opened(Array.from({ length: 40 }, (_, i) => large("t", i)));
    // The number takes a byte more from 24 on.
    expect(found.map((how, i) => (how === "apart" ? "" : `${i} ${how}`)).filter((how) => how !== "")).toEqual([
      "0 whole",
      "1 whole",
      "24 missed",
      "25 whole",
    ]);
    const others = await opened(Array.from({ length: 20 }, (_, i) => large(i % 2 === 0 ? "t" : "longer", i)));
    expect(new Set(others.found)).toEqual(new Set(["whole"]));
    const small = await opened(Array.from({ length: 5 }, () => ({ top: "t", data: new Uint8Array(1000) })));
    expect(new Set(small.found)).toEqual(new Set(["whole"]));
  });

  it("is parted no more once the data was another one, until it is again where it was", async () => {
    const { sealer, opener } = await opened(
      Array.from({ length: 3 }, () => ({ top: "t", data: new Uint8Array(LARGE) })),
    );
    const parted = ["x".repeat(2 * LARGE), "y".repeat(2 * LARGE), new Uint8Array(LARGE), new Uint8Array(LARGE)].map(
      (data, i) => {
        const sealed = sealer.application(3 + i, encodeClaims("cbor", { seq: 3 + i, exp: 1, top: "t", data }));
        const { claims, apart } = opener.open(decodeFrame(sealed as Uint8Array), { check() {} }) as Opened;
        const { dat } = decodeClaims("cbor", claims, apart);
        expect(dat).toEqual(data);
        if (dat instanceof Uint8Array) opener.sawData(claims.length + (apart?.length ?? 0) - dat.length, dat);
        return apart !== undefined;
      },
    );
    expect(parted).toEqual([true, false, false, true]);
  });

  it("is refused in two pieces as it is in one", async () => {
    const all = Array.from({ length: 3 }, (_, i) => ({ top: "t", data: new Uint8Array(LARGE).fill(i) }));
    const { sealer, opener } = await opened(all);
    const sealed = sealer.application(3, encodeClaims("cbor", { seq: 3, exp: 1, ...all[0]! })) as Uint8Array;
    for (const at of [15, 40, 60, LARGE, sealed.length - 17, sealed.length - 1]) {
      const changed = sealed.map((byte, i) => (i === at ? byte ^ 1 : byte));
      expect(() => opener.open(decodeFrame(changed), { check() {} })).toThrow(
        expect.objectContaining({ code: "E_CRYPTO" }),
      );
    }
    expect(() => opener.open(decodeFrame(sealed), { check() {} })).not.toThrow();
  });

  it("is parted by the cipher anywhere, each piece in memory of its own", async () => {
    const key = await secret();
    const [iv, aad] = [new Uint8Array(12), new Uint8Array(5)];
    const plaintext = new Uint8Array(100).map((_, i) => i);
    const sealed = key.seal(iv, aad, plaintext) as Uint8Array;
    for (let at = 0; at <= 100; at++) {
      const pieces = key.openApart?.(iv, aad, sealed, at) as readonly Uint8Array[];
      expect(concat(...pieces)).toEqual(plaintext);
      for (const { byteOffset, length, buffer } of pieces)
        if (length > 0) expect([byteOffset, buffer.byteLength]).toEqual([0, length]);
    }
    expect(() => key.openApart?.(iv, aad, sealed.subarray(0, 15), 0)).toThrow();
    expect(() =>
      key.openApart?.(
        iv,
        aad,
        sealed.map((byte, i) => (i === 99 ? byte ^ 1 : byte)),
        10,
      ),
    ).toThrow();
  });
});
