import { describe, expect, it } from "vitest";
import { good, outcomesOf, runFake, verdictsOf } from "./support/world.ts";

const many = (n: number) => Array.from({ length: n }, (_, i) => good(`fake/${i}`));

/** Everything passes but the one in the middle. */
async function costsOne(op: string, timeLimit?: number) {
  const result = await runFake(
    { vectors: [...many(40), { id: "fake/odd", op }, ...many(80).slice(40)] },
    timeLimit === undefined ? {} : { timeLimit },
  );
  const { "fake/odd": odd, ...rest } = outcomesOf(result);
  expect(Object.values(rest).filter(({ verdict }) => verdict !== "passed")).toEqual([]);
  expect(Object.keys(rest)).toHaveLength(80);
  expect(odd?.verdict).toBe("failed");
  expect(result.ok).toBe(false);
  return odd?.why;
}

describe("driver processes", () => {
  it("answers more vectors than fit into a pipe at once", async () => {
    const value = "x".repeat(100_000);
    const vectors = many(200).map(({ id }) => ({ id, op: "echo", input: { value }, result: { ok: true, value } }));
    expect((await runFake({ vectors })).ok).toBe(true);
  });

  it("loses one vector to a crash, and says what the driver wrote before it", async () => {
    expect(await costsOne("crash")).toBe("ended with 3; it said: out of luck");
  });

  it("loses one vector to a line that is no answer", async () => {
    expect(await costsOne("garbage")).toMatch(/^wrote a line that answers nothing: Warning: this is no JSON/);
  });

  it("ends a driver that gives no answer, and goes on with the next vector", async () => {
    expect(await costsOne("hang", 2000)).toBe("gave no answer within 2 s");
  });

  it("fails a vector that is answered without a result", async () => {
    expect(await costsOne("defect")).toMatch(/^answered without a result: .*TypeError at line 3/);
  });

  it("does not start a driver for ever that always crashes", async () => {
    const vectors = Array.from({ length: 40 }, (_, i) => ({ id: `fake/${i}`, op: "crash" }));
    const whys = Object.values(outcomesOf(await runFake({ vectors }))).map(({ why }) => why);
    expect(whys.every((why) => why !== undefined)).toBe(true);
    expect(whys.filter((why) => why?.startsWith("not asked"))).not.toHaveLength(0);
  });

  it("keeps separators inside strings that are no ends of lines", async () => {
    const value = "a\u2028b\u2029c";
    const vectors = [
      { id: "fake/raw", op: "raw", input: { text: `{"ok":true,"value":"${value}"}` }, result: { ok: true, value } },
    ];
    expect((await runFake({ vectors })).ok).toBe(true);
  });

  it("shows a driver nothing but number, operation and input", async () => {
    const result = { ok: true, value: ["n", "op", "input"] };
    expect(verdictsOf(await runFake({ vectors: [{ id: "fake/members", op: "members", result }] }))).toEqual({
      "fake/members": "passed",
    });
  });

  it("counts an exit code at the end as a fault", async () => {
    const result = await runFake({ drivers: [{ name: "fake", habit: "bad-end" }] });
    expect(verdictsOf(result)).toEqual({ "fake/good": "passed" });
    expect(result.faults).toEqual(["fake: at the end of its input it ended with 5"]);
    expect(result.ok).toBe(false);
  });

  it.each([
    ["dies-at-once", "fake: the driver does not start: ended with 7"],
    ["no-hello", "fake: the driver does not start: wrote no first line of the protocol: hello?"],
  ])("reports a driver that %s", async (habit, fault) => {
    const result = await runFake({ drivers: [{ name: "fake", habit }] });
    expect(result.faults).toEqual([fault]);
    expect(result.ok).toBe(false);
  });
});
