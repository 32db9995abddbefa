// CA as a server hears it (specs/session.md, section 5).
import { b64u, flip, labelled, sha256, unb64u, utf8 } from "../kit/bytes.ts";
import { Handshake, rewrite, set } from "../kit/handshake.ts";
import { full, nonce } from "../kit/jose.ts";
import { keysOf, th } from "../kit/kdf.ts";
import { thumbprint, wireJwk } from "../kit/keys.ts";
import { type Claims, padBits, withSegment } from "../kit/messages.ts";
import { CLOCK, type Group } from "./file.ts";
import { HandshakeGroup, SERVER_ID, type Verdict } from "./handshake-scene.ts";
import { jwkOf } from "./keys.ts";

const SECTION = "session.md#5-ca-client-authentication";
const CLAIMS: Verdict = ["E_CLAIMS", "claims"];
const POP: Verdict = ["E_POP", "claims"];
const _TOKEN: Verdict = ["E_TOKEN", "claims"];
const HEADER: Verdict = ["E_HEADER", "header"];
const CRYPTO: Verdict = ["E_CRYPTO", "crypto"];
const COARSE = ["ca:coarse", "hs:err"];

const hashOf = (token: string): string => b64u(sha256(utf8(token)));
const proof = jwkOf("client ES256");
const stranger = jwkOf("stranger ES256");

/** What is wrong outside of the encryption. */
function outer(): Group {
  const g = new HandshakeGroup("handshake/ca-outer", SECTION, { role: "server" });
  g.open("open", "bearer", ["hs:states", "header:exact"]);
  const { scene } = g;
  const honest = scene.handshake();
  const kid = b64u(honest.caKeys.kid);
  const header = (name: string, mutation: string, edit: Claims) =>
    g.refuse(name, mutation, ["header:not-in-table"], { ca: { header: set(edit) } }, HEADER, { code: 4400 });
  header("typ", "typ is that of SR", { typ: "sealwire-sr+jwt" });
  header("kid-other", "kid is another key's", { kid: b64u(labelled("kid").subarray(0, 16)) });
  header("alg", "alg is A256KW", { alg: "A256KW" });
  header("crit", "the header has crit", { crit: [] });
  header("zip", "the header has zip", { zip: "DEF" });
  header("cty-codec", "cty is sealwire+cbor", { cty: "sealwire+cbor" });
  g.refuse("space", "the header has a space", ["header:not-in-table"], { ca: { header: rewrite(",", ", ") } }, HEADER, {
    code: 4400,
  });
  g.refuse(
    "order",
    "the header has its members in another order",
    ["header:not-in-table"],
    { ca: { header: () => ({ typ: "sealwire-ca+jwt", kid, enc: "A256GCM", alg: "dir" }) } },
    HEADER,
    { code: 4400 },
  );
  g.refuse("iv-seq-1", "the IV is that of number 1", ["aead:iv"], { ca: { iv: nonce(honest.caKeys.iv, 1) } }, [
    "E_IV",
    "sequence",
  ]);
  g.refuse(
    "iv-high",
    "the first byte of the IV is changed",
    ["aead:iv"],
    { ca: { iv: flip(nonce(honest.caKeys.iv, 0)) } },
    ["E_IV", "sequence"],
  );
  const text = (name: string, mutation: string, req: string, edit: (text: string) => string, verdict: Verdict) =>
    g.refuse(name, mutation, [req], { ca: { text: edit } }, verdict);
  text(
    "ciphertext",
    "one bit of the ciphertext is flipped",
    "level:verify",
    (t) => withSegment(t, 3, (s) => flip(s)),
    CRYPTO,
  );
  text("tag", "one bit of the tag is flipped", "level:verify", (t) => withSegment(t, 4, (s) => flip(s)), CRYPTO);
  text("tag-12", "the tag has 12 bytes", "aead:tag", (t) => withSegment(t, 4, (s) => s.subarray(0, 12)), CRYPTO);
  text("encrypted-key", "the encrypted key is not empty", "wire:encrypted-key", (t) => t.replace("..", ".AA."), [
    "E_MALFORMED",
    "encoding",
  ]);
  text("tag-pad-bits", "the tag has a pad bit", "b64:canonical", (t) => withSegment(t, 4, (s) => padBits(s)), [
    "E_B64",
    "encoding",
  ]);
  const overFrames = th(
    "th2",
    utf8(honest.ch),
    Buffer.from((full("binary", honest.sh) as { readonly binary: string }).binary, "hex"),
  );
  const otherKeys = keysOf(honest.z, overFrames, "c hs", overFrames);
  g.refuse(
    "transcript",
    "the client took the transcript over SH in binary form",
    ["kdf:schedule"],
    {
      ca: {
        members: set({ th: b64u(overFrames) }),
        header: set({ kid: b64u(otherKeys.kid) }),
        key: otherKeys.key,
        iv: nonce(otherKeys.iv, 0),
      },
    },
    HEADER,
    { code: 4400 },
  );
  g.refuse("key", "CA is encrypted with the key of SR", ["level:verify"], { ca: { key: honest.srKeys.key } }, CRYPTO);

  const instead = (
    name: string,
    mutation: string,
    req: readonly string[],
    message: object,
    verdict: Verdict,
    code?: number,
  ) => {
    const script = scene.halfway(honest).add({ op: "recv", message }, scene.ended(verdict, code));
    g.refuseScript(name, mutation, req, script, verdict);
  };
  const other = new Handshake({ ...scene.setup, serverRnd: labelled("server rnd, other connection") });
  instead(
    "other-connection",
    "CA is that of another connection",
    ["header:not-in-table"],
    other.message("ca"),
    HEADER,
    4400,
  );
  instead("second-ch", "CH comes again", ["hs:states"], honest.message("ch"), HEADER, 4400);
  instead("sh", "SH comes back", ["hs:states"], honest.message("sh"), HEADER, 4400);
  instead("opcode", "CA comes in a binary message", ["wire:opcode"], full("binary", honest.ca), ["E_FRAME", "frame"]);
  instead(
    "err-json",
    "the client sends a sealwire-err",
    ["hs:states"],
    { text: '{"typ":"sealwire-err","code":"busy"}' },
    HEADER,
    4400,
  );
  return g.group;
}

function claims(): Group[] {
  return (["text", "binary"] as const).map((wire) => {
    const g = new HandshakeGroup(`handshake/ca-bearer-${wire}`, SECTION, {
      role: "server",
      wire,
      suite: wire === "text" ? "p256" : "x25519",
    });
    g.open("open", "bearer: the plaintext is the claims", ["hs:members", "sr:first"]);
    const refuse = (name: string, mutation: string, over: Claims, req: string, verdict: Verdict = CLAIMS) =>
      g.refuse(name, mutation, [req, ...COARSE], { ca: { members: set(over) } }, verdict);
    refuse("th-other", "th is not TH2", { th: b64u(labelled("th")) }, "ca:th", ["E_TRANSCRIPT", "claims"]);
    refuse("both", "at and ath", { ath: hashOf(g.scene.setup.token) }, "ca:at-or-ath");
    if (wire === "binary") return g.group;

    g.open(
      "unknown-member",
      "an unknown member is ignored, and part of the transcript",
      ["hs:members", "kdf:schedule"],
      {
        ca: { members: set({ note: "ü" }) },
      },
    );
    for (const name of ["aud", "iat", "exp", "th"])
      refuse(`${name}-missing`, `${name} is missing`, { [name]: undefined }, "hs:members");
    refuse("neither", "neither at nor ath", { at: undefined }, "ca:at-or-ath");
    refuse("at-number", "at is a number", { at: 1 }, "hs:members");
    refuse("aud-array", "aud is an array", { aud: [SERVER_ID] }, "hs:members");
    refuse("iat-string", "iat is a string", { iat: String(CLOCK) }, "hs:members");
    refuse("iat-negative", "iat is negative", { iat: -1 }, "hs:members");
    refuse("th-short", "th has 42 characters", { th: "A".repeat(42) }, "b64:member");
    refuse("exp-before-iat", "exp is before iat", { exp: CLOCK - 1 }, "time:exp-before-iat");
    refuse("aud-other", "aud is another server", { aud: "https://other.example" }, "ca:aud", ["E_BINDING", "claims"]);
    refuse("th-of-ch", "th is that of SH", { th: b64u(sha256(utf8(g.scene.handshake().ch))) }, "ca:th", [
      "E_TRANSCRIPT",
      "claims",
    ]);
    const edit = (name: string, mutation: string, piece: string, by: string, req: string) =>
      g.refuse(name, mutation, [req, ...COARSE], { ca: { members: rewrite(piece, by) } }, CLAIMS);
    edit("twice", "th stands twice", '"th":', '"th":"x","th":', "json:duplicate");
    edit("iat-float", "iat is written with a fraction", `"iat":${CLOCK}`, `"iat":${CLOCK}.0`, "json:integer");
    g.refuse(
      "array",
      "the claims are an array",
      ["json:text", ...COARSE],
      { ca: { plaintext: (p3) => `[${p3}]` } },
      CLAIMS,
    );
    g.refuse(
      "bom",
      "a byte order mark stands in front",
      ["json:text", ...COARSE],
      { ca: { plaintext: (p3) => `\ufeff${p3}` } },
      CLAIMS,
    );
    g.refuse(
      "no-jws",
      "the outer header announces a JWS, and there is none",
      ["level:order", ...COARSE],
      { ca: { header: (h) => JSON.stringify(h).replace(',"kid"', ',"cty":"JWT","kid"') } },
      ["E_MALFORMED", "inner"],
      { code: 3000 },
    );
    return g.group;
  });
}

function time(): Group {
  const g = new HandshakeGroup("handshake/ca-time", SECTION, { role: "server", proof: "ES256" });
  g.open("open", "CA lives for 60 seconds from now", ["ca:time"]);
  const at = (iat: number, exp: number) => ({ ca: { members: set({ iat: CLOCK + iat, exp: CLOCK + exp }) } });
  g.open("last-second", "one second before its end and the skew are over", ["ca:time"], at(-89, -29));
  g.open("first-second", "dated ahead by the whole skew", ["ca:time"], at(30, 90));
  g.open("no-life", "exp is iat", ["ca:time"], at(0, 0));
  const refuse = (name: string, mutation: string, iat: number, exp: number) =>
    g.refuse(name, mutation, ["ca:time", ...COARSE], at(iat, exp), POP);
  refuse("expired", "its end and the skew are over", -90, -30);
  refuse("future", "dated ahead by one second more than the skew", 31, 60);
  refuse("too-long", "a life of 61 seconds", 0, 61);
  return g.group;
}

function inner(): Group {
  const g = new HandshakeGroup("handshake/ca-proof", SECTION, { role: "server", proof: "ES256" });
  g.open("open", "proof of possession with ES256", ["pop:thumbprint", "pop:signature", "sr:first"]);
  const header = (name: string, mutation: string, req: string, edit: Claims, verdict: Verdict) =>
    g.refuse(name, mutation, [req, ...COARSE], { ca: { inner: set(edit) } }, verdict);
  const key: Verdict = ["E_KEY", "header"];
  const jwk = wireJwk(proof) as unknown as Claims;
  header("crit", "the inner header has crit", "header:allow-list", { crit: ["exp"] }, HEADER);
  header("kid", "the inner header has kid", "header:allow-list", { kid: thumbprint(proof) }, HEADER);
  header("typ-dpop", "typ is that of a DPoP proof", "header:typ", { typ: "dpop+jwt" }, ["E_TYP", "header"]);
  header(
    "typ-message",
    "typ is that of a message: a signed message is no proof",
    "header:typ",
    { typ: "sealwire+jwt" },
    ["E_TYP", "header"],
  );
  header("typ-missing", "typ is missing", "header:typ", { typ: undefined }, ["E_TYP", "header"]);
  header("jwk-missing", "jwk is missing", "ca:jwk", { jwk: undefined }, key);
  header("jwk-private", "jwk has d", "ca:jwk", { jwk: { ...jwk, d: proof.d } }, key);
  header("jwk-alg", "jwk has alg", "ca:jwk", { jwk: { ...jwk, alg: "ES256" } }, key);
  header("jwk-kid", "jwk has kid", "ca:jwk", { jwk: { ...jwk, kid: "1" } }, key);
  header("jwk-off-curve", "the point is off the curve", "key:p256-point", { jwk: { ...jwk, y: jwk.x } }, key);
  header(
    "jwk-x25519",
    "jwk is a key of key agreement",
    "ca:jwk",
    { jwk: wireJwk(jwkOf("client ephemeral x25519")) },
    key,
  );
  header("jwk-oct", "jwk is a symmetric key", "ca:jwk", { jwk: { kty: "oct", k: "AAAA" } }, key);
  header(
    "jwk-x-short",
    "x has 31 bytes",
    "key:p256-point",
    { jwk: { ...jwk, x: b64u(unb64u(jwk.x as string).subarray(1)) } },
    key,
  );
  header("alg-other", "alg is Ed25519, jwk is of P-256", "header:alg", { alg: "Ed25519" }, ["E_ALG", "header"]);
  header("alg-none", "alg is none", "header:alg", { alg: "none" }, ["E_ALG", "header"]);
  header("alg-lower", "alg is es256", "header:alg", { alg: "es256" }, ["E_ALG", "header"]);
  header("cty", "the inner header has cty", "header:cty", { cty: "JWT" }, ["E_CTY", "header"]);
  g.refuse(
    "jwk-twice",
    "jwk stands twice",
    ["json:duplicate", ...COARSE],
    { ca: { inner: rewrite('"jwk"', '"jwk":{},"jwk"') } },
    HEADER,
  );
  const plain = (name: string, mutation: string, req: string, edit: (p3: string) => string, verdict: Verdict) =>
    g.refuse(name, mutation, [req, ...COARSE], { ca: { plaintext: edit } }, verdict);
  plain("two-segments", "the inner JWS has no signature", "level:order", (t) => t.split(".").slice(0, 2).join("."), [
    "E_MALFORMED",
    "inner",
  ]);
  plain("claims-alone", "the plaintext is the claims", "level:order", () => '{"aud":"x"}', ["E_MALFORMED", "inner"]);
  plain("inner-padded", "a segment of the inner JWS is padded", "b64:canonical", (t) => `${t}=`, ["E_B64", "inner"]);
  plain("inner-newline", "a line break stands behind the inner JWS", "b64:canonical", (t) => `${t}\n`, [
    "E_B64",
    "inner",
  ]);
  plain(
    "signature-flipped",
    "one bit of the inner signature is flipped",
    "pop:signature",
    (t) => withSegment(t, 2, (s) => flip(s)),
    POP,
  );
  plain(
    "signature-short",
    "the inner signature has 63 bytes",
    "pop:signature",
    (t) => withSegment(t, 2, (s) => s.subarray(1)),
    POP,
  );
  plain(
    "payload-changed",
    "the payload was replaced after it was signed",
    "pop:signature",
    (t) => withSegment(t, 1, (s) => utf8(s.toString().replace(`${CLOCK + 60}`, `${CLOCK + 59}`))),
    POP,
  );
  g.refuse("signer-other", "another key signed", ["pop:signature", ...COARSE], { ca: { signer: stranger } }, POP);
  g.refuse(
    "key-other",
    "a proof by another key than the token's",
    ["pop:thumbprint", ...COARSE],
    { ca: { signer: stranger, inner: set({ jwk: wireJwk(stranger) }) } },
    POP,
  );
  g.refuse(
    "th-other",
    "a proof over another handshake, replayed",
    ["ca:th", ...COARSE],
    { ca: { members: set({ th: b64u(labelled("th")) }) } },
    ["E_TRANSCRIPT", "claims"],
  );
  return g.group;
}

export const clientAuth = (): Group[] => [outer(), ...claims(), time(), inner()];
