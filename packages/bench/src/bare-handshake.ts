import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
  randomBytes,
  sign,
  verify,
} from "node:crypto";
import type { Contender } from "./rounds.ts";

/**
 * What a server does in one handshake with proof of possession, x25519 and ES256, and nothing else: an ephemeral key pair,
 * one agreement, one signature of its own, two to verify (the client's proof and its token), the peer's keys imported, the
 * derivations of the schedule, one message opened and one sealed, the hashes of the transcript.
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
  /** kid, iv and key of two handshake keys; kid, iv, key and mac of two directions; chain, its salt, id and binding. */
  const DERIVATIONS = 6 + 8 + 3;
  const TRANSCRIPTS = 4;
  const pass = () => {
    const { privateKey } = generateKeyPairSync("x25519");
    const z = diffieHellman({ privateKey, publicKey: createPublicKey({ key: ephemeralJwk, format: "jwk" }) });
    sign("sha256", text, es256(own.privateKey));
    const proofKey = createPublicKey({ key: proofJwk, format: "jwk" });
    for (let i = 0; i < 2; i++) if (!verify("sha256", text, es256(proofKey), proof)) throw new Error("not valid");
    let key: ArrayBuffer = new ArrayBuffer(32);
    for (let i = 0; i < DERIVATIONS; i++) key = hkdfSync("sha256", z, salt, "sealwire1 label", 32);
    for (let i = 0; i < TRANSCRIPTS; i++) createHash("sha256").update(text).digest();
    const cipher = createCipheriv("aes-256-gcm", new Uint8Array(key), iv);
    const sealed = cipher.update(text);
    cipher.final();
    const decipher = createDecipheriv("aes-256-gcm", new Uint8Array(key), iv);
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
