import { expect } from "vitest";
import type { Payload } from "../../src/envelope/sealer.ts";
import { CLOSE_CODES, type ErrorCode, type Stage } from "../../src/registry.generated.ts";
import { until } from "./clock.ts";
import { openPair, type Pair, type PairOptions } from "./pair.ts";
import { type Claims, Puppet } from "./puppet.ts";
import { expectRefusal } from "./tamper.ts";

export const LEVELS = ["mac", "sig", "aead", "nest"] as const;
export const WIRES = ["sealwire.v1.cbor", "sealwire.v1.text"] as const;

export interface Verdict {
  readonly code: ErrorCode;
  readonly stage: Stage;
  readonly close: number;
}

export const CLAIMS: Verdict = { code: "E_CLAIMS", stage: "claims", close: 4400 };
export const HEADER: Verdict = { code: "E_HEADER", stage: "header", close: 4400 };
export const CRYPTO: Verdict = { code: "E_CRYPTO", stage: "crypto", close: 4501 };

export type Make = (puppet: Puppet) => Payload | Promise<Payload>;

/** A session whose peer is an attacker with the keys; what reaches its handler of "t" is kept. */
export async function attacked(options: PairOptions = {}, as: "client" | "server" = "client") {
  const pair = await openPair({
    codec: "json",
    ...options,
    serverHooks: { authorize: () => true, ...options.serverHooks },
  });
  const puppet = Puppet.seize(pair, as);
  const got: unknown[] = [];
  puppet.target.session!.handle("t", (data) => {
    got.push(data);
  });
  return { pair, puppet, got };
}

/** The message ends the session with this verdict; nothing of it is delivered, and the peer learns the coarse name alone. */
export async function expectFatal(
  make: Make,
  verdict: Verdict,
  options?: PairOptions,
  as?: "client" | "server",
  /** Messages that the receiver has sent before, so that a `ref` names something. */
  sent = 0,
): Promise<void> {
  const { pair, puppet, got } = await attacked(options, as);
  for (let i = 0; i < sent; i++) await puppet.target.session!.send("t", null);
  puppet.deliver(await make(puppet));
  await expectRefusal(pair, { side: as === "server" ? "client" : "server", ...verdict });
  expect(got).toEqual([]);
  const bye = { seq: sent + 1, top: "bye", code: CLOSE_CODES[verdict.close]!.name, rcv: 0 };
  expect(await puppet.controls()).toEqual([bye]);
}

/** The message is delivered with this data. */
export async function expectDelivered(make: Make, data: unknown, options?: PairOptions): Promise<Pair> {
  const { pair, puppet, got } = await attacked(options);
  puppet.deliver(await make(puppet));
  await until(() => got.length === 1 || pair.server.info !== undefined, "the message");
  expect(pair.server.info).toBeUndefined();
  expect(got).toEqual([data]);
  return pair;
}

/** Claims with these in place of the right ones; undefined removes. */
export const claims =
  (overrides: Claims): Make =>
  (puppet) =>
    puppet.message(puppet.claims(overrides));

/** JSON text of the right claims, changed: for what JSON.stringify does not write. */
export const text =
  (from: string | RegExp, to: string): Make =>
  (puppet) => {
    const before = JSON.stringify(puppet.claims());
    const after = before.replace(from, () => to);
    if (after === before) throw new Error("nothing was replaced");
    return puppet.message(after);
  };

export const bytes =
  (content: Uint8Array): Make =>
  (puppet) =>
    puppet.message(content);

/** Arrays inside each other: `n` levels. */
export const nested = (n: number): unknown => JSON.parse(`${"[".repeat(n)}${"]".repeat(n)}`);
export const members = (n: number): Record<string, number> =>
  Object.fromEntries(Array.from({ length: n }, (_, i) => [`m${i}`, 0]));
