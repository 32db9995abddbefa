import { type Demo, startDemo } from "./demo.ts";
import { attackScenarios } from "./scenarios/attacks.ts";
import { chatScenarios } from "./scenarios/chat.ts";
import { fileScenarios } from "./scenarios/files.ts";
import { lifeScenarios, TOKEN_SECONDS } from "./scenarios/life.ts";
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
  const brief = await startDemo({ port: 0, tokenSeconds: TOKEN_SECONDS });
  const say = options.json ? () => {} : console.log;
  const checks: Check[] = [];
  try {
    say("\n  Sealwire, the whole scenario: clients in Node, a man in the middle, the server\n");
    for (const [title, scenarios, where] of groups(demo, brief)) {
      say(`  ${title}`);
      for (const scenario of scenarios) {
        const check = await run(title, scenario, where);
        checks.push(check);
        say(line(check));
      }
      say("");
    }
  } finally {
    await Promise.all([demo.close(), brief.close()]);
  }
  const failed = checks.filter((c) => !c.ok).length;
  const report: Report = { ok: failed === 0, passed: checks.length - failed, failed, checks };
  if (options.json) console.log(JSON.stringify(report, null, 2));
  else
    say(failed === 0 ? `  All ${checks.length} checks passed.\n` : `  ${failed} of ${checks.length} checks FAILED.\n`);
  return report.ok;
}

/** `brief` gives tokens that soon expire. */
function groups(demo: Demo, brief: Demo): [string, readonly Scenario[], Demo][] {
  return [
    ["Messages", chatScenarios(), demo],
    ["A file", fileScenarios(), demo],
    ["A long life", lifeScenarios(), brief],
    ["Attacks, text wire", attackScenarios("text"), demo],
    ["Attacks, binary wire", attackScenarios("binary"), demo],
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
