import { FILE_BYTES_MAX, type FileInfo } from "../topics.ts";
import { download, type Requester, type Source, upload } from "../transfer.ts";
import { byId, formatSize, h } from "./dom.ts";

/** Drop zone, progress, abort, and the mark that says whether the hashes match. */
export class FilesPanel {
  readonly #list = byId<HTMLUListElement>("transfers");
  readonly #drop = byId("drop");
  readonly #input = byId<HTMLInputElement>("file");

  constructor(private readonly session: () => Requester | undefined) {
    this.#input.addEventListener("change", () => {
      const file = this.#input.files?.[0];
      this.#input.value = "";
      if (file) void this.#send(file);
    });
    for (const type of ["dragenter", "dragover"] as const)
      this.#drop.addEventListener(type, (e) => this.#over(e, true));
    this.#drop.addEventListener("dragleave", (e) => this.#over(e, false));
    this.#drop.addEventListener("drop", (event) => {
      this.#over(event, false);
      const file = event.dataTransfer?.files[0];
      if (file && !this.#input.disabled) void this.#send(file);
    });
    // A file dropped beside the zone must not make the browser leave the page.
    for (const type of ["dragover", "drop"]) document.addEventListener(type, (e) => e.preventDefault());
  }

  enable(on: boolean): void {
    this.#input.disabled = !on;
    this.#drop.toggleAttribute("data-disabled", !on);
  }

  /** Somebody's file lies ready at the server. */
  offer(info: FileInfo): void {
    const row = new Row(info.name, info.size, `from ${info.from}`);
    const button = h("button", { type: "button" }, "Receive");
    button.addEventListener("click", () => void this.#receive(info, row, button));
    row.action(button);
    this.#list.prepend(row.element);
  }

  async #send(file: File): Promise<void> {
    const session = this.session();
    const row = new Row(file.name, file.size, "to everybody");
    this.#list.prepend(row.element);
    if (!session) return row.end("Not connected.", "bad");
    if (file.size > FILE_BYTES_MAX || file.size === 0)
      return row.end(`A file has 1 byte to 50 MB; this one has ${formatSize(file.size)}.`, "bad");
    const source: Source = {
      name: file.name.slice(0, 200),
      size: file.size,
      type: file.type.slice(0, 100),
      slice: async (start, end) => new Uint8Array(await file.slice(start, end).arrayBuffer()),
    };
    await row.run("Sending", async (signal, onProgress) => {
      const info = await upload(session, source, { signal, onProgress });
      return { sha256: info.sha256, text: "Sent; the server's SHA-256 matches" };
    });
  }

  async #receive(info: FileInfo, row: Row, button: HTMLButtonElement): Promise<void> {
    const session = this.session();
    button.remove();
    if (!session) return row.end("Not connected.", "bad");
    await row.run("Receiving", async (signal, onProgress) => {
      // Blobs, not one buffer: the browser moves them out of the page's memory.
      const parts: Blob[] = [];
      const take = (bytes: Uint8Array): void => void parts.push(new Blob([bytes as Uint8Array<ArrayBuffer>]));
      const { matches, sha256 } = await download(session, info, take, { signal, onProgress });
      if (!matches) throw new Error("The SHA-256 is not the announced one; the file was thrown away.");
      const url = URL.createObjectURL(new Blob(parts, { type: "application/octet-stream" }));
      row.action(h("a", { href: url, download: info.name, class: "button" }, "Save"));
      return { sha256, text: "Received; SHA-256 matches" };
    });
  }

  #over(event: DragEvent, on: boolean): void {
    event.preventDefault();
    this.#drop.toggleAttribute("data-over", on && !this.#input.disabled);
  }
}

type Job = (
  signal: AbortSignal,
  onProgress: (done: number, total: number) => void,
) => Promise<{ sha256: string; text: string }>;

/** One transfer on the page. */
class Row {
  readonly element: HTMLLIElement;
  readonly #bar = h("progress", { max: "1", value: "0", hidden: true });
  readonly #text: HTMLElement;
  readonly #actions = h("span", { class: "actions" });

  constructor(name: string, size: number, how: string) {
    this.#text = h("p", { class: "status" }, `${formatSize(size)}, ${how}`);
    this.#bar.setAttribute("aria-label", `Progress of ${name}`);
    const head = h("p", { class: "name" }, h("strong", {}, name), this.#actions);
    this.element = h("li", {}, head, this.#bar, this.#text);
  }

  action(element: HTMLElement): void {
    this.#actions.replaceChildren(element);
  }

  async run(verb: string, job: Job): Promise<void> {
    const control = new AbortController();
    const abort = h("button", { type: "button" }, "Abort");
    abort.addEventListener("click", () => control.abort(new DOMException("Aborted.", "AbortError")));
    this.action(abort);
    this.#bar.hidden = false;
    try {
      const { sha256, text } = await job(control.signal, (done, total) => {
        this.#bar.value = done / total;
        this.#text.textContent = `${verb}: ${formatSize(done)} of ${formatSize(total)}`;
      });
      abort.remove();
      this.end(text, "good", sha256);
    } catch (error) {
      abort.remove();
      const aborted = control.signal.aborted;
      this.end(
        aborted ? "Aborted; nothing is kept on either side" : String((error as Error).message),
        aborted ? "plain" : "bad",
      );
    }
  }

  end(text: string, tone: "good" | "bad" | "plain", sha256?: string): void {
    this.#bar.hidden = true;
    this.element.className = tone;
    const mark = tone === "good" ? "✓ " : tone === "bad" ? "✗ " : "";
    this.#text.replaceChildren(mark + text);
    if (sha256 !== undefined) this.#text.append(h("code", { class: "hash", title: `SHA-256 ${sha256}` }, sha256));
    this.#text.setAttribute("role", "status");
  }
}
