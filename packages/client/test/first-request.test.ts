import { expect, it } from "vitest";
import { startWorld } from "./support/world.ts";

it("a request that the server makes at once finds the handler that is registered after connect", async () => {
  const world = await startWorld();
  const answers: unknown[] = [];
  world.sealwire.onSession((session) => {
    session.request("who", null).then(
      (data) => answers.push(data),
      (error) => answers.push(error.code),
    );
  });
  for (let i = 1; i <= 20; i++) {
    const session = await world.connect();
    const asked = new Promise<void>((resolve) => {
      session.handle("who", () => {
        resolve();
        return i;
      });
    });
    await Promise.race([asked, session.closed, new Promise((resolve) => setTimeout(resolve, 500))]);
    await session.close();
  }
  expect(answers).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
});
