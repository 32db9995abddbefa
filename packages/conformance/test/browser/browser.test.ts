import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { isDeepStrictEqual } from "node:util";
import { build } from "esbuild";
import fc from "fast-check";
import { type Browser, chromium } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { repository } from "../../src/repository.ts";
import { expand, type Values } from "../../src/runner/expand.ts";
import { readVectors } from "../../src/runner/vectors.ts";

const executablePath = process.env.SEALWIRE_CHROMIUM;
if (!executablePath) {
  console.warn("\n  SKIPPED: no vectors in a browser. Set SEALWIRE_CHROMIUM to a Chromium, or run `npm test`.\n");
}

const OPS = ["key.check", "kdf.derive", "standalone.open"];
/** Envelopes that were delivered before need a store; those are not what a browser differs in. */
const COMPARED: Readonly<Record<string, readonly string[]>> = {
  "key.check": ["thumbprint"],
  "kdf.derive": ["th2", "th3", "sid", "labels"],
  "standalone.open": ["iss", "aud", "jti", "top", "encrypted"],
};

/** Bytes as they are written, and the same with something that is none of it. */
const TEXT = fc
  .tuple(
    fc.uint8Array({ maxLength: 120 }),
    fc.option(fc.constantFrom(..."=+/ \n\t\f.*A_-\0é\u0141\u0176\ud83d", "==", "A=", "  "), { freq: 2 }),
    // Often where the pad bits are.
    fc.oneof(fc.nat(), fc.constant(undefined)),
    fc.boolean(),
  )
  .map(([bytes, wrong, at, instead]) => {
    const text = Buffer.from(bytes).toString("base64url");
    if (wrong === null) return text;
    const start = at === undefined ? Math.max(0, text.length - 1) : at % (text.length + 1);
    return text.slice(0, start) + wrong + text.slice(start + (instead ? wrong.length : 0));
  });

describe.skipIf(!executablePath)("vectors in Chromium (SEALWIRE_CHROMIUM)", () => {
  const set = readVectors(repository("test-vectors"));
  const cases = set.cases
    .filter(({ op, input }) => OPS.includes(op) && input.seen === undefined)
    .map((vector) => ({ ...vector, input: expand(vector.input, set.keys) as Values }));
  let browser: Browser;
  let server: Server;
  let script: string;

  beforeAll(async () => {
    const bundle = await build({
      entryPoints: [repository("packages/conformance/test/browser/page.ts")],
      bundle: true,
      write: false,
      format: "iife",
      platform: "browser",
      target: "es2022",
      logLevel: "warning",
    });
    script = bundle.outputFiles[0]?.text ?? "";
    // Loopback counts as a secure context, without which there is no WebCrypto.
    server = createServer((_request, response) => response.end("<!doctype html><title>vectors</title>"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    browser = await chromium.launch({
      executablePath: executablePath as string,
      args: ["--no-sandbox", "--disable-gpu"],
    });
  }, 60_000);

  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  test.each(OPS)("%s", { timeout: 120_000 }, async (op) => {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    await page.addScriptTag({ content: script });
    const wanted = cases.filter((vector) => vector.op === op);
    const results = await page.evaluate(
      (inputs) => (globalThis as unknown as { runVectors(cases: unknown): Promise<Values[]> }).runVectors(inputs),
      wanted.map(({ input }) => ({ op, input })),
    );
    const shown = (result: Values): object =>
      result.ok === true
        ? Object.fromEntries((COMPARED[op] ?? []).flatMap((name) => (name in result ? [[name, result[name]]] : [])))
        : { error: result.error ?? result.defect, step: result.step };
    const differing = wanted.flatMap(({ id, result }, i) => {
      const [expected, got] = [shown(result), shown(results[i] as Values)];
      return isDeepStrictEqual(expected, got) ? [] : [{ id, expected, got }];
    });
    expect(differing).toEqual([]);
    expect(wanted.length).toBeGreaterThan(40);
    await page.close();
  });

  // Engines decode base64 by themselves since 2024, and take more texts for it than the protocol does.
  test.each([
    ["with that of the engine", true],
    ["with the table of older engines", false],
  ])("canonical base64url %s", async (_, native) => {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    expect(await page.evaluate(() => "setFromBase64" in Uint8Array.prototype)).toBe(true);
    if (!native)
      await page.evaluate(() => {
        for (const name of ["setFromBase64", "toBase64"]) Reflect.deleteProperty(Uint8Array.prototype, name);
      });
    await page.evaluate(() => {
      const { setFromBase64 } = Uint8Array.prototype as unknown as { setFromBase64?: (...a: unknown[]) => unknown };
      const counted = globalThis as unknown as { answered: number };
      counted.answered = 0;
      if (setFromBase64 === undefined) return;
      const value = function (this: Uint8Array, ...given: unknown[]) {
        const answer = setFromBase64.apply(this, given);
        counted.answered++;
        return answer;
      };
      Object.defineProperty(Uint8Array.prototype, "setFromBase64", { value });
    });
    await page.addScriptTag({ content: script });
    const texts = fc.sample(TEXT, { numRuns: 4000, seed: 7 });
    const shown = await page.evaluate(
      (given) => (globalThis as unknown as { decodeTexts(texts: readonly string[]): unknown }).decodeTexts(given),
      texts,
    );
    const expected = texts.map((text) => {
      // What Node's own decoder says of what is canonical by its look.
      const canonical = Buffer.from(text, "base64url");
      return canonical.toString("base64url") === text ? canonical.toString("hex") : undefined;
    });
    expect(shown).toEqual(expected);
    const answered = await page.evaluate(() => (globalThis as unknown as { answered: number }).answered);
    const long = texts.filter((text, i) => text.length >= 24 && expected[i] !== undefined).length;
    if (native) expect(answered).toBeGreaterThan(long);
    else expect(answered).toBe(0);
    expect(expected.filter((one) => one === undefined).length).toBeGreaterThan(1000);
    expect(expected.filter((one) => one !== undefined).length).toBeGreaterThan(1000);
    await page.close();
  });
});
