// Sessions that are taken up on a new connection, at every level and on both wires (specs/lifecycle.md, section 7).
import { applicationMessage, keyId } from "../kit/messages.ts";
import type { Group } from "./file.ts";
import { LEVELS, type Verdict } from "./handshake-scene.ts";
import { Attempt, resumes } from "./lifecycle-attempt.ts";
import { type Life, LifeGroup, RES } from "./lifecycle-scene.ts";

const SECTION = "7-resume";

/** The peer pings, and is answered: a control message of either end in the middle of the count. */
function pinged(t: Life): Life {
  const message = t.peer.control({ top: "ping", rcv: 0 });
  return t.recv(message, { emit: [t.peer.answers({ top: "pong", ref: t.peer.seq })] });
}

/** Each end misses the last two messages of the other. */
function interrupted(g: LifeGroup): Life {
  const t = pinged(g.life().hears().sends("chat.say", 1));
  t.sends("chat.say", { n: 3 });
  t.peer.message({ dat: "lost" });
  t.peer.control({ top: "ping", rcv: 0 });
  return t.lose();
}

function again(g: LifeGroup): void {
  const t = resumes(interrupted(g), { heard: 1, own: 2 });
  const [message, control] = t.peer.again("in", 3);
  t.recv(message as object, { deliver: [{ seq: 3, top: "chat.say", data: "lost" }] });
  t.recv(control as object);
  t.hears().sends("chat.say", 4).renews().renewed().hears();
  g.ok(
    "resumed",
    "each end sends again what the other has not, void in place of control; then both go on, and renew their keys",
    ["resume:again", "resume:same-message", "resume:void", "resume:first", "resume:once", "kdf:schedule", "seq:send"],
    t,
  );
  const twice = resumes(g.life().hears().sends("chat.say", 1).lose(), { heard: 0 });
  twice.hears().lose();
  resumes(twice, { heard: 0 }).hears().sends("chat.say", 2);
  const rekeyed = ["resume:again", "resume:same-message", "kdf:schedule"];
  g.ok("twice", "the same message on three connections", rekeyed, twice);
  const keyed = resumes(g.life().renewed().hears().sends("chat.say", 1).lose()).hears().sends("chat.say", 2);
  g.ok("rekeyed", "the chain is that of epoch 1; epochs start at 0 again", ["kdf:schedule", "resume:first"], keyed);
}

/** A proposal that was on its way when its connection was lost. */
function proposed(g: LifeGroup): void {
  const t = resumes(g.life().proposes().lose(), { heard: 0 });
  t.proposes().answered().acked().hears();
  const req = ["rekey:one", "resume:void", "rekey:send-new"];
  g.ok("proposal-gone", "a rekey that was not answered is void, and the next one is for epoch 1 again", req, t);
  const answered = resumes(g.life().proposes().lose(), { heard: 0 });
  const state: Verdict = ["E_STATE", "commit"];
  answered.fails(answered.answer(), state);
  g.bad(
    "proposal-answered",
    "the peer answers the rekey of the old connection",
    ["rekey:state", "resume:void"],
    answered,
    state,
    { from: "proposal-gone" },
  );
}

/** What does not belong on the new connection. */
function moved(g: LifeGroup, level: string): void {
  const encrypted = level === "aead" || level === "nest";
  const { wire } = g.scene;
  const t = interrupted(g);
  const old = t.peer.channel;
  resumes(t, { heard: 1, own: 2 });
  const { seq } = t.peer;
  t.peer.seq = 2;
  const stale = applicationMessage(old, t.peer.claims(old.iss === undefined ? {} : { bnd: keyId(old.keys) }, 3));
  const sig: Verdict = ["E_BINDING", "claims"];
  const verdict: Verdict = level === "sig" ? sig : wire === "text" ? ["E_HEADER", "header"] : ["E_CRYPTO", "crypto"];
  t.fails(stale, verdict, 2);
  g.bad(
    "stale",
    "the missing message comes as it was sealed on the old connection",
    [
      "resume:same-message",
      level === "sig" ? "claims:binding" : wire === "text" ? "header:not-in-table" : "level:verify",
    ],
    t,
    verdict,
    { from: "resumed" },
  );
  const gap = resumes(interrupted(g), { heard: 1, own: 2 });
  const seqVerdict: Verdict = ["E_SEQ", encrypted ? "sequence" : "claims"];
  gap.peer.seq = seq;
  gap.fails(gap.peer.message(), seqVerdict, 2);
  g.bad("gap", "the peer goes on with what is new", ["resume:again", "seq:gap"], gap, seqVerdict, { from: "resumed" });
  if (level !== "sig" && level !== "nest") return;
  const bound = resumes(interrupted(g), { heard: 1, own: 2 });
  bound.peer.seq = 2;
  bound.fails(bound.peer.message({ bnd: keyId(old.keys) }), sig, 2);
  const req = ["resume:same-message", "claims:binding"];
  g.bad("stale-bnd", "the signature is that of the old connection", req, bound, sig, { from: "resumed" });
}

/** The other wire than before. */
function wires(): Group[] {
  return (["client", "server"] as const).map((role) => {
    const prt = ["sealwire.v1.cbor", "sealwire.v1.text"];
    const base = new LifeGroup("resume", `wire-${role}`, SECTION, { role, res: RES, level: "mac" });
    const { offer } = base.scene.setup;
    const client = role === "client";
    const g = !client
      ? base
      : new LifeGroup("resume", `wire-${role}`, SECTION, {
          role,
          res: RES,
          level: "mac",
          init: { offer: { ...(base.scene.init.offer as object), prt } },
          setup: { offer: { ...offer, prt } },
        });
    g.ok("message", "a message is delivered", ["hs:states"], g.life().hears());
    const t = g.life().hears().sends("chat.say", 1).lose();
    const binary = { wire: "binary", offer: { ...offer, prt } } as const;
    resumes(t, { heard: 0, setup: binary }).hears().sends("chat.say", 2);
    g.ok(
      "other-wire",
      "the connection before spoke text, this one speaks binary: the transcript is that of the text form",
      ["kdf:schedule", "resume:again"],
      t,
    );
    const bad = g.life().hears().lose();
    const downgrade: Verdict = ["E_DOWNGRADE", "claims"];
    const text = { wire: "text", offer: { ...offer, prt } } as const;
    if (client) {
      const members = (m: Record<string, unknown>): object => ({ ...m, prt: "sealwire.v1.cbor" });
      new Attempt(bad, { setup: text, changes: { sh: { members } } }).failsHello(downgrade);
      g.bad("prt", "SH names the other subprotocol than the 101 response", ["sh:prt"], bad, downgrade, {
        from: "other-wire",
      });
    } else {
      new Attempt(bad, { setup: text }).failsHello(downgrade);
      g.bad("prt", "CH offers one that goes before that of the 101 response", ["ch:prt"], bad, downgrade, {
        from: "other-wire",
      });
    }
    return g.group;
  });
}

export function resumptions(): Group[] {
  const all = (["client", "server"] as const).flatMap((role) =>
    LEVELS.flatMap((level, i) =>
      (["text", "binary"] as const).map((wire) => {
        const other = (i % 2 === 0) === (wire === "text");
        const signed = level === "sig" || level === "nest";
        const g = new LifeGroup("resume", `${role}-${level}-${wire}`, SECTION, {
          role,
          level,
          wire,
          res: RES,
          suite: other ? "p256" : "x25519",
          codec: other ? "json" : "cbor",
          ...(signed ? { proof: "Ed25519" } : {}),
        });
        g.ok("message", "a message is delivered", ["hs:states"], g.life().hears());
        again(g);
        if (level === "aead") proposed(g);
        moved(g, level);
        return g.group;
      }),
    ),
  );
  return [...all, ...wires()];
}
