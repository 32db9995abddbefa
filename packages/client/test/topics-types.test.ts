import {
  type Call,
  type ClientSession,
  connect,
  defineTopics,
  type Message,
  type Topics,
  type TopicsOf,
  type Transformed,
} from "@sealwire/client";
import { createServer, type SealwireServer } from "@sealwire/server";
import * as v from "valibot";
import { describe, expect, expectTypeOf, it } from "vitest";
import * as z from "zod";
import { server, serverOptions } from "./support/world.ts";

// The compiler reads this file (npm run typecheck); nothing but declarations runs.

interface Chat {
  "chat.say": { text: string };
  "chat.join": Call<{ room: string }, { members: string[] }>;
  "chat.at": Transformed<string, Date>;
  "chat.list": Call<Transformed<{ limit?: number | undefined }, { limit: number }>, Transformed<string, Date>>;
}

const zod = defineTopics({
  "chat.say": z.object({ text: z.string() }),
  "chat.join": { request: z.object({ room: z.string() }), reply: z.object({ members: z.array(z.string()) }) },
  "chat.at": z.string().transform((s) => new Date(s)),
  "chat.list": {
    request: z.object({ limit: z.number().default(10) }),
    reply: z.string().transform((s) => new Date(s)),
  },
});

const valibot = defineTopics({
  "chat.say": v.object({ text: v.string() }),
  "chat.join": { request: v.object({ room: v.string() }), reply: v.objectAsync({ members: v.array(v.string()) }) },
  "chat.at": v.pipe(
    v.string(),
    v.transform((s) => new Date(s)),
  ),
  "chat.list": {
    request: v.object({ limit: v.optional(v.number(), 10) }),
    reply: v.pipeAsync(
      v.string(),
      v.transformAsync(async (s) => new Date(s)),
    ),
  },
});

/** Never called: what stands inside is only typed. */
const typed = (_: () => unknown): void => {};

describe("the map that a definition infers", () => {
  it("is that of an interface, by each library", () => {
    expectTypeOf<{ [K in keyof Chat]: Chat[K] }>().toEqualTypeOf<TopicsOf<typeof zod>>();
    expectTypeOf<{ [K in keyof Chat]: Chat[K] }>().toEqualTypeOf<TopicsOf<typeof valibot>>();
    expectTypeOf(zod).toExtend<Topics<Chat>>();
    expectTypeOf(valibot).toExtend<Topics<Chat>>();
  });

  it("any and unknown stay what they are", () => {
    const loose = defineTopics({
      a: z.any(),
      u: z.unknown(),
      coerced: z.coerce.number(),
      made: z.any().transform(String),
    });
    expectTypeOf<TopicsOf<typeof loose>>().toEqualTypeOf<{
      // biome-ignore lint/suspicious/noExplicitAny: what z.any() means
      a: any;
      u: unknown;
      coerced: Transformed<unknown, number>;
      // biome-ignore lint/suspicious/noExplicitAny: what z.any() means
      made: Transformed<any, string>;
    }>();
  });

  it("definitions hold schemas only", () => {
    typed(() => {
      // @ts-expect-error no schema
      defineTopics({ a: "string" });
      // @ts-expect-error no reply
      defineTopics({ a: { request: z.string() } });
      // @ts-expect-error a reply that is no schema
      defineTopics({ a: { request: z.string(), reply: String } });
    });
    expect(() => defineTopics({})).not.toThrow();
  });
});

/** What holds for a client and a server of either library. */
const use = (s: ClientSession<TopicsOf<typeof zod>>, sealwire: SealwireServer<TopicsOf<typeof valibot>>) => {
  expectTypeOf(s.request("chat.join", { room: "a" })).resolves.toEqualTypeOf<{ members: string[] }>();
  expectTypeOf(s.request("chat.list", {})).resolves.toEqualTypeOf<Date>();
  expectTypeOf(s.messages("chat.at")).toEqualTypeOf<AsyncIterableIterator<Message<Date>>>();
  void s.send("chat.at", "2030-01-01");
  // @ts-expect-error the sender gives the input
  void s.send("chat.at", new Date());
  // @ts-expect-error a call is requested, not sent
  void s.send("chat.join", { room: "a" });
  // @ts-expect-error a message is sent, not requested
  void s.request("chat.say", { text: "a" });
  // @ts-expect-error unknown topic
  void s.send("chat.nope", { text: "a" });
  s.handle("chat.at", (data, { message }) => {
    expectTypeOf(data).toEqualTypeOf<Date>();
    expectTypeOf(message).toEqualTypeOf<Message<Date>>();
  });
  sealwire.handle("chat.list", ({ limit }, { message, session }) => {
    expectTypeOf(limit).toEqualTypeOf<number>();
    expectTypeOf(message.data).toEqualTypeOf<{ limit: number }>();
    void session.send("chat.say", { text: "a" });
    return "2030-01-01";
  });
  // @ts-expect-error a handler gives the input of the reply
  sealwire.handle("chat.list", () => new Date());
};

describe("inference", () => {
  it("of sessions and handlers", () => {
    expect(use).toBeTypeOf("function");
  });

  it("of connect and createServer, from the option alone", () => {
    const options = { server, token: "t" };
    typed(() => {
      expectTypeOf(connect("wss://a.example", { ...options, topics: zod })).resolves.toEqualTypeOf<
        ClientSession<TopicsOf<typeof zod>>
      >();
      expectTypeOf(connect("wss://a.example", { ...options })).resolves.toEqualTypeOf<ClientSession>();
      expectTypeOf(createServer({ ...serverOptions(), topics: valibot })).toEqualTypeOf<
        SealwireServer<TopicsOf<typeof valibot>>
      >();
      expectTypeOf(createServer(serverOptions())).toEqualTypeOf<SealwireServer>();
    });
  });

  it("an interface and a definition have to agree", () => {
    typed(() => {
      createServer<Chat>({ ...serverOptions(), topics: zod });
      createServer<Chat>(serverOptions());
      const other = defineTopics({ "chat.say": z.object({ text: z.number() }) });
      // @ts-expect-error another map
      createServer<Chat>({ ...serverOptions(), topics: other });
      // @ts-expect-error not what defineTopics made
      createServer<Chat>({ ...serverOptions(), topics: {} });
    });
  });
});
