import type { IncomingMessage, ServerResponse } from "node:http";
import { json, send } from "./app.ts";
import { armAttack } from "./arm.ts";
import { OPERATIONS, operatorView } from "./operator.ts";
import { CLIENT_ID, type DemoParts } from "./parts.ts";
import type { RecordedFrame } from "./relay/types.ts";

/** A recorded frame as JSON for the page, with the relay's number of its connection. */
export interface FrameJson extends Omit<RecordedFrame, "kept"> {
  readonly kept: string;
  readonly connection: number;
}

/**
 * The page's levers, on the app's origin: what the relay saw, what it shall do next, and what an operator does.
 * - `GET /api/relay/frames?connection=TAG`: server-sent events, one array of frames each
 * - `POST /api/relay/attack` `{id, connection, other?}`
 * - `GET /api/refusals?since=N`: what the Sealwire server refused
 * - `GET /api/operator`: server-sent events, the operator's view at each change
 * - `POST /api/operator/NAME`: see operator.ts
 * - `GET /api/expired-token?user=…`: a token of an hour ago, for an attack of the bench
 */
export async function api(req: IncomingMessage, res: ServerResponse, url: URL, parts: DemoParts): Promise<void> {
  const route = `${req.method} ${url.pathname}`;
  if (route === "GET /api/relay/frames") return streamFrames(res, url.searchParams.get("connection") ?? "", parts);
  if (route === "GET /api/refusals") {
    const since = Number(url.searchParams.get("since") ?? "0");
    return json(res, { count: parts.server.refused, refusals: parts.server.refusals(since) });
  }
  if (route === "POST /api/relay/attack") {
    const body = await readJson(req);
    armAttack(
      parts.relay,
      member(body, "id"),
      member(body, "connection"),
      typeof body.other === "string" ? body.other : undefined,
    );
    return json(res, { armed: true });
  }
  if (route === "GET /api/operator") return streamView(res, parts);
  if (route === "GET /api/expired-token") return text(res, await expiredToken(url.searchParams, parts));
  const name = /^POST \/api\/operator\/([a-z]+)$/.exec(route)?.[1] ?? "";
  const operation = Object.hasOwn(OPERATIONS, name) ? OPERATIONS[name] : undefined;
  if (operation) {
    await operation(parts, await readJson(req));
    return json(res, operatorView(parts));
  }
  send(res, 404, "text/plain; charset=utf-8", "There is no such address in the demo's API.");
}

/** Frames in arrays every 100 ms: a file of 50 MB makes some thousand of them, and one event each would be a flood. */
function streamFrames(res: ServerResponse, tag: string, { relay }: DemoParts): void {
  /** By connection, the number of its last frame that was sent. */
  const sent = new Map<number, number>();
  const flush = (): void => {
    const news = relay.all(tag).flatMap(({ id, recorder }) => {
      const frames = recorder.frames(sent.get(id) ?? 0);
      const newest = frames.at(-1);
      if (newest) sent.set(id, newest.n);
      return frames.map((frame) => frameJson(frame, id));
    });
    if (news.length > 0) res.write(`data: ${JSON.stringify(news)}\n\n`);
  };
  stream(res, flush);
}

function streamView(res: ServerResponse, parts: DemoParts): void {
  let last = "";
  stream(res, () => {
    const view = JSON.stringify(operatorView(parts));
    if (view !== last) res.write(`data: ${view}\n\n`);
    last = view;
  });
}

/** Server-sent events: `flush` writes what is new, ten times a second for as long as somebody listens. */
function stream(res: ServerResponse, flush: () => void): void {
  res.writeHead(200, {
    "content-type": "text/event-stream",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
  });
  res.write(": connected\n\n");
  flush();
  const timer = setInterval(flush, 100);
  res.once("close", () => clearInterval(timer));
}

function frameJson(frame: RecordedFrame, connection: number): FrameJson {
  return { ...frame, kept: Buffer.from(frame.kept).toString("base64"), connection };
}

async function expiredToken(query: URLSearchParams, { accounts, issuer, tokenSeconds }: DemoParts): Promise<string> {
  const { id } = accounts.find(query.get("user") ?? "");
  const issuedAt = Math.floor(Date.now() / 1000) - tokenSeconds - 3600;
  const thumbprint = query.get("jkt") ?? undefined;
  return (await issuer.signIn(id, { clientId: CLIENT_ID, issuedAt, thumbprint })).access_token;
}

function text(res: ServerResponse, body: string): void {
  send(res, 200, "text/plain; charset=utf-8", body);
}

async function readJson(req: IncomingMessage): Promise<Record<string, unknown>> {
  if (!req.headers["content-type"]?.startsWith("application/json")) throw new RangeError("Send application/json.");
  let body = "";
  for await (const chunk of req) {
    body += String(chunk);
    if (body.length > 4096) throw new RangeError("The request is too long.");
  }
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch {
    // falls through to the one error below
  }
  throw new RangeError("The body is not a JSON object.");
}

function member(body: Record<string, unknown>, name: string): string {
  const value = body[name];
  if (typeof value !== "string") throw new RangeError(`"${name}" is missing.`);
  return value;
}
