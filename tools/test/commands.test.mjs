import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { findChromium } from "../chromium.mjs";
import { childEnv } from "../lib/run.mjs";
import { closingLine, tallyOf } from "../lib/tally.mjs";
import { nodeTooOld, sameInstall, satisfies } from "../prepare.mjs";

const folder = mkdtempSync(join(tmpdir(), "sealwire-commands-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

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
