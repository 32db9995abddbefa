// What the tested end sends, what it refuses to send, and the limits of a session (specs/session.md, section 12).
import type { Group } from "./file.ts";
import type { Values, Verdict } from "./handshake-scene.ts";
import { SessionGroup, type Talk } from "./session-scene.ts";

const SECTION = "session.md#12-authorization-and-rates";
const KEY_LIMIT: Verdict = ["E_KEY_LIMIT", "commit"];
const TOO_BIG: Verdict = ["E_TOO_BIG", "frame"];

/** Refused before it takes a number: the next message has the number that was free. */
const throws = (t: Talk, error: string, step: Values): Talk =>
  t.step({ op: "send", top: "chat.say", data: 1, ...step }, { thrown: { error } });

function sending(): Group[] {
  return (["json", "cbor"] as const).map((codec) => {
    const g = new SessionGroup(`send-${codec}`, SECTION, {
      role: "client",
      codec,
      wire: codec === "json" ? "text" : "binary",
    });
    g.ok("message", "a message is delivered", ["hs:states"], g.talk().hears());
    const model = g.talk();
    throws(model, "TypeError", { data: { nested: { $bytes: "00" } } });
    throws(model, "TypeError", { data: JSON.parse('{"a":[{"__proto__":1}]}') });
    throws(model, "TypeError", { top: "not a topic" });
    throws(model, "TypeError", { top: "" });
    model.step({ op: "request", top: "not a topic", data: 1 }, { thrown: { error: "TypeError" } });
    model.sends("chat.say", 1);
    g.ok(
      "data-model",
      "what lies outside of the data model is refused, and takes no number",
      ["claims:data-model", "seq:late"],
      model,
    );
    const values = g.talk();
    const bytes = Buffer.from("00ff10", "hex");
    const own = codec === "json" ? { dat: undefined, bin: bytes.toString("base64url") } : { dat: bytes };
    values.step(
      { op: "send", top: "chat.say", data: { $bytes: "00ff10" } },
      { emit: [values.peer.says({ top: "chat.say", ...own })] },
    );
    const sent: unknown[] = [
      null,
      true,
      0,
      -1,
      1.5,
      4294967295,
      "",
      "ü 😀",
      [],
      {},
      { a: [1, { b: null }], "": "empty name" },
    ];
    for (const data of sent) values.sends("chat.say", data);
    values.sends("a/b:c.d-e_F9", 1);
    g.ok(
      "values",
      "every kind of data, each with the next number",
      ["seq:send", "claims:order", "claims:data", "b64:encode"],
      values,
    );
    const ttl = g.talk();
    const { now } = g.scene.setup;
    ttl.step({ op: "send", top: "chat.say", data: 1, ttl: 1 }, { emit: [ttl.peer.says({ dat: 1, exp: now + 1 })] });
    ttl.step({ op: "send", top: "chat.say", data: 2, ttl: 300 }, { emit: [ttl.peer.says({ dat: 2, exp: now + 300 })] });
    ttl.tick(10);
    ttl.sends("chat.say", 3);
    g.ok("ttl", "exp is now + ttl, by default 60 seconds", ["time:server-time"], ttl);
    return g.group;
  });
}

/** A client whose clock is wrong writes and judges by the server's. */
function serverTime(): Group[] {
  return [-1000, 1000].map((offset) => {
    const now = 1893456000 + offset;
    const g = new SessionGroup(`clock-${offset < 0 ? "behind" : "ahead"}`, "conventions.md#6-clocks", {
      role: "client",
      setup: { now, ready: { exp: now + 3600, sub: "alice", scp: ["chat.read", "chat.say"] } },
    });
    const t = g.talk().hears();
    t.sends("chat.say", 1);
    t.tick(10);
    t.sends("chat.say", 2);
    t.recv(t.peer.message({ exp: now + 10 - 30 }), {
      refused: [{ seq: 2, error: "E_EXPIRED", step: "time" }],
      emit: [t.peer.answers({ top: "err", code: "E_EXPIRED", ref: 2 })],
    });
    g.ok(
      "message",
      `the server's clock is ${Math.abs(offset)} s ${offset < 0 ? "behind" : "ahead of"} the client's`,
      ["time:server-time", "time:expired"],
      t,
    );
    return g.group;
  });
}

function sizes(): Group {
  const g = new SessionGroup("size", SECTION, {
    role: "server",
    init: { msg: 65536 },
    setup: { serverMsg: 65536, clientMsg: 65536 },
  });
  g.ok("message", "both ends take messages of 65536 bytes", ["limit:message"], g.talk().hears());
  const large = g.talk();
  throws(large, "E_TOO_BIG", { data: { $text: { repeat: "x", n: 60000 } } });
  large.step(
    { op: "request", top: "chat.ask", data: { $text: { repeat: "x", n: 60000 } } },
    { thrown: { error: "E_TOO_BIG" } },
  );
  large.sends("chat.say", "small");
  g.ok(
    "send",
    "a message that is larger than the peer takes is refused, and takes no number",
    ["limit:message-send", "seq:late"],
    large,
  );
  const most = g.talk();
  most.fails({ text: { $text: { repeat: "x", n: 65537 } } }, TOO_BIG, 0);
  g.bad(
    "receive",
    "a message of 65537 bytes: size comes before everything",
    ["limit:message", "level:order", "close:code"],
    most,
    TOO_BIG,
  );
  const fits = g.talk();
  fits.fails({ text: { $text: { repeat: "x", n: 65536 } } }, ["E_MALFORMED", "encoding"], 0);
  g.bad("receive-fits", "65536 bytes that are no message", ["wire:segments"], fits, ["E_MALFORMED", "encoding"]);
  const characters = g.talk();
  characters.fails({ text: { $text: { repeat: "ü", n: 32769 } } }, TOO_BIG, 0);
  g.bad("receive-characters", "32769 characters of two bytes", ["limit:message"], characters, TOO_BIG);
  return g.group;
}

/** Keys that may be used a few times only. */
function keys(): Group[] {
  return (["client", "server"] as const).map((role) => {
    const g = new SessionGroup(`key-limit-${role}`, SECTION, { role, init: { limits: { keyMessages: 3 } } });
    g.ok("message", "three numbers under one key", ["limit:key-open"], g.talk().hears());
    const seals = g.talk().sends("chat.say", 1).sends("chat.say", 2);
    seals.step(
      { op: "send", top: "chat.say", data: 3 },
      { thrown: { error: "E_KEY_LIMIT" }, ...seals.peer.end(KEY_LIMIT, { rcv: 0 }) },
    );
    g.bad("seal", "the third number is kept for bye", ["limit:key-seal", "close:fatal-bye"], seals, KEY_LIMIT);
    const opens = g.talk().hears().hears().hears();
    opens.fails(opens.peer.message(), KEY_LIMIT, 3);
    g.bad("open", "the peer uses a fourth number", ["limit:key-open"], opens, KEY_LIMIT);
    const order = g.talk().hears().hears().hears();
    order.fails(order.peer.message({}, { key: Buffer.alloc(32, 7) }), ["E_CRYPTO", "crypto"], 3);
    g.bad("forged", "a forged fourth message", ["level:order", "level:verify"], order, ["E_CRYPTO", "crypto"]);
    const bytes = { limits: { keyBytes: 200 } };
    const wide = g.talk();
    wide.fails(wide.peer.message({ dat: "x".repeat(200) }), KEY_LIMIT, 0);
    g.bad("open-bytes", "the claims under one key have more than 200 bytes", ["limit:key-open"], wide, KEY_LIMIT, {
      init: bytes,
    });
    return g.group;
  });
}

export const limits = (): Group[] => [...sending(), ...serverTime(), sizes(), ...keys()];
