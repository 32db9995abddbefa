// The access token in CA (specs/session.md, section 6).
import { flip, unb64u } from "../kit/bytes.ts";
import { set } from "../kit/handshake.ts";
import { jws } from "../kit/jose.ts";
import { thumbprint } from "../kit/keys.ts";
import { type Claims, withSegment } from "../kit/messages.ts";
import { CLOCK, type Group } from "./file.ts";
import {
  HandshakeGroup,
  ISSUER,
  type Refusal,
  SERVER_ID,
  tokenClaims,
  tokenOf,
  type Verdict,
} from "./handshake-scene.ts";
import { $public, jwkOf } from "./keys.ts";

const SECTION = "session.md#6-access-token";
const TOKEN: Verdict = ["E_TOKEN", "claims"];
const COARSE = "ca:coarse";

export function accessTokens(): Group[] {
  const g = new HandshakeGroup("handshake/token", SECTION, { role: "server" });
  const { scene } = g;
  const accept = (name: string, comment: string, req: readonly string[], token: string, o: Refusal = {}) =>
    g.open(name, comment, req, { ca: { members: set({ at: token }) } }, o);
  const refuse = (name: string, mutation: string, req: string, token: string, o: Refusal = {}) =>
    g.refuse(name, mutation, [req, COARSE], { ca: { members: set({ at: token }) } }, TOKEN, o);
  const ready = (over: Claims): Refusal => ({ setup: { ready: { ...scene.setup.ready, ...over } } });

  g.open("open", "a token by ES256", ["token:signature"]);
  accept(
    "aud-array",
    "aud is an array that holds this server's id",
    ["token:aud"],
    tokenOf(undefined, { aud: ["https://files.example", SERVER_ID] }),
  );
  accept(
    "scp-array",
    "scp in place of scope, an array",
    ["hs:members"],
    tokenOf(undefined, { scope: undefined, scp: ["a", "b c"] }),
    ready({ scp: ["a", "b c"] }),
  );
  accept("no-scope", "no scope at all", ["hs:members"], tokenOf(undefined, { scope: undefined }), ready({ scp: [] }));
  accept(
    "scope-spaces",
    "a scope of one name among spaces",
    ["hs:members"],
    tokenOf(undefined, { scope: " chat.read  " }),
    ready({ scp: ["chat.read"] }),
  );
  accept(
    "long-life",
    "a token that outlives the longest session: SR ends it after a day",
    ["sr:end"],
    tokenOf(undefined, { exp: CLOCK + 200000 }),
    ready({ exp: CLOCK + 86400 }),
  );
  accept(
    "one-second",
    "a token with one second left",
    ["token:time"],
    tokenOf(undefined, { exp: CLOCK + 1 }),
    ready({ exp: CLOCK + 1 }),
  );
  accept("nbf-skew", "nbf is ahead by the clock tolerance", ["token:time"], tokenOf(undefined, { nbf: CLOCK + 30 }));
  accept(
    "sub-256",
    "a sub of 256 characters",
    ["token:shape"],
    tokenOf(undefined, { sub: "s".repeat(256) }),
    ready({ sub: "s".repeat(256) }),
  );
  const second = {
    issuers: [
      { issuer: ISSUER, keys: { keys: [$public("issuer ES256")] } },
      { issuer: "https://second.example", audience: "chat", typ: "JWT", keys: { keys: [$public("issuer Ed25519")] } },
    ],
  };
  const fromSecond = (over: Claims = {}, header: Claims = { typ: "JWT" }, signer = "issuer Ed25519") =>
    tokenOf(undefined, { iss: "https://second.example", aud: "chat", ...over }, header, signer);
  accept("second-issuer", "another issuer, with its own audience, typ and algorithm", ["token:iss"], fromSecond(), {
    init: second,
  });

  refuse("expired", "exp is now", "token:time", tokenOf(undefined, { exp: CLOCK }));
  refuse("exp-missing", "exp is missing", "token:time", tokenOf(undefined, { exp: undefined }));
  refuse("exp-string", "exp is a string", "token:time", tokenOf(undefined, { exp: String(CLOCK + 3600) }));
  refuse(
    "nbf",
    "nbf is ahead by one second more than the clock tolerance",
    "token:time",
    tokenOf(undefined, { nbf: CLOCK + 31 }),
  );
  refuse(
    "iat-future",
    "iat is ahead by one second more than the clock tolerance",
    "token:time",
    tokenOf(undefined, { iat: CLOCK + 31 }),
  );
  refuse("iss-other", "iss is configured nowhere", "token:iss", tokenOf(undefined, { iss: "https://evil.example" }));
  refuse("iss-missing", "iss is missing", "token:iss", tokenOf(undefined, { iss: undefined }));
  refuse("iss-slash", "iss has a slash more", "token:iss", tokenOf(undefined, { iss: `${ISSUER}/` }));
  refuse(
    "iss-crossed",
    "the second issuer's key signed a token in the name of the first",
    "token:signature",
    tokenOf(undefined, {}, {}, "issuer Ed25519"),
    { init: second },
  );
  refuse(
    "typ-of-other-issuer",
    "a typ that is accepted of another issuer only",
    "token:typ",
    tokenOf(undefined, {}, { typ: "JWT" }),
    { init: second },
  );
  refuse("aud-other", "aud is another server", "token:aud", tokenOf(undefined, { aud: "https://other.example" }));
  refuse(
    "aud-array-other",
    "aud is an array without this server's id",
    "token:aud",
    tokenOf(undefined, { aud: ["a", "b"] }),
  );
  refuse("aud-missing", "aud is missing", "token:aud", tokenOf(undefined, { aud: undefined }));
  refuse(
    "aud-default",
    "aud is the server id where the issuer has an audience of its own",
    "token:aud",
    fromSecond({ aud: SERVER_ID }),
    { init: second },
  );
  refuse("typ-jwt", "typ is JWT: an ID token", "token:typ", tokenOf(undefined, {}, { typ: "JWT" }));
  refuse("typ-missing", "typ is missing", "token:typ", tokenOf(undefined, {}, { typ: undefined }));
  refuse("typ-dpop", "typ is dpop+jwt", "token:typ", tokenOf(undefined, {}, { typ: "dpop+jwt" }));
  refuse(
    "typ-object",
    "typ is that of a Sealwire message",
    "token:typ",
    tokenOf(undefined, {}, { typ: "sealwire+jwt" }),
  );
  refuse(
    "alg-none",
    "alg is none, without signature",
    "token:signature",
    `${tokenOf(undefined, {}, { alg: "none" }).split(".").slice(0, 2).join(".")}.`,
  );
  const issuer = jwkOf("issuer ES256");
  const secret = Buffer.concat([unb64u(issuer.x as string), unb64u(issuer.y as string)]);
  refuse(
    "alg-hmac",
    "alg is HS256, and the public key is taken as a secret",
    "token:signature",
    jws({ alg: "HS256", typ: "at+jwt" }, tokenClaims(undefined), secret),
  );
  refuse(
    "alg-not-allowed",
    "alg is ES256 where the issuer is configured with Ed25519 alone",
    "token:signature",
    tokenOf(undefined),
    { init: { issuers: [{ issuer: ISSUER, algorithms: ["Ed25519"], keys: { keys: [$public("issuer ES256")] } }] } },
  );
  refuse("signer-other", "another key signed", "token:signature", tokenOf(undefined, {}, {}, "stranger ES256"));
  refuse(
    "own-key",
    "the token is signed by the server's own identity",
    "token:signature",
    tokenOf(undefined, {}, {}, "server Ed25519"),
  );
  refuse(
    "signature-flipped",
    "one bit of the signature is flipped",
    "token:signature",
    withSegment(tokenOf(undefined), 2, (s) => flip(s)),
  );
  refuse(
    "payload-changed",
    "sub was replaced after it was signed",
    "token:signature",
    withSegment(tokenOf(undefined), 1, (s) => Buffer.from(s.toString().replace("alice", "mallo"))),
  );
  refuse("crit", "the header has crit", "token:signature", tokenOf(undefined, {}, { crit: ["x"], x: 1 }));
  refuse("newline", "a line break stands behind the token", "token:signature", `${tokenOf(undefined)}\n`);
  refuse("no-jwt", "the token is no JWT", "token:signature", "opaque");
  refuse("empty", "the token is empty", "token:signature", "");
  refuse("sub-missing", "sub is missing", "token:shape", tokenOf(undefined, { sub: undefined }));
  refuse("sub-number", "sub is a number", "token:shape", tokenOf(undefined, { sub: 7 }));
  refuse("sub-257", "sub has 257 characters", "token:shape", tokenOf(undefined, { sub: "s".repeat(257) }));
  refuse("cnf-empty", "cnf is empty", "token:shape", tokenOf(undefined, { cnf: {} }));
  refuse(
    "cnf-string",
    "cnf is a string",
    "token:shape",
    tokenOf(undefined, { cnf: thumbprint(jwkOf("client ES256")) }),
  );
  refuse("cnf-null", "cnf is null", "token:shape", tokenOf(undefined, { cnf: null }));
  refuse(
    "cnf-x5t",
    "cnf names a certificate",
    "token:shape",
    tokenOf(undefined, { cnf: { "x5t#S256": "A".repeat(43) } }),
  );
  refuse(
    "cnf-more",
    "cnf has jkt and another member",
    "token:shape",
    tokenOf("client ES256", { cnf: { jkt: thumbprint(jwkOf("client ES256")), jwk: {} } }),
  );
  refuse("jkt-short", "jkt has 42 characters", "token:shape", tokenOf(undefined, { cnf: { jkt: "A".repeat(42) } }));
  /** Not every length can be had by the payload alone: the header grows where it cannot. */
  const filler = (size: number): string => {
    for (const note of ["", "1", "22"]) {
      const make = (n: number): string => tokenOf(undefined, { pad: "p".repeat(n) }, { note });
      let n = Math.floor(((size - make(0).length) * 3) / 4) - 2;
      while (make(n).length < size) n++;
      if (make(n).length === size) return make(n);
    }
    throw new Error(`no token of ${size} bytes`);
  };
  accept("size-8192", "a token of 8192 bytes", ["token:size"], filler(8192));
  refuse("size-8193", "a token of 8193 bytes", "token:size", filler(8193));
  return [g.group];
}
