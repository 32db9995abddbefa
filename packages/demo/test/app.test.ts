import { request } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startBot } from "../src/bot.ts";
import type { ChatMessage } from "../src/topics.ts";
import { upload } from "../src/transfer.ts";
import { eventually, type TestDemo, testDemo } from "./support.ts";

let demo: TestDemo;
beforeAll(async () => {
  demo = await testDemo({ assets: new URL("../static/", import.meta.url) });
});
afterAll(() => demo.end());

/** fetch does not let a caller set Host or Sec-Fetch-Site. */
function raw(
  path: string,
  headers: Record<string, string> = {},
  method = "GET",
  body = "",
): Promise<{ status: number; headers: Record<string, unknown>; text: string }> {
  return new Promise((resolve, reject) => {
    const req = request(new URL(path, demo.app.origin), { method, headers }, (res) => {
      let text = "";
      res.on("data", (d) => (text += d));
      res.on("end", () => resolve({ status: res.statusCode!, headers: res.headers, text }));
    });
    req.on("error", reject);
    req.end(body);
  });
}

test("serves the page under a strict policy that names the relay and nothing else", async () => {
  const { status, headers } = await raw("/");
  expect(status).toBe(200);
  expect(headers["content-security-policy"]).toBe(
    `default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' ws://127.0.0.1:${demo.relay.port}; img-src 'self' data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  );
  expect(headers).toMatchObject({ "x-content-type-options": "nosniff", "referrer-policy": "no-referrer" });
  expect(new URL(demo.relay.url).host).not.toBe(new URL(demo.app.origin).host);
});

test("the configuration pins the server's public key and holds no private one", async () => {
  const { text } = await raw("/config.json");
  const config = JSON.parse(text);
  expect(config.server.keys.keys).toHaveLength(1);
  expect(config.server.keys.keys[0]).not.toHaveProperty("d");
  expect(config.pinnedFrom).toBe(demo.app.origin);
  expect(JSON.parse((await raw("/jwks")).text).keys[0]).not.toHaveProperty("d");
});

test("answers under its own name only, and gives tokens and levers to its own page only", async () => {
  const { port } = new URL(demo.app.origin);
  expect((await raw("/token", { host: `evil.example:${port}` })).status).toBe(421);
  expect((await raw("/x", { host: `localhost:${port}` })).headers.location).toBe(`${demo.app.origin}/x`);
  for (const site of ["cross-site", "same-site"])
    for (const path of ["/token", "/jwks", "/api/expired-token?user=alice", "/api/operator"])
      expect((await raw(path, { "sec-fetch-site": site })).status).toBe(403);
  expect((await raw("/api/refusals", { origin: "http://evil.example" })).status).toBe(403);
});

test("refuses bad requests with a reason, and survives them", async () => {
  const post = (body: string, type = "application/json") =>
    raw("/api/relay/attack", { "content-type": type }, "POST", body);
  expect(await raw("/api/expired-token?user=mallory")).toMatchObject({
    status: 400,
    text: expect.stringContaining("known are alice"),
  });
  expect(await post("{")).toMatchObject({ status: 400, text: expect.stringContaining("JSON") });
  expect(await post("null")).toMatchObject({ status: 400 });
  expect(await post("{}", "text/plain")).toMatchObject({ status: 400 });
  expect(await post('{"id":"toString","connection":"x"}')).toMatchObject({
    status: 400,
    text: expect.stringContaining("no attack"),
  });
  expect(await post('{"id":"tamper","connection":"x"}')).toMatchObject({
    status: 400,
    text: expect.stringContaining("connect first"),
  });
  expect(await post(`"${"x".repeat(5000)}"`)).toMatchObject({ status: 400, text: expect.stringContaining("too long") });
  const operate = (name: string, body: string) =>
    raw(`/api/operator/${name}`, { "content-type": "application/json" }, "POST", body);
  expect(await operate("bar", '{"user":"mallory"}')).toMatchObject({ status: 400 });
  expect(await operate("unplug", '{"how":"gently"}')).toMatchObject({ status: 400 });
  expect(await operate("constructor", "{}")).toMatchObject({ status: 404 });
  for (const path of ["/../app.ts", "/constructor", "/api/nothing", "/%00"]) expect((await raw(path)).status).toBe(404);
  expect((await raw("/", {}, "POST")).status).toBe(405);
});

test("the bot greets, answers what is addressed to it, takes a file, and comes back when it is cut off", async () => {
  const heard: ChatMessage[] = [];
  const alice = await demo.session("alice", { onMessage: (message) => heard.push(message) });
  const bot = await startBot(demo.config);
  const said = (part: string) => eventually(() => heard.find((m) => m.from === "bot" && m.text.includes(part)));
  try {
    await said("I am a Node client");
    await alice.say("not for the bot");
    await alice.say("@bot are you there?");
    await said("@alice You wrote: are you there?");
    expect(heard.filter((m) => m.from === "bot")).toHaveLength(2);
    await upload(alice, {
      name: "a.bin",
      size: 300_000,
      type: "",
      slice: async (from, to) => new Uint8Array(to - from),
    });
    await said("it matches");
    // A cut it survives in its session, without another greeting; a revocation ends that.
    demo.relay.find("bot-1")!.cut();
    await alice.say("@bot still there?");
    await said("@alice You wrote: still there?");
    expect(heard.filter((m) => m.text.includes("I am a Node client"))).toHaveLength(1);
    heard.length = 0;
    await demo.issuer.revokeSubject("bot");
    await said("I am a Node client");
  } finally {
    await bot.close();
  }
});
