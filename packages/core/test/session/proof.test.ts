import { createHash } from "node:crypto";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import type { CryptoBackend, Verifier } from "../../src/crypto/backend.ts";
import { backend as node } from "../../src/crypto/node.ts";
import { SealwireError } from "../../src/errors.ts";
import { generateKey } from "../../src/keys/generate.ts";
import type { ErrorCode } from "../../src/registry.generated.ts";
import type { VerifiedToken } from "../../src/session/server-handshake.ts";
import { both, claim, type Edit, flipBit, inner, passes, type Row, refusesCoarsely } from "../support/client-auth.ts";
import { settle } from "../support/clock.ts";
import { openPair, type PairOptions, TOKEN } from "../support/pair.ts";
import { b64u, fromFull, openCompact, unb64u } from "../support/raw.ts";
import { expectClearRefusal, tampered } from "../support/tamper.ts";

const ath = (token: string): string => b64u(createHash("sha256").update(token).digest());
const OTHER = await generateKey("ES256");
const { alg: _, ...OTHER_JWK } = OTHER.publicJwk;

/** A token check that finds this. */
function token(found: Partial<VerifiedToken> = {}) {
  const verifyToken = async (): Promise<VerifiedToken> => {
    return {
      issuer: "i",
      clientId: undefined,
      subject: "alice",
      scopes: [],
      expiresAt: 1_893_456_000 + 3600,
      jkt: undefined,
      ...found,
    };
  };
  return { verifyToken };
}
const bearer = (server: PairOptions["server"] = {}): PairOptions => ({
  proof: "none",
  server: { ...token(), ...server },
});

/** The bearer variant in place of the proof. */
const strip: Edit = (ca) => {
  ca.outer = { alg: "dir", enc: "A256GCM", kid: ca.outer.kid, typ: ca.outer.typ };
  ca.header = undefined;
};
const byAnotherKey: Edit = (ca) => {
  ca.header = { alg: "ES256", jwk: OTHER_JWK, typ: "sealwire-auth+jwt" };
  ca.key = OTHER.privateJwk;
};
const nothing: Edit = () => {};
const failing = (code: ErrorCode): PairOptions => ({
  server: { verifyToken: () => Promise.reject(new SealwireError(code, { stage: "claims" })) },
});

describe("class rules, all E_POP [ca:coarse]", () => {
  const rows: Row[] = [
    ["ath in a bearer CA [pop:bearer-ath]", claim({ at: undefined, ath: ath(TOKEN) }), bearer({ upgradeToken: TOKEN })],
    [
      "ath in a bearer CA, of a key-bound token [pop:bearer-ath]",
      both(strip, claim({ at: undefined, ath: ath(TOKEN) })),
      { server: { upgradeToken: TOKEN } },
    ],
    ["ath in a bearer CA, no upgrade token [pop:bearer-ath]", claim({ at: undefined, ath: ath(TOKEN) }), bearer()],
    ["a key-bound token without its proof [pop:stripped]", strip],
    ["a key-bound token in a bearer CA [pop:stripped]", nothing, bearer(token({ jkt: "A".repeat(43) }))],
    ["a proof with a bearer token [pop:no-cnf]", nothing, { server: token() }],
    ["a bearer token where a proof is required [pop:required]", strip, { server: { ...token(), proof: "required" } }],
    ["a bearer token at level sig [pop:required]", strip, { level: "sig", server: token() }],
    ["a proof by another key [pop:thumbprint]", byAnotherKey],
    ["a token bound to another key [pop:thumbprint]", nothing, { server: token({ jkt: "A".repeat(43) }) }],
    ["a flipped signature [pop:signature]", (ca) => Object.assign(ca, { signature: flipBit })],
    ["no signature [pop:signature]", (ca) => Object.assign(ca, { signature: () => new Uint8Array() })],
    ["a signature by another key [pop:signature]", (ca) => Object.assign(ca, { key: OTHER.privateJwk })],
    ["a zero signature [pop:signature]", (ca) => Object.assign(ca, { signature: () => new Uint8Array(64) })],
    [
      "a zero signature, Ed25519 [pop:signature]",
      (ca) => Object.assign(ca, { signature: () => new Uint8Array(64) }),
      { proof: "Ed25519" },
    ],
    ["at beside a key-bound upgrade token [token:upgrade-ath]", nothing, { server: { upgradeToken: TOKEN } }],
  ];
  refusesCoarsely(rows, "E_POP", "claims");
});

describe("tokens, all E_TOKEN [ca:coarse]", () => {
  const upgraded = { client: { tokenSentAtUpgrade: true } };
  const rows: Row[] = [
    ["of 8,193 bytes [token:size]", claim({ at: "x".repeat(8193) })],
    ["of 8,193 bytes, bearer [token:size]", claim({ at: "x".repeat(8193) }), bearer()],
    ["expired at the very second", nothing, bearer(token({ expiresAt: 1_893_456_000 }))],
    [
      "ath of another token [token:upgrade-match]",
      claim({ ath: ath("other") }),
      { ...upgraded, server: { upgradeToken: TOKEN } },
    ],
    ["ath without an upgrade token [token:upgrade-match]", nothing, upgraded],
    ["a bearer at that is not the upgrade token [token:upgrade-match]", nothing, bearer({ upgradeToken: `${TOKEN}x` })],
    ["refused by the token check", nothing, failing("E_TOKEN")],
  ];
  refusesCoarsely(rows, "E_TOKEN", "claims");
  passes([["of 8,192 bytes [token:size]", claim({ at: "x".repeat(8192) })]]);
});

describe("the ways that are right", () => {
  it.each([
    ["a proof with at", {}, { at: TOKEN }],
    [
      "a proof with ath",
      { client: { tokenSentAtUpgrade: true }, server: { upgradeToken: TOKEN } },
      { ath: ath(TOKEN) },
    ],
    ["bearer", bearer(), { at: TOKEN }],
    [
      "bearer, and at the upgrade",
      { ...bearer({ upgradeToken: TOKEN }), client: { tokenSentAtUpgrade: true } },
      { at: TOKEN },
    ],
  ] as const)("%s", async (_, options, credential) => {
    const pair = await openPair(options);
    expect(pair.server.session).toBeDefined();
    const ca = pair.link.log.filter((e) => e.direction === "c2s")[1]!;
    const plaintext = openCompact(fromFull(ca.payload), pair.keys.get("c hs key")!).toString();
    const claims = JSON.parse(plaintext.startsWith("{") ? plaintext : unb64u(plaintext.split(".")[1]!).toString());
    expect(claims).toMatchObject(credential);
    expect(Object.keys(claims)).toHaveLength(5);
  });
});

describe("admission [auth:connection]", () => {
  it.each([
    ["false", (): boolean => false],
    ["a promise of false", async (): Promise<boolean> => false],
    ["nothing at all", (): boolean => undefined as unknown as boolean],
  ] as const)("%s is E_FORBIDDEN, 3003", async (_, admit) => {
    const pair = await openPair({ server: { admit } });
    await expectClearRefusal(pair, { side: "server", code: "E_FORBIDDEN", stage: "claims", close: 3003 });
    expect(pair.client.info!.error).toMatchObject({ code: "E_FORBIDDEN", remote: true });
  });

  it("a policy that throws lets nobody in", async () => {
    const admit = (): never => {
      throw new Error("no database");
    };
    const pair = await openPair({ server: { admit } });
    expect(pair.server.info!.error).toMatchObject({ code: "E_INTERNAL", closeCode: 1011 });
    expect(pair.server.session).toBeUndefined();
  });

  it("sees the token's principal, after every other check", async () => {
    const admitted: unknown[] = [];
    const admit = (t: VerifiedToken): boolean => admitted.push(t.subject) > 0;
    expect((await openPair({ server: { admit } })).server.session).toBeDefined();
    await tampered({ ca: (ca) => Object.assign(ca, { signature: flipBit }) }, { server: { admit } });
    expect(admitted).toEqual(["alice"]);
  });
});

describe("the order of the checks [ca:order]", () => {
  const flip: Edit = (ca) => Object.assign(ca, { signature: flipBit });

  /** A server that notes when it looks at a token and when it verifies a signature. */
  async function order(
    ca: Edit,
    options: PairOptions = {},
    verdict?: Promise<boolean>,
  ): Promise<{ steps: string[]; code: string | undefined }> {
    const steps: string[] = [];
    const serverBackend: CryptoBackend = {
      ...node,
      importVerifier: async (jwk) => {
        const verifier: Verifier = await node.importVerifier(jwk);
        return {
          ...verifier,
          verify: (...args: Parameters<Verifier["verify"]>) => {
            steps.push("proof");
            return verdict ?? verifier.verify(...args);
          },
        };
      },
    };
    const jkt = { value: undefined as string | undefined };
    const pair = await tampered(
      { ca },
      {
        ...options,
        serverBackend,
        onLink: (_, secrets) => {
          jkt.value = secrets.clientId;
        },
        server: {
          verifyToken: async () => {
            steps.push("token");
            return { issuer: "i", clientId: undefined, subject: "a", scopes: [], expiresAt: 2e9, jkt: jkt.value };
          },
          ...options.server,
        },
      },
    );
    return { steps, code: pair.server.info?.error?.code };
  }

  it("the token is the first signature that is looked at, the proof the second", async () => {
    expect(await order(nothing)).toMatchObject({ steps: ["token", "proof"] });
  });

  it.each([
    ["an object", {} as never],
    ["a promise of another realm, of false", runInNewContext("Promise.resolve(false)")],
  ])("nothing but true is a proof that holds: %s is a no [ca:coarse]", async (_, verdict) => {
    expect(await order(flip, {}, verdict)).toEqual({ steps: ["token", "proof"], code: "E_POP" });
  });

  const late = { exp: 1_893_456_000 + 61 };
  it.each([
    ["header before syntax", both(inner({ typ: "JWT" }), claim({ aud: 1 })), "E_TYP"],
    ["syntax before th", both(claim({ aud: 1, th: "A".repeat(43) })), "E_CLAIMS"],
    ["th before aud", claim({ aud: "x", th: "A".repeat(43) }), "E_TRANSCRIPT"],
    ["aud before time", claim({ aud: "x", ...late }), "E_BINDING"],
    ["time before the token", claim({ ...late, at: "x".repeat(9000) }), "E_POP"],
    ["the token's size before it is looked at", both(claim({ at: "x".repeat(9000) }), flip), "E_TOKEN"],
  ] as const)("%s; nothing is verified", async (_, edit, code) => {
    expect(await order(edit)).toEqual({ steps: [], code });
  });

  it("the proof is not verified when the token fails", async () => {
    const steps: string[] = [];
    const verifyToken = () => {
      steps.push("token");
      return Promise.reject(new SealwireError("E_TOKEN"));
    };
    expect(await order(flip, { server: { verifyToken } })).toEqual({ steps: [], code: "E_TOKEN" });
    expect(steps).toEqual(["token"]);
  });

  it("class rules before the proof", async () => {
    const { code, steps } = await order(both(byAnotherKey, flip), { server: { upgradeToken: TOKEN } });
    expect({ code, steps }).toEqual({ code: "E_POP", steps: ["token"] });
  });
});

describe("what the peer sees [ca:coarse] [sr:first]", () => {
  it.each(["E_INTERNAL", "E_BUSY"] as const)("%s keeps its own name", async (code) => {
    const pair = await openPair(failing(code));
    const close = code === "E_BUSY" ? 1013 : 1011;
    await expectClearRefusal(pair, { side: "server", code, stage: "claims", close });
  });

  it("nothing between SH and the verdict on CA", async () => {
    let decide!: (error: SealwireError) => void;
    const verifyToken = () =>
      new Promise<never>((_, reject) => {
        decide = reject;
      });
    const pair = await openPair({ server: { verifyToken }, waitFor: false });
    await settle(20);
    const sent = () => pair.link.log.filter((e) => e.direction === "s2c").map((e) => fromFull(e.payload));
    expect(sent()).toHaveLength(1);
    decide(new SealwireError("E_TOKEN"));
    await settle(20);
    expect(sent().slice(1)).toEqual(['{"typ":"sealwire-err","code":"unauthorized"}']);
  });
});
