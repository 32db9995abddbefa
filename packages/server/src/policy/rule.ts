import type { Awaitable } from "@sealwire/core";
import { chain, chainGiven, type Maybe } from "@sealwire/core/internal";
import type { AuthorizeContext } from "../options.ts";
import type { Principal } from "../principal.ts";
import { compilePattern, type TopicParts } from "./pattern.ts";

/**
 * One thing that is allowed: on these topics, to whom. Whatever is stated has to hold; a list holds with any of its values.
 * At least one of `scope`, `roles`, `groups`, `entitlements`, `claim`, `issuer`, `when` or `anyone` says who.
 */
export interface PolicyRule {
  /**
   * Patterns of topics, split at `.`, `/` and `:`. `*` is one segment, `**` at the end any rest, `{sub}` one segment that is
   * the principal's subject. A subject is unique for its issuer only: with several issuers state `issuer` too. One that
   * holds a separator, or a character that no topic has, owns no topic.
   */
  readonly topics: string | readonly string[];
  /** Default: both. "in" is from the client. */
  readonly direction?: "in" | "out";
  /** Default: both. */
  readonly kind?: "message" | "request";
  /** Scopes of the token, `scope` or `scp`. */
  readonly scope?: string | readonly string[];
  /** The claims of RFC 9068 section 2.2.3.1: an array of strings, or one string. */
  readonly roles?: string | readonly string[];
  readonly groups?: string | readonly string[];
  readonly entitlements?: string | readonly string[];
  /** Such a claim at another place: `{ path: ["realm_access", "roles"], any: "editor" }`. */
  readonly claim?: { readonly path: readonly string[]; readonly any: string | readonly string[] };
  /** Issuers whose principals are meant. Default: all that the option `tokens` admits. */
  readonly issuer?: string | readonly string[];
  /** Everything else; asked last. Only `true` holds; a throw is a denial. */
  readonly when?: (context: AuthorizeContext) => Awaitable<boolean>;
  /** Every principal: stated, so that a condition that went missing opens nothing. */
  readonly anyone?: true;
}

export type PolicyCondition = keyof PolicyRule;

/** What an authorization is asked, with the topic's parts. */
export interface Question {
  readonly context: AuthorizeContext;
  readonly parts: TopicParts;
}

type Condition = (question: Question) => Maybe<boolean>;
/** The first condition that does not hold; undefined if all do. */
export type CompiledRule = (question: Question) => Maybe<PolicyCondition | undefined>;

/** @throws TypeError that names the rule, for a member that is unknown, undefined, empty or malformed, and for no `who` */
export function compileRule(rule: PolicyRule, index: number): CompiledRule {
  const where = `policy: rule ${index}`;
  if (typeof rule !== "object" || rule === null) throw new TypeError(`${where} is not an object`);
  for (const name of Object.keys(rule)) {
    if (!Object.hasOwn(COMPILE, name)) throw new TypeError(`${where}: there is no ${name}`);
    if (rule[name as PolicyCondition] === undefined) throw new TypeError(`${where}: ${name} is undefined`);
  }
  if (!WHO.some((name) => Object.hasOwn(rule, name))) throw new TypeError(`${where}: state one of ${WHO.join(", ")}`);
  const conditions = MEMBERS.filter((name) => Object.hasOwn(rule, name) || name === "topics").map(
    (name) => [name, COMPILE[name](rule[name], `${where}: ${name}`)] as const,
  );
  const from = (i: number, question: Question): Maybe<PolicyCondition | undefined> => {
    const next = conditions[i];
    if (next === undefined) return undefined;
    const [name, holds] = next;
    return chain(holds(question), (ok) => (ok === true ? from(i + 1, question) : name));
  };
  return (question) => from(0, question);
}

type Compile = (value: unknown, where: string) => Condition;

const claimAt =
  (path: readonly string[]): Compile =>
  (value, where) => {
    const wanted = stringsOf(value, where);
    return ({ context }) => holdsAny(claimOf(context.principal, path), wanted);
  };

const oneOf =
  <N extends "direction" | "kind">(name: N, known: readonly string[]): Compile =>
  (value, where) => {
    if (!known.includes(value as string)) throw new TypeError(`${where} is one of ${known.join(", ")}`);
    return ({ context }) => context[name] === value;
  };

/** In the order in which they are looked at. */
const COMPILE: Readonly<Record<PolicyCondition, Compile>> = {
  topics: (value, where) => {
    const patterns = stringsOf(value, where).map(compilePattern);
    return ({ parts, context }) => patterns.some((matches) => matches(parts, context.principal.subject));
  },
  direction: oneOf("direction", ["in", "out"]),
  kind: oneOf("kind", ["message", "request"]),
  issuer: (value, where) => {
    const issuers = stringsOf(value, where);
    return ({ context }) => issuers.includes(context.principal.issuer);
  },
  scope: (value, where) => {
    const scopes = stringsOf(value, where);
    return ({ context }) => scopes.some((scope) => context.principal.scopes.has(scope));
  },
  roles: claimAt(["roles"]),
  groups: claimAt(["groups"]),
  entitlements: claimAt(["entitlements"]),
  claim: (value, where) => {
    const { path, any } = (value ?? {}) as Partial<NonNullable<PolicyRule["claim"]>>;
    if (!Array.isArray(path)) throw new TypeError(`${where}.path is not a list of member names`);
    return claimAt(stringsOf(path, `${where}.path`))(any, `${where}.any`);
  },
  when: (value, where) => {
    if (typeof value !== "function") throw new TypeError(`${where} is not a function`);
    return ({ context }) => chainGiven((value as NonNullable<PolicyRule["when"]>)(context), (holds) => holds === true);
  },
  anyone: (value, where) => {
    if (value !== true) throw new TypeError(`${where} is true or left out`);
    return () => true;
  },
};

const MEMBERS = Object.keys(COMPILE) as readonly PolicyCondition[];
/** What a rule is about; the other members say to whom it grants that. */
export const ABOUT: ReadonlySet<PolicyCondition> = new Set(["topics", "direction", "kind"]);
const WHO = MEMBERS.filter((name) => !ABOUT.has(name));

/** A copy: what is changed afterwards changes no policy. */
function stringsOf(value: unknown, where: string): readonly string[] {
  const list: readonly unknown[] = Array.isArray(value) ? [...value] : [value];
  if (list.length > 0 && list.every((v): v is string => typeof v === "string" && v !== "")) return list;
  throw new TypeError(`${where} is a string that is not empty, or a list of such, not empty either`);
}

/** Own members of objects only: what every object inherits is no claim. */
function claimOf({ claims }: Principal, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, name) => {
    const inside = typeof value === "object" && value !== null && !Array.isArray(value) && Object.hasOwn(value, name);
    return inside ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
  }, claims);
}

/** A string is one value, not split at spaces: names of groups have some. What is no string grants nothing. */
function holdsAny(claim: unknown, wanted: readonly string[]): boolean {
  const held: readonly unknown[] = Array.isArray(claim) ? claim : [claim];
  return wanted.some((value) => held.includes(value));
}
