import { type Attack, type Expected, expectedOn, type WireName } from "./types.ts";

/** An error as one side reported it to its own log. */
export interface Refusal {
  readonly code: string;
  readonly closeCode?: number | undefined;
  readonly stage?: string | undefined;
  readonly sessionId?: string | undefined;
  /** True where this side did not find it but was told of it. */
  readonly remote?: boolean | undefined;
}

/** How a connection of the victim ended, and whether its session ended for good with it. */
export interface Loss extends Refusal {
  readonly ended: boolean;
}

/** A session of the victim, reduced to what an attack run needs. */
export interface Victim {
  /** Names its connections at the relay. */
  readonly tag: string;
  readonly sessionId: string;
  say(text: string): Promise<void>;
  /** From now on: what this side saw when its connection ended. */
  nextLoss(): Promise<Loss>;
  /** Resolves when there is a connection again; false: there will be none. */
  ready(): Promise<boolean>;
  close(): Promise<unknown>;
}

export interface OpenOptions {
  readonly tag: string;
  readonly credentials?: "expired" | "bound-no-key" | "bound-other-key";
  readonly offersBoth?: boolean;
  readonly user?: string;
}

/** The surroundings of an attack: a page that speaks to the app, or a Node program that holds everything. */
export interface Bench {
  readonly wire: WireName;
  /** The victim's live session. */
  victim(): Promise<Victim>;
  /** Opens another session through the relay; rejects with an error that has `code` and `closeCode`. */
  open(options: OpenOptions): Promise<Victim>;
  /** Arms the relay for the connection with this tag: at once on a session, for the next connection in a handshake. */
  arm(id: string, tag: string, other?: string): Promise<void>;
  /** What the server has refused since `mark()`. */
  mark(): Promise<number>;
  refusals(since: number): Promise<readonly Refusal[]>;
  /** True when a new session stands and a message goes through it. */
  recover(): Promise<boolean>;
}

export interface AttackResult {
  readonly id: string;
  readonly title: string;
  readonly expected: Expected;
  readonly refusedBy: "client" | "server" | "nobody";
  readonly code: string;
  readonly closeCode: number | undefined;
  readonly stage: string | undefined;
  /** What the other side learned: a coarse name only, so that an attacker has no oracle. */
  readonly told: { readonly code: string; readonly closeCode: number | undefined } | undefined;
  readonly outcome: Outcome;
  readonly recovered: boolean;
  readonly passed: boolean;
}

/** What became of the victim's session; in a handshake there was none yet. */
export type Outcome = "resumed" | "replaced" | "ended" | "none";

/** What the victim says while it is attacked; the scenarios count how often it arrives. */
export function underAttack(attack: Attack, n: number): string {
  return `Message ${n} under attack: ${attack.title.toLowerCase()}`;
}

const PATIENCE_MS = 8000;
let serial = 0;

/** Runs one attack and says who refused it, how, and whether the victim could go on. */
export async function runAttack(attack: Attack, bench: Bench): Promise<AttackResult> {
  const expected = expectedOn(attack, bench.wire);
  const since = await bench.mark();
  const tag = `bench-${++serial}-${Math.random().toString(36).slice(2, 8)}`;
  const needsOther = attack.on !== "client" && attack.needsOther === true;
  const other = needsOther ? await bench.open({ tag: `${tag}-other`, user: "carol" }) : undefined;
  try {
    await other?.say("This message belongs to another session.");
    const { seen, sessionId, outcome } = await provoke(attack, bench, tag, other?.tag);
    // Judged by who found it, not by who was expected to.
    const atClient = seen && foundHere(seen) ? seen : undefined;
    const refused = atClient ?? (await serverRefusal(bench, since, sessionId));
    const told = atClient ? undefined : seen;
    const side = atClient ? "client" : refused ? "server" : "nobody";
    const recovered = await bench.recover().catch(() => false);
    const code = refused?.code ?? "none";
    return {
      id: attack.id,
      title: attack.title,
      expected,
      refusedBy: side,
      code,
      closeCode: refused?.closeCode,
      stage: refused?.stage,
      told: told && { code: told.code, closeCode: told.closeCode },
      outcome,
      recovered,
      passed:
        side === expected.side &&
        code === expected.code &&
        refused?.closeCode === expected.closeCode &&
        outcome === expected.outcome &&
        recovered,
    };
  } finally {
    await other?.close();
  }
}

interface Provoked {
  readonly seen: Refusal | undefined;
  readonly sessionId?: string;
  readonly outcome: Outcome;
}

/** Lets the attack happen; resolves to what the victim's side saw of it. */
async function provoke(attack: Attack, bench: Bench, tag: string, other: string | undefined): Promise<Provoked> {
  if (attack.on === "session") {
    const victim = await bench.victim();
    const { sessionId } = victim;
    const lost = within(PATIENCE_MS, victim.nextLoss());
    await bench.arm(attack.id, victim.tag, other);
    // A send may find the session already ended by the attack: that is the outcome, and `nextLoss` tells it.
    for (let i = 0; i < attack.sends; i++) victim.say(underAttack(attack, i + 1)).catch(() => undefined);
    const seen = await lost;
    const alive = (await within(PATIENCE_MS, victim.ready())) === true;
    const outcome = !alive ? "ended" : victim.sessionId === sessionId ? "resumed" : "replaced";
    return { seen, sessionId, outcome };
  }
  if (attack.on === "handshake") await bench.arm(attack.id, tag, other);
  const options: OpenOptions =
    attack.on === "client"
      ? { tag, credentials: attack.credentials }
      : { tag, ...(attack.offersBoth ? { offersBoth: true } : {}) };
  try {
    const session = await bench.open(options);
    await session.close();
    return { seen: undefined, outcome: "none" };
  } catch (error) {
    return { seen: asRefusal(error), outcome: "none" };
  }
}

/** A connection that ends without the sealed farewell is this side's own finding, whatever the close frame says. */
function foundHere(seen: Refusal): boolean {
  return seen.remote !== true || seen.code === "E_TRUNCATED";
}

/** The server's log may be a moment behind the client. */
async function serverRefusal(bench: Bench, since: number, sessionId: string | undefined): Promise<Refusal | undefined> {
  for (let waited = 0; waited < 2000; waited += 50) {
    const refusals = await bench.refusals(since);
    const found = refusals.find(
      (r) => r.closeCode !== undefined && (sessionId === undefined || r.sessionId === sessionId),
    );
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return undefined;
}

export function asRefusal(error: unknown): Refusal {
  const e = error as Partial<Refusal> & { message?: string };
  return { code: e.code ?? e.message ?? "unknown", closeCode: e.closeCode, stage: e.stage, remote: e.remote };
}

async function within<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
