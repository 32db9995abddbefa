// Open sessions whose sealer batches (specs/envelope.md, section 7).
import type { Message } from "../kit/jose.ts";
import { encodeClaims } from "../kit/messages.ts";
import { closeOf } from "../kit/peer.ts";
import { CLOSES, nested } from "./claims-write-batch.ts";
import type { Group } from "./file.ts";
import { LEVELS, type SceneOptions, type Values, type Verdict } from "./handshake-scene.ts";
import { SessionGroup, type Talk } from "./session-scene.ts";
import { alone, ask, BATCHES, batch, type Call, send, turn } from "./session-turn.ts";

const SECTION = "envelope.md#7-requests-replies-batches";
const TURN = ["batch:turn"];
const ALONE = ["batch:alone"];

const group = (id: string, options: SceneOptions): SessionGroup => {
  const g = new SessionGroup(`sends-batch-${id}`, SECTION, { ...options, init: BATCHES });
  g.ok("message", "a message is delivered", ["hs:states"], g.talk().hears());
  return g;
};

/** Batches of both ends, their replies, and messages that nothing joins. */
function conversation(g: SessionGroup): void {
  const t = g.talk();
  const { peer } = t;
  turn(t, [[send({ text: "hello" }), send(null)]]);
  t.sends("chat.say", "alone");
  turn(t, [[ask(1), send({ n: [0, -1, 1.5] }), ask("two")]]);
  const replies = [
    ["chat.ask", [3, 2], "b"],
    ["chat.ask", [3, 0], "a"],
  ];
  t.recv(peer.message({ bat: replies }), {
    settled: [
      { seq: 3, index: 2, data: "b" },
      { seq: 3, index: 0, data: "a" },
    ],
  });
  const asked = [
    ["chat.ask", null, "x", true],
    ["chat.ask", null, { y: 1 }, true],
  ];
  t.recv(peer.message({ bat: asked }), {
    deliver: asked.map(([top, , data], index) => ({ seq: 2, index, top, data, req: true })),
    emit: [peer.says({ bat: asked.map(([top, , data], index) => [top, [2, index], data]) })],
  });
  t.recv(peer.message({ top: "chat.ask", req: true, dat: 0 }), {
    deliver: [{ seq: 3, top: "chat.ask", data: 0, req: true }],
    emit: [peer.says({ top: "chat.ask", ref: 3, dat: 0 })],
  });
  t.recv(peer.control({ top: "ping" }), { emit: [peer.answers({ top: "pong", ref: 4 })] });
  turn(t, [[send(1), send(2)]]);
  t.state = "closing";
  t.step({ op: "close" }, { emit: [peer.answers({ top: "bye" })] });
  t.recv(peer.control({ top: "bye" }), {
    close: closeOf(1000),
    ended: { clean: true, truncated: false },
    state: "closed",
  });
  g.ok(
    "conversation",
    "messages and requests of one turn, replies of one turn, and what stands alone",
    [...TURN, ...ALONE, "req:reply", "batch:list", "seq:send", "claims:order"],
    t,
  );
}

/** Every level, wire and codec; the ends take turns. */
function conversations(): Group[] {
  return LEVELS.flatMap((level, i) =>
    (["text", "binary"] as const).flatMap((wire, j) =>
      (["json", "cbor"] as const).map((codec, k) => {
        const role = (i + j + k) % 2 === 0 ? "client" : "server";
        const signed = level === "sig" || level === "nest";
        const suite = wire === "text" ? "x25519" : "p256";
        const proof = signed ? { proof: "Ed25519" as const } : {};
        const g = group(`${role}-${level}-${wire}-${codec}`, { role, wire, level, codec, suite, ...proof });
        conversation(g);
        return g.group;
      }),
    ),
  );
}

/** Calls with the data that makes the claims of all of them have so many bytes. */
function filled(t: Talk, bytes: number): readonly [Call, Call] {
  const { codec } = t.peer.reverse;
  const calls = (n: number): [Call, Call] => [send("first"), send({ $text: { repeat: "x", n } })];
  const size = (n: number): number => {
    const bat = [
      ["chat.say", null, "first"],
      ["chat.say", null, "x".repeat(n)],
    ];
    return encodeClaims(codec, { seq: t.peer.own + 1, exp: t.peer.now + 60, bat }).length;
  };
  let n = bytes - size(0);
  while (size(n) > bytes) n--;
  if (size(n) !== bytes) throw new Error(`no batch of ${bytes} bytes`);
  return calls(n);
}

const numbered = (n: number, from = 0): readonly Call[] => Array.from({ length: n }, (_, i) => send(from + i));

/** What closes a batch, and what keeps messages apart. */
function bounds(g: SessionGroup): void {
  const ok = (name: string, comment: string, parts: readonly (readonly Call[])[], req = TURN): void =>
    g.ok(name, comment, req, turn(g.talk(), parts));
  ok("one", "a turn of one call: no batch", [[send("hello")]], ALONE);
  ok("two", "the smallest batch", [[send("hello"), send("there")]]);
  ok("items-64", "64 messages, at which the reference implementation closes a batch", [numbered(CLOSES.items)]);
  ok("items-65", "one more, which nothing joins", [numbered(64), numbered(1, 64)], [...TURN, ...ALONE]);
  ok("items-130", "two full batches, and two messages", [numbered(64), numbered(64, 64), numbered(2, 128)]);
  const exact = g.talk();
  ok("bytes-16384", "16384 bytes of claims", [filled(exact, CLOSES.bytes)]);
  const over = filled(exact, CLOSES.bytes + 1).map((call) => [call]);
  ok("bytes-16385", "one byte more: each stands alone", over, [...TURN, ...ALONE]);
  const large = send({ $text: { repeat: "x", n: 17000 } });
  ok("large", "a message beyond the bound, between two pairs", [[send(1), send(2)], [large], [send(3), send(4)]]);
  const brief = { ttl: 10 };
  ok("ttl", "lives of 10 and 60 seconds", [[send(1, brief), send(2, brief)], [send(3), send(4)], [send(5, brief)]]);
  const deepest = send(nested(29));
  ok("deep", "data as deep as an item can have", [[send(1), deepest]]);
  const bytes = send({ $bytes: "00ff10" });
  if (g.scene.setup.codec === "cbor") ok("bytes", "bytes are an item of codec cbor", [[send(1), bytes, send(2)]]);
  else ok("bytes", "bytes stand alone in codec json", [[send(1)], [bytes], [send(2), send(3)]], [...TURN, ...ALONE]);
  const deeper = send(nested(30));
  ok(
    "too-deep",
    "a container more, which stands alone",
    [[send(1)], [deeper], [send(2), send(3)]],
    [...TURN, ...ALONE],
  );
  if (g.scene.role === "client") {
    const again = send("again", { idempotent: "AAAAAAAAAAAAAAAAAAAAAA" });
    ok("jti", "a message with jti stands alone", [[send(1), send(2)], [again], [send(3)]], [...TURN, ...ALONE]);
  }
}

/** Control messages, and calls that are refused. */
function between(g: SessionGroup): void {
  const closed = g.talk();
  closed.state = "closing";
  const pair = batch(closed, [send(1), send(2)]);
  closed.step(
    { op: "turn", calls: [send(1), send(2), { op: "close" }] },
    { emit: [pair, closed.peer.answers({ top: "bye" })] },
  );
  g.ok("close", "what was sent before the bye stands before it", [...TURN, "close:bye-last"], closed);
  const late = g.talk();
  late.state = "closing";
  const first = alone(late, send(1));
  late.step(
    { op: "turn", calls: [send(1), { op: "close" }, send(2)] },
    { emit: [first, late.peer.answers({ top: "bye" })], thrown: { error: "E_CLOSED", call: 2 } },
  );
  g.ok("close-late", "a call behind the close is refused", [...TURN, "close:bye-last"], late);
  const refused = g.talk();
  const proto = JSON.parse('{"__proto__":1}') as unknown;
  turn(refused, [[send(1), send(3)]], { thrown: { error: "TypeError", call: 1 } }, [send(1), send(proto), send(3)]);
  turn(refused, [[send(4), send(5)]]);
  g.ok("refused", "a call that is refused takes no place", [...TURN, "claims:data-model"], refused);
  const mixed = g.talk();
  const bat = [
    ["chat.ask", null, 1, true],
    ["chat.ask", null, 2, true],
    ["chat.say", null, "?", true],
    ["chat.ask", null, 4, true],
  ];
  const { peer } = mixed;
  mixed.recv(peer.message({ bat }), {
    deliver: [0, 1, 3].map((index) => ({ seq: 1, index, top: "chat.ask", data: index + 1, req: true })),
    refused: [{ seq: 1, index: 2, error: "E_NO_HANDLER", step: "deliver" }],
    emit: [
      peer.says({
        bat: [
          ["chat.ask", [1, 0], 1],
          ["chat.ask", [1, 1], 2],
        ],
      }),
      peer.answers({ top: "err", code: "E_NO_HANDLER", ref: [1, 2] }),
      peer.says({ top: "chat.ask", ref: [1, 3], dat: 4 }),
    ],
  });
  g.ok(
    "refusal",
    "an err between replies: what waits is sealed before it",
    [...TURN, ...ALONE, "req:failure", "req:reply"],
    mixed,
  );
}

const HEARD: Verdict = ["E_CLAIMS", "claims"];

/** What becomes of the items. */
function fates(g: SessionGroup): void {
  const four = [send("a"), ask(1), send("b"), ask(2)];
  const sent = (): Talk => turn(g.talk(), [four]);
  const err = (t: Talk, ref: unknown): Message => t.peer.control({ top: "err", code: "E_DENIED", ref });
  const denied = (index: number): Values => ({ seq: 1, index, error: "E_DENIED" });
  const items = sent();
  items.recv(err(items, [1, 2]), { denied: [denied(2)] });
  items.recv(err(items, [1, 1]), { settled: [denied(1)] });
  items.recv(items.peer.message({ top: "chat.ask", ref: [1, 3], dat: "yes" }), {
    settled: [{ seq: 1, index: 3, data: "yes" }],
  });
  const req = ["req:failure", "batch:isolated"];
  g.ok("err-items", "a message and a request are refused by their index, another request is answered", req, items);
  const whole = sent();
  const settled = [denied(1), denied(3)];
  whole.recv(err(whole, 1), { settled, denied: [denied(0), denied(2)] });
  g.ok("err-whole", "the batch is refused by its number: all of its messages are", ["req:failure"], whole);
  const stale = sent();
  for (const ref of [1, [1, 0], [1, 4]]) stale.recv(stale.peer.message({ top: "chat.ask", ref, dat: 0 }));
  stale.recv(stale.peer.message({ top: "chat.say", ref: [1, 1], dat: 0 }));
  stale.recv(stale.peer.message({ top: "chat.ask", ref: [1, 1], dat: 0 }), {
    settled: [{ seq: 1, index: 1, data: 0 }],
  });
  g.ok(
    "stale",
    "replies to the batch, to items that are no requests or none at all, on another topic; then the right one",
    ["req:ref-stale"],
    stale,
  );
  const unsent = sent();
  const forged = unsent.peer.message({ top: "chat.ask", ref: [2, 1], dat: 0 });
  const lost = [1, 3].map((index) => ({ seq: 1, index, error: HEARD[0] }));
  unsent.recv(forged, { ...unsent.peer.end(HEARD), settled: lost });
  g.bad("ref-unsent", "a reply to an item of the next number", ["req:ref-unsent"], unsent, HEARD, {
    from: "err-items",
  });
  const late = sent();
  const timeout = (index: number): Values => ({ seq: 1, index, error: "E_TIMEOUT" });
  late.tick(20).recv(late.peer.control({ top: "ack" }));
  const pings = g.scene.role === "server";
  late.tick(10, ({ answers }) => ({
    settled: [timeout(1), timeout(3)],
    ...(pings ? { emit: [answers.call(late.peer, { top: "ping" })] } : {}),
  }));
  g.ok("timeout", "nobody answers for 30 seconds", ["req:timeout"], late);
  const gone = sent();
  const ended = { error: { error: "E_TRUNCATED", step: "local" }, ended: { clean: false, truncated: true } };
  const closed = (index: number): Values => ({ seq: 1, index, error: "E_TRUNCATED" });
  gone.step({ op: "drop" }, { ...ended, settled: [closed(1), closed(3)], state: "closed" });
  const truncated: Verdict = ["E_TRUNCATED", "local"];
  g.bad("dropped", "the connection is gone", ["close:end"], gone, truncated, { from: "err-items" });
}

/** The first err to each item is free. */
function budget(g: SessionGroup): void {
  const init = { ...BATCHES, limits: { controlBurst: 1, controlPerSecond: 1 } };
  const five = numbered(5);
  const refusing = (): Talk => {
    const t = turn(g.talk(), [five]);
    const errs = five.map((_, index) => t.peer.control({ top: "err", code: "E_DENIED", ref: [1, index] }));
    return t.burst(errs, { denied: five.map((_, index) => ({ seq: 1, index, error: "E_DENIED" })) });
  };
  const again = (t: Talk): Message => t.peer.control({ top: "err", code: "E_DENIED", ref: [1, 4] });
  const t = refusing();
  t.recv(again(t), { denied: [{ seq: 1, index: 4, error: "E_DENIED" }] });
  g.ok("free", "err to each of five items, and one that the budget of one pays", ["ctl:budget"], t, init);
  const more = refusing();
  more.recv(again(more), { denied: [{ seq: 1, index: 4, error: "E_DENIED" }] });
  const quota: Verdict = ["E_QUOTA", "rate"];
  more.fails(again(more), quota, more.peer.seq);
  g.bad("not-free", "another one", ["ctl:budget"], more, quota, { from: "free", init });
}

function inWindow(): Group {
  const g = group("window", { role: "server", wire: "binary", codec: "cbor", order: "window" });
  const t = turn(g.talk(), [[send(1), ask(2)], [send(3, { ttl: 10 })]]);
  t.recv(t.peer.message({ top: "chat.ask", ref: [1, 1], dat: 3 }), { settled: [{ seq: 1, index: 1, data: 3 }] });
  g.ok("turn", "a batch in window order", TURN, t);
  return g.group;
}

export function sentBatches(): Group[] {
  const details = (["server", "client"] as const).map((role) => {
    const server = role === "server";
    const g = group(role, { role, wire: server ? "binary" : "text", codec: server ? "cbor" : "json" });
    bounds(g);
    between(g);
    fates(g);
    budget(g);
    return g.group;
  });
  return [...conversations(), ...details, inWindow()];
}
