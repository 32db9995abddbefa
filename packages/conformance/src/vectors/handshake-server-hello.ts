// SH as a client hears it (specs/session.md, section 4).
import { b64u, flip, labelled, utf8 } from "../kit/bytes.ts";
import { Handshake, rewrite, set } from "../kit/handshake.ts";
import { full } from "../kit/jose.ts";
import { th } from "../kit/kdf.ts";
import { thumbprint, wireJwk } from "../kit/keys.ts";
import { type Claims, withSegment } from "../kit/messages.ts";
import { CLOCK, type Group } from "./file.ts";
import { HandshakeGroup, type Verdict } from "./handshake-scene.ts";
import { $public, jwkOf } from "./keys.ts";

const SECTION = "session.md#4-sh-server-hello";
const CLAIMS: Verdict = ["E_CLAIMS", "claims"];
const NEGOTIATE: Verdict = ["E_NEGOTIATE", "claims"];
const KEY: Verdict = ["E_KEY", "claims"];

const epk = wireJwk(jwkOf("server ephemeral p256")) as unknown as Claims;
const stranger = jwkOf("stranger Ed25519");

function header(): Group {
  const g = new HandshakeGroup("handshake/sh-header", SECTION, { role: "client" });
  g.open("open", "SH signed with Ed25519", ["hs:states", "kdf:schedule", "sh:pinned"]);
  const both = { init: { pinned: { keys: [$public("server ES256"), $public("server Ed25519")] } } };
  g.open("two-pinned", "two pinned keys; the kid tells which", ["sh:pinned"], {}, both);
  const refuse = (name: string, mutation: string, req: readonly string[], edit: Claims, verdict: Verdict) =>
    g.refuse(name, mutation, req, { sh: { header: set(edit) } }, verdict);
  const HEADER: Verdict = ["E_HEADER", "header"];
  refuse("crit", "the header has crit", ["header:allow-list"], { crit: ["exp"] }, HEADER);
  refuse("jwk", "the header brings its own key", ["header:allow-list"], { jwk: wireJwk(stranger) }, HEADER);
  refuse("jku", "the header has jku", ["header:allow-list"], { jku: "https://keys.example" }, HEADER);
  refuse("x5u", "the header has x5u", ["header:allow-list"], { x5u: "https://keys.example" }, HEADER);
  refuse("b64", "the header has b64", ["header:allow-list"], { b64: false }, HEADER);
  g.refuse(
    "kid-twice",
    "kid stands twice",
    ["json:duplicate"],
    { sh: { header: rewrite('"typ"', `"kid":"${thumbprint(stranger)}","typ"`) } },
    HEADER,
  );
  g.refuse(
    "header-1025",
    "the header has 1025 bytes",
    ["header:allow-list"],
    { sh: { header: (members) => JSON.stringify(members).padEnd(1025) } },
    HEADER,
  );
  const TYP: Verdict = ["E_TYP", "header"];
  for (const [name, typ] of [
    ["message", "sealwire+jwt"],
    ["token", "at+jwt"],
    ["event", "secevent+jwt"],
    ["jwt", "JWT"],
    ["application", "application/sealwire-sh+jwt"],
    ["case", "Sealwire-SH+jwt"],
  ] as const) {
    refuse(`typ-${name}`, `typ is ${typ}`, ["header:typ"], { typ }, TYP);
  }
  refuse("typ-missing", "typ is missing", ["header:typ"], { typ: undefined }, TYP);
  const UNKNOWN: Verdict = ["E_KEY", "header"];
  refuse("kid-other", "kid is another key's", ["sh:pinned"], { kid: thumbprint(stranger) }, UNKNOWN);
  refuse("kid-missing", "kid is missing", ["sh:pinned"], { kid: undefined }, UNKNOWN);
  refuse(
    "kid-name",
    "kid is the name that the pinned set gives",
    ["sh:pinned", "key:kid-ignored"],
    { kid: "main" },
    UNKNOWN,
  );
  g.refuse(
    "other-server",
    "SH is signed by a key that is not pinned, and names it",
    ["sh:pinned"],
    { sh: { signer: stranger, header: set({ kid: thumbprint(stranger) }) } },
    UNKNOWN,
  );
  const ALG: Verdict = ["E_ALG", "header"];
  refuse("alg-none", "alg is none", ["header:alg"], { alg: "none" }, ALG);
  refuse("alg-other", "alg is ES256, the key is an Ed25519 key", ["header:alg"], { alg: "ES256" }, ALG);
  refuse("alg-eddsa", "alg is EdDSA, another name for the same algorithm", ["header:alg"], { alg: "EdDSA" }, ALG);
  g.refuse(
    "alg-hmac",
    "alg is HS256, and the public key is taken as a secret",
    ["header:alg"],
    { sh: { header: set({ alg: "HS256" }) } },
    ALG,
  );
  refuse("alg-missing", "alg is missing", ["header:alg"], { alg: undefined }, ALG);
  refuse("cty", "the header has cty", ["header:cty"], { cty: "sealwire+cbor" }, ["E_CTY", "header"]);
  g.refuse("alg-not-offered", "the client offered ES256 alone", ["sh:alg-offered"], { sh: {} }, ALG, {
    setup: { offer: { ...g.scene.setup.offer, sig: ["ES256"] } },
    init: { offer: { ...(g.scene.init.offer as object), sig: ["ES256"] } },
  });
  const SIGNATURE: Verdict = ["E_SIG_SERVER", "crypto"];
  const signature = (name: string, mutation: string, text: (text: string) => string) =>
    g.refuse(name, mutation, ["sh:signature"], { sh: { text } }, SIGNATURE);
  signature("signature-flipped", "one bit of the signature is flipped", (t) => withSegment(t, -1, (s) => flip(s)));
  signature("signature-short", "the signature lacks its last byte", (t) =>
    withSegment(t, -1, (s) => s.subarray(0, -1)),
  );
  signature("signature-empty", "the signature is empty", (t) => withSegment(t, -1, () => ""));
  signature("payload-changed", "one bit of the payload is flipped", (t) => withSegment(t, 1, (s) => flip(s, 30)));
  g.refuse("signer-other", "another key signed", ["sh:signature"], { sh: { signer: stranger } }, SIGNATURE);
  return g.group;
}

function members(): Group {
  const g = new HandshakeGroup("handshake/sh-members", SECTION, { role: "client" });
  g.open("open", "every member as the table has it", ["hs:members"]);
  g.open("unknown-members", "unknown members are ignored, and part of the transcript", ["hs:members", "kdf:schedule"], {
    sh: { members: set({ new: [{ deep: "ü" }] }) },
  });
  const refuse = (name: string, mutation: string, over: Claims, req = "hs:members", verdict = CLAIMS) =>
    g.refuse(name, mutation, [req], { sh: { members: set(over) } }, verdict);
  const rewritten = (name: string, mutation: string, piece: string, by: string, req: string) =>
    g.refuse(name, mutation, [req], { sh: { members: rewrite(piece, by) } }, CLAIMS);
  for (const name of ["iss", "iat", "th", "rnd", "prt", "st", "epk", "lvl", "cod", "pol", "lim"]) {
    refuse(`${name}-missing`, `${name} is missing`, { [name]: undefined });
  }
  refuse("iss-space", "iss has a space", { iss: "chat example" });
  refuse("iat-string", "iat is a string", { iat: String(CLOCK) });
  rewritten("iat-float", "iat is written with a fraction", `"iat":${CLOCK}`, `"iat":${CLOCK}.0`, "json:integer");
  refuse("th-short", "th has 42 characters", { th: "A".repeat(42) }, "b64:member");
  refuse("rnd-alphabet", "rnd has a character of standard base64", { rnd: `+${"A".repeat(42)}` }, "b64:member");
  refuse("st-number", "st is a number", { st: 1 });
  refuse("pop-other", "pol.pop is neither of the two", { pol: { pop: "no", res: 0, seq: "strict" } });
  refuse("pop-missing", "pol.pop is missing", { pol: { res: 0, seq: "strict" } });
  refuse("res-missing", "pol.res is missing", { pol: { pop: "optional", seq: "strict" } });
  for (const [name, res] of [
    ["negative", -1],
    ["string", "60"],
    ["fraction", 0.5],
    ["null", null],
  ] as const) {
    refuse(`res-${name}`, `pol.res: ${JSON.stringify(res)}`, { pol: { pop: "optional", res, seq: "strict" } });
  }
  refuse("seq-other", "pol.seq is neither of the two", { pol: { pop: "optional", res: 0, seq: "any" } });
  refuse("lim-msg-least", "lim.msg is one below the least", { lim: { msg: 65535 } });
  rewritten("twice", "st stands twice", '"st":"p256"', '"st":"p256","st":"x25519"', "json:duplicate");
  rewritten("surrogate", "an unknown member has a lone surrogate", '"st"', '"x":"\\udc00","st"', "json:value");
  refuse("epk-missing-y", "epk has no y", { epk: { ...epk, y: undefined } }, "key:jwk-members");
  refuse("epk-kid", "epk has kid", { epk: { ...epk, kid: "1" } }, "key:jwk-members");
  refuse(
    "epk-other-suite",
    "epk is a key of the other suite",
    { epk: wireJwk(jwkOf("server ephemeral x25519")) },
    "key:jwk-members",
  );
  refuse("epk-off-curve", "epk is off the curve", { epk: { ...epk, y: epk.x } }, "key:p256-point", KEY);
  refuse("epk-zero", "epk is zero", { epk: { ...epk, x: "A".repeat(43), y: "A".repeat(43) } }, "key:p256-point", KEY);
  return g.group;
}

function comparisons(): Group {
  const g = new HandshakeGroup("handshake/sh", SECTION, { role: "client" });
  g.open("open", "SH answers this CH", ["hs:states"]);
  g.open("res", "the session can be resumed for 60 seconds", ["sh:pol", "resume:strict"], {}, { setup: { res: 60 } });
  g.open("least-limit", "the server takes messages of the least size", ["hs:members"], {
    sh: { members: set({ lim: { msg: 65536 } }) },
  });
  const refuse = (name: string, mutation: string, req: readonly string[], over: Claims, verdict: Verdict) =>
    g.refuse(name, mutation, req, { sh: { members: set(over) } }, verdict);
  refuse("iss-other", "iss is another server", ["sh:iss"], { iss: "https://other.example" }, KEY);
  refuse("iss-case", "iss differs in case", ["sh:iss"], { iss: "https://Chat.example" }, KEY);
  const TRANSCRIPT: Verdict = ["E_TRANSCRIPT", "claims"];
  refuse("th-other", "th is of another CH", ["sh:th"], { th: b64u(th("ch", utf8("{}"))) }, TRANSCRIPT);
  refuse(
    "th-of-th2",
    "th has the label of TH2",
    ["sh:th"],
    { th: b64u(th("th2", utf8(g.scene.handshake().ch))) },
    TRANSCRIPT,
  );
  const DOWNGRADE: Verdict = ["E_DOWNGRADE", "claims"];
  refuse(
    "prt-other",
    "the server speaks cbor, the 101 response selected text: something transcodes",
    ["sh:prt"],
    { prt: "sealwire.v1.cbor" },
    DOWNGRADE,
  );
  refuse("prt-later", "prt is a subprotocol that was not offered", ["sh:prt"], { prt: "sealwire.v9.text" }, DOWNGRADE);
  refuse(
    "st-not-offered",
    "st was not offered",
    ["sh:offered"],
    { st: "x25519", epk: wireJwk(jwkOf("server ephemeral x25519")) },
    NEGOTIATE,
  );
  refuse("st-unknown", "st is unknown", ["sh:offered"], { st: "kem9" }, NEGOTIATE);
  refuse("lvl-not-offered", "lvl was not offered", ["sh:offered"], { lvl: "mac" }, NEGOTIATE);
  refuse(
    "lvl-sig",
    "lvl is sig, which was not offered without a proof key",
    ["sh:offered", "ch:no-key-no-sig"],
    { lvl: "sig" },
    NEGOTIATE,
  );
  refuse("cod-not-offered", "cod was not offered", ["sh:offered"], { cod: "cbor" }, NEGOTIATE);
  const pol = (over: Claims): Claims => ({ pol: { pop: "optional", res: 0, seq: "strict", ...over } });
  refuse(
    "window",
    "pol.seq is window, which the client does not accept",
    ["sh:pol"],
    pol({ seq: "window" }),
    NEGOTIATE,
  );
  refuse(
    "pop-required",
    "pol.pop is required, and the client has no proof key",
    ["sh:pol"],
    pol({ pop: "required" }),
    NEGOTIATE,
  );

  const other = new Handshake({ ...g.scene.setup, clientRnd: labelled("client rnd, other connection") });
  const script = g.scene.start(g.scene.handshake());
  script.add({ op: "recv", message: full("text", other.sh) }, g.scene.ended(TRANSCRIPT));
  g.refuseScript("swapped", "SH is that of another connection", ["sh:th"], script, TRANSCRIPT);
  return g.group;
}

/** One fault after the other: the first in the order of the section decides. */
function order(): Group {
  const g = new HandshakeGroup("handshake/sh-order", SECTION, { role: "client" });
  g.open("open", "nothing is wrong", ["hs:states"]);
  const all: Claims = {
    iss: "x",
    th: "A".repeat(43),
    prt: "sealwire.v1.cbor",
    lvl: "mac",
    epk: { ...epk, y: epk.x },
    iat: 1,
  };
  const names = ["iss", "th", "prt", "lvl", "epk"] as const;
  const verdicts: readonly Verdict[] = [KEY, ["E_TRANSCRIPT", "claims"], ["E_DOWNGRADE", "claims"], NEGOTIATE, KEY];
  const slugs = ["sh:iss", "sh:th", "sh:prt", "sh:offered", "key:p256-point"];
  for (const [i, name] of names.entries()) {
    const wrong = Object.entries(all).filter(([member]) => member === "iat" || names.indexOf(member as "iss") >= i);
    const mutation = `${name} and everything behind it is wrong`;
    g.refuse(
      `${name}-first`,
      mutation,
      ["level:order", slugs[i] as string],
      { sh: { members: set(Object.fromEntries(wrong)) } },
      verdicts[i] as Verdict,
    );
  }
  const typ = { sh: { header: set({ typ: "JWT", kid: "x", alg: "none", cty: "x" }) } };
  g.refuse("typ-first", "typ, kid, alg and cty are wrong", ["level:order", "header:typ"], typ, ["E_TYP", "header"]);
  const kid = { sh: { header: set({ kid: "x", alg: "none", cty: "x" }) } };
  g.refuse("kid-first", "kid, alg and cty are wrong", ["level:order", "sh:pinned"], kid, ["E_KEY", "header"]);
  const alg = { sh: { header: set({ alg: "none", cty: "x" }) } };
  g.refuse("alg-first", "alg and cty are wrong", ["level:order", "header:alg"], alg, ["E_ALG", "header"]);
  const signature = { sh: { members: set(all), text: (t: string) => withSegment(t, -1, (s) => flip(s)) } };
  g.refuse(
    "signature-first",
    "the signature and everything inside is wrong",
    ["level:order", "sh:signature"],
    signature,
    ["E_SIG_SERVER", "crypto"],
  );
  return g.group;
}

export const serverHello = (): Group[] => [header(), members(), comparisons(), order()];
