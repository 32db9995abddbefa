// The end of a session: bye of either end, crossing, with a code, missing; and what comes after it (specs/session.md, section 13).
import { closeOf, meaningOf } from "../kit/peer.ts";
import type { Group } from "./file.ts";
import type { Values, Verdict } from "./handshake-scene.ts";
import { SessionGroup, type Talk } from "./session-scene.ts";

const SECTION = "session.md#13-close";
const STATE: Verdict = ["E_STATE", "commit"];
const TRUNCATED: Verdict = ["E_TRUNCATED", "local"];

const CLEAN = { ended: { clean: true, truncated: false }, state: "closed" };
const NORMAL = { close: closeOf(1000), ...CLEAN };
const cut = (step = "local"): Values => ({
  error: { error: "E_TRUNCATED", step },
  ended: { clean: false, truncated: true },
  state: "closed",
});

/** The application of the tested end closes. */
function closes(t: Talk): Talk {
  t.state = "closing";
  return t.step({ op: "close" }, { emit: [t.peer.answers({ top: "bye" })] });
}

/** The peer says bye, and is answered. */
function leaves(t: Talk): Talk {
  const message = t.peer.control({ top: "bye" });
  t.state = "closing";
  return t.recv(message, { emit: [t.peer.answers({ top: "bye" })] });
}

/** An end without bye, after both said theirs or one did. */
const abrupt = ([error, step]: Verdict, code: number, truncated: boolean): Values => ({
  close: closeOf(code),
  error: { error, step },
  ended: { clean: false, truncated },
  state: "closed",
});

function initiator(g: SessionGroup): void {
  const t = closes(g.talk());
  t.hears();
  t.recv(t.peer.message({ top: "chat.ask", req: true, dat: 1 }), {
    deliver: [{ seq: 2, top: "chat.ask", data: 1, req: true }],
  });
  t.recv(t.peer.control({ top: "ping" }), {});
  t.recv(t.peer.control({ top: "bye" }), NORMAL);
  t.recv(t.peer.message(), { state: "closed" });
  g.ok(
    "initiator",
    "the end that said bye delivers until the peer's bye, answers nothing more, and closes",
    ["close:bye-last", "close:before-bye", "close:end"],
    t,
  );
  const silent = closes(g.talk()).tick(1);
  silent.tick(1, () => ({ close: closeOf(1000), ...cut() }));
  g.bad("no-answer", "the peer does not say bye in 2 seconds", ["close:end", "close:truncated"], silent, TRUNCATED, {
    from: "initiator",
  });
  const dropped = closes(g.talk()).step({ op: "drop", code: 1000 }, cut());
  g.bad(
    "closed-without-bye",
    "the WebSocket is closed with 1000, and no bye came",
    ["close:truncated"],
    dropped,
    TRUNCATED,
    { from: "initiator" },
  );
  const crypto: Verdict = ["E_CRYPTO", "crypto"];
  const forged = closes(g.talk());
  const { wire } = g.scene;
  forged.recv(forged.peer.message({}, { key: Buffer.alloc(32, 7) }), abrupt(crypto, 4501, true));
  g.bad(
    "forged",
    `a forged message while the end waits for the peer's bye: no second bye (${wire} wire)`,
    ["hs:states", "close:bye-last"],
    forged,
    crypto,
    { from: "initiator" },
  );
  const sends = closes(g.talk());
  sends.step({ op: "send", top: "chat.say", data: 1 }, { thrown: { error: "E_CLOSED" } });
  sends.step({ op: "request", top: "chat.ask", data: 1 }, { thrown: { error: "E_CLOSED" } });
  sends.step({ op: "close" }, {});
  sends.recv(sends.peer.control({ top: "bye" }), NORMAL);
  sends.step({ op: "send", top: "chat.say", data: 1 }, { thrown: { error: "E_CLOSED" }, state: "closed" });
  g.ok("send-after", "nothing can be sent after bye", ["close:bye-last"], sends);
  const pending = closes(g.talk().asks("chat.ask", 1).asks("chat.ask", 2));
  pending.recv(pending.peer.message({ top: "chat.ask", ref: 1, dat: "in time" }), {
    settled: [{ seq: 1, data: "in time" }],
  });
  pending.recv(pending.peer.control({ top: "bye" }), { settled: [{ seq: 2, error: "E_CLOSED" }], ...NORMAL });
  g.ok(
    "pending",
    "a reply before the peer's bye counts; a request without one fails",
    ["close:before-bye", "close:cleanup"],
    pending,
  );
  const away = closes(g.talk());
  away.tick(1);
  away.recv(away.peer.message(), { deliver: [{ seq: 1, top: "chat.say", data: { text: "hello" } }] });
  away.tick(1, () => ({ close: closeOf(1000), ...cut() }));
  g.bad("slow", "the 2 seconds count from the own bye", ["close:end"], away, TRUNCATED, { from: "initiator" });
}

function responder(g: SessionGroup): void {
  const t = leaves(g.talk().hears());
  t.step({ op: "drop", code: 1000 }, CLEAN);
  g.ok(
    "responder",
    "the end that hears bye answers with its own, and waits for the close",
    ["close:bye-answer", "close:before-bye"],
    t,
  );
  const waits = leaves(g.talk()).tick(1);
  waits.tick(1, () => NORMAL);
  g.ok("responder-waits", "nobody closes for 2 seconds: it does so itself", ["close:end"], waits);
  const after = leaves(g.talk());
  after.recv(after.peer.message(), abrupt(STATE, 4400, false));
  g.bad("message-after", "a message after bye", ["close:after-bye", "hs:states"], after, STATE, { from: "responder" });
  const control = leaves(g.talk());
  control.recv(control.peer.control({ top: "ping" }), abrupt(STATE, 4400, false));
  g.bad("ping-after", "a ping after bye", ["close:after-bye"], control, STATE, { from: "responder" });
  const second = leaves(g.talk());
  second.recv(second.peer.control({ top: "bye" }), abrupt(STATE, 4400, false));
  g.bad("second-bye", "a second bye", ["close:after-bye", "hs:states"], second, STATE, { from: "responder" });
  const forged = leaves(g.talk());
  const crypto: Verdict = ["E_CRYPTO", "crypto"];
  forged.recv(forged.peer.message({}, { key: Buffer.alloc(32, 7) }), abrupt(crypto, 4501, false));
  g.bad("forged-after", "a forged message after bye", ["level:order", "level:verify"], forged, crypto, {
    from: "responder",
  });
  const sends = leaves(g.talk());
  sends.step({ op: "send", top: "chat.say", data: 1 }, { thrown: { error: "E_CLOSED" } });
  sends.step({ op: "drop" }, CLEAN);
  g.ok("send-after-answer", "nothing can be sent after the answer", ["close:bye-last"], sends);
  const named = g.talk();
  named.state = "closing";
  named.recv(named.peer.control({ top: "bye", code: "normal" }), { emit: [named.peer.answers({ top: "bye" })] });
  named.step({ op: "drop", code: 1000 }, CLEAN);
  g.ok("normal", "bye with the code normal", ["close:bye-answer"], named);
}

/** The peer's bye says why. */
function reasons(g: SessionGroup): void {
  for (const name of ["internal", "expired", "quota", "replay", "crypto", "revoked", "away"]) {
    const t = g.talk();
    t.state = "closing";
    t.recv(t.peer.control({ top: "bye", code: name }), { emit: [t.peer.answers({ top: "bye" })] });
    const error = meaningOf(name);
    const clean = name === "away";
    t.step(
      { op: "drop", code: 1000 },
      { error: { error, step: "local", peer: true }, ended: { clean, truncated: false }, state: "closed" },
    );
    g.bad(`bye-${name}`, `the peer's bye says ${name}`, ["close:bye-answer", "close:hint"], t, [error, "local"], {
      from: "responder",
    });
  }
  for (const code of [4403, 3000]) {
    const t = g.talk().step({ op: "drop", code }, cut());
    g.bad(
      `bare-${code}`,
      `the WebSocket is closed with ${code}, which nobody authenticated`,
      ["close:hint", "close:truncated"],
      t,
      TRUNCATED,
    );
  }
  const drop = g.talk().step({ op: "drop" }, cut());
  drop.recv(drop.peer.message(), { state: "closed" });
  drop.step({ op: "tick", seconds: 3600 }, { state: "closed" });
  drop.step({ op: "close" }, { state: "closed" });
  g.ok(
    "drop-then",
    "the connection is gone; what comes then is ignored, and no timer is left",
    ["close:truncated", "close:cleanup", "hs:states"],
    drop,
  );
}

function crossing(g: SessionGroup): void {
  const t = closes(g.talk());
  t.recv(t.peer.control({ top: "bye", rcv: 0 }), NORMAL);
  g.ok(
    "crossing",
    "two crossing bye: both ends are initiators, and none answers",
    ["close:bye-answer", "close:end"],
    t,
  );
  const fatal = closes(g.talk());
  fatal.recv(fatal.peer.control({ top: "bye", code: "internal", rcv: 0 }), {
    close: closeOf(1000),
    error: { error: "E_INTERNAL", step: "local", peer: true },
    ended: { clean: false, truncated: false },
    state: "closed",
  });
  g.bad("crossing-code", "the crossing bye has a code", ["hs:states"], fatal, ["E_INTERNAL", "local"], {
    from: "crossing",
  });
}

export function closings(): Group[] {
  return (["client", "server"] as const).map((role) => {
    const g = new SessionGroup(`close-${role}`, SECTION, { role, wire: role === "client" ? "binary" : "text" });
    g.ok("message", "a message is delivered", ["hs:states"], g.talk().hears());
    initiator(g);
    responder(g);
    reasons(g);
    crossing(g);
    return g.group;
  });
}
