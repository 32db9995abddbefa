import { isSealwireError } from "@sealwire/core";
import type { ClientRecord, RunRecord, ServerRecord } from "./record.ts";

/** How a run ended, in few words. */
export function endingOf({ client }: RunRecord): string {
  if (client.sessions.length > 0) return wordOf(client);
  const error = client.failures.at(-1);
  return `no session: ${isSealwireError(error) ? error.code : error}`;
}

function wordOf({ closed }: ClientRecord | ServerRecord): string {
  if (closed === undefined) return "open";
  if (closed.clean) return "clean";
  return closed.error?.code ?? (closed.truncated ? "closed without a connection" : "not clean");
}

/** Counts of what runs had in common. */
export class Summary {
  /** How often something came: ways to end, and kinds of fault and trouble. */
  readonly clients: Map<string, number> = new Map();
  readonly servers: Map<string, number> = new Map();
  readonly faults: Map<string, number> = new Map();
  runs = 0;
  sessions = 0;
  /** Sessions taken up on another connection, and new ones in place of those that were lost. */
  resumes = 0;
  replaced = 0;
  messages = 0;
  delivered = 0;
  /** Of those that were delivered: by iteration. */
  read = 0;
  refused = 0;
  undetermined = 0;
  /** The longest time from the application that sent a message to the one that got it, in milliseconds, and its seed. */
  gap = { ms: 0, seed: 0 };

  add(record: RunRecord): void {
    const { client, servers, plan } = record;
    this.runs++;
    this.sessions += servers.length;
    this.resumes += client.resumes;
    this.replaced += Math.max(0, client.sessions.length - 1);
    for (const end of [client, ...servers]) {
      this.messages += end.sent.length;
      this.delivered += end.delivered.length;
      this.read += end.delivered.filter(({ by }) => by !== "handlers").length;
      this.refused += end.refused.length;
      this.undetermined += end.undetermined.length;
    }
    this.#measure(record);
    count(this.clients, endingOf(record));
    for (const server of servers) count(this.servers, wordOf(server));
    for (const { what } of record.fired) count(this.faults, what.split(" ")[0] as string);
    for (const { kind } of plan.troubles) count(this.faults, kind);
  }

  #measure({ client, servers, plan }: RunRecord): void {
    const gaps = [
      ...servers.flatMap(({ delivered }) => delivered.map(({ n, at }) => at - (client.sent[n - 1]?.at ?? at))),
      ...client.delivered.map(({ n, at, session }) => at - (servers[session]?.sent[n - 1]?.at ?? at)),
    ];
    const ms = Math.max(0, ...gaps);
    if (ms > this.gap.ms) this.gap = { ms, seed: plan.seed };
  }

  toJSON(): object {
    const { clients, servers, faults, ...numbers } = this;
    return {
      ...numbers,
      clients: Object.fromEntries(clients),
      servers: Object.fromEntries(servers),
      faults: Object.fromEntries(faults),
    };
  }

  get text(): string {
    const list = (counts: Map<string, number>) =>
      [...counts].sort(([, a], [, b]) => b - a).map(([what, n]) => `${String(n).padStart(8)}  ${what}`);
    return [
      `${this.runs} runs, ${this.sessions} sessions, ${this.resumes} times resumed, ${this.replaced} replaced by a new one`,
      `${this.messages} messages and requests, ${this.delivered} delivered (${this.read} by iteration), ${this.refused} refused, ${this.undetermined} undetermined`,
      `longest way of a message: ${(this.gap.ms / 1000).toFixed(1)} s (seed ${this.gap.seed})`,
      "clients ended",
      ...list(this.clients),
      "sessions of servers ended",
      ...list(this.servers),
      "faults",
      ...list(this.faults),
    ].join("\n");
  }
}

function count(counts: Map<string, number>, what: string): void {
  counts.set(what, (counts.get(what) ?? 0) + 1);
}
