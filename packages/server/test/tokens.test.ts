import { createHmac, createPublicKey, randomUUID } from "node:crypto";
import { inspect } from "node:util";
import type { SealwireError } from "@sealwire/core";
import type { TokenPolicy } from "@sealwire/server";
import { describe, expect, it } from "vitest";
import {
  b64u,
  claims,
  ISSUER,
  issuer,
  issuerKey,
  jktOf,
  jwksOf,
  now,
  proof,
  SERVER_ID,
  token,
} from "./support/keys.ts";
import { failure, startWorld } from "./support/world.ts";

const rsa = await issuerKey("RS256");
const stranger = await issuerKey("ES256", issuer.kid);
const jkt = await jktOf(proof);

const policy = (over: Partial<TokenPolicy> = {}): TokenPolicy => ({
  issuer: ISSUER,
  keys: jwksOf(issuer, rsa),
  ...over,
});

/** Signs a payload as text, for what no library would write. */
async function signText(payload: string, header: object = { alg: "ES256", typ: "at+jwt", kid: issuer.kid }) {
  const input = `${b64u(JSON.stringify(header))}.${b64u(payload)}`;
  const algorithm = { name: "ECDSA", hash: "SHA-256" };
  const signature = await crypto.subtle.sign(algorithm, issuer.privateKey, Buffer.from(input));
  return `${input}.${b64u(new Uint8Array(signature))}`;
}

function hmacWithPublicKey(key: string): string {
  const input = `${b64u(JSON.stringify({ alg: "HS256", typ: "at+jwt", kid: issuer.kid }))}.${b64u(JSON.stringify(claims()))}`;
  return `${input}.${createHmac("sha256", key).update(input).digest("base64url")}`;
}

const pem = () => createPublicKey({ key: issuer.jwk as never, format: "jwk" }).export({ type: "spki", format: "pem" });

/** Nothing of the token may stand anywhere: neither whole nor one of its segments. */
function assertNoToken(text: string, access: string): void {
  for (const part of access.split(".").filter((p) => p.length > 12)) expect(text).not.toContain(part);
  if (access.trim() !== "") expect(text).not.toContain(access);
}

const everythingOf = (error: unknown): string =>
  inspect(error, { depth: 8, showHidden: true, maxStringLength: null, maxArrayLength: null });

type Case = readonly [string, () => Promise<string> | string, RegExp];

const REFUSED: readonly Case[] = [
  ["[token:time] expired an hour ago", () => token({ exp: now() - 3600 }), /expired/],
  ["[token:time] exp is now: the tolerance does not lengthen it", () => token({ exp: now() }), /expired/],
  ["[token:time] no exp", () => token({ exp: undefined }), /exp is missing/],
  ["[token:time] exp 1e400", async () => signText(JSON.stringify(claims()).replace(/"exp":\d+/, '"exp":1e400')), /exp/],
  ["[token:time] exp 1.5 seconds", () => token({ exp: now() + 100.5 }), /exp/],
  ["[token:time] nbf in a minute", () => token({ nbf: now() + 60 }), /nbf/],
  ["[token:time] iat in a minute", () => token({ iat: now() + 60 }), /iat.*clockTolerance/],
  [
    "[token:iss] another issuer, signed by our issuer's key",
    () => token({ iss: "https://evil.example" }),
    /issuer is not configured/,
  ],
  ["[token:iss] issuer with a slash more", () => token({ iss: `${ISSUER}/` }), /issuer is not configured/],
  ["[token:iss] issuer in an array", () => token({ iss: [ISSUER] }), /issuer is not configured/],
  ["[token:iss] no issuer", () => token({ iss: undefined }), /issuer is not configured/],
  [
    "[token:iss] issuer named like a member of every object",
    () => token({ iss: "__proto__" }),
    /issuer is not configured/,
  ],
  ["[token:aud] another audience", () => token({ aud: "https://other.example" }), /tokens\.audience/],
  ["[token:aud] audience as a prefix", () => token({ aud: `${SERVER_ID}.evil.example` }), /tokens\.audience/],
  ["[token:aud] no audience", () => token({ aud: undefined }), /aud/],
  ["[token:aud] an array without it", () => token({ aud: ["a", "b"] }), /tokens\.audience/],
  ["[token:typ] JWT", () => token({}, { header: { typ: "JWT" } }), /tokens\.typ/],
  ["[token:typ] none", () => token({}, { header: { typ: undefined } }), /tokens\.typ/],
  ["[token:typ] a DPoP proof", () => token({}, { header: { typ: "dpop+jwt" } }), /tokens\.typ/],
  ["[token:typ] one of our own objects", () => token({}, { header: { typ: "sealwire+jwt" } }), /tokens\.typ/],
  ["[token:signature] RS256", () => token({}, { key: rsa }), /tokens\.algorithms/],
  [
    "[token:signature] alg none",
    () => `${b64u('{"alg":"none","typ":"at+jwt"}')}.${b64u(JSON.stringify(claims()))}.`,
    /compact/,
  ],
  [
    "[token:signature] alg none with something behind it",
    () => `${b64u('{"alg":"none","typ":"at+jwt"}')}.${b64u(JSON.stringify(claims()))}.AAAA`,
    /algorithm|ERR_/,
  ],
  ["[token:signature] HS256 by the public key as PEM", () => hmacWithPublicKey(pem() as string), /tokens\.algorithms/],
  [
    "[token:signature] HS256 by the public key as JWK",
    () => hmacWithPublicKey(JSON.stringify(issuer.jwk)),
    /tokens\.algorithms/,
  ],
  ["[token:signature] a stranger's key of the same name", () => token({}, { key: stranger }), /signature/],
  ["[token:signature] a flipped bit", async () => flip(await token()), /signature|ERR_|not a JWT/],
  [
    "[token:signature] a kid that nobody has",
    () => token({}, { header: { kid: randomUUID() } }),
    /no key of the issuer/,
  ],
  [
    "[token:signature] its own key in the header",
    () => token({}, { key: stranger, header: { jwk: stranger.jwk } }),
    /signature/,
  ],
  [
    "[token:signature] an unknown crit",
    () => signText(JSON.stringify(claims()), { alg: "ES256", typ: "at+jwt", kid: issuer.kid, crit: ["x"], x: 1 }),
    /ERR_/,
  ],
  ["[token:shape] no sub", () => token({ sub: undefined }), /sub is missing/],
  ["[token:shape] sub is a number", () => token({ sub: 7 }), /sub/],
  ["[token:shape] sub of 257 characters", () => token({ sub: "x".repeat(257) }), /sub/],
  ["[token:shape] cnf without a member", () => token({ cnf: {} }), /cnf/],
  ["[token:shape] cnf without jkt", () => token({ cnf: { jwk: {} } }), /cnf/],
  ["[token:shape] cnf with x5t#S256 beside jkt", () => token({ cnf: { jkt, "x5t#S256": jkt } }), /cnf/],
  ["[token:shape] jkt of 42 characters", () => token({ cnf: { jkt: jkt.slice(1) } }), /cnf/],
  ["[token:shape] cnf null", () => token({ cnf: null }), /cnf/],
  ["[token:shape] scope is a number", () => token({ scope: 1 }), /scope/],
  ["[token:shape] the payload is an array", () => signText("[]"), /not a JWT|ERR_|issuer/],
  ["[token:size] 8,193 bytes", async () => pad(8193), /tokenBytes/],
  ["spelling: a space in front", async () => ` ${await token()}`, /compact/],
  ["spelling: a line break behind", async () => `${await token()}\n`, /compact/],
  ["spelling: a tab in a segment", async () => (await token()).replace(".", ".\t"), /compact/],
  ["spelling: padding", async () => `${await token()}=`, /compact/],
  ["spelling: standard base64", async () => (await token()).replace(/[-_]|$/, "+"), /compact/],
  ["five segments", async () => `${await token()}.a.b`, /compact/],
  ["not a token", () => "opaque-reference-token", /compact/],
  ["[pop:stripped] key-bound, but no proof", () => token({ cnf: { jkt } }), /without proof/],
];

const flip = (access: string): string => {
  const [h, p, s] = access.split(".") as [string, string, string];
  return `${h}.${p}.${s.startsWith("A") ? "B" : "A"}${s.slice(1)}`;
};

/** A good token of exactly this many bytes. */
async function pad(bytes: number): Promise<string> {
  for (let n = Math.floor((bytes - 600) * 0.75); ; n++) {
    for (const rest of ["", "x", "xx"]) {
      const access = await token({ pad: "y".repeat(n), jti: `j${rest}` });
      if (access.length === bytes) return access;
    }
  }
}

describe("a token that is refused", () => {
  it.each(REFUSED)("%s", async (_, make, detail) => {
    const world = await startWorld({ tokens: policy() });
    const access = await make();
    const seen = await failure(world.connect({ token: access }));
    // One coarse answer, whatever it was.
    expect(seen).toMatchObject({ code: "E_AUTH_REQUIRED", remote: true, closeCode: 3000 });
    const error: SealwireError = await world.nextError();
    expect(error).toMatchObject({ remote: false, closeCode: 3000 });
    expect(error.code).toBe(detail.source === "without proof" ? "E_POP" : "E_TOKEN");
    expect(error.detail).toMatch(detail);
    for (const e of [seen, error]) assertNoToken(everythingOf(e), access);
    expect(world.server.sessions.size).toBe(0);
  });
});

const ACCEPTED: readonly (readonly [string, () => Promise<string>, TokenPolicy | readonly TokenPolicy[]])[] = [
  ["as it is", () => token(), policy()],
  ["[token:aud] an array with our audience", () => token({ aud: ["https://a.example", SERVER_ID] }), policy()],
  ["[token:aud] another audience by option", () => token({ aud: "api" }), policy({ audience: "api" })],
  ["[token:typ] JWT by option", () => token({}, { header: { typ: "JWT" } }), policy({ typ: "JWT" })],
  ["[token:typ] the long form of at+jwt", () => token({}, { header: { typ: "application/at+jwt" } }), policy()],
  ["[token:signature] RS256 by option", () => token({}, { key: rsa }), policy({ algorithms: ["RS256"] })],
  ["[token:time] nbf and iat within the tolerance", () => token({ nbf: now() + 20, iat: now() + 20 }), policy()],
  ["[token:time] no iat", () => token({ iat: undefined }), policy()],
  ["[token:size] 8,192 bytes", () => pad(8192), policy()],
  [
    "one of several issuers",
    () => token({ iss: "https://b.example" }, { key: rsa }),
    [policy(), { issuer: "https://b.example", keys: jwksOf(rsa), algorithms: ["RS256"] }],
  ],
];

describe("a token that is accepted", () => {
  it.each(ACCEPTED)("%s", async (_, make, tokens) => {
    const world = await startWorld({ tokens });
    const session = await world.connect({ token: await make() });
    expect(session.subject).toBe("alice");
  });

  it("grants the scopes of its text, which sessions share and no application can change", async () => {
    const world = await startWorld({ tokens: policy() });
    const scopes = (text: string | null) => ({ scope: text ?? undefined });
    for (const [text, granted] of [
      ["read  write ", ["read", "write"]],
      ["read  write ", ["read", "write"]],
      ["read", ["read"]],
      ["", []],
      [null, []],
    ] as const)
      expect((await world.connect({ token: await token(scopes(text)) })).scopes).toEqual(granted);
    const held = [...world.server.sessions].map((session) => session.scopes as string[]);
    expect(held).toHaveLength(5);
    expect(held[0]).toBe(held[1]);
    for (const one of held) expect(() => one.push("admin")).toThrow(TypeError);
  });

  it("[token:iss] an issuer's key signs for this issuer only", async () => {
    const world = await startWorld({
      tokens: [
        policy({ keys: jwksOf(issuer) }),
        { issuer: "https://b.example", keys: jwksOf(rsa), algorithms: ["RS256", "ES256"] },
      ],
    });
    await failure(world.connect({ token: await token({ iss: "https://b.example" }) }));
    expect((await world.nextError()).detail).toMatch(/https:\/\/b\.example: no key of the issuer/);
  });

  it("[token:one-server] a bearer token of the test issuer names one server", async () => {
    const { aud } = claims();
    expect(typeof aud).toBe("string");
  });

  it.each([
    ["[pop:thumbprint] proof by another key", { cnf: { jkt: "A".repeat(43) } }],
    ["[pop:no-cnf] a proof with a bearer token", {}],
  ])("%s: E_POP, and 3000 to the client", async (_, extra) => {
    const world = await startWorld();
    const error = await failure(world.connect({ token: await token(extra), proof }));
    expect(error).toMatchObject({ code: "E_AUTH_REQUIRED", remote: true });
    expect(await world.nextError()).toMatchObject({ code: "E_POP", closeCode: 3000 });
  });

  it("[pop:required] a client without a proof key does not even try where one is required", async () => {
    const world = await startWorld({ proof: "required" });
    expect(await failure(world.connect())).toMatchObject({ code: "E_NEGOTIATE", remote: false });
    await world.connect({ proof, token: await token({ cnf: { jkt } }) });
  });
});
