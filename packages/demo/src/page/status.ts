import { calculateJwkThumbprint } from "jose";
import type { DemoSession } from "../session.ts";
import type { PageConfig } from "./api.ts";
import { byId } from "./dom.ts";

export type StateTone = "idle" | "busy" | "good" | "bad";

export function showState(tone: StateTone, text: string): void {
  const state = byId("state");
  state.dataset.state = tone;
  state.textContent = text;
}

export function showFacts(session: DemoSession | undefined): void {
  byId("fact-level").textContent = session?.level ?? "–";
  byId("fact-wire").textContent = session?.wire ?? "–";
  byId("fact-suite").textContent = session?.suite ?? "–";
  const id = byId("fact-session");
  id.textContent = session ? `${session.sessionId.slice(0, 8)}…` : "–";
  id.title = session?.sessionId ?? "";
}

/** Where the trust comes from: the pinned key came with the page, from an address that is not the relay's. */
export async function showPath(config: PageConfig): Promise<void> {
  const key = config.server.keys.keys[0];
  const pin = key ? await calculateJwkThumbprint(key) : "none";
  byId("pin").textContent = `${pin.slice(0, 12)}…`;
  byId("pin").title = `RFC 7638 thumbprint ${pin}`;
  byId("pin-from").textContent = config.pinnedFrom.replace("http://", "");
  byId("relay-url").textContent = new URL(config.relay).host;
  byId("server-id").textContent = config.server.id.replace("https://", "");
}
