import type { ServerOptions } from "@sealwire/server";
import { describe, expect, test } from "vitest";
import { type Jwk, key } from "../src/kit/keys.ts";
import type { LiveConfig } from "../src/live/config.ts";
import { byRequirement, terminalReport } from "../src/live/report.ts";
import { testServer } from "../src/live/run.ts";
import { config, startServer, TOKENS } from "./live.support.ts";

/** Requirements that the suite finds broken. */
async function found(
  limits: Record<string, number>,
  over: Partial<ServerOptions>,
  changes: Partial<LiveConfig> = {},
): Promise<{ slugs: readonly string[]; report: string }> {
  const server = await startServer(limits, over);
  try {
    const narrow = { protocols: ["sealwire.v1.cbor"], levels: ["aead"], codecs: ["json"], ...changes };
    const results = await testServer(server.url, config(narrow), { slow: false });
    const slugs = byRequirement(results).flatMap(({ slug, failed }) => (failed.length > 0 ? [slug] : []));
    return { slugs, report: terminalReport(results, false) };
  } finally {
    await server.stop();
  }
}

describe("the live suite finds a server that", () => {
  test.each<[string, Record<string, number>, Partial<ServerOptions>, Partial<LiveConfig>, readonly string[]]>([
    ["authorizes everything", {}, { authorize: () => true }, {}, ["auth:deny-default", "batch:isolated"]],
    ["admits every page", {}, { origins: ["https://evil.example"] }, {}, ["hs:origin"]],
    ["has no control budget", { controlBurst: 5000 }, {}, {}, ["ctl:budget"]],
    ["takes larger messages", { messageBytes: 4_000_000 }, {}, {}, ["limit:message"]],
    ["takes tokens of any typ", {}, { tokens: { ...TOKENS, typ: "JWT" } }, {}, ["token:typ"]],
    ["admits more connections", { unauthenticatedPerAddress: 50 }, {}, {}, ["limit:connections"]],
    ["tolerates expired messages", { skewSeconds: 300 }, {}, {}, ["time:expired", "time:future"]],
    [
      "signs with another key",
      {},
      {},
      { server: { id: "https://chat.example", keys: [key("live/other", "ES256") as Jwk] } },
      ["kdf:schedule"],
    ],
  ])("%s", { timeout: 120_000 }, async (_name, limits, over, changes, expected) => {
    const { slugs, report } = await found(limits, over, changes);
    expect(slugs).toEqual(expect.arrayContaining([...expected]));
    for (const slug of expected) expect(report).toContain(`✗ ${slug}`);
  });
});
