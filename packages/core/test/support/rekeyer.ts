import {
  createHash,
  createHmac,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
} from "node:crypto";
import type { PublicJwk } from "../../src/crypto/backend.ts";
import type { Payload } from "../../src/envelope/sealer.ts";
import type { Pair } from "./pair.ts";
import { type Claims, Puppet } from "./puppet.ts";

const NAMES = { key: 32, iv: 12, mac: 32, kid: 16 } as const;

/** lp(x): four bytes of length, then x. */
function lengthPrefixed(bytes: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

export interface Ephemeral {
  readonly jwk: PublicJwk;
  readonly privateKey: KeyObject;
}

/** A key of suite x25519. */
export function ephemeral(): Ephemeral {
  const { publicKey, privateKey } = generateKeyPairSync("x25519");
  const { kty, crv, x } = publicKey.export({ format: "jwk" });
  return { jwk: { kty, crv, x } as PublicJwk, privateKey };
}

/** The keys of the next epoch by specs/lifecycle.md, section 3, with node:crypto alone. */
export function nextKeys(
  chain: Uint8Array,
  own: Ephemeral,
  peer: PublicJwk,
  rekey: Uint8Array,
  rekeyed: Uint8Array,
): Map<string, Uint8Array> {
  const tr = createHash("sha256")
    .update("sealwire1 rk\0")
    .update(lengthPrefixed(rekey))
    .update(lengthPrefixed(rekeyed))
    .digest();
  const salt = createHmac("sha256", chain).update("sealwire1 rekey\0").update(tr).digest();
  const publicKey = createPublicKey({ key: { ...peer }, format: "jwk" });
  const z = diffieHellman({ privateKey: own.privateKey, publicKey });
  const derive = (label: string, length: number): Uint8Array =>
    new Uint8Array(hkdfSync("sha256", z, salt, Buffer.concat([Buffer.from(`sealwire1 ${label}\0`), tr]), length));
  const keys = new Map<string, Uint8Array>([["chain", derive("chain", 32)]]);
  for (const side of ["c", "s"])
    for (const [name, length] of Object.entries(NAMES))
      keys.set(`${side} app ${name}`, derive(`${side} app ${name}`, length));
  return keys;
}

/** A puppet that goes through rekeys. Each epoch is a puppet of its own, with the numbers of all. */
export class Rekeyer {
  readonly pair: Pair;
  readonly as: "client" | "server";
  readonly epochs: Puppet[];
  /** Frames of the other end that none of the epochs so far opens. */
  #unread: Payload[] = [];

  constructor(pair: Pair, as: "client" | "server") {
    this.pair = pair;
    this.as = as;
    // The real client writes the keys of a rekey over those that it had.
    this.epochs = [Puppet.seize({ ...pair, keys: new Map(pair.keys) }, as)];
  }

  get first(): Puppet {
    return this.epochs[0] as Puppet;
  }

  get last(): Puppet {
    return this.epochs.at(-1) as Puppet;
  }

  /** Sends a control message under an epoch, with the next number of this end. Answers with its plaintext. */
  async control(message: Claims, n = this.epochs.length - 1): Promise<Uint8Array> {
    const puppet = this.epochs[n] as Puppet;
    const seq = this.first.seq + 1;
    const claims = JSON.stringify({ seq, ...message, rcv: 0 });
    puppet.deliver(await puppet.control(claims, { seq }));
    this.first.seq = seq;
    return Buffer.from(claims);
  }

  async message(n = this.epochs.length - 1, data: unknown = 1): Promise<void> {
    const { first } = this;
    const puppet = this.epochs[n] as Puppet;
    const seq = first.seq + 1;
    puppet.deliver(await puppet.message(puppet.claims({ dat: data }, seq), { seq }));
    first.seq = seq;
  }

  /** Control messages of the other end since the last call, with their epochs. */
  async controls(): Promise<{ n: number; claims: Claims; raw: Uint8Array }[]> {
    const frames = [...this.#unread, ...this.first.received.splice(0)];
    this.#unread = [];
    const found: { n: number; claims: Claims; raw: Uint8Array }[] = [];
    for (const frame of frames) {
      const opened = await Promise.all(this.epochs.map((puppet) => puppet.openControl(frame)));
      const n = opened.findIndex((raw) => raw !== undefined);
      const raw = opened[n];
      if (raw === undefined) this.#unread.push(frame);
      else found.push({ n, claims: JSON.parse(Buffer.from(raw).toString()) as Claims, raw });
    }
    return found;
  }

  /** The keys of the epoch after the last. */
  derive(own: Ephemeral, peer: PublicJwk, rekey: Uint8Array, rekeyed: Uint8Array): void {
    const chain = this.last.pair.keys.get("chain") as Uint8Array;
    const keys = nextKeys(chain, own, peer, rekey, rekeyed);
    this.epochs.push(new Puppet({ ...this.pair, keys }, this.as, this.epochs.length));
  }
}
