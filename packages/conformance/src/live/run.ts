// All checks against one implementation, in every variant that it speaks.
import { Tester } from "./as-client.ts";
import { Reception } from "./as-server.ts";
import type { Check } from "./check.ts";
import { clientChecks } from "./checks-client.ts";
import { serverChecks } from "./checks-server.ts";
import { encryptedChecks, type SessionTarget, sessionChecks, signedChecks } from "./checks-session.ts";
import { type LiveConfig, limit } from "./config.ts";
import { Unmet } from "./connection.ts";

export interface Result {
  readonly check: string;
  /** Wire, and in a session its level. */
  readonly variant: string;
  readonly req: readonly string[];
  /** Undefined: passed. */
  readonly failure: string | undefined;
}

export interface RunOptions {
  /** Also checks that wait for deadlines: each once on each wire. */
  readonly slow: boolean;
  readonly onResult?: (result: Result) => void;
  /** Only checks whose name holds this text. */
  readonly only?: string;
}

/** Checks of an open session at one level. Data of the encrypted forms lies outside the claims, that of signed ones inside. */
export const checksAt = (level: string): readonly Check<SessionTarget>[] => [
  ...sessionChecks,
  ...(level === "sig" || level === "nest" ? signedChecks : []),
  ...(level === "aead" || level === "nest" ? encryptedChecks : []),
];

/** What a check opened is ended with it, also where the other end would go on. */
interface Ended {
  readonly endAll: () => void;
}

async function attempt<T>(
  check: Check<T>,
  variant: string,
  target: T,
  ended: Ended,
  results: Result[],
  o: RunOptions,
): Promise<void> {
  if (check.slow && (!o.slow || results.some((r) => r.check === check.name && r.variant[0] === variant[0]))) return;
  if (o.only !== undefined && !check.name.includes(o.only)) return;
  let failure: string | undefined;
  try {
    await check.run(target);
  } catch (error) {
    if (!(error instanceof Unmet)) throw error;
    failure = error.message;
  } finally {
    ended.endAll();
  }
  const result = { check: check.name, variant, req: check.req, failure };
  results.push(result);
  o.onResult?.(result);
}

const wireName = (protocol: string): string => protocol.slice("sealwire.v1.".length);

export async function testServer(url: string, config: LiveConfig, options: RunOptions): Promise<readonly Result[]> {
  const results: Result[] = [];
  for (const protocol of config.protocols) {
    const others = config.protocols.filter((other) => other !== protocol);
    const tester = new Tester(url, { ...config, protocols: [protocol, ...others] });
    for (const check of serverChecks) await attempt(check, wireName(protocol), tester, tester, results, options);
    for (const level of config.levels) {
      for (const codec of config.codecs) {
        const target: SessionTarget = {
          role: "server",
          open: () => tester.open({ level, codec, protocol }),
          topics: config.topics,
          limit: (name) => limit(config, name),
        };
        const variant = `${wireName(protocol)} ${level} ${codec}`;
        for (const check of checksAt(level)) await attempt(check, variant, target, tester, results, options);
      }
    }
  }
  return results;
}

/** The client has to come again until this resolves. Its wire is its own choice, the level is ours. */
export async function testClient(
  port: number,
  config: LiveConfig,
  options: RunOptions & { readonly onListening?: (port: number) => void },
): Promise<readonly Result[]> {
  const reception = new Reception(config);
  options.onListening?.(await reception.listen(port));
  const results: Result[] = [];
  try {
    for (const check of clientChecks) await attempt(check, "handshake", reception, reception, results, options);
    for (const level of config.levels) {
      const target: SessionTarget = {
        role: "client",
        open: async () => (await reception.visit(30)).open({ level }),
        topics: config.topics,
        limit: (name) => limit(config, name),
      };
      for (const check of checksAt(level)) await attempt(check, level, target, reception, results, options);
    }
  } finally {
    reception.close();
  }
  return results;
}
