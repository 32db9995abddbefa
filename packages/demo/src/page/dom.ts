/** The element with this id; the page's HTML and its code are one thing, so that absence is a defect. */
export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const element = document.getElementById(id);
  if (!element) throw new Error(`index.html has no element with the id "${id}".`);
  return element as T;
}

type Attributes = Readonly<Record<string, string | boolean | undefined>>;

/** Builds an element. Text goes in as text, never as markup: what peers send stays what it is. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, "");
    else if (typeof value === "string") element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

export function formatSize(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 * 1024) return `${(bytes / 1024).toFixed(1)} KB`;
  return `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}

export function formatTime(at: number): string {
  return new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
}

/** Keeps a scrolled list at its end while the reader is at its end, and leaves it alone otherwise. */
export function appendAtEnd(list: HTMLElement, ...items: Node[]): void {
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 48;
  list.append(...items);
  if (atEnd) list.scrollTop = list.scrollHeight;
}
