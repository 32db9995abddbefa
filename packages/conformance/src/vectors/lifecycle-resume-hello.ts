// A resume CH at a server: what is no hello of this session (specs/lifecycle.md, section 7).
import { b64u, flip, sha256, utf8 } from "../kit/bytes.ts";
import { boundTo, set } from "../kit/handshake.ts";
import { helloKeys } from "../kit/kdf.ts";
import { wireJwk } from "../kit/keys.ts";
import { type Claims, withSegment } from "../kit/messages.ts";
import type { Faults } from "../kit/resume.ts";
import { CLOCK, type Group } from "./file.ts";
import { tokenOf, type Values, type Verdict } from "./handshake-scene.ts";
import { jwkOf } from "./keys.ts";
import { Attempt, resumes } from "./lifecycle-attempt.ts";
import { type Life, LifeGroup, RES } from "./lifecycle-scene.ts";

const SECTION = "7-resume";
const RESUME: Verdict = ["E_RESUME", "session"];
const UNKNOWN: Verdict = ["E_RESUME", "header"];
const CLAIMS: Verdict = ["E_CLAIMS", "claims"];
const NEGOTIATE: Verdict = ["E_NEGOTIATE", "claims"];
const CRYPTO: Verdict = ["E_CRYPTO", "crypto"];

/** Two messages were sent, and the client has said that it received the first. */
function lost(g: LifeGroup): Life {
  const t = g.life().hears().sends("chat.say", 1).sends("chat.say", 2);
  t.recv(t.peer.control({ top: "ack", rcv: 1 }));
  return t.lose();
}

function header(g: LifeGroup): void {
  const bad = (name: string, mutation: string, slug: string, ch: Faults, verdict: Verdict): void => {
    const t = lost(g);
    new Attempt(t, { changes: { ch } }).failsHello(verdict);
    g.bad(name, mutation, [slug], t, verdict, { from: "resumed" });
  };
  const changed = (name: string, mutation: string, slug: string, over: Claims, verdict: Verdict): void =>
    bad(name, mutation, slug, { header: set(over) }, verdict);
  changed("kid", "kid names no chain", "resume:kid", { kid: "A".repeat(22) }, UNKNOWN);
  changed("kid-missing", "the header has no kid", "resume:kid", { kid: undefined }, UNKNOWN);
  const other = helloKeys(Buffer.alloc(32, 7));
  bad(
    "chain",
    "another chain, in kid and MAC",
    "resume:kid",
    { header: set({ kid: other.kid }), key: other.client },
    UNKNOWN,
  );
  changed("typ-sh", "typ is that of SH", "header:typ", { typ: "sealwire-sh+jwt" }, ["E_TYP", "header"]);
  changed("typ-jwt", "typ is JWT", "header:typ", { typ: "JWT" }, ["E_TYP", "header"]);
  changed("typ-missing", "typ is missing", "header:typ", { typ: undefined }, ["E_TYP", "header"]);
  changed("alg-none", "alg is none", "header:alg", { alg: "none" }, ["E_ALG", "header"]);
  changed("alg-hs512", "alg is HS512", "header:alg", { alg: "HS512" }, ["E_ALG", "header"]);
  changed("alg-es256", "alg is ES256", "header:alg", { alg: "ES256" }, ["E_ALG", "header"]);
  changed("cty", "the header has cty", "header:cty", { cty: "JWT" }, ["E_CTY", "header"]);
  changed("jwk", "the header has jwk", "header:allow-list", { jwk: {} }, ["E_HEADER", "header"]);
  changed("crit", "the header has crit", "header:allow-list", { crit: ["b64"], b64: true }, ["E_HEADER", "header"]);
  changed(
    "typ-first",
    "typ, kid, alg and cty are wrong",
    "level:order",
    { typ: "JWT", kid: "x", alg: "none", cty: "x" },
    ["E_TYP", "header"],
  );
  changed("kid-first", "kid, alg and cty are wrong", "level:order", { kid: "x", alg: "none", cty: "x" }, UNKNOWN);
  const text = (change: (t: string) => string): Faults => ({ text: change });
  bad(
    "mac-flipped",
    "one bit of the MAC is flipped",
    "resume:mac",
    text((t) => withSegment(t, -1, (s) => flip(s))),
    CRYPTO,
  );
  bad(
    "mac-short",
    "the MAC lacks its last byte",
    "resume:mac",
    text((t) => withSegment(t, -1, (s) => s.subarray(0, -1))),
    CRYPTO,
  );
  bad(
    "mac-empty",
    "the MAC is empty",
    "resume:mac",
    text((t) => withSegment(t, -1, () => "")),
    CRYPTO,
  );
  bad(
    "payload",
    "one bit of the payload is flipped",
    "resume:mac",
    text((t) => withSegment(t, 1, (s) => flip(s, 30))),
    CRYPTO,
  );
  const { chain } = g.life().peer;
  bad("mac-server", "the MAC is that of the server's hello", "resume:mac", { key: helloKeys(chain).server }, CRYPTO);
  bad("mac-chain", "the chain itself is the key of the MAC", "resume:mac", { key: chain }, CRYPTO);
  const wrong = { members: set({ st: ["mlkem"], rs: 1 }), text: (t: string) => withSegment(t, -1, (s) => flip(s)) };
  bad("mac-first", "the MAC, the members and the session are wrong", "level:order", wrong, CRYPTO);
}

function members(g: LifeGroup): void {
  const bad = (name: string, mutation: string, slug: string, over: Claims, verdict: Verdict = CLAIMS): void => {
    const t = lost(g);
    new Attempt(t, { changes: { ch: { members: set(over) } } }).failsHello(verdict);
    g.bad(name, mutation, [slug], t, verdict, { from: "resumed" });
  };
  for (const name of ["typ", "v", "rnd", "aud", "prt", "st", "kex", "lvl", "sig", "cod", "lim", "rs"]) {
    bad(`no-${name}`, `${name} is missing`, "hs:members", { [name]: undefined });
  }
  bad("payload-typ", "the member typ is that of the error", "hs:members", { typ: "sealwire-err" });
  bad("rs-number", "rs is a number", "hs:members", { rs: 2 });
  bad("rcv-missing", "rs has no rcv", "hs:members", { rs: {} });
  bad("rcv-string", "rcv is a string", "hs:members", { rs: { rcv: "2" } });
  bad("rcv-negative", "rcv is negative", "hs:members", { rs: { rcv: -1 } });
  bad("ath-short", "ath has 42 characters", "hs:members", { ath: "A".repeat(42) });
  bad("v-2", "v is 2", "ch:version", { v: 2 }, NEGOTIATE);
  bad("aud-other", "aud is another server", "ch:aud", { aud: "https://other.example" }, NEGOTIATE);
  const { prt } = g.scene.setup.offer;
  const reversed = prt[0] === "sealwire.v1.text" ? ["sealwire.v1.cbor", ...prt] : ["sealwire.v1.text", ...prt];
  bad("prt-other", "prt names another subprotocol first", "ch:prt", { prt: reversed }, ["E_DOWNGRADE", "claims"]);
  const { suite } = g.scene.setup;
  const second = suite === "p256" ? "x25519" : "p256";
  const keyOf = (name: string): unknown => wireJwk(jwkOf(`client ephemeral 1 ${name}`));
  bad(
    "st-two",
    "two suites are offered, that of the session first",
    "resume:same",
    {
      st: [suite, second],
      kex: [keyOf(suite), keyOf(second)],
    },
    RESUME,
  );
  bad("st-other", "the other suite is offered", "resume:same", { st: [second], kex: [keyOf(second)] }, RESUME);
  bad("lim-less", "lim.msg is less than that of the session", "resume:same", { lim: { msg: 65536 } }, RESUME);
  bad("lim-more", "lim.msg is more than that of the session", "resume:same", { lim: { msg: 2097152 } }, RESUME);
  bad("rcv-unsent", "rcv is a number that the server has not used", "resume:same", { rs: { rcv: 3 } }, RESUME);
  bad("rcv-less", "rcv is less than the client has said before", "resume:same", { rs: { rcv: 0 } }, RESUME);
  bad("prt-first", "prt, aud and the suite are wrong", "level:order", { prt: reversed, aud: "x", st: ["x"] }, [
    "E_DOWNGRADE",
    "claims",
  ]);
  const zero =
    suite === "p256"
      ? { kty: "EC", crv: "P-256", x: "A".repeat(43), y: "A".repeat(43) }
      : { kty: "OKP", crv: "X25519", x: "A".repeat(43) };
  const point = suite === "p256" ? "key:p256-point" : "key:okp-point";
  bad("kex-zero", "the key is zero", point, { kex: [zero] }, ["E_KEY", "claims"]);
  bad("kex-kid", "the key has kid", "key:jwk-members", { kex: [{ ...(keyOf(suite) as object), kid: "1" }] });
  bad(
    "rcv-before-key",
    "rcv and the key are wrong: the key comes last",
    "level:order",
    { rs: { rcv: 3 }, kex: [zero] },
    RESUME,
  );
  const size = lost(g);
  const big: Verdict = ["E_TOO_BIG", "frame"];
  new Attempt(size, { changes: { ch: { members: set({ fill: "x".repeat(4096) }) } } }).failsHello(big);
  g.bad("size", "CH has more than 4096 bytes", ["limit:hello-bytes"], size, big, { from: "resumed" });
}

/** A token that came with the upgrade. */
function tokens(): Group[] {
  return (["bearer", "key-bound"] as const).map((name) => {
    const proof = name === "bearer" ? undefined : "client Ed25519";
    const g = new LifeGroup("resume", `token-${name}`, SECTION, {
      role: "server",
      wire: proof === undefined ? "text" : "binary",
      res: RES,
      ...(proof === undefined ? {} : { proof: "Ed25519", ath: true }),
      ...(proof === undefined ? { init: { upgradeToken: tokenOf(undefined) } } : {}),
    });
    const ath = (token: string): string => b64u(sha256(utf8(token)));
    const attempt = (token: string, hash: string | undefined = ath(token), step: Values = { upgradeToken: token }) => {
      const t = g.life().hears().lose();
      const changes = { ch: { members: (m: Claims) => set({ ath: hash })(m) } };
      return { t, attempt: new Attempt(t, { changes, step }) };
    };
    const token = (over: Claims, header: Claims = {}, signer?: string): string =>
      tokenOf(proof, { jti: "token-2", ...over }, header, signer);
    g.ok("message", "a message is delivered", ["hs:states"], g.life().hears());
    const same = attempt(tokenOf(proof), ath(tokenOf(proof)), {});
    same.attempt.done().hears();
    g.ok(
      "resumed",
      "ath is the hash of the token that came with the upgrade, the one of the handshake",
      ["resume:token"],
      same.t,
    );
    const next = attempt(token({}));
    next.attempt.done().hears();
    g.ok("other-token", "the upgrade carries another token of the same principal", ["resume:token"], next.t);
    const none = g.life().hears().lose();
    new Attempt(none, { step: { upgradeToken: null }, changes: { ch: { members: set({ ath: undefined }) } } })
      .done()
      .hears();
    g.ok("no-token", "the upgrade of the resume carries no token", ["resume:token"], none);
    const bad = (id: string, mutation: string, made: ReturnType<typeof attempt>): void => {
      made.attempt.failsHello(RESUME);
      g.bad(id, mutation, ["resume:token"], made.t, RESUME, { from: "other-token" });
    };
    const missing = g.life().hears().lose();
    const plain = new Attempt(missing, {
      step: { upgradeToken: token({}) },
      changes: { ch: { members: set({ ath: undefined }) } },
    });
    plain.failsHello(RESUME);
    g.bad("missing", "a token came, and CH has no ath", ["resume:token"], missing, RESUME, { from: "other-token" });
    const untold = g.life().hears().lose();
    const named = { ch: { members: set({ ath: ath(tokenOf(proof)) }) } };
    new Attempt(untold, { step: { upgradeToken: null }, changes: named }).failsHello(RESUME);
    g.bad("ath-alone", "CH has ath, and no token came", ["resume:token"], untold, RESUME, { from: "no-token" });
    bad(
      "other-hash",
      "ath is the hash of the token of the handshake, and another one came",
      attempt(token({}), ath(tokenOf(proof))),
    );
    bad("expired", "the token that came has expired", attempt(token({ exp: CLOCK })));
    bad("signature", "the token that came is signed by a stranger", attempt(token({}, {}, "stranger ES256")));
    bad("sub", "the token that came is of another subject", attempt(token({ sub: "mallory" })));
    bad("client-id", "the token that came has another client_id", attempt(token({ client_id: "other-app" })));
    if (proof === undefined) {
      bad("key-bound", "the token that came is key-bound", attempt(token(boundTo(jwkOf("client Ed25519")))));
    } else {
      bad("bearer", "the token that came is a bearer token", attempt(token({ cnf: undefined })));
      bad("jkt", "the token that came is bound to another key", attempt(token(boundTo(jwkOf("stranger Ed25519")))));
    }
    return g.group;
  });
}

export function resumeHellos(): Group[] {
  const groups = (["text", "binary"] as const).map((wire) => {
    const g = new LifeGroup("resume", `hello-server-${wire}`, SECTION, {
      role: "server",
      wire,
      res: RES,
      suite: wire === "text" ? "p256" : "x25519",
    });
    g.ok("message", "a message is delivered", ["hs:states"], g.life().hears());
    const t = resumes(lost(g), { heard: 1 }).hears();
    g.ok(
      "resumed",
      "CH is MACed with the chain, and names the session's suite, level, codec and limits",
      ["resume:same"],
      t,
    );
    const unknown = lost(g);
    new Attempt(unknown, { heard: 1, changes: { ch: { members: set({ new: [{ deep: "ü" }] }) } } }).done().hears();
    g.ok(
      "unknown-member",
      "an unknown member is ignored, and part of the transcript",
      ["hs:members", "kdf:schedule"],
      unknown,
    );
    header(g);
    members(g);
    return g.group;
  });
  return [...groups, ...tokens()];
}
