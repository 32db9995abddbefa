import { CLOSE_CODES, ERRORS, type ErrorCode, SealwireError, type SessionState } from "@sealwire/core";
import { CALM, PATIENT } from "./draw.ts";
import type { EndRecord, RunRecord } from "./record.ts";

/** What the WebSocket itself says of broken framing, text that is none, and connections that broke off (RFC 6455 section 7.4.1). */
const WEBSOCKET_CODES: ReadonlySet<number> = new Set([1002, 1006, 1007]);

/** What one end says of another that breaks the protocol, and what is a defect in any case. */
const OFFENCES: ReadonlySet<string> = new Set<ErrorCode>([
  "E_FRAME",
  "E_MALFORMED",
  "E_CBOR",
  "E_B64",
  "E_HEADER",
  "E_TYP",
  "E_ALG",
  "E_CTY",
  "E_KEY",
  "E_IV",
  "E_SEQ",
  "E_REPLAY",
  "E_CRYPTO",
  "E_SIG_SERVER",
  "E_CLAIMS",
  "E_BINDING",
  "E_TRANSCRIPT",
  "E_STATE",
  "E_DOWNGRADE",
  "E_INTERNAL",
  "E_HANDLER",
]);

/** What a client with a source of tokens gets over, by the same session or by another one. */
const PASSING: ReadonlySet<string> = new Set<ErrorCode>([
  "E_SESSION_EXPIRED",
  "E_TRUNCATED",
  "E_IDLE",
  "E_TIMEOUT_HS",
  "E_CLOSED",
  "E_RESUME",
]);

export const isExplained = (error: unknown): error is SealwireError =>
  error instanceof SealwireError && Object.hasOwn(ERRORS, error.code);

/** Every session ends, gives a reason where it does not end in order, and went through states that there are. */
export function endings(record: RunRecord): string[] {
  const { client, servers } = record;
  const found = client.failures
    .filter((error) => !isExplained(error))
    .map((error) => `connect failed without a reason: ${error}`);
  if (client.sessions.length > 0) found.push(...ending("the client", client));
  for (const server of servers) found.push(...ending(`server ${server.index}`, server));
  if (isQuiet(record) && !endsClean(record)) found.push("nothing disturbed it, and it did not end clean");
  if (isMended(record) && client.sessions.length > 1) {
    found.push(`its connections were cut, and it became ${client.sessions.length} sessions`);
  }
  if (isMended(record) && client.closed?.error !== undefined && !client.closed.clean) {
    found.push(`its connections were cut, and it ended with ${client.closed.error.code}`);
  }
  const { closed, asked } = client;
  const { error } = closed ?? {};
  if (!asked && error !== undefined && !error.remote && PASSING.has(error.code)) {
    found.push(`the client gave up for ${error.code}, after which it can come back`);
  }
  found.push(...offences(record));
  return found;
}

function endsClean({ client, servers, plan }: RunRecord): boolean {
  const [server, ...more] = servers;
  if (plan.end.by === "client")
    return client.closed?.clean === true && server?.closed?.clean === true && more.length === 0;
  // The client looks for another server until it is closed itself; where sessions are shared it takes this one along.
  return more.length === 0 && (plan.sharedSessions || server?.closed?.clean === true);
}

/** Nobody breaks the protocol, unless the network changed what was said. */
function offences({ client, servers, fired, reported }: RunRecord): string[] {
  if (fired.some(({ what }) => what.startsWith("repeat"))) return [];
  const ends = [client, ...servers].map(({ closed }) => closed?.error?.code);
  const failures = client.failures.map((error) => (error as Partial<SealwireError>).code);
  return [...new Set([...ends, ...failures, ...reported])].flatMap((code) =>
    code !== undefined && OFFENCES.has(code) ? [`bytes came as they were written, and there was ${code}`] : [],
  );
}

function ending(who: string, { closed, asked, states }: EndRecord): string[] {
  if (closed === undefined) return [`${who} never ended`];
  const { code, clean, truncated, error } = closed;
  const found: string[] = [];
  if (!(code in CLOSE_CODES) && !WEBSOCKET_CODES.has(code)) found.push(`${who} ended with code ${code}`);
  if (error !== undefined && !isExplained(error)) found.push(`${who} ended with ${error}`);
  // Without a connection there is nobody to say bye to.
  if (error === undefined && !asked && (truncated || (!clean && code !== 1000))) found.push(`${who} gives no reason`);
  if (clean && truncated) found.push(`${who} is clean and truncated`);
  if (!isLegal(states)) found.push(`${who} was ${states.join(", ")}`);
  return found;
}

/** Milliseconds after a cut in which both ends have noticed and the session goes on: idle time, pauses, what is withheld. */
const LONGEST = 130_000;

/** More attempts in a row can leave more chains than a client keeps. */
const TRIES = 2;

/** From open on; the last is closed. */
function isLegal(states: readonly SessionState[]): boolean {
  const all: readonly SessionState[] = ["open", ...states];
  return all.every((state, i) => {
    const next = all[i + 1];
    return state === "closed" ? next === undefined : next !== undefined && next !== state;
  });
}

/** Nothing disturbed the run, and everybody was given the time that the line takes. */
export function isQuiet({ plan, fired, client, revoked }: RunRecord): boolean {
  const { troubles, limits, begin, tokens, end } = plan;
  const calm = fired.length === 0 && troubles.length === 0 && revoked.length === 0 && client.failures.length === 0;
  const lasting = tokens.seconds * 1000 > end.at + 60_000;
  return calm && lasting && limits.client.byeSeconds === PATIENT && begin > 0;
}

/** Cuts that a session has to survive: it was ended when everything was calm, and nothing but its connections suffered. */
export function isMended({ plan, fired, client }: RunRecord): boolean {
  const { troubles, limits, begin, tokens, end, resume } = plan;
  const mends = resume === 120 && limits.client.byeSeconds === PATIENT && begin > 0;
  const lasting = tokens.seconds * 1000 > end.at + 60_000;
  const short = troubles.every(
    (trouble) => (trouble.kind === "pause" || trouble.kind === "unplug") && trouble.ms <= 5000,
  );
  const last = Math.max(begin, ...plan.actions.map(({ at }) => at), ...troubles.map(({ at }) => at));
  const cuts = fired.every(({ what, at }) => !what.startsWith("repeat") && at <= end.at - LONGEST);
  return mends && lasting && short && cuts && client.tries <= TRIES && end.at >= last + CALM;
}
