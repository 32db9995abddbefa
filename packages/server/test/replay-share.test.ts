import { createMemoryReplayStore, generateProofKey } from "@sealwire/core";
import { describe, expect, it } from "vitest";
import { jktOf, token } from "./support/keys.ts";
import { startWorld, until } from "./support/world.ts";

describe("a replay store of one server, share 10 of 100 entries", () => {
  it("[idem:share] a principal with many proof keys has one share, and the room of others stays", async () => {
    const replay = createMemoryReplayStore({ startedAt: 0, capacity: 100 });
    const world = await startWorld({ replay });
    const taken = new Map<string, number>();
    world.server.handle("pay", (_, { session }) => {
      const { subject } = session.principal;
      taken.set(subject, (taken.get(subject) ?? 0) + 1);
    });
    const refused: string[] = [];
    const pay = async (sub: string, times: number) => {
      const proof = await generateProofKey();
      const bound = await token({ sub, cnf: { jkt: await jktOf(proof) } });
      const session = await world.connect({ proof, token: bound });
      session.onDenied(({ code }) => refused.push(`${sub} ${code}`));
      for (let i = 0; i < times; i++) await session.send("pay", i, { idempotent: true });
    };
    for (let key = 0; key < 10; key++) await pay("mallory", 10);
    await until(() => refused.length + (taken.get("mallory") ?? 0) === 100);
    await pay("alice", 1);
    await until(() => taken.has("alice") || refused.some((one) => one.startsWith("alice")));
    expect(Object.fromEntries(taken)).toEqual({ mallory: 10, alice: 1 });
    expect(new Set(refused)).toEqual(new Set(["mallory E_REPLAY_STORE"]));
  });
});
