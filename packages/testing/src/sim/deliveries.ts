import type { Delivered, EndRecord, RunRecord } from "./record.ts";

/** What the application got: only what was sent, in order, once, by right, and nothing of what was revoked. */
export function deliveries(record: RunRecord): string[] {
  const { client, servers } = record;
  return [
    ...servers.flatMap((server) => [
      ...inOrder(`client to server ${server.index}`, server.delivered),
      ...sentAtAll(`client to server ${server.index}`, server.delivered, client),
      ...inOrder(
        `server ${server.index} to client`,
        client.delivered.filter(({ session }) => session === server.index),
      ),
      ...sentAtAll(
        `server ${server.index} to client`,
        client.delivered.filter(({ session }) => session === server.index),
        server,
      ),
    ]),
    ...onceInAll(servers.flatMap(({ delivered }) => delivered)),
    ...byRight(record),
    ...told(record),
    ...revocations(record),
  ];
}

/** Of what the handlers got, and of what each iterator gave. */
function inOrder(where: string, delivered: readonly Delivered[]): string[] {
  const last = new Map<string, number>();
  return delivered.flatMap(({ n, by }) => {
    const before = last.get(by) ?? 0;
    last.set(by, n);
    return n > before ? [] : [`${where}: ${n} was delivered after ${before}`];
  });
}

function sentAtAll(where: string, delivered: readonly Delivered[], by: EndRecord): string[] {
  return delivered.flatMap(({ n, kind, right }) => {
    const sent = by.sent[n - 1];
    return sent?.kind === kind && sent.right === right ? [] : [`${where}: ${n} was delivered and never sent`];
  });
}

/** In whatever sessions. */
function onceInAll(delivered: readonly Delivered[]): string[] {
  const sessions = new Map<number, number[]>();
  for (const { n, session } of delivered) sessions.set(n, [...(sessions.get(n) ?? []), session]);
  return [...sessions].flatMap(([n, of]) =>
    new Set(of).size > 1 ? [`client to server: ${n} was delivered in sessions ${of.join(" and ")}`] : [],
  );
}

function byRight({ client, servers, tokens }: RunRecord): string[] {
  const refused = servers.flatMap(({ index, delivered }) =>
    delivered
      .filter(({ right, token }) => right === "extra" && tokens.get(token ?? "") !== true)
      .map(({ n, token }) => `client to server ${index}: ${n} was delivered, which token ${token} does not grant`),
  );
  const narrowed = servers.flatMap(({ index, delivered }) =>
    delivered
      .filter(({ n }) => client.sent[n - 1]?.granted === false)
      .map(({ n }) => `client to server ${index}: ${n} was delivered, which was not granted any more when it was sent`),
  );
  const given = client.delivered.filter(
    ({ right, session }) => right === "extra" && !servers[session]?.tokens.some((token) => tokens.get(token) === true),
  );
  return [
    ...refused,
    ...narrowed,
    ...given.map(({ n, session }) => `server ${session} to client: ${n} was sent, which no token grants`),
  ];
}

/** Milliseconds in which a token is checked and answered. */
const CHECKED = 5000;

/** Where both ends said bye, and not in the middle of a refresh, the client knows what it was granted last. */
function told({ client, servers, tokens, plan }: RunRecord): string[] {
  const server = servers.findLast(({ id }) => id === client.sessions.at(-1)?.id);
  if (client.closed?.clean !== true || server?.closed?.clean !== true) return [];
  if (client.tokenAt > plan.end.at - CHECKED) return [];
  const token = server.tokens.at(-1) ?? "";
  const granted = tokens.get(token) === true;
  if (client.scopes.includes("extra") === granted) return [];
  return [`client: scopes ${client.scopes.join(" ")}, which is not what token ${token} grants`];
}

function revocations({ revoked, servers }: RunRecord): string[] {
  return revoked.flatMap(({ server: by, sessions, tokens, key, order }) => [
    ...sessions.flatMap((index) =>
      (servers[index]?.delivered ?? [])
        .filter((delivered) => delivered.order > order)
        .map(({ n }) => `client to server ${index}: ${n} was delivered after the session was revoked`),
    ),
    ...servers
      .filter(
        (server) => server.server === by && server.order > order && (key || tokens.has(server.tokens[0] as string)),
      )
      .map(({ index }) => `session ${index} began with a token that was revoked`),
  ]);
}
