// A server whose session is taken up: chains, time, and what is sent again (specs/lifecycle.md, section 7).
import { closeOf } from "../kit/peer.ts";
import { CLOCK, type Group } from "./file.ts";
import { ISSUER, tokenOf, type Values, type Verdict } from "./handshake-scene.ts";
import { Attempt, resumes } from "./lifecycle-attempt.ts";
import { type Life, LifeGroup, RES } from "./lifecycle-scene.ts";

const SECTION = "7-resume";
const UNKNOWN: Verdict = ["E_RESUME", "header"];

function chains(g: LifeGroup): void {
  const unknown = (
    name: string,
    mutation: string,
    req: readonly string[],
    t: Life,
    chain: Buffer | Uint8Array,
    from: string,
  ): void => {
    new Attempt(t, { chain }).failsHello(UNKNOWN);
    g.bad(name, mutation, req, t, UNKNOWN, { from });
  };
  const before = g.life().hears();
  const { chain } = before.peer;
  before.answers().lose();
  resumes(before, { chain, heard: 0 }).hears();
  g.ok("previous", "the client never saw rekeyed, and comes with the chain before it", ["chain:server"], before);
  const newer = g.life().hears().answers().lose();
  resumes(newer).hears();
  g.ok("current", "the client saw rekeyed, and its ack was lost", ["chain:server"], newer);
  const asked = g.life().hears().proposes().answered().lose();
  resumes(asked, { chain }).hears();
  g.ok("previous-proposer", "the server asked, and the client's ack was lost", ["chain:server"], asked);
  const acked = g.life().hears().renewed().lose();
  unknown(
    "previous-acked",
    "the chain before a rekey that the client has acknowledged",
    ["chain:server", "resume:kid"],
    acked,
    chain,
    "previous",
  );
  const own = g.life().hears().renews().lose();
  unknown(
    "previous-acked-proposer",
    "the same where the server asked",
    ["chain:server", "resume:kid"],
    own,
    chain,
    "previous-proposer",
  );
  const used = resumes(g.life().hears().lose()).lose();
  unknown(
    "used",
    "the chain of a session that was resumed since",
    ["chain:server", "resume:kid"],
    used,
    chain,
    "resumed",
  );
  const gone = g.life().hears().lose();
  new Attempt(gone).hello().dropped();
  resumes(gone).hears();
  g.ok("dropped", "an attempt came to nothing, and the next one uses the same chain", ["chain:unconfirmed"], gone);
  const late = g.life().hears().lose();
  const first = new Attempt(late).hello();
  new Attempt(late, { chain: first.resume.chain }).failsHello(UNKNOWN);
  first.confirm({ step: { conn: first.conn } });
  late.step({ op: "drop", conn: first.conn }, { state: "lost" });
  late.state = "lost";
  resumes(late).hears();
  const req = ["chain:unconfirmed", "resume:compare", "chain:server"];
  g.ok(
    "late",
    "a chain is none until resumed has come; a late resumed takes the session up, and then it is the chain",
    req,
    late,
  );
  const attempt = g.life().hears().lose();
  const tried = new Attempt(attempt).hello();
  tried.dropped();
  unknown(
    "unconfirmed",
    "the chain of an attempt whose resumed never came",
    ["chain:unconfirmed", "resume:kid"],
    attempt,
    tried.resume.chain,
    "dropped",
  );
}

function ends(g: LifeGroup): void {
  const over = (name: string, mutation: string, req: readonly string[], t: Life): void => {
    t.state = "closed";
    new Attempt(t).failsHello(UNKNOWN);
    g.bad(name, mutation, req, t, UNKNOWN, { from: "resumed" });
  };
  const waited = g.life().hears().sends("chat.say", 1).lose().tick(119);
  resumes(waited, { heard: 0 }).hears();
  g.ok("window", "119 seconds without a connection", ["resume:window"], waited);
  const gone = (): Values => ({
    error: { error: "E_TRUNCATED", step: "local" },
    ended: { clean: false, truncated: true },
    state: "closed",
  });
  const late = g.life().hears().sends("chat.say", 1).lose().tick(119);
  late.tick(1, gone);
  g.bad(
    "window-over",
    "120 seconds without a connection",
    ["resume:window", "close:truncated", "ack:undetermined"],
    late,
    ["E_TRUNCATED", "local"],
    { from: "window" },
  );
  const after = g.life().hears().lose();
  after.tick(120, gone);
  over("window-over-resume", "a resume after 120 seconds", ["resume:window", "resume:kid"], after);
  const revoked = g.life().hears().sends("chat.say", 1).lose();
  const verdict: Verdict = ["E_REVOKED", "session"];
  const taken: Values = {
    error: { error: "E_REVOKED", step: "session" },
    ended: { clean: false, truncated: true },
    state: "closed",
  };
  revoked.step({ op: "revoke", by: { tokenId: "token-1", issuer: ISSUER } }, taken);
  g.bad("revoked", "the session is revoked while it has no connection", ["revoke:end"], revoked, verdict, {
    from: "window",
  });
  const back = g.life().hears().lose();
  back.step({ op: "revoke", by: { subject: "alice", issuer: ISSUER, issuedBefore: CLOCK } }, taken);
  over("revoked-resume", "a resume of a session that was revoked", ["revoke:resume"], back);
  const fatal = g.life().hears();
  fatal.fails(fatal.peer.message({}, { key: Buffer.alloc(32, 7) }), ["E_CRYPTO", "crypto"]);
  fatal.peer.seq--;
  over("fatal-resume", "a resume of a session that ended with an error", ["resume:kid"], fatal);
  const closed = g.life().hears();
  closed.state = "closing";
  closed.recv(closed.peer.control({ top: "bye" }), { emit: [closed.peer.answers({ top: "bye" })] });
  closed.step({ op: "drop", code: 1000 }, { ended: { clean: true, truncated: false }, state: "closed" });
  over("bye-resume", "a resume of a session that was closed", ["resume:kid"], closed);
  const idle = g.life().hears();
  idle.state = "lost";
  idle.tick(120, (peer) => ({
    emit: ["ack", "ping", "ping", "ping"].map((top) => peer.answers({ top })),
    close: closeOf(3008),
  }));
  resumes(idle, { heard: 0 }).hears();
  g.ok(
    "idle",
    "a connection on which nothing arrives is closed without bye, and the session stays",
    ["resume:no-bye", "ctl:idle"],
    idle,
  );
  for (const code of [1000, 1001, 4403]) {
    const t = g.life().hears().sends("chat.say", 1).lose(code);
    resumes(t, { heard: 0 }).hears();
    g.ok(`drop-${code}`, `the connection is closed with ${code}, and no bye`, ["resume:window", "close:hint"], t);
  }
  const expired = g.life().hears();
  const brief = expired.peer.says({ dat: 1, exp: CLOCK + 10 });
  expired.step({ op: "send", top: "chat.say", data: 1, ttl: 10 }, { emit: [brief] });
  expired.sends("chat.say", 2).lose().tick(5).expires(10, [1]);
  new Attempt(expired, { heard: 0 }).done({ voided: [1] }).hears();
  g.ok("expired", "a message whose life ended meanwhile is void", ["resume:void", "ack:undetermined"], expired);
  const beyond = g.life().hears().sends("chat.say", 2);
  beyond.recv(beyond.peer.control({ top: "ping", rcv: 0 }), { emit: [beyond.peer.answers({ top: "pong", ref: 2 })] });
  resumes(beyond.lose(), { heard: 0 });
  const seq: Verdict = ["E_SEQ", "claims"];
  beyond.fails(beyond.peer.control({ top: "ack", rcv: 3 }), seq);
  g.bad(
    "void-unsent",
    "what was void has a number, and the next one is not sent",
    ["resume:void", "ctl:rcv"],
    beyond,
    seq,
    {
      from: "expired",
    },
  );
  const narrowed = g.life().hears().sends("chat.say", 1).sends("chat.ask", 2);
  const at = tokenOf(undefined, { jti: "token-2", scope: "chat.read" });
  narrowed.recv(narrowed.peer.control({ top: "auth", at, rcv: 0 }), {
    emit: [narrowed.peer.answers({ top: "auth-ok", ref: 2, exp: CLOCK + 3600, scp: ["chat.read"] })],
    refreshed: { scp: ["chat.read"], exp: CLOCK + 3600 },
  });
  narrowed.terms = { exp: CLOCK + 3600, scp: ["chat.read"] };
  narrowed.lose();
  new Attempt(narrowed, { heard: 0 }).done({ voided: [1], more: { undetermined: [{ seq: 1, top: "chat.say" }] } });
  narrowed.reported.add(1);
  g.ok(
    "narrowed",
    "a message that the narrowed scopes no longer admit is void, and undetermined; resumed tells the new scopes",
    ["resume:void", "resume:withdrawn", "refresh:replace"],
    narrowed,
    {
      scopes: { "chat.say": "chat.say" },
    },
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

export function resumeServers(): Group[] {
  const groups = (["text", "binary"] as const).map((wire) => {
    const g = new LifeGroup("resume", `server-${wire}`, SECTION, { role: "server", wire, res: RES });
    g.ok("message", "a message is delivered", ["hs:states"], g.life().hears());
    g.ok(
      "resumed",
      "a session is taken up",
      ["resume:first"],
      resumes(g.life().hears().sends("chat.say", 1).lose(), { heard: 0 }).hears(),
    );
    chains(g);
    ends(g);
    return g.group;
  });
  const none = new LifeGroup("resume", "server-none", SECTION, { role: "server" });
  none.ok("message", "a message is delivered", ["hs:states"], none.life().hears());
  const t = none.life().hears();
  t.step(
    { op: "drop" },
    { error: { error: "E_TRUNCATED", step: "local" }, ended: { clean: false, truncated: true }, state: "closed" },
  );
  t.state = "closed";
  new Attempt(t).failsHello(UNKNOWN);
  none.bad("resume", "a resume where pol.res was 0", ["resume:kid"], t, UNKNOWN);
  return [...groups, none.group];
}
