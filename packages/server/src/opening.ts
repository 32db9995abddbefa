import {
  type Connection,
  chain,
  type Established,
  type HelloCheck,
  type Maybe,
  type ServerStep,
} from "@sealwire/core/internal";
import type { Carried } from "./carried.ts";
import type { SessionHost } from "./hosting.ts";
import type { Resumable } from "./resumable.ts";
import type { LiveServerSession } from "./session.ts";
import type { Place } from "./session-room.ts";
import type { CheckedToken } from "./tokens.ts";

/** What one handshake has found and taken, until there is a session or its connection ends. */
export class Opening {
  readonly #host: SessionHost;
  readonly #carried: Carried;
  #found: Resumable | undefined;
  #place: Place | undefined;
  #over = false;
  /** Of what arrives before there is a session. */
  stopCounting: () => void = () => {};

  constructor(host: SessionHost, carried: Carried) {
    this.#host = host;
    this.#carried = carried;
  }

  async find(kid: string, check: HelloCheck): Promise<Resumable | undefined> {
    this.#found = await this.#host.find(kid, check);
    return this.#found;
  }

  admit(token: CheckedToken): Maybe<boolean> {
    return chain(this.#carried.admit(token), (admitted) => {
      if (!admitted || this.#over) return false;
      // One that is resumed has its room already, or takes it from the store.
      if (this.#found === undefined) this.#place = this.#host.room(token);
      return true;
    });
  }

  /** Both ends have confirmed the connection. */
  establish(
    established: Established,
    connection: Connection,
    { candidate, token }: ServerStep<CheckedToken>,
    address: string,
  ): LiveServerSession {
    this.stopCounting();
    if (candidate !== undefined) return (candidate as Resumable).take(established, connection, address);
    const peer = { token: token as CheckedToken, remoteAddress: address };
    return this.#host.begin(established, connection, peer, this.#place as Place);
  }

  /** The connection ended before that. */
  end(): void {
    this.stopCounting();
    this.#over = true;
    this.#found?.release();
    this.#place?.leave();
  }
}
