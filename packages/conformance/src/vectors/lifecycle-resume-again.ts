// What is said anew on another connection and what is not, at both ends (specs/lifecycle.md, sections 4, 5 and 7).
import type { Message } from "../kit/jose.ts";
import { closeOf } from "../kit/peer.ts";
import { CLOCK, type Group } from "./file.ts";
import { tokenOf, type Values, type Verdict } from "./handshake-scene.ts";
import { Attempt, resumes } from "./lifecycle-attempt.ts";
import { type Life, LifeGroup, RES } from "./lifecycle-scene.ts";

const SECTION = "7-resume";
const SEQ: Verdict = ["E_SEQ", "claims"];
const STATE: Verdict = ["E_STATE", "commit"];
const UNKNOWN: Verdict = ["E_RESUME", "header"];

const err = (t: Life, ref: number): Message => t.peer.answers({ top: "err", code: "E_DENIED", ref });
const denial = (seq: number): Values => ({ refused: [{ seq, error: "E_DENIED", step: "authorize" }] });

/** A message of the peer that nobody may send. */
function denies(t: Life): Life {
  const message = t.peer.message({ top: "chat.other" });
  return t.recv(message, { ...denial(t.peer.seq), emit: [err(t, t.peer.seq)] });
}

function refusals(g: LifeGroup): void {
  const anew = (t: Life, heard: number, ref: number): Life =>
    new Attempt(t, { heard }).done({ fresh: () => [err(t, ref)], more: denial(ref) });
  const lost = (): Life => denies(g.life().sends("chat.say", 1)).sends("chat.say", 2).lose();
  const t = anew(lost(), 1, 1).hears().sends("chat.say", 3);
  g.ok(
    "err",
    "err was lost: void for its number, and err anew behind what is sent again",
    ["resume:err", "resume:void"],
    t,
  );
  const beyond = anew(lost(), 1, 1);
  beyond.fails(beyond.peer.control({ top: "ack", rcv: 5 }), SEQ);
  g.bad("err-once", "the peer acknowledges one number more than that", ["resume:err", "ctl:rcv"], beyond, SEQ, {
    from: "err",
  });
  const twice = anew(anew(lost(), 1, 1).lose(), 3, 1);
  g.ok("err-again", "it was lost once more, as the last one of its numbers", ["resume:err"], twice.hears());
  const known = denies(denies(g.life())).lose();
  g.ok("err-known", "the peer has committed the first of two err", ["resume:err"], anew(known, 1, 2).hears());
  const told = denies(g.life()).lose();
  g.ok("err-told", "the peer has committed err: it is not said anew", ["resume:err"], resumes(told).hears());
  const pinged = g.life();
  pinged.recv(pinged.peer.control({ top: "ping" }), { emit: [pinged.peer.answers({ top: "pong", ref: 1 })] });
  const quiet = resumes(pinged.lose(), { heard: 0 }).hears();
  g.ok("pong", "a pong that was lost is not said anew", ["resume:void"], quiet);
}

function chains(g: LifeGroup, client: boolean): void {
  const held = (): { t: Life; old: Uint8Array } => {
    const t = g.life();
    const old = t.peer.chain;
    return { t: t.answers().hears().lose(), old };
  };
  const slug = client ? "chain:client" : "chain:server";
  g.ok(
    "older-message-new",
    "a message under the older epoch deletes no chain: the newer one",
    [slug],
    resumes(held().t).hears(),
  );
  const { t, old } = held();
  const place = client ? { place: 1 } : {};
  g.ok(
    "older-message-old",
    "the same, and the older one",
    [slug],
    resumes(t, { chain: old, heard: 0, ...place }).hears(),
  );
}

const TIMEOUT = closeOf(3008);

/** A rekey that comes to nothing closes the connection, and the session stays. */
function rekeys(g: LifeGroup): void {
  const times = (t: Life): Life => {
    t.state = "lost";
    return t.tick(30, () => ({ close: TIMEOUT }));
  };
  const req = ["rekey:timeout", "resume:no-bye"];
  const t = times(g.life().proposes());
  g.ok(
    "rekey-unanswered",
    "nobody answers a rekey: no bye, and the session is resumed",
    req,
    resumes(t, { heard: 0 }).hears(),
  );
  const owed = times(g.life().proposes().answered());
  const chain = resumes(owed, { heard: 2 }).hears();
  g.ok("rekey-ack", "rekeyed came, and no ack", req, chain);
  const asked = times(g.life().answers());
  g.ok("rekey-owed", "rekeyed was sent, and no ack came", req, resumes(asked).hears());
  const over = times(g.life().proposes()).tick(119);
  const truncated: Verdict = ["E_TRUNCATED", "local"];
  over.tick(1, () => ({
    error: { error: truncated[0], step: truncated[1] },
    ended: { clean: false, truncated: true },
    state: "closed",
  }));
  g.bad("rekey-over", "and nobody comes for 120 seconds", ["resume:no-bye", "resume:window"], over, truncated, {
    from: "rekey-unanswered",
  });
}

/** A client whose token was not answered. */
function clientTokens(g: LifeGroup): void {
  const token = (jti: string): string => tokenOf(undefined, { jti });
  const brings = (t: Life, jti: string): Life =>
    t.step({ op: "auth", at: token(jti) }, { emit: [t.peer.answers({ top: "auth", at: token(jti) })] });
  const terms = { exp: CLOCK + 3600, scp: ["chat.read"] };
  const ok = (t: Life, ref: number): Message => t.peer.control({ top: "auth-ok", ref, ...terms });
  const t = brings(resumes(brings(g.life(), "token-2").lose(), { heard: 0 }), "token-3");
  t.recv(ok(t, 2), { refreshed: terms });
  g.ok(
    "auth",
    "an auth without an answer is void and forgotten: the next one goes out at once",
    ["refresh:lost", "refresh:one"],
    t,
  );
  for (const heard of [0, 1]) {
    const late = resumes(brings(g.life(), "token-2").lose(), { heard });
    late.fails(ok(late, 1), STATE);
    const mutation = `the server answers the auth that it ${heard ? "committed" : "did not commit"} on the old connection`;
    g.bad(`auth-late-${heard}`, mutation, ["refresh:lost", "refresh:ref"], late, STATE, { from: "auth" });
  }
}

/** A client sends nothing between its `resumed` and that of the server. */
function waits(g: LifeGroup): void {
  const req = ["resume:client-waits"];
  const lost = (): Life => g.life().hears().sends("chat.say", 1).lose();
  const t = lost();
  const attempt = new Attempt(t, { heard: 0 }).hello();
  t.step({ op: "send", top: "chat.say", data: 2 });
  attempt.confirm({ fresh: () => [t.peer.says({ dat: 2 })] });
  g.ok("waits", "what is sent before the server's resumed waits for it", req, t.hears());
  const bad = lost();
  const other = new Attempt(bad, { heard: 0 }).hello();
  bad.step({ op: "send", top: "chat.say", data: 2 });
  other.fails(other.confirmation({ rcv: 2 }), SEQ);
  g.bad("waits-sent", "the server's resumed acknowledges it", [...req, "ctl:rcv"], bad, SEQ, { from: "waits" });
  const superseded = { superseded: { conn: 1, ...closeOf(4409) } };
  const two = lost();
  const first = new Attempt(two, { heard: 0 }).hello();
  const second = new Attempt(two, { heard: 0, place: 1, outcome: superseded }).start();
  two.step({ op: "recv", conn: 1, message: first.confirmation() });
  two.recv(second.resume.message("sh"), { emit: [second.own()], attempt: "wait-resumed" });
  second.confirm();
  g.ok(
    "one-attempt",
    "a second attempt: the first one is left before, and nothing more of it is heard",
    ["resume:stop-old"],
    two.hears(),
  );
}

/** A server that said something which was lost, or could not say it. */
function serverTokens(g: LifeGroup): void {
  const scp = ["chat.read"];
  const t = g.life();
  const auth = t.peer.control({ top: "auth", at: tokenOf(undefined, { jti: "token-2", scope: "chat.read" }) });
  const answer = { top: "auth-ok", ref: 1, exp: CLOCK + 3600, scp };
  t.recv(auth, { emit: [t.peer.answers(answer)], refreshed: { scp, exp: CLOCK + 3600 } });
  t.terms = { exp: CLOCK + 3600, scp };
  resumes(t.lose(), { heard: 0 }).hears();
  g.ok("auth-ok", "auth-ok was lost: it is void, and resumed tells the new scopes", ["refresh:lost", "resume:void"], t);
}

/** A session of 200 seconds. */
function soon(): Group {
  const exp = CLOCK + 200;
  const g = new LifeGroup("resume", "soon", "4-refresh", {
    role: "server",
    res: RES,
    token: { exp },
    setup: { ready: { exp, sub: "alice", scp: ["chat.read", "chat.say"] } },
  });
  const expired: Verdict = ["E_SESSION_EXPIRED", "session"];
  const pings = (t: Life, n: number): Message[] => Array.from({ length: n }, () => t.peer.answers({ top: "ping" }));
  g.ok("message", "a message is delivered", ["hs:states"], g.life().hears());
  const run = (seconds: number): Life => {
    const t = g.life();
    t.tick(100, () => ({ emit: pings(t, 3) }));
    return resumes(t.lose().tick(seconds), { heard: 3 });
  };
  const before = run(10);
  before.tick(30, () => ({ emit: [before.peer.answers({ top: "auth-soon" }), ...pings(before, 1)] }));
  g.ok("resumed", "the connection is there again when auth-soon is due", ["refresh:soon"], before);
  const t = run(50);
  t.tick(50, (peer) => {
    const emit = pings(t, 1);
    const end = peer.end(expired, { rcv: 0 });
    return { ...end, emit: [...emit, ...(end.emit as Message[])] };
  });
  g.bad("gone", "auth-soon falls due without a connection: it is not sent", ["refresh:soon", "sr:end"], t, expired, {
    from: "resumed",
  });
  return g.group;
}

/** A session that is being closed cannot be taken up. */
function closing(g: LifeGroup): void {
  const fails = (name: string, mutation: string, t: Life): void => {
    new Attempt(t).failsHello(UNKNOWN);
    g.bad(name, mutation, ["chain:bye", "resume:kid"], t, UNKNOWN, { from: "err-told" });
  };
  const sent = g.life().hears();
  sent.state = "closing";
  sent.step({ op: "close" }, { emit: [sent.peer.answers({ top: "bye" })] });
  fails("closing", "the server has sent bye, and waits for that of the client", sent);
  const received = g.life().hears();
  received.state = "closing";
  received.recv(received.peer.control({ top: "bye" }), { emit: [received.peer.answers({ top: "bye" })] });
  fails("closed", "the client's bye has come, and its connection is still there", received);
}

/** A message that the wire of the next connection makes too large. */
function size(): Group {
  const prt = ["sealwire.v1.text", "sealwire.v1.cbor"];
  const g = new LifeGroup("resume", "wire-size", SECTION, {
    role: "server",
    res: RES,
    level: "mac",
    wire: "binary",
    setup: { clientMsg: 65536 },
  });
  const { offer } = g.scene.setup;
  g.ok("message", "a message is delivered", ["hs:states"], g.life().hears());
  const sends = (n: number): Life => {
    const t = g.life();
    const { binary } = t.peer.says({ dat: "x".repeat(n) }) as { readonly binary: string };
    const at = binary.indexOf("78".repeat(n));
    const [prefix, suffix] = [binary.slice(0, at), binary.slice(at + 2 * n)];
    const emit = [{ binary: { $hex: { prefix, repeat: "78", n, suffix } } }];
    return t.step({ op: "send", top: "chat.say", data: { $text: { repeat: "x", n } } }, { emit }).lose();
  };
  const text = { wire: "text", offer: { ...offer, prt } } as const;
  const withdrawn = (): Life => {
    const t = sends(60000);
    const undetermined = [{ seq: 1, top: "chat.say" }];
    new Attempt(t, { heard: 0, setup: text }).done({ voided: [1], more: { undetermined } });
    t.reported.add(1);
    return t.sends("chat.say", 2);
  };
  const req = ["resume:void", "resume:withdrawn"];
  const comment = "binary took it, text would need more than lim.msg: void, and undetermined";
  g.ok("void", comment, req, withdrawn());
  const gone = withdrawn().lose();
  gone.tick(120, () => ({
    error: { error: "E_TRUNCATED", step: "local" },
    ended: { clean: false, truncated: true },
    state: "closed",
  }));
  g.bad("void-over", "the session ends: it was reported already", req, gone, ["E_TRUNCATED", "local"], {
    from: "void",
  });
  return g.group;
}

export function resumeAgain(): Group[] {
  const groups = (["client", "server"] as const).map((role) => {
    const client = role === "client";
    const g = new LifeGroup("resume", `again-${role}`, SECTION, { role, res: RES, wire: client ? "text" : "binary" });
    g.ok("message", "a message is delivered", ["hs:states"], g.life().hears());
    refusals(g);
    chains(g, client);
    rekeys(g);
    if (client) {
      clientTokens(g);
      waits(g);
    } else {
      serverTokens(g);
      closing(g);
    }
    return g.group;
  });
  return [...groups, soon(), size()];
}
