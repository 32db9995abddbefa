import {
  all,
  assertPrivateJwk,
  type CryptoBackend,
  chain,
  type Maybe,
  type ProofKey,
  thumbprint,
} from "@sealwire/core/internal";

/** @throws TypeError for a key that cannot sign, for none, and for the same key twice */
export function importSigners(backend: CryptoBackend, keys: readonly unknown[]): Maybe<readonly ProofKey[]> {
  if (keys.length === 0) throw new TypeError("identity.keys: at least one signing key is needed");
  const imported = keys.map((jwk) =>
    chain(backend.importSigner(assertPrivateJwk(jwk)), (signer) =>
      chain(thumbprint(backend, signer.publicJwk), (name) => ({ signer, id: { alg: signer.alg, thumbprint: name } })),
    ),
  );
  return chain(all<readonly ProofKey[]>(imported), (signers) => {
    const names = new Set(signers.map(({ id }) => id.thumbprint));
    if (names.size < signers.length) throw new TypeError("identity.keys: a key is listed twice");
    return signers;
  });
}
