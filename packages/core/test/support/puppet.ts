import { decode } from "cbor-x";
import { CompactEncrypt, CompactSign, compactDecrypt, importJWK } from "jose";
import type { PrivateJwk } from "../../src/crypto/backend.ts";
import type { Payload } from "../../src/envelope/sealer.ts";
import { cbor } from "./cbor.ts";
import { type Pair, SERVER_ID, type Side } from "./pair.ts";
import { b64u, unb64u } from "./raw.ts";

export type Claims = Record<string, unknown>;
/** Claims as an object, or encoded already. */
export type Content = Claims | Uint8Array | string;

export interface Forgery {
  readonly seq?: number;
  readonly header?: object;
  readonly inner?: object;
  /** Signs in place of the right key. */
  readonly signer?: PrivateJwk;
}

/**
 * One end of a session in the hands of an attacker who has its keys. What it seals is made by stock jose, with the
 * headers of specs/envelope.md written out here: it shares no code with what it is tested against.
 */
export class Puppet {
  readonly pair: Pair;
  readonly as: "client" | "server";
  seq = 0;

  /** What the other end sent to this one since it was seized. */
  readonly received: Payload[] = [];

  /** Which keys these are, where a session has renewed them. */
  readonly epoch: number;

  constructor(pair: Pair, as: "client" | "server" = "client", epoch = 0) {
    this.pair = pair;
    this.as = as;
    this.epoch = epoch;
  }

  /** Takes the place of one end: the real one neither hears nor says anything any more. */
  static seize(pair: Pair, as: "client" | "server" = "client"): Puppet {
    const puppet = new Puppet(pair, as);
    const own = as === "client" ? "c2s" : "s2c";
    pair.link.tap = (direction, payload) => {
      if (direction !== own) puppet.received.push(payload);
      return [];
    };
    return puppet;
  }

  /** The end that this one talks to. */
  get target(): Side {
    return this.pair[this.as === "client" ? "server" : "client"];
  }

  /** The control messages among what was received, opened. */
  async controls(): Promise<Claims[]> {
    const other = new Puppet(this.pair, this.as === "client" ? "server" : "client");
    const texts = this.received.map((payload) => other.toText(payload));
    const wanted = JSON.stringify(other.controlHeader);
    const found = texts.filter((text) => unb64u(text.split(".")[0] as string).toString() === wanted);
    const opened = await Promise.all(found.map((text) => compactDecrypt(text, other.key("key"))));
    return opened.map(({ plaintext }) => JSON.parse(Buffer.from(plaintext).toString()));
  }

  /** The claims of a control message of the other end under these keys; undefined for any other frame. */
  async openControl(payload: Payload): Promise<Uint8Array | undefined> {
    if (typeof payload !== "string" && (decode(payload) as unknown[])[1] !== 2 * this.epoch + 1) return undefined;
    const other = new Puppet(this.pair, this.as === "client" ? "server" : "client", this.epoch);
    const text = other.toText(payload);
    if (unb64u(text.split(".")[0] as string).toString() !== JSON.stringify(other.controlHeader)) return undefined;
    return (await compactDecrypt(text, other.key("key"))).plaintext;
  }

  key(name: "key" | "iv" | "mac" | "kid"): Uint8Array {
    const found = this.pair.keys.get(`${this.as === "client" ? "c" : "s"} app ${name}`);
    if (found === undefined) throw new Error(`no ${name}: the handshake is not done`);
    return found;
  }

  get kid(): string {
    return b64u(this.key("kid"));
  }

  get signer(): PrivateJwk {
    return (this.as === "client" ? this.pair.clientKey : this.pair.serverKey) as PrivateJwk;
  }

  get #cty(): object {
    return this.pair.codec === "cbor" ? { cty: "sealwire+cbor" } : {};
  }

  get signedHeader(): object {
    const kid = this.as === "client" ? this.pair.clientId : this.pair.serverKeyId;
    return { alg: this.signer.alg, ...this.#cty, kid, typ: "sealwire+jwt" };
  }

  /** The header of application messages, member by member as the specification prints it. */
  get header(): object {
    const kid = this.kid;
    const aead = { alg: "dir", enc: "A256GCM" };
    const typ = "sealwire+jwt";
    return {
      mac: { alg: "HS256", ...this.#cty, kid, typ },
      aead: { ...aead, ...this.#cty, kid, typ },
      sig: this.pair.clientKey === undefined ? {} : this.signedHeader,
      nest: { ...aead, cty: "JWT", kid, typ },
    }[this.pair.level];
  }

  get controlHeader(): object {
    return { alg: "dir", enc: "A256GCM", kid: this.kid, typ: "sealwire-ctl+jwt" };
  }

  /** Claims that are right at this level; `overrides` replaces, undefined removes. Order as in the specification. */
  claims(overrides: Claims = {}, seq = this.seq + 1): Claims {
    const { level, clientId } = this.pair;
    const now = Math.floor(this.pair.clock.unix() / 1000);
    const [iss, aud] = this.as === "client" ? [clientId, SERVER_ID] : [SERVER_ID, clientId];
    const signed = level === "sig" || level === "nest";
    const all = {
      ...(signed ? { iss, aud, bnd: this.kid } : {}),
      seq,
      ...(signed ? { iat: now } : {}),
      exp: now + 60,
      top: "t",
      dat: 1,
      ...overrides,
    };
    return Object.fromEntries(Object.entries(all).filter(([, v]) => v !== undefined));
  }

  encode(content: Content): Uint8Array {
    if (typeof content === "string") return Buffer.from(content);
    if (content instanceof Uint8Array) return content;
    return this.pair.codec === "cbor" ? cbor(content) : Buffer.from(JSON.stringify(content));
  }

  nonce(seq: number, iv = this.key("iv")): Uint8Array {
    const out = Buffer.from(iv);
    const counter = Buffer.alloc(12);
    counter.writeBigUInt64BE(BigInt(seq), 4);
    return out.map((byte, i) => byte ^ (counter[i] as number));
  }

  async encrypt(header: object, plaintext: Uint8Array, seq: number, key = this.key("key")): Promise<string> {
    return await new CompactEncrypt(plaintext)
      .setProtectedHeader(header as never)
      .setInitializationVector(this.nonce(seq))
      .encrypt(key);
  }

  async sign(header: object, payload: Uint8Array, key: Uint8Array | PrivateJwk): Promise<string> {
    const signer = key instanceof Uint8Array ? key : await importJWK(key as never, (header as { alg: string }).alg);
    return await new CompactSign(payload).setProtectedHeader(header as never).sign(signer);
  }

  /** An application message in its text form, sealed with the right keys. Takes the next number unless one is given. */
  async compact(content: Content = this.claims(), o: Forgery = {}): Promise<string> {
    const seq = o.seq ?? this.seq + 1;
    this.seq = seq;
    const claims = this.encode(content);
    const header = o.header ?? this.header;
    const signer = o.signer ?? this.signer;
    switch (this.pair.level) {
      case "mac":
        return await this.sign(header, claims, this.key("mac"));
      case "sig":
        return await this.sign(header, claims, signer);
      case "aead":
        return await this.encrypt(header, claims, seq);
      case "nest":
        return await this.encrypt(
          header,
          Buffer.from(await this.sign(o.inner ?? this.signedHeader, claims, signer)),
          seq,
        );
    }
  }

  /** A control message; `rcv` is 0 unless given. */
  async control(message: Content, o: Forgery = {}): Promise<Payload> {
    const seq = o.seq ?? this.seq + 1;
    this.seq = seq;
    const content =
      typeof message === "string" || message instanceof Uint8Array ? message : { seq, rcv: 0, ...message };
    const json = typeof content === "string" || content instanceof Uint8Array ? content : JSON.stringify(content);
    return this.toWire(await this.encrypt(o.header ?? this.controlHeader, Buffer.from(json), seq), 1, seq);
  }

  async message(content?: Content, o: Forgery = {}): Promise<Payload> {
    const text = await this.compact(content, o);
    return this.toWire(text, 0, this.seq);
  }

  /** The text form as it goes over this pair's wire: forms 3 and 4 of the binary one. */
  toWire(compact: string, h: number, seq: number): Payload {
    if (this.pair.wire === "text") return compact;
    const [, ...rest] = compact.split(".").map(unb64u);
    const of = 2 * this.epoch + h;
    if (rest.length === 2) return cbor([4, of, ...rest]);
    return cbor([3, of, seq, Buffer.concat([rest[2] as Buffer, rest[3] as Buffer])]);
  }

  /** The inverse: the compact object that a payload of this end is on either wire. */
  toText(payload: Payload): string {
    if (typeof payload === "string") return payload;
    const [form, ...rest] = decode(payload) as [number, ...unknown[]];
    const bytes = rest.filter((part): part is Uint8Array => part instanceof Uint8Array);
    if (form === 0) return Buffer.from(bytes[0] as Uint8Array).toString();
    if (form < 3) return bytes.map(b64u).join(".");
    const header = Buffer.from(JSON.stringify((rest[0] as number) % 2 === 1 ? this.controlHeader : this.header));
    if (form === 4) return [header, ...bytes].map(b64u).join(".");
    const sealed = bytes[0] as Uint8Array;
    const iv = this.nonce(Number(rest[1]));
    return [header, new Uint8Array(0), iv, sealed.subarray(0, -16), sealed.subarray(-16)].map(b64u).join(".");
  }

  deliver(...payloads: Payload[]): void {
    for (const payload of payloads) this.pair.link.inject(this.as === "client" ? "c2s" : "s2c", payload);
  }
}
