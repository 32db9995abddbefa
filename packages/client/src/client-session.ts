import type { CloseInfo } from "@sealwire/core";
import { LiveSession } from "@sealwire/core/internal";

/** A session as the client has it. */
export class LiveClientSession extends LiveSession {
  /** Forgets what the client keeps beside the session. */
  forget: () => Promise<void> = async () => {};
  #leaving = false;

  /** True once the application has ended it: no connection is made for it any more. */
  get leaving(): boolean {
    return this.#leaving;
  }

  override close(): Promise<CloseInfo> {
    this.#leaving = true;
    return super.close();
  }

  async logout(): Promise<void> {
    const closed = this.close();
    // Not after the farewell, which can take as long as the peer is silent: the page may be gone by then.
    await this.forget();
    await closed;
  }
}
