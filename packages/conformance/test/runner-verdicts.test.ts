import { describe, expect, it } from "vitest";
import { driversOf, vectorsOf } from "../src/runner/conformance.ts";
import { readOptions, strictIn } from "../src/runner/options.ts";
import { good, makePlaces, outcomesOf, runFake, verdictsOf } from "./support/world.ts";

describe("verdicts", () => {
  it("fails a wrong answer and names the first place that differs", async () => {
    const vectors = [
      good("fake/good"),
      { id: "fake/wrong", op: "echo", input: { value: { a: [1, 2] } }, result: { ok: true, value: { a: [1, 3] } } },
    ];
    const result = await runFake({ vectors });
    expect(verdictsOf(result)).toEqual({ "fake/good": "passed", "fake/wrong": "failed" });
    expect(outcomesOf(result)["fake/wrong"]?.why).toBe("value.a[1]: expected 3, got 2");
    expect(result.ok).toBe(false);
  });

  it("compares code and step of a refusal", async () => {
    const refuse = (id: string, step: string) => ({
      id,
      op: "refuse",
      input: { error: "E_CBOR", step },
      result: { ok: false, error: "E_CBOR", step: "encoding", fatal: true },
    });
    const result = await runFake({ vectors: [refuse("fake/right", "encoding"), refuse("fake/step", "header")] });
    expect(verdictsOf(result)).toEqual({ "fake/right": "passed", "fake/step": "failed" });
    expect(outcomesOf(result)["fake/step"]?.why).toBe("expected E_CBOR in step encoding, got E_CBOR in step header");
  });

  it("runs what follows a vector on its message", async () => {
    const follows = (id: string, opened: string) => ({
      id,
      op: "message.seal",
      input: { text: "a" },
      follow: { op: "message.open", input: { message: "is replaced" }, result: { ok: true, opened } },
    });
    const result = await runFake({ vectors: [follows("fake/then", "sealed a"), follows("fake/else", "sealed b")] });
    expect(verdictsOf(result)).toEqual({ "fake/then": "passed", "fake/else": "failed" });
    expect(outcomesOf(result)["fake/else"]?.why).toMatch(/^then message\.open: opened: expected "sealed b"/);
  });

  it("fails what is unsupported at a claimed level, and does not count what lies above it", async () => {
    const vectors = [
      { id: "fake/claimed", op: "nothing", level: "L1" },
      { id: "fake/above", op: "crash", level: "L2" },
    ];
    const result = await runFake({ vectors });
    expect(verdictsOf(result)).toEqual({ "fake/claimed": "failed", "fake/above": "not-claimed" });
    expect(outcomesOf(result)["fake/claimed"]?.why).toBe("unsupported, at a level that the driver claims: nothing");
  });

  it("crosses drivers: who seals badly fails its row, who opens well its column not", async () => {
    const vectors = [
      {
        id: "fake/seal",
        op: "message.seal",
        input: { text: "a" },
        follow: { op: "message.open", input: {}, result: { ok: true, opened: "sealed a" } },
      },
    ];
    const { cross, ok } = await runFake({ vectors, drivers: [{ name: "one" }, { name: "two", habit: "bad-seal" }] });
    const passed = cross.map(({ sealer, opener, total, failures }) => [sealer, opener, total - failures.length, total]);
    expect(passed).toEqual([
      ["one", "one", 1, 1],
      ["one", "two", 1, 1],
      ["two", "one", 0, 1],
      ["two", "two", 0, 1],
    ]);
    expect(ok).toBe(false);
  });
});

describe("expected failures", () => {
  const wrong = { id: "fake/wrong", op: "echo", input: { value: 1 }, result: { ok: true, value: 2 } };

  it("passes a listed failure", async () => {
    const expected = [{ driver: "fake", vector: "fake/wrong", reason: "known" }];
    const result = await runFake({ vectors: [wrong], expected });
    expect(verdictsOf(result)).toEqual({ "fake/wrong": "expected" });
    expect(result.ok).toBe(true);
  });

  it("fails a listed one that passes", async () => {
    const result = await runFake({ expected: [{ driver: "fake", vector: "fake/good", reason: "known" }] });
    expect(result.faults).toEqual(["fake: fake/good is listed in expected-failures.json, but it does not fail"]);
    expect(result.ok).toBe(false);
  });

  it("fails a listed one that does not exist", async () => {
    const result = await runFake({ expected: [{ driver: "fake", vector: "fake/gone", reason: "known" }] });
    expect(result.faults).toEqual(["expected-failures.json names fake: fake/gone, which does not exist"]);
  });

  it("takes no entry without a reason", async () => {
    const expected = [{ driver: "fake", vector: "fake/wrong", reason: " " }];
    await expect(runFake({ vectors: [wrong], expected })).rejects.toThrow("needs driver, vector and reason");
  });
});

describe("toolchains", () => {
  const drivers = [{ name: "fake" }, { name: "absent", needs: [["sealwire-no-such-program", "--version"]] }];

  it("passes over a driver whose toolchain is absent, and says so", async () => {
    const { drivers: ran, ok } = await runFake({ drivers });
    expect(ran.map((driver) => "absent" in driver && driver.absent)).toContainEqual(
      expect.stringMatching(/^`sealwire-no-such-program --version` fails/),
    );
    expect(ok).toBe(true);
  });

  it("fails an absent one where all have to be there", async () => {
    const result = await runFake({ drivers }, { strict: true });
    expect(result.faults).toEqual([expect.stringMatching(/^absent: its toolchain is absent/)]);
    expect(result.ok).toBe(false);
  });

  it.each([
    [[], undefined, false],
    [[], "", false],
    [[], "false", false],
    [[], "true", true],
    [[], "1", true],
    [["--driver", "absent"], undefined, true],
  ])("with %j and CI=%s all have to be there: %s", (args, CI, strict) => {
    expect(strictIn(readOptions(args), { CI })).toBe(strict);
  });

  it("fails a driver that does not build, with the output of the build", async () => {
    const build = [["node", "-e", "console.error('no such library'); process.exit(1)"]];
    const result = await runFake({ drivers: [{ name: "fake", build }] });
    expect(result.faults).toEqual([expect.stringMatching(/^fake: `node -e .*failed:\nno such library$/)]);
    expect(result.ok).toBe(false);
  });
});

describe("selection", () => {
  const vectors = [good("fake/a"), good("fake/b")];
  const everything = { suites: undefined, group: undefined, vector: undefined };

  it("selects by suite, group and vector", () => {
    const places = makePlaces({ vectors });
    const ids = (selection: object) => vectorsOf(places, { ...everything, ...selection }).cases.map(({ id }) => id);
    expect(ids({})).toEqual(["fake/a", "fake/b"]);
    expect(ids({ suites: ["fake"] })).toEqual(["fake/a", "fake/b"]);
    expect(ids({ group: "fake/b" })).toEqual(["fake/b"]);
    expect(ids({ vector: "fake/a" })).toEqual(["fake/a"]);
  });

  it("takes an empty selection and an unknown driver for mistakes", () => {
    const places = makePlaces({ vectors });
    expect(() => vectorsOf(places, { ...everything, vector: "fake/c" })).toThrow(TypeError);
    expect(() => driversOf(places, ["fake", "cobol"])).toThrow("no driver cobol: there are fake");
  });
});
