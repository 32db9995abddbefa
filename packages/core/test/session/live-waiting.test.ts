import { expect, it, onTestFinished } from "vitest";
import { settle } from "../support/clock.ts";
import { gate, live, ROLES, released, upTo } from "../support/live.ts";
import { cut, resumable, resume, sessionOf } from "../support/reconnect.ts";
import { noUnhandledRejections } from "../support/unhandled.ts";

noUnhandledRejections();

it("both ends ask more than they may keep and handle at once: receipts are read all the same [ack:wait]", async () => {
  const limits = { retainedMessages: 2, concurrentHandlers: 1, receiveQueueMessages: 1 };
  const { pair, client } = await resumable({ limits });
  const answers: Promise<unknown>[] = [];
  for (const role of ROLES) sessionOf(pair, role).handle("q", (data) => data);
  for (const n of upTo(3)) for (const role of ROLES) answers.push(sessionOf(pair, role).request("q", n));
  const got = Promise.all(answers);
  got.catch(() => {});
  // Receipts come after two seconds, and room for two messages with each.
  for (const _ of upTo(14)) {
    await settle();
    await pair.clock.advance(2000);
  }
  await settle();
  expect(await got).toEqual(upTo(3).flatMap((n) => [n, n]));
  await client.close();
  await released(pair);
});

it("many messages that wait for a connection leave no listener behind when the session ends", async () => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error) => warnings.push(warning);
  process.on("warning", onWarning);
  onTestFinished(() => void process.off("warning", onWarning));
  const { pair, client } = await resumable();
  await cut(pair);
  const sent = upTo(30).map((n) => client.send("t", n));
  await settle();
  await client.close();
  const outcomes = await Promise.allSettled(sent);
  expect(outcomes.every(({ status }) => status === "rejected")).toBe(true);
  await settle();
  expect(warnings).toEqual([]);
});

it("bytes that wait are copied, and not the buffer that they are a part of", async () => {
  const { pair, got, client } = await resumable({ codec: "cbor" });
  await cut(pair);
  const file = new Uint8Array(16 * 2 ** 20).fill(7);
  const before = process.memoryUsage().arrayBuffers;
  for (const n of upTo(10)) void client.send("t", file.subarray(n, n + 4));
  await settle();
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(file.length);
  file.fill(8);
  await resume(pair);
  await settle();
  expect(got.server).toEqual(upTo(10).map(() => Uint8Array.of(7, 7, 7, 7)));
  await client.close();
  await released(pair);
});

it("a peer's reason to end stands, also where its socket never closes [close:end]", async () => {
  const pair = await live({ limits: { byeSeconds: 60, idleSeconds: 45 } });
  pair.link.client.close = () => {};
  pair.link.server.close = () => {};
  void sessionOf(pair, "server").leave();
  await settle();
  await pair.clock.advance(61_000);
  await settle();
  pair.link.client.breakOff();
  await settle();
  expect(pair.client.info).toMatchObject({ code: 1001, clean: true, error: { code: "E_CLOSED", remote: true } });
});

it("what was committed is delivered where the session outlives a connection that fell silent [resume:again]", async () => {
  const decision = gate<boolean>();
  const authorize = ({ direction }: { direction: string }) => direction === "out" || decision.promise;
  const { pair, got, client, server } = await resumable({ serverHooks: { authorize } });
  await client.send("t", 1);
  await settle();
  pair.link.server.close = () => {};
  pair.link.tap = () => [];
  // The server is not silent itself while it decides: what it waits for is an answer to its rekey.
  server.rekey();
  await pair.clock.advance(30_000);
  expect(server.state).toBe("open");
  decision.open(true);
  await settle();
  expect(got.server).toEqual([1]);
  await cut(pair);
  await resume(pair);
  await client.send("t", 2);
  await settle();
  expect(got.server).toEqual([1, 2]);
  await client.close();
});

it("a message whose turn comes as the connection is lost waits for the next one [ack:wait]", async () => {
  // Whatever of what follows from a receipt has been done by then.
  for (const steps of upTo(24)) {
    const { pair, got, client, server } = await resumable({ limits: { retainedMessages: 1 } });
    await client.send("t", 1);
    const second = client.send("t", 2);
    await settle();
    server.probe(1000);
    for (let i = 0; i < steps; i++) await undefined;
    pair.link.client.breakOff();
    await cut(pair);
    await resume(pair);
    await expect(second, `${steps} steps`).resolves.toMatchObject({ seq: expect.any(Number) });
    await settle();
    expect(got.server).toEqual([1, 2]);
    await client.close();
    await released(pair);
  }
});
