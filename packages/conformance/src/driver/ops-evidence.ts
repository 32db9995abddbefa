// evidence.verify, by the public function that an auditor calls.
import { type EvidenceOptions, type SignedEvidence, verifyEvidence } from "@sealwire/core";
import { type Input, type Ops, toJson } from "./values.ts";

async function verify(input: Input): Promise<object> {
  const { evidence, ...options } = input as unknown as { readonly evidence: SignedEvidence } & EvidenceOptions;
  const { signer, thumbprint, audience, seq, issuedAt, expiresAt, items } = await verifyEvidence(evidence, options);
  return {
    signer,
    thumbprint,
    audience,
    seq,
    iat: issuedAt.getTime() / 1000,
    exp: expiresAt.getTime() / 1000,
    items: items.map(({ topic, data }) => ({ top: topic, data: toJson(data) })),
  };
}

export const ops: Ops = { "evidence.verify": verify };
