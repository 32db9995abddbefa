import { describe, expect, it } from "vitest";
import { backend as node } from "../../src/crypto/node.ts";
import { settle } from "../support/clock.ts";
import { openPair } from "../support/pair.ts";
import { attempt, cut, resumable, sessionOf } from "../support/reconnect.ts";
import { answering, foreign, NO, type Verdict } from "../support/verdicts.ts";

/** What the attempt to resume came to, where the keys of one end answer `verdict`. */
async function resumed(end: "client" | "server", verdict: Verdict) {
  let said: Verdict | undefined;
  const backend = answering(() => said);
  const { pair } = await resumable(
    end === "client" ? { backend, serverBackend: node } : { backend: node, serverBackend: backend },
  );
  await cut(pair);
  said = verdict;
  const tried = attempt(pair);
  await settle();
  await settle();
  return { pair, tried };
}

describe("nothing but true is a signature that holds, or a MAC", () => {
  it.each(NO)("the server's hello: %s is a no", async (_, verdict) => {
    const { client } = await openPair({ backend: answering(() => verdict), serverBackend: node });
    expect(client.info?.error).toMatchObject({ code: "E_SIG_SERVER" });
  });

  it("the server's hello: true of another realm is a yes", async () => {
    const { client } = await openPair({ backend: answering(() => () => foreign("true")), serverBackend: node });
    expect(client.session?.state).toBe("open");
  });

  describe.each([
    ["server", "E_CRYPTO"],
    ["client", "E_SIG_SERVER"],
  ] as const)("the hello of a resume, as the %s sees it", (end, code) => {
    it.each(NO)("%s is a no", async (_, verdict) => {
      const { pair, tried } = await resumed(end, verdict);
      expect(tried[end].info?.error).toMatchObject({ code });
      expect(sessionOf(pair, end).state).toBe("reconnecting");
    });

    it("true of another realm is a yes", async () => {
      const { pair } = await resumed(end, () => foreign("true"));
      expect(sessionOf(pair, end).state).toBe("open");
    });
  });
});
