// New keys in an open session: who asks, who answers, and what is no rekey (specs/lifecycle.md, section 3).
import { b64u, unb64u, unhex } from "../kit/bytes.ts";
import { type Jwk, wireJwk } from "../kit/keys.ts";
import type { Claims } from "../kit/messages.ts";
import { closeOf } from "../kit/peer.ts";
import type { Group } from "./file.ts";
import type { Verdict } from "./handshake-scene.ts";
import { jwkOf } from "./keys.ts";
import { type Life, LifeGroup } from "./lifecycle-scene.ts";

const SECTION = "3-rekey";
const STATE: Verdict = ["E_STATE", "commit"];
const CLAIMS: Verdict = ["E_CLAIMS", "claims"];
const KEY: Verdict = ["E_KEY", "claims"];

/** Every way of a rekey that succeeds. */
function good(g: LifeGroup): void {
  g.ok("message", "a message is delivered", ["hs:states"], g.life().hears());
  const p = g.life().proposes();
  p.asks("chat.ask", 1).hears();
  p.answered().acked().hears().sends("chat.say", 2);
  p.recv(p.peer.message({ top: "chat.ask", ref: 2, dat: "late" }), { settled: [{ seq: 2, data: "late" }] });
  g.ok(
    "proposer",
    "the tested end asks: until the answer it seals under the old keys, from its ack on under the new ones",
    ["rekey:ack-first", "rekey:send-new", "rekey:switch", "kdf:schedule", "seq:send"],
    p,
  );
  const r = g.life().answers();
  r.sends("chat.say", 1).hears().confirms().hears().sends("chat.say", 2);
  g.ok(
    "responder",
    "the peer asks: rekeyed under the old keys, ack and everything after it under the new ones; the peer switches later",
    ["rekey:answer", "rekey:ack-first", "rekey:send-new", "rekey:send-old", "rekey:switch", "kdf:schedule"],
    r,
  );
  const mixed = g.life().renews().renewed().renews().hears().sends("chat.say", 1);
  g.ok("again", "three rekeys in a row, of both ends: every chain rests on the one before", ["kdf:schedule"], mixed);
  const one = g.life().proposes().step({ op: "rekey" }).answered().step({ op: "rekey" }).acked();
  one.answers().step({ op: "rekey" }).confirms().proposes();
  g.ok(
    "one",
    "while a rekey is not completed in both directions the application's wish does nothing",
    ["rekey:one"],
    one,
  );
  const pinged = g.life().proposes();
  pinged.recv(pinged.peer.control({ top: "ping" }), {
    emit: [pinged.peer.answers({ top: "pong", ref: pinged.peer.seq })],
  });
  pinged.answered().acked();
  pinged.recv(pinged.peer.control({ top: "ping" }), {
    emit: [pinged.peer.answers({ top: "pong", ref: pinged.peer.seq })],
  });
  g.ok("control", "control messages go on under both keys", ["rekey:send-new", "ctl:pong"], pinged);
}

/** Two proposals for one epoch cross. */
function collision(g: LifeGroup): void {
  const t = g.life();
  if (g.scene.role === "server") {
    t.proposes();
    t.recv(t.peerRekey().message);
    t.hears().answered().acked().renewed().hears();
    g.ok(
      "collision",
      "a rekey of the client while the server's own is unanswered is ignored; its number counts",
      ["rekey:collision-server"],
      t,
    );
    const any = g.life().proposes();
    any
      .recv(any.peerRekey({ n: 7 }).message)
      .answered()
      .acked();
    g.ok("collision-n", "it is ignored whatever its n", ["rekey:collision-server"], any);
    const twice = g.life().proposes();
    twice.recv(twice.peerRekey().message);
    twice.answered();
    twice.fails(twice.peer.control({ top: "rekeyed", n: 2, epk: wireJwk(twice.draw("client").key), ref: 1 }), STATE);
    const req = ["rekey:state", "rekey:collision-server"];
    g.bad("collision-answer", "rekeyed comes twice after a collision", req, twice, STATE, { from: "collision" });
    return;
  }
  t.proposes().answers().confirms().hears().renews();
  g.ok(
    "collision",
    "a rekey of the server before the answer to the client's own: the client drops its own and answers",
    ["rekey:collision-client"],
    t,
  );
  const kept = g.life().proposes();
  const late = { top: "rekeyed", n: 1, epk: wireJwk(kept.draw("server").key), ref: 1 };
  kept.answers().fails(kept.peer.control(late), STATE);
  const req = ["rekey:state", "rekey:collision-client"];
  g.bad("collision-answer", "the server answers the dropped proposal as well", req, kept, STATE, { from: "collision" });
}

/** A rekey that meets the end of the session. */
function closing(g: LifeGroup): void {
  const closes = (t: Life): Life => {
    t.state = "closing";
    return t.step({ op: "close" }, { emit: [t.peer.answers({ top: "bye" })] });
  };
  const clean = (t: Life): Life =>
    t.recv(t.peer.control({ top: "bye" }), {
      close: closeOf(1000),
      ended: { clean: true, truncated: false },
      state: "closed",
    });
  const ignored = closes(g.life());
  ignored.recv(ignored.peerRekey().message).recv(ignored.peerRekey({ n: 7 }).message);
  g.ok("bye-rekey", "after its own bye an end answers no rekey", ["close:bye-last"], clean(ignored.hears()));
  const late = closes(g.life().proposes());
  const message = late.answer();
  late.recv(message, { epoch: { send: 1, receive: 1 } }).switches();
  late.recv(late.peer.control({ top: "ack" }));
  g.ok(
    "bye-answer",
    "rekeyed comes after the own bye: the new keys open what follows, and no ack is sent",
    ["close:bye-last", "rekey:switch"],
    clean(late.hears()),
  );
  const old = closes(g.life().proposes());
  const bye = (): object => old.peer.control({ top: "bye" });
  old.recv(old.answer(), { epoch: { send: 1, receive: 1 } });
  const verdict: Verdict = ["E_HEADER", "header"];
  const { close, error, ended } = old.peer.end(verdict);
  old.recv(bye(), { close, error, ended, state: "closed" });
  g.bad(
    "bye-answer-old",
    "the peer's bye comes under the keys that it has left",
    ["rekey:retired", "rekey:send-old"],
    old,
    verdict,
    { from: "bye-answer" },
  );
}

/** Wrong numbers, and answers to nothing. */
function states(g: LifeGroup): void {
  const rekey = (name: string, mutation: string, over: Claims, verdict = STATE, slug = "rekey:state"): void => {
    const t = g.life();
    g.bad(name, mutation, [slug], t.fails(t.peerRekey(over).message, verdict), verdict, { from: "responder" });
  };
  rekey("n-ahead", "rekey for the epoch after the next", { n: 2 });
  rekey("n-0", "n is 0", { n: 0 }, CLAIMS, "ctl:members");
  rekey("n-missing", "n is missing", { n: undefined }, CLAIMS, "ctl:members");
  rekey("n-string", "n is a string", { n: "1" }, CLAIMS, "ctl:members");
  rekey("n-fraction", "n is 1.5", { n: 1.5 }, CLAIMS, "ctl:members");
  const current = g.life().renewed();
  current.fails(current.peerRekey({ n: 1 }).message, STATE);
  g.bad("n-current", "rekey for the epoch that both are in", ["rekey:state"], current, STATE, { from: "again" });
  const second = g.life().answers();
  second.fails(second.peerRekey({ n: 1 }).message, STATE);
  g.bad("second", "a second rekey for the same epoch", ["rekey:state", "rekey:one"], second, STATE, {
    from: "responder",
  });
  const next = g.life().answers();
  next.fails(next.peerRekey().message, STATE);
  const both = ["rekey:state", "rekey:one"];
  g.bad("next-early", "rekey for the epoch after, before the ack", both, next, STATE, { from: "responder" });

  const rekeyed = (name: string, mutation: string, over: Claims, verdict = STATE, slug = "rekey:state"): void => {
    const t = g.life().sends("chat.say", 1).proposes();
    g.bad(name, mutation, [slug], t.fails(t.answer(over), verdict), verdict, { from: "proposer" });
  };
  rekeyed("answer-ref", "ref of rekeyed is another message that was sent", { ref: 1 });
  rekeyed("answer-ref-missing", "rekeyed has no ref", { ref: undefined }, CLAIMS, "ctl:members");
  rekeyed("answer-ref-pair", "ref of rekeyed is a pair", { ref: [2, 0] }, CLAIMS, "ctl:members");
  rekeyed("answer-n-ahead", "rekeyed for the epoch after the next", { n: 2 });
  rekeyed("answer-n-missing", "rekeyed has no n", { n: undefined }, CLAIMS, "ctl:members");
  const none = g.life().sends("chat.say", 1);
  none.fails(none.peer.control({ top: "rekeyed", n: 1, epk: wireJwk(none.draw(none.peer.role).key), ref: 1 }), STATE);
  g.bad("unsolicited", "rekeyed to no proposal", ["rekey:state"], none, STATE, { from: "proposer" });
  const twice = g.life().renews();
  const again = { top: "rekeyed", n: 2, epk: wireJwk(twice.draw(twice.peer.role).key), ref: 1 };
  twice.fails(twice.peer.control(again), STATE);
  g.bad("answer-twice", "rekeyed to a proposal that was answered", ["rekey:state"], twice, STATE, {
    from: "proposer",
  });
}

const long = (text: string): string => b64u(Buffer.concat([Buffer.of(0), unb64u(text)]));

/** The key in both messages. */
function keys(g: LifeGroup): void {
  const { suite } = g.scene.setup;
  const other = wireJwk(jwkOf(`stranger ephemeral ${suite === "p256" ? "x25519" : "p256"}`));
  const point = suite === "p256" ? "key:p256-point" : "key:okp-point";
  const cases: readonly (readonly [name: string, what: string, change: (k: Jwk) => unknown, Verdict, slug?: string])[] =
    [
      ["missing", "is missing", () => undefined, CLAIMS, "ctl:members"],
      ["text", "is a string", (k) => k.x, CLAIMS, "ctl:members"],
      ["kid", "has kid", (k) => ({ ...k, kid: "1" }), CLAIMS, "key:jwk-members"],
      ["alg", "has alg", (k) => ({ ...k, alg: "ECDH-ES" }), CLAIMS, "key:jwk-members"],
      ["no-x", "has no x", ({ x: _, ...k }) => k, CLAIMS, "key:jwk-members"],
      ["other-suite", "is a key of the other suite", () => other, CLAIMS, "key:jwk-members"],
      ["x-long", "has an x of 33 bytes", (k) => ({ ...k, x: long(k.x as string) }), KEY, point],
      ...(suite === "p256"
        ? ([
            ["no-y", "has no y", ({ y: _, ...k }: Jwk) => k, CLAIMS, "key:jwk-members"],
            ["off-curve", "is off the curve", (k: Jwk) => ({ ...k, y: k.x }), KEY, point],
            ["zero", "is zero", (k: Jwk) => ({ ...k, x: "A".repeat(43), y: "A".repeat(43) }), KEY, point],
          ] as const)
        : ([
            ["y", "has y", (k: Jwk) => ({ ...k, y: k.x }), CLAIMS, "key:jwk-members"],
            ["zero", "is zero", (k: Jwk) => ({ ...k, x: b64u(Buffer.alloc(32)) }), KEY, point],
            [
              "order-8",
              "is a point of order 8",
              (k: Jwk) => ({
                ...k,
                x: b64u(unhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800")),
              }),
              KEY,
              point,
            ],
          ] as const)),
    ];
  for (const [name, what, change, verdict, slug = point] of cases) {
    const req = ["rekey:epk", slug];
    const asked = g.life();
    const epk = change(wireJwk(asked.draw(asked.peer.role).key));
    asked.fails(asked.peer.control({ top: "rekey", n: 1, epk }), verdict);
    g.bad(`epk-${name}`, `epk of rekey ${what}`, req, asked, verdict, { from: "responder" });
    const answered = g.life().proposes();
    const answer = change(wireJwk(answered.draw(answered.peer.role).key));
    answered.fails(answered.peer.control({ top: "rekeyed", n: 1, epk: answer, ref: 1 }), verdict);
    g.bad(`answer-epk-${name}`, `epk of rekeyed ${what}`, req, answered, verdict, { from: "proposer" });
  }
  const first = g.life().sends("chat.say", 1);
  first.fails(first.peer.control({ top: "rekey", n: 9, epk: other, rcv: 7 }), CLAIMS);
  const order = ["level:order", "rekey:epk"];
  g.bad("epk-first", "epk, n and rcv are wrong: the key comes first", order, first, CLAIMS, { from: "responder" });
  const rcv = g.life();
  const seq: Verdict = ["E_SEQ", "claims"];
  rcv.fails(rcv.peerRekey({ n: 9, rcv: 7 }).message, seq);
  g.bad("rcv-first", "n and rcv are wrong: rcv comes first", ["level:order", "ctl:rcv"], rcv, seq, {
    from: "responder",
  });
}

/** The answer is authentic, but not to what was said. */
function transcript(g: LifeGroup): void {
  const header: Verdict = g.scene.wire === "text" ? ["E_HEADER", "header"] : ["E_CRYPTO", "crypto"];
  const t = g.life().proposes();
  t.answered({}, { note: 1 }).acked().hears();
  g.ok("unknown-member", "an unknown member of rekeyed is ignored, and part of the transcript", ["kdf:schedule"], t);
  const other = g.life().proposes().answered();
  other.fails(otherChain(g), header, 1);
  g.bad(
    "chain",
    "the peer derived the new keys without the chain of the old ones",
    ["kdf:schedule", header[0] === "E_HEADER" ? "header:not-in-table" : "level:verify"],
    other,
    header,
    { from: "proposer" },
  );
}

/** An ack under keys that rest on another chain. */
function otherChain(g: LifeGroup): object {
  const t = g.life().proposes();
  t.peer.chain = Buffer.alloc(32, 7);
  t.answer();
  t.switches();
  return t.peer.control({ top: "ack" });
}

export function rekeys(): Group[] {
  return (["client", "server"] as const).map((role) => {
    const client = role === "client";
    const g = new LifeGroup("rekey", role, SECTION, {
      role,
      wire: client ? "text" : "binary",
      suite: client ? "p256" : "x25519",
      codec: client ? "json" : "cbor",
    });
    good(g);
    collision(g);
    closing(g);
    states(g);
    keys(g);
    transcript(g);
    return g.group;
  });
}
