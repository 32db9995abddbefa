import type { FrameJson } from "../api.ts";
import type { Refusal } from "../attacks/run.ts";
import type { OperatorView } from "../operator.ts";
import type { RecordedFrame } from "../relay/types.ts";
import type { DemoConfig } from "../session.ts";

/** The page's configuration, with the keys it pins. It comes from the page's own origin, never through the relay. */
export interface PageConfig extends DemoConfig {
  readonly pinnedFrom: string;
  readonly users: readonly { readonly id: string; readonly title: string }[];
}

export async function getJson<T>(path: string): Promise<T> {
  return (await (await must(fetch(path))).json()) as T;
}

export function armRelay(id: string, connection: string, other?: string): Promise<void> {
  return post("/api/relay/attack", { id, connection, other });
}

/** One of the operator's operations; see operator.ts. */
export function operate(name: string, body: object = {}): Promise<void> {
  return post(`/api/operator/${name}`, body);
}

export function getRefusals(since: number): Promise<{ count: number; refusals: Refusal[] }> {
  return getJson(`/api/refusals?since=${since}`);
}

/** A recorded frame, with the relay's number of its connection. */
export interface PageFrame extends RecordedFrame {
  readonly connection: number;
}

/** Follows what the relay records of the connections with this tag. The result stops it. */
export function followFrames(tag: string, onFrames: (frames: PageFrame[]) => void): () => void {
  return follow<FrameJson[]>(`/api/relay/frames?connection=${encodeURIComponent(tag)}`, (frames) =>
    onFrames(frames.map((f) => ({ ...f, kept: Uint8Array.from(atob(f.kept), (c) => c.charCodeAt(0)) }))),
  );
}

/** The operator's view, now and at each change. */
export function followView(onView: (view: OperatorView) => void): void {
  follow("/api/operator", onView);
}

function follow<T>(address: string, onEvent: (value: T) => void): () => void {
  const events = new EventSource(address);
  events.onmessage = (event: MessageEvent<string>) => onEvent(JSON.parse(event.data) as T);
  return () => events.close();
}

async function post(address: string, body: object): Promise<void> {
  const headers = { "content-type": "application/json" };
  await must(fetch(address, { method: "POST", headers, body: JSON.stringify(body) }));
}

async function must(pending: Promise<Response>): Promise<Response> {
  const response = await pending;
  if (!response.ok) throw new Error(await response.text());
  return response;
}
