// A server that learns of a revocation (specs/lifecycle.md, section 5).
import type { Handshake } from "../kit/handshake.ts";
import { thumbprint } from "../kit/keys.ts";
import type { Claims } from "../kit/messages.ts";
import { failedAttempt, Peer } from "../kit/peer.ts";
import { CLOCK, type Group } from "./file.ts";
import { ISSUER, tokenOf, type Values, type Verdict } from "./handshake-scene.ts";
import { jwkOf } from "./keys.ts";
import { type Life, LifeGroup } from "./lifecycle-scene.ts";

const SECTION = "5-revocation";
const REVOKED: Verdict = ["E_REVOKED", "session"];
const TOKEN: Verdict = ["E_TOKEN", "claims"];
const PROOF = "client Ed25519";
/** Default of limit skewSeconds. */
const SKEW = 30;

/** The session is taken away. */
function revokes(t: Life, by: Values): Life {
  const end = t.peer.end(REVOKED, { rcv: t.peer.seq });
  t.step({ op: "revoke", by }, end);
  t.state = "closed";
  return t;
}

/** The client comes back with a token. */
function returns(t: Life, over: Claims): { readonly handshake: Handshake; readonly message: object } {
  const handshake = t.reopen({ token: tokenOf(PROOF, over) });
  return { handshake, message: handshake.message("ca") };
}

function opens(t: Life, over: Claims): Life {
  const { handshake, message } = returns(t, over);
  t.peer = new Peer(handshake, "server");
  t.state = "open";
  t.recv(message, { emit: [handshake.message("sr")], opened: t.peer.opened });
  return t.hears();
}

function fails(t: Life, over: Claims): Life {
  const { message } = returns(t, over);
  return t.recv(message, failedAttempt("server", t.wire, t.conn, TOKEN, 3000));
}

interface Kind {
  readonly name: string;
  readonly what: string;
  readonly by: (t: Life) => Values;
  /** Names nothing of this session. */
  readonly other: Values;
  /** Tokens that are revoked with it, and one that is not. */
  readonly bad: readonly (readonly [name: string, mutation: string, token: Claims])[];
  readonly good: Claims;
  /** Seconds until the good one can be. */
  readonly wait?: number;
}

const KINDS: readonly Kind[] = [
  {
    name: "session",
    what: "by its sid",
    by: (t) => ({ session: t.peer.handshake.sid }),
    other: { session: "A".repeat(22) },
    bad: [["token", "the token of the revoked session comes again", {}]],
    good: { jti: "token-2" },
  },
  {
    name: "token-id",
    what: "by the jti of its token",
    by: () => ({ tokenId: "token-1", issuer: ISSUER }),
    other: { tokenId: "token-1", issuer: "https://other.example" },
    bad: [
      ["token", "the revoked token comes again", {}],
      ["token-renewed", "another token with the revoked jti", { exp: CLOCK + 7200 }],
    ],
    good: { jti: "token-2" },
  },
  {
    name: "subject",
    what: "by its subject and a time, which is the second after the token's iat",
    by: () => ({ subject: "alice", issuer: ISSUER, issuedBefore: CLOCK - 59 }),
    other: { subject: "alice", issuer: ISSUER, issuedBefore: CLOCK - 60 },
    bad: [
      ["token", "the same token comes again", {}],
      ["token-other", "another token of the subject that is as old", { jti: "token-2" }],
      ["token-no-iat", "another token of the subject without iat", { jti: "token-2", iat: undefined }],
    ],
    good: { jti: "token-2", iat: CLOCK - 59 },
  },
  {
    name: "thumbprint",
    what: "by the thumbprint of its proof key",
    by: () => ({ thumbprint: thumbprint(jwkOf(PROOF)) }),
    other: { thumbprint: thumbprint(jwkOf("stranger Ed25519")) },
    bad: [["token", "another token that is bound to the revoked key", { jti: "token-2" }]],
    good: {},
  },
  {
    name: "subject-now",
    what: "by its subject alone: whatever was issued by now, also by a clock that is ahead",
    by: () => ({ subject: "alice", issuer: ISSUER }),
    other: { subject: "mallory", issuer: ISSUER },
    bad: [
      ["token", "another token of the subject that was issued in this second", { jti: "token-2", iat: CLOCK }],
      ["token-ahead", "another token of the subject, by a clock that is ahead", { jti: "token-2", iat: CLOCK + SKEW }],
    ],
    wait: 1,
    good: { jti: "token-2", iat: CLOCK + SKEW + 1 },
  },
];

/** A session that was refreshed before. */
function earlier(g: LifeGroup, { by }: Kind): void {
  const next = tokenOf(PROOF, { jti: "token-2" });
  const refreshed = (): Life => {
    const t = g.life();
    const auth = t.peer.control({ top: "auth", at: next });
    const [exp, scp] = [CLOCK + 3600, ["chat.read", "chat.say"]];
    return t.recv(auth, { emit: [t.peer.answers({ top: "auth-ok", ref: 1, exp, scp })], refreshed: { scp, exp } });
  };
  for (const [id, jti] of [
    ["first", "token-1"],
    ["last", "token-2"],
  ]) {
    const t = refreshed();
    fails(revokes(t, by(t)), { jti });
    const mutation = `the ${id} token of a session that was refreshed comes again`;
    g.bad(`again-token-${id}`, mutation, ["revoke:token", "ca:coarse"], t, TOKEN, { from: "again" });
  }
}

export function revocations(): Group[] {
  return KINDS.map(({ name, what, by, other, bad, good, wait }, i) => {
    const g = new LifeGroup("refresh", `revoke-${name}`, SECTION, {
      role: "server",
      wire: i % 2 === 0 ? "text" : "binary",
      level: i % 2 === 0 ? "nest" : "aead",
      proof: "Ed25519",
    });
    g.ok("message", "a message is delivered", ["hs:states"], g.life().hears());
    const none = g.life().step({ op: "revoke", by: other }).hears();
    g.ok("other", "what is revoked is not of this session", ["revoke:end"], none);
    const t = g.life().hears().sends("chat.say", 1);
    revokes(t, by(t));
    g.bad("end", `the session is revoked ${what}`, ["revoke:end", "close:code", "close:fatal-bye"], t, REVOKED, {
      from: "other",
    });
    const keyed = g.life().answers();
    revokes(keyed, by(keyed));
    g.bad(
      "end-rekey",
      "the session is revoked inside a rekey",
      ["revoke:end", "rekey:send-new", "rekey:send-old"],
      keyed,
      REVOKED,
      {
        from: "other",
      },
    );
    if (name === "thumbprint") {
      const back = g.life();
      back.step({ op: "revoke", by: other });
      g.ok("again", "the key of the session is not revoked", ["revoke:token"], back.hears());
    } else {
      const back = g.life();
      revokes(back, by(back));
      if (wait !== undefined) back.tick(wait);
      opens(back, good);
      g.ok("again", "a token that is not revoked opens another session", ["revoke:token"], back);
    }
    for (const [id, mutation, token] of bad) {
      const back = g.life();
      fails(revokes(back, by(back)), token);
      g.bad(`again-${id}`, mutation, ["revoke:token", "ca:coarse"], back, TOKEN, { from: "again" });
    }
    if (name === "session") earlier(g, KINDS[i] as Kind);
    return g.group;
  });
}
