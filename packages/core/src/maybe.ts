/** A value that is there at once (node:crypto) or later (WebCrypto). One code path serves both; see `chain`. */
export type Maybe<T> = T | Promise<T>;

/**
 * True for what has to be awaited, by whatever class it was made. In a page with zone.js `Promise` is not the class of what
 * WebCrypto and async functions answer with.
 */
export function isPromise<T>(value: Maybe<T>): value is Promise<T> {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return false;
  return typeof (value as { then?: unknown }).then === "function";
}

/** Continues with `f` at once where the value is there: an async function would cost ten times as much per step. */
export function chain<T, U>(value: Maybe<T>, f: (value: T) => Maybe<U>): Maybe<U> {
  return isPromise(value) ? value.then(f) : f(value);
}

/**
 * `chain` for what an application or a library answered. Its promises may have no more than a `then`, and one may stand in
 * the place of that of a native promise: what such a `then` answers with counts for nothing, only what it is called back with.
 */
export function chainGiven<T, U>(value: T | PromiseLike<T>, f: (value: T) => U): Maybe<U> {
  return isPromise(value as Maybe<T>) ? awaited(value, f) : f(value as T);
}

/** Not by its `then`, which would answer in place of `f`. */
const awaited = async <T, U>(value: T | PromiseLike<T>, f: (value: T) => U): Promise<U> => f(await value);

/** Runs `attempt`; a throw and a rejection both go to `recover`. */
export function attempt<T, U>(run: () => Maybe<T>, recover: (error: unknown) => U): Maybe<T | U> {
  try {
    const value = run();
    return isPromise(value) ? value.then(undefined, recover) : value;
  } catch (error) {
    return recover(error);
  }
}

/** Maps in order; a Promise only if one of the results is one. */
export function all<T extends readonly unknown[]>(values: { readonly [K in keyof T]: Maybe<T[K]> }): Maybe<T> {
  return values.some(isPromise) ? (Promise.all(values) as unknown as Promise<T>) : (values as unknown as T);
}

/** `value`, or a rejection with the signal's reason if that comes first: what never answers holds nothing up. */
export function unlessAborted<T>(signal: AbortSignal, value: Maybe<T>): Maybe<T> {
  if (!isPromise(value)) return value;
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    // A listener on a signal that has told its end would stay.
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
    value.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}
