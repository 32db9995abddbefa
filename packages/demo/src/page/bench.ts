import { ATTACKS, type Attack, runAttack, type WireName } from "../attacks/index.ts";
import type { AttackResult, Bench, Outcome } from "../attacks/run.ts";
import { byId, h } from "./dom.ts";

/** One card per attack of the table; each runs against the page's own session. */
export class BenchPanel {
  readonly #cards = new Map<string, Card>();
  readonly #all = byId<HTMLButtonElement>("run-all");
  readonly #bench: () => Bench;
  #busy = false;

  constructor(bench: () => Bench) {
    this.#bench = bench;
    for (const attack of ATTACKS) {
      const card = new Card(attack, () => void this.#guard(() => this.#run(attack)));
      this.#cards.set(attack.id, card);
      byId("cards").append(card.element);
    }
    this.#all.addEventListener("click", () => {
      void this.#guard(async () => {
        for (const attack of ATTACKS) await this.#run(attack);
      });
    });
  }

  enable(on: boolean): void {
    if (this.#busy) return;
    this.#all.disabled = !on;
    for (const card of this.#cards.values()) card.button.disabled = !on;
    byId("bench-note").textContent = on
      ? "Each attack runs in the relay, on your own session."
      : "Connect first; the attacks then run on your own session.";
  }

  async #run(attack: Attack): Promise<void> {
    const card = this.#cards.get(attack.id)!;
    const bench = this.#bench();
    card.running();
    try {
      const result = await runAttack(attack, bench);
      card.done(result, bench.wire);
      byId("bench-live").textContent = `${attack.title}: ${summary(result)}`;
    } catch (error) {
      card.failed(String((error as Error).message));
    }
  }

  /** One at a time: two attacks on one session would tell nothing about either. */
  async #guard(work: () => Promise<void>): Promise<void> {
    if (this.#busy) return;
    this.enable(false);
    this.#busy = true;
    byId("bench-note").textContent = "Attack running…";
    try {
      await work();
    } finally {
      this.#busy = false;
      this.enable(true);
    }
  }
}

function summary(result: AttackResult): string {
  if (result.refusedBy === "nobody") return "nobody refused it";
  const close = result.closeCode === undefined ? "" : `, close code ${result.closeCode}`;
  return `${result.refusedBy} refused it with ${result.code}${close}; ${result.recovered ? "the user goes on" : "the user cannot go on"}`;
}

const FATE: Readonly<Record<Exclude<Outcome, "none">, string>> = {
  resumed: "resumed on another connection",
  replaced: "ended; a new one took its place",
  ended: "ended, and connected again",
};

class Card {
  readonly element: HTMLLIElement;
  readonly button: HTMLButtonElement;
  readonly #outcome = h("div", { class: "outcome" });

  constructor(attack: Attack, run: () => void) {
    this.button = h("button", { type: "button", disabled: true, "aria-label": `Run attack: ${attack.title}` }, "Run");
    this.button.addEventListener("click", run);
    const place =
      attack.on === "client" ? "at the client" : attack.on === "handshake" ? "in the handshake" : "in the session";
    this.element = h(
      "li",
      { class: "card", id: `attack-${attack.id}` },
      h("div", { class: "card-head" }, h("h3", {}, attack.title), this.button),
      h("p", { class: "what" }, attack.what),
      h("p", { class: "place" }, place),
      this.#outcome,
    );
  }

  running(): void {
    this.element.dataset.state = "running";
    this.#outcome.replaceChildren(h("p", {}, "Running…"));
  }

  done(result: AttackResult, wire: WireName): void {
    this.element.dataset.state = result.passed ? "passed" : "failed";
    const rows: [string, string][] = [
      [result.outcome === "resumed" ? "Noticed by" : "Refused by", result.refusedBy],
      [
        "Code",
        result.stage === undefined || result.stage === "local" ? result.code : `${result.code} at step ${result.stage}`,
      ],
      ["Close code", String(result.closeCode ?? "–")],
    ];
    if (result.told)
      rows.push([
        "Client learned",
        `${result.told.code}${result.told.closeCode === undefined ? "" : `, ${result.told.closeCode}`}`,
      ]);
    if (result.outcome !== "none") rows.push(["Session", FATE[result.outcome]]);
    rows.push(["Recovered", result.recovered ? "yes" : "no"]);
    const { side, code, closeCode } = result.expected;
    const verdict = result.passed
      ? result.outcome === "resumed"
        ? "✓ Survived, nothing is lost"
        : "✓ Refused as it must be"
      : `✗ Expected on the ${wire} wire: ${side}, ${code}, ${closeCode ?? "no close code"}`;
    const list = rows.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]);
    this.#outcome.replaceChildren(h("p", { class: "verdict" }, verdict), h("dl", {}, ...list));
  }

  failed(text: string): void {
    this.element.dataset.state = "failed";
    this.#outcome.replaceChildren(h("p", { class: "verdict" }, `✗ The attack could not be run. ${text}`));
  }
}
