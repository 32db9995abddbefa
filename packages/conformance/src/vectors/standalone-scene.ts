// An issuer, a receiver and a group of vectors: what the files standalone-*.ts build on.
import { type Bytes, hex } from "../kit/bytes.ts";
import { type Claims, compact, type Envelope, envelopeMessage, type Faults, innerJws } from "../kit/envelopes.ts";
import { full, type Message } from "../kit/jose.ts";
import { type Jwk, publicJwk } from "../kit/keys.ts";
import { CLOCK, Group, type Step } from "./file.ts";
import { $public, jwkOf } from "./keys.ts";

type Values = Record<string, unknown>;
type Verdict = readonly [error: string, step: Step];

export type Alg = "ES256" | "Ed25519";
export type Curve = "p256" | "x25519";

export const ISSUER = "shop.example";
export const RECEIVER = "orders.example";
export const GROUP = "group:warehouse";
export const OTHER = "other.example";
export const JTI = "ABEiM0RVZneImaq7zN3u_w";
export const SECTION = "envelope.md#135-opening";

/** Recipient keys are configured with `alg`; `more` takes the place of members. */
export const recipientKey = (curve: Curve, more: Values = {}): Values => ({
  ...jwkOf(`recipient ${curve}`),
  alg: "ECDH-ES",
  ...more,
});

const jwks = (...labels: string[]): Values => ({ keys: labels.map($public) });

/** Whom the opener knows: the issuer with both of its keys, and another one. */
export const KEYS: Values = {
  [ISSUER]: jwks("sender ES256", "sender Ed25519"),
  [OTHER]: jwks("other ES256", "other Ed25519"),
};

export interface SceneOptions {
  readonly wire: "text" | "binary";
  readonly alg: Alg;
  /** Encrypted to a key on this curve. */
  readonly curve?: Curve;
}

export const idOf = ({ wire, alg, curve }: SceneOptions): string =>
  `${curve === undefined ? "signed" : `encrypted-${curve}`}-${alg.toLowerCase()}-${wire}`;

export const envelopeOf = ({ wire, alg, curve }: SceneOptions): Envelope => {
  const signed = { wire, signer: jwkOf(`sender ${alg}`) };
  if (curve === undefined) return signed;
  return { ...signed, recipient: jwkOf(`recipient ${curve}`), ephemeral: jwkOf(`sender ephemeral ${curve}`) };
};

/** What the opener knows, but for the message. */
export const openerContext = ({ curve }: SceneOptions): Values => ({
  audience: RECEIVER,
  keys: KEYS,
  ...(curve === undefined ? {} : { decryptionKey: recipientKey(curve) }),
  now: CLOCK,
});

export class Scene {
  readonly options: SceneOptions;
  readonly envelope: Envelope;
  readonly group: Group;

  constructor(options: SceneOptions) {
    this.options = options;
    this.envelope = envelopeOf(options);
    const context = openerContext(options);
    const id = `standalone/${idOf(options)}`;
    this.group = new Group(id, { level: "L1", section: SECTION, op: "standalone.open", context, fatal: false });
  }

  get encrypted(): boolean {
    return this.options.curve !== undefined;
  }
  /** The other issuer's key of the same algorithm. */
  get other(): Jwk {
    return jwkOf(`other ${this.options.alg}`);
  }
  /** A key that the opener does not know. */
  get stranger(): Jwk {
    return jwkOf(`stranger ${this.options.alg}`);
  }

  /** Honest claims; members of `over` take their place, and undefined ones are left out. */
  claims(over: Claims = {}): Claims {
    const life = { iat: CLOCK - 1, exp: CLOCK + 60 };
    return { iss: ISSUER, aud: RECEIVER, jti: JTI, ...life, top: "order.placed", dat: { order: 42 }, ...over };
  }

  text(over: Claims = {}, faults: Faults = {}): string {
    return compact(this.envelope, this.claims(over), faults);
  }

  message(over: Claims = {}, faults: Faults = {}): Message {
    return this.send(this.text(over, faults));
  }

  /** Claims as given, not as an honest sealer orders them. */
  raw(claims: Bytes | string): Message {
    return envelopeMessage(this.envelope, claims);
  }

  send(text: string): Message {
    return full(this.options.wire, text);
  }

  /** The signed object: what is inside, if anything is. */
  jws(over: Claims = {}, faults: Faults = {}): string {
    return this.encrypted ? innerJws(this.envelope, this.claims(over), faults) : this.text(over, faults);
  }

  opened(over: Claims = {}): Values {
    const { iss, aud, jti, iat, exp, top, ref, dat, bin } = this.claims(over);
    const data = bin === undefined ? (dat ?? null) : { $bytes: hex(Buffer.from(bin as string, "base64url")) };
    const answer = ref === undefined ? {} : { ref };
    return { iss, aud, jti, iat, exp, top, ...answer, data, encrypted: this.encrypted };
  }

  accept(name: string, comment: string, req: readonly string[], over: Claims = {}, input: Values = {}): void {
    this.group.accept(name, comment, req, { message: this.message(over), ...input }, this.opened(over));
  }

  refuse(
    name: string,
    mutation: string,
    req: string | readonly string[],
    message: Message,
    verdict: Verdict,
    { from = "json", ...input }: Values & { from?: string } = {},
  ): void {
    const slugs = typeof req === "string" ? [req] : req;
    this.group.refuse(name, from, mutation, slugs, { message, ...input }, verdict);
  }
}

/** In a vector: the public half of a JWK that is no key of keys.json as it stands there. */
export const asPublic = (jwk: Values): Values => ({ ...publicJwk(jwk as unknown as Jwk) });
