import type { DemoSession } from "../session.ts";
import { byId, h } from "./dom.ts";

const TICK_MS = 500;
/** Of what is undetermined, the newest. */
const SHOWN = 20;

/** The page's own session: state, keys, token, and what became of its connections and messages. */
export class LifePanel {
  readonly #session: () => DemoSession | undefined;
  readonly #rekey = byId<HTMLButtonElement>("rekey");
  #listed = 0;

  constructor(session: () => DemoSession | undefined) {
    this.#session = session;
    this.#rekey.addEventListener("click", () => this.#session()?.rekey());
    setInterval(() => this.show(), TICK_MS);
  }

  show(): void {
    const session = this.#session();
    const set = (id: string, text: string): void => {
      const element = byId(`life-${id}`);
      // Written only where it changed: a selection or a screen reader's place in it stays.
      if (element.textContent !== text) element.textContent = text;
    };
    this.#rekey.disabled = session?.state !== "open";
    set("state", session?.state ?? "not connected");
    set("id", session ? `${session.sessionId.slice(0, 12)}…` : "–");
    set("epochs", session ? keysOf(session) : "–");
    set("token", session ? tokenOf(session) : "–");
    set("resumed", session ? times(session.history.resumed) : "–");
    set("replaced", session ? times(session.history.replaced) : "–");
    if (session) this.#list(session);
  }

  #list({ undetermined }: DemoSession): void {
    if (undetermined.length === this.#listed) return;
    this.#listed = undetermined.length;
    const items = undetermined
      .slice(-SHOWN)
      .map(({ topic, seq, session }) =>
        h("li", {}, h("code", {}, topic), ` no. ${seq} of session ${session.slice(0, 6)}…`),
      );
    byId("undetermined").replaceChildren(...items);
    byId("undetermined-note").textContent =
      undetermined.length === 0
        ? "None."
        : `${undetermined.length}: their session ended before the server said that it has them.`;
  }
}

function keysOf({ epochs: { send, receive } }: DemoSession): string {
  return send === receive ? `epoch ${send}` : `sends under epoch ${send}, receives under ${receive}`;
}

function tokenOf({ expiresAt, history }: DemoSession): string {
  const seconds = Math.max(0, Math.round((expiresAt.getTime() - Date.now()) / 1000));
  return `no. ${history.tokens}, ${seconds} s left`;
}

function times(n: number): string {
  return n === 1 ? "once" : n === 0 ? "never" : `${n} times`;
}
