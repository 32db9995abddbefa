import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeControl, encodeControl } from "../../src/envelope/control.ts";
import type { SealwireError } from "../../src/errors.ts";
import { utf8 } from "../../src/wire/bytes.ts";

const verdict = (text: string): unknown => {
  try {
    return decodeControl(utf8.encode(text));
  } catch (error) {
    return (error as SealwireError).code;
  }
};

/** As all other messages are read. */
const slowly = (text: string): unknown => verdict(` ${text}`);

describe("a receipt, which has a way of its own [ctl:members]", () => {
  const number = fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }));

  it("is the text that every other message would be", () => {
    fc.assert(
      fc.property(number, number, (seq, rcv) => {
        const bytes = encodeControl(seq, rcv, { top: "ack" });
        expect(bytes).toEqual(utf8.encode(JSON.stringify({ seq, top: "ack", rcv })));
        const text = new TextDecoder().decode(bytes);
        expect(verdict(text)).toEqual(slowly(text));
      }),
    );
  });

  it("is read as every other message, whatever is changed in it", () => {
    const change = fc.record({
      at: fc.nat(50),
      remove: fc.nat(2),
      insert: fc.constantFrom("", "0", "1", "9", "-", ".", "e", " ", ",", '"', "}", "x", "\u0661", "99999999999999999"),
    });
    fc.assert(
      fc.property(number, number, fc.array(change, { minLength: 1, maxLength: 3 }), (seq, rcv, changes) => {
        let text = JSON.stringify({ seq, top: "ack", rcv });
        for (const { at, remove, insert } of changes) text = text.slice(0, at) + insert + text.slice(at + remove);
        expect(verdict(text)).toEqual(slowly(text));
      }),
      { numRuns: 2000 },
    );
  });
});
