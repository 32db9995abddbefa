import type { Refusal } from "../attacks/run.ts";
import type { RecordedFrame } from "../relay/types.ts";
import type { FrameJson } from "../relay-api.ts";
import type { DemoConfig } from "../session.ts";

/** The page's configuration, with the keys it pins. It comes from the page's own origin, never through the relay. */
export interface PageConfig extends DemoConfig {
  readonly pinnedFrom: string;
  readonly users: readonly { readonly id: string; readonly title: string }[];
}

export async function getJson<T>(path: string): Promise<T> {
  return (await (await must(fetch(path))).json()) as T;
}

export async function getToken(user: string, options: { expired?: boolean; jkt?: string }): Promise<string> {
  const query = new URLSearchParams({ user });
  if (options.expired) query.set("expired", "1");
  if (options.jkt !== undefined) query.set("jkt", options.jkt);
  return (await must(fetch(`/token?${query}`))).text();
}

export async function armRelay(id: string, connection: string, other?: string): Promise<void> {
  const headers = { "content-type": "application/json" };
  await must(fetch("/api/relay/attack", { method: "POST", headers, body: JSON.stringify({ id, connection, other }) }));
}

export function getRefusals(since: number): Promise<{ count: number; refusals: Refusal[] }> {
  return getJson(`/api/refusals?since=${since}`);
}

/** Follows what the relay records of one connection. The result stops it. */
export function followFrames(tag: string, onFrames: (frames: RecordedFrame[]) => void): () => void {
  const events = new EventSource(`/api/relay/frames?connection=${encodeURIComponent(tag)}`);
  events.onmessage = (event: MessageEvent<string>) => {
    const frames = JSON.parse(event.data) as FrameJson[];
    onFrames(frames.map((f) => ({ ...f, kept: Uint8Array.from(atob(f.kept), (c) => c.charCodeAt(0)) })));
  };
  return () => events.close();
}

async function must(pending: Promise<Response>): Promise<Response> {
  const response = await pending;
  if (!response.ok) throw new Error(await response.text());
  return response;
}
