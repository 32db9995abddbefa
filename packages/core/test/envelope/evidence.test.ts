import { importJWK, SignJWT } from "jose";
import { beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import type { PrivateJwk } from "../../src/crypto/backend.ts";
import { backend } from "../../src/crypto/node.ts";
import { type EvidenceOptions, type SignedEvidence, verifyEvidence } from "../../src/envelope/evidence.ts";
import { isSealwireError } from "../../src/errors.ts";
import { type GeneratedKey, generateKey } from "../../src/keys/generate.ts";
import { thumbprint } from "../../src/keys/thumbprint.ts";
import type { Level, SignatureAlg } from "../../src/registry.generated.ts";
import type { Message } from "../../src/session/types.ts";
import { encodeBase64url } from "../../src/wire/base64url.ts";
import { utf8 } from "../../src/wire/bytes.ts";
import { settle, until } from "../support/clock.ts";
import { openPair, proofKey, SERVER_ID } from "../support/pair.ts";

const ISSUER = "https://idp.example";
let issuer: GeneratedKey;
let client: GeneratedKey;
let server: GeneratedKey;
let token = "";

async function tokenFor(
  key: Pick<GeneratedKey, "publicJwk">,
  header: object = {},
  signer = issuer,
  claims: Record<string, unknown> = {},
  cnf: object = {},
): Promise<string> {
  const jkt = await thumbprint(backend, key.publicJwk);
  // Long expired: evidence is looked at later.
  return await new SignJWT({ iss: ISSUER, sub: "alice", exp: 1_000_000_000, cnf: { jkt, ...cnf }, ...claims })
    .setProtectedHeader({ alg: "ES256", typ: "at+jwt", ...header })
    .sign(await importJWK({ ...signer.privateJwk }, "ES256"));
}

beforeAll(async () => {
  [issuer, client, server] = [await generateKey(), await generateKey(), await generateKey("Ed25519")];
  token = await tokenFor(client);
});

const options = (): EvidenceOptions => ({
  server: { id: SERVER_ID, keys: { keys: [server.publicJwk] } },
  issuers: [{ issuer: ISSUER, keys: { keys: [issuer.publicJwk] } }],
});

const publicHalf = ({ d: _, ...jwk }: PrivateJwk) => ({ ...jwk, alg: jwk.alg as SignatureAlg });

const part = (value: object): string => encodeBase64url(utf8.encode(JSON.stringify(value)));

interface Forged {
  readonly key: GeneratedKey;
  readonly header?: Record<string, unknown>;
  readonly claims?: Record<string, unknown>;
  readonly bundle?: Partial<SignedEvidence>;
}

/** A bundle as a sealer would make it, with members changed before it is signed. */
async function bundle({ key, header, claims, bundle: changed }: Forged): Promise<SignedEvidence> {
  const { signer, id } = await proofKey(backend, key.privateJwk);
  const protectedHeader = part({ alg: id.alg, kid: id.thumbprint, typ: "sealwire+jwt", ...header });
  const iss = key === server ? SERVER_ID : id.thumbprint;
  const payload = part({
    iss,
    aud: SERVER_ID,
    bnd: "A".repeat(22),
    seq: 7,
    iat: 1_893_456_000,
    exp: 1_893_456_060,
    top: "pay",
    dat: { amount: 100 },
    ...claims,
  });
  const signature = await signer.sign(utf8.encode(`${protectedHeader}.${payload}`));
  const jws = `${protectedHeader}.${payload}.${encodeBase64url(signature)}`;
  return { jws, jwk: signer.publicJwk, ...(key === client ? { token } : {}), ...changed };
}

describe.each<[Level, "json" | "cbor", SignatureAlg]>([
  ["sig", "json", "ES256"],
  ["sig", "cbor", "Ed25519"],
  ["nest", "json", "Ed25519"],
  ["nest", "cbor", "ES256"],
])("evidence of a session at %s, %s, %s", (level, codec, proof) => {
  it("proves who sent what, both ways, whenever it is looked at [evidence:expired]", async () => {
    const pair = await openPair({ level, codec, proof });
    const { clientKey: jwk, serverKey } = pair;
    const access = await tokenFor({ publicJwk: publicHalf(jwk as PrivateJwk) });
    const got: Message[] = [];
    pair.server.session?.handle("pay", (_, { message }) => void got.push(message));
    pair.client.session?.handle("paid", (_, { message }) => void got.push(message));
    await pair.client.session?.send("pay", { amount: 100 });
    await pair.server.session?.send("paid", "thanks");
    await until(() => got.length === 2);
    const known = {
      server: { id: SERVER_ID, keys: { keys: [publicHalf(serverKey)] } },
      issuers: options().issuers ?? [],
    };
    const signed = (topic: string) => got.find((m) => m.topic === topic)?.signed as SignedEvidence;
    const paid = await verifyEvidence({ ...signed("pay"), token: access }, known);
    const thanks = await verifyEvidence(signed("paid"), known);
    expect(paid.signer).toEqual({ kind: "client", id: "alice", issuer: ISSUER });
    expect(paid).toMatchObject({ audience: SERVER_ID, seq: 1, items: [{ topic: "pay", data: { amount: 100 } }] });
    expect(thanks.signer).toEqual({ kind: "server", id: SERVER_ID });
    expect(thanks.audience).toBe(paid.thumbprint);
    await pair.client.session?.close();
    await settle();
  });
});

it.each([
  ["an object", {}],
  ["1", 1],
])("a key that answers %s says no", async (_, verdict) => {
  const own = await import("#backend");
  const { importVerifier } = own.backend;
  const answering = vi.spyOn(own.backend, "importVerifier");
  onTestFinished(() => answering.mockRestore());
  answering.mockImplementation(async (jwk) => ({ ...(await importVerifier(jwk)), verify: () => verdict as never }));
  await expect(verifyEvidence(await bundle({ key: client }), options())).rejects.toMatchObject({ code: "E_CRYPTO" });
  expect(answering).toHaveBeenCalledOnce();
});

describe("a bundle that proves nothing", () => {
  const other = generateKey();
  const cases: [string, () => Promise<SignedEvidence>, string][] = [
    ["claims changed after signing [evidence:signature]", () => changedClaims(), "E_CRYPTO"],
    ["kid of another key [evidence:key]", () => mine({ header: { kid: "A".repeat(43) } }), "E_KEY"],
    [
      "the JWK of somebody else [evidence:key]",
      async () => mine({ bundle: { jwk: (await other).publicJwk } }),
      "E_KEY",
    ],
    [
      "a point off the curve [evidence:key]",
      () => mine({ bundle: { jwk: { ...client.publicJwk, y: "A".repeat(43) } } }),
      "E_KEY",
    ],
    ["alg none [evidence:alg]", () => mine({ header: { alg: "none" } }), "E_ALG"],
    ["HS256 [evidence:alg]", () => mine({ header: { alg: "HS256" } }), "E_ALG"],
    ["another typ", () => mine({ header: { typ: "JWT" } }), "E_TYP"],
    ["crit", () => mine({ header: { crit: ["exp"] } }), "E_HEADER"],
    ["cty JWT", () => mine({ header: { cty: "JWT" } }), "E_CTY"],
    ["no iat", () => mine({ claims: { iat: undefined } }), "E_CLAIMS"],
    ["no token [evidence:token]", () => mine({ bundle: { token: undefined as never } }), "E_TOKEN"],
    [
      "a token that another issuer signed [evidence:token]",
      async () => mine({ bundle: { token: await tokenFor(client, {}, await other) } }),
      "E_TOKEN",
    ],
    [
      "an id token in its place [evidence:token]",
      async () => mine({ bundle: { token: await tokenFor(client, { typ: "JWT" }) } }),
      "E_TOKEN",
    ],
    [
      "a token bound to another key [evidence:cnf]",
      async () => mine({ bundle: { token: await tokenFor(await other) } }),
      "E_POP",
    ],
    ["the server's name under a client's key [evidence:server]", () => mine({ claims: { iss: SERVER_ID } }), "E_KEY"],
    ["a server that is not known [evidence:server]", () => theirs({ iss: "https://other.example" }), "E_KEY"],
    ["three segments of nothing", async () => ({ ...(await mine({})), jws: "e30.e30.e30" }), "E_TYP"],
    ["a JWE", async () => ({ ...(await mine({})), jws: "e30..AAAA.AAAA.AAAA" }), "E_MALFORMED"],
  ];
  const mine = (change: Omit<Forged, "key">) => bundle({ key: client, ...change });
  const theirs = (claims: Record<string, unknown>) => bundle({ key: server, claims });
  const changedClaims = async (): Promise<SignedEvidence> => {
    const [one, two] = [await mine({}), await mine({ claims: { dat: { amount: 1 } } })];
    const [header, , signature] = one.jws.split(".");
    return { ...one, jws: `${header}.${two.jws.split(".")[1]}.${signature}` };
  };

  it("stands beside one that proves something", async () => {
    expect((await verifyEvidence(await mine({}), options())).signer).toMatchObject({ kind: "client", id: "alice" });
    expect((await verifyEvidence(await theirs({}), options())).signer).toEqual({ kind: "server", id: SERVER_ID });
  });

  it.each(cases)("%s", async (_, make, code) => {
    const error = await verifyEvidence(await make(), options()).catch((e: unknown) => e);
    expect(isSealwireError(error) && error.code).toBe(code);
  });
});
