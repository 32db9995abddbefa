import { describe, expect, it } from "vitest";
import type { Payload } from "../../src/envelope/sealer.ts";
import { settle } from "../support/clock.ts";
import { CRYPTO, expectFatal, HEADER, LEVELS, WIRES } from "../support/messages.ts";
import { openPair } from "../support/pair.ts";
import { Puppet } from "../support/puppet.ts";
import { expectRefusal } from "../support/tamper.ts";

type Level = (typeof LEVELS)[number];

describe("messages from elsewhere", () => {
  const at = (level: Level, protocol: (typeof WIRES)[number]) => ({ level, protocol, codec: "json" }) as const;
  for (const protocol of WIRES) {
    // On the binary wire the header is not sent: the key decides.
    const verdict = protocol === "sealwire.v1.text" ? HEADER : CRYPTO;
    it.each(LEVELS)(`a message sent back to its sender, %s, ${protocol} [header:not-in-table]`, async (level) => {
      const pair = await openPair(at(level, protocol));
      const got: unknown[] = [];
      pair.server.session!.handle("t", (d) => {
        got.push(d);
      });
      await pair.server.session!.send("t", 1);
      await settle();
      const own: Payload = pair.link.log.at(-1)!.payload;
      pair.link.tap = () => [];
      pair.link.inject("c2s", own);
      await expectRefusal(pair, { side: "server", ...verdict });
      expect(got).toEqual([]);
    });

    it.each(LEVELS.filter((level) => level !== "sig"))(
      `a message of another session, %s, ${protocol}`,
      async (level) => {
        const other = new Puppet(await openPair(at(level, protocol)));
        const stolen = await other.message();
        await expectFatal(() => stolen, verdict, at(level, protocol));
      },
    );
  }
});
