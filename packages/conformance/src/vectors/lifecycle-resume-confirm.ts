// The confirmation of a resume at a server, and two connections of one session at once (specs/lifecycle.md, section 7).
import { full } from "../kit/jose.ts";
import { controlHeader, messageHeader } from "../kit/messages.ts";
import { closeOf } from "../kit/peer.ts";
import type { Group } from "./file.ts";
import type { Values, Verdict } from "./handshake-scene.ts";
import { Attempt, resumes } from "./lifecycle-attempt.ts";
import { type Life, LifeGroup, RES } from "./lifecycle-scene.ts";

const SECTION = "7-resume";
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
  const twice = g.life().hears();
  const third = new Attempt(twice, { committed: 2 }).hello();
  onOld(twice, 0, twice.peer.message(), delivered(twice));
  third.confirm({ more: superseded(0) });
  const [copy2] = twice.peer.again("in", 2) as [object];
  twice.recv(copy2);
  const replay: Verdict = ["E_REPLAY", "sequence"];
  twice.fails(copy2, replay, 2);
  g.bad(
    "old-lives-twice",
    "it comes again twice: the first copy was dropped, and counted",
    ["resume:delivered", "seq:replay"],
    twice,
    replay,
    { from: "old-lives" },
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

export function resumeConfirmations(): Group[] {
  return (["text", "binary"] as const).map((wire) => {
    const g = new LifeGroup("resume", `confirm-server-${wire}`, SECTION, { role: "server", wire, res: RES });
    g.ok("message", "a message is delivered", ["hs:states"], g.life().hears());
    const t = resumes(g.life().hears().sends("chat.say", 1).lose(), { heard: 0 });
    g.ok("resumed", "a session is taken up", ["resume:first"], t.hears());
    confirmation(g);
    both(g);
    return g.group;
  });
}
