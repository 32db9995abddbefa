import { KeyObject, sign } from "node:crypto";
import { backend as node } from "@sealwire/core/internal";
import { backend as webcrypto } from "@sealwire/core/internal/webcrypto";
import fc from "fast-check";
import { createLocalJWKSet, decodeJwt, errors, jwtVerify, UnsecuredJWT } from "jose";
import { afterEach, describe, expect, it, vi } from "vitest";
import { tokenReader } from "../src/token-signature.ts";
import { b64u, claims, ISSUER, type IssuerKey, issuerKey, jwksOf, now, SERVER_ID } from "./support/keys.ts";

const ec = await issuerKey("ES256", "ec");
const [ed, edDsa] = [await issuerKey("Ed25519", "ed"), await issuerKey("EdDSA", "eddsa")];
const [rsa, p384] = [await issuerKey("RS256", "rsa"), await issuerKey("ES384", "p384")];
const stranger = await issuerKey("ES256", "ec");
const all = [ec, ed, edDsa, rsa, p384, stranger];
/** An issuer that does not name its keys: two of one type cannot be told apart. */
const nameless = { keys: jwksOf(ec, ed, edDsa).keys.map((jwk) => ({ ...jwk, kid: undefined, alg: undefined })) };
const SETS = { named: jwksOf(ec, ed, edDsa, rsa, p384), nameless, one: jwksOf(ec) };

const HASH: Readonly<Record<string, string | null>> = { ES256: "sha256", ES384: "sha384", RS256: "sha256" };

function signed(header: string, payload: string, { alg, privateKey }: IssuerKey): string {
  const input = `${b64u(header)}.${b64u(payload)}`;
  const key = { key: KeyObject.from(privateKey as never), dsaEncoding: "ieee-p1363" } as const;
  return `${input}.${b64u(sign(HASH[alg] ?? null, Buffer.from(input), key))}`;
}

const options = {
  issuer: ISSUER,
  audience: SERVER_ID,
  typ: "at+jwt",
  algorithms: ["ES256", "Ed25519", "EdDSA", "RS256", "ES384"],
  clockTolerance: 30,
  requiredClaims: ["exp", "sub"],
  currentDate: new Date(),
};

/** What came of it, with as much of an error as anybody here can see. */
async function verdictOf(run: () => Promise<unknown>): Promise<unknown> {
  try {
    return { payload: await run() };
  } catch (error) {
    const { name, code, claim } = error as errors.JWTClaimValidationFailed;
    return { name, code, claim };
  }
}

const some = <T>(usual: T, ...others: readonly T[]) =>
  fc.oneof({ weight: 12, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: fc.constantFrom(...others) });

const unusual: readonly Record<string, unknown>[] = [
  { crit: ["b64"], b64: true },
  { crit: ["b64"], b64: false },
  { crit: ["x"], x: 1 },
  { crit: [] },
  { b64: false },
  { jwk: stranger.jwk },
  { jku: "https://evil.example" },
  { zip: "DEF" },
  { cty: "JWT" },
];

const header = fc.record({
  alg: some<unknown>(undefined, "ES256", "Ed25519", "EdDSA", "RS256", "ES384", "HS256", "none", "es256", 7, null, ""),
  kid: some<unknown>("own", undefined, "nobody", 7, null),
  typ: some<unknown>("at+jwt", undefined, "application/at+jwt", "AT+JWT", "JWT", 7, ["at+jwt"]),
  more: some<Record<string, unknown>>({}, ...unusual),
  order: fc.boolean(),
});

const payload = some<string>(
  JSON.stringify(claims()),
  ...[
    { exp: now() - 3600 },
    { exp: "never" },
    { exp: undefined },
    { nbf: now() + 3600 },
    { iat: "now" },
    { sub: undefined },
    { aud: [SERVER_ID, "other"] },
    { aud: "other" },
    { iss: "https://evil.example" },
    { typ: "JWT", alg: "none" },
  ].map((over) => JSON.stringify(claims(over))),
  "[]",
  "null",
  "{",
  '{"a":1}',
  "\ufeff{}",
);

/** Characters of the compact alphabet only: others never get as far. */
const damage = fc.oneof(
  { weight: 8, arbitrary: fc.constant((text: string) => text) },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.nat(), fc.constantFrom("A", "B", "_", ".")).map(([at, by]) => (text: string) => {
      const i = at % text.length;
      return text.slice(0, i) + by + text.slice(i + 1);
    }),
  },
  { weight: 1, arbitrary: fc.constantFrom((text: string) => text.slice(0, -1)) },
  // The same signature in another spelling, where it has pad bits; one that is longer; none.
  { weight: 1, arbitrary: fc.constantFrom((text: string) => `${text.slice(0, -1)}${text.endsWith("A") ? "B" : "A"}`) },
  { weight: 1, arbitrary: fc.constantFrom((text: string) => `${text}AA`) },
  { weight: 1, arbitrary: fc.constantFrom((text: string) => text.slice(0, text.lastIndexOf(".") + 1)) },
  // More segments than three.
  {
    weight: 1,
    arbitrary: fc.constantFrom(".", "..", ".A", "..A", ".A.A").map((more) => (text: string) => text + more),
  },
);

const made = fc
  .record({ key: fc.constantFrom(...all), header, payload, damage })
  .map(({ key, header: { alg = key.alg, kid, typ, more, order }, payload: text, damage: harm }) => {
    const own = { alg, kid: kid === "own" ? key.kid : kid };
    const members = order ? { ...own, typ, ...more } : { ...more, typ, ...own };
    return harm(signed(JSON.stringify(members), text, key));
  });

/** As whoever looks for its issuer has read it. */
function unverified(token: string) {
  try {
    return decodeJwt(token);
  } catch {
    return undefined;
  }
}

afterEach(() => vi.restoreAllMocks());

describe.each([node, webcrypto])("tokens whose signature is verified by $name", (backend) => {
  it("are accepted and refused as by jose, with the same claims and for the same reason", async () => {
    const read = tokenReader(backend);
    const seen = { accepted: 0, refused: 0 };
    await fc.assert(
      fc.asyncProperty(made, fc.constantFrom(...Object.values(SETS)), async (token, jwks) => {
        const keys = createLocalJWKSet(jwks as never);
        const wanted = await verdictOf(async () => (await jwtVerify(token, keys, options)).payload);
        expect(await verdictOf(() => read(token, keys, options))).toEqual(wanted);
        expect(await verdictOf(() => read(token, keys, options, unverified(token)))).toEqual(wanted);
        seen["payload" in (wanted as object) ? "accepted" : "refused"]++;
      }),
      { numRuns: 1500 },
    );
    expect(Math.min(seen.accepted, seen.refused)).toBeGreaterThan(100);
  });

  it("are not read again where their claims were read and nothing about them is unusual", async () => {
    const read = tokenReader(backend);
    const keys = createLocalJWKSet(SETS.named as never);
    const again = vi.spyOn(UnsecuredJWT, "decode");
    const token = (more: object) =>
      signed(JSON.stringify({ alg: ec.alg, kid: ec.kid, typ: "at+jwt" }), JSON.stringify({ ...claims(), ...more }), ec);
    const usual = token({});
    const given = decodeJwt(usual);
    expect(await read(usual, keys, options, given)).toBe(given);
    expect(again).not.toHaveBeenCalled();
    const other = token({ nbf: now() - 5 });
    expect(await read(other, keys, options, decodeJwt(other))).toEqual(decodeJwt(other));
    expect(again).toHaveBeenCalledTimes(1);
  });

  it("are refused as by jose where their algorithm is not allowed", async () => {
    const keys = createLocalJWKSet(SETS.named as never);
    for (const key of all) {
      const token = signed(
        JSON.stringify({ alg: key.alg, kid: key.kid, typ: "at+jwt" }),
        JSON.stringify(claims()),
        key,
      );
      const read = tokenReader(backend)(token, keys, { ...options, algorithms: ["PS256"] });
      await expect(read).rejects.toThrow(errors.JOSEAlgNotAllowed);
    }
  });

  it.each([
    ["an object", {}],
    ["1", 1],
    ["a promise of an object", Promise.resolve({})],
    ["false", false],
  ])("a key that answers %s says no", async (_, verdict) => {
    const importVerifier = async (jwk: never) => ({
      ...(await backend.importVerifier(jwk)),
      verify: () => verdict as never,
    });
    const read = tokenReader({ ...backend, importVerifier } as never);
    const token = signed(
      JSON.stringify({ alg: ec.alg, kid: ec.kid, typ: "at+jwt" }),
      JSON.stringify(claims()),
      stranger,
    );
    const keys = createLocalJWKSet(SETS.named as never);
    await expect(read(token, keys, options)).rejects.toThrow(errors.JWSSignatureVerificationFailed);
  });

  it("go to the backend where they are usual, with the key imported once, and to jose where they are not", async () => {
    const importVerifier = vi.fn(backend.importVerifier);
    const read = tokenReader({ ...backend, importVerifier });
    const keys = createLocalJWKSet(SETS.named as never);
    const verify = vi.spyOn(crypto.subtle, "verify");
    const usual = (key: IssuerKey, more: object = {}) =>
      signed(JSON.stringify({ alg: key.alg, kid: key.kid, typ: "at+jwt", ...more }), JSON.stringify(claims()), key);
    for (const key of [ec, ed, edDsa, ec, ed, edDsa]) await read(usual(key), keys, options);
    expect(importVerifier).toHaveBeenCalledTimes(3);
    expect(verify).toHaveBeenCalledTimes(backend === node ? 0 : 6);
    verify.mockClear();
    for (const token of [usual(rsa), usual(p384), usual(ec, { cty: "JWT" })]) await read(token, keys, options);
    expect(importVerifier).toHaveBeenCalledTimes(3);
    expect(verify).toHaveBeenCalledTimes(3);
  });
});
