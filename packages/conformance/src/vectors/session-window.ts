// Sessions in window order (specs/replay.md, section 5).
import type { Message } from "../kit/jose.ts";
import { applicationMessage, type Claims, controlMessage } from "../kit/messages.ts";
import { closeOf } from "../kit/peer.ts";
import type { Group } from "./file.ts";
import type { Values, Verdict } from "./handshake-scene.ts";
import { SessionGroup, type Talk } from "./session-scene.ts";

const SECTION = "replay.md#5-window-order";

/** A message with a number of its own. */
const numbered = (t: Talk, seq: number, over: Claims = {}): Message =>
  applicationMessage(t.peer.channel, t.peer.claims(over, seq));

const hears = (t: Talk, seq: number): Talk =>
  t.recv(numbered(t, seq), { deliver: [{ seq, top: "chat.say", data: { text: "hello" } }] });

/** The end of a session, with what the window tells. */
const over = (t: Talk, [error, step]: Verdict, rcv: number, dropped: number, missing: number): Values => {
  const end = t.peer.end([error, step], { rcv });
  return { ...end, ended: { clean: false, truncated: true, dropped, missing } };
};

const gone = (dropped: number, missing: number): Values => ({
  error: { error: "E_TRUNCATED", step: "local" },
  ended: { clean: false, truncated: true, dropped, missing },
  state: "closed",
});

export function windows(): Group[] {
  return (["client", "server"] as const).flatMap((role) =>
    (["aead", "mac"] as const).map((level) => {
      const encrypted = level === "aead";
      const g = new SessionGroup(`window-${role}-${level}`, SECTION, {
        role,
        level,
        order: "window",
        wire: encrypted ? "binary" : "text",
      });
      const replay: Verdict = ["E_REPLAY", encrypted ? "sequence" : "claims"];
      const crypto: Verdict = ["E_CRYPTO", "crypto"];
      g.ok("message", "a message is delivered", ["window:accept"], hears(g.talk(), 1));
      const moved = g.talk();
      for (const seq of [2, 1, 5, 3, 4]) hears(moved, seq);
      moved.step({ op: "drop" }, gone(0, 0));
      g.bad(
        "reordered",
        "five messages in another order: nothing is missing",
        ["window:accept", "window:report", "close:truncated"],
        moved,
        ["E_TRUNCATED", "local"],
      );
      const far = g.talk();
      hears(hears(far, 1), 1025);
      hears(far, 2);
      far.recv(numbered(far, 1), {});
      hears(far, 2000);
      far.recv(numbered(far, 976), {});
      hears(far, 977);
      far.step({ op: "drop" }, gone(2, 1995));
      g.bad(
        "edges",
        "the last number in the window and the first one behind it",
        ["window:accept", "window:old", "window:drop", "window:report"],
        far,
        ["E_TRUNCATED", "local"],
      );
      const seventeen = g.talk();
      hears(seventeen, 1);
      for (let i = 0; i < 16; i++) seventeen.recv(numbered(seventeen, 1), {});
      seventeen.recv(numbered(seventeen, 1), over(seventeen, replay, 1, 16, 0));
      g.bad(
        "seventeen",
        "one message 17 times more: 16 are dropped",
        ["window:drop", "window:drops-end", "seq:replay", "close:code"],
        seventeen,
        replay,
      );
      const forged = g.talk();
      const wrong = (seq: number): Message =>
        applicationMessage(
          forged.peer.channel,
          forged.peer.claims({}, seq),
          encrypted ? { key: Buffer.alloc(32, 7) } : { signer: Buffer.alloc(32, 7) },
        );
      for (let i = 0; i < 16; i++) forged.recv(wrong(900000 + i), {});
      hears(hears(forged, 1), 2);
      forged.recv(wrong(3), over(forged, crypto, 2, 16, 0));
      g.bad(
        "forged",
        "16 forged numbers far ahead move no window; the 17th ends the session",
        ["window:drop", "window:drops-end", "seq:commit"],
        forged,
        crypto,
      );
      const syntax = g.talk();
      const claims: Verdict = ["E_CLAIMS", "claims"];
      syntax.recv(numbered(syntax, 1, { exp: "soon" }), over(syntax, claims, 0, 0, 0));
      g.bad(
        "claims",
        "what fails behind the signature was made by the peer: nothing is dropped",
        ["window:drop", "claims:table"],
        syntax,
        claims,
      );
      const zero = g.talk();
      zero.recv(numbered(zero, 0), encrypted ? {} : over(zero, claims, 0, 0, 0));
      if (encrypted) {
        zero.step({ op: "drop" }, gone(1, 0));
        g.bad("zero", "the number 0 is dropped", ["seq:gap", "window:drop"], zero, ["E_TRUNCATED", "local"]);
      } else g.bad("zero", "a claim seq of 0", ["claims:table"], zero, claims);

      const control = (t: Talk, seq: number, members: Claims): Message =>
        controlMessage(t.peer.channel, { seq, rcv: t.peer.own, ...members });
      const rcv = g.talk().sends("chat.say", 1).sends("chat.say", 2);
      rcv.recv(control(rcv, 2, { top: "ping", rcv: 2 }), { emit: [rcv.peer.answers({ top: "pong", ref: 2, rcv: 2 })] });
      rcv.recv(control(rcv, 1, { top: "ping", rcv: 1 }), { emit: [rcv.peer.answers({ top: "pong", ref: 1, rcv: 2 })] });
      g.ok("rcv", "an earlier rcv can come later", ["ctl:rcv", "ctl:rcv-send"], rcv);
      const unsent = g.talk();
      const seq: Verdict = ["E_SEQ", "claims"];
      unsent.recv(control(unsent, 1, { top: "ping", rcv: 1 }), over(unsent, seq, 0, 0, 0));
      g.bad("rcv-unsent", "rcv is a number that was not sent", ["ctl:rcv"], unsent, seq);

      const closed = { ended: { clean: true, truncated: false, dropped: 0, missing: 1 }, state: "closed" };
      const late = hears(g.talk(), 1);
      late.state = "closing";
      late.recv(control(late, 3, { top: "bye" }), { emit: [late.peer.answers({ top: "bye", rcv: 3 })] });
      late.recv(numbered(late, 2), {});
      late.step({ op: "drop", code: 1000 }, closed);
      g.ok("late", "bye overtakes a message: it is dropped, and missing", ["window:late", "window:report"], late);
      const after = hears(g.talk(), 1);
      after.state = "closing";
      after.recv(control(after, 2, { top: "bye" }), { emit: [after.peer.answers({ top: "bye", rcv: 2 })] });
      const state: Verdict = ["E_STATE", "commit"];
      after.recv(numbered(after, 3), {
        close: closeOf(4400),
        error: { error: "E_STATE", step: "commit" },
        ended: { clean: false, truncated: false, dropped: 0, missing: 0 },
        state: "closed",
      });
      g.bad("after-bye", "a message with a greater number than bye", ["close:after-bye", "window:late"], after, state);
      const early = hears(g.talk(), 2);
      early.recv(control(early, 1, { top: "bye" }), over(early, state, 2, 0, 1));
      g.bad("bye-less", "bye has a smaller number than a message before it", ["window:bye-last"], early, state);
      return g.group;
    }),
  );
}
