import { runInNewContext } from "node:vm";
import type { CryptoBackend } from "../../src/crypto/backend.ts";

const Foreign = runInNewContext("Promise") as PromiseConstructor;

const elsewhere = (run: () => unknown): Promise<unknown> =>
  new Foreign((resolve, reject) => {
    Promise.resolve().then(run).then(resolve, reject);
  });

/** What answers at once by its nature. */
const AT_ONCE = new Set<PropertyKey>(["random"]);
/** What a cipher has that answers at once. */
const NOT_LATER = new Set<PropertyKey>(["sealNow", "openNow", "openApart"]);

/** A backend all of whose answers are promises of another realm, those of its keys too. */
export function foreignBackend(backend: CryptoBackend): CryptoBackend {
  const wrap = (value: unknown): unknown => {
    const isPlain = typeof value === "object" && value !== null && !ArrayBuffer.isView(value) && !Array.isArray(value);
    return isPlain ? new Proxy(value, { get }) : value;
  };
  const get = (target: object, name: PropertyKey): unknown => {
    const value = NOT_LATER.has(name) ? undefined : Reflect.get(target, name);
    if (typeof value !== "function") return value;
    return (...args: unknown[]) =>
      AT_ONCE.has(name)
        ? value.apply(target, args)
        : elsewhere(async () => {
            const answer: unknown = await value.apply(target, args);
            // A cipher that was told what to make of its answer gives that.
            return name === "sealLater" || name === "openLater" ? answer : wrap(answer);
          });
  };
  return wrap(backend) as CryptoBackend;
}
