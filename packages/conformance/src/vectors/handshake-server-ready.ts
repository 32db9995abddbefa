// SR as a client hears it (specs/session.md, section 7).
import { b64u, flip, labelled } from "../kit/bytes.ts";
import { Handshake, rewrite, set } from "../kit/handshake.ts";
import { full, nonce } from "../kit/jose.ts";
import { type Claims, withSegment } from "../kit/messages.ts";
import { Peer } from "../kit/peer.ts";
import { CLOCK, type Group } from "./file.ts";
import { HandshakeGroup, type Refusal, type Verdict } from "./handshake-scene.ts";

const SECTION = "session.md#7-sr-server-ready";
const CLAIMS: Verdict = ["E_CLAIMS", "claims"];
const TRANSCRIPT: Verdict = ["E_TRANSCRIPT", "claims"];
const EXPIRED: Verdict = ["E_SESSION_EXPIRED", "claims"];

function members(): Group {
  const g = new HandshakeGroup("handshake/sr", SECTION, { role: "client" });
  g.open("open", "SR answers this CA", ["hs:members", "sr:th", "hs:states"]);
  g.open("without-cb", "cb is optional", ["hs:members"], { sr: { members: set({ cb: undefined }) } });
  g.open("unknown-member", "an unknown member is ignored", ["hs:members"], { sr: { members: set({ note: {} }) } });
  const empty: Refusal = { setup: { ready: { ...g.scene.setup.ready, scp: [], sub: "" } } };
  g.open("no-scopes", "no scopes, and an empty sub", ["hs:members"], {}, empty);
  const refuse = (name: string, mutation: string, over: Claims, req: string, verdict: Verdict = CLAIMS) =>
    g.refuse(name, mutation, [req], { sr: { members: set(over) } }, verdict);
  for (const name of ["th", "iat", "exp", "sub", "scp"])
    refuse(`${name}-missing`, `${name} is missing`, { [name]: undefined }, "hs:members");
  refuse("th-short", "th has 42 characters", { th: "A".repeat(42) }, "b64:member");
  refuse("sub-number", "sub is a number", { sub: 1 }, "hs:members");
  refuse("scp-string", "scp is a string", { scp: "chat.read chat.say" }, "hs:members");
  refuse("scp-numbers", "scp is an array of numbers", { scp: [1] }, "hs:members");
  refuse("cb-number", "cb is a number", { cb: 1 }, "hs:members");
  refuse("exp-string", "exp is a string", { exp: String(CLOCK) }, "hs:members");
  refuse("exp-before-iat", "exp is before iat", { iat: CLOCK, exp: CLOCK - 1 }, "time:exp-before-iat");
  refuse("th-other", "th is that of another CA", { th: b64u(labelled("th")) }, "sr:th", TRANSCRIPT);
  refuse("th-is-th2", "th is TH2", { th: b64u(g.scene.handshake().th2) }, "sr:th", TRANSCRIPT);
  refuse("cb-other", "cb is another value", { cb: b64u(labelled("cb")) }, "sr:th", TRANSCRIPT);
  refuse("cb-empty", "cb is empty", { cb: "" }, "sr:th", TRANSCRIPT);
  const text = (name: string, mutation: string, piece: string, by: string, req: string) =>
    g.refuse(name, mutation, [req], { sr: { members: rewrite(piece, by) } }, CLAIMS);
  text("twice", "exp stands twice", '"sub"', `"exp":${CLOCK + 9},"sub"`, "json:duplicate");
  text(
    "exp-exponent",
    "exp is written with an exponent",
    `"exp":${CLOCK + 3600}`,
    '"exp":1893459600e0',
    "json:integer",
  );

  const at = (iat: number, exp: number) => ({ sr: { members: set({ iat: CLOCK + iat, exp: CLOCK + exp }) } });
  const times: Refusal = {};
  g.refuse("expired", "exp and the skew are over", ["sr:time"], at(-60, -30), EXPIRED, times);
  g.refuse("future", "iat is ahead by one second more than the skew", ["sr:time"], at(31, 3600), EXPIRED, times);
  const ahead = { ready: { ...g.scene.setup.ready, exp: CLOCK + 3600 } };
  g.open("iat-skew", "iat is ahead by the whole skew", ["sr:time"], at(30, 3600), { setup: ahead });
  return g.group;
}

function protection(): Group[] {
  return (["text", "binary"] as const).map((wire) => {
    const g = new HandshakeGroup(`handshake/sr-${wire}`, SECTION, {
      role: "client",
      wire,
      suite: wire === "text" ? "p256" : "x25519",
    });
    g.open("open", "SR under the keys of the server's direction", ["aead:nonce", "header:exact"]);
    const { scene } = g;
    const honest = scene.handshake();
    const iv: Verdict = ["E_IV", "sequence"];
    const crypto: Verdict = ["E_CRYPTO", "crypto"];
    const header: Verdict = ["E_HEADER", "header"];
    g.refuse("iv-seq-1", "the IV is that of number 1", ["aead:iv"], { sr: { iv: nonce(honest.srKeys.iv, 1) } }, iv);
    g.refuse(
      "key-of-ca",
      "SR is encrypted with the key of CA",
      ["level:verify"],
      { sr: { key: honest.caKeys.key } },
      crypto,
    );
    g.refuse(
      "tag",
      "one bit of the tag is flipped",
      ["level:verify"],
      { sr: { text: (t) => withSegment(t, 4, (s) => flip(s)) } },
      crypto,
    );
    g.refuse(
      "tag-15",
      "the tag has 15 bytes",
      ["aead:tag"],
      { sr: { text: (t) => withSegment(t, 4, (s) => s.subarray(1)) } },
      crypto,
    );
    g.refuse(
      "typ",
      "typ is that of CA",
      ["header:not-in-table"],
      { sr: { header: set({ typ: "sealwire-ca+jwt" }) } },
      header,
    );
    g.refuse(
      "kid-of-ca",
      "kid is that of CA",
      ["header:not-in-table"],
      { sr: { header: set({ kid: b64u(honest.caKeys.kid) }) } },
      header,
    );
    const instead = (name: string, mutation: string, req: string, message: object, verdict: Verdict) => {
      const script = scene.halfway(honest).add({ op: "recv", message }, scene.ended(verdict));
      g.refuseScript(name, mutation, [req], script, verdict);
    };
    instead("reflected", "CA comes back", "header:not-in-table", honest.message("ca"), header);
    instead("second-sh", "SH comes again", "hs:states", honest.message("sh"), header);
    const other = new Handshake({ ...scene.setup, serverRnd: labelled("server rnd, other connection") });
    instead("other-connection", "SR is that of another connection", "header:not-in-table", other.message("sr"), header);
    const before = new Peer(honest, "client");
    instead("message-before", "an application message comes before SR", "sr:first", before.message(), header);
    instead("control-before", "a control message comes before SR", "sr:first", before.control({ top: "ping" }), header);
    const swapped = full(wire === "text" ? "binary" : "text", honest.sr);
    instead("opcode", "SR comes in a message of the other opcode", "wire:opcode", swapped, ["E_FRAME", "frame"]);
    return g.group;
  });
}

/** What a client with a proof key sends. */
function proofs(): Group[] {
  const at = new HandshakeGroup("handshake/proof-at", "session.md#5-ca-client-authentication", {
    role: "client",
    proof: "Ed25519",
  });
  at.open("open", "the client proves its key, and carries the token", ["header:exact", "time:server-time", "ch:fresh"]);
  at.open("required", "pol.pop is required", ["sh:pol"], {}, { setup: { pop: "required" } });
  const ath = new HandshakeGroup("handshake/proof-ath", "session.md#6-access-token", {
    role: "client",
    proof: "Ed25519",
    ath: true,
  });
  ath.open("open", "the token went with the upgrade: CA carries its hash", ["token:upgrade-match", "header:exact"]);
  const bearer = new HandshakeGroup("handshake/bearer-upgrade", "session.md#6-access-token", { role: "client" });
  bearer.open(
    "open",
    "a bearer token went with the upgrade: CA carries the token all the same",
    ["pop:bearer-ath"],
    {},
    { init: { upgradeToken: true } },
  );
  const levels = new HandshakeGroup("handshake/offer", "session.md#3-ch-client-hello", { role: "client" });
  levels.open(
    "open",
    "levels sig and nest are left out of CH without a proof key",
    ["ch:no-key-no-sig"],
    {},
    {
      init: { offer: { ...(levels.scene.init.offer as object), lvl: ["nest", "sig", "aead"] } },
    },
  );
  const prt = ["sealwire.v1.cbor", "sealwire.v1.text"];
  levels.open(
    "all-protocols",
    "CH names all subprotocols that were offered; the 101 response selected the second",
    ["ch:prt-all"],
    {},
    {
      setup: { offer: { ...levels.scene.setup.offer, prt } },
      init: { offer: { ...(levels.scene.init.offer as object), prt } },
    },
  );
  return [at.group, ath.group, bearer.group, levels.group];
}

export const serverReady = (): Group[] => [members(), ...protection(), ...proofs()];
