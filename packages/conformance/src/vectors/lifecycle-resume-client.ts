// A client that takes its session up: attempts, chains, time (specs/lifecycle.md, section 7).
import { Handshake, protocolOf, set } from "../kit/handshake.ts";
import { closeOf, Peer } from "../kit/peer.ts";
import type { Group } from "./file.ts";
import type { Values, Verdict } from "./handshake-scene.ts";
import { Attempt, resumes } from "./lifecycle-attempt.ts";
import { type Life, LifeGroup, RES } from "./lifecycle-scene.ts";

const SECTION = "7-resume";
const NEGOTIATE: Verdict = ["E_NEGOTIATE", "claims"];

/** Two messages were sent, of which the server has said that it received the first. */
function lost(g: LifeGroup): Life {
  const t = g.life().hears().sends("chat.say", 1).sends("chat.say", 2);
  t.recv(t.peer.control({ top: "ack", rcv: 1 }));
  return t.lose();
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
  g.bad(
    "refused",
    "the server says that it cannot resume",
    ["resume:kid", "hs:err", "chain:client"],
    refused,
    ["E_RESUME", "local"],
    {
      from: "attempts",
    },
  );
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
  const left = g.life().hears();
  left.state = "lost";
  const silent = new Attempt(left, { outcome: { superseded: { conn: 0, code, reason } } }).start();
  left.step({ op: "recv", conn: 0, message: left.peer.uncounted("in", { seq: 2, top: "bye", rcv: 0 }) });
  left.tick(10, () => silent.failed(timeout));
  g.bad(
    "stop-old-bye",
    "a bye of the old connection comes, and then nothing",
    ["resume:stop-old", "hs:timeout"],
    left,
    timeout,
    { from: "stop-old" },
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
  const key: Verdict = ["E_KEY", "header"];
  const most = lost(g);
  for (let i = 0; i < 3; i++) new Attempt(most, { place: i }).hello().dropped();
  const fifth = new Attempt(most);
  const { setup } = fifth.resume;
  const ch = new Handshake(setup).message("ch");
  most.step({ op: "start", protocol: protocolOf(most.wire), resume: 0 }, { emit: [ch], attempt: "wait-sh" });
  fifth.fails(fifth.resume.message("sh"), key);
  g.bad("chain-limit-sh", "the answer to it is an SH of a resume", ["chain:limit", "sh:pinned"], most, key, {
    from: "chain-limit",
  });
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
  const forgotten = g.life().hears();
  forgotten.state = "lost";
  forgotten.tick(120, (peer) => ({ emit: [peer.answers({ top: "ack" })], close: closeOf(3008) })).tick(119);
  forgotten.tick(1, () => ({
    error: { error: "E_TRUNCATED", step: "local" },
    ended: { clean: false, truncated: true },
    state: "closed",
  }));
  g.bad(
    "idle-over",
    "and nobody comes for 120 seconds more",
    ["resume:no-bye", "resume:window"],
    forgotten,
    truncated,
    {
      from: "idle",
    },
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
