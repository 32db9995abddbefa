import { describe, expect, it } from "vitest";
import { settle, until } from "../support/clock.ts";
import { attacked, LEVELS, WIRES } from "../support/messages.ts";

const NOW = 1_893_456_000;
type Times = { readonly iat?: number; readonly exp: number };

/** What becomes of a message with these times, and of the next one. */
async function verdict(level: (typeof LEVELS)[number], times: Times, i = 0): Promise<string> {
  const { pair, puppet, got } = await attacked({ level, protocol: WIRES[i % 2]! });
  puppet.deliver(await puppet.message(puppet.claims({ ...times, dat: "first" })), await puppet.message());
  await until(() => got.includes(1) || pair.server.info !== undefined, "the second message");
  await settle();
  expect(pair.server.info).toBeUndefined();
  const answers = await puppet.controls();
  if (got.length === 2) {
    expect([got, answers]).toEqual([["first", 1], []]);
    return "delivered";
  }
  expect(got).toEqual([1]);
  expect(answers).toEqual([{ seq: 1, top: "err", code: expect.any(String), ref: 1, rcv: 1 }]);
  return answers[0]!.code as string;
}

/** Times with an iat stand at every level, those without at mac and aead alone. */
function table(rows: readonly (readonly [name: string, times: Times, verdict: string])[]): void {
  for (const [i, [name, times, expected]] of rows.entries()) {
    const levels = times.iat === undefined ? (["mac", "aead"] as const) : LEVELS;
    it.each(levels)(`${name}: ${expected}, %s`, async (level) => {
      expect(await verdict(level, times, i)).toBe(expected);
    });
  }
}

describe("a message that came too late is refused, told to its sender, and counted [time:expired] [req:failure] [seq:consumed]", () => {
  table([
    ["expired by 29 s", { iat: NOW - 89, exp: NOW - 29 }, "delivered"],
    ["expired by 30 s", { iat: NOW - 90, exp: NOW - 30 }, "E_EXPIRED"],
    ["expired by a year", { iat: 1, exp: 2 }, "E_EXPIRED"],
    ["expired in 1970", { exp: 0 }, "E_EXPIRED"],
    ["expired by 29 s, without iat", { exp: NOW - 29 }, "delivered"],
    ["expired by 30 s, without iat", { exp: NOW - 30 }, "E_EXPIRED"],
  ]);
});

describe("a message from the future [time:future]", () => {
  table([
    ["issued in 30 s", { iat: NOW + 30, exp: NOW + 90 }, "delivered"],
    ["issued in 31 s", { iat: NOW + 31, exp: NOW + 91 }, "E_FUTURE"],
    ["issued in 31 s, to live too long as well", { iat: NOW + 31, exp: NOW + 1000 }, "E_FUTURE"],
    ["issued in the last second that there is", { iat: 2 ** 53 - 1, exp: 2 ** 53 - 1 }, "E_FUTURE"],
  ]);
});

describe("a message that lives too long [time:ttl]", () => {
  table([
    ["for 300 s", { iat: NOW, exp: NOW + 300 }, "delivered"],
    ["for 301 s", { iat: NOW, exp: NOW + 301 }, "E_TTL"],
    ["for 301 s of which one has passed", { iat: NOW - 1, exp: NOW + 300 }, "E_TTL"],
    ["until 330 s from now, without iat", { exp: NOW + 330 }, "delivered"],
    ["until 331 s from now, without iat", { exp: NOW + 331 }, "E_TTL"],
    ["for 300 s from 30 s ahead on", { iat: NOW + 30, exp: NOW + 330 }, "delivered"],
    ["for ever", { exp: 2 ** 53 - 1 }, "E_TTL"],
  ]);
});

describe("the receiver's clock", () => {
  it("runs on: what is held up on the way expires [time:expired]", async () => {
    const { pair, puppet, got } = await attacked();
    const held = [await puppet.message(), await puppet.message()];
    await pair.clock.advance(89_000);
    puppet.deliver(held[0]!);
    await settle();
    expect(got).toEqual([1]);
    await pair.clock.advance(1000);
    puppet.deliver(held[1]!);
    await settle();
    expect(got).toEqual([1]);
    const errs = (await puppet.controls()).filter((c) => c.top === "err");
    expect(errs).toMatchObject([{ code: "E_EXPIRED", ref: 2 }]);
  });

  it("a batch that came too late is refused as a whole, by its number [req:failure]", async () => {
    const { puppet, got } = await attacked();
    const bat = [
      ["t", null, 1],
      ["t", null, 2, true],
    ];
    puppet.deliver(await puppet.message(puppet.claims({ top: undefined, dat: undefined, bat, exp: NOW - 30 })));
    await settle();
    expect(got).toEqual([]);
    expect(await puppet.controls()).toEqual([{ seq: 1, top: "err", code: "E_EXPIRED", ref: 1, rcv: 1 }]);
  });

  it("time is looked at before authorization [level:order]", async () => {
    const asked: string[] = [];
    const { puppet } = await attacked({ serverHooks: { authorize: ({ topic }) => asked.push(topic) < 0 } });
    puppet.deliver(
      await puppet.message(puppet.claims({ exp: NOW - 30 })),
      await puppet.message(puppet.claims({ top: "u" })),
    );
    await settle();
    expect(asked).toEqual(["u"]);
    expect((await puppet.controls()).map((c) => c.code)).toEqual(["E_EXPIRED", "E_DENIED"]);
  });
});
