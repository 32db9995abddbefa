// Sessions that renew keys and change connections, one end under test: what the files lifecycle-*.ts build on.
import { hex, labelled } from "../kit/bytes.ts";
import { Handshake, type Suite as KeySuite, protocolOf, type Setup } from "../kit/handshake.ts";
import { agree, type Message } from "../kit/jose.ts";
import { rekeyed, type Traffic } from "../kit/kdf.ts";
import { type Jwk, wireJwk } from "../kit/keys.ts";
import type { Claims, Faults } from "../kit/messages.ts";
import type { Role } from "../kit/peer.ts";
import type { Suite } from "./file.ts";
import type { SceneOptions, Values } from "./handshake-scene.ts";
import { $key, jwkOf } from "./keys.ts";
import { SessionGroup, Talk, type TalkOptions } from "./session-scene.ts";

/** Seconds for which a resumable session of the vectors outlives its connection. */
export const RES = 120;
const DRAWS = 6;

const keyLabel = (role: Role, n: number, suite: KeySuite): string => `${role} ephemeral ${n} ${suite}`;
const rndOf = (role: Role, n: number): Buffer => labelled(`${role} rnd ${n}`);

export interface LifeOptions extends SceneOptions {
  /** `pol.res`; 0 by default. */
  readonly res?: number;
}

/** The same scene with what the tested end draws later, and what the server says of resumption. */
function extended({ res = 0, ...options }: LifeOptions): SceneOptions {
  const { role, suite = "p256", init, setup } = options;
  const more = Array.from({ length: DRAWS }, (_, i) => ({
    rnd: hex(rndOf(role, i + 1)),
    ephemeral: { [suite]: $key(keyLabel(role, i + 1, suite)) },
  }));
  const server = role === "server" && res > 0 ? { res } : {};
  return { ...options, init: { more, ...server, ...init }, setup: { res, ...setup } };
}

/** Plaintext, key and number of a `rekey`. */
export interface Proposal {
  readonly text: string;
  readonly key: Jwk;
  readonly seq: number;
}

export class Life extends Talk {
  readonly group: LifeGroup;
  /** That of the direction in which the tested end speaks. */
  epoch = 0;
  /** Connections that were begun after the first one. */
  conn = 0;
  /** End and scopes of the session, as the server tells them in `resumed`. */
  terms: { readonly exp: number; readonly scp: readonly string[] };
  /** Keys of the epoch that a rekey leads to. */
  next: Traffic | undefined;
  #proposal: Proposal | undefined;
  readonly #draws: Record<Role, number> = { client: 0, server: 0 };

  constructor(group: LifeGroup, options: TalkOptions) {
    super(group, options);
    this.group = group;
    const { exp, scp } = this.peer.handshake.setup.ready;
    this.terms = { exp, scp };
  }

  /** Highest `rcv` that reached the tested end, and the own messages that it has given up since. */
  told = 0;
  readonly reported: Set<unknown> = new Set();

  /** The end of a resumable session says what may not have arrived. */
  override step(step: Values, outcome: Values = {}): this {
    const over = outcome.ended !== undefined && outcome.undetermined === undefined;
    if (!over || !this.peer.handshake.setup.res) return super.step(step, outcome);
    const undetermined = this.unconfirmed();
    return super.step(step, { ...outcome, ...(undetermined.length === 0 ? {} : { undetermined }) });
  }

  unconfirmed(): Values[] {
    return this.peer.unconfirmed(this.told).filter(({ seq }) => !this.reported.has(seq));
  }

  override recv(message: object, outcome: Values = {}, step: Values = {}): this {
    if (outcome.ended === undefined) this.told = Math.max(this.told, this.peer.told);
    return super.recv(message, outcome, step);
  }

  /** Time in which own messages pass their end. */
  expires(seconds: number, seqs: readonly number[], outcome: Values = {}): this {
    const undetermined = this.unconfirmed().filter(({ seq }) => seqs.includes(seq as number));
    for (const { seq } of undetermined) this.reported.add(seq);
    return this.tick(seconds, () => ({ ...outcome, undetermined }));
  }

  /** What an end draws next. */
  draw(role: Role): { readonly rnd: Buffer; readonly key: Jwk } {
    const n = ++this.#draws[role];
    return { rnd: rndOf(role, n), key: jwkOf(keyLabel(role, n, this.suite)) };
  }

  get suite(): KeySuite {
    return this.peer.handshake.setup.suite;
  }

  #derive(own: Jwk, other: Jwk, proposal: string, answer: string): Traffic {
    this.next = rekeyed(this.peer.chain, agree(own, other), proposal, answer);
    return this.next;
  }

  /** The message with which the tested end asks for new keys. */
  rekey(): Message {
    const { key } = this.draw(this.peer.tested);
    const message = this.peer.answers({ top: "rekey", n: this.epoch + 1, epk: wireJwk(key) });
    this.#proposal = { text: this.peer.plaintext, key, seq: this.peer.own };
    return message;
  }

  /** The application asks for new keys. */
  proposes(): this {
    return this.step({ op: "rekey" }, { emit: [this.rekey()] });
  }

  /** The peer's answer to the tested end's proposal; both directions are under new keys after it. */
  answer(over: Claims = {}, faults: Faults = {}): Message {
    const { text, key, seq } = this.#proposal as Proposal;
    const { key: other } = this.draw(this.peer.role);
    const members = { top: "rekeyed", n: this.epoch + 1, epk: wireJwk(other), ref: seq, ...over };
    const message = this.peer.control(members, faults);
    this.#derive(key, other, text, this.peer.plaintext);
    return message;
  }

  /** In window order each end tells by the first message under the new keys that the other one has them. */
  get #windowed(): boolean {
    return this.peer.handshake.setup.order === "window";
  }

  /** The tested end seals under the new keys from its `ack` on. */
  goesOver(over: Claims = {}): Message {
    this.peer.turn("out", this.next as Traffic);
    this.epoch++;
    return this.peer.answers({ top: "ack", ...over });
  }

  /** The peer has answered: the tested end's `ack` is under the new keys. */
  answered(more: Values = {}, over: Claims = {}): this {
    const message = this.answer(over);
    const emit = [this.goesOver()];
    this.switches();
    const epoch = { send: this.epoch, receive: this.epoch - (this.#windowed ? 1 : 0) };
    return this.recv(message, { emit, epoch, ...more });
  }

  /** The peer's `ack` behind its `rekeyed`. */
  acked(over: Claims = {}): this {
    return this.recv(this.peer.control({ top: "ack", ...over }));
  }

  /** A whole rekey that the tested end began. */
  renews(): this {
    return this.proposes().answered().acked();
  }

  /** The peer's proposal: message and what it leads to. */
  peerRekey(over: Claims = {}): { readonly message: Message; readonly proposal: Proposal } {
    const { key } = this.draw(this.peer.role);
    const message = this.peer.control({ top: "rekey", n: this.epoch + 1, epk: wireJwk(key), ...over });
    return { message, proposal: { text: this.peer.plaintext, key, seq: this.peer.seq } };
  }

  /** What the tested end answers: `rekeyed`, and in strict order `ack` under the new keys behind it. */
  responses({ text, key, seq }: Proposal): Message[] {
    const { key: own } = this.draw(this.peer.tested);
    const n = this.epoch + 1;
    const answer = this.peer.answers({ top: "rekeyed", n, epk: wireJwk(own), ref: seq });
    this.#derive(own, key, text, this.peer.plaintext);
    return this.#windowed ? [answer] : [answer, this.goesOver()];
  }

  /** The peer asks for new keys; its own messages stay under the old ones for now. */
  answers(): this {
    const { message, proposal } = this.peerRekey();
    const emit = this.responses(proposal);
    const epoch = this.#windowed ? {} : { epoch: { send: this.epoch, receive: this.epoch - 1 } };
    return this.recv(message, { emit, ...epoch });
  }

  /** The peer seals under the new keys from here. */
  switches(): this {
    this.peer.turn("in", this.next as Traffic);
    return this;
  }

  /** The peer's `ack`, its first message under the new keys. */
  confirms(over: Claims = {}): this {
    this.switches();
    return this.recv(this.peer.control({ top: "ack", ...over }), { epoch: { send: this.epoch, receive: this.epoch } });
  }

  /** A whole rekey that the peer began. */
  renewed(): this {
    return this.answers().confirms();
  }

  /** The connection is gone; the session stays. */
  lose(code?: number): this {
    this.state = "lost";
    return this.step({ op: "drop", ...(code === undefined ? {} : { code }) });
  }

  /** Randomness, keys and clock of the next connection. */
  nextSetup(): Setup {
    const { setup } = this.peer.handshake;
    const [client, server] = [this.draw("client"), this.draw("server")];
    return {
      ...setup,
      now: this.peer.now,
      clientRnd: client.rnd,
      serverRnd: server.rnd,
      clientKeys: { [setup.suite]: client.key },
      serverKeys: { [setup.suite]: server.key },
    };
  }

  /** A full handshake on a further connection, up to the object that the tested end hears last. */
  reopen(over: Partial<Setup> = {}): Handshake {
    const handshake = new Handshake({ ...this.nextSetup(), ...over });
    const client = this.peer.tested === "client";
    const { ch, sh, ca } = { ch: handshake.message("ch"), sh: handshake.message("sh"), ca: handshake.message("ca") };
    this.conn++;
    const start = { op: "start", protocol: protocolOf(handshake.setup.wire) };
    this.step(start, client ? { emit: [ch], attempt: "wait-sh" } : { attempt: "wait-ch" });
    if (client) this.recv(sh, { emit: [ca], attempt: "wait-sr" });
    else this.recv(ch, { emit: [sh], attempt: "wait-ca" });
    return handshake;
  }
}

export class LifeGroup extends SessionGroup {
  constructor(suite: Suite, id: string, section: string, options: LifeOptions) {
    super(id, `lifecycle.md#${section}`, extended(options), suite);
  }

  life(options: TalkOptions = {}): Life {
    return new Life(this, options);
  }
}
