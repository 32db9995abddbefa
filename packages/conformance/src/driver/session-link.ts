// One of the connections of session.run.
import type { Limits } from "@sealwire/core";
import {
  Connection,
  type ConnectionEnd,
  type ConnectionOptions,
  type Handshake,
  type ServerHandshake,
} from "@sealwire/core/internal";
import type { Token } from "./session-authority.ts";
import { errorOf, type Outcome, type Values } from "./session-outcome.ts";
import { ScriptSocket, type VirtualClock } from "./virtual.ts";

export interface LinkOptions {
  readonly role: "client" | "server";
  /** Client: the handshake is a resume. */
  readonly resume: boolean;
  readonly clock: VirtualClock;
  readonly limits: Limits;
  readonly onEstablished: ConnectionOptions["onEstablished"];
  readonly onSent: ScriptSocket["onSent"];
}

export class Link {
  readonly connection: Connection;
  readonly socket: ScriptSocket;
  readonly #place: number;
  readonly #role: "client" | "server";
  #resume: boolean;
  #end: ConnectionEnd | undefined;
  #told = false;
  /** The session was on it at some time. */
  carried = false;

  constructor(place: number, protocol: string, handshake: Handshake | ServerHandshake<Token>, o: LinkOptions) {
    const { role, clock, limits, onEstablished, onSent } = o;
    this.#place = place;
    this.#role = role;
    this.#resume = o.resume;
    this.socket = new ScriptSocket(protocol, onSent);
    this.connection = new Connection({
      socket: this.socket,
      clock,
      limits,
      handshake: role === "client" ? (handshake as Handshake) : this.#watch(handshake),
      rateLimited: role === "server",
      onEstablished: (established, step) => {
        this.carried = true;
        return onEstablished(established, step);
      },
      onClosed: (info) => {
        this.#end = info;
      },
    });
  }

  /** A JWS in place of CH is a resume. */
  #watch(handshake: Handshake | ServerHandshake<Token>): Handshake {
    let first = true;
    return {
      admit: (size) => handshake.admit?.(size),
      receive: (frame, time) => {
        if (first) this.#resume = frame.form === 1;
        first = false;
        return handshake.receive(frame, time);
      },
    };
  }

  /** Client: another attempt begins. */
  leave(): void {
    if (!this.carried && this.#end === undefined) this.connection.close(4409, "superseded");
  }

  get end(): ConnectionEnd | undefined {
    return this.#end;
  }

  /** Of its handshake, while it has one. */
  get state(): string | undefined {
    if (this.carried || this.#end !== undefined) return undefined;
    const last = this.#resume ? "wait-resumed" : this.#role === "client" ? "wait-sr" : "wait-ca";
    return (this.#role === "client" ? ["wait-sh", "wait-sh", last] : ["wait-ch", last])[this.socket.sent];
  }

  /** Its end, once. `attempt`: there is a session, which it has not carried. */
  report(outcome: Outcome, attempt: boolean): void {
    if (this.#end === undefined || this.#told) return;
    this.#told = true;
    const { closed } = this.socket;
    const left = closed?.code === 4409;
    if (attempt && !this.carried && !left) outcome.failed = { conn: this.#place, ...failure(this.#end, closed) };
    else if (left) outcome.superseded = { conn: this.#place, ...closed };
    else if (closed !== undefined) outcome.close = { ...closed };
  }
}

/** Nothing where the connection is just gone. */
const failure = ({ error }: ConnectionEnd, closed: ScriptSocket["closed"]): Values =>
  closed === undefined || error === undefined ? {} : { ...errorOf(error), close: { ...closed } };
