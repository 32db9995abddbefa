import { describe, expect, it } from "vitest";
import { htmlReport } from "../src/runner/report/html.ts";
import { jsonReport } from "../src/runner/report/json.ts";
import { markdownReport } from "../src/runner/report/markdown.ts";
import { paintFor, terminalReport } from "../src/runner/report/terminal.ts";
import { good, runFake } from "./support/world.ts";

const world = {
  vectors: [
    good("fake/a"),
    { id: "fake/b", op: "raw", input: { text: '{"ok":true,"value":"<script>&"}' }, result: { ok: true, value: 1 } },
    { id: "fake/c", op: "echo", level: "L2" },
  ],
  drivers: [{ name: "one" }, { name: "two", needs: [["sealwire-no-such-program"]] }],
};

describe("reports", () => {
  it("prints a table with a column for each driver, and what failed", async () => {
    const text = terminalReport(await runFake(world), paintFor({}), false);
    expect(text).toMatch(/^vectors +one +two\nfake +1\/2 +–\nall +1\/2 +–$/m);
    expect(text).toContain("one: L1, Node");
    expect(text).toContain("fake 1.0");
    expect(text).toContain('✗ one: fake/b: value: expected 1, got "<script>&"');
    expect(text).toMatch(/two: did not run, toolchain absent/);
  });

  it("breaks the table down by groups on request", async () => {
    expect(terminalReport(await runFake(world), paintFor({}), true)).toMatch(/^ {2}fake\/b +0\/1 +–$/m);
  });

  it("writes Markdown", async () => {
    const text = markdownReport(await runFake(world));
    expect(text).toContain("| suite | one | two |\n|---|---:|---:|\n| fake | 1/2 | – |\n| **all** | 1/2 | – |");
    expect(text).toContain("| fake/a | 1/1 | – |");
    expect(text).toContain("- one: `fake/b`: value: expected 1");
  });

  it("writes one page that holds everything and escapes what drivers say", async () => {
    const page = htmlReport(await runFake(world));
    expect(page).toContain("&lt;script&gt;&amp;");
    expect(page).not.toMatch(/<script|https?:\/\/|<link|<img|@import|url\(/);
    expect(page).toMatch(/<details open><summary>fake\/b/);
    expect(page.match(/role="region"/g)?.length).toBe(page.match(/tabindex="0"/g)?.length);
  });

  it("gives programs the same numbers", async () => {
    expect(jsonReport(await runFake(world))).toMatchObject({
      ok: false,
      vectors: 3,
      drivers: [
        { name: "one", status: "ran", passed: 1, total: 2, failures: [{ vector: "fake/b" }] },
        { name: "two", status: "absent" },
      ],
    });
  });
});
