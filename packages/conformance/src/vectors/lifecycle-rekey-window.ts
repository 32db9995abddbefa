// New keys in window order, where messages of both epochs arrive mixed (specs/lifecycle.md, section 3).
import type { Message } from "../kit/jose.ts";
import { wireJwk } from "../kit/keys.ts";
import { applicationMessage, type Channel, type Claims, controlMessage, keyId } from "../kit/messages.ts";
import type { Group } from "./file.ts";
import type { Values, Verdict } from "./handshake-scene.ts";
import { type Life, LifeGroup } from "./lifecycle-scene.ts";

const SECTION = "3-rekey";
const TRUNCATED: Verdict = ["E_TRUNCATED", "local"];
const HEADER: Verdict = ["E_HEADER", "header"];
/** The size of the window where vectors reach beyond it; one failure is dropped then, and the next one ends the session. */
const W = 64;
const SMALL: Values = { limits: { replayWindow: W, replayDrops: 1 } };

/** An application message with a number and keys of its own. */
function numbered(t: Life, channel: Channel, seq: number, over: Claims = {}): Message {
  const bound = channel.iss === undefined ? {} : { bnd: keyId(channel.keys) };
  return applicationMessage(channel, t.peer.claims({ ...bound, ...over }, seq));
}

const control = (t: Life, channel: Channel, seq: number, members: Claims): Message =>
  controlMessage(channel, { seq, rcv: t.peer.own, ...members });

const delivery = (seq: number, over: Values = {}): Values => ({
  deliver: [{ seq, top: "chat.say", data: { text: "hello" }, ...over }],
});

/** A message of the peer that arrives, delivered. */
const hears = (t: Life, channel: Channel, seq: number, more: Values = {}): Life =>
  t.recv(numbered(t, channel, seq), { ...delivery(seq), ...more });

const ended = (dropped: number, missing: number): Values => ({
  ended: { clean: false, truncated: true, dropped, missing },
});

const gone = (dropped: number, missing: number): Values => ({
  error: { error: "E_TRUNCATED", step: "local" },
  ...ended(dropped, missing),
  state: "closed",
});

/** Takes a message out of the count, so that another number arrives first. */
function skip(t: Life, n: number): void {
  t.peer.seq += n;
}

/** The tested end goes over: its `ack`, which says the highest number that it has committed. */
const goes = (t: Life, rcv: number): Values => {
  const emit = [t.goesOver({ rcv })];
  return { emit, epoch: { send: t.epoch, receive: t.epoch } };
};

interface Mixed {
  readonly t: Life;
  readonly old: Channel;
  readonly fresh: Channel;
}

/** The tested end answers the peer's rekey 2; 1 is late. Both channels of the peer. */
function answering(g: LifeGroup): Mixed {
  const t = g.life();
  skip(t, 1);
  t.answers();
  const old = t.peer.channel;
  t.switches();
  return { t, old, fresh: t.peer.channel };
}

/** The tested end asked, and the peer's answer is its message 3; 1 and 2 are late. */
function proposing(g: LifeGroup): Mixed {
  const t = g.life().proposes();
  const old = t.peer.channel;
  skip(t, 2);
  t.answered();
  return { t, old, fresh: t.peer.channel };
}

function responder(g: LifeGroup): void {
  const bad = (name: string, what: string, req: readonly string[], t: Life): void =>
    g.bad(name, what, ["rekey:window", "window:report", ...req], t, TRUNCATED);
  const { t, old, fresh } = answering(g);
  hears(t, old, 1);
  hears(t, old, 4);
  t.sends("chat.say", "still under the old keys");
  t.recv(control(t, fresh, 6, { top: "ack" }), goes(t, 6));
  t.sends("chat.say", "under the new keys");
  hears(hears(hears(t, old, 3), fresh, 7), old, 5);
  t.step({ op: "drop" }, gone(0, 0));
  bad(
    "responder",
    "the responder seals under the old keys until ack comes, and then its own ack; messages below ack come under the old keys before it and after it",
    ["window:accept", "rekey:window-send", "rekey:send-old", "rekey:ack-first"],
    t,
  );
  const first = answering(g);
  hears(first.t, first.fresh, 5, goes(first.t, 5));
  hears(first.t, first.old, 3);
  first.t.recv(control(first.t, first.fresh, 4, { top: "ack" }));
  first.t.step({ op: "drop" }, gone(0, 1));
  const overtaken = "a message under the new keys overtakes ack; a message under the old ones comes behind it";
  bad("ack-late", overtaken, ["rekey:window-send"], first.t);
  const asked = answering(g);
  const request = numbered(asked.t, asked.fresh, 5, { top: "chat.ask", req: true, dat: "?" });
  const going = goes(asked.t, 5);
  const reply = asked.t.peer.says({ top: "chat.ask", ref: 5, dat: "?" });
  asked.t.recv(request, {
    deliver: [{ seq: 5, top: "chat.ask", data: "?", req: true }],
    ...going,
    emit: [...(going.emit as object[]), reply],
  });
  asked.t.step({ op: "drop" }, gone(0, 3));
  const both = "a request under the new keys comes first: ack goes out before the answer to it";
  bad("request-first", both, ["rekey:window-send", "rekey:ack-first"], asked.t);
  const lower = answering(g);
  hears(lower.t, lower.fresh, 9, goes(lower.t, 9));
  hears(lower.t, lower.old, 5);
  hears(lower.t, lower.fresh, 6);
  lower.t.recv(numbered(lower.t, lower.old, 7));
  hears(lower.t, lower.old, 4);
  lower.t.step({ op: "drop" }, gone(1, 4));
  bad("lower", "s is the lowest number that came under the new keys so far", ["rekey:window-old"], lower.t);
  const late = answering(g);
  late.t.recv(control(late.t, late.fresh, 3, { top: "ack" }), goes(late.t, 3));
  late.t.recv(numbered(late.t, late.old, 4));
  hears(late.t, late.fresh, 5);
  late.t.recv(numbered(late.t, late.old, 3));
  hears(late.t, late.old, 1);
  late.t.step({ op: "drop" }, gone(2, 1));
  const behind = "messages under the old keys with the number of ack and above it are dropped and counted";
  bad("old-behind", behind, ["rekey:window-old", "window:drop"], late.t);
  const many = answering(g);
  many.t.recv(control(many.t, many.fresh, 3, { top: "ack" }), goes(many.t, 3));
  for (let i = 0; i < 16; i++) many.t.recv(numbered(many.t, many.old, 4 + i));
  many.t.recv(numbered(many.t, many.old, 20), { ...many.t.peer.end(HEADER, { rcv: 3 }), ...ended(16, 1) });
  g.bad("old-seventeen", "17 messages under the old keys", ["rekey:window-old", "window:drops-end"], many.t, HEADER);
}

function proposer(g: LifeGroup): void {
  const { t, old, fresh } = proposing(g);
  hears(t, fresh, 5, { epoch: { send: 1, receive: 1 } });
  hears(hears(hears(t, old, 2), fresh, 6), old, 1);
  t.recv(control(t, fresh, 4, { top: "ack" }));
  t.recv(numbered(t, old, 7));
  t.step({ op: "drop" }, gone(1, 0));
  g.bad(
    "proposer",
    "s is the lowest number under the new keys: below it the old ones, from it on the new ones, in any order",
    ["rekey:window", "rekey:window-old", "window:report"],
    t,
    TRUNCATED,
  );
  const between = proposing(g);
  hears(between.t, between.old, 4);
  hears(between.t, between.fresh, 6, { epoch: { send: 1, receive: 1 } });
  hears(between.t, between.old, 1);
  between.t.step({ op: "drop" }, gone(0, 2));
  g.bad(
    "proposer-between",
    "the peer goes on under the old keys behind its answer",
    ["rekey:window", "window:report"],
    between.t,
    TRUNCATED,
  );
  const without = g.life().proposes().answered();
  without.tick(29, () => ({}));
  without.tick(1, (peer) => (peer.tested === "server" ? { emit: [peer.answers({ top: "ping" })] } : {}));
  g.ok("ack-lost", "ack does not come: in window order nobody waits for it", ["rekey:timeout"], without);
  const unanswered = g.life().proposes().tick(29);
  const timeout: Verdict = ["E_TIMEOUT_HS", "local"];
  unanswered.tick(1, (peer) => ({ ...peer.end(timeout, { rcv: 0 }), ...ended(0, 0) }));
  g.bad("unanswered", "the answer does not come", ["rekey:timeout"], unanswered, timeout, { from: "ack-lost" });
  const wish = g.life().proposes().answered().step({ op: "rekey" });
  hears(wish, wish.peer.channel, 2, { epoch: { send: 1, receive: 1 } });
  skip(wish, 1);
  wish.proposes();
  const one = "the next proposal waits for a message under the new keys";
  g.ok("one", one, ["rekey:one"], wish);
}

/** When the keys of an epoch are deleted: what comes under them later is no message of this connection. */
function deleted(g: LifeGroup): void {
  const replay: Verdict = ["E_REPLAY", g.scene.options.level === "aead" ? "sequence" : "claims"];
  const late = (top: number, verdict: Verdict): Life => {
    const { t, old, fresh } = answering(g);
    t.recv(control(t, fresh, 4, { top: "ack" }), goes(t, 4));
    hears(t, old, 3);
    hears(t, fresh, top);
    t.recv(numbered(t, old, 3));
    t.recv(numbered(t, old, 3), { ...t.peer.end(verdict, { rcv: top }), ...ended(1, top - 4) });
    return t;
  };
  const held = late(3 + W, replay);
  g.bad("held", `s + ${W - 1} was committed: the old keys open, the number is behind`, ["window:old"], held, replay, {
    init: SMALL,
  });
  const over = late(4 + W, HEADER);
  g.bad("deleted", `s + ${W} was committed: the old keys are gone`, ["rekey:window-old"], over, HEADER, {
    init: SMALL,
  });
  const twice = (again: boolean): Mixed => {
    const { t, old, fresh } = answering(g);
    t.recv(control(t, fresh, 3, { top: "ack" }), goes(t, 3));
    t.peer.seq = 3;
    if (again) t.answers();
    return { t, old, fresh };
  };
  const before = twice(false);
  hears(before.t, before.old, 1);
  g.ok("one-epoch", "a late message of the epoch before", ["rekey:window"], before.t, SMALL);
  const { t, old } = twice(true);
  t.recv(numbered(t, old, 1));
  t.recv(numbered(t, old, 1), { ...t.peer.end(HEADER, { rcv: 4 }), ...ended(1, 1) });
  g.bad(
    "two-epochs",
    "the keys of the epoch after the next were derived: those of two epochs are held, and no others",
    ["rekey:window"],
    t,
    HEADER,
    { from: "one-epoch", init: SMALL },
  );
}

/** A proposal under the new keys overtakes the peer's own `ack`. */
function early(g: LifeGroup): void {
  const { t } = proposing(g);
  skip(t, 1);
  const { message, proposal } = t.peerRekey();
  const emit = t.responses(proposal);
  t.recv(message, { emit, epoch: { send: 1, receive: 1 } });
  g.ok(
    "next-early",
    "the peer's proposal for the next epoch comes before its ack: it shows the new keys by itself",
    ["rekey:window", "rekey:answer"],
    t,
  );
}

/** The client's own proposal, which it dropped, arrives behind its answer to the server's. */
function lateProposal(g: LifeGroup): void {
  const t = g.life().proposes();
  const old = t.peer.channel;
  const { key } = t.draw("client");
  skip(t, 1);
  t.answered();
  t.recv(control(t, old, 1, { top: "rekey", n: 1, epk: wireJwk(key), rcv: 0 }));
  hears(t, t.peer.channel, 4, { epoch: { send: 1, receive: 1 } });
  t.recv(control(t, t.peer.channel, 3, { top: "ack" }));
  g.ok(
    "late-proposal",
    "a rekey of the client for the epoch that the server's own has led to is ignored",
    ["rekey:window", "rekey:collision-server"],
    t,
  );
}

export function rekeyWindows(): Group[] {
  return (["client", "server"] as const).map((role) => {
    const g = new LifeGroup("rekey", `window-${role}`, SECTION, {
      role,
      order: "window",
      level: role === "client" ? "aead" : "mac",
      wire: role === "client" ? "binary" : "text",
    });
    g.ok("message", "a message is delivered", ["window:accept"], hears(g.life(), g.life().peer.channel, 1));
    responder(g);
    proposer(g);
    deleted(g);
    early(g);
    if (role === "server") lateProposal(g);
    return g.group;
  });
}
