// The other end of an endpoint under test: it seals what the endpoint hears, and knows byte for byte what it answers.
import { readFileSync } from "node:fs";
import { repository } from "../repository.ts";
import type { Handshake } from "./handshake.ts";
import { full, type Message } from "./jose.ts";
import { applicationMessage, type Channel, type Claims, controlMessage, type Faults, keyId } from "./messages.ts";

export type Role = "client" | "server";
type Values = Record<string, unknown>;

interface CloseCode {
  readonly code: number;
  readonly name: string;
  readonly peerError: string;
}

const read = (path: string): unknown => JSON.parse(readFileSync(repository(path), "utf8"));
const { closeCodes } = read("specs/registry/close-codes.json") as { readonly closeCodes: readonly CloseCode[] };
const { errors } = read("specs/registry/errors.json") as {
  readonly errors: readonly { readonly code: string; readonly close: number | null }[];
};

/** What an endpoint gives to its WebSocket for a close code. */
export function closeOf(code: number): { readonly code: number; readonly reason: string } {
  const name = closeCodes.find((entry) => entry.code === code)?.name;
  if (name === undefined) throw new Error(`${code} is no close code`);
  return { code, reason: name };
}

/** The close code of an error code; those without one close nothing. */
export function closeCodeOf(error: string): number {
  const close = errors.find((entry) => entry.code === error)?.close;
  if (typeof close !== "number") throw new Error(`${error} closes nothing`);
  return close;
}

/** What the end that hears a coarse name ends with. */
export function meaningOf(name: string): string {
  const found = closeCodes.find((entry) => entry.name === name);
  if (found === undefined) throw new Error(`${name} is no coarse name`);
  return found.peerError;
}

/** The end of an endpoint before SR. */
export function endBefore(
  role: Role,
  wire: "text" | "binary",
  [error, step]: readonly [string, string],
  code: number = closeCodeOf(error),
): Values {
  const close = closeOf(code);
  const said = JSON.stringify({ typ: "sealwire-err", code: close.reason });
  return {
    ...(role === "server" ? { emit: [full(wire, said)] } : {}),
    close,
    error: { error, step },
    ended: { clean: false, truncated: false },
    state: "closed",
  };
}

/** Both directions of an open session, with what each end has sent. */
export class Peer {
  readonly handshake: Handshake;
  readonly tested: Role;
  /** Server time. */
  now: number;
  /** Last number of the peer. */
  seq = 0;
  /** Last number of the endpoint under test. */
  own = 0;
  readonly #in: Channel;
  readonly #out: Channel;

  constructor(handshake: Handshake, tested: Role) {
    this.handshake = handshake;
    this.tested = tested;
    this.now = handshake.setup.now;
    this.#in = handshake.channel(tested === "client" ? "server" : "client");
    this.#out = handshake.channel(tested);
  }

  /** The direction that the endpoint under test hears. */
  get channel(): Channel {
    return this.#in;
  }

  /** The direction in which it speaks. */
  get reverse(): Channel {
    return this.#out;
  }

  #claims(channel: Channel, seq: number, over: Claims): Claims {
    const { iss, aud, keys } = channel;
    const signed = iss === undefined ? {} : { iss, aud, bnd: keyId(keys), iat: this.now };
    const data = "bat" in over || "bin" in over ? {} : { dat: { text: "hello" } };
    const topic = "bat" in over ? {} : { top: "chat.say" };
    return { ...signed, seq, exp: this.now + 60, ...topic, ...data, ...over };
  }

  /** Honest claims of the peer's next message, with other members. */
  claims(over: Claims = {}, seq: number = this.seq + 1): Claims {
    return this.#claims(this.#in, seq, over);
  }

  /** The peer's next application message. */
  message(over: Claims = {}, faults: Faults = {}): Message {
    this.seq++;
    return applicationMessage(this.#in, this.claims(over, this.seq), faults);
  }

  /** The peer's next control message; it has received everything. */
  control(claims: Claims, faults: Faults = {}): Message {
    this.seq++;
    return controlMessage(this.#in, { seq: this.seq, rcv: this.own, ...claims }, faults);
  }

  /** The next application message of the endpoint under test. */
  says(over: Claims = {}): Message {
    this.own++;
    return applicationMessage(this.#out, this.#claims(this.#out, this.own, over));
  }

  /** Its next control message; it has committed everything, or up to `rcv`. */
  answers(claims: Claims): Message {
    this.own++;
    return controlMessage(this.#out, { seq: this.own, rcv: this.seq, ...claims });
  }

  /** A fatal error that the endpoint finds in the peer's last message, which it has not committed. */
  end(
    [error, step]: readonly [string, string],
    o: { readonly rcv?: number; readonly truncated?: boolean } = {},
  ): Values {
    const { rcv = this.seq - 1, truncated = true } = o;
    const close = closeOf(closeCodeOf(error));
    return {
      emit: [this.answers({ top: "bye", code: close.reason, rcv })],
      close,
      error: { error, step },
      ended: { clean: false, truncated },
      state: "closed",
    };
  }

  /** What the outcome of the last message of the handshake says. */
  get opened(): Values {
    const { handshake } = this;
    const { level, codec, ready } = handshake.setup;
    return { sid: handshake.sid, lvl: level, cod: codec, sub: ready.sub, scp: ready.scp, exp: ready.exp };
  }
}
