// A server that is given another token in an open session (specs/lifecycle.md, section 4).
import { boundTo } from "../kit/handshake.ts";
import type { Message } from "../kit/jose.ts";
import type { Claims } from "../kit/messages.ts";
import { CLOCK, type Group } from "./file.ts";
import { type Alg, ISSUER, tokenOf, type Values, type Verdict } from "./handshake-scene.ts";
import { $public, jwkOf } from "./keys.ts";
import { type Life, LifeGroup } from "./lifecycle-scene.ts";

const SECTION = "4-refresh";
const EXPIRED: Verdict = ["E_SESSION_EXPIRED", "session"];
const OTHER_ISSUER = "https://other-issuer.example";
const END = CLOCK + 100;
const SCOPES = ["chat.read", "chat.say"];

const pings = (t: Life, n: number): Message[] => Array.from({ length: n }, () => t.peer.answers({ top: "ping" }));
const soon = (t: Life): Message => t.peer.answers({ top: "auth-soon" });

/** Up to the 40th second of a session of 100, when the server asks for a token. */
const asked = (g: LifeGroup): Life => {
  const t = g.life();
  return t.tick(40, () => ({ emit: [...pings(t, 1), soon(t)] }));
};

export interface NewToken {
  readonly exp?: number;
  readonly scp?: readonly string[];
}

/** An accepted token. */
function refreshes(t: Life, at: string, { exp = CLOCK + 310, scp = SCOPES }: NewToken = {}): Life {
  const message = t.peer.control({ top: "auth", at });
  const emit = [t.peer.answers({ top: "auth-ok", ref: t.peer.seq, exp, scp })];
  return t.recv(message, { emit, refreshed: { scp, exp } });
}

/** A token that changes nothing. */
function refuses(t: Life, at: string): Life {
  const message = t.peer.control({ top: "auth", at });
  return t.recv(message, { emit: [t.peer.answers({ top: "auth-no", ref: t.peer.seq })], notRefreshed: true });
}

/** From the 40th second to the end of the first token. */
const ends = (t: Life): Life =>
  t.tick(60, (peer) => {
    const beats = pings(t, 2);
    const end = peer.end(EXPIRED, { rcv: peer.seq });
    return { ...end, emit: [...beats, ...(end.emit as Message[])] };
  });

function accepted(g: LifeGroup, proof: string | undefined): void {
  const next = tokenOf(proof, { jti: "token-2", iat: CLOCK + 40, exp: CLOCK + 310 });
  const t = refreshes(asked(g), next);
  t.tick(60, () => ({ emit: pings(t, 2) })).hears();
  g.ok(
    "refreshed",
    "a new token of the same principal: the session lives beyond the end of the first one",
    ["refresh:answer", "refresh:replace", "refresh:same", "refresh:soon"],
    t,
  );
  const over = refreshes(asked(g), next);
  over.tick(60, () => ({ emit: pings(over, 2) })).hears();
  over.tick(100, () => ({ emit: pings(over, 3) })).hears();
  over.tick(50, () => ({ emit: [...pings(over, 2), soon(over)] }));
  over.tick(59, () => ({ emit: pings(over, 2) }));
  over.tick(1, (peer) => peer.end(EXPIRED, { rcv: peer.seq }));
  g.bad(
    "refreshed-end",
    "the end of the new token is reached, 60 seconds after another auth-soon",
    ["refresh:replace", "refresh:soon", "sr:end"],
    over,
    EXPIRED,
    { from: "refreshed" },
  );
  const shorter = g.life().tick(10);
  refreshes(shorter, tokenOf(proof, { jti: "token-2", exp: CLOCK + 95 }), { exp: CLOCK + 95 });
  shorter.tick(85, (peer) => {
    const emit = [...pings(shorter, 1), soon(shorter), ...pings(shorter, 2)];
    const end = peer.end(EXPIRED, { rcv: peer.seq });
    return { ...end, emit: [...emit, ...(end.emit as Message[])] };
  });
  g.bad("refreshed-earlier", "the new token ends earlier than the old one", ["refresh:replace"], shorter, EXPIRED, {
    from: "refreshed",
  });
  const near = g.life().tick(10);
  refreshes(near, tokenOf(proof, { jti: "token-2", exp: CLOCK + 70 }), { exp: CLOCK + 70 });
  near.tick(60, (peer) => {
    const emit = pings(near, 2);
    const end = peer.end(EXPIRED, { rcv: peer.seq });
    return { ...end, emit: [...emit, ...(end.emit as Message[])] };
  });
  g.bad("refreshed-near", "the new token ends in 60 seconds: no auth-soon", ["refresh:soon"], near, EXPIRED, {
    from: "refreshed",
  });
  const long = refreshes(asked(g), tokenOf(proof, { exp: CLOCK + 100000 }), { exp: CLOCK + 86400 });
  g.ok("longest", "exp of auth-ok is at most a day behind SR", ["refresh:replace"], long);
  const narrow = asked(g).hears();
  refreshes(narrow, tokenOf(proof, { exp: CLOCK + 310, scope: "chat.read" }), { scp: ["chat.read"] });
  narrow.recv(narrow.peer.message(), {
    refused: [{ seq: narrow.peer.seq, error: "E_DENIED", step: "authorize" }],
    emit: [narrow.peer.answers({ top: "err", code: "E_DENIED", ref: narrow.peer.seq })],
  });
  refreshes(narrow, next).hears();
  g.ok(
    "narrowed",
    "a token without the scope chat.say, then one with it: every item is decided by the scopes of its moment",
    ["refresh:replace", "auth:deny-default"],
    narrow,
    { scopes: { "chat.say": "chat.say" } },
  );
  const two = asked(g);
  const burst = [two.peer.control({ top: "auth", at: next }), two.peer.control({ top: "auth", at: "x" })];
  const ok = { top: "auth-ok", ref: 1, exp: CLOCK + 310, scp: SCOPES, rcv: 1 };
  two.recv(burst[0] as Message, {
    emit: [two.peer.answers(ok)],
    refreshed: { scp: SCOPES, exp: CLOCK + 310 },
  });
  two.recv(burst[1] as Message, { emit: [two.peer.answers({ top: "auth-no", ref: 2 })], notRefreshed: true });
  two.tick(60, () => ({ emit: pings(two, 2) }));
  g.ok("two", "a good token and then a bad one: the good one stays", ["refresh:answer"], two);
  const keyed = asked(g).proposes();
  refreshes(keyed, next).answered().acked().hears();
  g.ok("rekey", "a refresh inside a rekey", ["refresh:answer", "rekey:send-new"], keyed);
}

function refused(g: LifeGroup, proof: string | undefined): void {
  const no = (name: string, mutation: string, at: string, slug = "refresh:same"): void => {
    const t = ends(refuses(asked(g), at));
    g.bad(name, mutation, [slug, "sr:end"], t, EXPIRED, { from: "refreshed" });
  };
  const token = (over: Claims, header: Claims = {}, signer?: string): string =>
    tokenOf(proof, { jti: "token-2", exp: CLOCK + 310, ...over }, header, signer);
  no("sub", "another subject", token({ sub: "mallory" }));
  no("sub-case", "the subject in another case", token({ sub: "Alice" }));
  no("iss", "the same subject at another issuer", token({ iss: OTHER_ISSUER }, {}, "other issuer ES256"));
  no("client-id", "another client_id", token({ client_id: "other-app" }));
  no("client-id-missing", "no client_id", token({ client_id: undefined }));
  if (proof === undefined) {
    no("key-bound", "a key-bound token in the session of a bearer token", token(boundTo(jwkOf("client Ed25519"))));
  } else {
    no("bearer", "a bearer token in the session of a key-bound one", token({ cnf: undefined }));
    no("jkt", "a token that is bound to another key", token(boundTo(jwkOf("stranger Ed25519"))));
  }
  no("expired", "the token has expired", token({ exp: CLOCK + 40 }));
  no("not-yet", "nbf lies in the future", token({ nbf: CLOCK + 200 }), "refresh:same");
  no("aud", "the token is for another server", token({ aud: "https://other.example" }));
  no("typ", "typ of the token is JWT", token({}, { typ: "JWT" }));
  no("signature", "the token is signed by a stranger", token({}, {}, "stranger ES256"));
  no("no-jwt", "at is no JWT", "x", "refresh:answer");
  no("empty", "at is an empty string", "", "refresh:answer");
  no("size", "the token has more than 8192 bytes", token({ fill: "x".repeat(8192) }), "token:size");
  const t = asked(g);
  t.step({ op: "revoke", by: { tokenId: "token-2", issuer: ISSUER } });
  ends(refuses(t, token({})));
  g.bad("revoked", "the token is revoked", ["refresh:same", "revoke:token"], t, EXPIRED, { from: "refreshed" });
  const late = g.life();
  late.tick(100, (peer) => {
    const emit = [...pings(late, 1), soon(late), ...pings(late, 2)];
    const end = peer.end(EXPIRED, { rcv: peer.seq });
    return { ...end, emit: [...emit, ...(end.emit as Message[])] };
  });
  g.bad("silent", "no token comes", ["refresh:soon", "sr:end"], late, EXPIRED, { from: "refreshed" });

  const CLAIMS: Verdict = ["E_CLAIMS", "claims"];
  const fatal = (name: string, mutation: string, slug: string, claims: Claims): void => {
    const bad = asked(g);
    bad.fails(bad.peer.control(claims), CLAIMS);
    g.bad(name, mutation, [slug], bad, CLAIMS, { from: "refreshed" });
  };
  fatal("at-missing", "auth has no at", "ctl:members", { top: "auth" });
  fatal("at-number", "at is a number", "ctl:members", { top: "auth", at: 1 });
  fatal("from-client-ok", "a client sends auth-ok", "ctl:direction", {
    top: "auth-ok",
    ref: 1,
    exp: CLOCK + 310,
    scp: SCOPES,
    rcv: 2,
  });
  fatal("from-client-no", "a client sends auth-no", "ctl:direction", { top: "auth-no", ref: 1, rcv: 2 });
  fatal("from-client-soon", "a client sends auth-soon", "ctl:direction", { top: "auth-soon" });
  fatal("direction-first", "auth-soon of a client, and rcv is wrong", "ctl:direction", { top: "auth-soon", rcv: 9 });
}

/** When auth-soon is sent, and when not. */
function timing(): Group {
  const g = new LifeGroup("refresh", "soon", SECTION, { role: "server" });
  const withEnd = (life: number, limits: Values = {}): { t: Life; init: Values } => {
    const end = Math.min(life, (limits.sessionSeconds as number | undefined) ?? life);
    const token = tokenOf(undefined, { exp: CLOCK + life });
    const { ready } = g.scene.setup;
    return { t: g.life({ setup: { token, ready: { ...ready, exp: CLOCK + end } } }), init: { limits } };
  };
  g.ok("message", "a message is delivered", ["hs:states"], g.life().hears());
  const end = (t: Life, seconds: number, beats: () => Message[]): Life =>
    t.tick(seconds, (peer) => {
      const emit = beats();
      const last = peer.end(EXPIRED, { rcv: peer.seq });
      return { ...last, emit: [...emit, ...(last.emit as Message[])] };
    });
  const bad = (name: string, mutation: string, t: Life, init: Values = {}): void =>
    g.bad(name, mutation, ["refresh:soon", "sr:end"], t, EXPIRED, { init });
  const shortest = withEnd(60);
  end(shortest.t, 60, () => pings(shortest.t, 1));
  bad("sixty", "a session of 60 seconds: it does not live longer than refreshSeconds", shortest.t);
  const longer = withEnd(61);
  longer.t.tick(1, () => ({ emit: [soon(longer.t)] }));
  end(longer.t, 60, () => pings(longer.t, 2));
  bad("sixty-one", "a session of 61 seconds", longer.t);
  const both = withEnd(120);
  both.t.tick(54, () => ({ emit: pings(both.t, 1) }));
  both.t.tick(6, () => ({ emit: [soon(both.t), ...pings(both.t, 1)] })).hears();
  end(both.t, 60, () => pings(both.t, 1));
  bad("with-ping", "auth-soon in these six seconds, at the latest together with a ping and before it", both.t);
  const lowered = withEnd(100, { refreshSeconds: 5 });
  lowered.t.tick(94, () => ({ emit: pings(lowered.t, 3) })).tick(1, () => ({ emit: [soon(lowered.t)] }));
  end(lowered.t, 5, () => []);
  bad("lowered", "refreshSeconds is 5", lowered.t, lowered.init);
  const longest = withEnd(3600, { sessionSeconds: 100 });
  end(longest.t, 100, () => pings(longest.t, 3));
  bad("longest-life", "the end is that of the longest life: no token can move it", longest.t, longest.init);
  const capped = withEnd(100, { sessionSeconds: 200 });
  capped.t.tick(40, () => ({ emit: [...pings(capped.t, 1), soon(capped.t)] }));
  refreshes(capped.t, tokenOf(undefined, { jti: "token-2", exp: CLOCK + 3600 }), { exp: CLOCK + 200 });
  capped.t.tick(100, () => ({ emit: pings(capped.t, 3) })).hears();
  end(capped.t, 60, () => pings(capped.t, 2));
  bad(
    "capped",
    "a refresh moves the end to that of the longest life, before which nobody asks again",
    capped.t,
    capped.init,
  );
  return g.group;
}

export function refreshServer(): Group[] {
  const groups = (["bearer", "key-bound"] as const).map((name) => {
    const proof: Alg | undefined = name === "bearer" ? undefined : "Ed25519";
    const label = proof && `client ${proof}`;
    const g = new LifeGroup("refresh", `server-${name}`, SECTION, {
      role: "server",
      wire: name === "bearer" ? "binary" : "text",
      level: name === "bearer" ? "mac" : "sig",
      ...(proof === undefined ? {} : { proof }),
      token: { exp: END },
      setup: { ready: { exp: END, sub: "alice", scp: SCOPES } },
      init: {
        issuers: [
          { issuer: ISSUER, keys: { keys: [$public("issuer ES256")] } },
          { issuer: OTHER_ISSUER, keys: { keys: [$public("other issuer ES256")] } },
        ],
      },
    });
    g.ok("message", "a message is delivered", ["hs:states"], g.life().hears());
    accepted(g, label);
    refused(g, label);
    return g.group;
  });
  return [...groups, timing()];
}
