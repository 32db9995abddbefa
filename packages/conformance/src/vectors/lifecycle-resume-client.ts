// A client that takes its session up: the server's hello and confirmation, chains, time (specs/lifecycle.md, section 7).
import { b64u, flip, utf8 } from "../kit/bytes.ts";
import { Handshake, protocolOf, set } from "../kit/handshake.ts";
import { helloKeys, th } from "../kit/kdf.ts";
import { thumbprint, wireJwk } from "../kit/keys.ts";
import { type Claims, withSegment } from "../kit/messages.ts";
import { closeOf, Peer } from "../kit/peer.ts";
import type { Faults } from "../kit/resume.ts";
import { CLOCK, type Group } from "./file.ts";
import type { Values, Verdict } from "./handshake-scene.ts";
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

/** A connection that fails leaves the session as it is. */
function attempts(g: LifeGroup): void {
  const t = lost(g);
  new Attempt(t).start().told("resume");
  new Attempt(t).hello().told("resume");
  new Attempt(t, { place: 1 }).start().dropped();
  resumes(t, { place: 1 }).hears();
  g.ok(
    "attempts",
    "a refusal before and after SH, a connection that is gone: nobody authenticated any of it",
    ["resume:attempt", "chain:client", "close:hint"],
    t,
  );
  const timeout: Verdict = ["E_TIMEOUT_HS", "local"];
  const slow = lost(g);
  const waits = new Attempt(slow).hello();
  slow.tick(9).tick(1, () => waits.failed(timeout));
  g.bad("timeout", "resumed does not come within 10 seconds", ["hs:timeout", "resume:attempt"], slow, timeout, {
    from: "attempts",
  });
  const refused = lost(g);
  new Attempt(refused).start().told("resume");
  g.bad("refused", "the server says that it cannot resume", ["resume:kid", "hs:err"], refused, ["E_RESUME", "local"], {
    from: "attempts",
  });
  const alive = g.life().hears();
  alive.state = "lost";
  const { code, reason } = closeOf(4409);
  const attempt = new Attempt(alive, { outcome: { superseded: { conn: 0, code, reason } } }).start();
  const ping = alive.peer.uncounted("in", { seq: 2, top: "ping", rcv: 0 });
  alive.step({ op: "recv", conn: 0, message: ping });
  alive.recv(attempt.resume.message("sh"), { emit: [attempt.own()], attempt: "wait-resumed" });
  attempt.confirm();
  alive.hears();
  g.ok(
    "stop-old",
    "the client leaves a connection that still lives, and hears nothing more of it",
    ["resume:stop-old"],
    alive,
  );
}

function chains(g: LifeGroup): void {
  const late = lost(g);
  const tried = new Attempt(late).hello();
  tried.dropped();
  resumes(late, { chain: tried.resume.chain }).hears();
  g.ok("confirmed-unseen", "the server's resumed was lost: its chain is tried first", ["chain:client"], late);
  const older = lost(g);
  new Attempt(older).hello().dropped();
  resumes(older, { place: 1 }).hears();
  g.ok("older", "then the chain before it", ["chain:client"], older);
  const rekeyed = g.life().hears();
  const { chain } = rekeyed.peer;
  rekeyed.answers().lose();
  resumes(rekeyed, { chain, place: 1, heard: 0 }).hears();
  g.ok("rekeyed-lost", "the server never saw rekeyed", ["chain:client"], rekeyed);
  const known = g.life().hears().answers().lose();
  resumes(known).hears();
  g.ok("rekeyed-seen", "the server saw rekeyed, and its ack was lost", ["chain:client"], known);
  const asked = g.life().hears().proposes().answered().lose();
  resumes(asked, { chain, place: 1 }).hears();
  g.ok("ack-lost", "the client asked, and the server's ack was lost", ["chain:client"], asked);
  const full_ = lost(g);
  for (let i = 0; i < 3; i++) new Attempt(full_, { place: i }).hello().dropped();
  reopens(full_, { resume: 0 });
  g.ok("chain-limit", "a client that holds four chains makes a full handshake", ["chain:limit"], full_);
}

/** A full handshake in place of a resume, and what is known of the session that was given up. */
function reopens(t: Life, step: Values = {}): Handshake {
  const handshake = new Handshake(t.nextSetup());
  t.conn++;
  t.step(
    { op: "start", protocol: protocolOf(t.wire), ...step },
    { emit: [handshake.message("ch")], attempt: "wait-sh" },
  );
  t.recv(handshake.message("sh"), { emit: [handshake.message("ca")], attempt: "wait-sr" });
  const undetermined = t.unconfirmed();
  t.peer = new Peer(handshake, "client");
  t.state = "open";
  t.recv(handshake.message("sr"), { opened: t.peer.opened, ...(undetermined.length === 0 ? {} : { undetermined }) });
  t.hears();
  return handshake;
}

function ends(g: LifeGroup): void {
  const waited = lost(g).tick(119);
  resumes(waited).hears();
  g.ok("window", "119 seconds without a connection", ["resume:window"], waited);
  const late = lost(g).tick(119);
  const truncated: Verdict = ["E_TRUNCATED", "local"];
  late.tick(1, () => ({
    error: { error: "E_TRUNCATED", step: "local" },
    ended: { clean: false, truncated: true },
    state: "closed",
  }));
  g.bad("window-over", "120 seconds without a connection", ["resume:window", "ack:undetermined"], late, truncated, {
    from: "window",
  });
  for (const code of [1000, 1001, 1012, 1013, 4403]) {
    const t = g.life().hears().sends("chat.say", 1).lose(code);
    resumes(t, { heard: 0 }).hears();
    g.ok(`drop-${code}`, `the connection is closed with ${code}, and no bye`, ["resume:window", "close:hint"], t);
  }
  const idle = g.life().hears();
  idle.state = "lost";
  idle.tick(120, (peer) => ({ emit: [peer.answers({ top: "ack" })], close: closeOf(3008) }));
  resumes(idle, { heard: 0 }).hears();
  g.ok(
    "idle",
    "a connection on which nothing arrives is closed without bye, and the session stays",
    ["resume:no-bye", "ctl:idle"],
    idle,
  );
  const given = lost(g);
  reopens(given);
  g.ok(
    "new-session",
    "a full handshake: what was not acknowledged is undetermined",
    ["ack:undetermined", "idem:only"],
    given,
  );
  const asks = g.life().asks("chat.ask", 1).lose();
  resumes(asks, { heard: 0 });
  asks.recv(asks.peer.message({ top: "chat.ask", ref: 1, dat: "late" }), { settled: [{ seq: 1, data: "late" }] });
  g.ok(
    "request",
    "a request that was lost with its connection is answered on the next one",
    ["resume:same-message", "req:reply"],
    asks,
  );
  const queued = g.life().hears().lose().step({ op: "send", top: "chat.say", data: "later" });
  new Attempt(queued, { heard: 0 }).done({ fresh: () => [queued.peer.says({ dat: "later" })] }).hears();
  g.ok(
    "queued",
    "what is sent while there is no connection goes out behind what is sent again",
    ["resume:again"],
    queued,
  );
}

/** `pol` of SH in a handshake. */
function policy(): Group {
  const g = new LifeGroup("resume", "policy", "1-five-lives", { role: "client", order: "window" });
  g.ok("message", "the client takes window order without resumption", ["resume:strict"], g.life().hears());
  const hs = g.scene.handshake({ sh: { members: set({ pol: { pop: "optional", res: 60, seq: "window" } }) } });
  const script = g.scene.start(hs).add({ op: "recv", message: hs.message("sh") }, g.scene.ended(NEGOTIATE));
  g.refuseScript("window-res", "pol.res is 60 and pol.seq is window", ["resume:strict"], script, NEGOTIATE, {
    from: "message",
  });
  return g.group;
}

export function resumeClients(): Group[] {
  const groups = (["text", "binary"] as const).map((wire) => {
    const g = new LifeGroup("resume", `client-${wire}`, SECTION, {
      role: "client",
      wire,
      res: RES,
      suite: wire === "text" ? "x25519" : "p256",
    });
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
    attempts(g);
    chains(g);
    ends(g);
    return g.group;
  });
  const ath = new LifeGroup("resume", "client-ath", SECTION, { role: "client", res: RES, proof: "Ed25519", ath: true });
  ath.ok("message", "a message is delivered", ["hs:states"], ath.life().hears());
  ath.ok(
    "resumed",
    "the token went with the upgrade: CH names it by its hash",
    ["resume:token"],
    resumes(ath.life().hears().lose()).hears(),
  );
  return [...groups, ath.group, policy()];
}
