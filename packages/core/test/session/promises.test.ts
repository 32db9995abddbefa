import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { all, attempt, chain, isPromise, promised, unlessAborted } from "../../src/maybe.ts";
import { isGranted, type SessionHooks } from "../../src/session/hooks.ts";

const foreign = (js: string) => runInNewContext(js) as Promise<never>;

/** As little as a library may call a promise. */
// biome-ignore lint/suspicious/noThenProperty: it is what is tested
const thenable = (value: unknown) => ({ then: (f: (value: unknown) => void) => f(value) }) as Promise<never>;

describe("what is awaited", () => {
  it("promises of any realm and library, and nothing else", () => {
    expect([Promise.resolve(), foreign("Promise.resolve()"), thenable(1)].map(isPromise)).toEqual([true, true, true]);
    // biome-ignore lint/suspicious/noThenProperty: it is what is tested
    const values = [undefined, null, true, 1, "then", {}, { then: 1 }, new Uint8Array(1), [], () => {}];
    expect(values.map(isPromise)).toEqual(values.map(() => false));
  });

  it("by chain, attempt, all and unlessAborted, in another realm too", async () => {
    const [one, failure] = ["Promise.resolve(1)", "Promise.reject(new RangeError())"].map((js) => () => foreign(js));
    const { signal } = new AbortController();
    expect(await chain((one as () => Promise<number>)(), (n) => n + 1)).toBe(2);
    expect(await attempt(failure as () => Promise<never>, (error) => (error as Error).name)).toBe("RangeError");
    expect(await all([1, foreign("Promise.resolve(2)")])).toEqual([1, 2]);
    expect(await unlessAborted(signal, (one as () => Promise<number>)())).toBe(1);
    await expect(unlessAborted(AbortSignal.abort("over"), foreign("new Promise(() => {})"))).rejects.toBe("over");
  });

  it("what has no more than then() becomes a promise, a value stays what it is", async () => {
    const bytes = new Uint8Array(1);
    expect(promised(bytes)).toBe(bytes);
    expect(promised(thenable(1))).toBeInstanceOf(Promise);
    expect(await promised(thenable(1))).toBe(1);
  });
});

describe("authorize() that answers by a promise which is none of this realm, or not a whole one", () => {
  const asked = (authorize: SessionHooks["authorize"]) => {
    const errors: string[] = [];
    const hooks = { authorize, onError: ({ code }: { code: string }) => errors.push(code) } as unknown as SessionHooks;
    return { errors, answer: isGranted(hooks, "in", "message", "t", 1) };
  };

  it.each([
    ["true", () => foreign("Promise.resolve(true)"), true, 0],
    ["true, by then() alone", () => thenable(true), true, 0],
    ["false", () => foreign("Promise.resolve(false)"), false, 0],
    ["what is not true", () => thenable({}), false, 0],
    ["a rejection", () => foreign("Promise.reject(1)"), false, 1],
  ])("%s", async (_, authorize, granted, failures) => {
    const { answer, errors } = asked(authorize);
    expect(await answer).toBe(granted);
    expect(errors).toHaveLength(failures);
  });
});
