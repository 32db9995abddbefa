import type { Sent } from "@sealwire/core";
import { CALM } from "./draw.ts";
import { isExplained, isQuiet } from "./endings.ts";
import type { EndRecord, RunRecord, SentMessage, ServerRecord } from "./record.ts";

/** Reasons for which the peer refuses a message: it was not handed to anybody then. */
const REFUSALS: ReadonlySet<string> = new Set([
  "E_DENIED",
  "E_EXPIRED",
  "E_FUTURE",
  "E_TTL",
  "E_NO_HANDLER",
  "E_REPLAY_STORE",
  "E_RATE",
]);

/** Every message that was taken has a fate that its sender knows: delivered, refused, or said to be unknown. */
export function fates(record: RunRecord): string[] {
  const { client, servers } = record;
  const toServers = new Set(servers.flatMap(({ delivered }) => delivered.map(({ n }) => n)));
  return [
    ...client.sent.flatMap((message) => {
      const seen = (name: Sent) => wasTaken(record, message, name);
      const name = message.kind === "request" ? client.requests.get(message.n) : undefined;
      return fate(`client: ${message.kind} ${message.n}`, message, client, toServers, seen, name);
    }),
    ...servers.flatMap((server) => {
      const toClient = new Set(client.delivered.filter(({ session }) => session === server.index).map(({ n }) => n));
      const known = handedOver(server, servers);
      return server.sent.flatMap((message) => {
        const seen = ({ session, seq }: Sent) =>
          known.parked || (client.opened.has(`${session} ${seq}`) && !(isOrderly(client) && isOrderly(server)));
        return fate(`server ${server.index}: ${message.kind} ${message.n}`, message, known, toClient, seen);
      });
    }),
    ...[client, ...servers].flatMap(toldTwice),
    ...servers.flatMap((server) => contradictions(server, client)),
    ...lostIdempotent(record),
    ...(isQuiet(record) ? quiet(record) : []),
  ];
}

/** `seen`: the peer has committed it, and ended before it could hand it over or say that it refuses it. */
function fate(
  who: string,
  { n, kind, outcome }: SentMessage,
  end: Pick<EndRecord, "refused" | "undetermined">,
  delivered: ReadonlySet<number>,
  seen: (name: Sent) => boolean,
  known?: Sent,
): string[] {
  if (outcome === "pending") return [`${who} never settled`];
  if ("reply" in outcome) {
    if (outcome.reply !== n) return [`${who} was answered with ${JSON.stringify(outcome.reply)}`];
    return delivered.has(n) ? [] : [`${who} was answered and never delivered`];
  }
  if ("error" in outcome) {
    const { error } = outcome;
    if (!isExplained(error)) return [`${who} failed with ${error}`];
    const refused = error.remote ? REFUSALS.has(error.code) : kind !== "request";
    if (refused && delivered.has(n)) return [`${who} failed with ${error.code} and was delivered`];
    if (known === undefined || refused || error.code !== "E_TIMEOUT") return [];
  }
  const name = "seq" in outcome ? outcome : (known as Sent);
  if (delivered.has(n) || isNamed(end.refused, name) || isNamed(end.undetermined, name) || seen(name)) return [];
  return [`${who} was lost: ${spell(name)}`];
}

const isNamed = (list: readonly Sent[], { session, seq, index }: Sent): boolean =>
  list.some((named) => named.session === session && named.seq === seq && named.index === index);

const spell = ({ session, seq, index }: Sent): string =>
  `${index === undefined ? seq : `${seq}[${index}]`} of session ${session.slice(0, 6)}`;

/**
 * What the servers that had a session one after the other were told of its messages. `parked`: the last one left it in the
 * store, and nobody took it up.
 */
function handedOver({ id }: ServerRecord, servers: readonly ServerRecord[]) {
  const of = servers.filter((server) => server.id === id);
  return {
    refused: of.flatMap(({ refused }) => refused),
    undetermined: of.flatMap(({ undetermined }) => undetermined),
    parked: of.at(-1)?.closed?.error?.code === "E_SUPERSEDED",
  };
}

/** Everything that had come was handed over. */
const isOrderly = ({ closed }: EndRecord): boolean => closed?.clean === true;

/**
 * A server that was asked about a message, or about one before it in its batch, has committed it. It owes no word of it where
 * the session broke off then, nor of a refusal that it came to after its own bye: of the application, or of a replay store
 * that it has waited too long for.
 */
function wasTaken(record: RunRecord, { n, kind, at }: SentMessage, name: Sent): boolean {
  const { servers, plan, reported } = record;
  const { session } = name;
  const before = upToIn(record, n, name);
  const decided = record.decided.filter((decision) => before.has(decision.n));
  const of = servers.filter(({ id }) => id === session);
  if (of.some(({ asked }) => asked) && decided.some((decision) => decision.n === n && !decision.granted)) return true;
  if (of.every(isOrderly)) return kind === "idempotent" && reported.includes("E_REPLAY_STORE");
  return decided.length > 0 || isLate(plan, at);
}

/** This one of the client's messages, and those before it in its batch. */
function upToIn({ client }: RunRecord, n: number, { session, seq, index = 0 }: Sent): ReadonlySet<number> {
  const isBefore = (name: Sent) => name.session === session && name.seq === seq && (name.index ?? 0) <= index;
  const sent = client.sent.filter(
    ({ outcome }) => typeof outcome === "object" && "seq" in outcome && isBefore(outcome),
  );
  const asked = [...client.requests].filter(([, name]) => isBefore(name));
  return new Set([n, ...sent.map((message) => message.n), ...asked.map(([number]) => number)]);
}

/** What is refused for its time is refused before anybody is asked. */
const isLate = ({ troubles, end }: RunRecord["plan"], at: number): boolean =>
  troubles.some(({ kind }) => kind === "jump") || end.at - at > 60_000;

function toldTwice({ undetermined }: EndRecord): string[] {
  const names = undetermined.map(spell);
  return names.filter((name, i) => names.indexOf(name) < i).map((name) => `${name} was reported twice`);
}

/** A message that was refused was not delivered in that session. */
function contradictions(server: ServerRecord, client: EndRecord): string[] {
  const of = (sender: EndRecord, delivered: readonly { readonly n: number }[], where: string) =>
    delivered.flatMap(({ n }) => {
      const outcome = sender.sent[n - 1]?.outcome;
      if (typeof outcome !== "object" || !("seq" in outcome) || outcome.session !== server.id) return [];
      return isNamed(sender.refused, outcome) ? [`${where}: ${n} was delivered and refused`] : [];
    });
  const toClient = client.delivered.filter(({ session }) => session === server.index);
  return [
    ...of(client, server.delivered, `client to server ${server.index}`),
    ...of(server, toClient, `server ${server.index} to client`),
  ];
}

/** Milliseconds that every message lives at least. */
const LIFE = 60_000;

/** What its client marked for it comes with the next session, if there is one in time; where nothing is resumed nothing is kept. */
function lostIdempotent({ client, servers, plan }: RunRecord): string[] {
  if (plan.resume === false || !isOrderly(client) || plan.troubles.some(({ kind }) => kind === "jump")) return [];
  const delivered = new Set(servers.flatMap((server) => server.delivered.map(({ n }) => n)));
  return client.sent.flatMap(({ n, kind, at, outcome }) => {
    if (kind !== "idempotent" || delivered.has(n) || typeof outcome !== "object" || !("seq" in outcome)) return [];
    const told = client.undetermined.find((named) => isNamed([named], outcome));
    const next = client.sessions[client.sessions.findIndex(({ id }) => id === outcome.session) + 1];
    if (told === undefined || next === undefined || next.at > at + LIFE) return [];
    // It was sent again, and its sender was told of that session too, or refused.
    const again = client.undetermined.some((named) => named !== told && named.messageId === told.messageId);
    if (again || client.refused.some(({ session }) => session !== outcome.session)) return [];
    const taken = servers.some((server) => server.id === next.id && !isOrderly(server));
    return taken ? [] : [`client: idempotent ${n} did not come with the next session`];
  });
}

/** Where nothing happened nothing is unknown either, but of what crossed the farewell. */
function quiet({ client, servers, plan }: RunRecord): string[] {
  if (plan.end.at - plan.begin < CALM) return [];
  return [client, ...servers].flatMap(({ undetermined }) =>
    undetermined.map(({ seq, topic }) => `nothing disturbed it, and of ${seq} (${topic}) nothing is known`),
  );
}
