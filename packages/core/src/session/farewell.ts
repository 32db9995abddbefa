import { chain, type Maybe } from "../maybe.ts";
import type { Limits } from "../registry.generated.ts";
import type { Attachment } from "./attachment.ts";
import type { Connection } from "./connection.ts";

const closeNormally = (connection: Connection): void => connection.close();

/** The bye of both ends: who said it first closes the socket; the other answers, and waits for that. */
export class Farewell {
  readonly #limits: Limits;
  /** Closes the socket, where this side said bye first. */
  #onPeerBye = closeNormally;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  get #ms(): number {
    return this.#limits.byeSeconds * 1000;
  }

  /** This side wants it. `code` says why, if not for the usual reason. */
  async say(attachment: Attachment, code: string | undefined, close: (connection: Connection) => void): Promise<void> {
    if (attachment.byeSent) return;
    this.#onPeerBye = close;
    const { connection } = attachment;
    // What the bye waits for may never be done, as an authorization that hangs: then it ends without one.
    const late = connection.timer(() => close(connection), this.#ms);
    await attachment.control(code === undefined ? { top: "bye" } : { top: "bye", code }, () => late.cancel());
    connection.timer(() => close(connection), this.#ms);
  }

  onBye(code: string | undefined, from: Attachment): Maybe<void> {
    const { connection, byeSent } = from;
    if (code !== undefined && code !== "normal") connection.endedByPeer(code);
    if (byeSent) {
      this.#onPeerBye(connection);
      return;
    }
    return chain(from.control({ top: "bye" }), () => {
      connection.timer(() => connection.close(), this.#ms);
    });
  }
}
