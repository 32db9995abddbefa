// Evidence bundles: part of message.json, since what they hold are messages of the levels sig and nest.
import { b64u, flip, unb64u } from "../kit/bytes.ts";
import { cbor } from "../kit/cbor.ts";
import { jws } from "../kit/jose.ts";
import { type Jwk, key, publicJwk, thumbprint, wireJwk } from "../kit/keys.ts";
import { CLOCK, Group } from "./file.ts";

type Members = Record<string, unknown>;

const SERVER = "https://chat.example";
const ISSUER = "https://issuer.example";
const client = key("evidence/client", "ES256");
const server = key("evidence/server", "Ed25519");
const issuer = key("evidence/issuer", "ES256");
const stranger = key("evidence/stranger", "ES256");
const BND = b64u(Buffer.alloc(16, 9));

const header = (signer: Jwk, changes: Members = {}): Members => ({
  alg: signer.alg,
  kid: thumbprint(signer),
  typ: "sealwire+jwt",
  ...changes,
});

const claims = (iss: string, aud: string, changes: Members = {}): Members => ({
  iss,
  aud,
  bnd: BND,
  seq: 5,
  iat: CLOCK,
  exp: CLOCK + 60,
  top: "order.place",
  dat: { amount: 5 },
  ...changes,
});

function token(changes: Members = {}, head: Members = {}, signer: Jwk = issuer): string {
  const own = { alg: issuer.alg, kid: thumbprint(issuer), typ: "at+jwt", ...head };
  const cnf = { jkt: thumbprint(client) };
  return jws(own, { iss: ISSUER, sub: "alice", aud: SERVER, iat: CLOCK, exp: CLOCK + 600, cnf, ...changes }, signer);
}

const fromClient = (changes: Members = {}, head: Members = {}, signer: Jwk = client): string =>
  jws(header(client, head), claims(thumbprint(client), SERVER, changes), signer);

const bundle = (compact: string, by: Jwk, more: Members = {}): Members => ({ jws: compact, jwk: wireJwk(by), ...more });

const flippedSignature = (compact: string): string => {
  const [head, payload, signature] = compact.split(".") as [string, string, string];
  return [head, payload, b64u(flip(unb64u(signature), 9))].join(".");
};

export function evidenceGroups(): readonly Group[] {
  const group = new Group("message/evidence", {
    level: "L1",
    section: "envelope.md#12-evidence",
    op: "evidence.verify",
    fatal: false,
    context: {
      issuers: [{ issuer: ISSUER, keys: { keys: [{ ...publicJwk(issuer), kid: thumbprint(issuer) }] } }],
      server: { id: SERVER, keys: { keys: [publicJwk(server)] } },
    },
  });
  const common = { audience: SERVER, seq: 5, iat: CLOCK, exp: CLOCK + 60 };
  const signer = { kind: "client", id: "alice", issuer: ISSUER };
  const items = [{ top: "order.place", data: { amount: 5 } }];
  const ofClient = { signer, thumbprint: thumbprint(client), ...common, items };
  const evidence = (compact: string, by: Jwk = client, more: Members = { token: token() }): Members => ({
    evidence: bundle(compact, by, more),
  });
  const good = fromClient();

  const from = group.accept("client", "a client's message and its token", ["evidence:token"], evidence(good), ofClient);
  const serverClaims = claims(SERVER, thumbprint(client));
  const ofServer = { signer: { kind: "server", id: SERVER }, thumbprint: thumbprint(server), ...common, items };
  const serverJws = jws(header(server), serverClaims, server);
  const byServer = group.accept(
    "server",
    "a server's message: its key is pinned",
    ["evidence:server"],
    evidence(serverJws, server, {}),
    {
      ...ofServer,
      audience: thumbprint(client),
    },
  );
  const cborHeader = { alg: client.alg, cty: "sealwire+cbor", kid: thumbprint(client), typ: "sealwire+jwt" };
  const cborJws = jws(cborHeader, cbor(claims(thumbprint(client), SERVER)), client);
  group.accept("cbor", "claims in codec cbor", ["evidence:signature"], evidence(cborJws), ofClient);
  group.accept(
    "pad",
    "padding, as it stands inside nest",
    ["claims:table"],
    evidence(fromClient({ pad: "xx" })),
    ofClient,
  );
  group.accept(
    "expired",
    "long after its expiry, and that of its token",
    ["evidence:expired"],
    evidence(fromClient({ iat: 1000, exp: 1060 }), client, { token: token({ iat: 900, exp: 1500 }) }),
    { ...ofClient, iat: 1000, exp: 1060 },
  );

  const refuse = (
    name: string,
    mutation: string,
    slug: string,
    input: Members,
    result: readonly [string, "encoding" | "header" | "crypto" | "claims"],
    base: string = from,
  ) => group.refuse(name, base, mutation, [slug], input, result);
  refuse("two-segments", "the signature is missing", "wire:segments", evidence(good.slice(0, good.lastIndexOf("."))), [
    "E_MALFORMED",
    "encoding",
  ]);
  refuse("typ", "typ is that of an access token", "header:typ", evidence(fromClient({}, { typ: "at+jwt" })), [
    "E_TYP",
    "header",
  ]);
  refuse("crit", "crit in the header", "header:allow-list", evidence(fromClient({}, { crit: ["exp"] })), [
    "E_HEADER",
    "header",
  ]);
  refuse(
    "off-curve",
    "the key is no point of its curve",
    "evidence:key",
    {
      evidence: {
        ...bundle(good, client, { token: token() }),
        jwk: { ...wireJwk(client), y: b64u(Buffer.alloc(32, 2)) },
      },
    },
    ["E_KEY", "header"],
  );
  refuse("other-key", "the key of somebody else", "evidence:key", evidence(good, stranger), ["E_KEY", "header"]);
  refuse(
    "key-before-cty",
    "the key of somebody else; and cty JWT, which is looked at later",
    "evidence:key",
    evidence(fromClient({}, { cty: "JWT" }), stranger),
    ["E_KEY", "header"],
  );
  refuse("alg-hs256", "alg is HS256", "evidence:alg", evidence(fromClient({}, { alg: "HS256" })), ["E_ALG", "header"]);
  refuse("alg-none", "alg is none", "evidence:alg", evidence(fromClient({}, { alg: "none" })), ["E_ALG", "header"]);
  refuse("cty", "cty is JWT", "header:allow-list", evidence(fromClient({}, { cty: "JWT" })), ["E_CTY", "header"]);
  refuse("flipped", "one bit of the signature flipped", "evidence:signature", evidence(flippedSignature(good)), [
    "E_CRYPTO",
    "crypto",
  ]);
  refuse("signed-by-other", "signed by another key", "evidence:signature", evidence(fromClient({}, {}, stranger)), [
    "E_CRYPTO",
    "crypto",
  ]);
  refuse("no-bnd", "bnd is missing", "claims:table", evidence(fromClient({ bnd: undefined })), ["E_CLAIMS", "claims"]);
  refuse("no-token", "the token is missing", "evidence:token", evidence(good, client, {}), ["E_TOKEN", "claims"]);
  refuse(
    "token-expiry-missing",
    "the token has no exp",
    "evidence:expired",
    evidence(good, client, { token: token({ exp: undefined }) }),
    ["E_TOKEN", "claims"],
  );
  refuse(
    "token-typ",
    "the token's typ is JWT",
    "evidence:token",
    evidence(good, client, { token: token({}, { typ: "JWT" }) }),
    ["E_TOKEN", "claims"],
  );
  refuse(
    "token-signature",
    "the token is signed by another key",
    "evidence:token",
    evidence(good, client, { token: token({}, {}, stranger) }),
    ["E_TOKEN", "claims"],
  );
  refuse(
    "token-issuer",
    "the token is of another issuer",
    "evidence:token",
    evidence(good, client, { token: token({ iss: "https://other.example" }) }),
    ["E_TOKEN", "claims"],
  );
  refuse(
    "token-sub",
    "the token has no sub",
    "evidence:token",
    evidence(good, client, { token: token({ sub: undefined }) }),
    ["E_TOKEN", "claims"],
  );
  refuse(
    "jkt",
    "the token names another key",
    "evidence:cnf",
    evidence(good, client, { token: token({ cnf: { jkt: thumbprint(stranger) } }) }),
    ["E_POP", "claims"],
  );
  refuse(
    "no-cnf",
    "the token names no key",
    "evidence:cnf",
    evidence(good, client, { token: token({ cnf: undefined }) }),
    ["E_POP", "claims"],
  );
  const elsewhere = jws(header(server), claims("https://other.example", thumbprint(client)), server);
  refuse(
    "server-iss",
    "iss is another server",
    "evidence:server",
    evidence(elsewhere, server, {}),
    ["E_KEY", "claims"],
    byServer,
  );
  const forged = jws(header(stranger), serverClaims, stranger);
  refuse(
    "server-key",
    "signed by a key that is not pinned, under the server's name",
    "evidence:server",
    evidence(forged, stranger, {}),
    ["E_KEY", "claims"],
    byServer,
  );
  return [group];
}
