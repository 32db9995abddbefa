// What the suite has to know about the implementation under test.
import { readFileSync } from "node:fs";
import type { Jwk } from "../kit/keys.ts";

/** Names of the registry of limits, in the units given there. */
type Limits = Readonly<Record<string, number>>;

export interface LiveConfig {
  readonly server: {
    readonly id: string;
    /** Testing a server: its pinned public keys. Testing a client: the private keys that the suite answers with. */
    readonly keys: readonly Jwk[];
  };
  /** A token issuer that the server trusts: the suite mints its tokens. Not needed for testing a client. */
  readonly issuer?: { readonly name: string; readonly key: Jwk };
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
  readonly limits?: Limits;
  /** An Origin that the server refuses. */
  readonly foreignOrigin?: string;
  /** Certificate authority of a test server (PEM). */
  readonly ca?: string;
}

const DEFAULTS: Limits = {
  clientHelloSeconds: 5,
  handshakeSeconds: 10,
  clientHelloBytes: 4096,
  clientAuthBytes: 16384,
  unauthenticatedBytes: 98304,
  unauthenticatedPerAddress: 10,
  earlyDataBytes: 65536,
  messageBytes: 1048576,
  fragments: 128,
  idleSeconds: 120,
  heartbeatSeconds: 30,
  controlBurst: 50,
  byeSeconds: 2,
};

export const limit = (config: LiveConfig, name: string): number => config.limits?.[name] ?? (DEFAULTS[name] as number);

export function readConfig(path: string): LiveConfig {
  const value = JSON.parse(readFileSync(path, "utf8")) as Partial<LiveConfig>;
  for (const name of ["server", "topics", "levels", "protocols", "suites", "codecs"] as const) {
    if (value[name] === undefined)
      throw new TypeError(`${path}: "${name}" is missing; see packages/conformance/README.md.`);
  }
  return value as LiveConfig;
}
