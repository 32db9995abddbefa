import assert from "node:assert";
import { describe, expect, it } from "vitest";
import type { StandardSchema } from "../../src/session/standard-schema.ts";
import { defineTopics, topicChecks } from "../../src/session/topics.ts";
import type { Data } from "../../src/wire/json.ts";
import { settle, until } from "../support/clock.ts";
import { controlsOf, end, live, seqsOf } from "../support/live.ts";
import { Puppet } from "../support/puppet.ts";
import { BOTH, onClient, onServer, printed, reported, SECRET, seen } from "../support/topics.ts";

describe.each(BOTH)("what the peer sends, %s", (_, topics) => {
  it("a request that does not fit: E_INVALID to the peer and to onError, with paths and without data", async () => {
    const pair = await onServer(topics);
    pair.server.session!.handle("join", () => expect.unreachable("invalid"));
    await expect(pair.client.session!.request("join", { room: { secret: SECRET } })).rejects.toMatchObject({
      code: "E_INVALID",
      remote: true,
      fatal: false,
      detail: undefined,
    });
    expect(controlsOf(pair, "server")).toEqual([{ seq: 1, top: "err", code: "E_INVALID", ref: 1, rcv: 1 }]);
    expect(reported(pair, "server")).toMatchObject([
      { code: "E_INVALID", stage: "deliver", ref: 1, remote: false, detail: "topic join, request: data.room" },
    ]);
    expect(printed(reported(pair, "server")[0])).not.toContain(SECRET);
  });

  it("a message that does not fit is not delivered, and nothing is sent about it [ctl:members]", async () => {
    const pair = await onServer(topics);
    const got = seen(pair, "deep");
    const stream = pair.server.session!.messages("say");
    const all = pair.server.session![Symbol.asyncIterator]();
    for (const list of [[{ name: "a" }, { name: [SECRET] }], SECRET, undefined]) {
      await pair.client.session!.send("deep", (list === undefined ? {} : { list }) as never);
    }
    await pair.client.session!.send("say", { text: [SECRET] });
    await pair.client.session!.send("say", { text: "good" });
    expect((await stream.next()).value).toMatchObject({ seq: 5, data: { text: "good" } });
    expect((await all.next()).value).toMatchObject({ seq: 5 });
    expect(got).toEqual([]);
    expect(controlsOf(pair, "server")).toEqual([]);
    expect(reported(pair, "server").map((e) => [e.code, e.ref, e.detail])).toEqual([
      ["E_INVALID", 1, "topic deep, message: data.list[1].name"],
      ["E_INVALID", 2, "topic deep, message: data.list"],
      ["E_INVALID", 3, "topic deep, message: data.list"],
      ["E_INVALID", 4, "topic say, message: data.text"],
    ]);
    for (const error of reported(pair, "server")) expect(printed(error)).not.toContain(SECRET);
  });

  it("another topic, or another kind than defined, reaches nobody", async () => {
    const pair = await live({ serverHooks: { topics, handler: () => () => expect.unreachable("not defined") } });
    const all = pair.server.session![Symbol.asyncIterator]();
    for (const topic of ["nope", "__proto__", "constructor", "say"]) {
      await expect(pair.client.session!.request(topic, { text: "a" })).rejects.toMatchObject({ code: "E_NO_HANDLER" });
    }
    await pair.client.session!.send("__proto__", { text: "a" });
    await pair.client.session!.send("join", { room: "a" });
    await settle();
    expect(reported(pair, "server").map((e) => [e.code, e.detail])).toEqual([
      ["E_NO_HANDLER", "topic nope is not defined in topics"],
      ["E_NO_HANDLER", "topic __proto__ is not defined in topics"],
      ["E_NO_HANDLER", "topic constructor is not defined in topics"],
      ["E_NO_HANDLER", "topic say: defined, but not as a call"],
      ["E_INVALID", "topic __proto__ is not defined in topics"],
      ["E_INVALID", "topic join: defined, but not as a message"],
    ]);
    await pair.client.session!.close();
    expect(await all.next()).toMatchObject({ done: true });
  });

  it("is authorized first: who may not send learns nothing of the schema", async () => {
    const pair = await live({ serverHooks: { topics, authorize: ({ data }) => data === "never" } });
    await expect(pair.client.session!.request("join", 1)).rejects.toMatchObject({ code: "E_DENIED" });
    await expect(pair.client.session!.request("nope", 1)).rejects.toMatchObject({ code: "E_DENIED" });
    expect(reported(pair, "server")).toEqual([]);
  });

  it("member names are data too: only those of programs are shown", async () => {
    const pair = await onServer(topics);
    for (const name of ["a@b.example", "x\ny", "\u202e", "toString", "a".repeat(65)]) {
      await pair.client.session!.send("map", { [name]: SECRET });
    }
    await until(() => reported(pair, "server").length === 5);
    expect(reported(pair, "server").map((e) => e.detail)).toEqual(
      ["[…]", "[…]", "[…]", ".toString", "[…]"].map((path) => `topic map, message: data${path}`),
    );
  });

  it("asynchronous schemas hold back what comes after: order of arrival is order of delivery", async () => {
    const pair = await onServer(topics);
    const got: unknown[] = [];
    pair.server.session!.handle("slow", (data) => void got.push(data));
    pair.server.session!.handle("say", (data) => void got.push(data));
    for (const n of [1, 11, 2]) await pair.client.session!.send("slow", { n });
    await pair.client.session!.send("say", { text: "last" });
    await until(() => got.length === 3);
    expect(got).toEqual([{ n: 1 }, { n: 2 }, { text: "last" }]);
    expect(reported(pair, "server").map((e) => [e.ref, e.detail])).toEqual([[2, "topic slow, message: data.n"]]);
  });
});

describe.each(BOTH)("replies, %s", (_, topics) => {
  it("the requester gets what its schema makes of the reply", async () => {
    const pair = await live({ clientHooks: { topics }, serverHooks: { topics } });
    pair.server.session!.handle("join", (data) => ({ members: [(data as { room: string }).room], dropped: 1 }));
    expect(await pair.client.session!.request("join", { room: "a" })).toEqual({ members: ["a"], more: false });
  });

  it("a handler's reply that does not fit: E_HANDLER to the peer, and onError has the paths", async () => {
    const pair = await onServer(topics);
    const replies: unknown[] = [{ members: [1, SECRET.length] }, undefined, { members: SECRET }];
    pair.server.session!.handle("join", () => replies.shift());
    for (let i = 0; i < 3; i++) {
      await expect(pair.client.session!.request("join", { room: "a" })).rejects.toMatchObject({ code: "E_HANDLER" });
    }
    const errors = reported(pair, "server");
    expect(errors.map((e) => [e.code, e.detail])).toEqual(Array(3).fill(["E_HANDLER", "join"]));
    const messages = errors.map((e) => (e.cause as Error).message);
    expect(messages[0]).toMatch(/^topic join, reply: data\.members\[0\]/);
    expect(messages.slice(1)).toEqual(["topic join, reply: data", "topic join, reply: data.members"]);
    for (const error of errors) expect(printed(error)).not.toContain(SECRET);
    expect(seqsOf(pair, "server")).toEqual([1, 2, 3]);
  });

  it("a peer's reply that does not fit rejects its request with a local E_INVALID; the session goes on", async () => {
    const pair = await onClient(topics);
    const replies: unknown[] = [{ members: [{ SECRET }] }, { members: [] }];
    pair.server.session!.handle("join", () => replies.shift());
    const error = await pair.client.session!.request("join", { room: "a" }).catch((e: unknown) => e);
    expect(error).toMatchObject({
      code: "E_INVALID",
      remote: false,
      fatal: false,
      detail: "topic join, reply: data.members[0]",
    });
    expect(printed(error)).not.toContain(SECRET);
    expect(controlsOf(pair, "client")).toEqual([]);
    expect(await pair.client.session!.request("join", { room: "a" })).toEqual({ members: [], more: false });
  });
});

describe.each(BOTH)("hostile data, %s", (_, topics) => {
  it("__proto__ as a member ends the session before any schema sees it [claims:proto]", async () => {
    const pair = await onServer(topics);
    const got = seen(pair, "map");
    const puppet = Puppet.seize(pair);
    const claims = JSON.stringify(puppet.claims({ top: "map", dat: { x: 1 } })).replace('"x"', '"__proto__"');
    puppet.deliver(await puppet.message(claims));
    expect((await end(pair, "server")).error).toMatchObject({ code: "E_CLAIMS" });
    expect([got, reported(pair, "server")]).toEqual([[], []]);
  });

  it.each(["constructor", "prototype", "toString", "hasOwnProperty"])("a member %s pollutes nothing", async (name) => {
    const pair = await onServer(topics);
    const got = seen(pair, "map") as object[];
    await pair.client.session!.send("map", { [name]: 1, x: 2 });
    await until(() => got.length === 1);
    expect(got[0]).toMatchObject({ x: 2 });
    expect([Object.getPrototypeOf(got[0]), ({} as { x?: number }).x]).toEqual([Object.prototype, undefined]);
  });

  it("nested as deep as claims can be: refused, with a path of bounded length", async () => {
    const pair = await onServer(topics);
    const got = seen(pair, "tree");
    const nested = (leaf: unknown) => Array.from({ length: 14 }).reduce((inner) => ({ next: [inner] }), leaf) as Data;
    await pair.client.session!.send("tree", nested({ next: SECRET }));
    await pair.client.session!.send("tree", nested({ next: [] }));
    await until(() => got.length === 1);
    expect(got).toEqual([nested({ next: [] })]);
    expect(reported(pair, "server").map((e) => e.detail)).toEqual([
      `topic tree, message: data${".next[0]".repeat(8)}…`,
    ]);
  });
});

describe("schemas that break the standard refuse", () => {
  const broken: [string, () => unknown][] = [
    ["throws", () => assert.fail("mine")],
    ["rejects", () => Promise.reject(new Error("mine"))],
    ["answers nothing", () => undefined],
    ["answers true", () => true],
    ["answers no value", () => ({})],
    ["answers no value later", async () => ({})],
    ["answers an issue that is none", () => ({ issues: [null] })],
    ["answers issues that are none", () => ({ issues: true })],
    ["answers a value and issues", () => ({ value: 1, issues: [] })],
  ];

  it.each(broken)("%s", async (_, validate) => {
    const schema = { "~standard": { version: 1, vendor: "test", validate } } as StandardSchema;
    const topics = topicChecks(defineTopics({ t: schema, call: { request: schema, reply: schema } }));
    const pair = await onServer(topics);
    for (const topic of ["t", "call"]) pair.server.session!.handle(topic, () => expect.unreachable("refused"));
    await pair.client.session!.send("t", 1);
    await expect(pair.client.session!.request("call", 1)).rejects.toMatchObject({ code: "E_INVALID", remote: true });
    await expect(pair.server.session!.send("t", 1)).rejects.toBeInstanceOf(TypeError);
    expect(reported(pair, "server").map((e) => e.code)).toEqual(["E_INVALID", "E_INVALID"]);
  });

  it("what one throws is the cause; a promise of another library is awaited; many issues are a few", async () => {
    const answers: (() => unknown)[] = [
      () => Promise.reject(new Error("mine")),
      // biome-ignore lint/suspicious/noThenProperty: a thenable that is no Promise
      () => ({ then: (f: (v: unknown) => void) => void queueMicrotask(() => f({ value: "made" })) }),
      // biome-ignore lint/suspicious/noThenProperty: a promise of a refusal, whose then() answers something else
      () => Object.assign(Promise.resolve({ issues: [] }), { then: () => ({ value: "unchecked" }) }),
      () => ({
        issues: Array.from({ length: 50 }, (_, i) => ({ message: SECRET, path: [{ key: i }, Symbol(SECRET)] })),
      }),
    ];
    const schema = {
      "~standard": { version: 1, vendor: "test", validate: () => answers.shift()?.() },
    } as StandardSchema;
    const pair = await onServer(topicChecks(defineTopics({ t: schema })));
    const got = seen(pair, "t");
    for (let i = 0; i < 4; i++) await pair.client.session!.send("t", i);
    await until(() => reported(pair, "server").length === 3);
    expect(got).toEqual(["made"]);
    const [threw, , many] = reported(pair, "server");
    expect(threw).toMatchObject({ detail: "topic t: the schema of its message failed", cause: new Error("mine") });
    const shown = Array.from({ length: 8 }, (_, i) => `data[${i}][…]`).join(", ");
    expect(many!.detail).toBe(`topic t, message: ${shown} and more`);
    expect(printed(many)).not.toContain(SECRET);
  });
});
