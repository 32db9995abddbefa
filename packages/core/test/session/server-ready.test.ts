import { describe, expect, it } from "vitest";
import type { ErrorCode, Stage } from "../../src/registry.generated.ts";
import { claim, claimsText, type Edit, flipBit, outer, segment, shortTag } from "../support/client-auth.ts";
import { settle } from "../support/clock.ts";
import { openPair, type PairOptions } from "../support/pair.ts";
import { expectRefusal, type SealedParts, tampered } from "../support/tamper.ts";

const NOW = 1_893_456_000;
type SrEdit = (sr: SealedParts) => unknown;
type Row = readonly [name: string, edit: SrEdit, options?: PairOptions];
const sr = (edit: Edit): SrEdit => edit as SrEdit;

function refuses(rows: readonly Row[], code: ErrorCode, stage: Stage, close: number): void {
  for (const protocol of ["sealwire.v1.cbor", "sealwire.v1.text"] as const) {
    for (const [name, edit, options] of rows) {
      it(`${name}, ${protocol}`, async () => {
        const pair = await tampered({ sr: edit }, { protocol, ...options });
        await expectRefusal(pair, { side: "client", code, stage, close });
        expect(pair.client.session).toBeUndefined();
      });
    }
  }
}

describe("the envelope of SR", () => {
  refuses(
    [
      ["typ of CA [header:not-in-table]", sr(outer({ typ: "sealwire-ca+jwt" }))],
      ["another kid [header:not-in-table]", sr(outer({ kid: "A".repeat(22) }))],
      ["cty [header:not-in-table]", sr(outer({ cty: "JWT" }))],
    ],
    "E_HEADER",
    "header",
    4400,
  );
  const iv: SrEdit = (o) => {
    o.iv = Buffer.from(o.iv.map((byte, i) => (i === 11 ? byte ^ 1 : byte)));
  };
  refuses([["the nonce of seq 1 [aead:iv]", iv]], "E_IV", "sequence", 4501);
  refuses(
    [
      ["a bit of the ciphertext [level:verify]", sr(segment(3, flipBit))],
      ["a bit of the tag [level:verify]", sr(segment(4, flipBit))],
      ["a tag of 12 bytes, the others in the ciphertext [aead:tag]", sr(shortTag(12))],
      ["a tag of 12 bytes [aead:tag]", sr(segment(4, (tag) => tag.subarray(0, 12)))],
    ],
    "E_CRYPTO",
    "crypto",
    4501,
  );
});

describe("the claims of SR", () => {
  const NAMES = ["th", "iat", "exp", "sub", "scp"];
  const set = (name: string, value: unknown): Row => [
    `${name} = ${JSON.stringify(value)}`,
    sr(claim({ [name]: value })),
  ];
  describe("members [hs:members]", () => {
    refuses(
      [
        ...NAMES.map((name): Row => [`without ${name}`, sr(claim({ [name]: undefined }))]),
        ...NAMES.map((name): Row => set(name, null)),
        ...NAMES.map((name): Row => set(name, name === "sub" || name === "scp" ? 7 : "7")),
        set("scp", ["chat", 1]),
        set("cb", 1),
        set("exp", NOW - 1),
        ["iat 1.0 [json:integer]", sr(claimsText(/"iat":\d+/, '"iat":1893456000.0'))],
        ["sub twice [json:duplicate]", sr(claimsText('"sub"', '"sub":"bob","sub"'))],
        ["th with padding [b64:member]", (o) => Object.assign(o.claims, { th: `${o.claims.th}=` })],
        ["__proto__ [claims:proto]", sr(claimsText('"sub"', '"__proto__":1,"sub"'))],
        ["syntax, and th", sr(claim({ sub: 1, th: "A".repeat(43) }))],
      ],
      "E_CLAIMS",
      "claims",
      4400,
    );
  });
  describe("th and cb [sr:th]", () => {
    refuses(
      [
        set("th", "A".repeat(43)),
        set("cb", "A".repeat(43)),
        set("cb", ""),
        ["th, and time", sr(claim({ th: "A".repeat(43), iat: 1, exp: 2 }))],
      ],
      "E_TRANSCRIPT",
      "claims",
      4501,
    );
  });
  describe("time [sr:time]", () => {
    refuses(
      [
        ["ended 30 s ago", sr(claim({ iat: NOW - 100, exp: NOW - 30 }))],
        ["begins in 31 s", sr(claim({ iat: NOW + 31 }))],
      ],
      "E_SESSION_EXPIRED",
      "claims",
      4510,
    );
  });
  it.each([
    ["begins in 30 s [sr:time]", claim({ iat: NOW + 30 })],
    ["without cb", claim({ cb: undefined })],
    ["unknown members", claim({ later: [1.5] })],
  ] as const)("%s is taken", async (_, edit) => {
    expect((await tampered({ sr: sr(edit) })).client.session).toBeDefined();
  });
});

describe("the end of the session [sr:end]", () => {
  const token = (seconds: number) => async () => ({
    issuer: "i",
    clientId: undefined,
    subject: "alice",
    scopes: ["a", "b"],
    expiresAt: NOW + seconds,
    jkt: undefined,
  });

  it("is the token's, or that of the longest session", async () => {
    const long = await openPair({ proof: "none", server: { verifyToken: token(86_400 * 365) } });
    expect(long.client.session!.expiresAt).toEqual(new Date((NOW + 86_400) * 1000));
    const short = await openPair({ proof: "none", server: { verifyToken: token(100) } });
    expect(short.client.session!.expiresAt).toEqual(new Date((NOW + 100) * 1000));
    expect(short.server.session!.expiresAt).toEqual(short.client.session!.expiresAt);
    expect(short.client.session).toMatchObject({ subject: "alice", scopes: ["a", "b"] });
  });

  it("comes to the second: still open 1 s before, then bye and 4510", async () => {
    const pair = await openPair({ proof: "none", server: { verifyToken: token(100) } });
    await pair.clock.advance(99_000);
    expect([pair.client.info, pair.server.info]).toEqual([undefined, undefined]);
    await pair.clock.advance(1000);
    for (const side of [pair.client, pair.server])
      expect(side.info!.error).toMatchObject({ code: "E_SESSION_EXPIRED", closeCode: 4510 });
    expect(pair.link.client.closedWith ?? pair.link.server.closedWith).toEqual({ code: 4510, reason: "expired" });
  });

  it.each([-200, 200])("comes in server time, on a client whose clock is %i s behind", async (behind) => {
    const pair = await openPair({ proof: "none", behind, server: { verifyToken: token(100) } });
    // The server does not end it.
    pair.link.tap = () => [];
    pair.link.server.close = () => {};
    expect(pair.client.session!.expiresAt).toEqual(new Date((NOW + 100 - behind) * 1000));
    await pair.clock.advance(99_000);
    expect(pair.client.info).toBeUndefined();
    await pair.clock.advance(1000);
    await settle();
    expect(pair.client.info!.error).toMatchObject({ code: "E_SESSION_EXPIRED", remote: false });
  });
});
