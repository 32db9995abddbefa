// The short forms of test-vectors/README.md, section 2.

export type Values = { readonly [name: string]: unknown };
export type Keys = { readonly [label: string]: Values };

interface Repetition {
  readonly prefix?: string;
  readonly repeat?: string;
  readonly n?: number;
  readonly suffix?: string;
}

const repeated = ({ prefix = "", repeat = "", n = 0, suffix = "" }: Repetition): string =>
  `${prefix}${repeat.repeat(n)}${suffix}`;

function keyOf(keys: Keys, label: unknown): Values {
  const key = typeof label === "string" && Object.hasOwn(keys, label) ? keys[label] : undefined;
  if (key === undefined) throw new Error(`keys.json has no key ${JSON.stringify(label)}`);
  return key;
}

/** The same value with every short form written out. */
export function expand(value: unknown, keys: Keys): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((element) => expand(element, keys));
  const entries = Object.entries(value);
  const [name, content] = entries.length === 1 ? (entries[0] as [string, unknown]) : ["", undefined];
  switch (name) {
    case "$key":
      return keyOf(keys, content);
    case "$public": {
      const { d: _, ...open } = keyOf(keys, content);
      return open;
    }
    case "$hex":
    case "$text":
      return repeated(content as Repetition);
    default:
      // fromEntries, unlike an assignment, keeps a member named __proto__.
      return Object.fromEntries(entries.map(([member, inner]) => [member, expand(inner, keys)]));
  }
}
