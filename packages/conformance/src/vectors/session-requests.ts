// Requests, replies, refusals and batches in an open session (specs/envelope.md, section 7).
import type { Claims } from "../kit/messages.ts";
import type { Group } from "./file.ts";
import type { Verdict } from "./handshake-scene.ts";
import { SessionGroup, type Talk } from "./session-scene.ts";

const SECTION = "envelope.md#7-requests-replies-batches";
const CLAIMS: Verdict = ["E_CLAIMS", "claims"];

/** A refusal of the tested end: what the application sees, and the `err` that the peer gets. */
function refused(t: Talk, message: object, seq: number, error: string, step: string, index?: number): Talk {
  const ref = index === undefined ? seq : [seq, index];
  return t.recv(message, {
    emit: [t.peer.answers({ top: "err", code: error, ref })],
    refused: [{ seq, ...(index === undefined ? {} : { index }), error, step }],
  });
}

/** What the tested end does with requests of the peer. */
function inbound(): Group[] {
  return (["server", "client"] as const).map((role) => {
    const g = new SessionGroup(`inbound-${role}`, SECTION, { role, wire: role === "server" ? "binary" : "text" });
    g.ok("message", "a message is delivered", ["auth:deny-default"], g.talk().hears());
    const one = (name: string, comment: string, req: readonly string[], over: Claims, error: string, step: string) => {
      const t = g.talk();
      refused(t, t.peer.message(over), 1, error, step);
      // The number is used up all the same.
      t.hears();
      g.ok(name, comment, req, t);
    };
    one(
      "denied",
      "a topic that is not allowed: no handler sees it, one err",
      ["auth:deny-default", "req:failure", "seq:consumed"],
      { top: "admin.kick" },
      "E_DENIED",
      "authorize",
    );
    one(
      "denied-request",
      "the same as a request",
      ["auth:deny-default", "req:failure"],
      { top: "admin.kick", req: true },
      "E_DENIED",
      "authorize",
    );
    one(
      "no-handler",
      "a request on an allowed topic that nobody handles",
      ["req:failure"],
      { req: true },
      "E_NO_HANDLER",
      "deliver",
    );
    one(
      "expired",
      "a message 30 seconds after its end",
      ["time:expired", "req:failure", "seq:consumed"],
      { exp: g.scene.setup.now - 30 },
      "E_EXPIRED",
      "time",
    );
    one(
      "expired-denied",
      "expired, and not allowed: time comes first",
      ["level:order", "time:expired"],
      { top: "admin.kick", exp: g.scene.setup.now - 30 },
      "E_EXPIRED",
      "time",
    );
    one(
      "ttl",
      "a message with more life than the longest",
      ["time:ttl", "req:failure"],
      { exp: g.scene.setup.now + 331 },
      "E_TTL",
      "time",
    );
    const fails = g.talk();
    fails.recv(fails.peer.message({ top: "chat.broken", req: true, dat: 1 }), {
      deliver: [{ seq: 1, top: "chat.broken", data: 1, req: true }],
      refused: [{ seq: 1, error: "E_HANDLER", step: "deliver" }],
      emit: [fails.peer.answers({ top: "err", code: "E_HANDLER", ref: 1 })],
    });
    fails.recv(fails.peer.message({ top: "chat.broken", dat: 2 }), {
      deliver: [{ seq: 2, top: "chat.broken", data: 2 }],
    });
    g.ok(
      "handler-fails",
      "the handler of a request fails; of a one-way message nothing is said",
      ["req:failure"],
      fails,
    );
    const late = g.talk();
    late.hears({ exp: g.scene.setup.now - 29 });
    late.hears({ exp: g.scene.setup.now + 330 });
    g.ok("time-edges", "the last second of a life, and the longest life", ["time:expired", "time:ttl"], late);
    const stale = g.talk();
    stale.sends("chat.say", 1);
    stale.recv(stale.peer.message({ ref: 1 }), {});
    stale.recv(stale.peer.message({ ref: [1, 0] }), {});
    stale.hears();
    g.ok("stale", "a reply to a message that is no request is dropped, and counted", ["req:ref-stale"], stale);
    g.badMessage("ref-unsent", "ref is a number that was not sent", ["req:ref-unsent"], { ref: 1 }, CLAIMS);
    g.badMessage("ref-zero", "ref is 0", ["req:ref-shape"], { ref: 0 }, CLAIMS);
    g.badMessage("req-false", "req is false", ["claims:table"], { req: false }, CLAIMS);
    const both = g.talk();
    both.sends("chat.say", 1);
    both.fails(both.peer.message({ ref: 1, req: true }), CLAIMS);
    g.bad("ref-and-req", "ref beside req", ["req:ref-shape"], both, CLAIMS);
    g.badMessage("no-exp", "exp is missing", ["claims:table"], { exp: undefined }, CLAIMS);
    g.badMessage("no-top", "top is missing", ["claims:table"], { top: undefined }, CLAIMS);
    g.badMessage("rcv", "an application message has rcv", ["claims:table"], { rcv: 0 }, CLAIMS);
    return g.group;
  });
}

/** What becomes of the requests of the tested end. */
function outbound(): Group[] {
  return (["client", "server"] as const).map((role) => {
    const g = new SessionGroup(`outbound-${role}`, SECTION, {
      role,
      wire: role === "server" ? "text" : "binary",
      codec: "cbor",
    });
    g.ok("message", "a message is delivered", ["hs:states"], g.talk().hears());
    const request = (t = g.talk()): Talk => t.asks("chat.ask", "?");
    const settled = (seq: number, value: object) => ({ settled: [{ seq, ...value }] });

    const two = request(request());
    two.recv(two.peer.message({ top: "chat.ask", ref: 2, dat: "second" }), settled(2, { data: "second" }));
    two.recv(two.peer.message({ top: "chat.ask", ref: 1, dat: null }), settled(1, { data: null }));
    two.recv(two.peer.message({ top: "chat.ask", ref: 1, dat: "again" }), {});
    g.ok(
      "two",
      "two requests, answered in the other order; a second reply is dropped",
      ["req:ref-stale", "claims:no-data"],
      two,
    );
    const denied = request();
    denied.recv(denied.peer.message({ top: "admin.kick", ref: 1, dat: 1 }), {});
    denied.recv(denied.peer.message({ top: "chat.ask", ref: 1, dat: 1 }), settled(1, { data: 1 }));
    g.ok("other-topic", "a reply with another topic than its request is dropped", ["req:ref-stale"], denied);
    const never = request();
    never.recv(never.peer.message({ top: "chat.say", ref: 1, dat: 1 }), {});
    never.tick(29);
    never.tick(1, (peer) => ({
      ...settled(1, { error: "E_TIMEOUT" }),
      ...(role === "server" ? { emit: [peer.answers({ top: "ping" })] } : {}),
    }));
    g.ok(
      "other-topic-only",
      "the only reply has another topic: the request fails",
      ["req:reply", "req:ref-stale"],
      never,
    );
    const asked = g.talk();
    asked.asks("not.allowed", 1);
    asked.recv(asked.peer.message({ top: "not.allowed", ref: 1, dat: 2 }), settled(1, { data: 2 }));
    g.ok("reply-authorized", "a reply is authorized by its request, not by its topic", ["req:authorized"], asked);
    for (const code of ["E_DENIED", "E_NO_HANDLER", "E_HANDLER", "E_INVALID", "E_EXPIRED", "E_RATE"]) {
      const t = request();
      t.recv(t.peer.control({ top: "err", code, ref: 1 }), settled(1, { error: code }));
      t.hears();
      g.ok(
        `err-${code.slice(2).toLowerCase().replace("_", "-")}`,
        `the peer refuses the request with ${code}`,
        ["req:failure"],
        t,
      );
    }
    for (const code of ["E_DENIED", "E_EXPIRED"]) {
      const t = g.talk().sends("chat.say", 1);
      t.recv(t.peer.control({ top: "err", code, ref: 1 }), { denied: [{ seq: 1, error: code }] });
      g.ok(
        `one-way-${code.slice(2).toLowerCase()}`,
        `the peer refuses a one-way message with ${code}`,
        ["req:failure"],
        t,
      );
    }
    const expired = request();
    // The server's ping falls due at the same moment.
    expired.tick(29);
    expired.tick(1, (peer) => ({
      ...settled(1, { error: "E_TIMEOUT" }),
      ...(role === "server" ? { emit: [peer.answers({ top: "ping" })] } : {}),
    }));
    expired.recv(expired.peer.message({ top: "chat.ask", ref: 1, dat: 1 }), {});
    g.ok("timeout", "no reply in 30 seconds; a late one is dropped", ["req:ref-stale"], expired);
    const gone = request(request());
    gone.step(
      { op: "drop" },
      {
        settled: [
          { seq: 1, error: "E_TRUNCATED" },
          { seq: 2, error: "E_TRUNCATED" },
        ],
        error: { error: "E_TRUNCATED", step: "local" },
        ended: { clean: false, truncated: true },
        state: "closed",
      },
    );
    g.bad("drop", "the connection is gone while two requests wait", ["close:truncated", "close:cleanup"], gone, [
      "E_TRUNCATED",
      "local",
    ]);
    return g.group;
  });
}

function batches(): Group[] {
  const g = new SessionGroup("batch", SECTION, { role: "server", wire: "binary", codec: "cbor" });
  const t = (): Talk => g.talk();
  g.ok("message", "a message is delivered", ["hs:states"], t().hears());
  const mixed = t();
  const bat = [
    ["chat.say", null, "one"],
    ["admin.kick", null, "bob"],
    ["chat.say", null, "three"],
    ["chat.say", null, null, true],
    ["chat.ask", null, 5, true],
  ];
  mixed.recv(mixed.peer.message({ bat }), {
    deliver: [
      { seq: 1, index: 0, top: "chat.say", data: "one" },
      { seq: 1, index: 2, top: "chat.say", data: "three" },
      { seq: 1, index: 4, top: "chat.ask", data: 5, req: true },
    ],
    refused: [
      { seq: 1, index: 1, error: "E_DENIED", step: "authorize" },
      { seq: 1, index: 3, error: "E_NO_HANDLER", step: "deliver" },
    ],
    emit: [
      mixed.peer.answers({ top: "err", code: "E_DENIED", ref: [1, 1] }),
      mixed.peer.answers({ top: "err", code: "E_NO_HANDLER", ref: [1, 3] }),
      mixed.peer.says({ top: "chat.ask", ref: [1, 4], dat: 5 }),
    ],
  });
  g.ok(
    "mixed",
    "five items, one not allowed, one without handler: each is decided by itself",
    ["batch:list", "batch:isolated", "auth:deny-default", "req:failure"],
    mixed,
  );
  const replies = t().asks("chat.ask", 1);
  replies.asks("chat.ask", 2);
  replies.recv(
    replies.peer.message({
      bat: [
        ["chat.ask", 2, "b"],
        ["chat.say", null, "x"],
        ["chat.ask", 1, "a"],
      ],
    }),
    {
      settled: [
        { seq: 2, data: "b" },
        { seq: 1, data: "a" },
      ],
      deliver: [{ seq: 1, index: 1, top: "chat.say", data: "x" }],
    },
  );
  g.ok(
    "replies",
    "replies to two requests in one batch, and a message between them",
    ["batch:list", "req:reply"],
    replies,
  );
  const late = t();
  refused(
    late,
    late.peer.message({ bat: [["chat.say", null, 1]], exp: g.scene.setup.now - 30 }),
    1,
    "E_EXPIRED",
    "time",
  );
  g.ok("expired", "a batch that is too late is named by its seq alone", ["time:expired", "req:failure"], late);
  const bytes = t();
  bytes.recv(bytes.peer.message({ bat: [["chat.say", null, Buffer.from("00ff", "hex")]] }), {
    deliver: [{ seq: 1, index: 0, top: "chat.say", data: { $bytes: "00ff" } }],
  });
  g.ok("bytes", "an item of codec cbor carries bytes", ["batch:list"], bytes);
  const most = t();
  const many = Array.from({ length: 256 }, (_, i) => ["chat.say", null, i]);
  most.recv(most.peer.message({ bat: many }), {
    deliver: many.map(([top, , data], index) => ({ seq: 1, index, top, data })),
  });
  g.ok("items-256", "256 items", ["batch:shape"], most);
  const shape = (name: string, mutation: string, over: Claims) =>
    g.badMessage(name, mutation, ["batch:shape"], over, CLAIMS);
  shape("items-257", "257 items", { bat: [...many, ["chat.say", null, 256]] });
  shape("empty", "no item", { bat: [] });
  shape("beside-top", "top beside bat: one is authorized, the other dispatched", {
    bat: [["admin.kick", null, 1]],
    top: "chat.say",
  });
  shape("beside-dat", "dat beside bat", { bat: [["chat.say", null, 1]], dat: 1 });
  shape("beside-req", "req beside bat", { bat: [["chat.say", null, 1]], req: true });
  shape("item-two", "an item of two elements", { bat: [["chat.say", null]] });
  shape("item-req-false", "a fourth element that is false", { bat: [["chat.say", null, 1, false]] });
  shape("item-ref-and-req", "a reply that is a request", { bat: [["chat.say", 1, 1, true]] });
  shape("item-topic", "a topic with a space", { bat: [["chat say", null, 1]] });
  shape("item-object", "an item that is a map", { bat: [{ top: "chat.say" }] });
  g.badMessage(
    "item-ref-unsent",
    "ref of an item is a number that was not sent",
    ["req:ref-unsent"],
    { bat: [["chat.say", 1, 1]] },
    CLAIMS,
  );
  return [g.group];
}

export const requests = (): Group[] => [...inbound(), ...outbound(), ...batches()];
