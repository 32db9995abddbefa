// What begins anew with a resumed connection, and what does not (specs/lifecycle.md, section 7).
import type { Message } from "../kit/jose.ts";
import { closeOf } from "../kit/peer.ts";
import type { Group } from "./file.ts";
import type { Values, Verdict } from "./handshake-scene.ts";
import { Attempt, resumes } from "./lifecycle-attempt.ts";
import { type Life, LifeGroup, RES } from "./lifecycle-scene.ts";

const SECTION = "7-resume";
const KEY_LIMIT: Verdict = ["E_KEY_LIMIT", "commit"];
const QUOTA: Verdict = ["E_QUOTA", "rate"];

/** Pings of a server in a time that begins with its connection. */
const pings = (t: Life, seconds: number): Message[] =>
  t.peer.tested === "server"
    ? Array.from({ length: Math.floor(seconds / 30) }, () => t.peer.answers({ top: "ping" }))
    : [];

const emits = (list: readonly object[]): Values => (list.length === 0 ? {} : { emit: list });

/** A connection on which nothing is heard for so long, then none for 10 seconds, then another one. */
function interrupted(g: LifeGroup, seconds: number): Life {
  const t = g.life();
  t.tick(seconds, () => emits(pings(t, seconds)));
  return resumes(t.lose().tick(10));
}

function anew(g: LifeGroup, client: boolean): void {
  const idle = interrupted(g, 100);
  idle.tick(119, () => emits(pings(idle, 119))).hears();
  g.ok(
    "idle",
    "119 seconds of silence after as much before: idle time and pings begin anew",
    ["ctl:idle", "ctl:ping"],
    idle,
  );
  const silent = interrupted(g, 100);
  silent.state = "lost";
  silent.tick(120, () => ({ ...emits(pings(silent, 119)), close: closeOf(3008) })).tick(119);
  silent.tick(1, () => ({
    error: { error: "E_TRUNCATED", step: "local" },
    ended: { clean: false, truncated: true },
    state: "closed",
  }));
  g.bad(
    "idle-over",
    "120 seconds of silence on the second connection",
    ["ctl:idle", "resume:no-bye"],
    silent,
    ["E_TRUNCATED", "local"],
    { from: "idle" },
  );
  const due = client ? 110 : 100;
  const old = { limits: { rekeySeconds: 100, keySeconds: 115 } };
  const aged = (): Life => {
    const t = interrupted(g, 80);
    return t.tick(due - 1, () => emits(pings(t, due - 1))).tick(1, () => ({ emit: [t.rekey()] }));
  };
  g.ok(
    "key-age",
    "the age of the keys is that of this connection",
    ["rekey:trigger", "rekey:key-age"],
    aged().answered().acked(),
    old,
  );
  const end = aged().hears();
  const left = 115 - due;
  end.tick(left, (peer) => {
    const ack = peer.answers({ top: "ack" });
    const last = peer.end(KEY_LIMIT, { rcv: peer.seq });
    return { ...last, emit: [ack, ...(last.emit as Message[])] };
  });
  g.bad(
    "key-age-over",
    "nobody answered, and the keys of this connection are too old",
    ["rekey:key-age"],
    end,
    KEY_LIMIT,
    {
      from: "key-age",
      init: old,
    },
  );
}

/** Control messages are counted over all connections of a session. */
function budget(g: LifeGroup): void {
  const acks = (t: Life, n: number): Message[] => Array.from({ length: n }, () => t.peer.control({ top: "ack" }));
  const spent = (seconds: number): Life => {
    const t = g.life();
    t.burst(acks(t, 49), {});
    t.lose();
    if (seconds > 0) t.tick(seconds);
    return resumes(t);
  };
  const rested = spent(6);
  rested.burst(acks(rested, 49), {});
  g.ok("budget", "49 control messages; after 6 seconds, on the next connection, 49 more", ["ctl:budget"], rested);
  const t = spent(0);
  const messages = acks(t, 2);
  t.burst(messages, t.peer.end(QUOTA, { rcv: t.peer.seq }));
  g.bad("budget-over", "two more on the next connection in the same instant", ["ctl:budget"], t, QUOTA, {
    from: "budget",
  });
}

/** Messages under the keys of a connection; `resumed` is none of them. */
function keys(g: LifeGroup): void {
  const three = { limits: { keyMessages: 3 } };
  const used = (): Life => resumes(g.life().hears().hears().lose()).hears().hears().hears();
  const t = used().sends("chat.say", 1).sends("chat.say", 2);
  t.step(
    { op: "send", top: "chat.say", data: 3 },
    { thrown: { error: "E_KEY_LIMIT" }, ...t.peer.end(KEY_LIMIT, { rcv: 5 }) },
  );
  const seal = "two messages beside resumed, and the third number is kept for bye";
  g.bad("keys-seal", seal, ["limit:key-seal"], t, KEY_LIMIT, { init: three });
  const heard = used();
  heard.fails(heard.peer.message(), KEY_LIMIT, 5);
  const open = "four messages beside resumed: one more than keyMessages";
  g.bad("keys-open", open, ["limit:key-open"], heard, KEY_LIMIT, { init: three });
}

/** The life of a message begins with the call, wherever it waits. */
function lives(g: LifeGroup): void {
  const t = g.life().hears().lose();
  const exp = t.peer.now + 180;
  t.step({ op: "send", top: "chat.say", data: "later" }).tick(20);
  new Attempt(t, { heard: 0 }).done({ fresh: () => [t.peer.says({ dat: "later", exp })] });
  g.ok(
    "queued",
    "a message that waited 20 seconds for a connection lives 20 seconds less",
    ["ack:wait", "seq:late"],
    t.hears(),
  );
  const full = g.life().sends("chat.say", 1).sends("chat.say", 2);
  const end = full.peer.now + 180;
  full.step({ op: "send", top: "chat.say", data: 3 }).tick(20);
  full.recv(full.peer.control({ top: "ack", rcv: 1 }), { emit: [full.peer.says({ dat: 3, exp: end })] });
  const two = { limits: { retainedMessages: 2 } };
  g.ok("waits", "the same where it waited for room", ["ack:wait", "seq:late"], full, two);
}

/** What waits for a connection, or for room, is bounded. */
function queues(g: LifeGroup): void {
  const throws = (t: Life, data: number): Life =>
    t.step({ op: "send", top: "chat.say", data }, { thrown: { error: "E_QUEUE_FULL" } });
  const waits = (t: Life, data: number): Life => t.step({ op: "send", top: "chat.say", data });
  const init = { limits: { queuedMessages: 2, retainedMessages: 1 } };
  const t = throws(waits(waits(g.life().hears().lose(), 1), 2), 3);
  new Attempt(t, { heard: 0 }).done({ fresh: () => [t.peer.says({ dat: 1 })] });
  throws(waits(t, 4), 5);
  t.recv(t.peer.control({ top: "ack", rcv: 1 }), { emit: [t.peer.says({ dat: 2 })] });
  t.recv(t.peer.control({ top: "ack", rcv: 2 }), { emit: [t.peer.says({ dat: 4 })] });
  g.ok(
    "queue-full",
    "two messages may wait: the third is refused, and the others go out in order",
    ["ack:wait", "seq:late"],
    t,
    init,
  );
}

/** A session that can wait longer than a message may live. */
function longest(): Group {
  const g = new LifeGroup("resume", "life", "6-acknowledgement", { role: "server", res: 600 });
  const exp = g.scene.setup.now + 300;
  g.ok("message", "a message is delivered", ["hs:states"], g.life().hears());
  const t = g.life();
  t.step({ op: "send", top: "chat.say", data: 1 }, { emit: [t.peer.says({ dat: 1, exp })] });
  g.ok("longest", "pol.res is 600: a message lives messageTtlMax", ["ack:keep"], t);
  return g.group;
}

export function resumeTimes(): Group[] {
  const groups = (["client", "server"] as const).map((role) => {
    const client = role === "client";
    const g = new LifeGroup("resume", `time-${role}`, SECTION, { role, res: RES, wire: client ? "binary" : "text" });
    g.ok("message", "a message is delivered", ["hs:states"], g.life().hears());
    anew(g, client);
    budget(g);
    keys(g);
    lives(g);
    queues(g);
    return g.group;
  });
  return [...groups, longest()];
}
