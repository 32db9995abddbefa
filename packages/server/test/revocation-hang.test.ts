import { expect, it } from "vitest";
import { rawResume, rawSession } from "./support/raw.ts";
import { startWorld, until } from "./support/world.ts";

it.each(["hangs", "is slow"])(
  "[revoke:end] revoked in a resume, while authorize %s about what is sent again: it ends, and nothing more is sent",
  async (how) => {
    let asked = 0;
    let hold = false;
    let release = (_: boolean) => {};
    const world = await startWorld({
      limits: { byeSeconds: 1 },
      authorize: () => {
        if (!hold) return true;
        asked++;
        return new Promise<boolean>((resolve) => {
          release = resolve;
        });
      },
    });
    const raw = await rawSession(world, { keep: true });
    const [peer] = world.server.sessions;
    raw.ws.pause();
    await peer?.send("secret", 1);
    raw.ws.terminate();
    await raw.info;
    await until(() => peer?.state === "reconnecting");
    hold = true;
    const got: unknown[] = [];
    raw.session.handle("secret", (data) => void got.push(data));
    const again = await rawResume(world, raw.session);
    await again.open;
    await until(() => asked === 1);
    await world.server.revoke({ subject: "alice" });
    if (how === "is slow") release(true);
    expect(await peer?.closed).toMatchObject({ error: { code: "E_REVOKED" } });
    await again.info;
    expect(got).toEqual([]);
    await until(() => world.server.sessions.size === 0);
  },
);
