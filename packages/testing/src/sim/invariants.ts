import { CLOSE_CODES, ERRORS, SealwireError } from "@sealwire/core";
import { PATIENT } from "./plan.ts";
import { other, type RunRecord, type Sent, type SideRecord } from "./record.ts";

/** What a run breaks, in words; nothing where all is as it has to be. */
export function violations(record: RunRecord): string[] {
  const found: string[] = [];
  const fail = (text: string) => found.push(text);
  if (!record.ended) fail("it did not come to an end");
  for (const error of record.unhandled) fail(`unhandled: ${error instanceof Error ? error.stack : String(error)}`);
  for (const what of record.unsettled) fail(`never settled: ${what}`);
  for (const [what, count] of Object.entries(record.left)) if (count > 0) fail(`${count} ${what} left at the end`);
  for (const text of endings(record)) fail(text);
  for (const side of ["client", "server"] as const) {
    for (const text of deliveries(record, record[side], record[other(side)])) fail(`from the ${side}: ${text}`);
    for (const text of record[side].sent.flatMap(outcomes)) fail(`from the ${side}: ${text}`);
  }
  return found;
}

/** What the WebSocket itself says of broken framing, text that is none, and connections that broke off (RFC 6455 section 7.4.1). */
const WEBSOCKET_CODES: ReadonlySet<number> = new Set([1002, 1006, 1007]);

const isExplained = (error: unknown): boolean => error instanceof SealwireError && Object.hasOwn(ERRORS, error.code);

/** Nothing disturbed the run, and everybody was given the time that the line takes. */
const isQuiet = ({ plan, fired }: RunRecord): boolean =>
  fired.length === 0 && plan.troubles.length === 0 && plan.limits.byeSeconds === PATIENT && plan.begin > 0;

function endings(record: RunRecord): string[] {
  const found: string[] = [];
  const { client, server, connectError } = record;
  if (!client.established && !isExplained(connectError)) found.push(`connect failed without a reason: ${connectError}`);
  for (const side of ["client", "server"] as const) {
    const { established, closed } = record[side];
    if (!established) continue;
    if (closed === undefined) found.push(`the session of the ${side} never ended`);
    else {
      const { code, clean, truncated, error } = closed;
      if (!(code in CLOSE_CODES) && !WEBSOCKET_CODES.has(code)) found.push(`the ${side} ended with code ${code}`);
      if (error !== undefined && !isExplained(error)) found.push(`the ${side} ended with ${error}`);
      if (error === undefined && (truncated || (!clean && code !== 1000))) found.push(`the ${side} gives no reason`);
      if (clean && truncated) found.push(`the ${side} is clean and truncated`);
    }
  }
  if (isQuiet(record) && !(client.closed?.clean && server.closed?.clean)) {
    found.push("nothing disturbed it, and it did not end clean");
  }
  return found;
}

/** What arrived is what was sent, each once and in order; and all of it, unless the end says that some may be missing. */
function deliveries(record: RunRecord, from: SideRecord, to: SideRecord): string[] {
  const found: string[] = [];
  let last = 0;
  for (const n of to.delivered) {
    if (n <= last) found.push(`${n} was delivered after ${last}`);
    if (!from.sent.some((sent) => sent.n === n)) found.push(`${n} was delivered and never sent`);
    last = n;
  }
  const { closed } = to;
  // The peer's bye stands behind all of its messages, and what it says is no reason not to deliver them.
  const whole = closed !== undefined && !closed.truncated && closed.error?.remote !== false;
  if (!whole || (closed.window?.missing ?? 0) > 0) return found;
  // A message that the wall clocks make too old or too new is refused, and the refusal can be lost.
  if (record.plan.troubles.some(({ kind }) => kind === "jump")) return found;
  const arrived = new Set(to.delivered);
  const missing = from.sent.filter((sent) => wasSealed(sent) && !arrived.has(sent.n)).map(({ n }) => n);
  const refused = from.denied + from.sent.filter(({ outcome }) => wasRefused(outcome)).length;
  if (missing.length > refused) {
    found.push(`${missing.join(", ")} were lost, ${refused} were refused, and the other side ended as if nothing was`);
  }
  return found;
}

const wasRefused = (outcome: Sent["outcome"]): boolean =>
  typeof outcome === "object" && "error" in outcome && outcome.error instanceof SealwireError && outcome.error.remote;

/** A send that resolved, or a request that was answered, refused, or not in time. */
function wasSealed({ kind, outcome }: Sent): boolean {
  if (kind === "send") return outcome === "ok";
  if (typeof outcome !== "object") return false;
  return "reply" in outcome || wasRefused(outcome) || (outcome.error as SealwireError).code === "E_TIMEOUT";
}

function outcomes({ n, outcome }: Sent): string[] {
  if (outcome === "pending") return [`${n} never settled`];
  if (outcome === "ok") return [];
  if ("reply" in outcome) return outcome.reply === n ? [] : [`the reply to ${n} is ${JSON.stringify(outcome.reply)}`];
  return isExplained(outcome.error) ? [] : [`${n} failed with ${outcome.error}`];
}
