// The other end of an endpoint under test: it seals what the endpoint hears, and knows byte for byte what it answers.
import { readFileSync } from "node:fs";
import { repository } from "../repository.ts";
import type { Bytes } from "./bytes.ts";
import { channelOf, type Handshake } from "./handshake.ts";
import { full, type Message } from "./jose.ts";
import type { Traffic } from "./kdf.ts";
import {
  applicationMessage,
  type Channel,
  type Claims,
  controlClaims,
  controlMessage,
  type Faults,
  keyId,
} from "./messages.ts";
import type { Resume } from "./resume.ts";

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

/** The end of a further connection before it carries the session, which stays as it is. */
export function failedAttempt(
  role: Role,
  wire: "text" | "binary",
  conn: number,
  [error, step]: readonly [string, string],
  code: number = closeCodeOf(error),
): Values {
  const close = closeOf(code);
  const said = JSON.stringify({ typ: "sealwire-err", code: close.reason });
  return { ...(role === "server" ? { emit: [full(wire, said)] } : {}), failed: { conn, error, step, close } };
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
  /** What the next rekey or resume rests on. */
  chain: Bytes;
  /** Plaintext of the last control message of either end. */
  plaintext = "";
  /** What the peer's last control message said that it has received. */
  told = 0;
  #in: Channel;
  #out: Channel;
  /** Claims of the application messages of each end. */
  readonly #heard = new Map<number, Claims>();
  readonly #said = new Map<number, Claims>();

  constructor(handshake: Handshake, tested: Role) {
    this.handshake = handshake;
    this.tested = tested;
    this.now = handshake.setup.now;
    this.chain = handshake.chain;
    this.#in = handshake.channel(this.role);
    this.#out = handshake.channel(tested);
  }

  /** The role that this end plays. */
  get role(): Role {
    return this.tested === "client" ? "server" : "client";
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
    const life = this.handshake.setup.res ? 180 : 60;
    return { ...signed, seq, exp: this.now + life, ...topic, ...data, ...over };
  }

  /** Honest claims of the peer's next message, with other members. */
  claims(over: Claims = {}, seq: number = this.seq + 1): Claims {
    return this.#claims(this.#in, seq, over);
  }

  /** The peer's next application message. */
  message(over: Claims = {}, faults: Faults = {}): Message {
    this.seq++;
    const claims = this.claims(over, this.seq);
    this.#heard.set(this.seq, claims);
    return applicationMessage(this.#in, claims, faults);
  }

  /** The peer's next control message; it has received everything. */
  control(claims: Claims, faults: Faults = {}): Message {
    this.seq++;
    const members: Claims = { seq: this.seq, rcv: this.own, ...claims };
    this.told = Number(members.rcv) || 0;
    return this.#control(this.#in, members, faults);
  }

  /** The next application message of the endpoint under test. */
  says(over: Claims = {}): Message {
    this.own++;
    const claims = this.#claims(this.#out, this.own, over);
    this.#said.set(this.own, claims);
    return applicationMessage(this.#out, claims);
  }

  /** Its next control message; it has committed everything, or up to `rcv`. */
  answers(claims: Claims): Message {
    this.own++;
    return this.#control(this.#out, { seq: this.own, rcv: this.seq, ...claims });
  }

  #control(channel: Channel, claims: Claims, faults: Faults = {}): Message {
    this.plaintext = controlClaims(claims);
    return controlMessage(channel, claims, faults);
  }

  /** A message of either end that takes no number of the count. */
  uncounted(from: "in" | "out", claims: Claims, faults: Faults = {}): Message {
    return controlMessage(from === "in" ? this.#in : this.#out, claims, faults);
  }

  /** Application messages of the endpoint under test above a number that its peer has told. */
  unconfirmed(rcv: number): Values[] {
    const above = [...this.#said].filter(([seq]) => seq > rcv);
    return above.flatMap(([seq, { top, jti, bat }]) => {
      if (bat === undefined) return [{ seq, top, ...(jti === undefined ? {} : { jti }) }];
      return (bat as readonly unknown[][]).map(([itemTop], index) => ({ seq, index, top: itemTop }));
    });
  }

  /** New keys for the direction that the endpoint under test hears (`in`), or in which it speaks. */
  turn(direction: "in" | "out", traffic: Traffic): void {
    const hears = direction === "in";
    const [role, { epoch = 0, wire }] = hears ? [this.role, this.#in] : [this.tested, this.#out];
    const channel = { ...channelOf(this.handshake.setup, role, traffic[role], epoch + 1), wire };
    if (hears) this.#in = channel;
    else this.#out = channel;
    this.chain = traffic.chain;
  }

  /** Both directions are those of a resume. */
  move(resume: Resume): void {
    this.#in = resume.channel(this.role);
    this.#out = resume.channel(this.tested);
    this.chain = resume.chain;
  }

  /** The directions as they were, where a resume came to nothing. */
  restore(before: { readonly chain: Bytes; readonly in: Channel; readonly out: Channel }): void {
    this.chain = before.chain;
    this.#in = before.in;
    this.#out = before.out;
  }

  /** What an end sends again: its numbers from `first` on, those of control messages and of `voided` as `void`. */
  again(direction: "in" | "out", first: number, voided: readonly number[] = []): Message[] {
    const hears = direction === "in";
    const [channel, sent, last] = hears ? [this.#in, this.#heard, this.seq] : [this.#out, this.#said, this.own];
    return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => {
      const claims = voided.includes(first + i) ? undefined : sent.get(first + i);
      if (claims === undefined) return controlMessage(channel, { seq: first + i, top: "void" });
      return applicationMessage(channel, channel.iss === undefined ? claims : { ...claims, bnd: keyId(channel.keys) });
    });
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
