// What is acknowledged, and what is kept until it is (specs/lifecycle.md, section 6).
import type { Message } from "../kit/jose.ts";
import { compact } from "../kit/messages.ts";
import { closeOf } from "../kit/peer.ts";
import type { Group } from "./file.ts";
import type { Values, Verdict } from "./handshake-scene.ts";
import { Attempt, resumes } from "./lifecycle-attempt.ts";
import { type Life, LifeGroup, RES } from "./lifecycle-scene.ts";

const SECTION = "6-acknowledgement";
const QUOTA: Verdict = ["E_QUOTA", "rate"];
const STATE: Verdict = ["E_STATE", "commit"];
const HELLO = { text: "hello" };

const ack = (t: Life): Values => ({ emit: [t.peer.answers({ top: "ack" })] });
const hello = (seq: number): Values => ({ seq, top: "chat.say", data: HELLO });

/** So many messages of the peer in one instant. */
function many(t: Life, n: number, more: (t: Life) => Values = () => ({})): Life {
  const first = t.peer.seq + 1;
  const messages = Array.from({ length: n }, () => t.peer.message());
  return t.burst(messages, { deliver: messages.map((_, i) => hello(first + i)), ...more(t) });
}

/** A message of level mac whose claims have so many bytes, written short. */
function sized(t: Life, bytes: number): { readonly message: object; readonly data: object } {
  t.peer.seq++;
  const claims = (n: number): string => JSON.stringify(t.peer.claims({ dat: "x".repeat(n) }, t.peer.seq));
  const n = bytes - claims(0).length;
  const text = compact(t.peer.channel, claims(n));
  const run = /(?:eHh4){4,}/.exec(text);
  if (run === null) throw new Error("no repetition in sight");
  const [prefix, suffix] = [text.slice(0, run.index), text.slice(run.index + run[0].length)];
  return {
    message: { text: { $text: { prefix, repeat: "eHh4", n: run[0].length / 4, suffix } } },
    data: { $text: { repeat: "x", n } },
  };
}

function sends(g: LifeGroup): void {
  const timed = g.life().hears().tick(1).hears();
  timed.tick(1, () => ack(timed)).tick(20);
  g.ok(
    "time",
    "2 seconds after the first message that was not acknowledged; one ack says both",
    ["ack:send", "ctl:rcv-send"],
    timed,
  );
  const beyond = g.life().hears();
  beyond.tick(2, () => ack(beyond));
  const seq: Verdict = ["E_SEQ", "claims"];
  beyond.fails(beyond.peer.control({ top: "ack", rcv: 2 }), seq);
  g.bad(
    "time-beyond",
    "one ack was sent, and the peer has received two messages",
    ["ack:send", "ctl:rcv"],
    beyond,
    seq,
    {
      from: "time",
    },
  );
  const counted = many(g.life(), 63);
  counted.recv(counted.peer.message(), { deliver: [hello(64)], ...ack(counted) });
  counted.tick(20);
  many(counted, 64, ack);
  g.ok("count", "64 messages", ["ack:send"], counted);
  const told = g.life().hears();
  told.recv(told.peer.control({ top: "ping" }), { emit: [told.peer.answers({ top: "pong", ref: 2 })] });
  told.tick(20);
  g.ok("told", "a pong has said it already", ["ack:send"], told);
  const refused = g.life();
  refused.recv(refused.peer.message({ top: "chat.other" }), {
    refused: [{ seq: 1, error: "E_DENIED", step: "authorize" }],
    emit: [refused.peer.answers({ top: "err", code: "E_DENIED", ref: 1 })],
  });
  refused.tick(20);
  g.ok("refused", "err has said it already", ["ack:send", "req:failure"], refused);
  const quiet = g.life().sends("chat.say", 1);
  quiet.recv(quiet.peer.control({ top: "ack" })).tick(20);
  g.ok("no-loop", "ack is not acknowledged", ["ack:no-loop"], quiet);
  const resumed = resumes(g.life().hears().lose().tick(10)).tick(15);
  g.ok("resumed", "a resume has said it; without a connection nothing is due", ["ack:send"], resumed);
}

/** The 64th message makes receipt and rekey due. */
function withRekey(g: LifeGroup, client: boolean): void {
  // A client waits for a tenth more.
  const init = { limits: { rekeyMessages: client ? 58 : 64 } };
  const due = (): Life => {
    const t = many(g.life(), 63);
    const message = t.peer.message();
    return t.recv(message, { deliver: [hello(64)], emit: [t.peer.answers({ top: "ack" }), t.rekey()] });
  };
  const req = ["rekey:after-ack", "ack:send", "rekey:trigger"];
  const t = due();
  g.ok(
    "with-rekey",
    "64 messages, after which keys are renewed: ack, then rekey",
    req,
    t.answered().acked().hears(),
    init,
  );
  const other = due();
  other.fails(other.answer({ ref: 1 }), STATE);
  g.bad("with-rekey-first", "the peer answers the first number as a rekey", req, other, STATE, {
    from: "with-rekey",
    init,
  });
}

/** One message with as many bytes as are acknowledged at once. */
function bytes(): Group {
  const g = new LifeGroup("resume", "ack-bytes", SECTION, { role: "server", res: RES, level: "mac" });
  g.ok("message", "a message is delivered", ["hs:states"], g.life().hears());
  const t = g.life();
  const less = sized(t, 262143);
  t.recv(less.message, { deliver: [{ seq: 1, top: "chat.say", data: less.data }] });
  t.tick(1).recv(t.peer.message(), { deliver: [hello(2)], ...ack(t) });
  const all = sized(t, 262144);
  t.recv(all.message, { deliver: [{ seq: 3, top: "chat.say", data: all.data }], ...ack(t) });
  g.ok("bytes", "claims of 262143 bytes and the next message; claims of 262144 bytes", ["ack:send"], t);
  return g.group;
}

/** Control messages that no budget counts. */
function free(g: LifeGroup): void {
  const acks = (t: Life, n: number): Message[] => Array.from({ length: n }, () => t.peer.control({ top: "ack" }));
  const sent = (n: number): Life => {
    const t = g.life();
    for (let i = 1; i <= n; i++) t.sends("chat.say", i);
    return t;
  };
  const t = sent(10);
  t.burst(acks(t, 60), {});
  g.ok("free", "60 ack in one instant: one to each of 10 messages is free, 50 are the budget", ["ctl:budget"], t);
  const more = sent(10);
  const messages = acks(more, 61);
  more.told = 10;
  const end = more.peer.end(QUOTA, { rcv: 61 });
  more.burst(messages, end);
  g.bad("too-many", "61 of them", ["ctl:budget", "ack:no-loop"], more, QUOTA, { from: "free" });
  const voids = g.life().hears();
  for (let i = 0; i < 60; i++) voids.peer.control({ top: "ping", rcv: 0 });
  voids.lose();
  resumes(voids, { own: 1, heard: 0 });
  voids.burst(voids.peer.again("in", 2), {});
  voids.hears();
  g.ok("free-void", "60 void after a resume", ["ctl:budget", "resume:void"], voids);
}

function keeps(g: LifeGroup): void {
  const two = { limits: { retainedMessages: 2 } };
  const t = g.life().sends("chat.say", 1).sends("chat.say", 2);
  t.step({ op: "send", top: "chat.say", data: 3 }).step({ op: "send", top: "chat.say", data: 4 });
  t.recv(t.peer.control({ top: "ack", rcv: 1 }), { emit: [t.peer.says({ dat: 3 })] });
  t.recv(t.peer.control({ top: "ack", rcv: 3 }), { emit: [t.peer.says({ dat: 4 })] });
  g.ok(
    "waits",
    "two messages are kept: the third goes out when the first is acknowledged",
    ["ack:wait", "ack:keep", "seq:late"],
    t,
    two,
  );
  const early = g.life().sends("chat.say", 1).sends("chat.say", 2);
  early.step({ op: "send", top: "chat.say", data: 3 });
  const unused: Verdict = ["E_SEQ", "claims"];
  early.fails(early.peer.control({ top: "ack", rcv: 3 }), unused);
  const waiting = ["ack:wait", "ctl:rcv", "seq:late"];
  g.bad("waits-unsent", "the peer acknowledges the one that waits", waiting, early, unused, {
    from: "waits",
    init: two,
  });
  const size = g.life();
  const data = "x".repeat(1500);
  size.sends("chat.say", data).step({ op: "send", top: "chat.say", data });
  size.recv(size.peer.control({ top: "ack", rcv: 1 }), { emit: [size.peer.says({ dat: data })] });
  g.ok("waits-bytes", "1000 bytes may be kept, and one message has more", ["ack:wait"], size, {
    limits: { retainedBytes: 1000 },
  });
  const expiring = g.life();
  const now = g.scene.setup.now;
  const brief = expiring.peer.says({ dat: 1, exp: now + 10 });
  expiring.step({ op: "send", top: "chat.say", data: 1, ttl: 10 }, { emit: [brief] }).sends("chat.say", 2);
  expiring.tick(5).expires(10, [1]);
  expiring.recv(expiring.peer.control({ top: "ack", rcv: 2 }));
  g.ok(
    "expires",
    "the first of two messages is not acknowledged when its life ends",
    ["ack:undetermined", "ack:keep"],
    expiring,
  );
  const unsent = g.life().sends("chat.say", 1);
  const seq: Verdict = ["E_SEQ", "claims"];
  unsent.fails(unsent.peer.control({ top: "ack", rcv: 2 }), seq);
  g.bad("rcv-unsent", "ack of a number that was not sent", ["ctl:rcv"], unsent, seq, { from: "no-loop" });
  const lower = g.life().sends("chat.say", 1);
  lower.recv(lower.peer.control({ top: "ack", rcv: 1 }));
  lower.fails(lower.peer.control({ top: "ack", rcv: 0 }), seq);
  g.bad("rcv-less", "ack of less than before", ["ctl:rcv"], lower, seq, { from: "no-loop" });
  const missing = g.life().sends("chat.say", 1);
  const claims: Verdict = ["E_CLAIMS", "claims"];
  missing.fails(missing.peer.control({ top: "ack", rcv: undefined }), claims);
  g.bad("rcv-missing", "ack without rcv", ["ctl:members"], missing, claims, { from: "no-loop" });
  const crypto: Verdict = ["E_CRYPTO", "crypto"];
  const forged = g.life().sends("chat.say", 1).sends("chat.say", 2);
  forged.recv(forged.peer.control({ top: "ack", rcv: 1 }));
  forged.fails(forged.peer.message({}, { key: Buffer.alloc(32, 7) }), crypto);
  g.bad(
    "end-forged",
    "the session ends: of two messages one is acknowledged",
    ["ack:undetermined", "ack:keep", "level:verify"],
    forged,
    crypto,
    {
      from: "no-loop",
    },
  );
  const closed = g.life().sends("chat.say", 1).sends("chat.say", 2);
  closed.state = "closing";
  closed.step({ op: "close" }, { emit: [closed.peer.answers({ top: "bye" })] });
  closed.recv(closed.peer.control({ top: "bye", rcv: 1 }), {
    close: closeOf(1000),
    ended: { clean: true, truncated: false },
    undetermined: [{ seq: 2, top: "chat.say" }],
    state: "closed",
  });
  g.ok("end-bye", "the peer's bye acknowledges one of two messages", ["ack:undetermined"], closed);
  const tail = g.life().sends("chat.say", 1).lose();
  new Attempt(tail, { heard: 0 }).done();
  tail.recv(tail.peer.control({ top: "ack" }));
  const later = tail.lose();
  resumes(later).hears();
  g.ok("kept-over", "a message is kept over a resume, until it is acknowledged", ["ack:keep", "resume:again"], tail);
}

export function acks(): Group[] {
  const groups = (["client", "server"] as const).map((role) => {
    const client = role === "client";
    const g = new LifeGroup("resume", `ack-${role}`, SECTION, {
      role,
      res: RES,
      wire: client ? "binary" : "text",
      codec: client ? "cbor" : "json",
    });
    g.ok("message", "a message is delivered", ["hs:states"], g.life().hears());
    sends(g);
    withRekey(g, client);
    free(g);
    keeps(g);
    return g.group;
  });
  return [...groups, bytes()];
}
