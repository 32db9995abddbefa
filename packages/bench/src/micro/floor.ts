import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  randomBytes,
  timingSafeEqual,
} from "node:crypto";
import type { Data } from "@sealwire/core";
import { Encoder } from "cbor-x/index-no-eval";
import type { Contender } from "../rounds.ts";

const TAG = { authTagLength: 16 };
/** As long as the header of a session, which is authenticated with every message. */
const AAD = Buffer.alloc(120, "A");

/** What node:crypto costs however it is used: one createCipheriv and one createDecipheriv, a counter as IV. */
function bareGcm(): (plaintext: Uint8Array) => Uint8Array {
  const key = createSecretKey(randomBytes(32));
  const iv = randomBytes(12);
  let seq = 0;
  return (plaintext) => {
    iv.writeUInt32BE(++seq, 8);
    const cipher = createCipheriv("aes-256-gcm", key, iv, TAG);
    cipher.setAAD(AAD);
    const sealed = cipher.update(plaintext);
    cipher.final();
    const decipher = createDecipheriv("aes-256-gcm", key, iv, TAG);
    decipher.setAAD(AAD);
    decipher.setAuthTag(cipher.getAuthTag());
    const opened = decipher.update(sealed);
    decipher.final();
    return opened;
  };
}

export function floorOfBytes(data: Uint8Array): Contender {
  const pass = bareGcm();
  return {
    name: "bare AES-256-GCM",
    run(count) {
      for (let i = 0; i < count; i++) pass(data);
    },
  };
}

/** The codec that Sealwire sends with, and nothing around it. */
export function floorOfObject(data: Data): Contender {
  const codec = new Encoder({ useRecords: false, variableMapSize: true, tagUint8Array: false });
  const pass = bareGcm();
  return {
    name: "bare AES-256-GCM, cbor-x",
    run(count) {
      for (let i = 0; i < count; i++) codec.decode(pass(codec.encode(data)));
    },
  };
}

/** One HMAC to sign, one to verify. */
export function floorOfMac(data: Uint8Array): Contender {
  const key = createSecretKey(randomBytes(32));
  const mac = () => createHmac("sha256", key).update(data).digest();
  return {
    name: "2 × bare HMAC-SHA-256",
    run(count) {
      for (let i = 0; i < count; i++) if (!timingSafeEqual(mac(), mac())) throw new Error("not equal");
    },
  };
}
