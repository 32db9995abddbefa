// All checks against one implementation, in every variant that it speaks.
import { Tester } from "./as-client.ts";
import { Reception } from "./as-server.ts";
import type { Check } from "./check.ts";
import { clientChecks } from "./checks-client.ts";
import { closeChecks } from "./checks-close.ts";
import { limitChecks } from "./checks-limits.ts";
import { serverChecks } from "./checks-server.ts";
import { encryptedChecks, type SessionTarget, sessionChecks, signedChecks } from "./checks-session.ts";
import { type LiveConfig, limit } from "./config.ts";
import { dial, Unmet } from "./connection.ts";

export interface Result {
  readonly check: string;
  /** Of a server the wire; suite, and in a session level and codec. */
  readonly variant: string;
  readonly req: readonly string[];
  /** Undefined: passed. */
  readonly failure: string | undefined;
}

export interface RunOptions {
  /** Also checks that wait for deadlines: each once on each wire, of a client once. */
  readonly slow: boolean;
  readonly onResult?: (result: Result) => void;
  /** Only checks whose name holds this text. */
  readonly only?: string;
}

/** Checks of an open session at one level. Data of the encrypted forms lies outside the claims, that of signed ones inside. */
export const checksAt = (level: string): readonly Check<SessionTarget>[] => [
  ...sessionChecks,
  ...closeChecks,
  ...(level === "sig" || level === "nest" ? signedChecks : []),
  ...(level === "aead" || level === "nest" ? encryptedChecks : []),
];

/** What a check opened is ended with it, also where the other end would go on. */
interface Ended {
  readonly endAll: () => void;
}

class Run {
  readonly results: Result[] = [];
  readonly #o: RunOptions;
  readonly #slowDone = new Set<string>();

  constructor(options: RunOptions) {
    this.#o = options;
  }

  /** `wire` is where a slow check counts as done. */
  async all<T>(checks: readonly Check<T>[], variant: string, wire: string, target: T, ended: Ended): Promise<void> {
    for (const check of checks) {
      if (this.#wanted(check, wire, target)) await this.#one(check, variant, target, ended);
    }
  }

  #wanted<T>({ name, slow, when }: Check<T>, wire: string, target: T): boolean {
    if (this.#o.only !== undefined && !name.includes(this.#o.only)) return false;
    if (when !== undefined && !when(target)) return false;
    if (!slow) return true;
    const once = `${wire} ${name}`;
    if (!this.#o.slow || this.#slowDone.has(once)) return false;
    this.#slowDone.add(once);
    return true;
  }

  async #one<T>(check: Check<T>, variant: string, target: T, ended: Ended): Promise<void> {
    let failure: string | undefined;
    try {
      await check.run(target);
    } catch (error) {
      // What cannot be read at all is the other end's failure too.
      failure = error instanceof Unmet ? error.message : `what came cannot be read: ${String(error)}`;
    } finally {
      ended.endAll();
    }
    const result = { check: check.name, variant, req: check.req, failure };
    this.results.push(result);
    this.#o.onResult?.(result);
  }
}

const wireName = (protocol: string): string => protocol.slice("sealwire.v1.".length);

/** `list` from its `n`-th entry on, around. */
const turned = <T>(list: readonly T[], n: number): readonly T[] => list.map((_, i) => list[(i + n) % list.length] as T);

function assertSelected({ only }: RunOptions, checks: readonly { readonly name: string }[]): void {
  if (only !== undefined && !checks.some(({ name }) => name.includes(only))) {
    throw new TypeError(`no check's name holds ${JSON.stringify(only)}`);
  }
}

const everyLevel = (config: LiveConfig): readonly Check<SessionTarget>[] => config.levels.flatMap(checksAt);

/** Every level in every codec. The suites take turns. */
const sessionsOf = ({ levels, codecs, suites }: LiveConfig) =>
  levels.flatMap((level, i) =>
    codecs.map((codec, j) => ({ level, codec, suite: suites[(i + j) % suites.length] as string })),
  );

/** @throws TypeError if there is nothing to test, or not by this configuration */
export async function testServer(url: string, config: LiveConfig, options: RunOptions): Promise<readonly Result[]> {
  const before = [...serverChecks, ...limitChecks];
  assertSelected(options, [...before, ...everyLevel(config)]);
  if (config.issuer === undefined) throw new TypeError("the configuration names no issuer: the suite mints its tokens");
  await assertReachable(url, config);
  const run = new Run(options);
  for (const [i, protocol] of config.protocols.entries()) {
    const own = { ...config, protocols: turned(config.protocols, i), suites: turned(config.suites, i) };
    const tester = new Tester(url, own);
    const wire = wireName(protocol);
    await run.all(before, `${wire} ${own.suites[0]}`, wire, tester, tester);
    for (const choice of sessionsOf(own)) {
      const target: SessionTarget = {
        role: "server",
        open: () => tester.open({ ...choice, protocol }),
        topics: config.topics,
        limit: (name) => limit(config, name),
      };
      const variant = `${wire} ${choice.level} ${choice.codec} ${choice.suite}`;
      await run.all(checksAt(choice.level), variant, wire, target, tester);
    }
  }
  return run.results;
}

async function assertReachable(url: string, config: LiveConfig): Promise<void> {
  const tls = config.ca === undefined ? {} : { ca: config.ca };
  const got = await dial(url, config.protocols, tls).catch((error: Error) => error.message);
  if (typeof got === "string") throw new TypeError(`${url}: ${got}`);
  if (!("socket" in got)) throw new TypeError(`${url}: the upgrade was refused with HTTP ${got.status}`);
  got.end();
}

/**
 * The client has to come again until this resolves. Its wire is its own choice, the rest is ours.
 *
 * @throws TypeError if the port cannot be had, or `only` names nothing
 */
export async function testClient(
  port: number,
  config: LiveConfig,
  options: RunOptions & { readonly onListening?: (port: number) => void },
): Promise<readonly Result[]> {
  assertSelected(options, [...clientChecks, ...everyLevel(config)]);
  const reception = new Reception(config);
  options.onListening?.(await reception.listen(port));
  const run = new Run(options);
  try {
    for (const suite of config.suites) {
      reception.suite = suite;
      await run.all(clientChecks, `handshake ${suite}`, "", reception, reception);
    }
    for (const choice of sessionsOf(config)) {
      const target: SessionTarget = {
        role: "client",
        open: async () => (await reception.visit(30)).open(choice),
        topics: config.topics,
        limit: (name) => limit(config, name),
      };
      const variant = `${choice.level} ${choice.codec} ${choice.suite}`;
      await run.all(checksAt(choice.level), variant, "", target, reception);
    }
  } finally {
    reception.close();
  }
  return run.results;
}
