// A client that brings another token in an open session (specs/lifecycle.md, section 4).
import type { Claims } from "../kit/messages.ts";
import { CLOCK, type Group } from "./file.ts";
import { tokenOf, type Values, type Verdict } from "./handshake-scene.ts";
import { type Life, LifeGroup } from "./lifecycle-scene.ts";

const SECTION = "4-refresh";
const EXPIRED: Verdict = ["E_SESSION_EXPIRED", "session"];
const STATE: Verdict = ["E_STATE", "commit"];
const CLAIMS: Verdict = ["E_CLAIMS", "claims"];
const SCOPES = ["chat.read"];

const token = (jti: string): string => tokenOf(undefined, { jti, exp: CLOCK + 300 });

/** The application brings a token. */
const brings = (t: Life, at: string = token("token-2")): Life =>
  t.step({ op: "auth", at }, { emit: [t.peer.answers({ top: "auth", at })] });

const okClaims = (t: Life, over: Claims = {}): Claims => ({
  top: "auth-ok",
  ref: t.peer.own,
  exp: t.peer.handshake.setup.now + 300,
  scp: SCOPES,
  ...over,
});

function admitted(t: Life, over: Claims = {}): Life {
  const claims = okClaims(t, over);
  return t.recv(t.peer.control(claims), { refreshed: { scp: claims.scp, exp: claims.exp } });
}

/** Time up to the end of the first token, in which the peer says something. */
function until(t: Life, seconds: number): Life {
  const [half, rest] = [Math.floor(seconds / 2), Math.ceil(seconds / 2)];
  t.tick(half).hears();
  t.peer.now += rest;
  return t.step({ op: "tick", seconds: rest }, t.peer.end(EXPIRED, { rcv: t.peer.seq }));
}

function clock(g: LifeGroup): void {
  for (const offset of [-1000, 1000]) {
    const now = CLOCK + offset;
    const { ready } = g.scene.setup;
    const t = g.life({ setup: { now, ready: { ...ready, exp: now + 100 } } });
    admitted(brings(t)).tick(101).hears();
    until(t, 199);
    const name = offset < 0 ? "behind" : "ahead";
    g.bad(
      `clock-${name}`,
      `the server's clock is ${Math.abs(offset)} s ${offset < 0 ? "behind" : "ahead of"} the client's`,
      ["refresh:replace", "time:server-time", "sr:end"],
      t,
      EXPIRED,
      { from: "refreshed" },
    );
  }
}

export function refreshClient(): Group[] {
  const options: Values = { ready: { exp: CLOCK + 100, sub: "alice", scp: ["chat.read", "chat.say"] } };
  const g = new LifeGroup("refresh", "client", SECTION, { role: "client", wire: "text", setup: options });
  g.ok("message", "a message is delivered", ["hs:states"], g.life().hears());
  const soon = g.life().tick(40);
  soon.recv(soon.peer.control({ top: "auth-soon" }), { soon: true });
  admitted(brings(soon)).tick(61).hears();
  g.ok("refreshed", "auth-soon, a new token, auth-ok: the session lives on", ["refresh:soon", "refresh:one"], soon);
  const end = admitted(brings(g.life())).tick(110).hears();
  until(end, 190);
  g.bad("refreshed-end", "exp of auth-ok is reached", ["refresh:replace", "sr:end"], end, EXPIRED, {
    from: "refreshed",
  });
  const no = brings(g.life());
  no.recv(no.peer.control({ top: "auth-no", ref: no.peer.own }), { notRefreshed: true });
  until(no, 100);
  g.bad("refused", "auth-no: the session goes on to its end", ["refresh:same", "sr:end"], no, EXPIRED, {
    from: "refreshed",
  });
  const one = brings(g.life()).step({ op: "auth", at: token("token-3") });
  admitted(one);
  admitted(brings(one, token("token-4")));
  g.ok(
    "one",
    "another token while one is unanswered is not sent; after the answer the next one is",
    ["refresh:one"],
    one,
  );
  const two = admitted(brings(g.life()).step({ op: "auth", at: token("token-3") }));
  two.fails(two.peer.control(okClaims(two, { rcv: two.peer.own })), STATE);
  g.bad("one-answered-twice", "the token that was not sent is answered", ["refresh:one", "refresh:ref"], two, STATE, {
    from: "one",
  });
  const keyed = brings(g.life()).renewed();
  keyed.recv(keyed.peer.control(okClaims(keyed, { ref: 1 })), {
    refreshed: { scp: SCOPES, exp: CLOCK + 300 },
  });
  g.ok("rekey", "the answer comes under other keys", ["refresh:ref", "rekey:send-new"], keyed);

  const bad = (name: string, mutation: string, slug: string, t: Life, claims: Claims, verdict: Verdict): void => {
    t.fails(t.peer.control(claims), verdict);
    g.bad(name, mutation, [slug], t, verdict, { from: "refreshed" });
  };
  const asked = (): Life => brings(g.life().sends("chat.say", 1));
  const ok = (name: string, mutation: string, over: Claims): void => {
    const t = asked();
    bad(name, mutation, "ctl:members", t, okClaims(t, over), CLAIMS);
  };
  bad(
    "ref-other",
    "ref of auth-ok is another message that was sent",
    "refresh:ref",
    asked(),
    okClaims(asked(), { ref: 1 }),
    STATE,
  );
  bad(
    "no-ref-other",
    "ref of auth-no is another message that was sent",
    "refresh:ref",
    asked(),
    { top: "auth-no", ref: 1 },
    STATE,
  );
  const quiet = (): Life => g.life().sends("chat.say", 1);
  bad("unasked", "auth-ok to nothing", "refresh:ref", quiet(), okClaims(quiet(), { ref: 1 }), STATE);
  bad("no-unasked", "auth-no to nothing", "refresh:ref", quiet(), { top: "auth-no", ref: 1 }, STATE);
  const twice = admitted(brings(g.life()));
  bad("twice", "auth-ok comes twice", "refresh:ref", twice, okClaims(twice), STATE);
  const reversed = brings(g.life());
  reversed.recv(reversed.peer.control({ top: "auth-no", ref: 1 }), { notRefreshed: true });
  bad("no-then-ok", "auth-ok behind auth-no", "refresh:ref", reversed, okClaims(reversed), STATE);
  ok("exp-missing", "auth-ok has no exp", { exp: undefined });
  ok("exp-string", "exp is a string", { exp: String(CLOCK) });
  ok("exp-fraction", "exp is no integer", { exp: CLOCK + 0.5 });
  ok("exp-negative", "exp is negative", { exp: -1 });
  ok("scp-missing", "auth-ok has no scp", { scp: undefined });
  ok("scp-string", "scp is a string", { scp: "chat.read" });
  ok("scp-number", "scp has a number", { scp: [1] });
  ok("ref-missing", "auth-ok has no ref", { ref: undefined });
  ok("ref-pair", "ref of auth-ok is a pair", { ref: [2, 0] });
  bad("no-ref-missing", "auth-no has no ref", "ctl:members", asked(), { top: "auth-no" }, CLAIMS);
  bad("from-server", "a server sends auth", "ctl:direction", g.life(), { top: "auth", at: token("token-2") }, CLAIMS);
  bad(
    "direction-first",
    "auth of a server, and rcv is wrong",
    "ctl:direction",
    g.life(),
    { top: "auth", at: "x", rcv: 9 },
    CLAIMS,
  );
  clock(g);
  return [g.group];
}
