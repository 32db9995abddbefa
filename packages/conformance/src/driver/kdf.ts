// kdf.derive: what core's key schedule derives, seen where it takes its bytes from the shared secret.
import type { PrivateJwk } from "@sealwire/core";
import { type CryptoBackend, ephemeralKey, KeySchedule, sessionId, transcriptHash } from "@sealwire/core/internal";
import { backend, parts } from "./backend.ts";
import { hex, type Input, type Ops } from "./values.ts";

type KeyAgreement = Awaited<ReturnType<CryptoBackend["generateKeyAgreement"]>>;
type SharedSecret = Awaited<ReturnType<KeyAgreement["agree"]>>;
type Suite = KeyAgreement["suite"];

/** info = "sealwire1 " || label || 0x00 || ctx. */
function labelOf(info: Uint8Array): string {
  const text = Buffer.from(info).toString("latin1");
  return text.slice("sealwire1 ".length, text.indexOf("\0"));
}

/** HKDF gives the bytes of a key where it gives the key. */
function recording(z: SharedSecret, labels: Record<string, string>): SharedSecret {
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

const utf8 = (text: unknown): Uint8Array => new TextEncoder().encode(text as string);

async function derive({ suite, own, peer, m1, m2, p3 }: Input): Promise<unknown> {
  const agreement = await parts.agreement(own as PrivateJwk);
  const z = await agreement.agree(ephemeralKey(peer, suite as Suite));
  const labels: Record<string, string> = {};
  const th2 = await transcriptHash(backend, "th2", utf8(m1), utf8(m2));
  const th3 = await transcriptHash(backend, "th3", th2, utf8(p3));
  const schedule = new KeySchedule(recording(z, labels), th2);
  await schedule.handshakeKeys("c", th2);
  await schedule.handshakeKeys("s", th3);
  await schedule.trafficKeys("c", th3);
  await schedule.trafficKeys("s", th3);
  await schedule.channelBinding(th3);
  return { th2: hex(th2), th3: hex(th3), sid: await sessionId(backend, th2), labels };
}

export const ops: Ops = { "kdf.derive": derive };
