import { LiveSession } from "@sealwire/core/internal";

/** A session as the client has it. */
export class LiveClientSession extends LiveSession {
  /** Forgets what the client keeps beside the session. */
  forget: () => Promise<void> = async () => {};

  async logout(): Promise<void> {
    await this.close();
    await this.forget();
  }
}
