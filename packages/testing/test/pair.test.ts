import { type Call, SealwireError } from "@sealwire/core";
import { expect, it, onTestFinished } from "vitest";
import { SimClock } from "../src/clock.ts";
import { createPair, type PairOptions } from "../src/pair.ts";

interface Chat {
  "chat.say": { text: string };
  "chat.join": Call<{ room: string }, { members: string[] }>;
}

async function open(options: PairOptions<Chat> = {}) {
  const pair = await createPair<Chat>(options);
  onTestFinished(() => pair.close());
  return pair;
}

const code = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => "resolved",
    (error: unknown) => (error instanceof SealwireError ? error.code : error),
  );

it.each(["mac", "sig", "aead", "nest"] as const)("talks in both directions at level %s", async (level) => {
  const { client, server } = await open({
    level,
    principal: { subject: "bob" },
    handlers: { "chat.join": ({ room }, { session }) => ({ members: [room, session.principal.subject] }) },
  });
  expect([client.level, server.level, client.id]).toEqual([level, level, server.id]);
  const said = new Promise((resolve) => client.handle("chat.say", ({ text }) => resolve(text)));
  expect(await client.request("chat.join", { room: "lobby" })).toEqual({ members: ["lobby", "bob"] });
  await server.send("chat.say", { text: "hello" });
  expect(await said).toBe("hello");
});

it("asks authorize with the principal that was named", async () => {
  const { client, server } = await open({
    principal: { subject: "bob", scopes: ["chat.say"], claims: { groups: ["staff"] } },
    authorize: ({ principal, topic }) => principal.scopes.has(topic),
    handlers: { "chat.join": () => ({ members: [] }) },
  });
  expect([server.principal.subject, server.principal.claims.groups]).toEqual(["bob", ["staff"]]);
  expect(await code(client.request("chat.join", { room: "lobby" }))).toBe("E_DENIED");
});

it("runs on virtual time: nothing expires until the test moves it", async () => {
  const clock = new SimClock();
  const pair = await open({ clock, handlers: { "chat.join": () => new Promise(() => {}) } });
  const reply = code(pair.client.request("chat.join", { room: "lobby" }, { timeout: 1000 }));
  await clock.advance(999);
  expect(await Promise.race([reply, "waits"])).toBe("waits");
  await clock.advance(1);
  expect(await reply).toBe("E_TIMEOUT");
  await pair.close();
  expect([clock.pending, pair.sealwire.sessions.size]).toEqual([0, 0]);
});

it("disconnect cuts the connection, and the session goes on over another one", async () => {
  const clock = new SimClock();
  const { client, server, sealwire, disconnect } = await open({ clock });
  const states: unknown[] = [];
  const said: unknown[] = [];
  client.onStateChange((state) => states.push(state));
  server.handle("chat.say", ({ text }) => said.push(text));
  for (const text of ["a", "b"]) {
    disconnect();
    await clock.advance(0);
    void client.send("chat.say", { text });
    expect([client.state, server.state]).toEqual(["reconnecting", "reconnecting"]);
    await clock.advance(500);
    expect([client.state, server.state]).toEqual(["open", "open"]);
  }
  expect([states, said]).toEqual([
    ["reconnecting", "open", "reconnecting", "open"],
    ["a", "b"],
  ]);
  expect([...sealwire.sessions]).toEqual([server]);
});

it("server is the session that took the place of one that was not resumed", async () => {
  const clock = new SimClock();
  const pair = await open({ clock, server: { resume: false } });
  const [before, id] = [pair.server, pair.client.id];
  pair.disconnect();
  await clock.advance(500);
  expect(await before.closed).toMatchObject({ error: { code: "E_TRUNCATED" } });
  expect(pair.server.id).toBe(pair.client.id);
  expect(pair.client.id).not.toBe(id);
});

it("disconnect ends both where nothing is resumed, and both say so", async () => {
  const { client, server, disconnect } = await open({ client: { reconnect: false }, server: { resume: false } });
  disconnect();
  for (const { closed } of [client, server]) {
    expect(await closed).toMatchObject({ clean: false, truncated: true, error: { code: "E_TRUNCATED" } });
  }
});

it("close ends both in order", async () => {
  const { client, server, close } = await open();
  await close();
  for (const { closed } of [client, server])
    expect(await closed).toEqual({ code: 1000, clean: true, truncated: false, undetermined: [] });
});

it("rejects as connect does, and leaves nothing behind", async () => {
  expect(await code(createPair({ server: { admit: () => false } }))).toBe("E_FORBIDDEN");
  await expect(createPair({ client: { levels: [] } })).rejects.toBeInstanceOf(TypeError);
});
