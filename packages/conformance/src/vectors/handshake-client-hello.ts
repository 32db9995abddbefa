// CH as a server hears it (specs/session.md, section 3).
import { b64u, labelled } from "../kit/bytes.ts";
import { rewrite, set } from "../kit/handshake.ts";
import { wireJwk } from "../kit/keys.ts";
import type { Claims } from "../kit/messages.ts";
import type { Group } from "./file.ts";
import { HandshakeGroup, type Verdict } from "./handshake-scene.ts";
import { jwkOf } from "./keys.ts";

const SECTION = "session.md#3-ch-client-hello";
const CLAIMS: Verdict = ["E_CLAIMS", "claims"];
const NEGOTIATE: Verdict = ["E_NEGOTIATE", "claims"];
const KEY: Verdict = ["E_KEY", "claims"];

const p256 = wireJwk(jwkOf("client ephemeral p256")) as unknown as Claims;
const x25519 = wireJwk(jwkOf("client ephemeral x25519")) as unknown as Claims;
const ed25519 = wireJwk(jwkOf("client Ed25519")) as unknown as Claims;

function selection(): Group {
  const g = new HandshakeGroup("handshake/hello", SECTION, { role: "server" });
  g.open("open", "a bearer token, suite p256, level aead, codec json, text wire", [
    "kdf:schedule",
    "sr:first",
    "hs:states",
  ]);
  g.open("unknown-names", "names of later drafts are passed over, in every array", ["ch:select"], {
    ch: {
      members: set({
        prt: ["sealwire.v9.text", "sealwire.v1.text"],
        st: ["kem9", "p256"],
        kex: [{ any: "thing" }, p256],
        lvl: ["quiet", "aead"],
        sig: ["ML-DSA-44", "Ed25519"],
        cod: ["xml", "json"],
      }),
    },
  });
  g.open("unknown-members", "unknown members are ignored, and part of the transcript", ["hs:members", "kdf:schedule"], {
    ch: { members: set({ new: { member: [1.5, "ü", null] } }) },
  });
  g.open("white-space", "the transcript is over the bytes as sent", ["kdf:schedule", "json:text"], {
    ch: { text: (text) => text.replaceAll(",", " ,\n\t").replace("{", "{ ") },
  });
  g.open("preference", "the first name in the client's order that the server supports", ["ch:select"], {
    ch: { members: set({ lvl: ["aead", "mac"], cod: ["json", "cbor"], sig: ["ES256", "Ed25519"] }) },
  });
  g.open("both-suites", "the first suite in the client's order", ["ch:select"], {
    ch: { members: set({ st: ["p256", "x25519"], kex: [p256, x25519] }) },
  });
  const refuse = (name: string, mutation: string, req: readonly string[], over: Claims, verdict: Verdict) =>
    g.refuse(name, mutation, req, { ch: { members: set(over) } }, verdict);

  refuse("version-2", "v is 2", ["ch:version"], { v: 2 }, NEGOTIATE);
  refuse("version-0", "v is 0", ["ch:version"], { v: 0 }, NEGOTIATE);
  const DOWNGRADE: Verdict = ["E_DOWNGRADE", "claims"];
  refuse(
    "prt-stripped",
    "the offer of cbor was stripped from the upgrade, so that the 101 selected text, but prt still has it in front",
    ["ch:prt", "hs:select"],
    { prt: ["sealwire.v1.cbor", "sealwire.v1.text"] },
    DOWNGRADE,
  );
  refuse(
    "prt-later-first",
    "prt names a later draft and cbor before the text that the 101 response selected",
    ["ch:prt", "ch:prt-all"],
    { prt: ["sealwire.v9.text", "sealwire.v1.cbor", "sealwire.v1.text"] },
    DOWNGRADE,
  );
  refuse(
    "prt-without-selected",
    "prt lacks the selected subprotocol",
    ["ch:prt"],
    { prt: ["sealwire.v1.cbor"] },
    DOWNGRADE,
  );
  refuse(
    "prt-unknown-only",
    "prt has only subprotocols of later drafts",
    ["ch:prt"],
    { prt: ["sealwire.v9.text"] },
    DOWNGRADE,
  );
  for (const [name, aud] of [
    ["case", "https://Chat.example"],
    ["slash", "https://chat.example/"],
    ["other", "https://other.example"],
  ] as const) {
    refuse(`aud-${name}`, `aud is ${aud}`, ["ch:aud"], { aud }, NEGOTIATE);
  }
  refuse("no-common-suite", "only an unknown suite", ["ch:none"], { st: ["kem9"] }, NEGOTIATE);
  refuse("no-common-level", "only an unknown level", ["ch:none"], { lvl: ["quiet"] }, NEGOTIATE);
  refuse("no-common-codec", "only an unknown codec", ["ch:none"], { cod: ["xml"] }, NEGOTIATE);
  refuse(
    "no-common-algorithm",
    "only ES256, and the server has an Ed25519 key",
    ["ch:none"],
    { sig: ["ES256"] },
    NEGOTIATE,
  );
  refuse("names-case", "the level is written AEAD", ["ch:none"], { lvl: ["AEAD"] }, NEGOTIATE);
  return g.group;
}

/** The order of the checks: two faults, and the first one decides. */
function order(): Group {
  const g = new HandshakeGroup("handshake/hello-order", SECTION, { role: "server" });
  g.open("open", "nothing is wrong", ["hs:states"]);
  const refuse = (name: string, mutation: string, over: Claims, req: readonly string[], verdict: Verdict) =>
    g.refuse(name, mutation, ["level:order", ...req], { ch: { members: set(over) } }, verdict);
  refuse("syntax-version", "rnd is no text, and v is 2", { rnd: 1, v: 2 }, ["hs:members"], CLAIMS);
  refuse(
    "version-prt",
    "v is 2, and prt lacks the selected subprotocol",
    { v: 2, prt: ["sealwire.v1.cbor"] },
    ["ch:version"],
    NEGOTIATE,
  );
  refuse(
    "prt-aud",
    "prt lacks the selected subprotocol, and aud is another server",
    { prt: ["sealwire.v1.cbor"], aud: "other.example" },
    ["ch:prt"],
    ["E_DOWNGRADE", "claims"],
  );
  refuse(
    "aud-point",
    "aud is another server, and the point is off the curve",
    { aud: "other.example", kex: [{ ...p256, y: p256.x }] },
    ["ch:aud"],
    NEGOTIATE,
  );
  refuse(
    "selection-point",
    "no common level, and the point is off the curve",
    { lvl: ["quiet"], kex: [{ ...p256, y: p256.x }] },
    ["ch:none"],
    NEGOTIATE,
  );
  return g.group;
}

function members(): Group {
  const g = new HandshakeGroup("handshake/hello-members", SECTION, { role: "server" });
  g.open("open", "every member as the table has it", ["hs:members"]);
  const refuse = (name: string, mutation: string, over: Claims, req = "hs:members") =>
    g.refuse(name, mutation, [req], { ch: { members: set(over) } }, CLAIMS);
  const rewritten = (name: string, mutation: string, piece: string, by: string, req: string) =>
    g.refuse(name, mutation, [req], { ch: { members: rewrite(piece, by) } }, CLAIMS);

  for (const name of ["typ", "v", "rnd", "aud", "prt", "st", "kex", "lvl", "sig", "cod", "lim"]) {
    refuse(`${name}-missing`, `${name} is missing`, { [name]: undefined });
  }
  refuse("typ-other", "typ is sealwire-err", { typ: "sealwire-err" }, "hs:states");
  refuse("v-string", "v is a string", { v: "1" });
  rewritten("v-float", "v is written 1.0", '"v":1', '"v":1.0', "json:integer");
  refuse("rnd-short", "rnd has 42 characters", { rnd: b64u(labelled("client rnd")).slice(1) }, "b64:member");
  refuse("rnd-padded", "rnd is padded", { rnd: `${b64u(labelled("client rnd"))}=` }, "b64:member");
  refuse("rnd-pad-bits", "rnd has a pad bit", { rnd: `${"A".repeat(42)}B` }, "b64:member");
  refuse("aud-empty", "aud is empty", { aud: "" });
  refuse("aud-space", "aud has a space", { aud: "chat example" });
  refuse("aud-array", "aud is an array", { aud: ["https://chat.example"] });
  refuse("prt-empty", "prt is empty", { prt: [] });
  refuse("prt-nine", "prt has nine names", {
    prt: [..."12345678"].map((n) => `sealwire.v${n}.x`).concat("sealwire.v1.text"),
  });
  refuse("prt-foreign", "prt has a name that is no Sealwire subprotocol", { prt: ["sealwire.v1.text", "chat"] });
  refuse("st-twice", "st names p256 twice", { st: ["p256", "p256"], kex: [p256, p256] });
  refuse("st-five", "st has five names", { st: ["p256", "a", "b", "c", "d"], kex: [p256, 1, 2, 3, 4] });
  refuse("kex-shorter", "kex is shorter than st", { st: ["p256", "x25519"] });
  refuse("kex-object", "kex is the key itself", { kex: p256 });
  refuse("lvl-empty", "lvl is empty", { lvl: [] });
  refuse("lvl-seventeen", "lvl has 17 names", { lvl: ["aead", ...[..."abcdefghijklmnop"]] });
  refuse("lvl-number", "lvl has a number", { lvl: ["aead", 1] });
  refuse("sig-string", "sig is a string", { sig: "Ed25519" });
  refuse("cod-long-name", "cod has a name of 65 characters", { cod: ["json", "x".repeat(65)] });
  refuse("cod-empty-name", "cod has an empty name", { cod: ["json", ""] });
  refuse("lim-number", "lim is a number", { lim: 1048576 });
  refuse("lim-msg-missing", "lim has no msg", { lim: {} });
  refuse("lim-msg-least", "lim.msg is one below the least", { lim: { msg: 65535 } });
  rewritten("lim-msg-exponent", "lim.msg is written 1e6", "1048576", "1e6", "json:integer");
  rewritten("twice", "aud stands twice", '"v":1', '"v":1,"aud":"https://chat.example"', "json:duplicate");
  rewritten(
    "twice-escaped",
    "aud stands twice, once with an escape",
    '"v":1',
    '"v":1,"\\u0061ud":"x"',
    "json:duplicate",
  );
  rewritten("surrogate", "an unknown member has a lone surrogate", '"v":1', '"v":1,"x":"\\ud800"', "json:value");
  rewritten("proto", "an unknown member holds __proto__", '"v":1', '"v":1,"x":{"__proto__":1}', "claims:proto");
  rewritten(
    "trailing",
    "a second value stands behind the object",
    '"lim":{"msg":1048576}}',
    '"lim":{"msg":1048576}} {}',
    "json:text",
  );
  return g.group;
}

function keys(): Group[] {
  const onCurve = new HandshakeGroup("handshake/hello-p256", SECTION, { role: "server" });
  onCurve.open("open", "a point of P-256", ["key:p256-point"]);
  const ec = (name: string, mutation: string, req: string, key: unknown, verdict: Verdict) =>
    onCurve.refuse(name, mutation, [req], { ch: { members: set({ kex: [key] }) } }, verdict);
  const size = (text: unknown, by: number): string =>
    b64u(Buffer.alloc(32 + by, Buffer.from(text as string, "base64url")));
  ec("off-curve", "y is x", "key:p256-point", { ...p256, y: p256.x }, KEY);
  ec(
    "x-not-below-p",
    "x is p",
    "key:p256-point",
    { ...p256, x: b64u(Buffer.from(`ffffffff00000001${"0".repeat(24)}${"f".repeat(24)}`, "hex")) },
    KEY,
  );
  ec("zero", "x and y are zero", "key:p256-point", { ...p256, x: "A".repeat(43), y: "A".repeat(43) }, KEY);
  ec("x-33-bytes", "x has 33 bytes", "key:p256-point", { ...p256, x: size(p256.x, 1) }, KEY);
  ec("y-31-bytes", "y has 31 bytes", "key:p256-point", { ...p256, y: size(p256.y, -1) }, KEY);
  ec("x-padded", "x is padded", "key:p256-point", { ...p256, x: `${p256.x}=` }, KEY);
  ec("y-missing", "y is missing", "key:jwk-members", { ...p256, y: undefined }, ["E_CLAIMS", "claims"]);
  ec("alg", "the JWK has alg", "key:jwk-members", { ...p256, alg: "ES256" }, CLAIMS);
  ec("private", "the JWK has d", "key:jwk-members", { ...p256, d: "A".repeat(43) }, CLAIMS);
  ec("crv-other", "crv is P-384", "key:jwk-members", { ...p256, crv: "P-384" }, CLAIMS);
  ec("of-x25519", "the key is one of x25519", "key:jwk-members", x25519, CLAIMS);
  ec("null", "the key is null", "key:jwk-members", null, CLAIMS);
  onCurve.refuse(
    "second-off-curve",
    "the key of a known suite that is not selected is off the curve",
    ["key:okp-point"],
    { ch: { members: set({ st: ["p256", "x25519"], kex: [p256, { ...x25519, x: "A".repeat(43) }] }) } },
    KEY,
  );

  const okp = new HandshakeGroup("handshake/hello-x25519", SECTION, {
    role: "server",
    suite: "x25519",
    wire: "binary",
  });
  okp.open("open", "a key of X25519", ["key:okp-point", "wire:frame"]);
  const x = (name: string, mutation: string, req: string, key: unknown, verdict: Verdict) =>
    okp.refuse(name, mutation, [req], { ch: { members: set({ kex: [key] }) } }, verdict);
  const point = (text: string) => ({ ...x25519, x: b64u(Buffer.from(text, "hex")) });
  const SMALL = [
    "00".repeat(32),
    `01${"00".repeat(31)}`,
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    `ec${"ff".repeat(30)}7f`,
    `ed${"ff".repeat(30)}7f`,
    `ee${"ff".repeat(30)}7f`,
  ];
  for (const [i, small] of SMALL.entries()) {
    x(`small-order-${i + 1}`, `x is small-order value ${i + 1} of the table`, "key:okp-point", point(small), KEY);
  }
  const high = (text: string): string =>
    `${text.slice(0, -2)}${(Number.parseInt(text.slice(-2), 16) | 0x80).toString(16)}`;
  x(
    "small-order-high-bit",
    "x is small-order value 3 with its highest bit set",
    "key:okp-point",
    point(high(SMALL[2] as string)),
    KEY,
  );
  x("short", "x has 31 bytes", "key:okp-point", point("09".repeat(31)), KEY);
  x("with-y", "the JWK has y", "key:jwk-members", { ...x25519, y: "A".repeat(43) }, CLAIMS);
  x("of-ed25519", "the key is one of Ed25519", "key:jwk-members", ed25519, CLAIMS);
  return [onCurve.group, okp.group];
}

export const clientHello = (): Group[] => [selection(), order(), members(), ...keys()];
