// When keys have to be renewed, how long an answer may take, and what one epoch may be used for (specs/lifecycle.md, section 3).
import { wireJwk } from "../kit/keys.ts";
import type { Group } from "./file.ts";
import type { Values, Verdict } from "./handshake-scene.ts";
import { type Life, LifeGroup } from "./lifecycle-scene.ts";

const SECTION = "3-rekey";
const TIMEOUT: Verdict = ["E_TIMEOUT_HS", "local"];
const STATE: Verdict = ["E_STATE", "commit"];
const KEY_LIMIT: Verdict = ["E_KEY_LIMIT", "commit"];

const limited = (limits: Values): Values => ({ limits });

/** What a server emits at the pings that fall into a tick. */
const beats = (t: Life, n: number): object[] =>
  t.peer.tested === "server" ? Array.from({ length: n }, () => t.peer.answers({ top: "ping" })) : [];

const emits = (list: readonly object[]): Values => (list.length === 0 ? {} : { emit: list });

/** Sends so many messages; with the last one the tested end asks for new keys. */
function sendsUntil(t: Life, n: number): Life {
  for (let i = 1; i < n; i++) t.sends("chat.say", i);
  const last = t.peer.says({ top: "chat.say", dat: n });
  return t.step({ op: "send", top: "chat.say", data: n }, { emit: [last, t.rekey()] });
}

function hearsUntil(t: Life, n: number): Life {
  for (let i = 1; i < n; i++) t.hears();
  const message = t.peer.message();
  return t.recv(message, {
    deliver: [{ seq: t.peer.seq, top: "chat.say", data: { text: "hello" } }],
    emit: [t.rekey()],
  });
}

function triggers(g: LifeGroup, client: boolean): void {
  const n = client ? 11 : 10;
  const wait = client ? "a tenth more than 10" : "10";
  const messages = limited({ rekeyMessages: 10 });
  const sent = sendsUntil(g.life(), n).answered().acked();
  sendsUntil(sent, n - 1);
  g.ok(
    "sent",
    `${wait} messages were sent under one key, ack counts among those of the next`,
    ["rekey:trigger"],
    sent,
    messages,
  );
  const unanswered = sendsUntil(g.life(), n).sends("chat.say", "on").tick(29);
  unanswered.tick(1, (peer) => peer.end(TIMEOUT, { rcv: 0 }));
  g.bad(
    "sent-unanswered",
    "nobody answers the rekey for 30 seconds",
    ["rekey:trigger", "rekey:timeout"],
    unanswered,
    TIMEOUT,
    {
      from: "sent",
      init: messages,
    },
  );
  for (const [limit, used] of client
    ? [
        [5, 6],
        [15, 17],
        [20, 22],
      ]
    : [[5, 5]]) {
    const t = sendsUntil(g.life(), used as number)
      .answered()
      .acked();
    const comment = client ? `ten times ${used} is eleven times ${limit} or more` : `${limit} messages`;
    g.ok(`sent-${limit}`, comment, ["rekey:trigger"], t, limited({ rekeyMessages: limit }));
  }
  const heard = hearsUntil(g.life(), n).answered().acked();
  hearsUntil(heard, n - 1);
  g.ok("heard", `${wait} messages were heard under one key`, ["rekey:trigger"], heard, messages);
  const deaf = hearsUntil(g.life(), n).hears().tick(29);
  deaf.tick(1, (peer) => peer.end(TIMEOUT, { rcv: peer.seq }));
  g.bad("heard-unanswered", "the peer goes on and does not answer", ["rekey:trigger", "rekey:timeout"], deaf, TIMEOUT, {
    from: "heard",
    init: messages,
  });
  const bytes = g.life();
  const data = "x".repeat(2500);
  const large = bytes.peer.says({ top: "chat.say", dat: data });
  bytes
    .step({ op: "send", top: "chat.say", data }, { emit: [large, bytes.rekey()] })
    .answered()
    .acked();
  const back = bytes.peer.message({ dat: data });
  bytes.recv(back, { deliver: [{ seq: bytes.peer.seq, top: "chat.say", data }], emit: [bytes.rekey()] });
  g.ok(
    "bytes",
    "more than 2000 bytes of claims, sent and then heard",
    ["rekey:trigger"],
    bytes,
    limited({ rekeyBytes: 2000 }),
  );
  const seconds = limited({ rekeySeconds: 100 });
  const aged = (t: Life): Life => {
    if (!client) return t.tick(99, () => emits(beats(t, 3))).tick(1, () => ({ emit: [t.rekey()] }));
    return t.tick(109).tick(1, () => ({ emit: [t.rekey()] }));
  };
  const old = aged(g.life()).answered().acked();
  old.tick(client ? 109 : 19);
  g.ok("age", `the keys are 100 seconds old${client ? ", and a tenth more" : ""}`, ["rekey:trigger"], old, seconds);
  const stale = aged(g.life());
  const idle: Verdict = ["E_IDLE", "local"];
  stale.tick(client ? 10 : 20, (peer) => peer.end(idle, { rcv: 0 }));
  g.bad("age-idle", "nothing was heard for 120 seconds: the rekey keeps nothing alive", ["ctl:idle"], stale, idle, {
    from: "age",
    init: seconds,
  });
}

function timeouts(g: LifeGroup): void {
  const bad = (name: string, mutation: string, from: string, t: Life): void => {
    t.tick(29).tick(1, (peer) => peer.end(TIMEOUT, { rcv: peer.seq }));
    g.bad(name, mutation, ["rekey:timeout", "rekey:answer", "close:code"], t, TIMEOUT, { from });
  };
  const p = g.life().proposes().tick(29).answered();
  p.tick(29, () => emits(beats(p, 1)))
    .acked()
    .hears();
  g.ok("slow-proposer", "rekeyed comes after 29 seconds, and ack 29 seconds later", ["rekey:timeout"], p);
  const r = g.life().answers().tick(29).confirms().hears();
  g.ok("slow-responder", "ack comes after 29 seconds", ["rekey:timeout"], r);
  bad("unanswered", "the proposal is not answered for 30 seconds", "slow-proposer", g.life().proposes().hears());
  bad("ack-missing", "rekeyed came, and no ack for 30 seconds", "slow-proposer", g.life().proposes().answered());
  bad("ack-owed", "rekeyed was sent, and no ack came for 30 seconds", "slow-responder", g.life().answers().hears());
}

function keyLimits(g: LifeGroup, client: boolean): void {
  const four = limited({ keyMessages: 4 });
  const both = g
    .life()
    .sends("chat.say", 1)
    .hears()
    .renews()
    .sends("chat.say", 2)
    .sends("chat.say", 3)
    .hears()
    .hears()
    .hears();
  g.ok(
    "fresh",
    "four messages under each key, and five or more in all",
    ["limit:key-seal", "limit:key-open"],
    both,
    four,
  );
  const seals = g.life().sends("chat.say", 1).renews().sends("chat.say", 2).sends("chat.say", 3);
  seals.step(
    { op: "send", top: "chat.say", data: 4 },
    { thrown: { error: "E_KEY_LIMIT" }, ...seals.peer.end(KEY_LIMIT, { rcv: seals.peer.seq }) },
  );
  g.bad("fresh-seal", "the fourth message of the new epoch is kept for bye", ["limit:key-seal"], seals, KEY_LIMIT, {
    from: "fresh",
    init: four,
  });
  const opens = g.life().sends("chat.say", 1).renews().hears().hears().hears();
  opens.fails(opens.peer.message(), KEY_LIMIT);
  g.bad("fresh-open", "the peer's fifth message of the new epoch", ["limit:key-open"], opens, KEY_LIMIT, {
    from: "fresh",
    init: four,
  });
  const answered = g.life().hears().answers().confirms().hears().hears().hears();
  answered.fails(answered.peer.message(), KEY_LIMIT);
  g.bad("fresh-open-responder", "the same where the peer asked", ["limit:key-open"], answered, KEY_LIMIT, {
    from: "fresh",
    init: four,
  });
  const fifth = (): Life => g.life().sends("chat.say", 1).hears().hears().hears().hears();
  const order = ["level:order", "limit:key-open"];
  const unasked = fifth();
  unasked.fails(
    unasked.peer.control({ top: "rekeyed", n: 1, epk: wireJwk(unasked.draw(unasked.peer.role).key), ref: 1 }),
    STATE,
  );
  g.bad("state-first", "the fifth message of one key, and it is rekeyed to no proposal", order, unasked, STATE, {
    from: "fresh",
    init: four,
  });
  if (client) {
    const auth = fifth();
    auth.fails(auth.peer.control({ top: "auth-no", ref: 1 }), STATE);
    g.bad("state-first-auth", "the fifth message of one key, and it is auth-no to no auth", order, auth, STATE, {
      from: "fresh",
      init: four,
    });
  }
  const seconds = limited({ rekeySeconds: 40, keySeconds: 50 });
  const [due, more] = client ? [44, 6] : [40, 10];
  const asks = (t: Life): Life => t.tick(due, () => ({ emit: [...beats(t, 1), t.rekey()] }));
  const renewed = asks(g.life()).answered().acked();
  renewed.tick(20, () => emits(beats(renewed, 1)));
  g.ok("age-limit", "keys that are renewed in time", ["rekey:trigger"], renewed, seconds);
  const quiet = g.life().hears();
  quiet.tick(50, (peer) => {
    const emit = beats(quiet, 1);
    const end = peer.end(KEY_LIMIT, { rcv: peer.seq });
    return { ...end, emit: [...emit, ...(end.emit as object[])] };
  });
  g.bad(
    "age-limit-asleep",
    "the keys are 50 seconds old, and nobody asked for others: the session ends by itself",
    ["rekey:key-age"],
    quiet,
    KEY_LIMIT,
    { from: "age-limit", init: limited({ keySeconds: 50 }) },
  );
  const old = asks(g.life()).hears();
  old.tick(more, (peer) => peer.end(KEY_LIMIT, { rcv: peer.seq }));
  g.bad(
    "age-limit-reached",
    "the keys are used for 50 seconds: nobody answered the rekey",
    ["rekey:key-age", "rekey:trigger"],
    old,
    KEY_LIMIT,
    { from: "age-limit", init: seconds },
  );
}

export function rekeyLimits(): Group[] {
  return (["client", "server"] as const).map((role) => {
    const client = role === "client";
    const g = new LifeGroup("rekey", `limits-${role}`, SECTION, { role, wire: client ? "binary" : "text" });
    triggers(g, client);
    timeouts(g);
    keyLimits(g, client);
    return g.group;
  });
}
