import { expect, it } from "vitest";
import type { InFlightTable } from "../dist/browser/page.js";
import { type Bar, bars } from "../dist/svg.js";

// The built package, as npm run bench runs it: its servers and loads are processes. Nothing here looks at a time.
const at = (module: string) => import(new URL(`../dist/${module}.js`, import.meta.url).href);
const quiet = () => {};

it("every contender seals and opens, at every size that a quick run has", async () => {
  const { micro } = await at("micro/run");
  const tables = await micro({ rounds: 1, slice: 1 }, true, quiet);
  expect(tables).toHaveLength(4);
  for (const { figures } of tables) {
    expect(Object.keys(figures).length).toBeGreaterThan(6);
    for (const { median, cpu } of Object.values(figures) as { median: number; cpu: number }[]) {
      expect(median).toBeGreaterThan(0);
      expect(cpu).toBeGreaterThanOrEqual(0);
    }
  }
}, 120_000);

it("every kind of server echoes what its load sends", async () => {
  const { echo, latency } = await at("echo/run");
  const { KINDS } = await at("echo/world");
  const figures = await echo({ kinds: KINDS, connections: 3, inFlight: 2, size: 256, rounds: 1, ms: 100 }, quiet);
  for (const kind of KINDS) expect(figures[kind].perSecond[0], kind).toBeGreaterThan(0);
  const paced = await latency(["ws", "sealwire"], 200, { rounds: 1, ms: 200, size: 256, connections: 3 }, quiet);
  const rounds = Object.values(paced) as [{ count: number; p50: number; p99: number; pauses: { server: object } }][];
  for (const [{ count, p50, p99, pauses }] of rounds) {
    expect(count).toBeGreaterThan(10);
    expect(p99).toBeGreaterThanOrEqual(p50);
    expect(pauses.server).toEqual({ longest: expect.any(Number), share: expect.toSatisfy((s) => s >= 0 && s < 1) });
  }
});

it("handshakes, memory and size are measured", async () => {
  const [{ handshakes }, { memory }, { overhead }] = [await at("handshake"), await at("memory"), await at("size")];
  const effort = { rounds: 1, count: 10, warm: 3, profiled: 10 };
  const { cpu, perSecond, beside, profiles, ...rest } = await handshakes(effort, quiet);
  expect(Object.keys(cpu)).toEqual(["sealwire", "pooled", "ws", "floor"]);
  for (const values of [...Object.values(cpu), ...Object.values(perSecond), ...Object.values(rest)])
    expect(values).toEqual([expect.any(Number)]);
  for (const [{ count, p99 }] of Object.values(beside) as [{ count: number; p99: number }][]) {
    expect(count).toBeGreaterThan(10);
    expect(p99).toBeGreaterThan(0);
  }
  expect(Object.keys(profiles)).toEqual(["sealwire", "ws", "floor"]);
  const { ownShare } = await at("profile");
  expect(ownShare(profiles.sealwire)).toBeGreaterThan(0);
  expect(ownShare(profiles.sealwire)).toBeLessThan(0.9);
  for (const bare of [profiles.ws, profiles.floor]) expect(ownShare(bare)).toBe(0);
  expect(await memory([20], quiet)).toMatchObject([{ connections: 20 }]);
  expect([1, 255, 65_535, 65_536].map((seq) => overhead(seq))).toEqual([58, 60, 62, 66]);
  expect(overhead(65_535, 16)).toBe(16.9375);
});

it("a profile tells where the server's time goes, and the heap what an idle session consists of", async () => {
  const [{ profiles }, { ownShare, partOf }, { consists }] = [
    await at("echo/run"),
    await at("profile"),
    await at("memory"),
  ];
  const { sealwire } = await profiles(["sealwire"], 2, { size: 256, inFlight: 4, ms: 300 }, quiet);
  const sum = Object.values(sealwire as Record<string, number>).reduce((all, share) => all + share, 0);
  expect(sum).toBeCloseTo(1);
  expect(Object.keys(sealwire)).toEqual(expect.arrayContaining(["core/session", "core/envelope", "ws", "node:crypto"]));
  expect(ownShare({ "core/wire": 0.25, core: 0.125, server: 0.125, "node:crypto": 0.25, coreless: 0.25 })).toBe(0.5);
  const part = (functionName: string, url: string) => partOf({ functionName, url });
  expect([part("(garbage collector)", ""), part("writev", "")]).toEqual([
    "garbage collection",
    "system calls, built-in functions",
  ]);
  expect(part("f", "file:///x/packages/server/dist/a.js")).toBe("server");
  expect(part("f", "/x/node_modules/@scope/name/lib/a.js")).toBe("@scope/name");
  const idle = await consists("sealwire", 30);
  expect(Math.round(idle.SessionMachine.count)).toBe(1);
  expect(idle.SessionMachine.bytes).toBeGreaterThan(100);
}, 30_000);

it("the client for browsers is measured, and each part of it", async () => {
  const { bundle } = await at("bundle");
  const { minified, gzip, parts } = await bundle();
  expect(gzip).toBeLessThan(minified);
  const names = parts.map(({ part }: { part: string }) => part);
  expect(names).toEqual(expect.arrayContaining(["client", "core/session", "core/registry", "cbor-x"]));
  expect(parts.reduce((sum: number, part: { minified: number }) => sum + part.minified, 0)).toBe(minified);
});

it("a page that connects gets nothing at once that only tokens, envelopes, evidence or servers need", async () => {
  const { browserBundle, ENTRIES } = await at("bundle");
  const { modules } = await browserBundle(ENTRIES.connect);
  expect(modules).toContain("packages/core/dist/session/live.js");
  const rare =
    /jose|standalone|evidence|snapshot|server-(handshake|resume)|memory-store|expiring-table|contract|standard-schema/;
  expect(modules.filter((path: string) => rare.test(path))).toEqual([]);
});

it("envelopes alone are no session, nor anything that connects", async () => {
  const { bundle, browserBundle, ENTRIES } = await at("bundle");
  const { modules } = await browserBundle(ENTRIES.envelopes);
  expect(modules).toEqual(expect.arrayContaining(["packages/core/dist/crypto/webcrypto.js"]));
  expect(modules.filter((path: string) => /session\/(?!payload)|client|isomorphic-ws|jose/.test(path))).toEqual([]);
  expect((await bundle(ENTRIES.envelopes)).gzip).toBeLessThan((await bundle(ENTRIES.connect)).gzip);
});

it("jose and what a server does with a session are nowhere in what the client exports, until jose is needed", async () => {
  const { browserBundle, ENTRIES } = await at("bundle");
  const { modules } = await browserBundle(ENTRIES.all);
  expect(modules).toContain("packages/core/dist/envelope/evidence.js");
  expect(modules.filter((path: string) => /jose|snapshot|server-(handshake|resume)/.test(path))).toEqual([]);
});

it("a browser measures, or it is said why it did not", async () => {
  const { browsers } = await at("browser/run");
  const asked = {
    sizes: [64],
    quick: true,
    effort: { rounds: 1, slice: 1 },
    inFlight: [1, 2],
    inFlightSizes: [256, 300],
  };
  const all = await browsers(asked, 2, 15, quiet);
  expect(all.map(({ name }: { name: string }) => name)).toEqual(["Chromium", "Firefox", "WebKitGTK"]);
  for (const { answer, missing } of all) {
    expect(answer === undefined).toBe(missing !== undefined);
    if (answer === undefined) continue;
    expect(answer.micro.map(({ what }: { what: string }) => what)).toEqual(["bytes", "object"]);
    expect(Object.keys(answer.micro[0].figures)).toHaveLength(6);
    const of = answer.inFlight.map(({ size, inFlight, pages, figures }: InFlightTable) => [
      size,
      inFlight,
      pages,
      ...Object.values(figures).map(({ rounds }) => rounds.length),
    ]);
    // What is held to a bound has pages of its own, each of which is a round.
    expect(of).toEqual([
      [256, 1, 1, ...Array(6).fill(1)],
      [256, 2, 2, ...Array(6).fill(2)],
      [300, 1, 1, ...Array(6).fill(1)],
      [300, 2, 1, ...Array(6).fill(1)],
    ]);
  }
}, 60_000);

it("a profile tells where the time goes that sessions of a page take themselves", async () => {
  const { ownTime } = await at("browser/run");
  const shares = (await ownTime(100_000, quiet)) as Record<string, number>;
  expect(Object.values(shares).reduce((all, share) => all + share, 0)).toBeCloseTo(1);
  expect(Object.keys(shares)).toEqual(expect.arrayContaining(["core/session", "core/envelope", "bench"]));
  expect(Object.keys(shares)).not.toContain("node:crypto");
});

it("a browser that is not there is named, with what is missing", async () => {
  const { browsers } = await at("browser/run");
  const { PATH, SEALWIRE_CHROMIUM } = process.env;
  process.env.PATH = "";
  delete process.env.SEALWIRE_CHROMIUM;
  const all = await browsers(
    { sizes: [], quick: true, effort: { rounds: 1, slice: 1 }, inFlight: [], inFlightSizes: [] },
    1,
    5,
    quiet,
  ).finally(() => Object.assign(process.env, { PATH }, SEALWIRE_CHROMIUM === undefined ? {} : { SEALWIRE_CHROMIUM }));
  for (const { missing } of all) expect(missing).toMatch(/^it is not installed: /);
});

it("one message reaches every subscriber, and a file the other end, whole", async () => {
  const { fanOut, file } = await at("traffic/run");
  const [spread] = await fanOut({ sizes: [3], rounds: 1 }, quiet);
  expect(spread.subscribers).toBe(3);
  for (const kind of ["ws", "socket.io", "sealwire"]) {
    expect(spread.figures[kind].last[0], kind).toBeGreaterThan(0);
    expect(spread.figures[kind].cpu[0], kind).toBeGreaterThan(0);
  }
  const tables = await file({ rounds: 1, bytes: 2_000_000, profiled: 40 }, quiet);
  const { ownShare } = await at("profile");
  for (const { profiles } of tables) {
    expect(Object.keys(profiles)).toEqual(["bare", "sealwire"]);
    for (const end of ["server", "client"]) expect(ownShare(profiles.bare[end]), end).toBe(0);
    expect(ownShare(profiles.sealwire.server) + ownShare(profiles.sealwire.client)).toBeGreaterThan(0);
  }
  expect(tables.map(({ to }: { to: string }) => to)).toEqual(["server", "client"]);
  for (const { figures } of tables)
    for (const kind of ["ws", "sealwire"]) expect(figures[kind].perSecond[0], kind).toBeGreaterThan(0);
}, 60_000);

it("a plot names what it shows, and its longest bar is the largest value", () => {
  const all: Bar[] = [
    { name: "one & only", value: 10, own: true },
    { name: "two", value: 2000 },
  ];
  const svg = bars("Seal <and> open", "µs", all);
  expect(svg).toContain('aria-label="Seal &#60;and&#62; open"');
  expect(svg).toContain("one &#38; only");
  expect(svg).toContain("2,000 µs");
  const widths = [...svg.matchAll(/<rect x="\d+" y="\d+" width="([\d.]+)"/g)].map((match) => Number(match[1]));
  expect(widths).toHaveLength(2);
  expect(widths[0] as number).toBeLessThan(widths[1] as number);
});
