import { LiveSession } from "@sealwire/core/internal";

/** A session as the client has it. */
export class LiveClientSession extends LiveSession {
  /** Forgets what the client keeps beside the session. */
  forget: () => Promise<void> = async () => {};

  async logout(): Promise<void> {
    const closed = this.close();
    // Not after the farewell, which can take as long as the peer is silent: the page may be gone by then.
    await this.forget();
    await closed;
  }
}
