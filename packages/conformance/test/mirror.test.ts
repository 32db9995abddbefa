// The building blocks of the vectors against themselves: what a client is to send is what a server is to hear, byte for byte, and the reverse.
import { describe, expect, test } from "vitest";
import type { Role } from "../src/kit/peer.ts";
import { LEVELS, type Values } from "../src/vectors/handshake-scene.ts";
import { resumes } from "../src/vectors/lifecycle-attempt.ts";
import { type Life, LifeGroup, RES } from "../src/vectors/lifecycle-scene.ts";

const SCENES = LEVELS.flatMap((level) =>
  (["text", "binary"] as const).flatMap((wire) => (["json", "cbor"] as const).map((codec) => ({ level, wire, codec }))),
);

/** One life of a session, seen from either end. */
function story(role: Role, scene: (typeof SCENES)[number]): Life {
  const signed = scene.level === "sig" || scene.level === "nest";
  const options = { ...scene, role, res: RES, ...(signed ? { proof: "Ed25519" as const } : {}) };
  const t = new LifeGroup("resume", "mirror", "7-resume", options).life();
  const client = role === "client";
  const says = (who: Role, data: number): Life => (who === role ? t.sends("chat.say", data) : t.hears({ dat: data }));
  says("client", 1);
  says("server", 2);
  if (client) t.proposes();
  else t.answers();
  if (client) t.answered();
  // Each ack is sealed before the other one is there.
  else t.confirms({ rcv: t.peer.own - 1 });
  if (client) t.acked({ rcv: t.peer.own - 1 });
  says("client", 3);
  says("server", 4);
  // What is lost is sealed all the same, and comes again.
  if (client) t.sends("chat.say", 5);
  else t.peer.message({ dat: 5 });
  t.lose();
  const heard = client ? t.peer.own - 1 : t.peer.own;
  resumes(t, client ? { heard } : { heard, own: t.peer.seq - 1 });
  if (!client) t.recv(t.peer.again("in", t.peer.seq)[0] as object, { deliver: [] });
  says("server", 6);
  return t;
}

/** Everything that went in either direction, in order. */
function traffic({ script }: Life, role: Role): Record<Role, string[]> {
  const sent: Record<Role, string[]> = { client: [], server: [] };
  const other: Role = role === "client" ? "server" : "client";
  script.steps.forEach((step, i) => {
    const { emit = [] } = script.outcomes[i] as { emit?: object[] };
    if (step.op === "recv") sent[other].push(JSON.stringify((step as Values).message));
    for (const message of emit) sent[role].push(JSON.stringify(message));
  });
  return sent;
}

describe("both ends of one session say the same bytes", () => {
  for (const scene of SCENES) {
    test(Object.values(scene).join(", "), () => {
      const client = traffic(story("client", scene), "client");
      const server = traffic(story("server", scene), "server");
      // The message that was lost is in the client's script alone.
      const lost = client.client.findIndex((message) => !server.client.includes(message));
      expect(lost).toBeGreaterThan(0);
      client.client.splice(lost, 1);
      expect(client.client).toEqual(server.client);
      expect(client.server).toEqual(server.server);
    });
  }
});
