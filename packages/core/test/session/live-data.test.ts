import { describe, expect, it } from "vitest";
import { until } from "../support/clock.ts";
import { LEVELS, live, ROLES, seqsOf } from "../support/live.ts";
import { Puppet } from "../support/puppet.ts";

class Point {
  x = 1;
}
const cycle: unknown[] = [];
cycle.push(cycle);
const own = JSON.parse('{"a":{"__proto__":1}}');

describe("data outside the data model is a TypeError and uses no number [claims:data-model] [seq:late]", () => {
  const both: [string, unknown][] = [
    ["undefined", undefined],
    ["a member that is undefined", { a: undefined }],
    ["a hole", new Array(2)],
    ["NaN", Number.NaN],
    ["Infinity", [Number.POSITIVE_INFINITY]],
    ["-Infinity", { a: Number.NEGATIVE_INFINITY }],
    ["a bigint", 1n],
    ["a symbol", Symbol("s")],
    ["a symbol as key", { [Symbol("s")]: 1 }],
    ["a function", () => 1],
    ["a Date", new Date(0)],
    ["a Map", new Map()],
    ["a class", new Point()],
    ["nested bytes", { a: Uint8Array.of(1) }],
    ["a lone surrogate", "\ud800"],
    ["a lone surrogate in a name", { "\udc00": 1 }],
    ["__proto__ as a member", own],
    ["a cycle", cycle],
    ["a toJSON", { toJSON: () => 1 }],
  ];
  const cborOnly: [string, unknown][] = [
    ["an integer beyond 2^53-1", 2 ** 53],
    ["a great integer", -1e300],
  ];
  for (const codec of ["json", "cbor"] as const) {
    it.each(codec === "cbor" ? [...both, ...cborOnly] : both)(`${codec}: %s`, async (_, data) => {
      const pair = await live({ codec });
      for (const role of ROLES) {
        await expect(pair[role].session!.send("t", data as never)).rejects.toThrow(TypeError);
        await expect(pair[role].session!.request("t", data as never)).rejects.toThrow(TypeError);
        expect(seqsOf(pair, role)).toEqual([]);
        await pair[role].session!.send("t", null);
        expect(seqsOf(pair, role)).toEqual([1]);
      }
    });
  }

  it.each(["", "a b", "é", "x".repeat(129), 1, undefined])("topic %s", async (topic) => {
    const pair = await live();
    await expect(pair.client.session!.send(topic as never, 1)).rejects.toThrow(TypeError);
    expect(seqsOf(pair, "client")).toEqual([]);
  });
});

for (const level of LEVELS) {
  it.each(["json", "cbor"] as const)(
    `a message without data carries null, ${level}, %s [claims:no-data]`,
    async (codec) => {
      const pair = await live({ level, codec });
      const seen: unknown[] = [];
      pair.server.session!.handle("t", (d) => void seen.push(d));
      const puppet = Puppet.seize(pair);
      puppet.deliver(
        await puppet.message(puppet.claims({ dat: undefined })),
        await puppet.message(puppet.claims({ dat: null })),
      );
      await until(() => seen.length === 2);
      expect(seen).toEqual([null, null]);
    },
  );
}
