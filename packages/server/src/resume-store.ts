import { type Awaitable, SealwireError } from "@sealwire/core";

/**
 * Keeps sessions without a connection, so that any server of one identity can go on with them. Shared between nodes it is
 * one store for all of them. What it holds is secret: the keys with which anybody can be either end of a session, the
 * client's access token, and messages in clear. Who reads it can be client and server; who writes it can bring back a
 * session of a while ago. Protect it as the identity keys. A server that goes on with what another one parked leaves a mark
 * of one byte there, for as long as that was to be kept: the other one looks for it to know whether messages are undetermined.
 */
export interface ResumeStore {
  /**
   * Keeps `state` under `id`, which is new each time, until `until` (NumericDate). Rejects where there is no room. Each of
   * `kids` is a name to find it by, of at most 64 characters; what is parked last under one is found.
   */
  park(id: string, kids: readonly string[], until: number, state: Uint8Array): Awaitable<void>;
  /** The state that is kept with this kid. Changes nothing: anybody can ask who repeats what a client once sent. */
  find(kid: string): Awaitable<Uint8Array | undefined>;
  /** Removes what is kept under `id`, in one atomic step: of all that ask, whatever node they are, one gets true, once. */
  claim(id: string): Awaitable<boolean>;
  /** Removes what is kept under `id`, if anything is. */
  forget(id: string): Awaitable<void>;
}

export interface MemoryResumeStoreOptions {
  /** Sessions, and marks of sessions that went over to another server; more are refused with E_BUSY. Default: 10,000. */
  readonly capacity?: number;
  /** Milliseconds since 1970. Default: Date.now. */
  readonly now?: () => number;
}

interface Parked {
  readonly kids: readonly string[];
  readonly until: number;
  readonly state: Uint8Array;
}

/** A store for servers of one process. @throws TypeError for a capacity that is none */
export function createMemoryResumeStore(options: MemoryResumeStoreOptions = {}): ResumeStore {
  const { capacity = 10_000, now = Date.now } = options;
  if (!Number.isSafeInteger(capacity) || capacity < 1) throw new TypeError("capacity is a number of sessions");
  const parked = new Map<string, Parked>();
  const byKid = new Map<string, string>();
  /** True if it was there, and not over. */
  const remove = (id: string): boolean => {
    const found = parked.get(id);
    if (found === undefined) return false;
    parked.delete(id);
    for (const kid of found.kids) if (byKid.get(kid) === id) byKid.delete(kid);
    return found.until * 1000 > now();
  };
  const sweep = () => {
    for (const [id, { until }] of parked) if (until * 1000 <= now()) remove(id);
  };
  return {
    park: (id, kids, until, state) => {
      if (parked.size >= capacity) sweep();
      if (parked.size >= capacity) throw new SealwireError("E_BUSY", { detail: "the resume store is full" });
      parked.set(id, { kids: [...kids], until, state: state.slice() });
      for (const kid of kids) byKid.set(kid, id);
    },
    find: (kid) => {
      const found = parked.get(byKid.get(kid) ?? "");
      return found !== undefined && found.until * 1000 > now() ? found.state.slice() : undefined;
    },
    claim: remove,
    forget: (id) => {
      remove(id);
    },
  };
}
