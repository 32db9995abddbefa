import { describe, expect, it } from "vitest";
import type { LiveSession } from "../../src/session/live.ts";
import { defineTopics, topicChecks } from "../../src/session/topics.ts";
import type { Denied } from "../../src/session/types.ts";
import { settle } from "../support/clock.ts";
import { gate } from "../support/live.ts";
import { cut, handshakeAgain, resumable, resume } from "../support/reconnect.ts";
import { noUnhandledRejections } from "../support/unhandled.ts";

// Another session counts from 1 again: what was said in the one before names nothing in it.

noUnhandledRejections();

const FAR = 1_893_458_000;
const lost = (info: { clean: boolean }) => !info.clean;
const schema = (wait: Promise<void> | undefined) => ({
  "~standard": {
    version: 1 as const,
    vendor: "test",
    validate: (value: unknown) => (wait === undefined ? { value } : wait.then(() => ({ value }))),
  },
});

/** A client that takes long to check the messages of one topic. */
async function checking() {
  const checked = gate();
  const any = schema(undefined);
  const call = { request: any, reply: any };
  const topics = topicChecks(defineTopics({ slow: schema(checked.promise), ask: call, t: any }));
  const granted = (token: string) => ({ expiresAt: FAR, scopes: [token] });
  const refresh = async (token: string) => granted(token);
  const options = { limits: { ackSeconds: 9999 }, clientHooks: { lost, topics }, serverHooks: { refresh } };
  const made = await resumable(options);
  const anew = async (connection: Parameters<typeof cut>[0]) => {
    await settle();
    await cut(connection);
    const attempt = handshakeAgain(made.pair);
    await settle();
    return attempt.session;
  };
  return { ...made, checked, anew };
}

/** The same on its second connection: what comes there waits for a message of the first one. */
async function behind() {
  const made = await checking();
  await made.server.send("slow", 1);
  await settle();
  await cut(made.pair);
  const second = await resume(made.pair);
  return { ...made, second };
}

/** The old request fails with its session; the new one of the same number gets its own answer, once the old work goes on. */
async function expectOwnAnswers(client: LiveSession, session: LiveSession, first: Promise<unknown>, goOn: () => void) {
  const answer = gate<string>();
  session.handle("ask", () => answer.promise);
  const again = client.request("ask", 2);
  goOn();
  await settle();
  answer.open("new");
  expect([await first, await again]).toEqual(["E_TRUNCATED", "new"]);
  await client.close();
}

describe("what came in a session that was replaced meanwhile", () => {
  it("a reply answers no request of the new one [req:ref-stale]", async () => {
    const { client, server, checked, second, anew } = await behind();
    server.handle("ask", () => "old");
    const first = client.request("ask", 1).catch(({ code }) => code);
    const session = await anew(second);
    await expectOwnAnswers(client, session, first, () => checked.open());
  });

  it("nor does one in a batch that is being decided [req:ref-stale] [batch:list]", async () => {
    const { pair, client, server, checked, anew } = await checking();
    server.handle("ask", () => {
      void server.send("slow", 1);
      return "old";
    });
    const first = client.request("ask", 1).catch(({ code }) => code);
    const session = await anew(pair);
    await expectOwnAnswers(client, session, first, () => checked.open());
  });

  it("an err refuses no request of the new one [req:failure]", async () => {
    const { client, checked, second, anew } = await behind();
    const first = client.request("ask", 1).catch(({ code }) => code);
    const session = await anew(second);
    await expectOwnAnswers(client, session, first, () => checked.open());
  });

  it("a request is not answered there, and the new one lives on [req:reply]", async () => {
    const { client, server, checked, second, anew } = await behind();
    const asked: unknown[] = [];
    client.handle("ask", (data) => {
      asked.push(data);
      return `answer to ${data}`;
    });
    void server.request("ask", "old").catch(() => {});
    const session = await anew(second);
    const again = session.request("ask", "new");
    checked.open();
    expect(await again).toBe("answer to new");
    expect([asked, client.state, session.state]).toEqual([["old", "new"], "open", "open"]);
    await client.close();
  });

  it("a refusal is not told of a message of before that had the same number [req:failure]", async () => {
    const authorize = ({ topic }: { topic: string }) => topic === "old";
    const { pair, client } = await resumable({ clientHooks: { lost }, serverHooks: { authorize } });
    const denied: Denied[] = [];
    client.onDenied((one) => void denied.push(one));
    await Promise.all([client.send("old", 1), client.send("old", 2)]);
    await client.send("old", 3);
    await settle();
    await cut(pair);
    handshakeAgain(pair);
    await settle();
    await client.send("new", 1);
    await expect(client.request("new", 2)).rejects.toMatchObject({ code: "E_DENIED" });
    expect(denied).toEqual([{ topic: "new", seq: 1, code: "E_DENIED" }]);
    await client.close();
  });
});

it("the answer to a token of a lost connection is none to the next token [refresh:lost] [refresh:ref]", async () => {
  const { pair, client, server, checked, second } = await behind();
  const first = client.refresh("first").catch(({ code }) => code);
  await settle();
  await cut(second);
  await resume(pair);
  const again = client.refresh("second");
  checked.open();
  expect([await first, await again]).toEqual(["E_TRUNCATED", { expiresAt: FAR, scopes: ["second"] }]);
  expect([client.scopes, client.state, server.state]).toEqual([["second"], "open", "open"]);
  await client.close();
});
