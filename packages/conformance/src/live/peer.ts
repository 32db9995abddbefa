// An open session in the tester's hands: it seals what a check wants, right or wrong, and opens what the other end sends.
import { decode } from "cbor-x";
import { compactDecrypt, compactVerify, importJWK } from "jose";
import { type Bytes, b64u, json, unb64u, unhex } from "../kit/bytes.ts";
import { cbor } from "../kit/cbor.ts";
import { jwe, jws, type Message, nonce, short } from "../kit/jose.ts";
import type { Keys } from "../kit/kdf.ts";
import { type Jwk, publicJwk, thumbprint } from "../kit/keys.ts";
import { type Closed, type Connection, isClosed, Unmet } from "./connection.ts";
import { readFrame } from "./frame.ts";

export type Claims = Record<string, unknown>;

export interface PeerOptions {
  readonly connection: Connection;
  readonly wire: "text" | "binary";
  readonly level: string;
  readonly codec: string;
  readonly send: Keys;
  readonly receive: Keys;
  readonly self: string;
  readonly peer: string;
  readonly signer: Jwk | undefined;
  readonly peerKey: Jwk | undefined;
  /** Seconds. */
  readonly now: () => number;
}

export interface Opened {
  readonly control: boolean;
  readonly seq: number;
  /** In the order in which they came. */
  readonly claims: Claims;
}

export interface Forgery {
  readonly seq?: number;
  readonly header?: object;
  readonly inner?: object;
  readonly signer?: Jwk;
  readonly keys?: Partial<Keys>;
  /** `h` of the binary wire. */
  readonly h?: number;
}

export class Peer {
  readonly o: PeerOptions;
  seq = 0;
  received = 0;

  constructor(options: PeerOptions) {
    this.o = options;
  }

  get #cty(): object {
    return this.o.codec === "cbor" ? { cty: "sealwire+cbor" } : {};
  }

  signedHeader(key: Jwk | undefined): object {
    if (key === undefined) return {};
    return { alg: key.alg, ...this.#cty, kid: thumbprint(key), typ: "sealwire+jwt" };
  }

  header(keys: Keys, key: Jwk | undefined): object {
    const kid = b64u(keys.kid);
    const [typ, aead] = ["sealwire+jwt", { alg: "dir", enc: "A256GCM" }];
    switch (this.o.level) {
      case "mac":
        return { alg: "HS256", ...this.#cty, kid, typ };
      case "aead":
        return { ...aead, ...this.#cty, kid, typ };
      case "nest":
        return { ...aead, cty: "JWT", kid, typ };
      default:
        return this.signedHeader(key);
    }
  }

  controlHeader(keys: Keys): object {
    return { alg: "dir", enc: "A256GCM", kid: b64u(keys.kid), typ: "sealwire-ctl+jwt" };
  }

  /** Right at this level; undefined in `overrides` removes a claim. */
  claims(overrides: Claims = {}): Claims {
    const { level, self, peer, send, now } = this.o;
    const signed = level === "sig" || level === "nest";
    const own = signed ? { iss: self, aud: peer, bnd: b64u(send.kid) } : {};
    const iat = signed ? { iat: now() } : {};
    const given = { ...own, seq: this.seq + 1, ...iat, exp: now() + 60, ...overrides };
    return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  }

  #encode(claims: Claims | Bytes): Bytes {
    if (claims instanceof Uint8Array) return claims;
    return this.o.codec === "cbor" ? cbor(claims) : json(claims);
  }

  /** An application message under the next number, unless `forgery` says otherwise. */
  message(claims: Claims | Bytes, forgery: Forgery = {}): Message {
    const { wire, level, signer } = this.o;
    const seq = forgery.seq ?? this.seq + 1;
    this.seq = seq;
    const keys = { ...this.o.send, ...forgery.keys };
    const header = forgery.header ?? this.header(keys, signer);
    const by = forgery.signer ?? signer;
    const plain = this.#encode(claims);
    const iv = nonce(keys.iv, seq);
    const text =
      level === "mac"
        ? jws(header, plain, keys.mac)
        : level === "sig"
          ? jws(header, plain, by as Jwk)
          : level === "aead"
            ? jwe(header, keys.key, iv, plain)
            : jwe(header, keys.key, iv, jws(forgery.inner ?? this.signedHeader(signer), plain, by as Jwk));
    return short(wire, text, forgery.h ?? 0, seq);
  }

  control(members: Claims | Bytes, forgery: Forgery = {}): Message {
    const seq = forgery.seq ?? this.seq + 1;
    this.seq = seq;
    const keys = { ...this.o.send, ...forgery.keys };
    const plain = members instanceof Uint8Array ? members : json({ seq, rcv: this.received, ...members });
    return short(
      this.o.wire,
      jwe(forgery.header ?? this.controlHeader(keys), keys.key, nonce(keys.iv, seq), plain),
      forgery.h ?? 1,
      seq,
    );
  }

  async open(message: Message): Promise<Opened> {
    const { receive, peerKey, level, codec } = this.o;
    const headers = [this.header(receive, peerKey), this.controlHeader(receive)].map((header) =>
      JSON.stringify(header),
    );
    const text = "text" in message ? message.text : readFrame(unhex(message.binary), headers, receive.iv);
    const header = unb64u(text.slice(0, text.indexOf("."))).toString();
    const control = header === headers[1];
    if (!control && header !== headers[0]) throw new Unmet(`a header that is not of this session: ${header}`);
    let plain: Bytes;
    if (control || level === "aead" || level === "nest") plain = (await compactDecrypt(text, receive.key)).plaintext;
    else plain = (await compactVerify(text, await this.#verifier())).payload;
    if (!control && level === "nest") {
      plain = (await compactVerify(Buffer.from(plain).toString(), await this.#verifier())).payload;
    }
    const claims = control || codec === "json" ? JSON.parse(Buffer.from(plain).toString()) : decode(plain);
    this.received = claims.seq;
    return { control, seq: claims.seq, claims };
  }

  async #verifier(): Promise<Uint8Array | CryptoKey> {
    const { level, receive, peerKey } = this.o;
    if (level === "mac") return receive.mac;
    const key = publicJwk(peerKey as Jwk);
    return (await importJWK(key as never, key.alg)) as CryptoKey;
  }

  /** The next message of the other end, opened; heartbeats are answered and passed over. */
  async next(seconds = 10): Promise<Opened | Closed> {
    const deadline = Date.now() + seconds * 1000;
    for (;;) {
      const got = await this.o.connection.next((deadline - Date.now()) / 1000);
      if (isClosed(got)) return got;
      const opened = await this.open(got);
      if (opened.claims.top !== "ping" || !opened.control) return opened;
      this.send(this.control({ top: "pong", ref: opened.seq }));
    }
  }

  send(...messages: Message[]): void {
    this.o.connection.send(...messages);
  }
}
