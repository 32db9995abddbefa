import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import type { PrivateJwk, PublicJwk } from "@sealwire/core";
import { backend, type CryptoBackend, chain } from "@sealwire/core/internal";

const keyOf = (key: KeyObject) => ({ key, dsaEncoding: "ieee-p1363" }) as const;
const hashOf = ({ crv }: PublicJwk): string | null => (crv === "P-256" ? "sha256" : null);

/** The backend of Node, but signatures are made and verified on the threads of libuv. For keys as JWK alone. */
export const pooled: CryptoBackend = {
  ...backend,
  name: "pooled",
  importSigner(jwk) {
    const key = keyOf(createPrivateKey({ key: { ...(jwk as PrivateJwk) }, format: "jwk" }));
    return chain(backend.importSigner(jwk), (own) => ({
      ...own,
      sign: (data) =>
        new Promise((resolve, reject) =>
          sign(hashOf(own.publicJwk), data, key, (error, made) => (error === null ? resolve(made) : reject(error))),
        ),
    }));
  },
  importVerifier(jwk) {
    const key = keyOf(createPublicKey({ key: { ...jwk }, format: "jwk" }));
    return chain(backend.importVerifier(jwk), (own) => ({
      ...own,
      verify: (data, signature) =>
        new Promise((resolve, reject) =>
          verify(hashOf(jwk), data, key, signature, (error, holds) =>
            error === null ? resolve(holds) : reject(error),
          ),
        ),
    }));
  },
};
