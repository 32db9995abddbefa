// Messages that outlive their session (specs/lifecycle.md, section 8).
import { b64u, labelled } from "../kit/bytes.ts";
import type { Setup } from "../kit/handshake.ts";
import type { Claims } from "../kit/messages.ts";
import { Peer } from "../kit/peer.ts";
import type { Values, Verdict } from "./handshake-scene.ts";
import { resumes } from "./lifecycle-attempt.ts";
import type { Life, LifeGroup } from "./lifecycle-scene.ts";

const CLAIMS: Verdict = ["E_CLAIMS", "claims"];
const SEQ: Verdict = ["E_SEQ", "claims"];

const jtiOf = (name: string): string => b64u(labelled(`message id ${name}`).subarray(0, 16));
export const ONE: string = jtiOf("1");
export const TWO: string = jtiOf("2");

/** When it was sent for the first time: later than SH of that session. */
const firstIat = (t: Life): number => Math.max(t.peer.now, t.peer.handshake.setup.now + 1);

/** The application sends a message that may be sent again. */
export function sends(t: Life, jti: string, data: unknown): Life {
  const message = t.peer.says({ jti, iat: firstIat(t), dat: data });
  return t.step({ op: "send", top: "chat.say", data, idempotent: jti }, { emit: [message] });
}

/** A new session, and what of the one before is sent in it. */
export function reopens(
  t: Life,
  again: (peer: Peer) => object[],
  over: Partial<Setup> = {},
  undetermined: readonly Values[] = t.unconfirmed(),
): Life {
  const handshake = t.reopen(over);
  const client = t.peer.tested === "client";
  t.peer = new Peer(handshake, t.peer.tested);
  t.state = "open";
  t.told = 0;
  const emit = [...(client ? [] : [handshake.message("sr")]), ...again(t.peer)];
  return t.recv(handshake.message(client ? "sr" : "ca"), {
    opened: t.peer.opened,
    ...(emit.length === 0 ? {} : { emit }),
    ...(client && undetermined.length > 0 ? { undetermined } : {}),
  });
}

/** A next session in which nothing of the one before may be sent. */
function keptBack(g: LifeGroup, name: string, why: string, slug: string, seconds: number, over: Partial<Setup>): void {
  const again = (): Life => reopens(sends(g.life(), ONE, 1).lose().tick(seconds), () => [], over);
  const comment = `${why}: the message is not sent there, and stays undetermined`;
  g.ok(name, comment, [slug, "ack:undetermined"], again().hears());
  const acked = again();
  acked.fails(acked.peer.control({ top: "ack", rcv: 1 }), SEQ);
  g.bad(`${name}-sent`, "the server acknowledges it there", [slug, "ctl:rcv"], acked, SEQ, { from: name });
}

export function clientAgain(g: LifeGroup): void {
  g.ok("message", "a message is delivered", ["hs:states"], g.life().hears());
  const t = g.life();
  const { now } = t.peer;
  sends(sends(t, ONE, 1).sends("chat.say", 2), TWO, 3)
    .lose()
    .tick(20);
  reopens(t, (peer) => [
    peer.says({ jti: ONE, iat: now + 1, dat: 1, exp: now + 180 }),
    peer.says({ jti: TWO, iat: now + 1, dat: 3, exp: now + 180 }),
  ]);
  t.hears().sends("chat.say", 4);
  g.ok(
    "new-session",
    "of three messages that were not acknowledged the two idempotent ones are sent in the next session, with their jti, iat and exp",
    ["idem:only", "idem:same", "idem:first", "ack:undetermined"],
    t,
  );
  const other = sends(g.life(), ONE, 1).sends("chat.say", 2).lose().tick(1);
  reopens(other, (peer) => [peer.says({ jti: ONE, iat: now + 1, dat: 1, exp: now + 180 })]);
  other.fails(other.peer.control({ top: "ack", rcv: 2 }), SEQ);
  g.bad(
    "new-session-others",
    "the server acknowledges the other message as well, which no session but the first one had",
    ["idem:only", "idem:same", "idem:first", "ctl:rcv"],
    other,
    SEQ,
    { from: "new-session" },
  );
  const acked = sends(sends(g.life(), ONE, 1), TWO, 2);
  acked
    .recv(acked.peer.control({ top: "ack", rcv: 1 }))
    .lose()
    .tick(1);
  reopens(acked, (peer) => [peer.says({ jti: TWO, iat: now + 1, dat: 2, exp: now + 180 })]);
  g.ok("acknowledged", "what was acknowledged is not sent again", ["idem:only", "ack:keep"], acked);
  const expired = g.life();
  const brief = expired.peer.says({ jti: ONE, iat: now + 1, dat: 1, exp: now + 10 });
  expired.step({ op: "send", top: "chat.say", data: 1, ttl: 10, idempotent: ONE }, { emit: [brief] });
  expired.lose().tick(5).expires(10, [1]);
  reopens(expired, () => []);
  g.ok("expired", "nor is what has expired", ["idem:same", "ack:undetermined"], expired);
  const same = resumes(sends(g.life(), ONE, 1).lose(), { heard: 0 });
  g.ok(
    "resumed",
    "in a resumed session it is sent again like every other message",
    ["resume:same-message", "idem:same"],
    same,
  );
  const later = sends(sends(g.life().tick(1), ONE, 1).tick(1), TWO, 2);
  g.ok("iat", "iat is the time of sending once the second of SH is over", ["idem:first"], later);
  const third = sends(g.life().tick(5), ONE, 1).lose().tick(10);
  reopens(third, (peer) => [peer.says({ jti: ONE, iat: now + 5, dat: 1, exp: now + 185 })]);
  third.lose().tick(10);
  reopens(third, (peer) => [peer.says({ jti: ONE, iat: now + 5, dat: 1, exp: now + 185 })]);
  g.ok("third-session", "nobody acknowledged it in the second session either", ["idem:same"], third);
  const hears = received(received(g.life(), ONE), ONE);
  g.ok("received", "a client takes jti for syntax only", ["claims:table"], hears);
  keptBack(g, "ahead", "the next session begins in the second in which the one before began", "idem:ahead", 0, {});
  const ready = { ...g.scene.setup.ready, sub: "bob" };
  keptBack(g, "subject", "the next session is that of another subject", "idem:subject", 1, { ready });
  undated(g, "received");
}

export const received = (t: Life, jti: string, over: Claims = {}): Life => t.hears({ jti, iat: t.peer.now, ...over });

/** A message whose jti the server has seen: it passes every step but is not delivered. */
export const dropped = (t: Life, jti: string, over: Claims = {}): Life =>
  t.recv(t.peer.message({ jti, iat: t.peer.now, ...over }));

/** A message that the store does not take. */
export function unstored(t: Life, over: Claims): Life {
  const message = t.peer.message(over);
  const { seq } = t.peer;
  return t.recv(message, {
    refused: [{ seq, error: "E_REPLAY_STORE", step: "deliver" }],
    emit: [t.peer.answers({ top: "err", code: "E_REPLAY_STORE", ref: seq })],
  });
}

const undated = (g: LifeGroup, from: string): void =>
  g.badMessage("no-iat", "jti without iat", ["idem:iat"], { jti: ONE, iat: undefined }, CLAIMS, {}, from);

export function serverOnce(g: LifeGroup): void {
  g.ok("message", "a message is delivered", ["hs:states"], g.life().hears());
  const truncated: Values = {
    error: { error: "E_TRUNCATED", step: "local" },
    ended: { clean: false, truncated: true },
  };
  const t = received(g.life(), ONE);
  t.state = "closed";
  t.step({ op: "drop" }, truncated);
  dropped(
    reopens(t, () => []),
    ONE,
  );
  received(t, TWO);
  g.ok("new-session", "the same jti comes in the next session: it is dropped without a word", ["idem:store"], t);
  const twice = dropped(received(g.life(), ONE), ONE).hears();
  g.ok("twice", "the same jti comes twice in one session", ["idem:store"], twice);
  const known = received(dropped(g.life(), ONE), TWO);
  g.ok("known", "the store holds the jti already", ["idem:store"], known, { store: [ONE] });
  const down = unstored(g.life(), { jti: ONE, iat: g.scene.setup.now });
  down.hears();
  g.ok(
    "down",
    "the store fails: a message with jti is refused, one without is not",
    ["idem:closed", "req:failure"],
    down,
    {
      store: "down",
    },
  );
  // Step commit has passed before the store was asked.
  const replay: Verdict = ["E_REPLAY", "claims"];
  const again = (name: string, mutation: string, slug: string, from: string, t: Life, init: Values): void => {
    t.peer.seq--;
    t.fails(t.peer.message(), replay, t.peer.seq);
    g.bad(name, mutation, [slug, "seq:replay", "seq:consumed"], t, replay, { from, init });
  };
  const held = { store: [ONE] };
  again("known-number", "its number comes again without jti", "idem:store", "known", dropped(g.life(), ONE), held);
  const failing = unstored(g.life(), { jti: ONE, iat: g.scene.setup.now });
  again("down-number", "its number comes again without jti", "idem:closed", "down", failing, { store: "down" });
  const denied = g.life();
  denied.recv(denied.peer.message({ jti: ONE, iat: denied.peer.now, top: "chat.other" }), {
    refused: [{ seq: 1, error: "E_DENIED", step: "authorize" }],
    emit: [denied.peer.answers({ top: "err", code: "E_DENIED", ref: 1 })],
  });
  received(denied, ONE);
  g.ok("denied", "what was refused before the store uses no jti up", ["idem:store", "level:order"], denied);
  const bad = (name: string, mutation: string, over: Claims): void =>
    g.badMessage(name, mutation, ["claims:table"], { iat: g.scene.setup.now, ...over }, CLAIMS, {}, "twice");
  undated(g, "twice");
  bad("req", "jti beside req", { jti: ONE, top: "chat.ask", req: true });
  bad("bat", "jti beside bat", { jti: ONE, bat: [["chat.say", null, 1]] });
  bad("short", "jti has 21 characters", { jti: ONE.slice(1) });
  bad("long", "jti has 23 characters", { jti: `${ONE}A` });
  bad("number", "jti is a number", { jti: 1 });
  bad("pad-bits", "the last character of jti has a pad bit", { jti: `${ONE.slice(0, -1)}B` });
  const asked = g.life().asks("chat.ask", 1);
  const referring = asked.peer.message({ jti: ONE, iat: asked.peer.now, top: "chat.ask", ref: 1 });
  asked.recv(referring, { ...asked.peer.end(CLAIMS), settled: [{ seq: 1, error: "E_CLAIMS" }] });
  g.bad("ref", "jti beside ref", ["claims:table"], asked, CLAIMS, { from: "twice" });
}
