// What a server remembers of messages that may come again, and sessions that have none (specs/lifecycle.md, section 8).
import type { Claims } from "../kit/messages.ts";
import type { Group } from "./file.ts";
import { tokenOf, type Values, type Verdict } from "./handshake-scene.ts";
import { dropped, ONE, received, reopens, sends, TWO, unstored } from "./lifecycle-idempotent.ts";
import { type Life, LifeGroup } from "./lifecycle-scene.ts";

/** Who a message with jti is of, and how long it is remembered. */
export function stores(g: LifeGroup): void {
  const { now } = g.scene.setup;
  const proof = g.scene.options.proof && `client ${g.scene.options.proof}`;
  const lost = (t: Life): Life => {
    t.state = "closed";
    return t.step(
      { op: "drop" },
      { error: { error: "E_TRUNCATED", step: "local" }, ended: { clean: false, truncated: true } },
    );
  };
  const comes = (over: Claims, ready: Claims = {}): Life => {
    const t = lost(received(g.life(), ONE));
    const { setup } = g.scene;
    return reopens(t, () => [], { token: tokenOf(proof, over), ready: { ...setup.ready, ...ready } });
  };
  const other = dropped(comes({ jti: "token-2", client_id: "other-app" }), ONE);
  g.ok("same-client", "another token of the same client", ["idem:store"], other);
  const bob = comes({ jti: "token-2", sub: "bob" }, { sub: "bob" });
  if (proof === undefined)
    g.ok("other-client", "a bearer client is known by issuer and subject", ["idem:store"], received(bob, ONE));
  else g.ok("other-client", "a key-bound client is known by its key alone", ["idem:store"], dropped(bob, ONE));
  const kept = received(g.life(), ONE, { exp: now + 10 });
  const pings = (n: number): Values => ({ emit: Array.from({ length: n }, () => kept.peer.answers({ top: "ping" })) });
  dropped(
    kept.tick(69, () => pings(2)),
    ONE,
  );
  received(kept.tick(2), ONE);
  g.ok(
    "kept",
    "a jti is known until exp + 60 seconds: what comes at 69 is dropped, at 71 delivered",
    ["idem:store"],
    kept,
  );
  const began = { store: "new" };
  const first = { iat: now + 1 };
  const fresh = dropped(received(g.life(), ONE, first), ONE, first);
  g.ok(
    "began-empty",
    "a store that began empty: what was issued later than SH was never sent before, what was sent here is known",
    ["idem:closed", "store:start"],
    unstored(fresh, { jti: TWO, iat: now }),
    began,
  );
  const late = lost(g.life()).tick(40);
  reopens(late, () => []);
  received(unstored(late, { jti: ONE, iat: now + 30 }), TWO, { iat: now + 31 });
  g.ok(
    "began-empty-later",
    "another session 40 seconds later: its pause is over for what was issued from 31 on",
    ["store:start"],
    late,
    began,
  );
  const wrong = unstored(g.life(), { jti: ONE, iat: now });
  wrong.peer.seq--;
  const replay: Verdict = ["E_REPLAY", "claims"];
  wrong.fails(wrong.peer.message({ jti: ONE, iat: now + 1 }), replay, wrong.peer.seq);
  g.bad("began-empty-number", "the refused number comes again", ["idem:closed", "seq:consumed"], wrong, replay, {
    from: "began-empty",
    init: began,
  });
}

/** Sessions that keep no message for another one. */
export function withoutKeeping(section: string): Group[] {
  const windowed = new LifeGroup("idempotent", "client-window", section, { role: "client", order: "window" });
  windowed.ok("message", "a message is delivered", ["hs:states"], windowed.life().hears());
  const refused = windowed.life().sends("chat.say", 1);
  refused.step({ op: "send", top: "chat.say", data: 2, idempotent: ONE }, { thrown: { error: "TypeError" } });
  windowed.ok(
    "refused",
    "there are none in window order: a mistake of the caller",
    ["idem:only"],
    refused.sends("chat.say", 3),
  );
  const short = new LifeGroup("idempotent", "client-none", section, { role: "client" });
  short.ok("message", "a message is delivered", ["hs:states"], short.life().hears());
  const t = sends(short.life(), ONE, 1);
  t.state = "closed";
  t.step({ op: "drop" }, { error: { error: "E_TRUNCATED", step: "local" }, ended: { clean: false, truncated: true } });
  reopens(t, () => [], {}, []);
  short.ok("new-session", "with pol.res 0 nothing is kept: it is not sent in the next session", ["idem:only"], t);
  return [windowed.group, short.group];
}
