// The border between two epochs, at every level and on both wires (specs/lifecycle.md, section 3).
import type { Message } from "../kit/jose.ts";
import { applicationMessage, type Channel, controlMessage, keyId } from "../kit/messages.ts";
import type { Group } from "./file.ts";
import { LEVELS, type Verdict } from "./handshake-scene.ts";
import { type Life, LifeGroup } from "./lifecycle-scene.ts";

const SECTION = "3-rekey";
const HEADER: Verdict = ["E_HEADER", "header"];
const STATE: Verdict = ["E_STATE", "commit"];

/** The peer's next message under the keys that both had before. */
function under(channel: Channel, t: Life, seq: number = t.peer.seq + 1): Message {
  const bound = channel.iss === undefined ? {} : { bnd: keyId(channel.keys) };
  return applicationMessage(channel, t.peer.claims(bound, seq));
}

function border(g: LifeGroup, verdict: Verdict): void {
  const binding = verdict[0] === "E_BINDING" ? ["claims:binding"] : [];
  g.ok("message", "a message is delivered", ["hs:states"], g.life().hears());
  const p = g.life().hears().sends("chat.say", 1).proposes().hears().answered().acked().hears().sends("chat.say", 2);
  g.ok("proposer", "a rekey that the tested end began", ["rekey:switch", "rekey:send-new"], p);
  const r = g.life().hears().answers().hears().sends("chat.say", 1).confirms().hears().sends("chat.say", 2);
  g.ok("responder", "a rekey that the peer began", ["rekey:switch", "rekey:send-new"], r);

  const early = g.life().answers().switches();
  early.fails(early.peer.message(), verdict);
  g.bad(
    "responder-message-before-ack",
    "a message under the new keys before ack",
    ["rekey:switch", "rekey:ack-first", ...binding],
    early,
    verdict,
    { from: "responder" },
  );
  const first = g.life().proposes().answered();
  first.fails(first.peer.message(), verdict);
  g.bad(
    "proposer-message-before-ack",
    "a message under the new keys before ack",
    ["rekey:switch", "rekey:ack-first", ...binding],
    first,
    verdict,
    { from: "proposer" },
  );
  const left = g.life().answers();
  const old = left.peer.channel;
  left.confirms();
  left.fails(under(old, left), verdict, left.peer.seq);
  g.bad(
    "responder-retired",
    "a message under the old keys after ack",
    ["rekey:retired", "rekey:send-new", ...binding],
    left,
    verdict,
    { from: "responder" },
  );
  const gone = g.life().proposes();
  const before = gone.peer.channel;
  gone.answered();
  gone.fails(under(before, gone), verdict, gone.peer.seq);
  g.bad(
    "proposer-retired",
    "a message under the old keys after rekeyed",
    ["rekey:retired", "rekey:send-new", ...binding],
    gone,
    verdict,
    { from: "proposer" },
  );
}

/** Control is encrypted at every level, and always names its epoch. */
function control(g: LifeGroup): void {
  for (const top of ["ping", "bye"]) {
    const r = g.life().answers().switches();
    r.fails(r.peer.control({ top }), STATE);
    const mutation = `${top} under the new keys before ack`;
    g.bad(`responder-${top}-before-ack`, mutation, ["rekey:switch"], r, STATE, { from: "responder" });
    const p = g.life().proposes().answered();
    p.fails(p.peer.control({ top }), STATE);
    g.bad(`proposer-${top}-before-ack`, mutation, ["rekey:switch"], p, STATE, { from: "proposer" });
  }
  const left = g.life().answers();
  const old = left.peer.channel;
  left.confirms();
  const ping = (t: Life): Message => controlMessage(old, { seq: t.peer.seq + 1, top: "ping", rcv: t.peer.own });
  left.fails(ping(left), HEADER, left.peer.seq);
  g.bad("responder-ping-retired", "ping under the old keys after ack", ["rekey:retired"], left, HEADER, {
    from: "responder",
  });
  const gone = g.life().proposes();
  gone.answered();
  gone.fails(ping(gone), HEADER, gone.peer.seq);
  g.bad("proposer-ping-retired", "ping under the old keys after rekeyed", ["rekey:retired"], gone, HEADER, {
    from: "proposer",
  });
  const ahead = g.life().renewed();
  ahead.switches();
  const far = { ...ahead.peer.channel, epoch: 7 };
  const header = { alg: "dir", enc: "A256GCM", kid: "A".repeat(22), typ: "sealwire-ctl+jwt" };
  const claims = { seq: ahead.peer.seq + 1, top: "ack", rcv: ahead.peer.own };
  ahead.fails(controlMessage(far, claims, g.scene.wire === "text" ? { header } : {}), HEADER, ahead.peer.seq);
  g.bad("epoch-unknown", "ack under an epoch that nobody asked for", ["header:not-in-table"], ahead, HEADER, {
    from: "responder",
  });
  const again = g.life().renewed();
  again.recv(again.peer.control({ top: "ack" }));
  again.hears();
  g.ok("ack-again", "a second ack says what the first did, and changes nothing", ["rekey:switch"], again);
}

export function switches(): Group[] {
  return (["client", "server"] as const).flatMap((role) =>
    LEVELS.flatMap((level, i) =>
      (["text", "binary"] as const).map((wire) => {
        const other = (i % 2 === 0) === (wire === "text");
        const signed = level === "sig" || level === "nest";
        const g = new LifeGroup("rekey", `${role}-${level}-${wire}`, SECTION, {
          role,
          level,
          wire,
          suite: other ? "x25519" : "p256",
          codec: other ? "cbor" : "json",
          ...(signed ? { proof: "Ed25519" } : {}),
        });
        border(g, level === "sig" && wire === "text" ? ["E_BINDING", "claims"] : HEADER);
        if (level === "aead") control(g);
        return g.group;
      }),
    ),
  );
}
