import { describe, expect, it } from "vitest";
import * as z from "zod";
import type { StandardSchema } from "../../src/session/standard-schema.ts";
import { defineTopics, topicChecks } from "../../src/session/topics.ts";
import { settle, until } from "../support/clock.ts";
import { gate, live, seqsOf } from "../support/live.ts";
import { BOTH, onClient, printed, SECRET, seen } from "../support/topics.ts";
import { noUnhandledRejections } from "../support/unhandled.ts";

noUnhandledRejections();

describe("definitions", () => {
  const text = z.string();
  it.each<[string, unknown, RegExp]>([
    ["null", null, /plain object/],
    ["a schema alone", text, /plain object/],
    ["a map", new Map([["a", text]]), /plain object/],
    ["a topic that is lost as prototype", { __proto__: { a: text } }, /plain object/],
    ["a name that is no topic", { "a b": text }, /"a b"/],
    ["an empty name", { "": text }, /not a topic/],
    ["nothing", { a: undefined }, /a has no Standard Schema/],
    ["a function", { a: () => true }, /a has no Standard Schema/],
    ["another version", { a: { "~standard": { version: 2, vendor: "x", validate: () => ({}) } } }, /Standard Schema 1/],
    ["no validate", { a: { "~standard": { version: 1, vendor: "x" } } }, /Standard Schema 1/],
    ["a request without reply", { a: { request: text } }, /request and reply/],
    ["a reply without request", { a: { reply: text } }, /request and reply/],
    ["a call of no schemas", { a: { request: {}, reply: {} } }, /request and reply/],
  ])("%s is a TypeError", (_, schemas, message) => {
    expect(() => defineTopics(schemas as never)).toThrow(TypeError);
    expect(() => defineTopics(schemas as never)).toThrow(message);
  });

  it("a schema can be a function, and an object without prototype holds topics", () => {
    const schema: StandardSchema = Object.assign(() => {}, { "~standard": z.string()["~standard"] });
    expect(() => defineTopics(Object.assign(Object.create(null), { a: schema }))).not.toThrow();
  });

  it.each([[{}], [null], [{ a: text }], ["topics"]])("the option takes nothing else: %s", (topics) => {
    expect(() => topicChecks(topics)).toThrow(TypeError);
  });
});

describe.each(BOTH)("what this side sends, %s", (_, topics) => {
  it("that does not fit is a TypeError with topic and path, uses no number and never shows data [seq:late]", async () => {
    const pair = await onClient(topics);
    const session = pair.client.session!;
    const got = seen(pair, "say");
    const failures = await Promise.all(
      [
        session.send("say", { text: 1, secret: SECRET }),
        session.send("deep", { list: [{ name: "a" }, { name: SECRET.length, x: SECRET }] }),
        session.send("slow", { n: 11 }),
        session.request("join", { room: [SECRET] }),
        session.send("date", { [SECRET]: SECRET }),
      ].map((work) => work.catch((error: unknown) => error as Error)),
    );
    const paths = ["say, message: data.text", "deep, message: data.list[1].name", "slow, message: data.n"];
    for (const [i, part] of [...paths, "join, request: data.room", "date, message: data"].entries()) {
      expect(failures[i]).toBeInstanceOf(TypeError);
      expect((failures[i] as Error).message).toBe(`topic ${part}`);
      expect(printed(failures[i])).not.toContain(SECRET);
    }
    expect(seqsOf(pair, "client")).toEqual([]);
    await session.send("say", { text: "a" });
    await until(() => got.length === 1);
    expect(seqsOf(pair, "client")).toEqual([1]);
  });

  it("on another topic, or of another kind than defined, is a TypeError", async () => {
    const pair = await onClient(topics);
    const session = pair.client.session!;
    for (const topic of ["nope", "__proto__", "constructor", "say.x"]) {
      await expect(session.send(topic, { text: "a" })).rejects.toThrow(
        new TypeError(`topic ${topic} is not defined in topics`),
      );
      await expect(session.request(topic, { text: "a" })).rejects.toBeInstanceOf(TypeError);
      expect(() => session.handle(topic, () => {})).toThrow(TypeError);
      expect(() => session.messages(topic)).toThrow(TypeError);
    }
    await expect(session.send("join", { room: "a" })).rejects.toThrow("not as a message");
    await expect(session.request("say", { text: "a" })).rejects.toThrow("not as a call");
    expect(seqsOf(pair, "client")).toEqual([]);
  });

  it("goes as it was given: the receiver transforms it, with defaults, once", async () => {
    const pair = await live({ clientHooks: { topics }, serverHooks: { topics } });
    const dates = pair.server.session!.messages("date");
    const says: unknown[] = [];
    pair.server.session!.handle("say", (data, { message }) => void says.push(data, message.data));
    await pair.client.session!.send("date", "2030-01-01T00:00:00Z");
    await pair.client.session!.send("say", { text: "a", dropped: true });
    await until(() => says.length > 0);
    expect((await dates.next()).value).toMatchObject({ topic: "date", data: new Date("2030-01-01T00:00:00Z") });
    expect(says).toEqual([{ text: "a" }, { text: "a" }]);
  });
});

describe("asynchronous schemas of what is sent", () => {
  const gates = [gate(), gate()];
  const topics = topicChecks(
    defineTopics({
      t: z.unknown().refine(async (n) => {
        await gates[n as number]?.promise;
        return n !== 1;
      }),
      fast: z.number(),
    }),
  );

  it("messages keep the order of the calls; one that fails behind a slow one leaves no gap [seq:send]", async () => {
    const pair = await onClient(topics);
    const got: unknown[] = [];
    for (const topic of ["t", "fast"]) pair.server.session!.handle(topic, (data) => void got.push(data));
    const session = pair.client.session!;
    const sent = Promise.allSettled([
      session.send("t", 0),
      session.send("t", 1),
      session.send("fast", 2),
      session.send("fast", "3"),
      session.send("t", 4),
    ]);
    gates[1]!.open();
    await settle();
    expect(seqsOf(pair, "client")).toEqual([]);
    gates[0]!.open();
    expect((await sent).map((s) => s.status)).toEqual(["fulfilled", "rejected", "fulfilled", "rejected", "fulfilled"]);
    await until(() => got.length === 3);
    expect(got).toEqual([0, 2, 4]);
    expect(seqsOf(pair, "client")).toEqual([1, 2, 3]);
  });

  it("what the caller changes meanwhile is neither authorized nor sent", async () => {
    const asked: unknown[] = [];
    const slow = topicChecks(defineTopics({ t: z.object({ n: z.number() }).refine(async () => true) }));
    const authorize = ({ data }: { data: unknown }) => asked.push(structuredClone(data)) > 0;
    const pair = await live({ clientHooks: { topics: slow, authorize } });
    const got = seen(pair, "t");
    const data = { n: 1 };
    const sent = pair.client.session!.send("t", data);
    data.n = 2;
    await sent;
    await until(() => got.length === 1);
    expect([asked, got]).toEqual([[{ n: 1 }], [{ n: 1 }]]);
  });

  it("one that refuses after the session has ended leaves no rejection that nobody looks at", async () => {
    const pair = await onClient(topicChecks(defineTopics({ t: z.number().refine(async () => false) })));
    const session = pair.client.session!;
    await session.close();
    await expect(session.send("t", 0)).rejects.toMatchObject({ code: "E_CLOSED" });
    await settle();
  });

  it("one that never answers holds nothing up when the session ends", async () => {
    const never = topicChecks(defineTopics({ t: z.unknown().refine(() => new Promise(() => {})) }));
    const pair = await onClient(never);
    const sent = pair.client.session!.send("t", 0);
    await pair.server.session!.close();
    await expect(sent).rejects.toMatchObject({ code: "E_CLOSED" });
  });
});
