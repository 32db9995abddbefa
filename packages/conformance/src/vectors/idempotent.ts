// Messages that outlive their session, as scripts.
import type { Generator, Group } from "./file.ts";
import { clientAgain, serverOnce } from "./lifecycle-idempotent.ts";
import { stores, withoutKeeping } from "./lifecycle-idempotent-store.ts";
import { LifeGroup, RES } from "./lifecycle-scene.ts";

const SECTION = "8-messages-that-outlive-their-session";

export const generate: Generator = () => {
  const groups: Group[] = [];
  for (const wire of ["text", "binary"] as const) {
    const level = wire === "text" ? "sig" : "mac";
    const proof = wire === "text" ? ({ proof: "Ed25519" } as const) : {};
    const codec = wire === "text" ? "json" : "cbor";
    const c = new LifeGroup("idempotent", `client-${wire}`, SECTION, {
      role: "client",
      wire,
      level,
      codec,
      res: RES,
      ...proof,
    });
    clientAgain(c);
    const s = new LifeGroup("idempotent", `server-${wire}`, SECTION, { role: "server", wire, level, codec, ...proof });
    serverOnce(s);
    stores(s);
    groups.push(c.group, s.group);
  }
  return [...groups, ...withoutKeeping(SECTION)];
};
