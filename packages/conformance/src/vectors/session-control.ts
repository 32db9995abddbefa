// Control messages, their budget, heartbeat, idle time and the end of a session (specs/session.md, section 11).
import type { Message } from "../kit/jose.ts";
import { applicationMessage, type Claims, controlHeader, controlMessage, messageHeader } from "../kit/messages.ts";
import { closeOf } from "../kit/peer.ts";
import type { Group } from "./file.ts";
import type { Values, Verdict } from "./handshake-scene.ts";
import { SessionGroup, type Talk } from "./session-scene.ts";

const SECTION = "session.md#11-control-messages";
const CLAIMS: Verdict = ["E_CLAIMS", "claims"];
const SEQ: Verdict = ["E_SEQ", "claims"];
const HEADER: Verdict = ["E_HEADER", "header"];
const IDLE: Verdict = ["E_IDLE", "local"];
const EXPIRED: Verdict = ["E_SESSION_EXPIRED", "session"];
const QUOTA: Verdict = ["E_QUOTA", "rate"];

const pong = (t: Talk): Values => ({ emit: [t.peer.answers({ top: "pong", ref: t.peer.seq })] });

function members(): Group[] {
  return (["client", "server"] as const).map((role) => {
    const g = new SessionGroup(`control-${role}`, SECTION, {
      role,
      wire: role === "client" ? "text" : "binary",
      level: "mac",
      codec: "cbor",
    });
    g.ok("message", "a message is delivered", ["hs:states"], g.talk().hears());
    const ping = g.talk();
    ping.recv(ping.peer.control({ top: "ping" }), pong(ping));
    ping.recv(ping.peer.control({ top: "ping", note: { any: [1] } }), pong(ping));
    g.ok(
      "ping",
      "ping is answered; other members are ignored; control is encrypted JSON at every level and codec",
      ["ctl:pong", "ctl:unknown-member", "ctl:rcv-send"],
      ping,
    );
    const rcv = g.talk();
    rcv.sends("chat.say", 1);
    rcv.sends("chat.say", 2);
    rcv.recv(rcv.peer.control({ top: "ping", rcv: 1 }), pong(rcv));
    rcv.recv(rcv.peer.control({ top: "ping", rcv: 1 }), pong(rcv));
    rcv.recv(rcv.peer.control({ top: "ping", rcv: 4 }), pong(rcv));
    g.ok("rcv", "rcv grows, or stays", ["ctl:rcv"], rcv);
    const bad = (name: string, mutation: string, req: string, claims: Claims, verdict: Verdict = CLAIMS) =>
      g.badControl(name, mutation, [req], claims, verdict, {}, "ping");
    bad("top-unknown", "top is rekeying", "ctl:members", { top: "rekeying" });
    bad("top-application", "top is a topic of the application", "ctl:members", { top: "chat.say" });
    bad("top-missing", "top is missing", "ctl:members", { top: undefined });
    bad("top-case", "top is Ping", "ctl:members", { top: "Ping" });
    bad("rcv-missing", "rcv is missing", "ctl:members", { top: "ping", rcv: undefined });
    bad("rcv-string", "rcv is a string", "ctl:members", { top: "ping", rcv: "0" });
    bad("rcv-unsent", "rcv is a number that was not sent", "ctl:rcv", { top: "ping", rcv: 1 }, SEQ);
    bad("pong-no-ref", "pong has no ref", "ctl:members", { top: "pong" });
    bad("pong-unsent", "pong names a number that was not sent", "req:ref-unsent", { top: "pong", ref: 1 });
    bad("pong-pair", "ref of a pong is a pair", "ctl:members", { top: "pong", ref: [1, 0] });
    bad("err-no-ref", "err has no ref", "ctl:members", { top: "err", code: "E_DENIED" });
    bad("err-no-code", "err has no code", "ctl:members", { top: "err", ref: 1 });
    bad("err-unsent", "err names a number that was not sent", "req:ref-unsent", {
      top: "err",
      code: "E_DENIED",
      ref: 1,
    });
    bad("bye-code", "the code of bye is no coarse name", "ctl:members", { top: "bye", code: "E_CRYPTO" });
    bad("bye-code-number", "the code of bye is a number", "ctl:members", { top: "bye", code: 1000 });
    const code = g.talk().sends("chat.say", 1);
    code.fails(code.peer.control({ top: "err", code: "E_CRYPTO", ref: 1 }), CLAIMS);
    g.bad("err-code", "the code of err is not listed", ["ctl:members"], code, CLAIMS, { from: "ping" });
    const less = g.talk().sends("chat.say", 1);
    less.recv(less.peer.control({ top: "ping", rcv: 1 }), pong(less));
    less.fails(less.peer.control({ top: "ping", rcv: 0 }), SEQ);
    g.bad("rcv-less", "rcv is less than before", ["ctl:rcv"], less, SEQ, { from: "rcv" });

    const seq = g.talk();
    seq.peer.seq = 1;
    seq.fails(controlMessage(seq.peer.channel, { seq: 2, top: "ping", rcv: 0 }, { seq: 1 }), SEQ);
    g.bad("seq-claim", "the claim seq is not the number of the nonce", ["seq:equal"], seq, SEQ, { from: "ping" });
    const again = g.talk();
    const first = again.peer.control({ top: "ping" });
    again.recv(first, pong(again));
    const replay: Verdict = ["E_REPLAY", "sequence"];
    again.fails(first, replay, 1);
    g.bad("replay", "the ping comes again", ["seq:replay"], again, replay, { from: "ping" });
    const mixed = g.talk();
    mixed.hears();
    const gap: Verdict = ["E_REPLAY", "sequence"];
    mixed.peer.seq = 0;
    mixed.fails(mixed.peer.control({ top: "ping" }), gap, 1);
    g.bad(
      "one-sequence",
      "a control message with the number of an application message: both share one sequence",
      ["seq:replay"],
      mixed,
      gap,
      { from: "ping" },
    );

    // The two kinds under each other's header.
    const { wire } = g.scene;
    const swapped = g.talk();
    swapped.peer.seq = 1;
    const disguised = controlMessage(
      swapped.peer.channel,
      swapped.peer.claims({}, 1) as Claims,
      wire === "text" ? { header: messageHeader(swapped.peer.channel) } : { h: 0 },
    );
    // At mac an application message is a JWS: what is encrypted is no such object.
    const asMessage: Verdict = HEADER;
    swapped.fails(disguised, asMessage, 0);
    g.bad("encrypted-message", "level mac, and an encrypted application message", ["wire:form"], swapped, asMessage);
    const control = g.talk();
    control.peer.seq = 1;
    const signed: Message = applicationMessage(
      control.peer.channel,
      { seq: 1, top: "ping", rcv: 0 },
      wire === "text" ? { header: controlHeader(control.peer.channel.keys) } : { h: 1 },
    );
    control.fails(signed, HEADER, 0);
    g.bad("signed-control", "a control message with an HMAC in place of encryption", ["wire:form"], control, HEADER, {
      from: "ping",
    });
    return g.group;
  });
}

/** Control messages in one instant. */
function budget(): Group {
  const g = new SessionGroup("budget", SECTION, { role: "server" });
  g.ok("message", "a message is delivered", ["hs:states"], g.talk().hears());
  const pings = (t: Talk, n: number): Message[] =>
    Array.from({ length: n }, () => t.peer.control({ top: "ping", rcv: 0 }));
  const answers = (t: Talk, from: number, n: number): Message[] =>
    Array.from({ length: n }, (_, i) => t.peer.answers({ top: "pong", ref: from + i, rcv: from + i }));
  const most = g.talk();
  most.burst(pings(most, 50), { emit: answers(most, 1, 50) });
  most.tick(1);
  most.burst(pings(most, 10), { emit: answers(most, 51, 10) });
  g.ok("burst", "50 in one instant, and 10 more a second later", ["ctl:budget"], most);
  const tooMany = g.talk();
  const messages = pings(tooMany, 51);
  const emit = answers(tooMany, 1, 50);
  // It is authentic, and committed.
  const end = tooMany.peer.end(QUOTA, { rcv: 51 });
  tooMany.burst(messages, { ...end, emit: [...emit, ...(end.emit as Message[])] });
  g.bad("quota", "51 in one instant", ["ctl:budget", "close:fatal-bye"], tooMany, QUOTA, { from: "burst" });
  const free = g.talk();
  for (let i = 0; i < 3; i++) free.sends("chat.say", i);
  const denials = [1, 2, 3].map((ref) => free.peer.control({ top: "err", code: "E_DENIED", ref, rcv: 3 }));
  free.burst(denials, { denied: [1, 2, 3].map((seq) => ({ seq, error: "E_DENIED" })) });
  const rest = Array.from({ length: 50 }, () => free.peer.control({ top: "ping", rcv: 3 }));
  free.burst(rest, { emit: answers(free, 4, 50) });
  g.ok("free", "the first err to each message is free", ["ctl:budget"], free);
  const again = g.talk().sends("chat.say", 0);
  const repeated = Array.from({ length: 52 }, () =>
    again.peer.control({ top: "err", code: "E_DENIED", ref: 1, rcv: 1 }),
  );
  const denied = Array.from({ length: 51 }, () => ({ seq: 1, error: "E_DENIED" }));
  again.burst(repeated, { denied, ...again.peer.end(QUOTA, { rcv: 52 }) });
  const pongs = g.talk().tick(30, (peer) => ({ emit: [peer.answers({ top: "ping" })] }));
  const many = Array.from({ length: 52 }, () => pongs.peer.control({ top: "pong", ref: 1, rcv: 1 }));
  pongs.burst(many, pongs.peer.end(QUOTA, { rcv: 52 }));
  g.bad("pong-again", "52 pongs to one ping: the first is free", ["ctl:pong", "ctl:budget"], pongs, QUOTA, {
    from: "burst",
  });
  g.bad("err-again", "52 err about one message: the first is free", ["ctl:budget"], again, QUOTA, { from: "burst" });
  return g.group;
}

/** Heartbeat, idle time, and the end of the token. */
function time(): Group[] {
  return (["server", "client"] as const).map((role) => {
    const g = new SessionGroup(`time-${role}`, SECTION, { role, wire: role === "server" ? "text" : "binary" });
    const server = role === "server";
    const beat = (t: Talk): Values => (server ? { emit: [t.peer.answers({ top: "ping" })] } : {});
    g.ok("message", "a message is delivered", ["hs:states"], g.talk().hears());
    const alive = g.talk();
    alive.tick(29);
    alive.tick(1, () => beat(alive));
    alive.recv(
      server ? alive.peer.control({ top: "pong", ref: 1 }) : alive.peer.control({ top: "ping" }),
      server ? {} : pong(alive),
    );
    alive.tick(30, () => beat(alive));
    alive.tick(60, () =>
      server ? { emit: [alive.peer.answers({ top: "ping" }), alive.peer.answers({ top: "ping" })] } : {},
    );
    alive.tick(29);
    g.ok(
      "alive",
      server
        ? "a ping every 30 seconds; a pong keeps the session for 120 more"
        : "a client sends no ping, and answers those of the server",
      ["ctl:ping", "ctl:idle"],
      alive,
    );
    const close = (error: Verdict, code: number, t: Talk, pings: number): Values => {
      const emit = Array.from({ length: server ? pings : 0 }, () => t.peer.answers({ top: "ping" }));
      const { reason } = closeOf(code);
      emit.push(t.peer.answers({ top: "bye", code: reason }));
      return {
        emit,
        close: closeOf(code),
        error: { error: error[0], step: error[1] },
        ended: { clean: false, truncated: true },
        state: "closed",
      };
    };
    const idle = g.talk().tick(120, () => ({}));
    idle.script.outcomes[idle.script.outcomes.length - 1] = close(IDLE, 3008, idle, 3);
    g.bad("idle", "nothing arrives for 120 seconds", ["ctl:idle", "ctl:ping", "close:code"], idle, IDLE);
    const later = g.talk().tick(20).hears();
    later.tick(119, () => (server ? { emit: [1, 2, 3, 4].map(() => later.peer.answers({ top: "ping" })) } : {}));
    later.tick(1);
    later.script.outcomes[later.script.outcomes.length - 1] = close(IDLE, 3008, later, 0);
    g.bad("idle-later", "nothing arrives for 120 seconds after a message", ["ctl:idle"], later, IDLE);

    const short = {
      setup: { ready: { ...g.scene.setup.ready, exp: g.scene.setup.now + 40 }, token: g.scene.setup.token },
    };
    if (role === "client") {
      const t = g.talk(short).tick(39);
      t.tick(1);
      t.script.outcomes[t.script.outcomes.length - 1] = close(EXPIRED, 4510, t, 0);
      g.bad("expired", "SR.exp is reached, without skew", ["sr:end", "close:code"], t, EXPIRED);
    }
    return g.group;
  });
}

/** The server takes the end from the token. */
function tokenEnd(): Group {
  const g = new SessionGroup("token-end", "session.md#7-sr-server-ready", {
    role: "server",
    token: { exp: 1893456040 },
    setup: { ready: { exp: 1893456040, sub: "alice", scp: ["chat.read", "chat.say"] } },
  });
  g.ok("message", "the token has 40 seconds left", ["sr:end"], g.talk().hears());
  const t = g.talk();
  t.tick(39, (peer) => ({ emit: [peer.answers({ top: "ping" })] }));
  t.tick(1, (peer) => ({ ...peer.end(EXPIRED, { rcv: 0 }) }));
  g.bad(
    "expired",
    "SR.exp is reached, without skew or clock tolerance",
    ["sr:end", "close:code", "close:fatal-bye"],
    t,
    EXPIRED,
  );
  return g.group;
}

export const control = (): Group[] => [...members(), budget(), ...time(), tokenEnd()];
