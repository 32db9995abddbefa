// New keys in window order, where messages of both epochs arrive mixed (specs/lifecycle.md, section 3).
import type { Message } from "../kit/jose.ts";
import { applicationMessage, type Channel, type Claims, controlMessage, keyId } from "../kit/messages.ts";
import type { Group } from "./file.ts";
import type { Values, Verdict } from "./handshake-scene.ts";
import { type Life, LifeGroup } from "./lifecycle-scene.ts";

const SECTION = "3-rekey";
const TRUNCATED: Verdict = ["E_TRUNCATED", "local"];

/** An application message with a number and keys of its own. */
function numbered(t: Life, channel: Channel, seq: number): Message {
  const bound = channel.iss === undefined ? {} : { bnd: keyId(channel.keys) };
  return applicationMessage(channel, t.peer.claims(bound, seq));
}

const control = (t: Life, channel: Channel, seq: number, members: Claims): Message =>
  controlMessage(channel, { seq, rcv: t.peer.own, ...members });

/** A message of the peer that arrives, delivered. */
const hears = (t: Life, channel: Channel, seq: number): Life =>
  t.recv(numbered(t, channel, seq), { deliver: [{ seq, top: "chat.say", data: { text: "hello" } }] });

const gone = (dropped: number, missing: number): Values => ({
  error: { error: "E_TRUNCATED", step: "local" },
  ended: { clean: false, truncated: true, dropped, missing },
  state: "closed",
});

/** Takes a message out of the count, so that another number arrives first. */
function skip(t: Life, n: number): void {
  t.peer.seq += n;
}

/** The tested end answers the peer's rekey 2; 1 is late. Both channels of the peer. */
function answering(g: LifeGroup): { readonly t: Life; readonly old: Channel; readonly fresh: Channel } {
  const t = g.life();
  skip(t, 1);
  t.answers();
  const old = t.peer.channel;
  t.switches();
  return { t, old, fresh: t.peer.channel };
}

function responder(g: LifeGroup): void {
  const { t, old, fresh } = answering(g);
  const both = { epoch: { send: 1, receive: 1 } };
  hears(t, old, 1);
  hears(t, old, 4);
  t.recv(control(t, fresh, 6, { top: "ack" }), both);
  hears(hears(hears(t, old, 3), fresh, 7), old, 5);
  t.step({ op: "drop" }, gone(0, 0));
  g.bad(
    "responder",
    "messages below ack come under the old keys, before it and after it: nothing is dropped or missing",
    ["rekey:window", "window:accept", "window:report"],
    t,
    TRUNCATED,
  );
  const first = answering(g);
  first.t.recv(numbered(first.t, first.fresh, 5), {
    deliver: [{ seq: 5, top: "chat.say", data: { text: "hello" } }],
    ...both,
  });
  hears(first.t, first.old, 3);
  first.t.recv(control(first.t, first.fresh, 4, { top: "ack" }));
  first.t.step({ op: "drop" }, gone(0, 1));
  const overtaken = "a message under the new keys overtakes ack; a message under the old ones comes behind it";
  g.bad("ack-late", overtaken, ["rekey:window", "window:report"], first.t, TRUNCATED);
  const late = answering(g);
  late.t.recv(control(late.t, late.fresh, 3, { top: "ack" }), both);
  late.t.recv(numbered(late.t, late.old, 4));
  hears(late.t, late.fresh, 5);
  late.t.recv(numbered(late.t, late.old, 3));
  hears(late.t, late.old, 1);
  late.t.step({ op: "drop" }, gone(2, 1));
  g.bad(
    "old-behind",
    "messages under the old keys with the number of ack and above it are dropped and counted",
    ["rekey:window-old", "window:drop", "window:report"],
    late.t,
    TRUNCATED,
  );
  const many = answering(g);
  const header: Verdict = ["E_HEADER", "header"];
  many.t.recv(control(many.t, many.fresh, 3, { top: "ack" }), both);
  for (let i = 0; i < 16; i++) many.t.recv(numbered(many.t, many.old, 4 + i));
  many.t.peer.seq = 3;
  const end = many.t.peer.end(header, { rcv: 3 });
  many.t.recv(numbered(many.t, many.old, 20), {
    ...end,
    ended: { clean: false, truncated: true, dropped: 16, missing: 1 },
  });
  g.bad("old-seventeen", "17 messages under the old keys", ["rekey:window-old", "window:drops-end"], many.t, header);
}

function proposer(g: LifeGroup): void {
  const t = g.life().proposes();
  const old = t.peer.channel;
  skip(t, 2);
  t.answered();
  const fresh = t.peer.channel;
  hears(hears(hears(hears(t, fresh, 5), old, 2), fresh, 6), old, 1);
  t.recv(control(t, fresh, 4, { top: "ack" }));
  t.recv(numbered(t, old, 7));
  t.step({ op: "drop" }, gone(1, 0));
  g.bad(
    "proposer",
    "s is the number behind rekeyed: below it the old keys, from it on the new ones, in any order",
    ["rekey:window", "rekey:window-old", "window:report"],
    t,
    TRUNCATED,
  );
  const without = g.life().proposes().answered();
  without.tick(29, () => ({}));
  without.tick(1, (peer) => (peer.tested === "server" ? { emit: [peer.answers({ top: "ping" })] } : {}));
  g.ok("ack-lost", "ack does not come: in window order nobody waits for it", ["rekey:timeout"], without);
  const unanswered = g.life().proposes().tick(29);
  const timeout: Verdict = ["E_TIMEOUT_HS", "local"];
  unanswered.tick(1, (peer) => ({
    ...peer.end(timeout, { rcv: 0 }),
    ended: { clean: false, truncated: true, dropped: 0, missing: 0 },
  }));
  g.bad("unanswered", "the answer does not come", ["rekey:timeout"], unanswered, timeout, { from: "ack-lost" });
}

/** The client's own proposal, which it dropped, arrives behind its answer to the server's. */
function lateProposal(g: LifeGroup): void {
  const t = g.life().proposes();
  const old = t.peer.channel;
  const { key } = t.draw("client");
  skip(t, 1);
  t.answered();
  const epk = { kty: key.kty, crv: key.crv, x: key.x, y: key.y };
  t.recv(control(t, old, 1, { top: "rekey", n: 1, epk, rcv: 0 }));
  hears(t, t.peer.channel, 4);
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
    if (role === "server") lateProposal(g);
    return g.group;
  });
}
