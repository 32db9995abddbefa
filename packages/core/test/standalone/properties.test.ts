import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { PrivateJwk } from "../../src/crypto/backend.ts";
import { SealwireError } from "../../src/errors.ts";
import { inspect } from "../../src/standalone/inspect.ts";
import { open } from "../../src/standalone/open.ts";
import { seal } from "../../src/standalone/seal.ts";
import type { Data } from "../../src/wire/json.ts";
import { ALICE, BOB, bothForms, craft, KEYS, now, OPTIONS, printOf, publicOf } from "./fixtures.ts";

const topic = fc.stringMatching(/^[A-Za-z0-9._:/-]{1,128}$/);
const json = fc.jsonValue({ maxDepth: 4 }).filter((value) => !JSON.stringify(value).includes('"__proto__"'));
const data = fc.oneof(json, fc.uint8Array({ maxLength: 300 })) as fc.Arbitrary<Data>;
const row = fc.record({
  form: fc.constantFrom("text" as const, "binary" as const),
  key: fc.constantFrom(KEYS.alice, KEYS.aliceEd),
  to: fc.constantFrom<PrivateJwk | undefined>(undefined, KEYS.bobP256, KEYS.bobX),
  expiresIn: fc.integer({ min: 1, max: 300 }),
});

describe("properties", () => {
  it("what is sealed comes out as it went in", async () => {
    await fc.assert(
      fc.asyncProperty(topic, data, row, async (name, value, { form, key, to, expiresIn }) => {
        const encryptTo = to === undefined ? {} : { encryptTo: publicOf(to) };
        const options = { issuer: ALICE, key, audience: BOB, form, expiresIn, now, ...encryptTo };
        const opened = await open(await seal({ topic: name, data: value }, options), OPTIONS);
        // -0 is written as 0.
        const expected = value instanceof Uint8Array ? value : JSON.parse(JSON.stringify(value));
        expect(opened).toMatchObject({
          issuer: ALICE,
          topic: name,
          encrypted: to !== undefined,
          thumbprint: printOf(key),
        });
        expect(opened.data).toEqual(expected);
        expect(opened.expiresAt.getTime() - opened.issuedAt.getTime()).toBe(expiresIn * 1000);
      }),
      { numRuns: 60 },
    );
  });

  const envelopes = [craft("signed"), craft("encrypted"), craft("encrypted", undefined, true)].flatMap(bothForms);

  it("a changed byte or character is refused, by an error that ends nothing", async () => {
    const cases = fc.record({
      which: fc.nat(envelopes.length - 1),
      at: fc.nat(),
      to: fc.integer({ min: 1, max: 255 }),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ which, at, to }) => {
        const good = envelopes[which] as string | Uint8Array;
        const bytes = Buffer.from(good as string);
        const place = at % bytes.length;
        bytes[place] = (bytes[place] as number) ^ to;
        const changed = typeof good === "string" ? bytes.toString("latin1") : bytes;
        const error = await open(changed, OPTIONS).then(
          () => undefined,
          (e: unknown) => e,
        );
        expect(error).toBeInstanceOf(SealwireError);
        expect(error).toMatchObject({ fatal: false, closeCode: undefined });
      }),
      { numRuns: 150 },
    );
  });

  it("whatever else is handed in: a SealwireError, of open and of inspect", async () => {
    const soup = fc.oneof(
      fc.string({ unit: "binary", maxLength: 200 }),
      fc.array(fc.stringMatching(/^[A-Za-z0-9_-]{0,40}$/), { maxLength: 6 }).map((parts) => parts.join(".")),
      fc.uint8Array({ maxLength: 200 }),
      fc.jsonValue().map((value) => `{"typ":${JSON.stringify(value)}}`),
    );
    await fc.assert(
      fc.asyncProperty(soup, async (envelope) => {
        await expect(open(envelope, OPTIONS)).rejects.toBeInstanceOf(SealwireError);
        expect(() => inspect(envelope)).toThrow(SealwireError);
      }),
      { numRuns: 150 },
    );
  });
});
