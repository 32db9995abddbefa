// The driver's backend with randomness and ephemeral keys from the script.
import type { PrivateJwk } from "@sealwire/core";
import { type CryptoBackend, type ProofKey, thumbprint } from "@sealwire/core/internal";
import { backend, parts } from "./backend.ts";
import { unhex } from "./values.ts";

export function scripted(rnd: string, ephemeral: Readonly<Record<string, PrivateJwk>>): CryptoBackend {
  return {
    ...backend,
    random: () => unhex(rnd),
    generateKeyAgreement(suite) {
      const own = ephemeral[suite];
      if (own === undefined) throw new TypeError(`the script has no ephemeral key for ${suite}`);
      return parts.agreement(own);
    },
  };
}

export async function signingKey(jwk: PrivateJwk): Promise<ProofKey> {
  const signer = await backend.importSigner(jwk);
  return { signer, id: { alg: signer.alg, thumbprint: await thumbprint(backend, signer.publicJwk) } };
}
