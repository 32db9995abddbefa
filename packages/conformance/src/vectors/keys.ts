// Every key that a vector names, by its label. The last word of a label is the kind of its key.
import { type Jwk, type Kind, key } from "../kit/keys.ts";

const KINDS: ReadonlySet<string> = new Set<Kind>(["ES256", "Ed25519", "p256", "x25519"]);
/** Labels that the examples of the specification use. */
const NAMED: Readonly<Record<string, Kind>> = { "client proof": "ES256", "server identity": "ES256" };

const made = new Map<string, Jwk>();

function kindOf(label: string): Kind {
  const word = label.slice(label.lastIndexOf(" ") + 1);
  const kind = NAMED[label] ?? (KINDS.has(word) ? (word as Kind) : undefined);
  if (kind === undefined) throw new Error(`the label "${label}" does not end with the kind of its key`);
  return kind;
}

/** The private JWK of a label. */
export function jwkOf(label: string): Jwk {
  const jwk = made.get(label) ?? key(label, kindOf(label));
  made.set(label, jwk);
  return jwk;
}

/** In a vector: the private JWK. */
export function $key(label: string): { readonly $key: string } {
  jwkOf(label);
  return { $key: label };
}

/** In a vector: the JWK without `d`. */
export function $public(label: string): { readonly $public: string } {
  jwkOf(label);
  return { $public: label };
}
