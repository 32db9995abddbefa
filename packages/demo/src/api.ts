import type { IncomingMessage, ServerResponse } from "node:http";
import { type AppParts, json, send } from "./app.ts";
import { armAttack } from "./arm.ts";
import type { RecordedFrame } from "./relay/types.ts";

/** A recorded frame as JSON for the page. */
export interface FrameJson extends Omit<RecordedFrame, "kept"> {
  readonly kept: string;
}

/**
 * The lever between page and relay, on the app's origin: what the relay saw, and what it shall do next.
 * - `GET /api/relay/frames?connection=TAG`: server-sent events, one array of frames each
 * - `POST /api/relay/attack` `{id, connection, other?}`
 * - `GET /api/refusals?since=N`: what the Sealwire server refused
 */
export async function relayApi(req: IncomingMessage, res: ServerResponse, url: URL, parts: AppParts): Promise<void> {
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
      text(body, "id"),
      text(body, "connection"),
      typeof body.other === "string" ? body.other : undefined,
    );
    return json(res, { armed: true });
  }
  send(res, 404, "text/plain; charset=utf-8", "There is no such address in the demo's API.");
}

/** Frames in arrays every 100 ms: a file of 50 MB makes some thousand of them, and one event each would be a flood. */
function streamFrames(res: ServerResponse, tag: string, { relay }: AppParts): void {
  res.writeHead(200, {
    "content-type": "text/event-stream",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
  });
  const connection = relay.find(tag);
  let last = 0;
  const flush = (): void => {
    const current = connection ?? relay.find(tag);
    const frames = current?.recorder.frames(last) ?? [];
    const newest = frames.at(-1);
    if (!newest) return;
    last = newest.n;
    res.write(`data: ${JSON.stringify(frames.map(frameJson))}\n\n`);
  };
  res.write(": frames as the relay sees them\n\n");
  flush();
  const timer = setInterval(flush, 100);
  res.once("close", () => clearInterval(timer));
}

function frameJson(frame: RecordedFrame): FrameJson {
  return { ...frame, kept: Buffer.from(frame.kept).toString("base64") };
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

function text(body: Record<string, unknown>, name: string): string {
  const value = body[name];
  if (typeof value !== "string") throw new RangeError(`"${name}" is missing.`);
  return value;
}
