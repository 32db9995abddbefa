// The driver's backend with randomness and ephemeral keys from the script.
import type { PrivateJwk } from "@sealwire/core";
import { type CryptoBackend, type ProofKey, thumbprint } from "@sealwire/core/internal";
import { backend, parts } from "./backend.ts";
import { unhex } from "./values.ts";

export interface Draw {
  /** Absent where a rekey draws. */
  readonly rnd?: string;
  readonly ephemeral: Readonly<Record<string, PrivateJwk>>;
}

/** What handshakes, resumes and rekeys of an endpoint draw, in the order in which they do. */
export class Draws {
  readonly #left: Draw[];
  /** The `jti` of the message that is being sent. */
  messageId: string | undefined;

  constructor(draws: readonly Draw[]) {
    this.#left = [...draws];
  }

  next(): Draw {
    const draw = this.#left.shift();
    if (draw === undefined) throw new TypeError("the script has no more keys");
    return draw;
  }

  /** For one handshake, which draws at once, and for what draws later by the keys of its session. */
  backend(): CryptoBackend {
    let current = this.next();
    // Only CH has several keys in one draw: one for each suite.
    let used: string[] = [];
    return {
      ...backend,
      random: (length) => {
        if (length === 16) return Uint8Array.from(Buffer.from(this.messageId as string, "base64url"));
        return unhex(current.rnd as string);
      },
      generateKeyAgreement: (suite) => {
        if (used.includes(suite)) [current, used] = [this.next(), []];
        used.push(suite);
        const own = current.ephemeral[suite];
        if (own === undefined) throw new TypeError(`the script has no ephemeral key for ${suite}`);
        return parts.agreement(own);
      },
    };
  }
}

export async function signingKey(jwk: PrivateJwk): Promise<ProofKey> {
  const signer = await backend.importSigner(jwk);
  return { signer, id: { alg: signer.alg, thumbprint: await thumbprint(backend, signer.publicJwk) } };
}
