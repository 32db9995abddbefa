import { describe, expect, it } from "vitest";
import { backend as node } from "../../src/crypto/node.ts";
import { backend as webcrypto } from "../../src/crypto/webcrypto.ts";
import { tokenHash } from "../../src/session/client-auth.ts";
import { allPairs, type Combination, pairsOf, product } from "../support/all-pairs.ts";
import { settle, until } from "../support/clock.ts";
import { openPair, TOKEN } from "../support/pair.ts";

const FACTORS = {
  level: ["mac", "sig", "aead", "nest"],
  protocol: ["sealwire.v1.cbor", "sealwire.v1.text"],
  codec: ["json", "cbor"],
  suite: ["x25519", "p256"],
  proof: ["ES256", "Ed25519", "none"],
  serverAlg: ["ES256", "Ed25519"],
  token: ["bearer", "proof", "ath"],
  backends: ["node/node", "webcrypto/webcrypto", "node/webcrypto", "webcrypto/node"],
} as const;
type Row = Combination<typeof FACTORS>;

const EXCLUDED: readonly (readonly [reason: string, (row: Row) => boolean])[] = [
  [
    "a bearer token has no proof key, and a key-bound one needs it",
    (r) => (r.proof === "none") !== (r.token === "bearer"),
  ],
  [
    "levels sig and nest sign with the proof key",
    (r) => r.proof === "none" && (r.level === "sig" || r.level === "nest"),
  ],
];
const valid = (row: Row) => !EXCLUDED.some(([, excluded]) => excluded(row));
const ROWS = allPairs(FACTORS, valid);

const TEXT = { text: "grüße", list: [1, -2, 3.5, null, true], deep: { a: { b: ["c"] } } };
const BYTES = Uint8Array.from({ length: 300 }, (_, i) => i);

describe("all pairs of levels, wires, codecs, suites, algorithms, token modes and backends", () => {
  it("are covered by the table, except for those that cannot be", () => {
    const covered = new Set(ROWS.flatMap(pairsOf));
    const missing = product(FACTORS)
      .flatMap(pairsOf)
      .filter((pair) => !covered.has(pair));
    expect([...new Set(missing)].sort()).toEqual([
      "level=nest,proof=none",
      "level=nest,token=bearer",
      "level=sig,proof=none",
      "level=sig,token=bearer",
      "proof=ES256,token=bearer",
      "proof=Ed25519,token=bearer",
      "proof=none,token=ath",
      "proof=none,token=proof",
    ]);
    expect(ROWS.length).toBeLessThan(40);
  });

  it("are the same table in every run", () => {
    expect(allPairs(FACTORS, valid)).toEqual(ROWS);
  });

  it.each(ROWS.map((row) => [Object.values(row).join(" "), row] as const))("%s", async (_, row) => {
    const [clientBackend, serverBackend] = row.backends.split("/").map((name) => (name === "node" ? node : webcrypto));
    const pair = await openPair({
      ...row,
      backend: clientBackend!,
      serverBackend: serverBackend!,
      client: { tokenSentAtUpgrade: row.token === "ath" },
      server: { upgradeToken: row.token === "ath" ? TOKEN : undefined },
      clientHooks: { authorize: () => true },
      serverHooks: { authorize: () => true },
    });
    const { client, server, clock } = pair;
    expect([client.info, server.info]).toEqual([undefined, undefined]);
    const ends = [client.session!, server.session!];
    const common = { level: row.level, codec: row.codec, suite: row.suite, protocol: row.protocol, subject: "alice" };
    for (const end of ends) expect(end).toMatchObject({ ...common, id: ends[0]!.id, scopes: ["chat"] });

    const got: unknown[][] = [[], []];
    ends.forEach((end, i) => {
      end.handle("note", (data) => {
        got[i]!.push(data);
      });
      end.handle("echo", (data) => data);
    });
    for (const [i, end] of ends.entries()) {
      await end.send("note", TEXT);
      await end.send("note", BYTES);
      await end.send("note", null);
      await until(() => got[1 - i]!.length === 3, "three messages");
      expect(got[1 - i]).toEqual([TEXT, BYTES, null]);
      expect(await end.request("echo", { to: i })).toEqual({ to: i });
      expect(await end.request("echo", BYTES)).toEqual(BYTES);
    }

    expect(await client.session!.close()).toEqual({ code: 1000, clean: true, truncated: false, undetermined: [] });
    await until(() => server.info !== undefined, "the end of the server");
    expect(server.info).toEqual({ code: 1000, clean: true, truncated: false, undetermined: [] });
    await settle();
    expect(clock.pending).toBe(0);
  });

  it("node and webcrypto hash an upgrade token alike", async () => {
    expect(await tokenHash(webcrypto, TOKEN)).toBe(await tokenHash(node, TOKEN));
  });
});
