import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { findChromium } from "../chromium.mjs";
import { entriesOf } from "../lib/conformance.mjs";
import { childEnv } from "../lib/run.mjs";
import { closingLine, tallyOf } from "../lib/tally.mjs";
import { nodeTooOld, sameInstall, satisfies } from "../prepare.mjs";

const folder = mkdtempSync(join(tmpdir(), "sealwire-commands-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("random lists are as long as the bound that a test gives them", () => {
  expect(fc.readConfigureGlobal()).toMatchObject({ defaultSizeToMaxWhenMaxSpecified: true });
});

describe("preparing", () => {
  const range = "^20.19.0 || ^22.12.0 || >=24.0.0";
  test.each([
    ["v20.19.0", true],
    ["v20.20.2", true],
    ["v20.18.9", false],
    ["v18.20.0", false],
    ["v21.7.0", false],
    ["v22.11.0", false],
    ["v22.12.0", true],
    ["v23.5.0", false],
    ["v24.0.0", true],
    ["v26.10.0", true],
  ])("Node %s will do: %s", (version, ok) => {
    expect(satisfies(version, range)).toBe(ok);
    expect(nodeTooOld(version) === undefined).toBe(ok);
  });

  test("an install is the lockfile's or it is not", () => {
    const entry = { version: "1.0.0", integrity: "sha512-a" };
    const lock = {
      packages: {
        "": {},
        "packages/core": {},
        "node_modules/a": entry,
        "node_modules/other-os": { version: "1.0.0", optional: true },
      },
    };
    const has = (packages) => sameInstall(lock, { packages });
    expect(has({ "node_modules/a": entry })).toBe(true);
    expect(has({})).toBe(false);
    expect(has({ "node_modules/a": { ...entry, version: "1.0.1" } })).toBe(false);
    expect(has({ "node_modules/a": { ...entry, integrity: "sha512-b" } })).toBe(false);
    expect(has({ "node_modules/a": entry, "node_modules/left-over": entry })).toBe(false);
  });

  test("children get no settings of the user's npm", () => {
    const env = childEnv();
    expect(Object.keys(env).filter((name) => name.toLowerCase() === "npm_config_userconfig")).toEqual([
      "NPM_CONFIG_USERCONFIG",
    ]);
    expect(env.TURBO_TELEMETRY_DISABLED).toBe("1");
  });
});

describe("finding Chromium", () => {
  const program = (name) => {
    const path = join(folder, name);
    writeFileSync(path, "#!/bin/sh\n");
    chmodSync(path, 0o755);
    return path;
  };
  test("by name on PATH, by SEALWIRE_CHROMIUM, or not", () => {
    expect(findChromium({ PATH: folder })).toBeUndefined();
    const chrome = program("google-chrome");
    expect(findChromium({ PATH: folder })).toBe(chrome);
    const chromium = program("chromium");
    expect(findChromium({ PATH: folder })).toBe(chromium);
    expect(findChromium({ PATH: folder, SEALWIRE_CHROMIUM: chrome })).toBe(chrome);
    expect(findChromium({ PATH: folder, SEALWIRE_CHROMIUM: join(folder, "nothing") })).toBeUndefined();
  });
});

describe("counting", () => {
  const file = (statuses, status = "passed") => ({
    name: "a.test.ts",
    status,
    assertionResults: statuses.map((s, i) => ({ status: s, fullName: `t${i}` })),
  });
  test("passed, failed and skipped", () => {
    const tally = tallyOf({ testResults: [file(["passed", "failed", "skipped", "pending", "todo"], "failed")] }, false);
    expect([tally.passed, tally.failed, tally.skipped.length]).toEqual([1, 1, 3]);
    expect(tally.skipped[0]).toBe("a.test.ts: t2");
  });
  test("a file that does not load is a failure, and so is one whose hook failed", () => {
    expect(tallyOf({ testResults: [file([], "failed")] }, false).failed).toBe(1);
    expect(tallyOf({ testResults: [file(["passed"], "failed")] }, false)).toMatchObject({ passed: 1, failed: 1 });
  });
  test("an unhandled error, a missing report and an empty run are failures", () => {
    expect(tallyOf({ testResults: [file(["passed"])] }, false)).toMatchObject({ passed: 1, failed: 1 });
    expect(tallyOf(undefined, true).failed).toBe(1);
    expect(tallyOf({ testResults: [] }, true).failed).toBe(1);
  });
  test("the closing line names skipped tests only where there are some", () => {
    expect(closingLine(3, 0, 0)).toBe("3 passed, 0 failed");
    expect(closingLine(3, 1, 2)).toBe("3 passed, 1 failed, 2 skipped");
  });
});

describe("conformance drivers", () => {
  const driver = (name, more = {}) => ({
    name,
    status: "ran",
    passed: 3,
    total: 3,
    failures: [],
    seconds: 1,
    ...more,
  });
  const cell = (failures) => ({ sealer: "a", opener: "b", total: 2, failures });

  test("one entry for each driver and one for all pairs", () => {
    const entries = entriesOf({ drivers: [driver("a"), driver("b")], cross: [cell([]), cell([])], faults: [] });
    expect(entries.map(({ name, ok }) => [name, ok])).toEqual([
      ["conformance: a: 3 vectors", true],
      ["conformance: b: 3 vectors", true],
      ["conformance: 4 messages of one driver opened by another", true],
    ]);
  });

  test("failures, expected ones apart", () => {
    const failures = [{ vector: "v", why: "w" }];
    const drivers = [driver("a", { passed: 2, failures }), driver("b", { passed: 2 })];
    const entries = entriesOf({ drivers, cross: [cell(failures)], faults: ["a: stale"] });
    expect(entries.map(({ name, ok }) => [name, ok])).toEqual([
      ["conformance: a: 2 of 3 vectors", false],
      ["conformance: b: 2 of 3 vectors", true],
      ["conformance: 2 messages of one driver opened by another", false],
      ["conformance: the runs themselves", false],
    ]);
    expect(entries[0].output).toBe("v: w");
    expect(entries[2].output).toBe("a → b: v: w");
  });

  test("a missing toolchain is a skip, a failed build a failure that is told once", () => {
    const drivers = [
      driver("a", { status: "absent", absent: "`go version` fails" }),
      driver("b", { status: "broken", absent: "no library" }),
    ];
    const entries = entriesOf({ drivers, cross: [], faults: ["b: no library"] });
    expect(entries).toMatchObject([
      { skipped: "conformance: a: `go version` fails" },
      { name: "conformance: b", ok: false, output: "no library" },
    ]);
    expect(entries).toHaveLength(2);
  });
});
