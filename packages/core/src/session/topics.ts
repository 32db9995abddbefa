import { isTopic } from "../envelope/claims.ts";
import { SealwireError } from "../errors.ts";
import { attempt, chain, chainGiven, type Maybe } from "../maybe.ts";
import type { ErrorCode } from "../registry.generated.ts";
import {
  isStandardSchema,
  issuePaths,
  type SchemaInput,
  type SchemaOutput,
  type SchemaResult,
  type StandardSchema,
} from "./standard-schema.ts";
import type { Call, Transformed } from "./types.ts";

/** The schema of a one-way message, or those of a request and its reply. */
export type TopicSchema = StandardSchema | { readonly request: StandardSchema; readonly reply: StandardSchema };

declare const topicMap: unique symbol;

/** What `defineTopics` makes; T is the topic map. */
export interface Topics<T> {
  readonly [topicMap]: (map: T) => T;
}

/** The topic map of a definition: `type Chat = TopicsOf<typeof topics>`. */
export type TopicsOf<D> = D extends Topics<infer T> ? T : never;

/** An option of clients and servers, beside their own. */
export interface TopicOption<T> {
  /** The topics of this application with their schemas. No other topic is sent or delivered. Default: any, unchecked. */
  readonly topics?: Topics<T>;
}

/** Exactly the same type: mutual assignability would take `any` for everything. */
type Same<A, B> = (<X>() => X extends A ? 1 : 2) extends <X>() => X extends B ? 1 : 2 ? true : false;
type Shape<S extends StandardSchema> =
  Same<SchemaInput<S>, SchemaOutput<S>> extends true ? SchemaInput<S> : Transformed<SchemaInput<S>, SchemaOutput<S>>;
type MapOf<S> = {
  -readonly [K in keyof S]: S[K] extends StandardSchema
    ? Shape<S[K]>
    : S[K] extends { readonly request: infer Q extends StandardSchema; readonly reply: infer R extends StandardSchema }
      ? Call<Shape<Q>, Shape<R>>
      : never;
};

/**
 * Defines the topics of an application by schemas (Standard Schema 1), for the option `topics` of both sides, which infers
 * the topic map from it.
 *
 * Guaranteed: data is checked before it is sent, and again by its receiver before a handler or an iterator gets it; so are
 * replies, on both sides. Data is sent as it was given. The receiver gets what its schema makes of it: defaults, transforms,
 * without members that the schema drops. A topic that is not defined is neither sent nor delivered, a call is not sent as
 * a message, nor a message requested.
 *
 * What this side does wrong is a `TypeError` before a sequence number is used; a handler's reply that does not fit is
 * E_HANDLER for the peer. What the peer does wrong is E_INVALID, or E_NO_HANDLER for a request on a topic that is no call:
 * sent to the peer for a request, and reported to `onError`. An invalid reply rejects its request with a local E_INVALID.
 * Errors name the topic and the paths of the issues, never their messages or values. A schema that throws refuses.
 *
 * Schemas can be asynchronous. Messages behind one wait, in order, and what `send` was given is not to be changed until it
 * resolves. Not checked: that both sides have the same schemas.
 *
 * @throws TypeError for a name that is no topic, or something else than schemas
 */
export function defineTopics<const S extends { readonly [topic: string]: TopicSchema }>(schemas: S): Topics<MapOf<S>> {
  return new TopicChecks(schemas) as unknown as Topics<MapOf<S>>;
}

/** Instead of `instanceof`: who defines no topics does not load what checks them. */
const defined = new WeakSet<TopicChecks>();

/** The checks of the option `topics`. @throws TypeError for what `defineTopics` did not make */
export function topicChecks(topics: unknown): TopicChecks | undefined {
  if (topics === undefined || defined.has(topics as TopicChecks)) return topics as TopicChecks | undefined;
  throw new TypeError("topics is not what defineTopics made, or of another copy of @sealwire/core");
}

type Kind = "message" | "request" | "reply";
type Validate = (value: unknown) => SchemaResult<unknown> | Promise<SchemaResult<unknown>>;
type Verdict = { readonly value: unknown } | Problem;

interface Problem {
  readonly code: ErrorCode;
  /** Names topic and paths. */
  readonly problem: string;
  /** What a schema threw. */
  readonly cause?: unknown;
}

export class TopicChecks {
  readonly #topics = new Map<string, ReadonlyMap<Kind, Validate>>();

  constructor(schemas: Readonly<Record<string, TopicSchema>>) {
    const prototype: unknown = typeof schemas === "object" && schemas !== null && Object.getPrototypeOf(schemas);
    // `__proto__: schema` in a literal would be lost.
    if (prototype !== null && prototype !== Object.prototype) throw new TypeError("topics is not a plain object");
    for (const [topic, schema] of Object.entries(schemas)) {
      if (!isTopic(topic)) throw new TypeError(`topics: not a topic: ${JSON.stringify(topic)}`);
      this.#topics.set(topic, validatorsOf(topic, schema));
    }
    defined.add(this);
  }

  /** @throws TypeError for a topic that is not defined: nothing will ever come there */
  assertDefined(topic: string): void {
    if (!this.#topics.has(topic)) throw new TypeError(`topic ${topic} is not defined in topics`);
  }

  /** What the application sends. Throws or rejects with a TypeError. */
  outgoing(kind: Kind, topic: string, data: unknown): Maybe<void> {
    return chain(this.#check(kind, topic, data), (verdict) => {
      if ("problem" in verdict) throw new TypeError(verdict.problem, { cause: verdict.cause });
    });
  }

  /** What the peer sent: the data that its receiver gets, or why it gets none. Never throws or rejects. */
  incoming(kind: Kind, topic: string, data: unknown, ref?: number): Maybe<{ readonly value: unknown } | SealwireError> {
    return chain(this.#check(kind, topic, data), (verdict) => {
      if (!("problem" in verdict)) return verdict;
      const { code, problem: detail, cause } = verdict;
      return new SealwireError(code, { stage: "deliver", detail, ...(ref === undefined ? {} : { ref }), cause });
    });
  }

  #check(kind: Kind, topic: string, data: unknown): Maybe<Verdict> {
    const validate = this.#topics.get(topic)?.get(kind);
    if (validate === undefined) {
      const problem = this.#topics.has(topic)
        ? `topic ${topic}: defined, but not as a ${kind === "request" ? "call" : "message"}`
        : `topic ${topic} is not defined in topics`;
      return { code: kind === "request" ? "E_NO_HANDLER" : "E_INVALID", problem };
    }
    const failed = (cause: unknown): Problem => ({
      code: "E_INVALID",
      problem: `topic ${topic}: the schema of its ${kind} failed`,
      cause,
    });
    return attempt(() => chainGiven(validate(data), (result) => verdictOf(kind, topic, result)), failed);
  }
}

function validatorsOf(topic: string, schema: TopicSchema): ReadonlyMap<Kind, Validate> {
  const refuse = (): never => {
    throw new TypeError(`topics: ${topic} has no Standard Schema 1, nor one each as request and reply`);
  };
  const validate = (value: unknown): Validate => {
    if (!isStandardSchema(value)) return refuse();
    const standard = value["~standard"];
    return (data) => standard.validate(data);
  };
  if (isStandardSchema(schema)) return new Map([["message", validate(schema)]]);
  const { request, reply } = schema ?? refuse();
  return new Map([
    ["request", validate(request)],
    ["reply", validate(reply)],
  ]);
}

function verdictOf(kind: Kind, topic: string, result: SchemaResult<unknown>): Verdict {
  if (result.issues) {
    return { code: "E_INVALID", problem: `topic ${topic}, ${kind}: ${issuePaths(result.issues)}` };
  }
  // Only a value is a success: what a schema answers is checked no earlier.
  if (!("value" in result)) throw new TypeError("neither value nor issues");
  return { value: result.value };
}
