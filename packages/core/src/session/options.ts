import { DEFAULT_LIMITS, FIXED_LIMITS, type Limits } from "../registry.generated.ts";

/** setTimeout fires at once beyond it. */
const LONGEST_TIMER_SECONDS = 2_147_483;

/** What nobody needs, and what would take memory at every handshake or switch the limit off. */
const LARGEST: Readonly<Record<string, number>> = { replayWindow: 2 ** 20, replayDrops: 1024, ticketSeconds: 30 };

/** The default limits with what the application changes. @throws TypeError for a name or value that is no limit */
export function limitsOf(changes: Partial<Limits> = {}): Limits {
  const limits: Record<string, number> = { ...DEFAULT_LIMITS };
  for (const [name, value] of Object.entries(changes)) {
    if (!Object.hasOwn(DEFAULT_LIMITS, name)) throw new TypeError(`limits: there is no limit ${name}`);
    if (value === undefined) continue;
    if (FIXED_LIMITS.has(name)) throw new TypeError(`limits.${name} is part of the protocol: the peer counts on it`);
    if (!(Number.isFinite(value) && value > 0)) throw new TypeError(`limits.${name} is not a positive number`);
    if (name.startsWith("replay") && !Number.isInteger(value)) throw new TypeError(`limits.${name} is a whole number`);
    if (value > (LARGEST[name] ?? Number.POSITIVE_INFINITY))
      throw new TypeError(`limits.${name} is at most ${LARGEST[name]}`);
    if (name.endsWith("Seconds") && value > LONGEST_TIMER_SECONDS) throw new TypeError(`limits.${name} is too long`);
    limits[name] = value;
  }
  if ((limits.messageBytes as number) < DEFAULT_LIMITS.messageBytesMin) {
    throw new TypeError(`limits.messageBytes is below ${DEFAULT_LIMITS.messageBytesMin}, the least of the protocol`);
  }
  return limits as unknown as Limits;
}

/** Checks an option that lists names of the registry in the order of preference. @throws TypeError */
export function namesOf<T extends string>(option: string, value: readonly T[], known: readonly T[]): readonly T[] {
  if (!Array.isArray(value) || value.length === 0) throw new TypeError(`${option} is not a list, or empty`);
  for (const name of value) if (!known.includes(name)) throw new TypeError(`${option}: one of ${known.join(", ")}`);
  if (new Set(value).size !== value.length) throw new TypeError(`${option} names something twice`);
  return value;
}
