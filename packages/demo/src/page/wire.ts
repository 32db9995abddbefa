import type { RecordedFrame } from "../relay/types.ts";
import { hexDump, toText } from "../wire/bytes.ts";
import { type FrameView, type Part, viewFrame, viewText } from "../wire-view.ts";
import { appendAtEnd, byId, formatSize, formatTime, h } from "./dom.ts";

/** What only this page can add to a frame of its own session. */
export interface Insight {
  expand(frame: RecordedFrame): string | undefined;
  claims(frame: RecordedFrame): string | undefined;
}

type Tab = "hex" | "jose" | "claims";
const TABS: readonly Tab[] = ["hex", "jose", "claims"];
const SHOWN = 200;
const FATES = {
  forwarded: "",
  changed: "changed by the relay",
  dropped: "dropped by the relay",
  injected: "injected by the relay",
};

/** The relay's record of this page's connections: a list, and one frame in three views. */
export class WirePanel {
  readonly #list = byId("frames");
  readonly #detail = byId("detail");
  readonly #rows = new Map<HTMLElement, { frame: RecordedFrame; insight: Insight }>();
  #selected: HTMLElement | undefined;
  #chosen = false;
  #tab: Tab = "jose";
  #serial = 0;
  #count = 0;
  #heading = "";

  constructor() {
    this.#list.addEventListener("click", (event) => {
      const row = (event.target as HTMLElement).closest<HTMLElement>("[role=option]");
      if (row) this.#choose(row);
    });
    this.#list.addEventListener("keydown", (event) => this.#onKey(event));
    for (const tab of TABS) {
      const button = byId(`tab-${tab}`);
      button.addEventListener("click", () => this.#show(tab));
      button.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (step === undefined) return;
        const next = TABS[(TABS.indexOf(tab) + step + TABS.length) % TABS.length]!;
        this.#show(next);
        byId(`tab-${next}`).focus();
      });
    }
    this.#render();
  }

  /** `heading` names the connection; it stands before its frames, again where those of several connections mix. */
  add(frames: readonly RecordedFrame[], insight: Insight, heading: string): void {
    if (heading !== this.#heading) {
      this.#heading = heading;
      appendAtEnd(this.#list, h("div", { class: "separator", role: "presentation" }, heading));
    }
    const rows = frames.slice(-SHOWN).map((frame) => {
      const row = this.#row(frame);
      this.#rows.set(row, { frame, insight });
      return row;
    });
    appendAtEnd(this.#list, ...rows);
    this.#trim();
    this.#count += frames.length;
    byId("frame-count").textContent = `${this.#count} frames`;
    // Until somebody picks a frame, the newest one is shown.
    const newest = rows.at(-1);
    if (!this.#chosen && newest) this.#select(newest);
  }

  #row(frame: RecordedFrame): HTMLDivElement {
    const title = frame.close
      ? `Close ${frame.close.code}`
      : viewFrame({ data: frame.kept, binary: frame.binary }).title;
    const up = frame.direction === "c2s";
    const arrow = h(
      "span",
      { class: up ? "arrow up" : "arrow down", title: up ? "client to server" : "server to client" },
      up ? "→" : "←",
    );
    arrow.setAttribute("aria-label", up ? "to the server" : "to the client");
    arrow.setAttribute("role", "img");
    const parts = [
      arrow,
      h("span", { class: "title" }, title.replace(", short form", "")),
      h("span", { class: "size" }, frame.close ? "" : formatSize(frame.size)),
    ];
    if (frame.fate !== "forwarded") parts.push(h("span", { class: `fate ${frame.fate}` }, frame.fate));
    return h("div", { role: "option", id: `frame-${++this.#serial}`, "aria-selected": "false" }, ...parts);
  }

  #trim(): void {
    while (this.#list.childElementCount > SHOWN) {
      const first = this.#list.firstElementChild as HTMLElement;
      this.#rows.delete(first);
      first.remove();
      if (first === this.#selected) this.#chosen = false;
    }
  }

  #onKey(event: KeyboardEvent): void {
    const rows = [...this.#rows.keys()];
    const at = this.#selected ? rows.indexOf(this.#selected) : -1;
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const row = rows[Math.max(0, Math.min(rows.length - 1, to))];
    if (row) this.#choose(row);
  }

  /** The newest frame is followed again as soon as it is picked. */
  #choose(row: HTMLElement): void {
    this.#chosen = row !== [...this.#rows.keys()].at(-1);
    this.#select(row);
    row.scrollIntoView({ block: "nearest" });
  }

  #select(row: HTMLElement): void {
    this.#selected?.setAttribute("aria-selected", "false");
    this.#selected = row;
    row.setAttribute("aria-selected", "true");
    this.#list.setAttribute("aria-activedescendant", row.id);
    this.#render();
  }

  #show(tab: Tab): void {
    this.#tab = tab;
    for (const name of TABS) {
      const button = byId(`tab-${name}`);
      button.setAttribute("aria-selected", String(name === tab));
      button.tabIndex = name === tab ? 0 : -1;
    }
    this.#detail.setAttribute("aria-labelledby", `tab-${tab}`);
    this.#render();
  }

  #render(): void {
    const entry = this.#selected && this.#rows.get(this.#selected);
    if (!entry) {
      this.#detail.replaceChildren(
        h("p", { class: "hint" }, "Connect, and every frame that crosses the relay appears here."),
      );
      return;
    }
    const { frame, insight } = entry;
    const facts = [
      formatTime(frame.at),
      frame.binary ? "binary frame" : "text frame",
      formatSize(frame.size),
      FATES[frame.fate],
    ];
    const head = h("p", { class: "hint" }, facts.filter((f) => f !== "").join(" · "));
    const body = frame.close ? closeNote(frame.close) : { hex, jose, claims }[this.#tab](frame, insight);
    this.#detail.replaceChildren(head, ...body);
  }
}

function closeNote(close: { code: number; reason: string }): Node[] {
  const text = `WebSocket close ${close.code} “${close.reason}”. Close frames travel in clear and anybody on the path can make one, so an end acts on them only as on a hint. The farewell that counts is the sealed control message before it.`;
  return [h("p", {}, text)];
}

function hex(frame: RecordedFrame): Node[] {
  const nodes: Node[] = [
    h("pre", { class: "hex" }, hexDump(frame.kept, matchMedia("(max-width: 600px)").matches ? 8 : 16)),
  ];
  if (frame.size > frame.kept.length)
    nodes.push(h("p", { class: "hint" }, `The relay keeps the first ${formatSize(frame.kept.length)} of each frame.`));
  return nodes;
}

function jose(frame: RecordedFrame, insight: Insight): Node[] {
  const view = viewFrame({ data: frame.kept, binary: frame.binary });
  const nodes = segments(view);
  if (!view.short) return nodes;
  const compact = frame.size === frame.kept.length && frame.fate !== "injected" ? insight.expand(frame) : undefined;
  if (compact === undefined) {
    nodes.push(h("p", { class: "hint" }, "Short form: header and IV are known to the two ends and do not travel."));
    return nodes;
  }
  nodes.push(
    h("h3", {}, "The same frame as standard JOSE"),
    h(
      "p",
      { class: "hint" },
      "Rebuilt by this page with session.expand(): the relay lacks the header table. Any JOSE library opens it, given the key.",
    ),
    ...segments(viewText(compact)),
  );
  return nodes;
}

function segments(view: FrameView): Node[] {
  if (view.parts.length === 0) return [h("p", {}, view.title)];
  const items = view.parts.flatMap((part: Part) => {
    const content: Node[] = [];
    if (part.readable !== undefined) content.push(h("pre", {}, part.readable));
    else content.push(h("code", { class: "raw" }, part.raw === "" ? "(empty)" : shorten(part.raw)));
    if (part.sealed !== undefined) content.push(h("span", { class: "sealed" }, part.sealed));
    const size = h("span", { class: "size" }, `${part.bytes} B`);
    return [h("dt", {}, part.name, " ", size), h("dd", {}, ...content)];
  });
  return [h("dl", { class: "segments" }, ...items)];
}

function claims(frame: RecordedFrame, insight: Insight): Node[] {
  const view = viewFrame({ data: frame.kept, binary: frame.binary });
  if (view.kind === "CH" || view.kind === "error")
    return [h("p", {}, "Sent in clear; see the JOSE view."), h("pre", {}, toText(frame.kept))];
  const opened = insight.claims(frame);
  if (opened === undefined)
    return [
      h(
        "p",
        {},
        "This page did not open this frame. The handshake stays inside the SDK, and what is refused is never opened.",
      ),
    ];
  const who = frame.direction === "c2s" ? "Sealed by this page" : "Opened by this page";
  const hidden = view.parts.some((part) => part.sealed !== undefined);
  const relay = hidden
    ? "The relay has no keys and cannot show this view."
    : "This level does not encrypt: the relay can read it too, but not change it.";
  const before = frame.fate === "changed" ? " Shown is what was sealed, before the relay changed it." : "";
  const note = `${who}, which has the session's keys. ${relay}${before}`;
  return [h("p", { class: "hint" }, note), h("pre", {}, opened)];
}

function shorten(raw: string): string {
  return raw.length <= 360 ? raw : `${raw.slice(0, 360)}…`;
}
