// What runs inside the browser: a session as a page has it, with the browser's own WebSocket, IndexedDB and events.
import { type ClientSession, connect, createProofKeyStore, type JWKS } from "@sealwire/client";

interface Given {
  readonly url: string;
  readonly id: string;
  readonly keys: JWKS;
  /** Where tokens for a thumbprint come from. */
  readonly token: string;
}

const store = createProofKeyStore();
const seen = { states: [] as string[], got: [] as unknown[], errors: [] as string[], undetermined: 0 };
let session: ClientSession;

const failure = async (work: () => Promise<unknown>): Promise<string> => {
  try {
    await work();
    return "none";
  } catch (error) {
    return (error as Error).message;
  }
};

const api = {
  thumbprint: () => store.thumbprint(),
  forget: () => store.forget(),
  /** What a script in the page could take along. */
  exported: async () => {
    const { privateKey } = await store.key();
    return await failure(() => crypto.subtle.exportKey("jwk", privateKey));
  },
  /** Of a store whose database has another shape. */
  failure: (database: string) => failure(() => createProofKeyStore({ database }).key()),
  connect: async ({ url, id, keys, token }: Given) => {
    session = await connect(url, {
      server: { id, keys },
      proof: store,
      token: async ({ signal }) => await (await fetch(`${token}?jkt=${await store.thumbprint()}`, { signal })).text(),
      // So long that nothing but the event of the browser ends the wait.
      reconnect: { minDelay: 50, maxDelay: 60_000 },
      onError: (error) => seen.errors.push(error.code),
    });
    session.handle("n", (n) => {
      seen.got.push(n);
      return n;
    });
    session.onStateChange((state) => seen.states.push(state));
    session.onUndetermined((messages) => {
      seen.undetermined += messages.length;
    });
    return session.id;
  },
  send: (n: number) => void session.send("n", n),
  request: (n: number) => session.request("n", n),
  /** As the client's README has it. */
  endWithPage: () => addEventListener("pagehide", ({ persisted }) => persisted || void session.close()),
  logout: async () => {
    await session.logout();
    const { code, clean } = await session.closed;
    return { code, clean };
  },
  seen: () => ({ ...seen, state: session.state, id: session.id }),
};

export type PageApi = typeof api;
Object.assign(globalThis, { sealwire: api });

/** As a worker it does all of it by itself, once. */
export interface WorkerAnswer {
  readonly thumbprint: string;
  readonly reply: unknown;
  readonly end: Awaited<ReturnType<PageApi["logout"]>>;
}

async function work(given: Given): Promise<WorkerAnswer> {
  await api.connect(given);
  const thumbprint = await api.thumbprint();
  return { thumbprint, reply: await api.request(5), end: await api.logout() };
}

if (!("document" in globalThis))
  addEventListener("message", async ({ data }: MessageEvent<Given>) => postMessage(await work(data)));
