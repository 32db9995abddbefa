import { generateProofKey } from "@sealwire/core";
import { backend, thumbprint } from "@sealwire/core/internal";

/** Keeps the proof key of this browser. */
export interface ProofKeyStore {
  /** The key, made at the first call: ES256, and its private half leaves the browser's key store by no way. */
  key(): Promise<CryptoKeyPair>;
  /** RFC 7638 thumbprint, what the token's `cnf.jkt` has to be. */
  thumbprint(): Promise<string>;
  /** Deletes the key. Tokens that are bound to it are of no use any more. */
  forget(): Promise<void>;
}

const STORE = "proof";
const KEY = "key";

export const isProofKeyStore = (proof: unknown): proof is ProofKeyStore =>
  typeof (proof as Partial<ProofKeyStore>)?.forget === "function";

/**
 * A proof key in IndexedDB, and nothing else: no token, no state of a session. Script that runs in the page can use the
 * key while it runs, and cannot take it along (specs/security.md, section 5).
 * @throws TypeError on a platform without IndexedDB
 */
export function createProofKeyStore({ database = "sealwire" }: { readonly database?: string } = {}): ProofKeyStore {
  if (globalThis.indexedDB === undefined) throw new TypeError("this platform has no IndexedDB: pass a key as proof");
  let made: Promise<CryptoKeyPair> | undefined;
  const load = async (): Promise<CryptoKeyPair> => {
    const db = await open(database);
    try {
      const found = await result<CryptoKeyPair | undefined>(db.transaction(STORE).objectStore(STORE).get(KEY));
      if (found !== undefined) return found;
      const pair = await generateProofKey("ES256");
      // Two pages at once: the first one's key stays, and both use it.
      const store = db.transaction(STORE, "readwrite").objectStore(STORE);
      await result(store.add(pair, KEY)).catch(() => {});
      return (await result<CryptoKeyPair | undefined>(db.transaction(STORE).objectStore(STORE).get(KEY))) ?? pair;
    } finally {
      db.close();
    }
  };
  const key = () => {
    made ??= load().catch((error: unknown) => {
      made = undefined;
      throw error;
    });
    return made;
  };
  return {
    key,
    thumbprint: async () => await thumbprint(backend, (await backend.importSigner(await key())).publicJwk),
    forget: async () => {
      made = undefined;
      await result(globalThis.indexedDB.deleteDatabase(database));
    },
  };
}

async function open(name: string): Promise<IDBDatabase> {
  const request = globalThis.indexedDB.open(name, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE);
  return await result(request);
}

function result<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = (event) => {
      // The failure of one request is not to end its transaction with an error that nobody handles.
      event.preventDefault();
      event.stopPropagation();
      reject(request.error);
    };
  });
}
