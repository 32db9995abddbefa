// What the suite has to know about the implementation under test.
import { readFileSync } from "node:fs";
import { DEFAULT_LIMITS, type Limits } from "@sealwire/core";
import type { Jwk } from "../kit/keys.ts";

export interface TokenIssuer {
  readonly name: string;
  /** Tokens name it by `kid` if it has that member. */
  readonly key: Jwk & { readonly kid?: string };
}

export interface LiveConfig {
  readonly server: {
    readonly id: string;
    /** Testing a server: its pinned public keys. Testing a client: the private keys that the suite answers with. */
    readonly keys: readonly Jwk[];
  };
  /** A token issuer that the server trusts: the suite mints its tokens. Not needed for testing a client. */
  readonly issuer?: TokenIssuer;
  readonly topics: {
    /** A request on it is answered with its own data. */
    readonly echo: string;
    /** Messages on it are accepted. */
    readonly message: string;
    /** Not authorized. */
    readonly denied: string;
  };
  readonly levels: readonly string[];
  readonly protocols: readonly string[];
  readonly suites: readonly string[];
  readonly codecs: readonly string[];
  /** Where the implementation under test differs from the defaults, in particular its deadlines. */
  readonly limits?: Partial<Limits>;
  /** A `sub` whose tokens the server takes a second or more to check: only then can early data be seen to wait. */
  readonly slowSubject?: string;
  /** An Origin that the server refuses. */
  readonly foreignOrigin?: string;
  /** Certificate authority of a test server (PEM). */
  readonly ca?: string;
}

/** The one way to tell the user that the suite cannot be run so. */
export const refuse = (what: string): never => {
  throw new TypeError(what);
};

export const limit = (config: LiveConfig, name: keyof Limits): number => config.limits?.[name] ?? DEFAULT_LIMITS[name];

type Shape = (value: unknown) => boolean;

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isText: Shape = (value) => typeof value === "string" && value !== "";
const isNames: Shape = (value) => Array.isArray(value) && value.length > 0 && value.every(isText);
const members =
  (shapes: Readonly<Record<string, Shape>>): Shape =>
  (value) =>
    isRecord(value) && Object.entries(shapes).every(([name, shape]) => shape(value[name]));
const isKeys: Shape = (value) => Array.isArray(value) && value.length > 0 && value.every(isRecord);

/** What each member has to be, and in words. */
const REQUIRED: Readonly<Record<string, readonly [Shape, string]>> = {
  server: [members({ id: isText, keys: isKeys }), 'an object with "id" and an array "keys" of JWKs'],
  topics: [
    members({ echo: isText, message: isText, denied: isText }),
    'an object with the topics "echo", "message", "denied"',
  ],
  levels: [isNames, "an array of names"],
  protocols: [isNames, "an array of names"],
  suites: [isNames, "an array of names"],
  codecs: [isNames, "an array of names"],
};
const OPTIONAL: Readonly<Record<string, readonly [Shape, string]>> = {
  issuer: [members({ name: isText, key: isRecord }), 'an object with "name" and a private JWK "key"'],
  limits: [isRecord, "an object of limits"],
  slowSubject: [isText, "a text"],
  foreignOrigin: [isText, "a text"],
  ca: [isText, "a text"],
};

/** @throws TypeError for what no run can be made of; `source` names it */
export function checkConfig(value: unknown, source: string): LiveConfig {
  if (!isRecord(value)) return refuse(`${source}: not a JSON object; see packages/conformance/README.md`);
  for (const name of Object.keys(value)) {
    if (!Object.hasOwn(REQUIRED, name) && !Object.hasOwn(OPTIONAL, name)) refuse(`${source}: "${name}" is not known`);
  }
  for (const [name, [fits, what]] of Object.entries({ ...REQUIRED, ...OPTIONAL })) {
    if (!Object.hasOwn(value, name)) {
      if (Object.hasOwn(REQUIRED, name)) refuse(`${source}: "${name}" is missing; see packages/conformance/README.md`);
    } else if (!fits(value[name])) refuse(`${source}: "${name}" is not ${what}`);
  }
  for (const [name, number] of Object.entries(value.limits ?? {})) {
    if (!Object.hasOwn(DEFAULT_LIMITS, name)) refuse(`${source}: there is no limit "${name}"`);
    if (typeof number !== "number" || !(number > 0)) refuse(`${source}: limit "${name}" is not a positive number`);
  }
  return value as unknown as LiveConfig;
}

export function readConfig(path: string): LiveConfig {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    // The text of a syntax error quotes the file, and that holds private keys.
    const why = error instanceof SyntaxError ? "is no JSON" : `cannot be read: ${(error as { code?: string }).code}`;
    return refuse(`${path} ${why}`);
  }
  return checkConfig(value, path);
}
