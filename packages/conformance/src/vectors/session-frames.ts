// What arrives in an open session and is no message of it: frames, headers, nonces, bindings (specs/envelope.md, section 9).
import { flip } from "../kit/bytes.ts";
import { cbor } from "../kit/cbor.ts";
import { binary, full, type Message, nonce } from "../kit/jose.ts";
import { compact, compactControl, keyId, messageHeader, padBits, withSegment } from "../kit/messages.ts";
import { closeOf } from "../kit/peer.ts";
import type { Group } from "./file.ts";
import type { Verdict } from "./handshake-scene.ts";
import { foreign, SessionGroup } from "./session-scene.ts";

const SECTION = "envelope.md#9-opening";
const HEADER: Verdict = ["E_HEADER", "header"];
const CRYPTO: Verdict = ["E_CRYPTO", "crypto"];
const MALFORMED: Verdict = ["E_MALFORMED", "encoding"];
const CBOR: Verdict = ["E_CBOR", "encoding"];
const FRAME: Verdict = ["E_FRAME", "frame"];

function handshakeAgain(g: SessionGroup, bad: ReturnType<typeof foreign>): void {
  const hs = g.scene.handshake();
  for (const name of ["ch", "sh", "ca", "sr"] as const) {
    bad(`${name}-again`, `${name.toUpperCase()} comes again`, ["hs:states", "wire:form"], hs.message(name), HEADER);
  }
  const word = full(g.scene.wire, '{"typ":"sealwire-err","code":"unauthorized"}');
  bad("sealwire-err", "a sealwire-err comes after SR", ["hs:states", "wire:form"], word, HEADER);
}

/** Several messages are there before the first one is opened. */
function bursts(g: SessionGroup): void {
  const delivered = (seq: number) => ({ seq, top: "chat.say", data: { text: "hello" } });
  const fine = g.talk();
  fine.burst([fine.peer.message(), fine.peer.message(), fine.peer.message()], { deliver: [1, 2, 3].map(delivered) });
  g.ok("burst", "three messages at once", ["level:fifo"], fine);
  const forged = g.talk();
  const bad = forged.peer.message({}, { key: Buffer.alloc(32, 7) });
  forged.peer.seq = 0;
  forged.burst([bad, forged.peer.message()], forged.peer.end(CRYPTO, { rcv: 0 }));
  g.bad(
    "burst-forged",
    "a forged message, and behind it the honest one of the same number",
    ["level:fifo", "level:verify", "seq:commit"],
    forged,
    CRYPTO,
    { from: "burst" },
  );
  const twice = g.talk();
  const first = twice.peer.message();
  const replay: Verdict = ["E_REPLAY", "sequence"];
  twice.burst([first, first], { deliver: [delivered(1)], ...twice.peer.end(replay, { rcv: 1 }) });
  g.bad(
    "burst-replay",
    "a message and its replay, which arrives while the first is being opened",
    ["seq:replay", "level:fifo"],
    twice,
    replay,
    { from: "burst" },
  );
  const after = g.talk();
  const messages = [after.peer.message(), after.peer.control({ top: "bye" }), after.peer.message()];
  const state: Verdict = ["E_STATE", "commit"];
  after.burst(messages, {
    deliver: [delivered(1)],
    emit: [after.peer.answers({ top: "bye", rcv: 2 })],
    close: closeOf(4400),
    error: { error: state[0], step: state[1] },
    ended: { clean: false, truncated: false },
    state: "closed",
  });
  g.bad(
    "burst-bye",
    "a message stands behind bye; the one before it is delivered",
    ["close:before-bye", "close:after-bye", "level:fifo"],
    after,
    state,
    { from: "burst" },
  );
}

function onText(): Group[] {
  return (["client", "server"] as const).map((role) => {
    const g = new SessionGroup(`text-${role}`, SECTION, { role });
    const bad = foreign(g);
    g.ok("message", "a message is delivered", ["hs:states"], g.talk().hears());
    handshakeAgain(g, bad);
    bursts(g);
    const { peer } = g.talk();
    const { channel } = peer;
    const claims = peer.claims();
    const honest = compact(channel, claims);
    const changed = (name: string, mutation: string, req: string, edit: (text: string) => string, verdict: Verdict) =>
      bad(name, mutation, [req], { text: edit(honest) }, verdict);
    bad("opcode", "a binary message", ["wire:opcode"], full("binary", honest), FRAME);
    changed(
      "four-segments",
      "one segment is missing",
      "wire:segments",
      (t) => t.split(".").slice(1).join("."),
      MALFORMED,
    );
    changed(
      "encrypted-key",
      "the encrypted key is not empty",
      "wire:encrypted-key",
      (t) => t.replace("..", ".AA."),
      MALFORMED,
    );
    changed("padded", "the tag is padded", "b64:canonical", (t) => `${t}==`, ["E_B64", "encoding"]);
    changed("pad-bits", "the tag has a pad bit", "b64:canonical", (t) => withSegment(t, 4, (s) => padBits(s)), [
      "E_B64",
      "encoding",
    ]);
    changed("space", "a space stands in front", "b64:canonical", (t) => ` ${t}`, ["E_B64", "encoding"]);
    changed(
      "ciphertext",
      "one bit of the ciphertext is flipped",
      "level:verify",
      (t) => withSegment(t, 3, (s) => flip(s)),
      CRYPTO,
    );
    changed("tag", "one bit of the tag is flipped", "level:verify", (t) => withSegment(t, 4, (s) => flip(s)), CRYPTO);
    changed("tag-12", "the tag has 12 bytes", "aead:tag", (t) => withSegment(t, 4, (s) => s.subarray(0, 12)), CRYPTO);
    const iv = (edit: (iv: Buffer) => Uint8Array) => (t: string) => withSegment(t, 2, edit);
    changed(
      "iv-high",
      "the first byte of the IV is changed",
      "aead:iv",
      iv((s) => flip(s)),
      ["E_IV", "sequence"],
    );
    changed(
      "iv-short",
      "the IV has 11 bytes",
      "aead:iv",
      iv((s) => s.subarray(1)),
      ["E_IV", "sequence"],
    );
    changed(
      "iv-next",
      "the IV is that of number 2",
      "seq:gap",
      iv(() => nonce(channel.keys.iv, 2)),
      ["E_SEQ", "sequence"],
    );
    changed(
      "iv-zero",
      "the IV is that of number 0",
      "seq:gap",
      iv(() => nonce(channel.keys.iv, 0)),
      ["E_SEQ", "sequence"],
    );
    const json = '{"protected":"","ciphertext":""}';
    bad("json-serialization", "a JWE in JSON serialization", ["wire:form"], { text: json }, HEADER);
    const header = (name: string, mutation: string, value: object | string) =>
      bad(name, mutation, ["header:not-in-table"], { text: compact(channel, claims, { header: value }) }, HEADER);
    const own = messageHeader(channel);
    header(
      "header-order",
      "the header has its members in another order",
      Object.fromEntries(Object.entries(own).reverse()),
    );
    header("header-space", "the header has a space", JSON.stringify(own).replace(",", ", "));
    header("header-crit", "the header has crit", { ...own, crit: [] });
    header("header-zip", "the header has zip", { ...own, zip: "DEF" });
    header("header-cty", "the header is that of the other codec", {
      alg: "dir",
      enc: "A256GCM",
      cty: "sealwire+cbor",
      kid: own.kid,
      typ: own.typ,
    });
    header("header-kid", "kid is the other direction's", { ...own, kid: keyId(peer.reverse.keys) });
    header("header-token", "typ is that of an access token", { ...own, typ: "at+jwt" });
    header("level-mac", "a message of level mac", { alg: "HS256", kid: own.kid, typ: own.typ });
    bad(
      "nested",
      "a message inside a message",
      ["claims:table", "json:text"],
      { text: compact({ ...channel, level: "nest" }, claims, { header: own, plaintext: honest, seq: 1 }) },
      ["E_CLAIMS", "claims"],
    );
    bad(
      "seq-claim",
      "the claim seq is not the number of the nonce",
      ["seq:equal"],
      { text: compact(channel, { ...claims, seq: 2 }, { seq: 1 }) },
      ["E_SEQ", "claims"],
    );
    const controlText = compactControl(channel, { seq: 1, top: "ping", rcv: 0 }, { header: own });
    bad(
      "control-as-message",
      "a control message under the header of an application message",
      ["claims:table"],
      { text: controlText },
      ["E_CLAIMS", "claims"],
    );
    return g.group;
  });
}

function onBinary(): Group[] {
  return (["client", "server"] as const).map((role) => {
    const g = new SessionGroup(`binary-${role}`, SECTION, { role, wire: "binary", suite: "x25519", codec: "cbor" });
    const bad = foreign(g);
    g.ok("message", "a message is delivered", ["hs:states"], g.talk().hears());
    handshakeAgain(g, bad);
    const { peer } = g.talk();
    const sealed = (h: number, seq: number, change = (data: Buffer): Buffer => data): Message => {
      const text = compact(peer.channel, peer.claims(), { seq: 1 });
      const [, , , data, tag] = text.split(".").map((segment) => Buffer.from(segment, "base64url")) as Buffer[];
      return binary(cbor([3, h, seq, change(Buffer.concat([data as Buffer, tag as Buffer]))]));
    };
    const bytes = (m: Message): Buffer => Buffer.from((m as { readonly binary: string }).binary, "hex");
    bad("opcode", "a text message", ["wire:opcode"], { text: compact(peer.channel, peer.claims()) }, FRAME);
    bad("h-control", "h is that of a control message", ["level:verify"], sealed(1, 1), CRYPTO);
    bad("h-epoch-1", "h is that of another epoch", ["header:not-in-table"], sealed(2, 1), HEADER);
    bad("h-odd", "h is 3", ["header:not-in-table"], sealed(3, 1), HEADER);
    bad("seq-changed", "seq of the frame is 2", ["seq:gap"], sealed(0, 2), ["E_SEQ", "sequence"]);
    bad("seq-zero", "seq of the frame is 0", ["seq:gap"], sealed(0, 0), ["E_SEQ", "sequence"]);
    bad(
      "flipped",
      "one bit of the ciphertext is flipped",
      ["level:verify"],
      sealed(0, 1, (d) => flip(d)),
      CRYPTO,
    );
    bad(
      "cut",
      "the tag is cut off",
      ["level:verify"],
      sealed(0, 1, (d) => d.subarray(0, -16)),
      CRYPTO,
    );
    bad(
      "no-tag",
      "fewer bytes than a tag",
      ["aead:tag"],
      sealed(0, 1, (d) => d.subarray(0, 15)),
      CRYPTO,
    );
    bad(
      "trailing",
      "a byte stands behind the frame",
      ["wire:frame"],
      binary(Buffer.concat([bytes(sealed(0, 1)), Buffer.of(0)])),
      CBOR,
    );
    bad(
      "long-seq",
      "seq is written with eight bytes",
      ["wire:frame"],
      binary(Buffer.from(bytes(sealed(0, 1)).toString("hex").replace("84030001", "8403001b0000000000000001"), "hex")),
      CBOR,
    );
    bad(
      "form-5",
      "the form is 5",
      ["wire:frame"],
      binary(Buffer.concat([Buffer.of(0x84, 5), bytes(sealed(0, 1)).subarray(2)])),
      CBOR,
    );
    bad(
      "full-form",
      "an application message in full form",
      ["wire:form"],
      full("binary", compact(peer.channel, peer.claims())),
      HEADER,
    );
    bad(
      "level-mac",
      "a message of level mac",
      ["wire:form"],
      binary(cbor([4, 0, Buffer.from("{}"), Buffer.alloc(32)])),
      HEADER,
    );
    bad("empty", "an empty message", ["wire:frame"], binary(Buffer.alloc(0)), CBOR);
    return g.group;
  });
}

export const frames = (): Group[] => [...onText(), ...onBinary()];
