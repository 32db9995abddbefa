import type { CryptoBackend, MacKey } from "../crypto/backend.ts";
import { chain as after, all, type Maybe } from "../maybe.ts";
import { encodeBase64url } from "../wire/base64url.ts";
import { utf8 } from "../wire/bytes.ts";
import { info, type KeySchedule, type Side } from "./schedule.ts";

/** What lets a session go on: the secret behind the keys of one epoch, which salts those of the next. */
export interface Chain {
  /** K of the hellos of a resume made with it. */
  readonly kid: string;
  readonly key: MacKey;
  /** Only where a server keeps sessions in a store that others read. */
  readonly bytes: Uint8Array | undefined;
}

export const NO_CHAINS: readonly Chain[] = [];

/** The chain of an epoch; `ctx` is that of its keys. `exportable`: its bytes stay in memory. */
export function deriveChain(
  backend: CryptoBackend,
  schedule: KeySchedule,
  ctx: Uint8Array,
  exportable: boolean,
): Maybe<Chain> {
  if (!exportable) return after(schedule.chain(ctx), (key) => named(key, undefined));
  return after(schedule.chainBytes(ctx), (bytes) => chainOf(backend, bytes));
}

/** From the bytes that a store kept. */
export function chainOf(backend: CryptoBackend, bytes: Uint8Array): Maybe<Chain> {
  return after(backend.importMac(bytes), (key) => named(key, bytes));
}

function named(key: MacKey, bytes: Uint8Array | undefined): Maybe<Chain> {
  return after(key.sign(utf8.encode("sealwire1 rs kid")), (mac) => ({
    kid: encodeBase64url(mac.subarray(0, 16)),
    key,
    bytes,
  }));
}

/** Salt of the keys after a rekey (context TR) or a resume (context TH2). */
export function chainSalt(chain: Chain, label: "rekey" | "resume", context: Uint8Array): Maybe<Uint8Array> {
  return chain.key.sign(info(label, context));
}

/** The keys under which client and server sign the hellos of a resume. */
export function helloKeys(backend: CryptoBackend, chain: Chain): Maybe<Readonly<Record<Side, MacKey>>> {
  const key = (side: Side): Maybe<MacKey> =>
    after(chain.key.sign(utf8.encode(`sealwire1 rs ${side}`)), (raw) => {
      const made = backend.importMac(raw);
      return after(made, (mac) => {
        raw.fill(0);
        return mac;
      });
    });
  return after(all<readonly [MacKey, MacKey]>([key("c"), key("s")]), ([c, s]) => ({ c, s }));
}
