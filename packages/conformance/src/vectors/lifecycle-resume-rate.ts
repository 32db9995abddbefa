// A client that resumes more often than its server takes (specs/lifecycle.md, section 7).
import { set } from "../kit/handshake.ts";
import { wireJwk } from "../kit/keys.ts";
import type { Group } from "./file.ts";
import type { Verdict } from "./handshake-scene.ts";
import { jwkOf } from "./keys.ts";
import { Attempt, resumes } from "./lifecycle-attempt.ts";
import { type Life, LifeGroup, RES } from "./lifecycle-scene.ts";

const QUOTA: Verdict = ["E_QUOTA", "rate"];
const RESUME: Verdict = ["E_RESUME", "session"];

/** Two resumes at once, one more in each half minute. */
const TWO = { limits: { resumesPerMinute: 2 } };

/** Lost for the third time, and the client has never acknowledged the message. */
function used(g: LifeGroup): Life {
  const t = g.life().sends("chat.say", 1).lose();
  for (let i = 0; i < 2; i++) resumes(t, { heard: 0 }).lose();
  return t;
}

export function resumeRate(): Group[] {
  return (["text", "binary"] as const).map((wire) => {
    const g = new LifeGroup("resume", `rate-${wire}`, "7-resume", { role: "server", res: RES, wire, init: TWO });
    const req = ["resume:rate"];
    g.ok("message", "a message is delivered", ["hs:states"], g.life().hears());
    const rested = resumes(used(g).tick(31), { heard: 0 }).hears();
    g.ok("later", "two resumes, and half a minute later a third", req, rested);
    const over = used(g);
    new Attempt(over, { heard: 0 }).failsHello(QUOTA);
    g.bad("over", "the third resume in one instant", req, over, QUOTA, { from: "later" });
    const again = used(g);
    new Attempt(again, { heard: 0 }).failsHello(QUOTA);
    again.tick(29);
    new Attempt(again, { heard: 0 }).failsHello(QUOTA);
    resumes(again.tick(2), { heard: 0 }).hears();
    g.ok("again", "what is rejected takes nothing, and the session stays as it is", req, again);
    const full = resumes(g.life().lose().tick(100)).lose();
    resumes(full).lose();
    new Attempt(full).failsHello(QUOTA);
    g.bad("full", "a hundred seconds of rest are worth no more than a minute", req, full, QUOTA, { from: "later" });
    const repeated = g.life().hears().lose();
    for (let i = 0; i < 3; i++) new Attempt(repeated).hello().dropped();
    resumes(repeated).hears();
    g.ok("unconfirmed", "three CH without resumed take nothing", [...req, "resume:attempt"], repeated);
    const zero = { ...wireJwk(jwkOf("client ephemeral p256")), x: "A".repeat(43) };
    const first = used(g);
    new Attempt(first, { heard: 0, changes: { ch: { members: set({ kex: [zero] }) } } }).failsHello(QUOTA);
    g.bad("over-first", "the third resume, and the key is none", [...req, "level:order"], first, QUOTA, {
      from: "later",
    });
    const behind = used(g);
    new Attempt(behind, { heard: 2 }).failsHello(RESUME);
    g.bad("over-last", "the third resume, and rcv cannot be", [...req, "resume:same"], behind, RESUME, {
      from: "later",
    });
    return g.group;
  });
}
