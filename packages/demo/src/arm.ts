import { findAttack } from "./attacks/index.ts";
import type { Relay } from "./relay.ts";

/** Arms the relay: on a session at once, for a handshake at the next connection with this tag. */
export function armAttack(relay: Relay, id: string, tag: string, other?: string): void {
  const attack = findAttack(id);
  if (attack.on === "client")
    throw new RangeError(`"${id}" needs no relay: the client itself comes with bad credentials.`);
  const reach = { other: other === undefined ? undefined : relay.find(other) };
  if (attack.on === "handshake") {
    relay.plan(tag, attack.arm(reach));
    return;
  }
  const connection = relay.find(tag);
  if (!connection?.open) throw new RangeError("The relay has no open connection of this name; connect first.");
  attack.arm(connection, reach);
}
