// kdf.*: what core's key schedule derives, seen where it takes its bytes from the shared secret and from the chain.
import type { PrivateJwk } from "@sealwire/core";
import {
  type Chain,
  type CryptoBackend,
  chainOf,
  chainSalt,
  deriveChain,
  ephemeralKey,
  helloKeys,
  KeySchedule,
  type MacKey,
  sessionId,
  transcriptHash,
} from "@sealwire/core/internal";
import { backend, parts } from "./backend.ts";
import { hex, type Input, type Ops, unhex } from "./values.ts";

type KeyAgreement = Awaited<ReturnType<CryptoBackend["generateKeyAgreement"]>>;
type SharedSecret = Awaited<ReturnType<KeyAgreement["agree"]>>;
type Suite = KeyAgreement["suite"];
type Labels = Record<string, string>;

/** "sealwire1 " || label, or that and 0x00 || ctx. */
function labelOf(info: Uint8Array): string {
  const text = Buffer.from(info).toString("latin1").slice("sealwire1 ".length);
  return text.split("\0", 1)[0] as string;
}

/** HKDF gives the bytes of a key where it gives the key. */
function recording(z: SharedSecret, labels: Labels): SharedSecret {
  const keep = async (salt: Uint8Array, info: Uint8Array, length: number): Promise<Uint8Array> => {
    const bytes = await z.bytes(salt, info, length);
    labels[labelOf(info)] = hex(bytes);
    return bytes;
  };
  return {
    bytes: keep,
    aead: async (salt, info) => {
      await keep(salt, info, 32);
      return await z.aead(salt, info);
    },
    mac: async (salt, info) => {
      await keep(salt, info, 32);
      return await z.mac(salt, info);
    },
  };
}

/** A chain, and what it signs by label. */
async function recordingChain(bytes: unknown): Promise<{ readonly chain: Chain; readonly signed: Labels }> {
  const chain = await chainOf(backend, unhex(bytes as string));
  const signed: Labels = {};
  const key: MacKey = {
    sign: async (data) => {
      const mac = await chain.key.sign(data);
      signed[labelOf(data)] = hex(mac);
      return mac;
    },
    verify: (...args) => chain.key.verify(...args),
  };
  return { chain: { ...chain, key }, signed };
}

const utf8 = (text: unknown): Uint8Array => new TextEncoder().encode(text as string);

async function agree({ suite, own, peer }: Input): Promise<SharedSecret> {
  const agreement = await parts.agreement(own as PrivateJwk);
  return await agreement.agree(ephemeralKey(peer, suite as Suite));
}

/** The keys of an epoch and its chain. */
async function epochKeys(schedule: KeySchedule, ctx: Uint8Array): Promise<void> {
  await schedule.trafficKeys("c", ctx, "mac");
  await schedule.trafficKeys("s", ctx, "mac");
  await deriveChain(backend, schedule, ctx, false);
}

async function derive(input: Input): Promise<unknown> {
  const z = await agree(input);
  const labels: Labels = {};
  const th2 = await transcriptHash(backend, "th2", utf8(input.m1), utf8(input.m2));
  const th3 = await transcriptHash(backend, "th3", th2, utf8(input.p3));
  const schedule = new KeySchedule(recording(z, labels), th2);
  await schedule.handshakeKeys("c", th2);
  await schedule.handshakeKeys("s", th3);
  await epochKeys(schedule, th3);
  await schedule.channelBinding(th3);
  return { th2: hex(th2), th3: hex(th3), sid: await sessionId(backend, th2), labels };
}

async function rekey(input: Input): Promise<unknown> {
  const z = await agree(input);
  const labels: Labels = {};
  const { chain } = await recordingChain(input.chain);
  const tr = await transcriptHash(backend, "rk", utf8(input.rekey), utf8(input.rekeyed));
  await epochKeys(new KeySchedule(recording(z, labels), await chainSalt(chain, "rekey", tr)), tr);
  return { tr: hex(tr), labels };
}

async function resume(input: Input): Promise<unknown> {
  const z = await agree(input);
  const labels: Labels = {};
  const { chain, signed } = await recordingChain(input.chain);
  const th2 = await transcriptHash(backend, "th2", utf8(input.m1), utf8(input.m2));
  await helloKeys(backend, chain);
  const schedule = new KeySchedule(recording(z, labels), await chainSalt(chain, "resume", th2));
  await epochKeys(schedule, th2);
  await schedule.channelBinding(th2);
  return { th2: hex(th2), clientKey: signed["rs c"], serverKey: signed["rs s"], kid: chain.kid, labels };
}

export const ops: Ops = { "kdf.derive": derive, "kdf.rekey": rekey, "kdf.resume": resume };
