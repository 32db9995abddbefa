import type { Connection, Established, ResumeCandidate } from "@sealwire/core/internal";
import { Claim } from "./claim.ts";
import type { Parking } from "./parking.ts";
import type { LiveServerSession } from "./session.ts";
import type { CheckedToken } from "./tokens.ts";

/** A session that can be resumed on a connection: one of this server, or of the store. */
export interface Resumable extends ResumeCandidate<CheckedToken> {
  /** Both ends have confirmed the connection. */
  take(established: Established, connection: Connection, address: string): LiveServerSession;
  /** The connection ended before that. */
  release(): void;
}

/** What `giveBack` is for is done also where the store says only later that the claim has succeeded. */
export const attemptOn = (parking: Parking, claim: () => Promise<boolean>, giveBack: () => void): Claim =>
  new Claim(async () => {
    const claimed = await claim();
    if (!claimed) parking.onLateClaim(giveBack);
    return claimed;
  }, giveBack);
