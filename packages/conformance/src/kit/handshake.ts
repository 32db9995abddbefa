// CH, SH, CA, SR and the access token (specs/session.md, sections 3 to 9), right or wrong at every place.
import { type Bytes, b64u, hex, json, sha256, utf8 } from "./bytes.ts";
import { agree, type Content, full, jwe, jws, type Message, nonce } from "./jose.ts";
import { type Keys, kdf, keysOf, sid, th } from "./kdf.ts";
import { type Jwk, thumbprint, wireJwk } from "./keys.ts";
import type { Channel, Claims, Codec, Level, Wire } from "./messages.ts";

export type Suite = "p256" | "x25519";
export type Edit = (members: Claims) => Content;

/** Members take the place of others, and undefined ones are left out; new ones stand at the end. */
export const set =
  (over: Claims): Edit =>
  (members) =>
    Object.fromEntries(Object.entries({ ...members, ...over }).filter(([, value]) => value !== undefined));

/** The JSON text with one piece replaced. */
export const rewrite =
  (piece: string, by: string): Edit =>
  (members) => {
    const text = JSON.stringify(members);
    if (!text.includes(piece)) throw new Error(`nothing reads ${piece}`);
    return text.replace(piece, by);
  };

/** `pol` of SH. */
export const policyOf = ({ level, pop, res = 0, order = "strict" }: Setup): Claims => ({
  pop: level === "sig" || level === "nest" ? "required" : pop,
  res,
  seq: order,
});

const PROTOCOL = { text: "sealwire.v1.text", binary: "sealwire.v1.cbor" } as const;
export const protocolOf = (wire: Wire): string => PROTOCOL[wire];

/** What both ends of one handshake have and want. */
export interface Setup {
  readonly wire: Wire;
  readonly suite: Suite;
  readonly level: Level;
  readonly codec: Codec;
  readonly serverId: string;
  /** Seconds of the server's clock. */
  readonly now: number;
  readonly clientRnd: Bytes;
  readonly serverRnd: Bytes;
  /** Ephemeral keys by suite; the client offers all of its own, in their order. */
  readonly clientKeys: Readonly<Partial<Record<Suite, Jwk>>>;
  readonly serverKeys: Readonly<Partial<Record<Suite, Jwk>>>;
  readonly identity: Jwk;
  /** The client's proof key, where it has one. */
  readonly proof?: Jwk;
  readonly token: string;
  /** The token went with the upgrade, and CA names it by its hash. */
  readonly ath?: boolean;
  readonly pop: "required" | "optional";
  readonly order?: "strict" | "window";
  /** Seconds for which the session can be resumed; 0 by default. */
  readonly res?: number;
  readonly offer: {
    readonly prt: readonly string[];
    readonly lvl: readonly string[];
    readonly sig: readonly string[];
    readonly cod: readonly string[];
  };
  readonly clientMsg: number;
  readonly serverMsg: number;
  /** What SR tells of the token. */
  readonly ready: { readonly exp: number; readonly sub: string; readonly scp: readonly string[] };
}

/** What one object has otherwise than the specification says. */
export interface Faults {
  readonly members?: Edit;
  /** Protected header; of CA the outer one. */
  readonly header?: Edit;
  /** Protected header of the JWS inside CA. */
  readonly inner?: Edit;
  readonly signer?: Jwk;
  readonly key?: Bytes;
  readonly iv?: Bytes;
  /** What CA encrypts, made from what it would. */
  readonly plaintext?: (p3: string) => string;
  /** The last word: the text form, made from what it would be. */
  readonly text?: (text: string) => string;
}

export type Changes = Readonly<Partial<Record<"ch" | "sh" | "ca" | "sr", Faults>>>;

export const asText = (content: Content): string =>
  Buffer.from(content instanceof Uint8Array ? content : json(content)).toString();
const same = (text: string): string => text;
const unchanged: Edit = (members) => members;

/** A complete handshake, each object made when it is asked for: changes of SH show in everything behind it. */
export class Handshake {
  readonly setup: Setup;
  readonly #changes: Changes;
  readonly #made = new Map<string, unknown>();

  constructor(setup: Setup, changes: Changes = {}) {
    this.setup = setup;
    this.#changes = changes;
  }

  #once<T>(name: string, make: () => T): T {
    if (!this.#made.has(name)) this.#made.set(name, make());
    return this.#made.get(name) as T;
  }

  get ch(): string {
    return this.#once("ch", () => {
      const { clientRnd, serverId, clientKeys, offer, clientMsg } = this.setup;
      const keys = Object.entries(clientKeys) as [Suite, Jwk][];
      const { members = unchanged, text = same } = this.#changes.ch ?? {};
      const made = members({
        typ: "sealwire-ch",
        v: 1,
        rnd: b64u(clientRnd),
        aud: serverId,
        prt: offer.prt,
        st: keys.map(([suite]) => suite),
        kex: keys.map(([, key]) => wireJwk(key)),
        lvl: offer.lvl,
        sig: offer.sig,
        cod: offer.cod,
        lim: { msg: clientMsg },
      });
      return text(asText(made));
    });
  }

  get sh(): string {
    return this.#once("sh", () => {
      const { wire, suite, level, codec, serverId, now, serverRnd, serverKeys, identity } = this.setup;
      const { serverMsg } = this.setup;
      const { members = unchanged, header = unchanged, signer = identity, text = same } = this.#changes.sh ?? {};
      const payload = members({
        iss: serverId,
        iat: now,
        th: b64u(th("ch", utf8(this.ch))),
        rnd: b64u(serverRnd),
        prt: protocolOf(wire),
        st: suite,
        epk: wireJwk(serverKeys[suite] as Jwk),
        lvl: level,
        cod: codec,
        pol: policyOf(this.setup),
        lim: { msg: serverMsg },
      });
      const kid = thumbprint(identity);
      return text(jws(header({ alg: identity.alg, kid, typ: "sealwire-sh+jwt" }), payload, signer));
    });
  }

  get th2(): Bytes {
    return this.#once("th2", () => th("th2", utf8(this.ch), utf8(this.sh)));
  }

  get z(): Bytes {
    const { suite, clientKeys, serverKeys } = this.setup;
    return this.#once("z", () => agree(clientKeys[suite] as Jwk, serverKeys[suite] as Jwk));
  }

  #keys(prefix: "c hs" | "s hs" | "c app" | "s app", ctx: Bytes): Keys {
    return this.#once(prefix, () => keysOf(this.z, this.th2, prefix, ctx));
  }

  /** Keys of CA. */
  get caKeys(): Keys {
    return this.#keys("c hs", this.th2);
  }

  get #auth(): { readonly p3: string; readonly text: string } {
    return this.#once("ca", () => {
      const { serverId, now, token, ath, proof } = this.setup;
      const { members = unchanged, inner = unchanged, header = unchanged, signer, ...rest } = this.#changes.ca ?? {};
      const credential = ath ? { ath: b64u(sha256(utf8(token))) } : { at: token };
      const claims = members({ aud: serverId, iat: now, exp: now + 60, th: b64u(this.th2), ...credential });
      const { plaintext = same, text = same, key = this.caKeys.key, iv = nonce(this.caKeys.iv, 0) } = rest;
      const honest =
        proof === undefined
          ? asText(claims)
          : jws(inner({ alg: proof.alg, jwk: wireJwk(proof), typ: "sealwire-auth+jwt" }), claims, signer ?? proof);
      const p3 = plaintext(honest);
      const cty = proof === undefined ? {} : { cty: "JWT" };
      const outer = header({ alg: "dir", enc: "A256GCM", ...cty, kid: b64u(this.caKeys.kid), typ: "sealwire-ca+jwt" });
      return { p3, text: text(jwe(outer, key, iv, p3)) };
    });
  }

  get p3(): string {
    return this.#auth.p3;
  }

  get ca(): string {
    return this.#auth.text;
  }

  get th3(): Bytes {
    return this.#once("th3", () => th("th3", this.th2, utf8(this.p3)));
  }

  /** Keys of SR. */
  get srKeys(): Keys {
    return this.#keys("s hs", this.th3);
  }

  /** Every value on the way, by the names of the specification. */
  get intermediate(): Record<string, string> {
    const named = (prefix: "c hs" | "s hs" | "c app" | "s app", ctx: Bytes): [string, string][] => {
      const { key, iv, mac, kid } = this.#keys(prefix, ctx);
      const parts = prefix.endsWith("app") ? { key, iv, mac, kid } : { key, iv, kid };
      return Object.entries(parts).map(([name, bytes]) => [`${prefix} ${name}`, hex(bytes)]);
    };
    return {
      z: hex(this.z),
      th2: hex(this.th2),
      p3: this.p3,
      th3: hex(this.th3),
      cb: hex(this.cb),
      ...Object.fromEntries([
        ...named("c hs", this.th2),
        ...named("s hs", this.th3),
        ...named("c app", this.th3),
        ...named("s app", this.th3),
      ]),
    };
  }

  /** The chain of epoch 0. */
  get chain(): Bytes {
    return kdf(this.z, this.th2, "chain", this.th3, 32);
  }

  get cb(): Bytes {
    return kdf(this.z, this.th2, "cb", this.th3, 32);
  }

  get sr(): string {
    return this.#once("sr", () => {
      const { now, ready } = this.setup;
      const { members = unchanged, header = unchanged, text = same, ...rest } = this.#changes.sr ?? {};
      const { key = this.srKeys.key, iv = nonce(this.srKeys.iv, 0) } = rest;
      const { exp, sub, scp } = ready;
      const claims = members({ th: b64u(this.th3), iat: now, exp, sub, scp, cb: b64u(this.cb) });
      const outer = header({ alg: "dir", enc: "A256GCM", kid: b64u(this.srKeys.kid), typ: "sealwire-sr+jwt" });
      return text(jwe(outer, key, iv, claims));
    });
  }

  /** An object on the wire of this handshake. */
  message(name: "ch" | "sh" | "ca" | "sr"): Message {
    return full(this.setup.wire, this[name]);
  }

  get sid(): string {
    return sid(this.th2);
  }

  /** What one end seals messages with. */
  channel(from: "client" | "server"): Channel {
    return channelOf(this.setup, from, this.#keys(from === "client" ? "c app" : "s app", this.th3));
  }
}

/** One direction of a session under some keys. */
export function channelOf(setup: Setup, from: "client" | "server", keys: Keys, epoch = 0): Channel {
  const { wire, level, codec, serverId, identity, proof } = setup;
  if (level === "mac" || level === "aead") return { wire, level, codec, keys, epoch };
  const client = thumbprint(proof as Jwk);
  const [iss, aud] = from === "client" ? [client, serverId] : [serverId, client];
  return { wire, level, codec, keys, epoch, signer: from === "client" ? (proof as Jwk) : identity, iss, aud };
}

/** An access token (RFC 9068). */
export const accessToken = (claims: Claims, signer: Jwk, header: Claims = {}): string =>
  jws(set({ alg: signer.alg, typ: "at+jwt", ...header })({}), claims, signer);

/** The JWK Set member that binds a token to a key. */
export const boundTo = (proof: Jwk): Claims => ({ cnf: { jkt: thumbprint(proof) } });
