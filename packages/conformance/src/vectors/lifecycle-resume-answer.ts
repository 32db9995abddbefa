// The server's two messages in a resume, at a client: what is no SH of this session, and no confirmation (specs/lifecycle.md, section 7).
import { b64u, flip, utf8 } from "../kit/bytes.ts";
import { set } from "../kit/handshake.ts";
import { helloKeys, th } from "../kit/kdf.ts";
import { thumbprint, wireJwk } from "../kit/keys.ts";
import { type Claims, withSegment } from "../kit/messages.ts";
import type { Faults } from "../kit/resume.ts";
import { CLOCK, type Group } from "./file.ts";
import type { Verdict } from "./handshake-scene.ts";
import { jwkOf } from "./keys.ts";
import { Attempt, resumes } from "./lifecycle-attempt.ts";
import { type Life, LifeGroup, RES } from "./lifecycle-scene.ts";

const SECTION = "7-resume";
const CLAIMS: Verdict = ["E_CLAIMS", "claims"];
const SEQ: Verdict = ["E_SEQ", "claims"];
const HEADER: Verdict = ["E_HEADER", "header"];
const NEGOTIATE: Verdict = ["E_NEGOTIATE", "claims"];
const RESUME: Verdict = ["E_RESUME", "session"];
const SIGNATURE: Verdict = ["E_SIG_SERVER", "crypto"];

/** Two messages were sent, of which the server has said that it received the first. */
function lost(g: LifeGroup): Life {
  const t = g.life().hears().sends("chat.say", 1).sends("chat.say", 2);
  t.recv(t.peer.control({ top: "ack", rcv: 1 }));
  return t.lose();
}

function hello(g: LifeGroup): void {
  const bad = (name: string, mutation: string, req: string, sh: Faults, verdict: Verdict, code?: number): void => {
    const t = lost(g);
    new Attempt(t, { changes: { sh } }).failsHello(verdict, code);
    g.bad(name, mutation, [req], t, verdict, { from: "resumed" });
  };
  const header = (name: string, mutation: string, over: Claims): void =>
    bad(name, mutation, "resume:sh-header", { header: set(over) }, HEADER);
  const { identity, pop } = g.scene.setup;
  const { chain } = g.life().peer;
  header("kid", "kid names another chain", { kid: helloKeys(Buffer.alloc(32, 7)).kid });
  header("typ", "typ is that of CH", { typ: "sealwire-ch+jwt" });
  header("alg-hs512", "alg is HS512", { alg: "HS512" });
  header("alg-none", "alg is none", { alg: "none" });
  header("cty", "the header has cty", { cty: "JWT" });
  header("member", "the header has another member", { crit: [] });
  const signed = { alg: identity.alg, kid: thumbprint(identity), typ: "sealwire-sh+jwt" };
  bad(
    "server-key",
    "SH is signed by the server's identity key, as in a handshake",
    "resume:sh-header",
    {
      header: () => signed,
      key: identity,
    },
    HEADER,
  );
  bad(
    "server-key-kid",
    "the server's identity key signs under the kid of the chain",
    "resume:sh-mac",
    { key: identity },
    SIGNATURE,
  );
  const text = (change: (t: string) => string): Faults => ({ text: change });
  bad(
    "mac-flipped",
    "one bit of the MAC is flipped",
    "resume:sh-mac",
    text((t) => withSegment(t, -1, (s) => flip(s))),
    SIGNATURE,
  );
  bad(
    "mac-empty",
    "the MAC is empty",
    "resume:sh-mac",
    text((t) => withSegment(t, -1, () => "")),
    SIGNATURE,
  );
  bad(
    "payload",
    "one bit of the payload is flipped",
    "resume:sh-mac",
    text((t) => withSegment(t, 1, (s) => flip(s, 30))),
    SIGNATURE,
  );
  bad(
    "mac-client",
    "the MAC is that of the client's hello",
    "resume:sh-mac",
    { key: helloKeys(chain).client },
    SIGNATURE,
  );
  bad("mac-chain", "the chain itself is the key of the MAC", "resume:sh-mac", { key: chain }, SIGNATURE);
  const member = (name: string, mutation: string, req: string, over: Claims, verdict = CLAIMS, code?: number): void =>
    bad(name, mutation, req, { members: set(over) }, verdict, code);
  for (const name of ["iat", "th", "rnd", "prt", "st", "epk", "lvl", "cod", "pol", "lim", "rs"]) {
    member(`no-${name}`, `${name} is missing`, "hs:members", { [name]: undefined });
  }
  member("rcv-missing", "rs has no rcv", "hs:members", { rs: {} });
  member("rcv-string", "rcv is a string", "hs:members", { rs: { rcv: "2" } });
  member("th-other", "th is of another CH", "sh:th", { th: b64u(th("ch", utf8("{}"))) }, ["E_TRANSCRIPT", "claims"]);
  const same = (name: string, over: Claims): void =>
    member(`${name}-other`, `${name} is not that of the session`, "resume:sh-same", over, NEGOTIATE);
  const second = g.scene.setup.suite === "p256" ? "x25519" : "p256";
  same("st", { st: second, epk: wireJwk(jwkOf(`server ephemeral 1 ${second}`)) });
  same("lvl", { lvl: "mac" });
  same("cod", { cod: g.scene.setup.codec === "json" ? "cbor" : "json" });
  const pol = { pop, res: RES, seq: "strict" };
  same("res", { pol: { ...pol, res: RES + 1 } });
  same("pop", { pol: { ...pol, pop: "required" } });
  same("seq", { pol: { ...pol, seq: "window" } });
  same("lim", { lim: { msg: 65536 } });
  member("rcv-unsent", "rcv is a number that the client has not used", "resume:sh-rcv", { rs: { rcv: 3 } }, RESUME);
  member("rcv-less", "rcv is less than the server has said before", "resume:sh-rcv", { rs: { rcv: 0 } }, RESUME);
  const zero = { ...wireJwk(jwkOf(`server ephemeral ${g.scene.setup.suite}`)), x: "A".repeat(43) };
  const point = second === "x25519" ? "key:p256-point" : "key:okp-point";
  member("epk-zero", "epk is no point", point, { epk: zero }, ["E_KEY", "claims"]);
  member(
    "th-first",
    "th, the level and rcv are wrong",
    "level:order",
    { th: "A".repeat(43), lvl: "mac", rs: { rcv: 3 } },
    ["E_TRANSCRIPT", "claims"],
  );
  member(
    "same-first",
    "the level, rcv and epk are wrong",
    "level:order",
    { lvl: "mac", rs: { rcv: 3 }, epk: zero },
    NEGOTIATE,
  );
  member("rcv-first", "rcv and epk are wrong", "level:order", { rs: { rcv: 3 }, epk: zero }, RESUME);
  member(
    "clock",
    "the server's clock has jumped by eleven days",
    "time:offset",
    { iat: CLOCK + 950400 },
    ["E_FUTURE", "claims"],
    4406,
  );
  const swapped = lost(g);
  new Attempt(swapped).hello().dropped();
  const other = new Attempt(swapped, { place: 1 }).start();
  const old = new Attempt(lost(g)).resume.message("sh");
  other.fails(old, ["E_TRANSCRIPT", "claims"]);
  g.bad("replayed", "SH answers an earlier CH under the same chain", ["sh:th"], swapped, ["E_TRANSCRIPT", "claims"], {
    from: "resumed",
  });
}

function confirmation(g: LifeGroup): void {
  const bad = (
    name: string,
    mutation: string,
    req: readonly string[],
    make: (a: Attempt) => object,
    verdict: Verdict,
  ): void => {
    const t = lost(g);
    const attempt = new Attempt(t).hello();
    attempt.fails(make(attempt), verdict);
    g.bad(name, mutation, req, t, verdict, { from: "resumed" });
  };
  const first = ["resume:first"];
  const sequence: Verdict = ["E_SEQ", "sequence"];
  bad("message-first", "an application message in place of resumed", first, (a) => a.message(3), HEADER);
  bad("seq-1", "resumed has the number 1", first, (a) => a.confirmation({ seq: 1 }), sequence);
  bad("seq-next", "resumed has the next number", first, (a) => a.confirmation({ seq: 3 }), sequence);
  bad("ping-first", "ping in place of resumed", first, (a) => a.confirmation({ top: "ping" }), CLAIMS);
  bad("exp-missing", "resumed has no exp", ["ctl:members"], (a) => a.confirmation({ exp: undefined }), CLAIMS);
  bad("exp-string", "exp is a string", ["ctl:members"], (a) => a.confirmation({ exp: "1" }), CLAIMS);
  bad("scp-missing", "resumed has no scp", ["ctl:members"], (a) => a.confirmation({ scp: undefined }), CLAIMS);
  bad("confirm-rcv-less", "rcv is less than that of SH", ["ctl:rcv"], (a) => a.confirmation({ rcv: 1 }), SEQ);
  bad("confirm-rcv-unsent", "rcv is a number that was not used", ["ctl:rcv"], (a) => a.confirmation({ rcv: 3 }), SEQ);
  bad(
    "reflected",
    "the client's own resumed comes back",
    g.scene.wire === "text" ? first : ["level:verify"],
    (a) => a.own(),
    g.scene.wire === "text" ? HEADER : ["E_CRYPTO", "crypto"],
  );
  const after = (name: string, mutation: string, claims: Claims, verdict: Verdict, seq?: number): void => {
    const t = resumes(lost(g));
    const { peer } = t;
    const before = peer.seq;
    if (seq !== undefined) peer.seq = seq - 1;
    t.fails(peer.control(claims), verdict, before);
    g.bad(name, mutation, ["resume:once"], t, verdict, { from: "resumed" });
  };
  const again = { top: "resumed", exp: CLOCK + 3600, scp: ["chat.read"] };
  after("resumed-again", "resumed comes twice", again, sequence, 0);
  after("resumed-numbered", "resumed with the next number", again, SEQ);
  const void_ = resumes(lost(g));
  void_.fails(void_.peer.control({ top: "void" }), CLAIMS);
  g.bad("void-rcv", "void has rcv", ["resume:void-shape"], void_, CLAIMS, { from: "resumed" });
  const more = lost(g);
  new Attempt(more, { heard: 1 }).done({ rcv: 2, voided: [2] }).hears();
  g.ok(
    "acknowledged",
    "resumed says more than SH: the old connection brought it. void takes the place of what is acknowledged",
    ["resume:void", "resume:again", "ctl:rcv"],
    more,
  );
}

export function resumeAnswers(): Group[] {
  return (["text", "binary"] as const).map((wire) => {
    const suite = wire === "text" ? "x25519" : "p256";
    const g = new LifeGroup("resume", `answer-client-${wire}`, SECTION, { role: "client", wire, res: RES, suite });
    g.ok("message", "a message is delivered", ["hs:states"], g.life().hears());
    g.ok("resumed", "a session is taken up", ["resume:first", "resume:sh-same"], resumes(lost(g)).hears());
    const unknown = lost(g);
    new Attempt(unknown, { changes: { sh: { members: set({ iss: "x", new: 1 }) } } }).done().hears();
    g.ok(
      "unknown-member",
      "unknown members of SH are ignored, and part of the transcript",
      ["hs:members", "kdf:schedule"],
      unknown,
    );
    hello(g);
    confirmation(g);
    return g.group;
  });
}
