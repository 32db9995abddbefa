// Messages that outlive their session (specs/lifecycle.md, section 8).
import { b64u, labelled } from "../kit/bytes.ts";
import type { Claims } from "../kit/messages.ts";
import { Peer } from "../kit/peer.ts";
import type { Generator, Group } from "./file.ts";
import type { Values, Verdict } from "./handshake-scene.ts";
import { resumes } from "./lifecycle-attempt.ts";
import { type Life, LifeGroup, RES } from "./lifecycle-scene.ts";

const SECTION = "8-messages-that-outlive-their-session";
const CLAIMS: Verdict = ["E_CLAIMS", "claims"];

const jtiOf = (name: string): string => b64u(labelled(`message id ${name}`).subarray(0, 16));
const ONE = jtiOf("1");
const TWO = jtiOf("2");

/** The application sends a message that may be sent again. */
const sends = (t: Life, jti: string, data: unknown): Life =>
  t.step({ op: "send", top: "chat.say", data, idempotent: jti }, { emit: [t.peer.says({ jti, dat: data })] });

/** A new session, and what of the one before is sent in it. */
function reopens(t: Life, again: (peer: Peer) => object[]): Life {
  const handshake = t.reopen();
  const undetermined = t.unconfirmed();
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

function client(g: LifeGroup): void {
  g.ok("message", "a message is delivered", ["hs:states"], g.life().hears());
  const t = g.life();
  const { now } = t.peer;
  sends(sends(t, ONE, 1).sends("chat.say", 2), TWO, 3)
    .lose()
    .tick(20);
  reopens(t, (peer) => [
    peer.says({ jti: ONE, dat: 1, exp: now + 180 }),
    peer.says({ jti: TWO, dat: 3, exp: now + 180 }),
  ]);
  t.hears().sends("chat.say", 4);
  g.ok(
    "new-session",
    "of three messages that were not acknowledged the two idempotent ones are sent in the next session, with their jti and exp",
    ["idem:only", "idem:same", "ack:undetermined"],
    t,
  );
  const other = sends(g.life(), ONE, 1).sends("chat.say", 2).lose();
  reopens(other, (peer) => [peer.says({ jti: ONE, dat: 1 })]);
  const seq: Verdict = ["E_SEQ", "claims"];
  other.fails(other.peer.control({ top: "ack", rcv: 2 }), seq);
  g.bad(
    "new-session-others",
    "the server acknowledges the other message as well, which no session but the first one had",
    ["idem:only", "idem:same", "ctl:rcv"],
    other,
    seq,
    { from: "new-session" },
  );
  const acked = sends(sends(g.life(), ONE, 1), TWO, 2);
  acked.recv(acked.peer.control({ top: "ack", rcv: 1 })).lose();
  reopens(acked, (peer) => [peer.says({ jti: TWO, dat: 2 })]);
  g.ok("acknowledged", "what was acknowledged is not sent again", ["idem:only", "ack:keep"], acked);
  const expired = g.life();
  const brief = expired.peer.says({ jti: ONE, dat: 1, exp: now + 10 });
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
  const hears = g.life().hears({ jti: ONE }).hears({ jti: ONE });
  g.ok("received", "a client takes jti for syntax only", ["claims:table"], hears);
}

const received = (t: Life, jti: string): Life => t.hears({ jti });

/** A message whose jti the server has seen: it passes every step but is not delivered. */
const dropped = (t: Life, jti: string): Life => t.recv(t.peer.message({ jti }));

function server(g: LifeGroup): void {
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
  const down = g.life();
  down.recv(down.peer.message({ jti: ONE }), {
    refused: [{ seq: 1, error: "E_REPLAY_STORE", step: "deliver" }],
    emit: [down.peer.answers({ top: "err", code: "E_REPLAY_STORE", ref: 1 })],
  });
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
  const failing = g.life();
  failing.recv(failing.peer.message({ jti: ONE }), {
    refused: [{ seq: 1, error: "E_REPLAY_STORE", step: "deliver" }],
    emit: [failing.peer.answers({ top: "err", code: "E_REPLAY_STORE", ref: 1 })],
  });
  again("down-number", "its number comes again without jti", "idem:closed", "down", failing, { store: "down" });
  const denied = g.life();
  denied.recv(denied.peer.message({ jti: ONE, top: "chat.other" }), {
    refused: [{ seq: 1, error: "E_DENIED", step: "authorize" }],
    emit: [denied.peer.answers({ top: "err", code: "E_DENIED", ref: 1 })],
  });
  received(denied, ONE);
  g.ok("denied", "what was refused before the store uses no jti up", ["idem:store", "level:order"], denied);
  const bad = (name: string, mutation: string, over: Claims): void =>
    g.badMessage(name, mutation, ["claims:table"], over, CLAIMS, {}, "twice");
  bad("req", "jti beside req", { jti: ONE, top: "chat.ask", req: true });
  bad("bat", "jti beside bat", { jti: ONE, bat: [["chat.say", null, 1]] });
  bad("short", "jti has 21 characters", { jti: ONE.slice(1) });
  bad("long", "jti has 23 characters", { jti: `${ONE}A` });
  bad("number", "jti is a number", { jti: 1 });
  bad("pad-bits", "the last character of jti has a pad bit", { jti: `${ONE.slice(0, -1)}B` });
  const asked = g.life().asks("chat.ask", 1);
  asked.fails(asked.peer.message({ jti: ONE, top: "chat.ask", ref: 1 }), CLAIMS);
  g.bad("ref", "jti beside ref", ["claims:table"], asked, CLAIMS, { from: "twice" });
}

export const generate: Generator = () => {
  const groups: Group[] = [];
  for (const wire of ["text", "binary"] as const) {
    const level = wire === "text" ? "sig" : "mac";
    const proof = wire === "text" ? ({ proof: "Ed25519" } as const) : {};
    const codec = wire === "text" ? "json" : "cbor";
    const c = new LifeGroup("idempotent", `client-${wire}`, SECTION, {
      role: "client",
      wire,
      level,
      codec,
      res: RES,
      ...proof,
    });
    client(c);
    const s = new LifeGroup("idempotent", `server-${wire}`, SECTION, { role: "server", wire, level, codec, ...proof });
    server(s);
    groups.push(c.group, s.group);
  }
  return groups;
};
