// Which token, proof and variant of CA belong together (specs/session.md, sections 5 and 6).
import { b64u, flip, labelled, sha256, utf8 } from "../kit/bytes.ts";
import { Handshake, set } from "../kit/handshake.ts";
import { type Claims, withSegment } from "../kit/messages.ts";
import { CLOCK, type Group } from "./file.ts";
import { HandshakeGroup, tokenOf, type Verdict } from "./handshake-scene.ts";

const SECTION = "session.md#5-ca-client-authentication";
const CLAIMS: Verdict = ["E_CLAIMS", "claims"];
const POP: Verdict = ["E_POP", "claims"];
const TOKEN: Verdict = ["E_TOKEN", "claims"];
const COARSE = ["ca:coarse", "hs:err"];

const hashOf = (token: string): string => b64u(sha256(utf8(token)));

/** Tokens and variants that do not belong together, and which of several faults decides. */
function classes(): Group[] {
  const bound = tokenOf("client ES256");
  const g = new HandshakeGroup("handshake/ca-class", SECTION, { role: "server", proof: "ES256" });
  g.open("open", "a key-bound token, proven", ["pop:thumbprint"]);
  g.refuse(
    "no-cnf",
    "a proof with a token that is bound to no key",
    ["pop:no-cnf", ...COARSE],
    { ca: { members: set({ at: tokenOf(undefined) }) } },
    POP,
  );
  g.refuse(
    "cnf-other",
    "the token is bound to another key",
    ["pop:thumbprint", ...COARSE],
    { ca: { members: set({ at: tokenOf("stranger ES256") }) } },
    POP,
  );
  const late = { iat: CLOCK - 90, exp: CLOCK - 30 };
  const bad = { at: tokenOf("client ES256", { exp: CLOCK - 1 }) };
  const order = (name: string, mutation: string, over: Claims, req: string, verdict: Verdict, more = {}) =>
    g.refuse(name, mutation, ["ca:order", req, ...COARSE], { ca: { members: set(over), ...more } }, verdict);
  const wrong = { th: b64u(labelled("th")), aud: "https://other.example", ...late, ...bad };
  order("th-first", "th, aud, time and token are wrong", wrong, "ca:th", ["E_TRANSCRIPT", "claims"]);
  order("aud-first", "aud, time and token are wrong", { aud: wrong.aud, ...late, ...bad }, "ca:aud", [
    "E_BINDING",
    "claims",
  ]);
  order("time-first", "time and token are wrong", { ...late, ...bad }, "ca:time", POP);
  const forged = { plaintext: (t: string) => withSegment(t, 2, (s) => flip(s)) };
  order(
    "token-first",
    "the token and the proof signature are wrong: the token is the first signature that is verified",
    bad,
    "token:time",
    TOKEN,
    forged,
  );
  order("header-first", "the inner header and the claims are wrong", wrong, "header:cty", ["E_CTY", "header"], {
    inner: set({ cty: "x" }),
  });

  const bearer = new HandshakeGroup("handshake/ca-bearer-class", SECTION, { role: "server" });
  bearer.open("open", "a bearer token", ["pop:stripped"]);
  bearer.refuse(
    "stripped",
    "a key-bound token in the bearer variant: a stolen one",
    ["pop:stripped", ...COARSE],
    { ca: { members: set({ at: bound }) } },
    POP,
  );
  bearer.refuse(
    "ath",
    "a bearer CA with ath: anybody can compute it",
    ["pop:bearer-ath", ...COARSE],
    { ca: { members: set({ at: undefined, ath: hashOf(bearer.scene.setup.token) }) } },
    POP,
  );
  bearer.refuse(
    "ath-upgrade",
    "a bearer CA with ath, and the token came with the upgrade",
    ["pop:bearer-ath", ...COARSE],
    { ca: { members: set({ at: undefined, ath: hashOf(bearer.scene.setup.token) }) } },
    POP,
    { init: { upgradeToken: bearer.scene.setup.token } },
  );

  const required = new HandshakeGroup("handshake/ca-pop-required", SECTION, {
    role: "server",
    pop: "required",
    proof: "Ed25519",
  });
  required.open("open", "the server requires a proof key", ["pop:required"]);
  const none = new HandshakeGroup("handshake/ca-pop-bearer", SECTION, { role: "server" });
  none.open("open", "the server requires no proof key", ["pop:required"]);
  none.refuse("required", "the server requires a proof key", ["pop:required", ...COARSE], { ca: {} }, POP, {
    setup: { pop: "required" },
    init: { pop: "required" },
  });
  const signed = new HandshakeGroup("handshake/ca-sig", SECTION, { role: "server", level: "sig", proof: "Ed25519" });
  signed.open(
    "open",
    "level sig: the server sets pol.pop to required",
    ["sh:pop-for-sig"],
    {},
    { init: { pop: "optional" } },
  );
  const { proof: _, ...without } = signed.scene.setup;
  const script = signed.scene.start(signed.scene.handshake());
  const stripped = new Handshake({ ...without, token: tokenOf(undefined) });
  script.add({ op: "recv", message: stripped.message("ch") }, { emit: [stripped.message("sh")], state: "wait-ca" });
  script.add({ op: "recv", message: stripped.message("ca") }, signed.scene.ended(POP, 3000));
  signed.refuseScript(
    "bearer",
    "level sig, and a bearer CA",
    ["pop:required", "sh:pop-for-sig", ...COARSE],
    script,
    POP,
  );
  return [g.group, bearer.group, required.group, none.group, signed.group];
}

/** Tokens that came with the upgrade. */
function upgrade(): Group[] {
  const section = "session.md#6-access-token";
  const g = new HandshakeGroup("handshake/ca-ath", section, { role: "server", proof: "ES256", ath: true });
  g.open("open", "the token went with the upgrade, CA names its hash under the proof", ["token:upgrade-match"]);
  const { token } = g.scene.setup;
  g.refuse(
    "at",
    "CA carries the token itself",
    ["token:upgrade-ath", ...COARSE],
    { ca: { members: set({ ath: undefined, at: token }) } },
    POP,
  );
  g.refuse(
    "ath-other",
    "ath is the hash of another token",
    ["token:upgrade-match", ...COARSE],
    { ca: { members: set({ ath: hashOf("other") }) } },
    TOKEN,
  );
  g.refuse("ath-none", "no token came with the upgrade", ["token:upgrade-match", ...COARSE], { ca: {} }, TOKEN, {
    init: { upgradeToken: undefined },
  });
  g.refuse(
    "ath-short",
    "ath has 42 characters",
    ["b64:member", ...COARSE],
    { ca: { members: set({ ath: "A".repeat(42) }) } },
    CLAIMS,
  );

  const b = new HandshakeGroup("handshake/ca-upgrade-bearer", section, { role: "server" });
  const same = { upgradeToken: b.scene.setup.token };
  b.open(
    "open",
    "a bearer token came with the upgrade, and CA carries the same one",
    ["token:upgrade-match"],
    {},
    { init: same },
  );
  b.refuse(
    "at-other",
    "CA carries another token of the same user",
    ["token:upgrade-match", ...COARSE],
    { ca: { members: set({ at: tokenOf(undefined, { jti: "token-2" }) }) } },
    TOKEN,
    { init: same },
  );
  return [g.group, b.group];
}

export const clientClasses = (): Group[] => [...classes(), ...upgrade()];
