import { describe, expect, it } from "vitest";
import { backend as node } from "../../src/crypto/node.ts";
import { backend as webcrypto } from "../../src/crypto/webcrypto.ts";
import { all, attempt, chain, chainGiven, isPromise, unlessAborted } from "../../src/maybe.ts";
import { isGranted, type SessionHooks } from "../../src/session/hooks.ts";
import { until } from "../support/clock.ts";
import { foreignBackend } from "../support/foreign.ts";
import { resumable } from "../support/reconnect.ts";
import { foreign, thenable } from "../support/verdicts.ts";

describe("what is awaited", () => {
  it("promises of any realm and library, and nothing else", () => {
    expect([Promise.resolve(), foreign(""), thenable(1)].map(isPromise)).toEqual([true, true, true]);
    // biome-ignore lint/suspicious/noThenProperty: it is what is tested
    const values = [undefined, null, true, 1, "then", {}, { then: 1 }, new Uint8Array(1), [], () => {}];
    expect(values.map(isPromise)).toEqual(values.map(() => false));
  });

  it("by chain, attempt, all and unlessAborted, in another realm too", async () => {
    const [one, failure] = ["1", "Promise.reject(new RangeError())"].map((js) => () => foreign(js));
    const { signal } = new AbortController();
    expect(await chain((one as () => Promise<number>)(), (n) => n + 1)).toBe(2);
    expect(await attempt(failure as () => Promise<never>, (error) => (error as Error).name)).toBe("RangeError");
    expect(await all([1, foreign("2")])).toEqual([1, 2]);
    expect(await unlessAborted(signal, (one as () => Promise<number>)())).toBe(1);
    await expect(unlessAborted(AbortSignal.abort("over"), foreign("new Promise(() => {})"))).rejects.toBe("over");
  });

  it("what has no more than then(), which may be a function: the value is what its maker gives", async () => {
    const bytes = new Uint8Array(1);
    const same = <T>(value: T) => value;
    expect(chainGiven(bytes, same)).toBe(bytes);
    expect(chainGiven(thenable(1), same)).toBeInstanceOf(Promise);
    expect(await chainGiven(thenable(1), (n) => [n])).toEqual([1]);
    const callable: Promise<number> = Object.assign(() => {}, thenable(2));
    expect(isPromise(callable)).toBe(true);
    expect(await chainGiven(callable, (n) => [n])).toEqual([2]);
  });

  it("a native promise with a then() of its own: what that answers with counts for nothing", async () => {
    for (const answer of [undefined, true, {}, thenable(true)])
      expect(await chainGiven(disguised("truth", answer), (told) => [told])).toEqual(["truth"]);
  });
});

/** A native promise whose own then() calls nobody back. */
const disguised = (truth: unknown, answer: unknown): Promise<never> =>
  // biome-ignore lint/suspicious/noThenProperty: it is what is tested
  Object.assign(Promise.resolve(truth), { then: () => answer }) as never;

/** An object that is a promise, or none, each time it is asked. */
function turning(first: boolean): never {
  let is = !first;
  return {
    // biome-ignore lint/suspicious/noThenProperty: it is what is tested
    get then() {
      is = !is;
      return is ? (f: (value: unknown) => unknown) => f({}) : undefined;
    },
  } as never;
}

describe("authorize() that answers by a promise which is none of this realm, or not a whole one", () => {
  const asked = (authorize: SessionHooks["authorize"]) => {
    const errors: string[] = [];
    const hooks = { authorize, onError: ({ code }: { code: string }) => errors.push(code) } as unknown as SessionHooks;
    return { errors, answer: isGranted(hooks, "in", "message", "t", 1) };
  };

  it.each([
    ["true", () => foreign("true"), true, 0],
    ["true, by then() alone", () => thenable(true), true, 0],
    ["false", () => foreign("false"), false, 0],
    ["what is not true", () => thenable({}), false, 0],
    ["what is a promise only when it is asked again", () => turning(false), false, 0],
    ["what is a promise only when it is asked first", () => turning(true), false, 0],
    ["a native false whose then() answers true", () => disguised(false, true), false, 0],
    ["a native false whose then() answers an object", () => disguised(false, {}), false, 0],
    ["a native false whose then() answers a thenable", () => disguised(false, thenable({})), false, 0],
    ["a native false whose then() answers nothing", () => disguised(false, undefined), false, 0],
    ["a native true whose then() answers false", () => disguised(true, false), true, 0],
    ["a rejection", () => foreign("Promise.reject(1)"), false, 1],
  ])("%s", async (_, authorize, granted, failures) => {
    const { answer, errors } = asked(authorize);
    expect(await answer).toBe(granted);
    expect(errors).toHaveLength(failures);
  });
});

describe("a crypto backend whose promises are of another realm", () => {
  it.each([
    ["aead", node],
    ["aead", webcrypto],
    ["mac", node],
    ["sig", webcrypto],
    ["nest", node],
  ] as const)("%s: messages in their order, keys renewed, a clean end", async (level, backend) => {
    const { pair, client, server, got } = await resumable({ level, backend: foreignBackend(backend) });
    const numbers = Array.from({ length: 25 }, (_, i) => i);
    await Promise.all(numbers.flatMap((n) => [client.send("t", n), server.send("t", n)]));
    client.rekey();
    await until(() => client.epochs.send === 1 && server.epochs.send === 1);
    await Promise.all([client.send("t", 25), server.send("t", 25)]);
    await until(() => got.client.length === 26 && got.server.length === 26);
    expect(got).toEqual({ client: [...numbers, 25], server: [...numbers, 25] });
    await client.close();
    expect(pair.client.info).toMatchObject({ code: 1000, clean: true });
  });
});
