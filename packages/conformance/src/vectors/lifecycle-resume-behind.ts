// A peer that asks for more numbers again than an end sends again, at both ends (specs/lifecycle.md, section 7).
import { set } from "../kit/handshake.ts";
import { wireJwk } from "../kit/keys.ts";
import type { Group } from "./file.ts";
import type { Values, Verdict } from "./handshake-scene.ts";
import { jwkOf } from "./keys.ts";
import { Attempt, resumes } from "./lifecycle-attempt.ts";
import { type Life, LifeGroup, RES } from "./lifecycle-scene.ts";

const RESUME: Verdict = ["E_RESUME", "session"];
/** One kept message, two `void` that are free and two of a full budget: five numbers. */
const SMALL: Values = { limits: { retainedMessages: 1, controlBurst: 2 } };

/** A message of the peer, and the `ack` that it takes. */
const acknowledges = (t: Life): Life => t.hears().tick(2, () => ({ emit: [t.peer.answers({ top: "ack" })] }));

/** One message and so many `ack` were sent, and nothing of that arrived. */
function lost(g: LifeGroup, acks: number): Life {
  const t = g.life().sends("chat.say", 1);
  for (let i = 0; i < acks; i++) acknowledges(t);
  return t.lose();
}

export function resumeBehind(): Group[] {
  return (["client", "server"] as const).map((role) => {
    const client = role === "client";
    const suite = client ? "p256" : "x25519";
    const g = new LifeGroup("resume", `behind-${role}`, "7-resume", {
      role,
      res: RES,
      wire: client ? "text" : "binary",
      suite,
      init: SMALL,
    });
    const req = ["resume:bounded"];
    g.ok("message", "a message is delivered", ["hs:states"], g.life().hears());
    const all = resumes(lost(g, 4), { heard: 0 }).hears();
    g.ok("all", "nothing of five numbers arrived: all of them are sent again", [...req, "resume:void"], all);
    const more = lost(g, 5);
    new Attempt(more, { heard: 0 }).failsHello(RESUME);
    g.bad("more", "nothing of six numbers arrived", req, more, RESUME, { from: "all" });
    const later = lost(g, 5);
    new Attempt(later, { heard: 0 }).failsHello(RESUME);
    resumes(later, { heard: 1 }).hears();
    g.ok("later", "the session stays as it is: who asks for less on the next connection gets it", req, later);
    const zero = { ...wireJwk(jwkOf(`${client ? "server" : "client"} ephemeral ${suite}`)), x: "A".repeat(43) };
    const first = lost(g, 5);
    const hello = { members: set(client ? { epk: zero } : { kex: [zero] }) };
    new Attempt(first, { heard: 0, changes: client ? { sh: hello } : { ch: hello } }).failsHello(RESUME);
    g.bad("more-first", "nothing of six numbers arrived, and the key is none", [...req, "level:order"], first, RESUME, {
      from: "all",
    });
    return g.group;
  });
}
