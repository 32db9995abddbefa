// How an open session ends: in order, after a fault behind its bye, and in silence.
import type { Message } from "../kit/jose.ts";
import { demand, ENDINGS, endsAfterBye } from "./check.ts";
import { good, type SessionCheck, type SessionTarget } from "./checks-session.ts";
import { isClosed } from "./connection.ts";
import type { Peer } from "./peer.ts";

/** Both are sent at once, so that no honest end can come before the fault. */
function afterBye(what: string, make: (peer: Peer, target: SessionTarget) => Message): SessionCheck {
  return {
    name: `${what} after bye`,
    req: ["close:after-bye", "hs:states"],
    run: async (target) => {
      const peer = await target.open();
      peer.send(peer.control({ top: "bye" }), make(peer, target));
      await endsAfterBye(peer, ENDINGS.protocol);
    },
  };
}

export const closeChecks: readonly SessionCheck[] = [
  {
    name: "bye is answered with bye, then nothing more",
    req: ["close:bye-answer", "close:bye-last", "close:end"],
    run: async ({ open }) => {
      const peer = await open();
      peer.send(peer.control({ top: "bye" }));
      let byes = 0;
      for (;;) {
        const got = await peer.next();
        if (isClosed(got)) return demand(byes === 1 && got.code === 1000, `${byes} byes, then ${got.code}`);
        demand(byes === 0, "sent something after its bye");
        if (got.control && got.claims.top === "bye") {
          byes++;
          peer.o.connection.socket.close(1000, "normal");
        }
      }
    },
  },
  afterBye("a message", good),
  afterBye("a second bye", (peer) => peer.control({ top: "bye" })),
  {
    name: "nothing arrives for too long",
    req: ["ctl:idle"],
    slow: true,
    run: async ({ open, limit }) => {
      const peer = await open();
      const seconds = limit("idleSeconds");
      const deadline = Date.now() + (seconds + 10) * 1000;
      for (;;) {
        // Pings stay unanswered here.
        const got = await peer.o.connection.next((deadline - Date.now()) / 1000);
        if (isClosed(got)) return demand(got.code === 3008, `closed with ${got.code} in place of 3008`);
      }
    },
  },
];
