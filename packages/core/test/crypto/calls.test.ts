// The parameters of calls of WebCrypto are used again: what one message gets must not come of another one.
import fc from "fast-check";
import { afterEach, expect, it, vi } from "vitest";
import { nonce, StaticIv } from "../../src/crypto/aead.ts";
import type { Awaiting } from "../../src/crypto/backend.ts";
import { aeadKey } from "../../src/crypto/webcrypto.ts";
import { text, toHex } from "./backends.ts";

const IV = new Uint8Array(12).fill(9);
const nonces = new StaticIv(IV);
const AAD = text("header");

const newKey = async () =>
  aeadKey(await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]));

afterEach(() => void vi.restoreAllMocks());

/** Hears of one call. */
class Heard implements Awaiting<string> {
  readonly answers: string[] = [];
  readonly #next: () => unknown;

  constructor(next: () => unknown = () => {}) {
    this.#next = next;
  }

  ended(bytes: Uint8Array): string {
    this.answers.push(toHex(bytes));
    this.#next();
    return toHex(bytes);
  }

  failed(): string {
    this.answers.push("failed");
    this.#next();
    return "failed";
  }
}

it("each is answered once, with its own: of two keys, with failures between them, begun out of answers of others", async () => {
  const keys = [await newKey(), await newKey()] as const;
  const step = fc.record({ key: fc.constantFrom(0, 1), opens: fc.boolean(), forged: fc.boolean(), room: fc.nat(40) });
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 90 }),
      fc.integer({ min: 1, max: 80 }),
      async (all, at) => {
        const expected: string[] = [];
        const sealed: Uint8Array[] = [];
        for (const [i, { key, opens, forged, room }] of all.entries()) {
          const plain = text(`message ${i} `.repeat(i % 4));
          const alone = await keys[key as 0 | 1].seal(nonce(IV, i), AAD, plain);
          expected.push(opens ? (forged ? "failed" : toHex(plain)) : "00".repeat(room) + toHex(alone));
          if (opens && forged) alone[0]! ^= 1;
          sealed.push(opens ? alone : plain);
        }
        const heard: Heard[] = [];
        const results: unknown[] = [];
        // Up to `at` of them at once; each that is answered begins the next one.
        const begin = () => {
          const i = heard.length;
          const one = all[i];
          if (one === undefined) return;
          const to = new Heard(begin);
          heard.push(to);
          const key = keys[one.key as 0 | 1];
          const [bytes, room] = [sealed[i] as Uint8Array, one.room];
          results.push(
            one.opens
              ? key.openLater?.(nonces, i, AAD, bytes, to)
              : key.sealLater?.(nonces, i, AAD, bytes, room, to).then((hex) => "00".repeat(room) + hex.slice(2 * room)),
          );
        };
        for (let i = 0; i < at; i++) begin();
        while (results.length < all.length) await results[results.length - 1];
        expect(await Promise.all(results)).toEqual(expected);
        expect(heard.map(({ answers }) => answers.length)).toEqual(all.map(() => 1));
      },
    ),
    { numRuns: 60 },
  );
});

it("one that failed is not used again, nor one that has not ended: an engine might still read its IV", async () => {
  const key = await newKey();
  const seen: unknown[] = [];
  let end = (_: ArrayBuffer) => {};
  const pending = new Promise<ArrayBuffer>((resolve) => {
    end = resolve;
  });
  vi.spyOn(SubtleCrypto.prototype, "decrypt").mockImplementation(async (params) => {
    seen.push(params);
    if (seen.length === 1) return pending;
    if (seen.length === 2) throw new Error("forged");
    return new ArrayBuffer(16);
  });
  const open = (seq: number) => key.openLater?.(nonces, seq, AAD, new Uint8Array(16), new Heard());
  const first = open(1);
  await open(2);
  await open(3);
  await open(4);
  end(new ArrayBuffer(16));
  await first;
  // The fourth is the third again.
  expect(seen.map((params) => seen.indexOf(params))).toEqual([0, 1, 2, 2]);
});
