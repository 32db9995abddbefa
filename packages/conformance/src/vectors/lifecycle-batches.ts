// Batches that outlive their connection, their items in receipts and reports (specs/lifecycle.md, sections 6 and 7).
import type { Message } from "../kit/jose.ts";
import { CLOCK, type Group } from "./file.ts";
import { tokenOf, type Values, type Verdict } from "./handshake-scene.ts";
import { Attempt, resumes } from "./lifecycle-attempt.ts";
import { type Life, LifeGroup, type LifeOptions, RES } from "./lifecycle-scene.ts";
import { ask, BATCHES, type Call, sealed, send, turn } from "./session-turn.ts";

const SECTION = "7-resume";
const AGAIN = ["resume:batch", "resume:same-message"];
const THREE: readonly Call[] = [send("a"), ask(1), send("c")];

const ack = (t: Life, rcv: number): Message => t.peer.control({ top: "ack", rcv });

function group(id: string, options: LifeOptions): LifeGroup {
  const g = new LifeGroup("resume", `batch-${id}`, SECTION, {
    res: RES,
    ...options,
    init: { ...BATCHES, ...options.init },
  });
  g.ok("message", "a message is delivered", ["hs:states"], g.life().hears());
  return g;
}

/** Sealed again on another connection, or not. */
function again(g: LifeGroup): void {
  const t = turn(turn(g.life(), [THREE]), [[send("alone")]]).lose();
  resumes(t, { heard: 0 });
  t.recv(t.peer.message({ top: "chat.ask", ref: [1, 1], dat: 2 }), { settled: [{ seq: 1, index: 1, data: 2 }] });
  g.ok("again", "a batch and a message that were lost: each item at its index, and its reply", AGAIN, t);
  const heard = resumes(turn(g.life(), [THREE]).lose());
  g.ok("heard", "the peer has committed it: it is acknowledged whole", ["resume:again", "ack:keep"], heard.hears());
  const twice = resumes(resumes(turn(g.life(), [THREE]).lose(), { heard: 0 }).lose(), { heard: 0 });
  g.ok("twice", "it was lost twice", AGAIN, twice);
}

/** Calls without a connection, and more than may be kept. */
function waits(g: LifeGroup): void {
  const t = turn(g.life(), [[send(1), send(2)]]).lose();
  t.step({ op: "turn", calls: THREE });
  new Attempt(t, { heard: 0 }).done({ fresh: () => sealed(t, [THREE]) });
  g.ok(
    "waited",
    "what waited for a connection shares a number, behind what is sent again",
    [...AGAIN, "batch:turn"],
    t,
  );
  const few = { ...g.scene.init, limits: { retainedMessages: 4 } };
  const kept = [1, 2, 3, 4].map((n) => send(n));
  const more = [5, 6, 7].map((n) => send(n));
  const full = g.life();
  turn(full, [kept], {}, [...kept, ...more]);
  full.recv(ack(full, 1), { emit: sealed(full, [more]) });
  full.recv(ack(full, 2));
  g.ok(
    "kept",
    "4 messages may be kept: the batch counts as 4, and 3 wait for its receipt",
    ["ack:wait", "ack:keep"],
    full,
    few,
  );
}

/** What is told of each item. */
function reports(g: LifeGroup): void {
  const expired = turn(g.life(), [[send(1, { ttl: 10 }), send(2, { ttl: 10 })], [send(3)]]);
  expired.tick(5).expires(5, [1]);
  expired.lose();
  new Attempt(expired, { heard: 0 }).done({ voided: [1] });
  const req = ["ack:undetermined", "resume:void", "resume:batch"];
  g.ok("expired", "a batch that expires is reported item by item, and void when it would be sent again", req, expired);
  const over = turn(g.life(), [[send(1), send(2)], [send(3, { ttl: 10 })]]);
  over.expires(10, [2]).lose().tick(119);
  over.tick(1, () => ({
    error: { error: "E_TRUNCATED", step: "local" },
    ended: { clean: false, truncated: true },
    state: "closed",
  }));
  const truncated: Verdict = ["E_TRUNCATED", "local"];
  g.bad(
    "over",
    "nobody comes for 120 seconds: each of the items is undetermined, of what expired before nothing more is said",
    ["ack:undetermined"],
    over,
    truncated,
    {
      from: "again",
    },
  );
}

/** Receipts count items, of either end. */
function receipts(g: LifeGroup): void {
  const bat = Array.from({ length: 64 }, (_, i) => ["chat.say", null, i]);
  const t = g.life();
  t.recv(t.peer.message({ bat }), {
    deliver: bat.map(([top, , data], index) => ({ seq: 1, index, top, data })),
    emit: [t.peer.answers({ top: "ack" })],
  });
  t.tick(20);
  g.ok("ack-due", "64 items are as many messages: ack", ["ack:send"], t);
  const free = turn(g.life(), [THREE]);
  const acks = (n: number): Message[] => Array.from({ length: n }, () => ack(free, 1));
  free.burst(acks(53), {});
  g.ok("ack-free", "an ack to each of three items is free, and the budget is 50", ["ctl:budget"], free);
  const more = turn(g.life(), [THREE]);
  const quota: Verdict = ["E_QUOTA", "rate"];
  const all = Array.from({ length: 54 }, () => ack(more, 1));
  more.told = 1;
  const settled = [{ seq: 1, index: 1, error: quota[0] }];
  more.burst(all, { ...more.peer.end(quota, { rcv: 54 }), settled });
  g.bad("ack-too-many", "one more", ["ctl:budget", "ack:no-loop"], more, quota, { from: "ack-free" });
}

/** Rights that a new token takes away, of which one item of a batch had need. */
function withdrawn(): Group {
  const init: Values = { scopes: { "chat.say": "chat.say" } };
  const g = group("rights", { role: "server", wire: "binary", codec: "cbor", init });
  const t = turn(g.life().hears(), [[ask(1), send("b")]]);
  turn(t, [[ask(3), ask(4)]]);
  const terms = { exp: CLOCK + 3600, scp: ["chat.read"] };
  const at = tokenOf(undefined, { jti: "token-2", scope: "chat.read" });
  t.recv(t.peer.control({ top: "auth", at, rcv: 0 }), {
    emit: [t.peer.answers({ top: "auth-ok", ref: 2, ...terms })],
    refreshed: terms,
  });
  t.terms = terms;
  t.lose();
  const undetermined = [
    { seq: 1, index: 0, top: "chat.ask" },
    { seq: 1, index: 1, top: "chat.say" },
  ];
  new Attempt(t, { heard: 0 }).done({ voided: [1], more: { undetermined } });
  const req = ["resume:batch", "resume:void", "resume:withdrawn"];
  g.ok("withdrawn", "of one batch an item is not admitted any more: it is void, whole; another is sent again", req, t);
  return g.group;
}

export function lifeBatches(): Group[] {
  const both = (["client", "server"] as const).map((role) => {
    const server = role === "server";
    const g = group(role, { role, wire: server ? "binary" : "text", codec: server ? "cbor" : "json" });
    again(g);
    waits(g);
    reports(g);
    receipts(g);
    return g.group;
  });
  const signed = (["sig", "nest", "mac"] as const).map((level, i) => {
    const proof = level === "mac" ? {} : { proof: "Ed25519" as const };
    const g = group(level, { role: i % 2 === 0 ? "server" : "client", wire: "binary", level, codec: "cbor", ...proof });
    again(g);
    return g.group;
  });
  return [...both, ...signed, withdrawn()];
}
