import type { CryptoBackend, KeyAgreement, SharedSecret } from "../../src/crypto/backend.ts";
import { chain } from "../../src/maybe.ts";

/** Every secret that one side derived, by its label ("c app key"): a test opens and forges messages with them. */
export type DerivedKeys = Map<string, Uint8Array>;

/** A backend that works as `inner` does and keeps what was derived. HKDF gives a key's bytes where it gives a key. */
export function recording(inner: CryptoBackend, keys: DerivedKeys): CryptoBackend {
  const keep = (info: Uint8Array, raw: Uint8Array) => keys.set(labelOf(info), new Uint8Array(raw));
  /** The keys of messages depend on TH3 as those of SR do: an early sender has them before SR. */
  const foresee = (z: SharedSecret, salt: Uint8Array, info: Uint8Array) => {
    const th3 = info.subarray(info.indexOf(0) + 1);
    for (const side of ["c", "s"]) {
      for (const [name, length] of Object.entries({ key: 32, iv: 12, mac: 32, kid: 16 })) {
        const own = Buffer.concat([Buffer.from(`sealwire1 ${side} app ${name}\0`), th3]);
        void chain(z.bytes(salt, own, length), (raw) => keep(own, raw));
      }
    }
  };
  const secret = (z: SharedSecret): SharedSecret => ({
    bytes: (salt, info, length) =>
      chain(z.bytes(salt, info, length), (raw) => {
        keep(info, raw);
        return raw;
      }),
    aead: (salt, info) =>
      chain(z.bytes(salt, info, 32), (raw) => {
        keep(info, raw);
        if (labelOf(info) === "s hs key") foresee(z, salt, info);
        return z.aead(salt, info);
      }),
    mac: (salt, info) =>
      chain(z.bytes(salt, info, 32), (raw) => {
        keep(info, raw);
        return z.mac(salt, info);
      }),
  });
  return {
    ...inner,
    generateKeyAgreement: (suite) =>
      chain(
        inner.generateKeyAgreement(suite),
        (own): KeyAgreement => ({
          suite: own.suite,
          publicJwk: own.publicJwk,
          agree: (peer) => chain(own.agree(peer), secret),
          contentKey: (peer) => own.contentKey(peer),
        }),
      ),
  };
}

/** info = "sealwire1 " || label || 0x00 || ctx. */
function labelOf(info: Uint8Array): string {
  const text = Buffer.from(info).toString("latin1");
  return text.slice("sealwire1 ".length, text.indexOf("\0"));
}
