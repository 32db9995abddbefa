// session.run: the session code of core in virtual time.
import { type CloseInfo, type Limits, SealwireError } from "@sealwire/core";
import {
  type ConnectionOptions,
  decodeClaims,
  type Established,
  LiveSession,
  type ResumeCandidate,
  type ServerStep,
} from "@sealwire/core/internal";
import { type Application, hooksOf, type Step } from "./session-application.ts";
import { Asked } from "./session-asked.ts";
import { Authority, isOfSameClient, type Token } from "./session-authority.ts";
import { Draws } from "./session-backend.ts";
import {
  type ClientInit,
  clientHandshake,
  clientResume,
  type Init,
  limitsFrom,
  type ServerInit,
  serverHandshake,
} from "./session-init.ts";
import { Link } from "./session-link.ts";
import { codeOf, Outcome, placed, type Values } from "./session-outcome.ts";
import { fromJson, type Input, type Message, type Ops, toJson, toMessage } from "./values.ts";
import { settle, VirtualClock } from "./virtual.ts";

class Endpoint implements Application {
  readonly #role: "client" | "server";
  readonly #init: Init;
  readonly #limits: Limits;
  readonly #clock: VirtualClock;
  readonly #draws: Draws;
  readonly #links: Link[] = [];
  readonly authority: Authority | undefined;
  token: Token | undefined;
  outcome = new Outcome();
  session: LiveSession | undefined;
  /** That the session is on, or was on last. */
  #link: Link | undefined;
  /** Of the session. */
  #end: CloseInfo | undefined;
  #epochs = { send: 0, receive: 0 };
  readonly #asked = new Asked();

  constructor(role: "client" | "server", init: Init) {
    this.#role = role;
    this.#init = init;
    this.#limits = limitsFrom(init);
    this.#clock = new VirtualClock(init.now);
    this.#draws = new Draws([init, ...(init.more ?? [])]);
    if (role === "server") this.authority = new Authority(init as ServerInit, this.#limits, () => this.#clock.unix());
  }

  async run(step: Step): Promise<Values> {
    this.outcome = new Outcome();
    const before = {
      session: this.session,
      ended: this.#end !== undefined,
      failed: this.#links[0]?.end !== undefined,
    };
    await this.#do(step);
    await settle();
    return this.#take(step, before);
  }

  async #do(step: Step): Promise<void> {
    const { op, conn = this.#links.length - 1 } = step;
    switch (op) {
      case "start":
        return await this.#start(step);
      case "recv":
        return this.#links[conn]?.socket.receive(step.messages ?? [step.message as Message]);
      case "drop":
        return this.#links[conn]?.socket.drop(step.code ?? 1006, "");
      case "tick":
        return await this.#clock.advance(step.seconds * 1000);
      case "turn":
        for (const [place, call] of step.calls.entries()) this.#call(call, place);
        return;
      case "send":
      case "request":
      case "close":
        return this.#call(step);
      case "rekey":
        return this.session?.rekey();
      case "auth":
        return this.#auth(step.at);
      case "revoke":
        if (this.authority?.revoke(step.by, this.token, this.session?.id))
          this.session?.fail(new SealwireError("E_REVOKED"));
    }
  }

  #call(step: Step, place?: number): void {
    if (step.op === "send") this.#send(step, place);
    else if (step.op === "request") this.#request(step, place);
    else void this.session?.close();
  }

  // --- connections ---------------------------------------------------------------------------------------------

  async #start(step: Step): Promise<void> {
    const place = this.#links.length;
    if (this.#role === "client" && place > 0) {
      this.session?.detach(4409, "superseded");
      this.#links.at(-1)?.leave();
      await settle();
    }
    const resume = this.#resumable(step.resume);
    const handshake = await this.#handshake(step, resume);
    const link: Link = new Link(place, step.protocol, handshake, {
      role: this.#role,
      resume: resume !== undefined,
      clock: this.#clock,
      limits: this.#limits,
      onEstablished: (established, handed) => this.#established(established, handed, link),
      onSent: (payload) => this.outcome.emit.push(toMessage(payload)),
    });
    this.#links.push(link);
  }

  /** The place of the chain, unless the client holds too many of them. */
  #resumable(place: number | undefined): number | undefined {
    const chains = this.session?.life.ledger.chains.length ?? 0;
    return chains < this.#limits.resumeChains ? place : undefined;
  }

  #handshake({ protocol, upgradeToken }: Step, resume: number | undefined) {
    if (this.#role === "server") {
      const init = this.#init as ServerInit;
      return serverHandshake(init, protocol, {
        draws: this.#draws,
        authority: this.authority as Authority,
        upgradeToken:
          upgradeToken === undefined ? (init.upgradeToken as string | undefined) : (upgradeToken ?? undefined),
        findSession: (kid) => this.#find(kid),
      });
    }
    const init = this.#init as ClientInit;
    if (resume === undefined) return clientHandshake(init, protocol, this.#draws);
    return clientResume(init, protocol, (this.session as LiveSession).life, resume);
  }

  #find(kid: string): ResumeCandidate<Token> | undefined {
    const session = this.session;
    if (session === undefined) return undefined;
    const { facts, ledger } = session.life;
    const chain = ledger.chains.find((c) => c.kid === kid);
    if (chain === undefined || !ledger.resumable) return undefined;
    return {
      facts,
      ledger,
      chain,
      get alive() {
        return session.state !== "closed";
      },
      scopes: session.scopes,
      expiresAt: session.expiresAt.getTime() / 1000,
      token: this.token as Token,
      admits: (token) => isOfSameClient(token, this.token as Token),
    };
  }

  #established(e: Established, handed: ServerStep<Token>, link: Link): ReturnType<ConnectionOptions["onEstablished"]> {
    const { facts, ledger, resume, scopes, expiresAt } = e;
    this.#link = link;
    this.#epochs = { send: 0, receive: 0 };
    if (resume !== undefined) {
      this.outcome.resumed = { rcv: ledger.committed, peer: resume.peer };
      return (this.session as LiveSession).resume(e, link.connection);
    }
    const { level, codec } = facts.keys;
    this.outcome.opened = { sid: facts.id, lvl: level, cod: codec, sub: facts.subject, scp: scopes, exp: expiresAt };
    this.token = handed.token;
    if (this.token !== undefined) this.authority?.opened(this.token);
    if (this.session !== undefined && this.#end === undefined) return this.session.replace(e, link.connection);
    this.#end = undefined;
    const session = new LiveSession(e, link.connection, this.#limits, hooksOf(this.#init, this));
    session.onDenied(({ code, ...place }) => this.outcome.denied.push({ ...placed(place), error: code }));
    session.onUndetermined((messages) => this.outcome.lost(messages));
    void session.closed.then((info) => {
      this.#end = info;
    });
    this.session = session;
    return session.receiver;
  }

  // --- the application -----------------------------------------------------------------------------------------

  onSealed(seq: number, claims: Uint8Array): void {
    const { codec } = (this.session as LiveSession).life.facts.keys;
    this.#asked.sealed(seq, decodeClaims(codec, claims));
  }

  #send({ top, data, ttl, idempotent }: Step, call: number | undefined): void {
    const outcome = this.outcome;
    this.#draws.messageId = idempotent;
    const options = {
      ...(ttl === undefined ? {} : { ttl }),
      ...(idempotent === undefined ? {} : { idempotent: true }),
    };
    this.session?.send(top, fromJson(data), options).catch((error: unknown) => outcome.refuse(error, call));
  }

  #request({ top, data }: Step, call: number | undefined): void {
    const outcome = this.outcome;
    const request = this.#asked.add(top, fromJson(data));
    this.session?.request(top, fromJson(data)).then(
      (value) => this.outcome.settled.push({ ...request.place, data: toJson(value) }),
      (error: unknown) => {
        if (request.place === undefined) {
          this.#asked.drop(request);
          outcome.refuse(error, call);
        } else this.outcome.settled.push({ ...request.place, error: codeOf(error) });
      },
    );
  }

  #auth(token: string): void {
    this.session?.refresh(token).then(
      ({ scopes, expiresAt }) => {
        this.outcome.refreshed = { scp: scopes, exp: expiresAt };
      },
      (error: unknown) => {
        // Otherwise an earlier one is unanswered, or the session has ended.
        if (codeOf(error) === "E_TOKEN") this.outcome.notRefreshed = true;
      },
    );
  }

  // --- outcomes ------------------------------------------------------------------------------------------------

  #take(step: Step, before: { session: LiveSession | undefined; ended: boolean; failed: boolean }): Values {
    const outcome = this.outcome;
    const session = this.session;
    for (const link of this.#links) link.report(outcome, before.session !== undefined);
    if (session === undefined) {
      const { end } = this.#links[0] as Link;
      if (end !== undefined && !before.failed) outcome.over(end, step.op !== "drop");
    } else {
      const { send, receive } = session.epochs;
      if (send !== this.#epochs.send || receive !== this.#epochs.receive) {
        outcome.epoch = { send, receive };
        this.#epochs = { send, receive };
      }
      if (this.#end !== undefined && !(before.ended && before.session === session)) {
        outcome.over(this.#end, true);
        if (session.life.ledger.resumable) outcome.lost(this.#end.undetermined);
      }
      const own = ["start", "recv", "drop"].includes(step.op);
      const link = own ? this.#links[step.conn ?? this.#links.length - 1] : this.#link;
      outcome.attempt = link?.state;
    }
    return outcome.values(this.#state);
  }

  get #state(): string {
    const session = this.session;
    if (session === undefined) return this.#links[0]?.state ?? "closed";
    if (this.#end !== undefined) return "closed";
    if (session.byeSent || session.byeReceived) return "closing";
    return session.state === "open" ? "open" : "lost";
  }
}

async function run({ role, init, steps: script }: Input): Promise<Values> {
  const endpoint = new Endpoint(role as "client" | "server", init as unknown as Init);
  const steps: Values[] = [];
  for (const step of script as Step[]) steps.push(await endpoint.run(step));
  const last = steps.at(-1);
  const { error, step } = (last?.error ?? last?.failed ?? {}) as { readonly error?: string; readonly step?: string };
  return error === undefined ? { steps } : { ok: false, error, step, fatal: true, steps };
}

export const ops: Ops = { "session.run": run };
