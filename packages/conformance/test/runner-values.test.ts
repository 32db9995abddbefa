import { describe, expect, it } from "vitest";
import { mismatch, show } from "../src/runner/compare.ts";
import { openingOf } from "../src/runner/cross-open.ts";
import { expand } from "../src/runner/expand.ts";
import type { VectorCase } from "../src/runner/vectors.ts";

const KEYS = { one: { kty: "OKP", crv: "Ed25519", x: "X", d: "D", alg: "Ed25519" } };

describe("short forms", () => {
  it.each([
    ["a private key", { $key: "one" }, KEYS.one],
    ["a public key", { $public: "one" }, { kty: "OKP", crv: "Ed25519", x: "X", alg: "Ed25519" }],
    ["a hex string", { $hex: { prefix: "00", repeat: "ab", n: 2, suffix: "ff" } }, "00ababff"],
    ["a text", { $text: { repeat: "xy", n: 3 } }, "xyxyxy"],
    ["a text without a repetition", { $text: { suffix: "s" } }, "s"],
    ["values inside", { a: [{ $text: { prefix: "p" } }], b: null }, { a: ["p"], b: null }],
    ["an object with more members", { $key: "one", other: 1 }, { $key: "one", other: 1 }],
    ["bytes, which stay as they are", { $bytes: "00" }, { $bytes: "00" }],
  ])("writes out %s", (_, short, whole) => {
    expect(expand(short, KEYS)).toEqual(whole);
  });

  it("keeps a member named __proto__", () => {
    const value = JSON.parse('{"a":{"__proto__":{"$text":{"prefix":"p"}}}}');
    expect(JSON.stringify(expand(value, KEYS))).toBe('{"a":{"__proto__":"p"}}');
  });

  it.each(["none", "toString"])("knows no key %s", (label) => {
    expect(() => expand({ $key: label }, KEYS)).toThrow("keys.json has no key");
  });
});

describe("comparison", () => {
  const same = (expected: object, got: unknown) => mismatch({ ok: true, ...expected }, got, {});

  it("compares of the result exactly the members that are listed", () => {
    expect(same({ a: 1 }, { ok: true, a: 1, b: 2 })).toBeUndefined();
    expect(same({ a: 1 }, { ok: true })).toBe("a: expected 1, got nothing");
  });

  it("compares numbers as binary64", () => {
    expect(same({ a: 0 }, JSON.parse('{"ok":true,"a":-0.0}'))).toBeUndefined();
    expect(same({ a: 100 }, JSON.parse('{"ok":true,"a":1e2}'))).toBeUndefined();
    expect(same({ a: 2 ** 53 }, JSON.parse('{"ok":true,"a":9007199254740993}'))).toBeUndefined();
    expect(same({ a: 1 }, { ok: true, a: "1" })).toBe('a: expected 1, got "1"');
  });

  it.each([
    ["a member too many below", { a: { b: 1 } }, { a: { b: 1, c: 2 } }, "a.c: not expected, got 2"],
    ["a member missing below", { a: { b: 1 } }, { a: {} }, "a.b: expected 1, got nothing"],
    ["an element too many", { a: [1] }, { a: [1, 2] }, "a: expected 1 elements, got 2; too many: 2"],
    ["an element missing", { a: [1, 2] }, { a: [1] }, "a: expected 2 elements, got 1; missing: 2"],
    ["another order", { a: [1, 2] }, { a: [2, 1] }, "a[0]: expected 1, got 2"],
    ["null for nothing", { a: null }, {}, "a: expected null, got nothing"],
  ])("tells %s", (_, expected, got, why) => {
    expect(same(expected, { ok: true, ...got })).toBe(why);
  });

  it("compares fatal", () => {
    const refused = { ok: false, error: "E_CBOR", step: "encoding", fatal: true };
    expect(mismatch(refused, { ...refused, fatal: false }, {})).toBe("fatal: expected true, got false");
    expect(mismatch(refused, refused, {})).toBeUndefined();
  });

  it("tells the first step of a script that differs, with what was done", () => {
    const expected = { ok: true, steps: [{ state: "open" }, { deliver: [{ seq: 1 }], state: "open" }] };
    const got = { ok: true, steps: [{ state: "open" }, { deliver: [{ seq: 2 }], state: "open" }] };
    const script = { steps: [{ op: "start" }, { op: "recv" }] };
    expect(mismatch(expected, got, script)).toBe('step 2 of 2, {"op":"recv"}: deliver[0].seq: expected 1, got 2');
    const short = { ok: true, steps: [{ state: "open" }] };
    expect(mismatch(expected, short, script)).toMatch(/^steps: expected 2 elements, got 1/);
  });

  it("takes an answer that is no object for wrong", () => {
    expect(mismatch({ ok: true }, null, {})).toBe("expected a result, got null");
  });

  it("cuts long values in the middle", () => {
    expect(show("x".repeat(1000))).toMatch(/^"x+ … x+" \(1002 characters\)$/);
  });
});

describe("opening what another driver sealed", () => {
  const vector = (op: string, input: object): VectorCase =>
    ({ id: "v", suite: "s", group: "g", level: "L1", op, comment: "", input, result: { ok: true } }) as VectorCase;

  it("asks for a message from the other end, and expects the claims that were sealed", () => {
    const input = {
      wire: "text",
      level: "sig",
      codec: "json",
      keys: {},
      signer: { $key: "one" },
      self: "a",
      peer: "b",
    };
    const opening = openingOf(vector("message.seal", { ...input, seq: 5, iat: 9, exp: 20, top: "t", data: 1 }));
    expect(opening?.input).toMatchObject({ peerKey: { $public: "one" }, self: "b", peer: "a", last: 4, now: 9 });
    expect(opening?.result).toEqual({
      ok: true,
      kind: "message",
      seq: 5,
      iat: 9,
      exp: 20,
      items: [{ top: "t", ref: null, req: false, data: 1 }],
    });
  });

  it("asks for a standalone envelope with the private half of the key it is encrypted to", () => {
    const input = { wire: "text", signer: { $key: "one" }, encryptTo: { $public: "two" }, iss: "i", aud: "a", iat: 9 };
    const opening = openingOf(vector("standalone.seal", input));
    expect(opening?.input).toEqual({
      audience: "a",
      keys: { i: { keys: [{ $public: "one" }] } },
      decryptionKey: { $key: "two" },
      now: 9,
    });
    expect(opening?.result).toEqual({ ok: true, iss: "i", aud: "a", iat: 9, encrypted: true });
  });

  it("asks for nothing where nothing is sealed", () => {
    expect(openingOf(vector("claims.write", {}))).toBeUndefined();
    expect(openingOf({ ...vector("message.seal", {}), result: { ok: false } })).toBeUndefined();
  });
});
