// What else can happen until SR: limits, deadlines, early data, sealwire-err, messages out of place
// (specs/session.md, sections 9 and 10), and every combination of level, wire and suite that opens.
import { flip } from "../kit/bytes.ts";
import { cbor } from "../kit/cbor.ts";
import { set } from "../kit/handshake.ts";
import { binary, full, type Message } from "../kit/jose.ts";
import { Peer } from "../kit/peer.ts";
import type { Group } from "./file.ts";
import { HandshakeGroup, type Script, type Values, type Verdict } from "./handshake-scene.ts";

const HEADER: Verdict = ["E_HEADER", "header"];
const TIMEOUT: Verdict = ["E_TIMEOUT_HS", "local"];
const TOO_BIG: Verdict = ["E_TOO_BIG", "frame"];

function deadlines(): Group[] {
  return (["server", "client"] as const).map((role) => {
    const server = role === "server";
    const g = new HandshakeGroup(`handshake/deadlines-${role}`, "session.md#9-until-sr", { role });
    const { scene } = g;
    const hs = scene.handshake();
    g.open("open", "nothing takes time", ["hs:states"]);
    const [first, second] = server ? (["ch", "ca"] as const) : (["sh", "sr"] as const);
    const steps = scene.open(hs);
    const late = (name: string, mutation: string, script: Script, seconds: number) =>
      g.refuseScript(
        name,
        mutation,
        ["hs:timeout"],
        script.add({ op: "tick", seconds }, scene.ended(TIMEOUT)),
        TIMEOUT,
      );
    if (server) {
      late("no-hello", "no CH for 5 seconds", scene.start(hs), 5);
      const waited = scene.start(hs).add({ op: "tick", seconds: 4 }, { state: "wait-ch" });
      const shifted = scene.handshake({ sh: { members: set({ iat: scene.setup.now + 4 }) } });
      waited.add({ op: "recv", message: shifted.message("ch") }, { emit: [shifted.message("sh")], state: "wait-ca" });
      waited.add({ op: "tick", seconds: 5 }, { state: "wait-ca" });
      late("no-auth-late-hello", "CH after 4 seconds, and no CA 10 seconds after the upgrade", waited, 1);
    } else {
      late("no-hello", "no SH for 10 seconds", scene.start(hs), 10);
    }
    late(
      `no-${second}`,
      `${first.toUpperCase()} at once, and no ${second.toUpperCase()} 10 seconds after the upgrade`,
      scene.halfway(hs),
      10,
    );
    const drop = scene.start(hs).add({ op: "drop" }, { ended: { clean: false, truncated: false }, state: "closed" });
    drop.add({ op: "recv", message: hs.message(first) }, { state: "closed" });
    drop.add({ op: "tick", seconds: 20 }, { state: "closed" });
    g.accept(
      "drop",
      "the connection is gone; what comes then is ignored, and no deadline is left",
      ["hs:states", "close:cleanup"],
      drop,
    );
    const half = scene
      .halfway(hs)
      .add({ op: "drop", code: 3008 }, { ended: { clean: false, truncated: false }, state: "closed" });
    half.add({ op: "recv", message: hs.message(second) }, { state: "closed" });
    g.accept("drop-halfway", "the same in the middle", ["hs:states", "close:cleanup"], half);
    const after = steps.add({ op: "tick", seconds: 20 }, { state: "open" });
    g.accept("open-stays", "the deadline ends with SR", ["hs:timeout"], after);
    return g.group;
  });
}

function limits(): Group {
  const g = new HandshakeGroup("handshake/limits", "session.md#3-ch-client-hello", { role: "server" });
  const { scene } = g;
  const sized = (object: "ch" | "ca", size: number) => {
    const grown = (n: number) => scene.handshake({ [object]: { members: set({ fill: "x".repeat(n) }) } });
    const base = grown(0)[object].length;
    let n = object === "ch" ? size - base : Math.floor(((size - base) * 3) / 4) - 3;
    while (grown(n)[object].length < size) n++;
    return { [object]: { members: set({ fill: "x".repeat(n) }) } };
  };
  g.open("open", "small objects", ["limit:hello-bytes"]);
  g.open("ch-4096", "CH of 4096 bytes", ["limit:hello-bytes"], sized("ch", 4096));
  g.open("ca-16384", "CA of 16384 bytes", ["limit:hello-bytes"], sized("ca", 16384));
  g.refuse("ch-4097", "CH of 4097 bytes", ["limit:hello-bytes"], sized("ch", 4097), TOO_BIG);
  g.refuse("ca-16385", "CA of more than 16384 bytes", ["limit:hello-bytes"], sized("ca", 16385), TOO_BIG, {
    code: 1009,
  });
  g.refuse(
    "ch-characters",
    "CH of fewer than 4096 characters in more than 4096 bytes",
    ["limit:hello-bytes"],
    { ch: { members: set({ fill: "ü".repeat(1900) }) } },
    TOO_BIG,
  );
  const garbage = scene.start(scene.handshake());
  garbage.add(
    { op: "recv", message: { text: { $text: { prefix: "{", repeat: "x", n: 4096 } } } },
    scene.ended(TOO_BIG),
  );
  g.refuseScript(
    "ch-garbage",
    "CH of 4097 bytes that is no JSON: size comes first",
    ["limit:hello-bytes", "level:order"],
    garbage,
    TOO_BIG,
  );
  return g.group;
}

function outOfPlace(): Group[] {
  const text = new HandshakeGroup("handshake/server-states", "session.md#10-states", { role: "server" });
  const { scene } = text;
  const hs = scene.handshake();
  text.open("open", "every object in its place", ["hs:states"]);
  const first = (name: string, mutation: string, req: string, message: Message, verdict: Verdict = HEADER) =>
    text.refuseScript(
      name,
      mutation,
      [req, "hs:err"],
      scene.start(hs).add({ op: "recv", message }, scene.ended(verdict)),
      verdict,
    );
  const peer = (): Peer => new Peer(hs, "server");
  first("ca-first", "CA comes first", "hs:states", hs.message("ca"));
  first("sh-first", "SH comes first: a JWS, but no CH of a resume", "header:typ", hs.message("sh"), [
    "E_TYP",
    "header",
  ]);
  first("message-first", "an application message comes first", "hs:states", peer().message());
  first("err-json", "a sealwire-err comes first", "hs:states", { text: '{"typ":"sealwire-err","code":"busy"}' }, [
    "E_CLAIMS",
    "claims",
  ]);
  first("empty", "an empty message", "wire:segments", { text: "" }, ["E_MALFORMED", "encoding"]);
  first("no-json", "CH is cut off", "json:text", { text: hs.ch.slice(0, -1) }, ["E_CLAIMS", "claims"]);
  first("json-array", "a JSON array", "wire:segments", { text: "[]" }, ["E_MALFORMED", "encoding"]);
  first("opcode", "CH comes in a binary message", "wire:opcode", full("binary", hs.ch), ["E_FRAME", "frame"]);
  const before = (name: string, mutation: string, message: Message) =>
    text.refuseScript(
      name,
      mutation,
      ["hs:states", "hs:early-order"],
      scene.halfway(hs).add({ op: "recv", message }, scene.ended(HEADER)),
      HEADER,
    );
  before("message-before-ca", "an application message comes before CA", peer().message());
  before("control-before-ca", "a control message comes before CA", peer().control({ top: "ping" }));
  before("bye-before-ca", "bye comes before CA", peer().control({ top: "bye" }));

  const bin = new HandshakeGroup("handshake/server-states-binary", "session.md#10-states", {
    role: "server",
    wire: "binary",
  });
  bin.open("open", "every object in its place", ["hs:states"]);
  const binaryFirst = (name: string, mutation: string, req: string, message: Message, verdict: Verdict) =>
    bin.refuseScript(
      name,
      mutation,
      [req, "hs:err"],
      bin.scene.start(bin.scene.handshake()).add({ op: "recv", message }, bin.scene.ended(verdict)),
      verdict,
    );
  const cborError: Verdict = ["E_CBOR", "encoding"];
  binaryFirst(
    "text-string",
    "the JSON stands in a text string",
    "wire:frame",
    binary(cbor([0, bin.scene.handshake().ch])),
    cborError,
  );
  binaryFirst(
    "long-head",
    "the length has two bytes more than it needs",
    "wire:frame",
    binary(
      Buffer.concat([
        Buffer.from([0x82, 0, 0x5a, 0, 0]),
        Buffer.from([bin.scene.handshake().ch.length >> 8, bin.scene.handshake().ch.length & 255]),
        Buffer.from(bin.scene.handshake().ch),
      ]),
    ),
    cborError,
  );
  binaryFirst("empty", "an empty message", "wire:frame", binary(Buffer.alloc(0)), cborError);
  binaryFirst("opcode", "CH comes in a text message", "wire:opcode", { text: bin.scene.handshake().ch }, [
    "E_FRAME",
    "frame",
  ]);
  return [text.group, bin.group];
}

/** Messages that arrive behind CA before it is checked. */
function earlyData(): Group[] {
  return (["text", "binary"] as const).map((wire) => {
    const g = new HandshakeGroup(`handshake/early-${wire}`, "session.md#9-until-sr", { role: "server", wire });
    const { scene } = g;
    const hs = scene.handshake();
    g.open("open", "nothing comes early", ["hs:early-order"]);
    const early = (messages: readonly object[], outcome: Values) =>
      scene.halfway(hs).add({ op: "recv", messages: [hs.message("ca"), ...messages] }, outcome);
    const peer = new Peer(hs, "server");
    const opened = { emit: [hs.message("sr")], opened: peer.opened };
    const messages = [peer.message(), peer.message({ top: "chat.ask", req: true, dat: 7 })];
    const item = { seq: 1, top: "chat.say", data: { text: "hello" } };
    const deliver = [item, { seq: 2, top: "chat.ask", data: 7, req: true }];
    const reply = peer.says({ top: "chat.ask", ref: 2, dat: 7 });
    g.accept(
      "held",
      "two messages are held, and opened once SR is queued",
      ["hs:early-order", "sr:first"],
      early(messages, { ...opened, emit: [...opened.emit, reply], deliver, state: "open" }),
    );

    const garbage = (n: number): object =>
      wire === "text" ? { text: { $text: { repeat: "x", n } } } : { binary: { $hex: { repeat: "ff", n } } };
    const state: Verdict = ["E_STATE", "commit"];
    const excess = early([garbage(32768), garbage(32769)], scene.ended(state));
    g.refuseScript(
      "too-much",
      "65537 bytes wait for the check of CA",
      ["limit:early-data", "hs:early-send"],
      excess,
      state,
    );
    const malformed: Verdict = [wire === "text" ? "E_MALFORMED" : "E_CBOR", "encoding"];
    const full = new Peer(hs, "server");
    const after = full.end(malformed, { rcv: 0 });
    const held = { ...after, emit: [hs.message("sr"), ...(after.emit as object[])], opened: full.opened };
    g.refuseScript(
      "held-garbage",
      "65536 bytes are held, and fail when they are opened",
      ["limit:early-data", "hs:early-order"],
      early([garbage(65536)], held),
      malformed,
    );
    const refusedToken = scene.handshake({ ca: { members: set({ at: "opaque" }) } });
    const token: Verdict = ["E_TOKEN", "claims"];
    const dropped = scene
      .halfway(refusedToken)
      .add(
        { op: "recv", messages: [refusedToken.message("ca"), new Peer(refusedToken, "server").message()] },
        scene.ended(token, 3000),
      );
    g.refuseScript(
      "token-refused",
      "the token is refused: what was held is dropped unopened",
      ["hs:early-order", "ca:coarse"],
      dropped,
      token,
    );
    const broken = new Peer(hs, "server");
    const message = broken.message({}, { key: Buffer.from(flip(broken.channel.keys.key)) });
    const crypto: Verdict = ["E_CRYPTO", "crypto"];
    const end = broken.end(crypto, { rcv: 0 });
    g.refuseScript(
      "held-broken",
      "a held message fails: the session is open by then",
      ["hs:early-order", "level:verify"],
      early([message], { ...end, emit: [hs.message("sr"), ...(end.emit as object[])], opened: broken.opened }),
      crypto,
    );
    return g.group;
  });
}

export const untilReady = (): Group[] => [...deadlines(), limits(), ...outOfPlace(), ...earlyData()];
