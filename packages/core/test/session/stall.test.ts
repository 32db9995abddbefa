import { describe, expect, it } from "vitest";
import { settle } from "../support/clock.ts";
import { gate, type Live, live, other, ROLES, type Role, released, upTo } from "../support/live.ts";
import { noUnhandledRejections } from "../support/unhandled.ts";

noUnhandledRejections();

const SECONDS = 30;

const start = () => live({ limits: { concurrentHandlers: 1, requestSeconds: SECONDS } });

const stalls = (pair: Live, role: Role) =>
  (pair.errors[role] as { code: string }[]).filter(({ code }) => code === "E_HANDLER");

describe("an application that takes nothing while messages wait for it", () => {
  it.each(ROLES)("is told once which handler is at work since when, %s", async (role) => {
    const pair = await start();
    const gates = upTo(3).map(() => gate());
    const begun: unknown[] = [];
    pair[role].session!.handle("slow", async (n) => {
      begun.push(n);
      await gates[(n as number) - 1]!.promise;
    });
    for (const n of upTo(3)) await pair[other(role)].session!.send("slow", n);
    await pair.clock.advance(SECONDS * 1000 - 1);
    expect([begun, stalls(pair, role)]).toEqual([[1], []]);
    await pair.clock.advance(1);
    expect(stalls(pair, role)).toMatchObject([
      { code: "E_HANDLER", stage: "local", fatal: false, detail: expect.stringMatching(/^slow: .*30 s/) },
    ]);
    await pair.clock.advance(SECONDS * 3000);
    expect(stalls(pair, role)).toHaveLength(1);
    // Where it goes on, and stands still again, that is another time.
    gates[0]!.open();
    await pair.clock.advance(SECONDS * 1000 - 1);
    expect([begun, stalls(pair, role).length]).toEqual([[1, 2], 1]);
    await pair.clock.advance(1);
    expect(stalls(pair, role)).toHaveLength(2);
    for (const { open } of gates) open();
    await settle();
    expect(begun).toEqual([1, 2, 3]);
    await pair[role].session!.close();
    await released(pair);
  });

  it("hears nothing of it where nothing waits, or where it goes on", async () => {
    const pair = await start();
    const gates = upTo(4).map(() => gate());
    pair.server.session!.handle("slow", (n) => gates[(n as number) - 1]!.promise);
    await pair.client.session!.send("slow", 1);
    await pair.clock.advance(SECONDS * 2000);
    for (const n of [2, 3, 4]) await pair.client.session!.send("slow", n);
    for (const { open } of gates) {
      await pair.clock.advance(SECONDS * 900);
      open();
    }
    await pair.clock.advance(SECONDS * 2000);
    expect(stalls(pair, "server")).toEqual([]);
    await pair.client.session!.close();
    await released(pair);
  });

  it.each(ROLES)("is told of a stream that is full and that nobody reads, %s", async (role) => {
    const pair = await live({ limits: { receiveQueueMessages: 3, requestSeconds: SECONDS } });
    const stream = pair[role].session!.messages("t");
    for (const n of upTo(3)) await pair[other(role)].session!.send("t", n);
    await pair.clock.advance(SECONDS * 1000 - 1);
    expect(stalls(pair, role)).toEqual([]);
    await pair.clock.advance(1);
    expect(stalls(pair, role)).toMatchObject([{ detail: expect.stringContaining("no stream was read") }]);
    for (const n of upTo(3)) expect((await stream.next()).value?.data).toBe(n);
    await pair.clock.advance(SECONDS * 2000);
    expect(stalls(pair, role)).toHaveLength(1);
    await pair[role].session!.close();
    await released(pair);
  });
});
