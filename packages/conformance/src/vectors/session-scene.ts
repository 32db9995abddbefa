// Open sessions with one end under test: what the files session-*.ts build on.
import type { Changes, Setup } from "../kit/handshake.ts";
import type { Message } from "../kit/jose.ts";
import type { Claims, Faults } from "../kit/messages.ts";
import { Peer } from "../kit/peer.ts";
import type { Suite } from "./file.ts";
import { HandshakeGroup, type SceneOptions, type Script, type Values, type Verdict } from "./handshake-scene.ts";

export const TALK = "session.md#10-states";

export interface TalkOptions {
  readonly setup?: Partial<Setup>;
  readonly changes?: Changes;
}

/** A script from the open session on. */
export class Talk {
  peer: Peer;
  readonly script: Script;
  wire: "text" | "binary";
  state = "open";

  constructor(group: SessionGroup, { setup = {}, changes = {} }: TalkOptions = {}) {
    const { scene } = group;
    const handshake = scene.handshake(changes, setup);
    this.peer = new Peer(handshake, scene.role);
    this.script = scene.open(handshake);
    this.wire = scene.wire;
  }

  step(step: Values, outcome: Values = {}): this {
    this.script.add(step, { ...outcome, state: outcome.state ?? this.state });
    return this;
  }

  /** A message of the peer with what becomes of it. */
  recv(message: object, outcome: Values = {}, step: Values = {}): this {
    return this.step({ op: "recv", ...step, message }, outcome);
  }

  /** Messages of the peer that arrive together. */
  burst(messages: readonly Message[], outcome: Values): this {
    return this.step({ op: "recv", messages }, outcome);
  }

  /** An honest message of the peer, delivered. */
  hears(over: Claims = {}, data: unknown = over.dat ?? { text: "hello" }): this {
    const message = this.peer.message(over);
    const { top = "chat.say", req } = over;
    return this.recv(message, { deliver: [{ seq: this.peer.seq, top, data, ...(req ? { req } : {}) }] });
  }

  /** A message that the application of the tested end sends. */
  sends(top: string, data: unknown, over: Claims = {}): this {
    return this.step({ op: "send", top, data }, { emit: [this.peer.says({ top, dat: data, ...over })] });
  }

  /** A request of the application of the tested end. */
  asks(top: string, data: unknown): this {
    return this.step({ op: "request", top, data }, { emit: [this.peer.says({ top, req: true, dat: data })] });
  }

  /** Time passes on both clocks. */
  tick(seconds: number, outcome: (peer: Peer) => Values = () => ({})): this {
    this.peer.now += seconds;
    return this.step({ op: "tick", seconds }, outcome(this.peer));
  }

  /** The peer's last message refused as the last act of the session. */
  fails(message: object, verdict: Verdict, rcv?: number): this {
    return this.recv(message, this.peer.end(verdict, rcv === undefined ? {} : { rcv }));
  }
}

/** A group of scripts of one scene; its first vector opens and hears one message. */
export class SessionGroup extends HandshakeGroup {
  constructor(id: string, section: string, options: SceneOptions, suite: Suite = "session") {
    super(`${suite}/${id}`, section, options, "L3");
  }

  talk(options: TalkOptions = {}): Talk {
    return new Talk(this, options);
  }

  ok(name: string, comment: string, req: readonly string[], talk: Talk, init?: Values): void {
    this.accept(name, comment, req, talk.script, init);
  }

  bad(
    name: string,
    mutation: string,
    req: readonly string[],
    talk: Talk,
    verdict: Verdict,
    { from = "message", init }: { from?: string; init?: Values } = {},
  ): void {
    this.refuseScript(name, mutation, req, talk.script, verdict, { from, ...(init === undefined ? {} : { init }) });
  }

  /** A message of the peer that ends the session, as the first one of it. */
  badMessage(
    name: string,
    mutation: string,
    req: readonly string[],
    over: Claims,
    verdict: Verdict,
    faults: Faults = {},
    from = "message",
  ): void {
    const talk = this.talk();
    talk.fails(talk.peer.message(over, faults), verdict);
    this.bad(name, mutation, req, talk, verdict, { from });
  }

  badControl(
    name: string,
    mutation: string,
    req: readonly string[],
    claims: Claims,
    verdict: Verdict,
    faults: Faults = {},
    from = "message",
  ): void {
    const talk = this.talk();
    talk.fails(talk.peer.control(claims, faults), verdict);
    this.bad(name, mutation, req, talk, verdict, { from });
  }
}

/** One foreign message as the first of the session. */
export const foreign =
  (g: SessionGroup) =>
  (name: string, mutation: string, req: readonly string[], message: object, verdict: Verdict): void => {
    const t = g.talk();
    g.bad(name, mutation, req, t.fails(message, verdict, 0), verdict);
  };
