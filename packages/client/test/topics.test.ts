import { type ConnectOptions, defineTopics, type SealwireError } from "@sealwire/client";
import { createServer, type ServerOptions } from "@sealwire/server";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { failure, serverOptions, startWorld, until } from "./support/world.ts";

const topics = defineTopics({
  "chat.say": z.object({ text: z.string() }),
  "chat.at": z.object({ at: z.iso.datetime().transform((s) => new Date(s)) }),
  "chat.join": { request: v.object({ room: v.string() }), reply: v.object({ members: v.array(v.string()) }) },
});

describe("the option topics over a real connection", () => {
  it("both sides take it, transform what comes, and refuse what does not fit", async () => {
    const errors: SealwireError[] = [];
    const world = await startWorld({ topics, onError: (error) => void errors.push(error) } as Partial<ServerOptions>);
    const dates: Date[] = [];
    world.sealwire.handle("chat.at", (data) => void dates.push((data as unknown as { at: Date }).at));
    world.sealwire.handle("chat.join", (data) => ({ members: [(data as { room: string }).room] }));
    expect(() => world.sealwire.handle("chat.nope", () => null)).toThrow(TypeError);

    const careful = await world.connect({ topics } as Partial<ConnectOptions>);
    expect(await careful.request("chat.join", { room: "a" })).toEqual({ members: ["a"] });
    await careful.send("chat.at", { at: "2030-01-01T00:00:00Z" });
    await until(() => dates.length === 1);
    expect(dates).toEqual([new Date("2030-01-01T00:00:00Z")]);
    expect(await failure(careful.send("chat.say", { text: 1 }))).toBeInstanceOf(TypeError);

    const careless = await world.connect();
    expect(await failure(careless.request("chat.join", { room: 1 }))).toMatchObject({
      code: "E_INVALID",
      remote: true,
    });
    await careless.send("chat.say", { text: 1 });
    await until(() => errors.length === 2);
    expect(errors.map((e) => e.detail)).toEqual([
      "topic chat.join, request: data.room",
      "topic chat.say, message: data.text",
    ]);
  });

  it("a client reports what its server got wrong; a listener that fails ends nothing", async () => {
    const world = await startWorld();
    const errors: SealwireError[] = [];
    const onError = (error: SealwireError) => {
      errors.push(error);
      throw new Error("listener");
    };
    const session = await world.connect({ topics, onError } as Partial<ConnectOptions>);
    const says = session.messages("chat.say");
    const [peer] = world.sealwire.sessions;
    await peer!.send("chat.say", { text: 1 });
    await peer!.send("chat.say", { text: "good" });
    expect((await says.next()).value).toMatchObject({ seq: 2, data: { text: "good" } });
    expect(errors).toMatchObject([{ code: "E_INVALID", ref: 1, detail: "topic chat.say, message: data.text" }]);
  });

  it("something else than a definition is a TypeError, before anything is opened", async () => {
    const world = await startWorld();
    const error = await failure(world.connect({ topics: { "chat.say": z.string() } } as Partial<ConnectOptions>));
    expect(error).toBeInstanceOf(TypeError);
    expect(() => createServer(serverOptions({ topics: {} } as Partial<ServerOptions>))).toThrow(/defineTopics/);
    expect(await new Promise((resolve) => world.http.getConnections((_, n) => resolve(n)))).toBe(0);
  });
});
