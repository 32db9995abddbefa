import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test, vi } from "vitest";
import { unb64u } from "../src/kit/bytes.ts";
import { publicJwk } from "../src/kit/keys.ts";
import { demandOrder } from "../src/live/check.ts";
import { checkConfig } from "../src/live/config.ts";
import { live } from "../src/live/main.ts";
import { mint } from "../src/live/token.ts";
import { config, ID, ISSUER } from "./live.support.ts";

const folder = mkdtempSync(join(tmpdir(), "sealwire-live-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}
const good = file("good.json", JSON.stringify(config()));

async function run(...args: string[]): Promise<{ code: number; stderr: string }> {
  let stderr = "";
  const spy = vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    stderr += String(text);
    return true;
  });
  try {
    return { code: await live(args), stderr };
  } finally {
    spy.mockRestore();
  }
}

/** A port that somebody holds, or that nobody does any more. */
async function port(held: boolean): Promise<{ number: number; free: () => void }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port: number } = server.address() as AddressInfo;
  if (!held) await new Promise((resolve) => server.close(resolve));
  return { number, free: () => server.close() };
}

describe("the command line of the live suite says in one line why nothing can be tested, and gives 2:", () => {
  test.each<[string, string[], RegExp]>([
    ["no such file", ["--listen", "0", "--config", join(folder, "none.json")], /none\.json cannot be read: ENOENT/],
    ["a file that is no JSON", ["--listen", "0", "--config", file("broken.json", '{"d":"hidden')], /is no JSON/],
    ["a file without topics", ["--listen", "0", "--config", file("empty.json", "{}")], /"server" is missing/],
    ["a port that is no number", ["--listen", "http", "--config", good], /--listen http: not a port/],
    ["a port out of range", ["--listen", "70000", "--config", good], /--listen 70000: not a port/],
    ["a check that does not exist", ["--listen", "0", "--config", good, "--only", "nonsense"], /no check.*"nonsense"/],
    ["an option that does not exist", ["--listen", "0", "--fast"], /--fast/],
  ])("%s", async (_what, args, line) => {
    const { code, stderr } = await run(...args);
    expect(code).toBe(2);
    expect(stderr).toMatch(line);
    expect(stderr).toMatch(/^[^\n]+\n$/);
    expect(stderr).not.toContain("hidden");
  });

  test("a connection that is refused", async () => {
    const { number } = await port(false);
    const { code, stderr } = await run(`ws://127.0.0.1:${number}/`, "--config", good);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/^ws:.*: cannot connect: .*ECONNREFUSED.*\n$/)]);
  });

  test("a port that is taken", async () => {
    const { number, free } = await port(true);
    const { code, stderr } = await run("--listen", String(number), "--config", good);
    free();
    expect([code, stderr]).toEqual([2, expect.stringMatching(/^cannot listen on port .*EADDRINUSE.*\n$/)]);
  });
});

describe("the configuration of the live suite", () => {
  test("is taken as it is when it is right", () => {
    expect(checkConfig(config({ limits: { idleSeconds: 3 } }), "x")).toMatchObject({ limits: { idleSeconds: 3 } });
  });

  test.each<[object, RegExp]>([
    [{ limits: { idleSecond: 3 } }, /x: there is no limit "idleSecond"/],
    [{ limits: { idleSeconds: "3" } }, /limit "idleSeconds" is not a positive number/],
    [{ limit: {} }, /x: "limit" is not known/],
    [{ levels: "aead" }, /x: "levels" is not an array of names/],
    [{ topics: { echo: "echo" } }, /x: "topics" is not an object with/],
    [{ server: { id: ID, keys: [] } }, /x: "server" is not an object with/],
  ])("is refused: %j", (changes, message) => {
    expect(() => checkConfig({ ...config(), ...changes }, "x")).toThrow(message);
  });

  test("a token names its key as the issuer's key in the configuration does, or not at all", () => {
    const head = (issuer: Parameters<typeof mint>[0]) =>
      JSON.parse(unb64u(mint(issuer, ID, "").split(".")[0] as string).toString());
    expect(head(ISSUER)).toEqual({ alg: "Ed25519", kid: "tokens-1", typ: "at+jwt" });
    const { kid: _, ...key } = ISSUER.key;
    expect(head({ name: ISSUER.name, key })).toEqual({ alg: publicJwk(key).alg, typ: "at+jwt" });
  });
});

describe("[claims:order] the order of claims is compared with the tables", () => {
  const opened = (control: boolean, ...names: string[]) => ({
    control,
    seq: 1,
    claims: Object.fromEntries(names.map((name) => [name, 1])),
  });
  test.each([
    opened(false, "iss", "aud", "bnd", "seq", "iat", "exp", "top", "ref", "dat"),
    opened(false, "seq", "own", "exp", "bat", "pad"),
    opened(true, "seq", "top", "code", "ref", "rcv"),
    opened(true, "seq", "top", "rcv"),
  ])("right: %j", (message) => {
    expect(() => demandOrder(message)).not.toThrow();
  });
  test.each([
    opened(false, "exp", "seq", "top", "dat"),
    opened(false, "seq", "exp", "ref", "top", "dat"),
    opened(true, "seq", "rcv", "top"),
    opened(true, "seq", "top", "ref", "code", "rcv"),
  ])("wrong: %j", (message) => {
    expect(() => demandOrder(message)).toThrow(/in the order/);
  });
});
