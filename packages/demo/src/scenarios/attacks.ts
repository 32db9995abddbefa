import type { Level } from "@sealwire/core";
import { ATTACKS, runAttack, type WireName } from "../attacks/index.ts";
import type { Outcome } from "../attacks/run.ts";
import type { Attack } from "../attacks/types.ts";
import { type Demo, nodeBench, nodeOptions } from "../demo.ts";
import { openSession } from "../session.ts";
import { must, type Scenario } from "./types.ts";

export function attackScenarios(wire: WireName, level: Level = "aead"): Scenario[] {
  return ATTACKS.map((attack) => ({ title: attack.title, run: (demo) => attacked(demo, attack, wire, level) }));
}

const FATE: Readonly<Record<Outcome, string>> = {
  resumed: "survived: the session was resumed, nothing is lost",
  replaced: "recovered: a new session took its place",
  ended: "recovered: the session ended, and the user connected again",
  none: "recovered",
};

/** Runs one attack of the table, while somebody listens who must hear nothing forged and nothing twice. */
async function attacked(demo: Demo, attack: Attack, wire: WireName, level: Level): Promise<string> {
  const heard: string[] = [];
  const bob = await openSession(demo.config, nodeOptions("bob", { onMessage: ({ text }) => heard.push(text) }));
  const bench = nodeBench(demo, wire, level);
  try {
    const result = await runAttack(attack, bench);
    const { side, code, closeCode, outcome } = result.expected;
    const seen = `${result.refusedBy} refused: ${result.code}, close ${result.closeCode ?? "–"}`;
    must(
      result.passed,
      `${seen}, session ${result.outcome}, recovered: ${result.recovered}. Expected: ${side}, ${code}, ${closeCode}, ${outcome}.`,
    );
    await bob.join(); // what the server had sent before its answer has arrived
    const hits = heard.filter((text) => text.includes("under attack"));
    const expected = attack.on === "session" ? attack.delivered : 0;
    must(hits.length === expected, `${hits.length} messages under attack were delivered, ${expected} expected.`);
    const foreign = heard.filter((text) => text.includes("another session"));
    must(foreign.length <= 1, "A message of another session was delivered twice.");
    return `${seen}; ${FATE[result.outcome]}`;
  } finally {
    await Promise.all([bench.end(), bob.close()]);
  }
}
