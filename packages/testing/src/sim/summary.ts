import { SealwireError } from "@sealwire/core";
import type { RunRecord } from "./record.ts";

/** How a run ended, in few words. */
export function endingOf({ client, server, connectError }: RunRecord): string {
  if (!client.established) {
    const code = connectError instanceof SealwireError ? connectError.code : "?";
    return `no session: ${code}`;
  }
  return `client ${wordOf(client.closed)}, server ${server.established ? wordOf(server.closed) : "no session"}`;
}

function wordOf(closed: RunRecord["client"]["closed"]): string {
  if (closed === undefined) return "open";
  if (closed.clean) return "clean";
  return closed.error?.code ?? "not clean";
}

/** Counts of what runs had in common. */
export class Summary {
  /** How often something came: ways to end, and kinds of fault and trouble. */
  readonly endings: Map<string, number> = new Map();
  readonly faults: Map<string, number> = new Map();
  runs = 0;
  messages = 0;
  delivered = 0;

  add(record: RunRecord): void {
    this.runs++;
    for (const { sent, delivered } of [record.client, record.server]) {
      this.messages += sent.length;
      this.delivered += delivered.length;
    }
    count(this.endings, endingOf(record));
    for (const fault of record.fired) count(this.faults, fault.split(" ")[0] as string);
    for (const { kind } of record.plan.troubles) count(this.faults, kind);
  }

  get text(): string {
    const list = (counts: Map<string, number>) =>
      [...counts].sort(([, a], [, b]) => b - a).map(([what, n]) => `${String(n).padStart(8)}  ${what}`);
    return [
      `${this.runs} sessions, ${this.messages} messages and requests, ${this.delivered} delivered`,
      "ends",
      ...list(this.endings),
      "faults",
      ...list(this.faults),
    ].join("\n");
  }
}

function count(counts: Map<string, number>, what: string): void {
  counts.set(what, (counts.get(what) ?? 0) + 1);
}
