import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPublicKey,
  createSecretKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  verify,
} from "node:crypto";
import type { Contender } from "./rounds.ts";

/**
 * What a server does in one handshake with proof of possession, x25519 and ES256, and nothing else: an ephemeral key pair,
 * one agreement, one signature of its own, two to verify (the client's proof and its token), the peer's keys imported, the
 * derivations of the schedule, one message opened and one sealed, the hashes of the transcript and of the proof's key.
 *
 * HKDF as it is defined (RFC 5869): all keys have one salt, so it extracts once. `hkdfSync` does that again for each key.
 */
export function bareOperations(): Contender {
  const own = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const client = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const ephemeral = generateKeyPairSync("x25519");
  const proofJwk = client.publicKey.export({ format: "jwk" });
  const ephemeralJwk = ephemeral.publicKey.export({ format: "jwk" });
  const text = randomBytes(600);
  const es256 = (key: KeyObject) => ({ key, dsaEncoding: "ieee-p1363" as const });
  const proof = sign("sha256", text, es256(client.privateKey));
  const salt = randomBytes(32);
  const iv = randomBytes(12);
  const info = randomBytes(53);
  /** kid, iv and key of two handshake keys and of two directions; chain, its name, and the channel binding. */
  const DERIVATIONS = 6 + 6 + 3;
  /** CH, TH2, TH3 and the session's name; the thumbprint. */
  const HASHES = 4 + 1;
  const pass = () => {
    const { privateKey } = generateKeyPairSync("x25519");
    const z = diffieHellman({ privateKey, publicKey: createPublicKey({ key: ephemeralJwk, format: "jwk" }) });
    sign("sha256", text, es256(own.privateKey));
    const proofKey = createPublicKey({ key: proofJwk, format: "jwk" });
    for (let i = 0; i < 2; i++) if (!verify("sha256", text, es256(proofKey), proof)) throw new Error("not valid");
    const extracted = createSecretKey(createHmac("sha256", salt).update(z).digest());
    let key: Uint8Array = z;
    for (let i = 0; i < DERIVATIONS; i++) key = createHmac("sha256", extracted).update(info).digest();
    for (let i = 0; i < HASHES; i++) createHash("sha256").update(text).digest();
    randomBytes(32);
    const cipher = createCipheriv("aes-256-gcm", key, iv);
    const sealed = cipher.update(text);
    cipher.final();
    const decipher = createDecipheriv("aes-256-gcm", key, iv);
    decipher.setAuthTag(cipher.getAuthTag());
    decipher.update(sealed);
    decipher.final();
  };
  return {
    name: "bare operations of a handshake",
    run(count) {
      for (let i = 0; i < count; i++) pass();
    },
  };
}
