import { type Demo, startDemo } from "./demo.ts";
import { attackScenarios } from "./scenarios/attacks.ts";
import { chatScenarios } from "./scenarios/chat.ts";
import { fileScenarios } from "./scenarios/files.ts";
import type { Check, Scenario } from "./scenarios/types.ts";

interface Report {
  readonly ok: boolean;
  readonly passed: number;
  readonly failed: number;
  readonly checks: readonly Check[];
}

/** Runs the whole scenario headless: real server, real relay, real sockets. Resolves to whether all of it held. */
export async function runOnce(options: { json: boolean }): Promise<boolean> {
  const demo = await startDemo({ port: 0 });
  const say = options.json ? () => {} : console.log;
  const checks: Check[] = [];
  try {
    say("\n  Sealwire, the whole scenario: clients in Node, a man in the middle, the server\n");
    for (const [title, scenarios] of groups()) {
      say(`  ${title}`);
      for (const scenario of scenarios) {
        const check = await run(title, scenario, demo);
        checks.push(check);
        say(line(check));
      }
      say("");
    }
  } finally {
    await demo.close();
  }
  const failed = checks.filter((c) => !c.ok).length;
  const report: Report = { ok: failed === 0, passed: checks.length - failed, failed, checks };
  if (options.json) console.log(JSON.stringify(report, null, 2));
  else
    say(failed === 0 ? `  All ${checks.length} checks passed.\n` : `  ${failed} of ${checks.length} checks FAILED.\n`);
  return report.ok;
}

function groups(): [string, readonly Scenario[]][] {
  return [
    ["Messages", chatScenarios()],
    ["A file", fileScenarios()],
    ["Attacks, text wire", attackScenarios("text")],
    ["Attacks, binary wire", attackScenarios("binary")],
  ];
}

async function run(group: string, scenario: Scenario, demo: Demo): Promise<Check> {
  const start = performance.now();
  try {
    const detail = await scenario.run(demo);
    return { group, title: scenario.title, ok: true, ms: since(start), detail };
  } catch (error) {
    return { group, title: scenario.title, ok: false, ms: since(start), detail: (error as Error).message };
  }
}

function since(start: number): number {
  return Math.round(performance.now() - start);
}

function line({ ok, title, detail, ms }: Check): string {
  const mark = ok ? "\u2713" : "\u2717";
  return `    ${mark} ${title.padEnd(44)} ${detail}  (${ms} ms)`;
}
