import { CLIENT_ATTACKS, HANDSHAKE_ATTACKS } from "./in-handshake.ts";
import { SESSION_ATTACKS } from "./in-session.ts";
import type { Attack } from "./types.ts";

export { runAttack } from "./run.ts";
export { type Attack, type Expected, expectedOn, type WireName } from "./types.ts";

/** The one table of attacks: the page draws its cards, `--once` and the tests run it. */
export const ATTACKS: readonly Attack[] = [...SESSION_ATTACKS, ...HANDSHAKE_ATTACKS, ...CLIENT_ATTACKS];

export function findAttack(id: string): Attack {
  const attack = ATTACKS.find((a) => a.id === id);
  if (!attack) throw new RangeError(`There is no attack "${id}"; known are ${ATTACKS.map((a) => a.id).join(", ")}.`);
  return attack;
}
