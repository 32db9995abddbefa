// session.run: the session code of core in virtual time.
import { type CloseInfo, type ErrorCode, SealwireError } from "@sealwire/core";
import { Connection, type Established, type Handshake, LiveSession, type SessionHooks } from "@sealwire/core/internal";
import {
  type ClientInit,
  clientHandshake,
  type Init,
  limitsFrom,
  type ServerInit,
  serverHandshake,
} from "./session-init.ts";
import { fromJson, type Input, type Message, type Ops, toJson, toMessage } from "./values.ts";
import { ScriptSocket, settle, VirtualClock } from "./virtual.ts";

interface Step {
  readonly op: "start" | "recv" | "send" | "request" | "tick" | "close" | "drop";
  readonly protocol: string;
  readonly message?: Message;
  readonly messages?: readonly Message[];
  readonly top: string;
  readonly data: unknown;
  readonly ttl?: number;
  readonly seconds: number;
  readonly code?: number;
}

type Values = Record<string, unknown>;
type Trace = Parameters<NonNullable<SessionHooks["trace"]>>[0];

/** The step that refuses with a code is the same for every code that an `err` carries. */
const stepOf = (code: ErrorCode): string => new SealwireError(code).stage;
const codeOf = (error: unknown): string => {
  if (error instanceof SealwireError) return error.code;
  if (error instanceof TypeError) return "TypeError";
  throw error;
};

/** Lists of an outcome, as they come into being. */
class Outcome {
  readonly deliver: Values[] = [];
  readonly settled: Values[] = [];
  readonly refused: Values[] = [];
  readonly denied: Values[] = [];
  thrown: Values | undefined;
  opened: Values | undefined;
}

class Endpoint {
  readonly #role: "client" | "server";
  readonly #init: Init;
  readonly #clock: VirtualClock;
  #outcome = new Outcome();
  #socket: ScriptSocket | undefined;
  #session: LiveSession | undefined;
  #info: CloseInfo | undefined;
  #sent = 0;
  #reported = false;
  /** Takes the number of the request that this step seals. */
  #onSealed: (seq: number) => void = () => {};

  constructor(role: "client" | "server", init: Init) {
    this.#role = role;
    this.#init = init;
    this.#clock = new VirtualClock(init.now);
  }

  async run(step: Step): Promise<Values> {
    this.#outcome = new Outcome();
    await this.#do(step);
    await settle();
    this.#onSealed = () => {};
    return this.#take(step);
  }

  async #do(step: Step): Promise<void> {
    switch (step.op) {
      case "start":
        return await this.#start(step.protocol);
      case "recv":
        return this.#socket?.receive(step.messages ?? [step.message as Message]);
      case "send":
        return this.#send(step);
      case "request":
        return this.#request(step);
      case "tick":
        return await this.#clock.advance(step.seconds * 1000);
      case "close":
        void this.#session?.close();
        return;
      case "drop":
        this.#socket?.drop(step.code ?? 1006, "");
    }
  }

  async #start(protocol: string): Promise<void> {
    const handshake = await this.#handshake(protocol);
    const limits = limitsFrom(this.#init);
    this.#socket = new ScriptSocket(protocol);
    const server = this.#role === "server";
    const connection: Connection = new Connection({
      socket: this.#socket,
      clock: this.#clock,
      limits,
      handshake,
      rateLimited: server,
      onEstablished: (established) => {
        this.#session = new LiveSession(established, connection, limits, this.#hooks());
        this.#session.onDenied(({ seq, code }) => this.#outcome.denied.push({ seq, error: code }));
        this.#opened(established);
        return this.#session;
      },
      onClosed: (info) => {
        this.#info = info;
      },
    });
  }

  #handshake(protocol: string): Promise<Handshake> {
    if (this.#role === "client") return clientHandshake(this.#init as ClientInit, protocol);
    return serverHandshake(this.#init as ServerInit, protocol, () => this.#clock.unix());
  }

  #opened({ id, level, codec, subject, scopes, expiresAt }: Established): void {
    this.#outcome.opened = { sid: id, lvl: level, cod: codec, sub: subject, scp: scopes, exp: expiresAt };
  }

  #hooks(): SessionHooks {
    const server = this.#role === "server";
    const { allow = [], handlers = {} } = this.#init;
    // The session asks for the handler of an item right after its authorization.
    let request = false;
    return {
      heartbeat: server,
      rateLimited: server,
      authorize: ({ topic, direction, kind }) => {
        request = kind === "request";
        return direction === "out" || allow.includes(topic);
      },
      handler: (topic) => {
        const kind = Object.hasOwn(handlers, topic) ? handlers[topic] : undefined;
        const req = request;
        if (kind === undefined && req) return undefined;
        return (data, { message: { seq, index } }) => {
          const place = index === undefined ? { seq } : { seq, index };
          this.#outcome.deliver.push({ ...place, top: topic, data: toJson(data), ...(req ? { req } : {}) });
          if (kind === "fail") throw new Error("the script's handler fails");
          return data;
        };
      },
      trace: (record) => this.#trace(record),
    };
  }

  #trace({ direction, kind, seq, claims }: Trace): void {
    if (direction === "in") return;
    if (kind === "application") {
      this.#onSealed(seq);
      return;
    }
    const { top, code, ref } = JSON.parse(Buffer.from(claims).toString());
    if (top !== "err") return;
    const place = Array.isArray(ref) ? { seq: ref[0], index: ref[1] } : { seq: ref };
    this.#outcome.refused.push({ ...place, error: code, step: stepOf(code) });
  }

  #send({ top, data, ttl }: Step): void {
    const sent = this.#session?.send(top, fromJson(data), ttl === undefined ? {} : { ttl });
    sent?.catch((error: unknown) => {
      this.#outcome.thrown = { error: codeOf(error) };
    });
  }

  #request({ top, data }: Step): void {
    let seq: number | undefined;
    this.#onSealed = (taken) => {
      seq = taken;
    };
    this.#session?.request(top, fromJson(data)).then(
      (value) => this.#outcome.settled.push({ seq, data: toJson(value) }),
      (error: unknown) => {
        if (seq === undefined) this.#outcome.thrown = { error: codeOf(error) };
        else this.#outcome.settled.push({ seq, error: codeOf(error) });
      },
    );
  }

  #take(step: Step): Values {
    const { deliver, settled, refused, denied, thrown, opened } = this.#outcome;
    const emit = (this.#socket?.sent.slice(this.#sent) ?? []).map(toMessage);
    this.#sent += emit.length;
    const outcome: Values = {};
    for (const [name, list] of Object.entries({ emit, deliver, settled, refused, denied })) {
      if (list.length > 0) outcome[name] = list;
    }
    if (thrown !== undefined) outcome.thrown = thrown;
    if (opened !== undefined) outcome.opened = opened;
    if (this.#info !== undefined && !this.#reported) {
      this.#reported = true;
      if (this.#socket?.closed !== undefined) outcome.close = this.#socket.closed;
      Object.assign(outcome, this.#end(this.#info, step));
    }
    return { ...outcome, state: this.#state };
  }

  #end({ error, clean, truncated, window }: CloseInfo, step: Step): Values {
    // Before SR the close code of the peer is no more than a hint, and no finding of this end.
    const hint = step.op === "drop" && this.#session === undefined;
    const ended = { clean, truncated, ...window };
    if (error === undefined || hint) return { ended };
    const peer = error.remote && error.code !== "E_TRUNCATED";
    return { error: { error: error.code, step: error.stage, ...(peer ? { peer } : {}) }, ended };
  }

  get #state(): string {
    if (this.#info !== undefined) return "closed";
    const session = this.#session;
    if (session !== undefined) return session.byeSent || session.byeReceived ? "closing" : "open";
    const waits = this.#role === "client" ? ["wait-sh", "wait-sh", "wait-sr"] : ["wait-ch", "wait-ca"];
    return waits[this.#sent] as string;
  }
}

async function run({ role, init, steps: script }: Input): Promise<Values> {
  const endpoint = new Endpoint(role as "client" | "server", init as unknown as Init);
  const steps: Values[] = [];
  for (const step of script as Step[]) steps.push(await endpoint.run(step));
  const error = steps.at(-1)?.error as { readonly error: string; readonly step: string } | undefined;
  return error === undefined ? { steps } : { ok: false, error: error.error, step: error.step, fatal: true, steps };
}

export const ops: Ops = { "session.run": run };
