/** What a page knows about its network and its user. Node knows neither: always online, never told. */
export interface Presence {
  /** False where it is known that there is no network. */
  online(): boolean;
  /** `fn` is called when the network comes back, and when the page is looked at again; the result stops that. */
  watch(fn: () => void): () => void;
}

interface PageGlobals {
  readonly navigator?: { readonly onLine?: boolean };
  readonly document?: EventTarget & { readonly visibilityState?: string };
  addEventListener?: EventTarget["addEventListener"];
  removeEventListener?: EventTarget["removeEventListener"];
}

const page = globalThis as unknown as PageGlobals;

export const systemPresence: Presence = {
  online: () => page.navigator?.onLine !== false,
  watch: (fn) => {
    const visible = () => page.document?.visibilityState === "visible" && fn();
    page.addEventListener?.("online", fn);
    page.document?.addEventListener("visibilitychange", visible);
    return () => {
      page.removeEventListener?.("online", fn);
      page.document?.removeEventListener("visibilitychange", visible);
    };
  },
};
