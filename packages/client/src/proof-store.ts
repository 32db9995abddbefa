import type { CryptoKeyPair } from "@sealwire/core";
import { generateProofKey, SealwireError } from "@sealwire/core";
import { backend, thumbprint } from "@sealwire/core/internal";

/** Keeps the proof key of this browser. */
export interface ProofKeyStore {
  /**
   * The key, made at the first call: ES256, and its private half leaves the browser's key store by no way. Every page of
   * the origin gets the same.
   * @throws SealwireError E_KEY where the browser keeps nothing: a sandboxed frame, no room, storage switched off
   */
  key(): Promise<CryptoKeyPair>;
  /** RFC 7638 thumbprint, what the token's `cnf.jkt` has to be. @throws as `key` */
  thumbprint(): Promise<string>;
  /** Deletes the key, for every page of the origin. Tokens that are bound to it are of no use any more. @throws as `key` */
  forget(): Promise<void>;
}

export interface ProofKeyStoreOptions {
  /** Name of the IndexedDB database: another one for another key. Default: "sealwire". */
  readonly database?: string;
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
export function createProofKeyStore({ database = "sealwire" }: ProofKeyStoreOptions = {}): ProofKeyStore {
  if (!("indexedDB" in globalThis)) throw new TypeError("this platform has no IndexedDB: pass a key as proof");
  const key = async () =>
    (await inStore<CryptoKeyPair | undefined>(database, "readonly", (store) => store.get(KEY))) ?? (await make());
  const make = async (): Promise<CryptoKeyPair> => {
    const made = await generateProofKey("ES256");
    // Two pages at once: the first one's key stays, and both use it. A transaction has the store for itself.
    return await inStore<CryptoKeyPair>(database, "readwrite", (store) => {
      const found = store.get(KEY);
      found.onsuccess = () => found.result ?? store.put(made, KEY);
      return found;
    }).then((found) => found ?? made);
  };
  return {
    key,
    thumbprint: async () => await thumbprint(backend, (await backend.importSigner(await key())).publicJwk),
    // The empty database stays: to delete it one would have to wait for other pages.
    forget: () => inStore(database, "readwrite", (store) => store.delete(KEY)).then(() => {}),
  };
}

/** What one request comes to, once its transaction is written. */
async function inStore<T>(
  database: string,
  mode: IDBTransactionMode,
  request: (store: IDBObjectStore) => IDBRequest<T>,
): Promise<T> {
  try {
    const db = await open(database);
    try {
      const transaction = db.transaction(STORE, mode);
      const asked = request(transaction.objectStore(STORE));
      await new Promise<void>((resolve, reject) => {
        transaction.oncomplete = () => resolve();
        transaction.onabort = () => reject(transaction.error);
      });
      return asked.result;
    } finally {
      db.close();
    }
  } catch (cause) {
    throw new SealwireError("E_KEY", { stage: "local", detail: "IndexedDB keeps no proof key here", cause });
  }
}

function open(name: string): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = globalThis.indexedDB.open(name, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    // Only for another version, which somebody else of this origin gave it.
    request.onblocked = () => reject(new Error("another page holds the database"));
  });
}
