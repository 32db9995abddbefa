// A direction of a session with its group of vectors: what the files message-*.ts build on.
import { type Bytes, hex } from "../kit/bytes.ts";
import { type Message, short } from "../kit/jose.ts";
import type { Keys } from "../kit/kdf.ts";
import { type Jwk, thumbprint } from "../kit/keys.ts";
import {
  type Channel,
  type Claims,
  type Codec,
  compact,
  compactControl,
  directionKeys,
  type Faults,
  innerJws,
  type Level,
  type Wire,
} from "../kit/messages.ts";
import { CLOCK, Group, type Step } from "./file.ts";
import { $public, jwkOf } from "./keys.ts";

export type Alg = "ES256" | "Ed25519";
export type From = "client" | "server";
type Values = Record<string, unknown>;
type Verdict = readonly [error: string, step: Step];

export const SERVER_ID = "chat.example";
/** State of the opener in every vector that does not say otherwise. */
export const STATE: Readonly<Record<"last" | "sent" | "rcv" | "now", number>> = {
  last: 4,
  sent: 7,
  rcv: 2,
  now: CLOCK,
};
export const SEQ: number = STATE.last + 1;

/** Label of the key that signs with `alg`. */
export const labelOf = (who: From | "stranger", alg: Alg): string => `${who} ${alg}`;
const signer = (from: From, alg: Alg): Jwk => jwkOf(labelOf(from, alg));

export const KEYS: Readonly<Record<From, Keys>> = {
  client: directionKeys("message client"),
  server: directionKeys("message server"),
};
/** The same endpoints on another connection. */
export const OTHER_CONNECTION: Readonly<Record<From, Keys>> = {
  client: directionKeys("message client, other connection"),
  server: directionKeys("message server, other connection"),
};

export const keysAsHex = ({ key, iv, mac, kid }: Keys): Values => ({
  key: hex(key),
  iv: hex(iv),
  mac: hex(mac),
  kid: hex(kid),
});

export interface SceneOptions {
  readonly wire: Wire;
  readonly level: Level;
  readonly codec: Codec;
  readonly alg?: Alg;
  readonly from: From;
}

/** The channel and, seen from the opener, what a vector's input says about it. */
export function channelOf({ wire, level, codec, alg, from }: SceneOptions): Channel {
  const base = { wire, level, codec, keys: KEYS[from] };
  if (alg === undefined) return base;
  const client = thumbprint(signer("client", alg));
  const [iss, aud] = from === "client" ? [client, SERVER_ID] : [SERVER_ID, client];
  return { ...base, signer: signer(from, alg), iss, aud };
}

export function openerContext(options: SceneOptions): Values {
  const { wire, level, codec, alg, from } = options;
  const { iss, aud, keys } = channelOf(options);
  const signed = alg ? { peerKey: $public(labelOf(from, alg)), self: aud, peer: iss } : {};
  return { wire, level, codec, keys: keysAsHex(keys), ...signed };
}

/** Application data as a vector writes it. */
export const asData = (data: unknown): unknown => (data instanceof Uint8Array ? { $bytes: hex(data) } : data);

/** The honest batch: a message, a request and a reply. */
export const BATCH: readonly (readonly unknown[])[] = [
  ["chat.say", null, { n: 1 }],
  ["chat.ask", null, "?", true],
  ["chat.say", [STATE.sent, 255], null],
];

export class Scene {
  readonly options: SceneOptions;
  readonly channel: Channel;
  readonly group: Group;

  /** `state` is the opener's. */
  constructor(id: string, section: string, options: SceneOptions, state: Values = STATE) {
    this.options = options;
    this.channel = channelOf(options);
    const context = { ...openerContext(options), ...state };
    this.group = new Group(`message/${id}`, { level: "L1", section, op: "message.open", context });
  }

  get wire(): Wire {
    return this.options.wire;
  }
  get level(): Level {
    return this.options.level;
  }
  /** Levels whose messages carry their number outside the claims. */
  get encrypted(): boolean {
    return this.level === "aead" || this.level === "nest";
  }
  get signed(): boolean {
    return this.level === "sig" || this.level === "nest";
  }
  /** The opener's own direction. */
  get reverse(): Channel {
    return channelOf({ ...this.options, from: this.options.from === "client" ? "server" : "client" });
  }
  /** The endpoint's key that signs here, but another one of the same algorithm. */
  get stranger(): Jwk {
    return jwkOf(labelOf("stranger", this.options.alg as Alg));
  }

  /** Honest claims; members of `over` take their place, and undefined ones are left out. */
  claims(over: Claims = {}): Claims {
    const { iss, aud, keys } = this.channel;
    const bound = this.signed ? { iss, aud, bnd: Buffer.from(keys.kid).toString("base64url"), iat: CLOCK - 1 } : {};
    return { ...bound, seq: SEQ, exp: CLOCK + 60, top: "chat.say", dat: { text: "hello" }, ...over };
  }

  /** Text form. */
  text(over: Claims = {}, faults: Faults = {}): string {
    return compact(this.channel, this.claims(over), faults);
  }

  /** A text form on the wire of this scene. */
  send(text: string, { h = 0, seq = SEQ }: { h?: number; seq?: number } = {}): Message {
    return short(this.wire, text, h, seq);
  }

  message(over: Claims = {}, faults: Faults = {}): Message {
    const seq = faults.seq ?? (over.seq as number | undefined) ?? SEQ;
    return this.send(this.text(over, faults), { seq, h: faults.h ?? 0 });
  }

  /** Claims as given, not as an honest sealer orders them. */
  raw(claims: Bytes | string): Message {
    return this.send(compact(this.channel, claims, { seq: SEQ }));
  }

  /** What the opener makes of honest claims. */
  opened(over: Claims = {}): Values {
    const { seq, jti, iat, exp, iss, aud, bnd, top, ref, req, dat, bin, bat } = this.claims(over);
    const data = bin === undefined ? dat : Buffer.from(bin as string, "base64url");
    const single = { top, ref: ref ?? null, req: req ?? false, data: asData(data ?? null) };
    const items = (bat as unknown[][] | undefined)?.map(([t, r, d, q]) => ({
      top: t,
      ref: r,
      req: q ?? false,
      data: asData(d),
    }));
    const jws = this.level === "nest" ? innerJws(this.channel, this.claims(over)) : this.text(over);
    return {
      kind: "message",
      seq,
      exp,
      ...(jti === undefined ? {} : { jti }),
      ...(iat === undefined ? {} : { iat }),
      ...(this.signed ? { iss, aud, bnd } : {}),
      items: items ?? [single],
      ...(this.signed ? { jws } : {}),
    };
  }

  accept(name: string, comment: string, req: readonly string[], over: Claims = {}, input: Values = {}): void {
    this.group.accept(name, comment, req, { message: this.message(over), ...input }, this.opened(over));
  }

  refuse(
    name: string,
    mutation: string,
    req: readonly string[],
    message: Message,
    verdict: Verdict,
    { from = "json", ...input }: Values & { from?: string } = {},
  ): void {
    this.group.refuse(name, from, mutation, req, { message, ...input }, verdict);
  }

  control(claims: Claims | string, faults: Faults = {}): Message {
    const seq = faults.seq ?? ((claims as Claims).seq as number | undefined) ?? SEQ;
    return this.send(compactControl(this.channel, claims, { ...faults, seq }), { h: faults.h ?? 1, seq });
  }
}
