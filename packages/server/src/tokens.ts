import { type Limits, SealwireError } from "@sealwire/core";
import { type CryptoBackend, backend as defaultBackend, type VerifiedToken } from "@sealwire/core/internal";
import { createLocalJWKSet, decodeJwt, errors, type JSONWebKeySet, type JWTPayload, type JWTVerifyGetKey } from "jose";
import { discoveredKeys } from "./discovery.ts";
import type { Now } from "./issuer-fetch.ts";
import type { TokenPolicy } from "./options.ts";
import type { Principal } from "./principal.ts";
import type { Revocable } from "./revocation.ts";
import { remoteKeys } from "./token-keys.ts";
import { tokenReader } from "./token-signature.ts";

export interface CheckedToken extends VerifiedToken {
  readonly principal: Principal;
  /** The token itself, for evidence of signed messages and for a store; undefined where there is neither. */
  readonly token: string | undefined;
  /** As they were checked: the application has a copy. */
  readonly claims: JWTPayload;
  /** What a revocation can name of it. */
  readonly revocable: Revocable;
  /** Without `token`, which is larger than all the rest. */
  bare(): CheckedToken;
}

class Checked implements CheckedToken {
  readonly token: string | undefined;
  readonly scopes: readonly string[];
  readonly jkt: string | undefined;
  readonly claims: JWTPayload;
  #principal: Principal | undefined;

  constructor(token: string | undefined, claims: JWTPayload, scopes: readonly string[], jkt: string | undefined) {
    this.token = token;
    this.scopes = scopes;
    this.jkt = jkt;
    this.claims = claims;
  }

  get issuer(): string {
    return this.claims.iss as string;
  }
  get subject(): string {
    return this.claims.sub as string;
  }
  get clientId(): string | undefined {
    const { client_id } = this.claims;
    return typeof client_id === "string" ? client_id : undefined;
  }
  private get tokenId(): string | undefined {
    const { jti } = this.claims;
    return typeof jti === "string" ? jti : undefined;
  }
  get expiresAt(): number {
    return this.claims.exp as number;
  }

  /** Made when the application or its policy asks: a session that is idle holds no table of its scopes. */
  get principal(): Principal {
    this.#principal ??= {
      issuer: this.issuer,
      subject: this.subject,
      clientId: this.clientId,
      tokenId: this.tokenId,
      scopes: new Set(this.scopes),
      thumbprint: this.jkt,
      claims: { ...this.claims },
    };
    return this.#principal;
  }

  get revocable(): Revocable {
    const { issuer, subject, expiresAt, jkt: thumbprint } = this;
    const { iat } = this.claims;
    const issuedAt = typeof iat === "number" ? iat : undefined;
    return { issuer, subject, tokenId: this.tokenId, thumbprint, issuedAt, expiresAt };
  }

  bare(): CheckedToken {
    const bare = new Checked(undefined, this.claims, this.scopes, this.jkt);
    bare.#principal = this.#principal;
    return bare;
  }
}

/** `jkt`: what was recorded with a ticket for this token. @throws SealwireError E_TOKEN */
export type VerifyToken = (token: string, jkt?: string) => Promise<CheckedToken>;

interface Issuer {
  readonly policy: Required<Omit<TokenPolicy, "keys">>;
  readonly keys: JWTVerifyGetKey;
}

/** Base64url segments and nothing else: libraries accept white space, which gives one token many spellings. */
const COMPACT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;
const THUMBPRINT = /^[A-Za-z0-9_-]{43}$/;
/** An issuer's keys are public: with them anybody could make a token of these. */
const SYMMETRIC = /^(HS\d+|none)$/i;

/** Checks access tokens by RFC 9068: typ, signature, iss, aud, exp, sub, and a `cnf` this protocol can prove. */
export function tokenVerifier(
  policies: readonly TokenPolicy[],
  defaults: {
    readonly audience: string;
    readonly limits: Limits;
    /** Milliseconds. */
    readonly now?: () => number;
    readonly backend?: CryptoBackend;
  },
): VerifyToken {
  const { now = Date.now, backend = defaultBackend } = defaults;
  const read = tokenReader(backend);
  const issuers = new Map<string, Issuer>();
  for (const policy of policies) {
    if (typeof policy.issuer !== "string" || policy.issuer === "") throw new TypeError("tokens.issuer is missing");
    if (issuers.has(policy.issuer)) throw new TypeError(`tokens: issuer ${policy.issuer} is listed twice`);
    const symmetric = policy.algorithms?.find((alg) => SYMMETRIC.test(alg));
    if (symmetric !== undefined) throw new TypeError(`tokens.algorithms: ${symmetric} proves no issuer`);
    issuers.set(policy.issuer, {
      policy: {
        issuer: policy.issuer,
        audience: policy.audience ?? defaults.audience,
        typ: policy.typ ?? "at+jwt",
        algorithms: policy.algorithms ?? ["ES256", "Ed25519"],
        clockTolerance: toleranceOf(policy, defaults.limits),
      },
      keys: keysOf(policy, defaults.limits, now),
    });
  }
  if (issuers.size === 0) throw new TypeError("tokens: at least one issuer is needed");
  return async (token, jkt) => {
    const { issuer, claims } = selectIssuer(token, issuers);
    const { policy, keys } = issuer;
    const options = {
      issuer: policy.issuer,
      audience: policy.audience,
      typ: policy.typ,
      algorithms: [...policy.algorithms],
      clockTolerance: policy.clockTolerance,
      currentDate: new Date(now()),
      requiredClaims: ["exp", "sub"],
    };
    const payload = await read(token, keys, options, claims).catch((error: unknown) => explain(error, policy));
    return checked(token, payload, policy, now(), jkt);
  };
}

/** Seconds by which `iat` of a token that is accepted can be ahead of the clock here. */
export const toleranceOf = ({ clockTolerance }: TokenPolicy, { skewSeconds }: Pick<Limits, "skewSeconds">): number =>
  clockTolerance ?? skewSeconds;

function keysOf({ issuer, keys }: TokenPolicy, limits: Limits, now: Now): JWTVerifyGetKey {
  if (keys === undefined) return discoveredKeys(issuer, limits, now);
  return keys instanceof URL ? remoteKeys(keys, limits, now) : createLocalJWKSet(keys as unknown as JSONWebKeySet);
}

const refuse = (detail: string, cause?: unknown): never => {
  throw new SealwireError("E_TOKEN", { stage: "claims", detail, cause });
};

/** `iss` of the unverified payload only picks one of the configured issuers; their keys then decide. */
function selectIssuer(token: string, issuers: ReadonlyMap<string, Issuer>) {
  if (!COMPACT.test(token)) return refuse("the token is not a compact JWT");
  let claims: JWTPayload;
  try {
    claims = decodeJwt(token);
  } catch {
    return refuse("the token is not a JWT");
  }
  const { iss } = claims;
  const issuer = typeof iss === "string" ? issuers.get(iss) : undefined;
  return { issuer: issuer ?? refuse("the token's issuer is not configured in tokens"), claims };
}

/** What is wrong, and which option admits it; the error of jose names claims, never the token. */
function explain(error: unknown, policy: Issuer["policy"]): never {
  if (error instanceof SealwireError) throw error;
  const named = `issuer ${policy.issuer}`;
  if (error instanceof errors.JOSEAlgNotAllowed) {
    return refuse(`${named}: algorithm not among ${policy.algorithms.join(", ")}; see the option tokens.algorithms`);
  }
  if (error instanceof errors.JWTExpired) return refuse(`${named}: the token has expired`);
  if (error instanceof errors.JWTClaimValidationFailed) {
    const option = {
      typ: `typ is not ${policy.typ}; see the option tokens.typ`,
      aud: `aud does not contain ${policy.audience}; see the option tokens.audience`,
    }[error.claim];
    return refuse(`${named}: ${option ?? `${error.claim} is missing or wrong`}`);
  }
  if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys) {
    return refuse(`${named}: no key of the issuer fits the token`);
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) return refuse(`${named}: the signature does not verify`);
  if (error instanceof errors.JOSEError) return refuse(`${named}: ${error.code}`);
  return refuse(`${named}: the key set cannot be had`, error);
}

function checked(
  token: string,
  payload: JWTPayload,
  { issuer, audience, clockTolerance }: Issuer["policy"],
  now: number,
  ticketJkt: string | undefined,
): CheckedToken {
  const { sub, exp, iat, cnf } = payload;
  // jose takes exp: 1e400, which becomes Infinity.
  if (!Number.isSafeInteger(exp)) return refuse("exp is not an integer");
  // jose applies its tolerance here too; it does not lengthen a token (specs/session.md, section 6).
  if ((exp as number) <= now / 1000) return refuse("the token has expired");
  // jose looks at iat only where a longest age is asked for.
  if (iat !== undefined && !(typeof iat === "number" && iat <= now / 1000 + clockTolerance)) {
    return refuse("iat is in the future; see the option tokens.clockTolerance");
  }
  if (typeof sub !== "string" || sub.length > 256) return refuse("sub is not a string of at most 256 characters");
  const jkt = cnf === undefined ? undefined : thumbprintOf(cnf);
  if (jkt !== undefined && ticketJkt !== undefined && jkt !== ticketJkt)
    return refuse("the ticket names another key than its token");
  // The parser made texts of their own of what all tokens have.
  payload.iss = issuer;
  if (payload.aud === audience) payload.aud = audience;
  return checkedToken(token, payload, jkt ?? ticketJkt);
}

/** From claims that were checked. `jkt` is `cnf.jkt`, or what was recorded with a ticket. */
export function checkedToken(token: string, payload: JWTPayload, jkt: string | undefined): CheckedToken {
  return new Checked(token, payload, scopesOf(payload), jkt);
}

/** Same issuer, subject, client and class: what a refresh, and a token beside a resume, may not change. */
export function sameHolder(a: CheckedToken, b: CheckedToken): boolean {
  return a.issuer === b.issuer && a.subject === b.subject && a.clientId === b.clientId && a.jkt === b.jkt;
}

/** A confirmation that this protocol cannot prove must not pass for none. */
function thumbprintOf(cnf: unknown): string {
  const members = typeof cnf === "object" && cnf !== null ? Object.entries(cnf) : [];
  const [name, value] = members[0] ?? [];
  if (members.length !== 1 || name !== "jkt" || typeof value !== "string" || !THUMBPRINT.test(value)) {
    return refuse("cnf is something else than one jkt");
  }
  return value;
}

/** Of the last few texts: the tokens of many sessions grant the same. Frozen, since the application sees them. */
const SCOPES = new Map<string, readonly string[]>();
const REMEMBERED = 64;

function scopesIn(text: string): readonly string[] {
  const scopes = SCOPES.get(text) ?? Object.freeze(text.split(" ").filter((s) => s !== ""));
  if (SCOPES.size >= REMEMBERED) SCOPES.clear();
  SCOPES.set(text, scopes);
  return scopes;
}

function scopesOf({ scope, scp }: JWTPayload): readonly string[] {
  const value = scope ?? scp;
  if (value === undefined) return scopesIn("");
  if (typeof value === "string") return scopesIn(value);
  if (Array.isArray(value) && value.every((s): s is string => typeof s === "string")) return value;
  return refuse("scope is neither a string nor an array of strings");
}
