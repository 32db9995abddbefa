// Both ends of a handshake, one of them under test: what the files handshake-*.ts and session-*.ts build on.
import { hex, labelled } from "../kit/bytes.ts";
import { accessToken, boundTo, type Changes, Handshake, protocolOf, type Setup, type Suite } from "../kit/handshake.ts";
import type { Claims, Codec, Level, Wire } from "../kit/messages.ts";
import { endBefore, Peer, type Role } from "../kit/peer.ts";
import { CLOCK, Group, type GroupOptions, type Step } from "./file.ts";
import { $key, $public, jwkOf } from "./keys.ts";

export type Values = Record<string, unknown>;
export type Alg = "ES256" | "Ed25519";
export type Verdict = readonly [error: string, step: Step];

export const SERVER_ID = "https://chat.example";
export const ISSUER = "https://issuer.example";
export const LEVELS = ["mac", "sig", "aead", "nest"] as const;
const ALGS = ["ES256", "Ed25519"] as const;

export interface SceneOptions {
  readonly role: Role;
  readonly wire?: Wire;
  readonly suite?: Suite;
  readonly level?: Level;
  readonly codec?: Codec;
  /** Algorithm of the proof key; none in the bearer variant. */
  readonly proof?: Alg;
  /** Algorithm of the server's identity. An endpoint under test signs with Ed25519. */
  readonly identity?: Alg;
  readonly ath?: boolean;
  readonly pop?: "required" | "optional";
  readonly order?: "strict" | "window";
  /** More members of `init`, or others. */
  readonly init?: Values;
  /** Members of the setup that follow from nothing else. */
  readonly setup?: Partial<Setup>;
  /** Claims of the token that differ. */
  readonly token?: Claims;
}

/** Claims of the access token; with a proof key it is bound to that. */
export const tokenClaims = (proof: string | undefined, over: Claims = {}): Claims => ({
  iss: ISSUER,
  sub: "alice",
  aud: SERVER_ID,
  iat: CLOCK - 60,
  exp: CLOCK + 3600,
  jti: "token-1",
  client_id: "chat-app",
  scope: "chat.read chat.say",
  ...(proof === undefined ? {} : boundTo(jwkOf(proof))),
  ...over,
});

export const tokenOf = (proof: string | undefined, over: Claims = {}, header: Claims = {}, signer?: string): string =>
  accessToken(tokenClaims(proof, over), jwkOf(signer ?? "issuer ES256"), header);

/** Steps of a script, each with its outcome. */
export class Script {
  readonly steps: Values[] = [];
  readonly outcomes: Values[] = [];

  add(step: Values, outcome: Values): this {
    this.steps.push(step);
    this.outcomes.push(outcome);
    return this;
  }

  get input(): Values {
    return { steps: this.steps };
  }

  get result(): Values {
    return { steps: this.outcomes };
  }
}

export class Scene {
  readonly options: SceneOptions;
  readonly setup: Setup;
  readonly wire: Wire;
  readonly #proof: string | undefined;
  readonly #identity: string;

  constructor(options: SceneOptions) {
    const { wire = "text", suite = "p256", level = "aead", codec = "json", proof, identity = "Ed25519" } = options;
    this.options = options;
    this.wire = wire;
    this.#proof = proof && `client ${proof}`;
    this.#identity = `server ${identity}`;
    const bothKeys = (end: string): Setup["clientKeys"] => ({ [suite]: jwkOf(`${end} ephemeral ${suite}`) });
    const signed = level === "sig" || level === "nest";
    this.setup = {
      wire,
      suite,
      level,
      codec,
      serverId: SERVER_ID,
      now: CLOCK,
      clientRnd: labelled("client rnd"),
      serverRnd: labelled("server rnd"),
      clientKeys: bothKeys("client"),
      serverKeys: bothKeys("server"),
      identity: jwkOf(this.#identity),
      ...(this.#proof === undefined ? {} : { proof: jwkOf(this.#proof) }),
      token: tokenOf(this.#proof, options.token),
      ath: options.ath ?? false,
      pop: signed ? "required" : (options.pop ?? "optional"),
      order: options.order ?? "strict",
      offer: { prt: [protocolOf(wire)], lvl: [level], sig: ALGS, cod: [codec] },
      clientMsg: 1048576,
      serverMsg: 1048576,
      ready: { exp: CLOCK + 3600, sub: "alice", scp: ["chat.read", "chat.say"] },
      ...options.setup,
    };
  }

  get role(): Role {
    return this.options.role;
  }

  /** `init` of the endpoint under test. */
  get init(): Values {
    const { serverId, suite, offer, token, pop, order } = this.setup;
    const { ath, init = {} } = this.options;
    const client = this.role === "client";
    const base = {
      now: CLOCK,
      serverId,
      rnd: hex(client ? this.setup.clientRnd : this.setup.serverRnd),
      ephemeral: { [suite]: $key(`${this.role} ephemeral ${suite}`) },
      allow: ["chat.say", "chat.ask", "chat.broken", "chat.mute"],
      handlers: { "chat.ask": "echo", "chat.broken": "fail" },
      ...(order === "window" ? { order } : {}),
    };
    const { prt, lvl, sig, cod } = offer;
    if (client) {
      return {
        ...base,
        pinned: { keys: [$public(this.#identity)] },
        offer: { prt, st: [suite], lvl, sig, cod },
        token,
        ...(this.#proof === undefined ? {} : { proofKey: $key(this.#proof) }),
        ...(ath ? { upgradeToken: true } : {}),
        ...init,
      };
    }
    return {
      ...base,
      identity: [$key(this.#identity)],
      support: {
        prt: ["sealwire.v1.cbor", "sealwire.v1.text"],
        st: ["x25519", "p256"],
        lvl: LEVELS,
        cod: ["json", "cbor"],
      },
      pop,
      issuers: [{ issuer: ISSUER, keys: { keys: [$public("issuer ES256")] } }],
      ...(ath ? { upgradeToken: token } : {}),
      ...init,
    };
  }

  get context(): Values {
    return { role: this.role, init: this.init };
  }

  handshake(changes: Changes = {}, setup: Partial<Setup> = {}): Handshake {
    return new Handshake({ ...this.setup, ...setup }, changes);
  }

  /** The beginning of every script. */
  start(handshake: Handshake): Script {
    const step = { op: "start", protocol: protocolOf(this.wire) };
    return new Script().add(
      step,
      this.role === "client" ? { emit: [handshake.message("ch")], state: "wait-sh" } : { state: "wait-ch" },
    );
  }

  /** Up to the object that the endpoint under test hears last. */
  halfway(handshake: Handshake): Script {
    const script = this.start(handshake);
    const [heard, said, state] =
      this.role === "client" ? (["sh", "ca", "wait-sr"] as const) : (["ch", "sh", "wait-ca"] as const);
    return script.add({ op: "recv", message: handshake.message(heard) }, { emit: [handshake.message(said)], state });
  }

  /** Up to state open. */
  open(handshake: Handshake): Script {
    const opened = new Peer(handshake, this.role).opened;
    const client = this.role === "client";
    return this.halfway(handshake).add(
      { op: "recv", message: handshake.message(client ? "sr" : "ca") },
      { ...(client ? {} : { emit: [handshake.message("sr")] }), opened, state: "open" },
    );
  }

  /** The end of a handshake in which something is wrong. */
  ended(verdict: Verdict, code?: number): Values {
    return endBefore(this.role, this.wire, verdict, code);
  }
}

/** Failures of CA before it is decrypted; all others have one close code. */
const OUTER: readonly Step[] = ["frame", "encoding", "sequence", "crypto"];

export interface Refusal {
  readonly from?: string;
  /** Close code, where it is not that of the error. */
  readonly code?: number;
  readonly setup?: Partial<Setup>;
  readonly init?: Values;
}

/** A group of handshakes of one scene. */
export class HandshakeGroup {
  readonly scene: Scene;
  readonly group: Group;

  constructor(id: string, section: string, options: SceneOptions, level: GroupOptions["level"] = "L2") {
    this.scene = new Scene(options);
    this.group = new Group(id, { level, section, op: "session.run", context: this.scene.context });
  }

  #init(init: Values | undefined): Values {
    return init === undefined ? {} : { init: { ...this.scene.init, ...init } };
  }

  accept(name: string, comment: string, req: readonly string[], script: Script, init?: Values): void {
    this.group.accept(name, comment, req, { ...this.#init(init), ...script.input }, script.result);
  }

  /** A complete handshake. */
  open(name: string, comment: string, req: readonly string[], changes: Changes = {}, o: Refusal = {}): void {
    const handshake = this.scene.handshake(changes, o.setup);
    this.accept(name, comment, req, this.scene.open(handshake), o.init);
    this.group.explain(handshake.intermediate);
  }

  /** A script that ends with an error; what leads to it is in `script`. */
  refuseScript(
    name: string,
    mutation: string,
    req: readonly string[],
    script: Script,
    verdict: Verdict,
    { from = "open", init }: Refusal = {},
  ): void {
    const input = { ...this.#init(init), ...script.input };
    this.group.refuse(name, from, mutation, req, input, verdict, { fatal: true, ...script.result });
  }

  /** A handshake that ends at the object that is changed. */
  refuse(
    name: string,
    mutation: string,
    req: readonly string[],
    changes: Changes,
    verdict: Verdict,
    refusal: Refusal = {},
  ): void {
    const handshake = this.scene.handshake(changes, refusal.setup);
    const object = Object.keys(changes)[0] as "ch" | "sh" | "ca" | "sr";
    const script = object === "ch" || object === "sh" ? this.scene.start(handshake) : this.scene.halfway(handshake);
    const decrypted = object === "ca" && !OUTER.includes(verdict[1]);
    const code = refusal.code ?? (decrypted ? 3000 : undefined);
    script.add({ op: "recv", message: handshake.message(object) }, this.scene.ended(verdict, code));
    this.refuseScript(name, mutation, req, script, verdict, refusal);
  }
}
