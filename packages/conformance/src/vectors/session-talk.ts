// One conversation at every level, for both ends; and what a message of another place does there.
import { labelled } from "../kit/bytes.ts";
import { Handshake } from "../kit/handshake.ts";
import type { Jwk } from "../kit/keys.ts";
import { closeOf, Peer } from "../kit/peer.ts";
import type { Group } from "./file.ts";
import { LEVELS, type Verdict } from "./handshake-scene.ts";
import { jwkOf } from "./keys.ts";
import { SessionGroup, TALK } from "./session-scene.ts";

type Level = (typeof LEVELS)[number];

function conversation(g: SessionGroup): void {
  const t = g.talk();
  const { peer } = t;
  t.hears();
  t.sends("chat.say", { text: "hi" });
  t.recv(peer.message({ top: "chat.ask", req: true, dat: [1, "zwei", null] }), {
    deliver: [{ seq: 2, top: "chat.ask", data: [1, "zwei", null], req: true }],
    emit: [peer.says({ top: "chat.ask", ref: 2, dat: [1, "zwei", null] })],
  });
  t.asks("chat.ask", 7);
  t.recv(peer.message({ top: "chat.ask", ref: peer.own, dat: { answer: 8 } }), {
    settled: [{ seq: 3, data: { answer: 8 } }],
  });
  t.recv(peer.control({ top: "ping" }), { emit: [peer.answers({ top: "pong", ref: 4 })] });
  t.state = "closing";
  t.step({ op: "close" }, { emit: [peer.answers({ top: "bye" })] });
  t.recv(peer.message(), { deliver: [{ seq: 5, top: "chat.say", data: { text: "hello" } }] });
  t.recv(peer.control({ top: "bye" }), {
    close: closeOf(1000),
    ended: { clean: true, truncated: false },
    state: "closed",
  });
  g.ok(
    "conversation",
    "messages, requests and replies of both ends, ping, and an orderly close",
    ["req:reply", "ctl:pong", "ctl:rcv-send", "close:bye-last", "close:end", "seq:send", "claims:order"],
    t,
  );
}

const stranger = ({ alg }: Jwk): Jwk => jwkOf(`stranger ${alg}`);

/** Codes and steps that depend on level and wire. */
function verdicts(level: Level, wire: "text" | "binary") {
  const encrypted = level === "aead" || level === "nest";
  const step = encrypted ? "sequence" : "claims";
  const header: Verdict = ["E_HEADER", "header"];
  const crypto: Verdict = ["E_CRYPTO", "crypto"];
  const moved: Verdict = level === "sig" ? ["E_BINDING", "claims"] : wire === "text" ? header : crypto;
  return {
    replay: ["E_REPLAY", step] as Verdict,
    gap: ["E_SEQ", step] as Verdict,
    reflected: wire === "text" ? header : crypto,
    moved,
    zero: (encrypted ? ["E_SEQ", "sequence"] : ["E_CLAIMS", "claims"]) as Verdict,
    crypto,
  };
}

function misplaced(g: SessionGroup, level: Level, wire: "text" | "binary"): void {
  const v = verdicts(level, wire);
  const replay = g.talk();
  const first = replay.peer.message();
  replay.recv(first, { deliver: [{ seq: 1, top: "chat.say", data: { text: "hello" } }] });
  replay.fails(first, v.replay, 1);
  g.bad("replay", "the message comes again", ["seq:replay", "close:fatal-bye", "close:code"], replay, v.replay);

  const gap = g.talk();
  gap.peer.seq++;
  gap.fails(gap.peer.message(), v.gap, 0);
  g.bad("gap", "the message before it was deleted on the way", ["seq:gap", "close:code"], gap, v.gap);

  const zero = g.talk();
  zero.peer.seq = -1;
  zero.fails(zero.peer.message(), v.zero, 0);
  g.bad("zero", "the number is 0", [level === "aead" || level === "nest" ? "seq:gap" : "claims:table"], zero, v.zero);

  const reflected = g.talk();
  const own = reflected.peer.says({ dat: "hi" });
  reflected.step({ op: "send", top: "chat.say", data: "hi" }, { emit: [own] });
  reflected.fails(own, v.reflected, 0);
  g.bad(
    "reflected",
    "the end's own message comes back",
    [wire === "text" ? "header:not-in-table" : "level:verify"],
    reflected,
    v.reflected,
  );

  const moved = g.talk();
  const { scene } = g;
  const other = new Peer(
    new Handshake({ ...scene.setup, serverRnd: labelled("server rnd, other connection") }),
    scene.role,
  );
  moved.fails(other.message(), v.moved, 0);
  const slug = v.moved[0] === "E_BINDING" ? "claims:binding" : wire === "text" ? "header:not-in-table" : "level:verify";
  g.bad(
    "other-connection",
    "the message was sealed on another connection of the same two ends",
    [slug],
    moved,
    v.moved,
  );

  const forged = g.talk();
  const wrong = scene.role === "server" ? "client" : "server";
  const key = labelled(`forged ${wrong}`);
  const fault =
    level === "mac"
      ? { signer: key }
      : level === "sig"
        ? { signer: stranger(scene.handshake().channel(wrong).signer as Jwk) }
        : { key };
  forged.fails(forged.peer.message({}, fault), v.crypto);
  g.bad("forged", "the message is sealed with another key", ["level:verify", "seq:commit"], forged, v.crypto);
}

export function talks(): Group[] {
  return (["client", "server"] as const).flatMap((role) =>
    LEVELS.flatMap((level, i) =>
      (["text", "binary"] as const).map((wire) => {
        const signed = level === "sig" || level === "nest";
        const other = (i % 2 === 0) === (wire === "text");
        const g = new SessionGroup(`${role}-${level}-${wire}`, TALK, {
          role,
          wire,
          level,
          codec: other ? "json" : "cbor",
          suite: wire === "text" ? "x25519" : "p256",
          ...(signed ? { proof: role === "server" && other ? "ES256" : "Ed25519" } : {}),
          identity: role === "client" && other ? "ES256" : "Ed25519",
        });
        g.ok("message", "a message is delivered", ["hs:states"], g.talk().hears());
        conversation(g);
        if (other === (role === "client") || signed) misplaced(g, level, wire);
        return g.group;
      }),
    ),
  );
}
