import type { Call, ClientSession, Data, Message, Sent } from "@sealwire/client";
import { connect } from "@sealwire/client";
import { createServer } from "@sealwire/server";
import { describe, expect, expectTypeOf, it } from "vitest";
import { server, serverOptions } from "./support/world.ts";

// The compiler reads this file (npm run typecheck); nothing but declarations runs.

interface Chat {
  "chat.say": { text: string };
  "chat.msg": { from: string; text: string };
  "chat.join": Call<{ room: string }, { members: string[] }>;
}

/** Never called: what stands inside is only typed. */
const typed = (_: () => unknown): void => {};

describe("the typed map", () => {
  it("of a client's session", () => {
    const use = (s: ClientSession<Chat>) => {
      expectTypeOf(s.request("chat.join", { room: "a" })).resolves.toEqualTypeOf<{ members: string[] }>();
      expectTypeOf(s.send("chat.say", { text: "a" })).resolves.toEqualTypeOf<Sent>();
      expectTypeOf(s.messages("chat.msg")).toEqualTypeOf<AsyncIterableIterator<Message<Chat["chat.msg"]>>>();
      s.handle("chat.msg", (data) => {
        expectTypeOf(data).toEqualTypeOf<Chat["chat.msg"]>();
      });
      s.handle("chat.join", ({ room }) => ({ members: [room] }));
      // @ts-expect-error unknown topic
      void s.send("chat.sya", { text: "a" });
      // @ts-expect-error data of another topic
      void s.send("chat.say", { room: "a" });
      // @ts-expect-error missing data
      void s.send("chat.say");
      // @ts-expect-error a call is requested, not sent
      void s.send("chat.join", { room: "a" });
      // @ts-expect-error a message is sent, not requested
      void s.request("chat.say", { text: "a" });
      // @ts-expect-error data of a call
      void s.request("chat.join", { text: "a" });
      // @ts-expect-error reply of another shape
      s.handle("chat.join", () => ({ people: [] }));
      // @ts-expect-error no reply
      s.handle("chat.join", () => {});
      // @ts-expect-error unknown topic
      s.handle("chat.nope", () => {});
      // @ts-expect-error unknown topic
      s.messages("chat.nope");
    };
    expect(use).toBeTypeOf("function");
  });

  it("of a server", () => {
    const sealwire = createServer<Chat>(serverOptions());
    sealwire.handle("chat.join", ({ room }, { session, message, signal }) => {
      expectTypeOf(room).toEqualTypeOf<string>();
      expectTypeOf(session.principal.scopes).toEqualTypeOf<ReadonlySet<string>>();
      expectTypeOf(message.seq).toEqualTypeOf<number>();
      expectTypeOf(signal).toEqualTypeOf<AbortSignal>();
      return { members: [] };
    });
    // @ts-expect-error reply of another shape
    sealwire.handle("chat.msg2", () => 1);
    typed(() => {
      // @ts-expect-error a promise of a reply of another shape
      sealwire.handle("chat.join", async () => ({ members: [1] }));
      for (const session of sealwire.sessions) {
        void session.send("chat.msg", { from: "a", text: "b" });
        // @ts-expect-error a server's session is typed too
        void session.send("chat.msg", { text: "b" });
      }
    });
    expectTypeOf(sealwire.sessions.size).toEqualTypeOf<number>();
  });

  it("without a map every topic takes any data, and nothing else", () => {
    const use = (s: ClientSession) => {
      expectTypeOf(s.request("anything", { a: [1] })).resolves.toEqualTypeOf<Data>();
      void s.send("anything", new Uint8Array());
      // @ts-expect-error a Date is no data
      void s.send("anything", new Date());
      // @ts-expect-error undefined is no data
      void s.send("anything", undefined);
    };
    expect(use).toBeTypeOf("function");
  });

  it("of connect", () => {
    typed(() => {
      expectTypeOf(connect<Chat>("wss://a.example", { server, token: "t" })).resolves.toEqualTypeOf<
        ClientSession<Chat>
      >();
      // @ts-expect-error server is required
      void connect("wss://a.example", { token: "t" });
      // @ts-expect-error token is required
      void connect("wss://a.example", { server });
      // @ts-expect-error unknown level
      void connect("wss://a.example", { server, token: "t", levels: ["plain"] });
    });
  });
});
