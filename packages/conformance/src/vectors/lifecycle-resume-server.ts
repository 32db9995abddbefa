// A server whose session is taken up: confirmation, two connections at once, chains, time (specs/lifecycle.md, section 7).
import { full } from "../kit/jose.ts";
import { controlHeader, messageHeader } from "../kit/messages.ts";
import { closeOf } from "../kit/peer.ts";
import { CLOCK, type Group } from "./file.ts";
import { ISSUER, tokenOf, type Values, type Verdict } from "./handshake-scene.ts";
import { Attempt, resumes } from "./lifecycle-attempt.ts";
import { type Life, LifeGroup, RES } from "./lifecycle-scene.ts";

const SECTION = "7-resume";
const UNKNOWN: Verdict = ["E_RESUME", "header"];
const CLAIMS: Verdict = ["E_CLAIMS", "claims"];
const SEQ: Verdict = ["E_SEQ", "claims"];
const HEADER: Verdict = ["E_HEADER", "header"];
const TIMEOUT: Verdict = ["E_TIMEOUT_HS", "local"];
const superseded = (conn: number): Values => {
  const { code, reason } = closeOf(4409);
  return { superseded: { conn, code, reason } };
};

/** A message on the connection before, which still lives. */
const onOld = (t: Life, conn: number, message: object, outcome: Values = {}): Life =>
  t.step({ op: "recv", conn, message }, outcome);

const delivered = (t: Life): Values => ({ deliver: [{ seq: t.peer.seq, top: "chat.say", data: { text: "hello" } }] });

function confirmation(g: LifeGroup): void {
  const { wire } = g.scene;
  const lost = (): Life => g.life().hears().sends("chat.say", 1).lose();
  const bad = (
    name: string,
    mutation: string,
    req: readonly string[],
    make: (a: Attempt) => object,
    verdict: Verdict,
  ): void => {
    const t = lost();
    const attempt = new Attempt(t).hello();
    attempt.fails(make(attempt), verdict);
    g.bad(name, mutation, req, t, verdict, { from: "resumed" });
  };
  const first = ["resume:first"];
  bad("message-first", "an application message in place of resumed", first, (a) => a.message(1), HEADER);
  bad("message-zero", "an application message with the number 0", first, (a) => a.message(0), HEADER);
  const one: Verdict = ["E_SEQ", "sequence"];
  bad("seq-1", "resumed has the number 1", first, (a) => a.confirmation({ seq: 1 }), one);
  bad("seq-next", "resumed has the next number", first, (a) => a.confirmation({ seq: 2 }), one);
  bad(
    "seq-claim",
    "the claim seq of resumed is 1, its nonce that of 0",
    ["seq:equal"],
    (a) => a.confirmation({ seq: 1 }, { seq: 0 }),
    SEQ,
  );
  bad("ping-first", "ping in place of resumed", first, (a) => a.confirmation({ top: "ping" }), CLAIMS);
  bad("ack-first", "ack in place of resumed", first, (a) => a.confirmation({ top: "ack" }), CLAIMS);
  bad("bye-first", "bye in place of resumed", first, (a) => a.confirmation({ top: "bye" }), CLAIMS);
  bad("rcv-other", "rcv is less than that of CH", ["resume:rcv"], (a) => a.confirmation({ rcv: 0 }), SEQ);
  bad("rcv-missing", "rcv is missing", ["ctl:members"], (a) => a.confirmation({ rcv: undefined }), CLAIMS);
  bad(
    "rcv-unsent",
    "rcv is a number that was not used",
    ["resume:rcv", "ctl:rcv"],
    (a) => a.confirmation({ rcv: 2 }),
    SEQ,
  );
  bad(
    "forged",
    "resumed is sealed with another key",
    ["level:verify"],
    (a) => a.confirmation({}, { key: Buffer.alloc(32, 7) }),
    ["E_CRYPTO", "crypto"],
  );
  const t = lost();
  const old = t.peer.channel;
  const header: Verdict = wire === "text" ? HEADER : ["E_CRYPTO", "crypto"];
  const stale = new Attempt(t).hello();
  stale.fails(
    stale.confirmation({}, { key: old.keys.key, ...(wire === "text" ? { header: controlHeader(old.keys) } : {}) }),
    header,
  );
  g.bad("old-keys", "resumed is sealed under the keys of the old connection", first, t, header, { from: "resumed" });
  bad(
    "epoch-1",
    "resumed names epoch 1",
    first,
    (a) =>
      a.confirmation({}, wire === "text" ? { header: { ...controlHeader(old.keys), kid: "A".repeat(22) } } : { h: 3 }),
    HEADER,
  );
  bad(
    "header-message",
    "resumed has the header of an application message",
    first,
    (a) => a.confirmation({}, wire === "text" ? { header: messageHeader(a.resume.channel("client")) } : { h: 0 }),
    HEADER,
  );
  bad("bare", "bare JSON in place of resumed", ["wire:form"], () => full(wire, '{"typ":"sealwire-ch"}'), HEADER);
  const after = (
    name: string,
    mutation: string,
    req: readonly string[],
    claims: Values,
    verdict: Verdict,
    seq?: number,
  ): void => {
    const o = resumes(lost());
    if (seq !== undefined) o.peer.seq = seq - 1;
    o.fails(o.peer.control(claims), verdict, 1);
    g.bad(name, mutation, req, o, verdict, { from: "resumed" });
  };
  const once = ["resume:once"];
  after("resumed-again", "resumed comes twice", once, { top: "resumed", rcv: 1 }, one, 0);
  after("resumed-numbered", "resumed with the next number", once, { top: "resumed", rcv: 1 }, SEQ);
  after("ping-zero", "ping with the number 0", once, { top: "ping" }, one, 0);
  const never = g.life().sends("chat.say", 1);
  never.fails(never.peer.control({ top: "resumed", rcv: 0 }), SEQ);
  g.bad("resumed-open", "resumed in a session that was not interrupted", once, never, SEQ, { from: "resumed" });
  for (const name of ["rcv", "n", "ref", "code", "exp"]) {
    after(
      `void-${name}`,
      `void has ${name}`,
      ["resume:void-shape"],
      { top: "void", rcv: undefined, [name]: 1 },
      CLAIMS,
    );
  }
  const gone = lost();
  new Attempt(gone).hello().dropped();
  resumes(gone).hears();
  g.ok("dropped", "a connection that is gone before resumed leaves the session as it was", ["resume:attempt"], gone);
  const slow = lost();
  const waits = new Attempt(slow).hello();
  slow.tick(9);
  slow.tick(1, () => waits.failed(TIMEOUT));
  g.bad("timeout", "resumed does not come within 10 seconds", ["hs:timeout", "resume:server-waits"], slow, TIMEOUT, {
    from: "dropped",
  });
}

/** Two connections at once. */
function both(g: LifeGroup): void {
  const t = g.life().hears();
  const attempt = new Attempt(t, { committed: 2 }).hello();
  onOld(t, 0, t.peer.message(), delivered(t));
  attempt.confirm({ more: superseded(0) });
  const [again] = t.peer.again("in", 2);
  t.recv(again as object).hears();
  onOld(t, 0, t.peer.uncounted("in", { seq: 9, top: "ping", rcv: 0 }));
  t.hears();
  g.ok(
    "old-lives",
    "a message that the old connection brought after SH comes again: it is dropped, and the next one delivered; the old connection is over",
    ["resume:old-lives", "resume:delivered", "resume:again"],
    t,
  );
  const voided = g.life().hears();
  const next = new Attempt(voided, { committed: 2 }).hello();
  onOld(voided, 0, voided.peer.message(), delivered(voided));
  next.confirm({ more: superseded(0) });
  const [empty] = voided.peer.again("in", 2, [2]);
  voided.recv(empty as object).hears();
  g.ok(
    "old-lives-void",
    "the same, with void in its place, since the server's resumed acknowledged it",
    ["resume:void", "resume:delivered"],
    voided,
  );
  const gap = g.life().hears();
  const late = new Attempt(gap, { committed: 2 }).hello();
  onOld(gap, 0, gap.peer.message(), delivered(gap));
  late.confirm({ more: superseded(0) });
  const verdict: Verdict = ["E_SEQ", "sequence"];
  gap.fails(gap.peer.message(), verdict, 2);
  g.bad(
    "old-lives-gap",
    "the client goes on behind what the old connection brought, not behind what SH said",
    ["resume:again", "seq:gap"],
    gap,
    verdict,
    {
      from: "old-lives",
    },
  );
  const replayed = g.life().hears();
  const copy = new Attempt(replayed).hello();
  onOld(replayed, 0, replayed.peer.message(), delivered(replayed));
  replayed.tick(9, (peer) => ({ emit: [peer.answers({ top: "ack" })] })).sends("chat.say", 1);
  replayed.tick(1, () => copy.failed(TIMEOUT));
  g.bad(
    "replayed",
    "a CH that somebody repeats: the server answers and waits, and the session goes on where it was",
    ["resume:server-waits", "resume:old-lives", "hs:timeout", "resume:attempt"],
    replayed,
    TIMEOUT,
    { from: "old-lives" },
  );
  const race = g.life().hears().lose();
  const [one, two] = [new Attempt(race).hello(), new Attempt(race).hello()];
  two.confirm();
  const stale: Verdict = ["E_RESUME", "session"];
  race.step({ op: "recv", conn: one.conn, message: one.confirmation() }, one.failed(stale));
  g.bad(
    "compare",
    "two attempts with one chain: the second resumed finds the chain replaced",
    ["resume:compare"],
    race,
    stale,
    { from: "resumed" },
  );
}

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
  const expired = g.life().hears();
  const brief = expired.peer.says({ dat: 1, exp: CLOCK + 10 });
  expired.step({ op: "send", top: "chat.say", data: 1, ttl: 10 }, { emit: [brief] });
  expired.sends("chat.say", 2).lose().tick(5).expires(10, [1]);
  new Attempt(expired, { heard: 0 }).done({ voided: [1] }).hears();
  g.ok("expired", "a message whose life ended meanwhile is void", ["resume:void", "ack:undetermined"], expired);
  const narrowed = g.life().hears().sends("chat.say", 1).sends("chat.ask", 2);
  const at = tokenOf(undefined, { jti: "token-2", scope: "chat.read" });
  narrowed.recv(narrowed.peer.control({ top: "auth", at, rcv: 0 }), {
    emit: [narrowed.peer.answers({ top: "auth-ok", ref: 2, exp: CLOCK + 3600, scp: ["chat.read"] })],
    refreshed: { scp: ["chat.read"], exp: CLOCK + 3600 },
  });
  narrowed.terms = { exp: CLOCK + 3600, scp: ["chat.read"] };
  narrowed.lose();
  new Attempt(narrowed, { heard: 0 }).done({ voided: [1] });
  g.ok(
    "narrowed",
    "a message that the narrowed scopes no longer admit is void; resumed tells the new scopes",
    ["resume:void", "refresh:replace"],
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
    confirmation(g);
    both(g);
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
