import { createMemoryResumeStore } from "@sealwire/server";
import { expect, it } from "vitest";
import { b64u } from "./support/keys.ts";
import { rawResume, rawSession, rawSocket, TEXT } from "./support/raw.ts";
import { startWorld, until } from "./support/world.ts";

it("[resume:mac] forged hellos with the K of a parked session have it read once, and its client resumes all the same", async () => {
  const store = createMemoryResumeStore();
  let reads = 0;
  const find = async (kid: string) => {
    const found = await store.find(kid);
    if (found !== undefined) reads++;
    return found;
  };
  const a = await startWorld({ resume: { store } });
  const b = await startWorld({ resume: { store: { ...store, find } } });
  const raw = await rawSession(a, { keep: true });
  const kid = raw.session.life.ledger.chains[0]?.kid as string;
  raw.ws.terminate();
  await raw.info;
  await until(() => store.find(kid) !== undefined);
  const header = b64u(JSON.stringify({ alg: "HS256", kid, typ: "sealwire-ch+jwt" }));
  const forge = async () => {
    const { ws, closed } = await rawSocket(b, { protocols: [TEXT] });
    ws.send(`${header}.${b64u("{}")}.${"A".repeat(43)}`);
    return (await closed).code;
  };
  const codes = await Promise.all(Array.from({ length: 5 }, forge));
  for (let i = 0; i < 5; i++) codes.push(await forge());
  expect(new Set(codes)).toEqual(new Set([4501]));
  await until(() => b.errors.length === 10);
  expect(b.errors.map(({ error }) => error.code)).toEqual(Array(10).fill("E_CRYPTO"));
  expect(reads).toBe(1);
  await (await rawResume(b, raw.session)).open;
  expect([...b.server.sessions].map(({ id }) => id)).toEqual([raw.session.id]);
});
