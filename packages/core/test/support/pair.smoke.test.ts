import { expect, it } from "vitest";
import { settle } from "./clock.ts";
import { BACKENDS, openPair } from "./pair.ts";

it.each(BACKENDS.map((b) => [b.name, b] as const))("opens over %s", async (_, backend) => {
  const pair = await openPair({ backend });
  await settle();
  pair.server.session?.handle("echo", (d) => d);
  expect(await pair.client.session?.request("echo", { a: 1 })).toEqual({ a: 1 });
  const info = await pair.client.session?.close();
  expect(info).toMatchObject({ clean: true });
  await settle();
  expect(pair.clock.pending).toBe(0);
});
