import { runInNewContext } from "node:vm";
import type { CryptoBackend } from "../../src/crypto/backend.ts";
import { backend as node } from "../../src/crypto/node.ts";
import type { Maybe } from "../../src/maybe.ts";

export type Verdict = () => Maybe<boolean>;

/** A promise that is none of this realm, as a page with zone.js has them. */
export const foreign = (js: string): Promise<never> => runInNewContext(`Promise.resolve(${js})`) as Promise<never>;

/** As little as a library may call a promise. */
export const thenable = (value: unknown): Promise<never> => {
  const then = (f: (value: unknown) => void) => void queueMicrotask(() => f(value));
  return { then } as unknown as Promise<never>;
};

/** Whatever a key can answer that is no yes. */
export const NO: readonly (readonly [string, Verdict])[] = [
  ["false", () => false],
  ["a promise of false", async () => false],
  ["a promise of another realm, of false", () => foreign("false")],
  ["an object", () => ({}) as never],
  ["1", () => 1 as never],
  ["a promise of an object", async () => ({}) as never],
];

/** A backend whose keys answer what `verdict` says, and the truth where that is undefined. */
export const answering = (verdict: () => Verdict | undefined): CryptoBackend => ({
  ...node,
  importVerifier: async (jwk) => {
    const verifier = await node.importVerifier(jwk);
    return { ...verifier, verify: (...args) => (verdict() ?? (() => verifier.verify(...args)))() };
  },
  importMac: async (raw) => {
    const mac = await node.importMac(raw);
    return {
      sign: (...args) => mac.sign(...args),
      verify: (...args) => (verdict() ?? (() => mac.verify(...args)))(),
    };
  },
});
