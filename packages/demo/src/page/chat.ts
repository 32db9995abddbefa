import type { ChatMessage } from "../topics.ts";
import { appendAtEnd, byId, formatTime, h } from "./dom.ts";

const SHOWN = 300;

/** Messages, who is there, and the line to write in. It knows nothing of sessions. */
export class ChatPanel {
  readonly #list = byId<HTMLOListElement>("messages");
  readonly #input = byId<HTMLInputElement>("text");
  readonly #send = byId<HTMLButtonElement>("send");

  constructor(onSay: (text: string) => Promise<void>) {
    byId<HTMLFormElement>("composer").addEventListener("submit", (event) => {
      event.preventDefault();
      const text = this.#input.value.trim();
      if (text === "") return;
      this.#input.value = "";
      onSay(text).catch((error: unknown) => this.note(String((error as Error).message), "bad"));
    });
    this.#invite();
  }

  enable(on: boolean): void {
    this.#input.disabled = !on;
    this.#send.disabled = !on;
    this.#input.placeholder = on ? "Write a message" : "Connect, then write a message";
    if (!on) this.members([], "");
  }

  message({ from, text, at }: ChatMessage, me: string): void {
    const mine = from === me;
    const who = h("span", { class: "who" }, mine ? "You" : from);
    const when = h("time", {}, formatTime(at).slice(0, 5));
    this.#add(
      h(
        "li",
        { class: mine ? "mine" : "theirs" },
        h("p", { class: "meta" }, who, " ", when),
        h("p", { class: "bubble" }, text),
      ),
    );
  }

  /** What happened, as a line between the messages. */
  note(text: string, tone: "plain" | "good" | "bad" = "plain"): void {
    this.#add(h("li", { class: `note ${tone}` }, text));
  }

  members(names: readonly string[], me: string): void {
    const shown = names.map((n) => (n === me ? `${n} (you)` : n)).join(", ");
    byId("members").textContent = shown === "" ? "" : `Here: ${shown}`;
  }

  #add(item: HTMLLIElement): void {
    this.#list.querySelector(".empty")?.remove();
    appendAtEnd(this.#list, item);
    while (this.#list.childElementCount > SHOWN) this.#list.firstElementChild?.remove();
  }

  #invite(): void {
    this.#list.append(
      h(
        "li",
        { class: "empty" },
        h("p", {}, "Choose a user and connect. Open this page in a second tab as somebody else, and talk."),
        h(
          "p",
          {},
          "Every message is sealed in this page and opened by the server. The relay between sees only what stands at “What the relay sees”.",
        ),
      ),
    );
  }
}
