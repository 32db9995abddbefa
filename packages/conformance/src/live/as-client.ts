// The tester as a client: the handshake, with every object open to change before it is sent.
import { createHash, randomBytes } from "node:crypto";
import { compactDecrypt, compactVerify, importJWK } from "jose";
import { type Bytes, b64u, json, unb64u, unhex, utf8 } from "../kit/bytes.ts";
import { agree, full, jwe, jws, type Message, nonce } from "../kit/jose.ts";
import { type Keys, keysOf, th } from "../kit/kdf.ts";
import { type Jwk, publicJwk, thumbprint, wireJwk } from "../kit/keys.ts";
import type { LiveConfig } from "./config.ts";
import { type Connection, dial, isClosed, Unmet } from "./connection.ts";
import { readFrame } from "./frame.ts";
import { ephemeral, freshKey } from "./fresh.ts";
import { Peer } from "./peer.ts";
import { mint } from "./token.ts";

type Members = Record<string, unknown>;

/** What one connection is to be like. Members of CH and CA in `ch` and `ca` replace the right ones; undefined removes. */
export interface Plan {
  readonly protocol?: string;
  readonly offer?: readonly string[];
  readonly suite?: string;
  readonly level?: string;
  readonly codec?: string;
  /** Bearer by default at mac and aead, proof of possession at sig and nest. */
  readonly proof?: boolean;
  readonly ch?: Members | ((ch: Members) => string);
  readonly ca?: Members;
  /** Claims of the access token. */
  readonly token?: Members;
  readonly tokenHeader?: Members;
  readonly tokenKey?: Jwk;
  /** Signs CA in place of the key that the token names. */
  readonly proofSigner?: Jwk;
  /** Header of the inner JWS of CA. */
  readonly inner?: Members;
  /** Bearer CA although the token is bound. */
  readonly strip?: boolean;
  readonly headers?: Record<string, string>;
}

export interface Greeted {
  readonly connection: Connection;
  readonly wire: "text" | "binary";
  readonly th2: Bytes;
  readonly sh: Members;
  readonly z: Bytes;
  readonly proofKey: Jwk | undefined;
  readonly token: string;
  readonly serverKey: Jwk;
  readonly offset: number;
}

export const localNow = (): number => Math.floor(Date.now() / 1000);

function apply(members: Members, changes: Members): Members {
  return Object.fromEntries(Object.entries({ ...members, ...changes }).filter(([, value]) => value !== undefined));
}

export class Tester {
  readonly url: string;
  readonly config: LiveConfig;
  readonly #open: Connection[] = [];

  constructor(url: string, config: LiveConfig) {
    this.url = url;
    this.config = config;
  }

  async dial(plan: Plan = {}): Promise<Connection> {
    const offer = plan.offer ?? [plan.protocol ?? (this.config.protocols[0] as string)];
    const got = await dial(this.url, offer, { headers: plan.headers ?? {}, ...this.tls });
    if (!("socket" in got)) throw new Unmet(`the upgrade was refused with HTTP ${got.status}`);
    this.#open.push(got);
    return got;
  }

  endAll(): void {
    for (const connection of this.#open.splice(0)) connection.end();
  }

  wireOf(connection: Connection): "text" | "binary" {
    return connection.socket.protocol.endsWith(".text") ? "text" : "binary";
  }

  /** Certificates for connections that a check opens itself. */
  get tls(): { readonly ca?: string } {
    return this.config.ca === undefined ? {} : { ca: this.config.ca };
  }

  /** A CH whose ephemeral key is not needed again: it is going to be refused. */
  clientHello(plan: Plan): string {
    const suite = plan.suite ?? (this.config.suites[0] as string);
    return this.#clientHello(plan, ephemeral(suite), suite);
  }

  #clientHello(plan: Plan, key: Jwk, suite: string): string {
    const offer = plan.offer ?? [plan.protocol ?? (this.config.protocols[0] as string)];
    const ch = {
      typ: "sealwire-ch",
      v: 1,
      rnd: b64u(randomBytes(32)),
      aud: this.config.server.id,
      prt: offer,
      st: [suite],
      kex: [wireJwk(key)],
      lvl: [plan.level ?? this.config.levels[0]],
      sig: ["ES256", "Ed25519"],
      cod: [plan.codec ?? "json"],
      lim: { msg: 1048576 },
    };
    return typeof plan.ch === "function" ? plan.ch(ch) : JSON.stringify(apply(ch, plan.ch ?? {}));
  }

  /** Sends CH and reads SH, whose checks are those of a careful client. */
  async greet(plan: Plan = {}): Promise<Greeted> {
    const connection = await this.dial(plan);
    const wire = this.wireOf(connection);
    const suite = plan.suite ?? (this.config.suites[0] as string);
    const key = ephemeral(suite);
    const ch = this.#clientHello(plan, key, suite);
    connection.send(full(wire, ch));
    const answer = await connection.next(10);
    if (isClosed(answer)) throw new Unmet(`closed ${answer.code} ${answer.reason} in place of SH`);
    const text = "text" in answer ? answer.text : readFrame(unhex(answer.binary));
    if (text.startsWith("{")) throw new Unmet(`${text} in place of SH`);
    const header = JSON.parse(unb64u(text.split(".")[0] as string).toString());
    const serverKey = this.config.server.keys.find((candidate) => thumbprint(candidate) === header.kid);
    if (serverKey === undefined) throw new Unmet("SH is signed by a key that is not pinned");
    const exact = JSON.stringify({ alg: serverKey.alg, kid: thumbprint(serverKey), typ: "sealwire-sh+jwt" });
    if (JSON.stringify(header) !== exact) throw new Unmet(`header of SH is not ${exact}`);
    const { payload } = await compactVerify(text, await importJWK(publicJwk(serverKey) as never, serverKey.alg));
    const sh = JSON.parse(Buffer.from(payload).toString()) as Members;
    if (sh.th !== b64u(th("ch", utf8(ch)))) throw new Unmet("th of SH is not the hash of CH");
    if (sh.iss !== this.config.server.id) throw new Unmet("iss of SH is not the server");
    const level = sh.lvl as string;
    const proof = plan.proof ?? (level === "sig" || level === "nest");
    const proofKey = proof ? freshKey("ES256") : undefined;
    const token = this.token(plan, proofKey);
    const th2 = th("th2", utf8(ch), utf8(text));
    const z = agree(key, sh.epk as Jwk);
    return { connection, wire, th2, sh, z, proofKey, token, serverKey, offset: (sh.iat as number) - localNow() };
  }

  token(plan: Plan, proofKey: Jwk | undefined): string {
    const { issuer } = this.config;
    if (issuer === undefined) throw new TypeError("the configuration names no issuer: the suite mints its tokens");
    const cnf = proofKey === undefined ? {} : { cnf: { jkt: thumbprint(proofKey) } };
    const { server, topics } = this.config;
    const scope = [topics.echo, topics.message].join(" ");
    return mint(issuer, server.id, scope, { ...cnf, ...plan.token }, plan.tokenHeader, plan.tokenKey);
  }

  /** CA as it follows from what was greeted, changed as the plan says. */
  clientAuth(greeted: Greeted, plan: Plan = {}): { readonly message: Message; readonly th3: Bytes } {
    const { th2, z, proofKey, token, wire, offset } = greeted;
    const now = localNow() + offset;
    const claims = apply(
      { aud: this.config.server.id, iat: now, exp: now + 60, th: b64u(th2), at: token },
      plan.ca ?? {},
    );
    const keys = keysOf(z, th2, "c hs", th2);
    const signer = plan.proofSigner ?? proofKey;
    const bound = proofKey !== undefined && plan.strip !== true;
    const inner = { alg: signer?.alg, jwk: wireJwk((proofKey ?? {}) as Jwk), typ: "sealwire-auth+jwt", ...plan.inner };
    const plain = bound ? jws(inner, claims, signer as Jwk) : JSON.stringify(claims);
    const header = {
      alg: "dir",
      enc: "A256GCM",
      ...(bound ? { cty: "JWT" } : {}),
      kid: b64u(keys.kid),
      typ: "sealwire-ca+jwt",
    };
    const compact = jwe(header, keys.key, nonce(keys.iv, 0), plain);
    return { message: full(wire, compact), th3: th("th3", th2, json(plain)) };
  }

  /** Keys and ends of the session that follows CA. */
  peer(greeted: Greeted, th3: Bytes): Peer {
    const { connection, wire, th2, z, sh, proofKey, serverKey, offset } = greeted;
    const app = (side: "c" | "s"): Keys => keysOf(z, th2, `${side} app`, th3);
    return new Peer({
      connection,
      wire,
      level: sh.lvl as string,
      codec: sh.cod as string,
      send: app("c"),
      receive: app("s"),
      self: proofKey === undefined ? "" : thumbprint(proofKey),
      peer: this.config.server.id,
      signer: proofKey,
      peerKey: serverKey,
      now: () => localNow() + offset,
    });
  }

  /** A whole honest handshake: an open session. */
  async open(plan: Plan = {}): Promise<Peer> {
    const greeted = await this.greet(plan);
    const { message, th3 } = this.clientAuth(greeted, plan);
    greeted.connection.send(message);
    await this.ready(greeted, th3);
    return this.peer(greeted, th3);
  }

  /** Reads SR and checks it. */
  async ready({ connection, z, th2 }: Greeted, th3: Bytes): Promise<Members> {
    const answer = await connection.next(10);
    if (isClosed(answer)) throw new Unmet(`closed ${answer.code} ${answer.reason} in place of SR`);
    const text = "text" in answer ? answer.text : readFrame(unhex(answer.binary));
    if (text.startsWith("{")) throw new Unmet(`${text} in place of SR`);
    const keys = keysOf(z, th2, "s hs", th3);
    const sr = await openReady(text, keys);
    if (sr.th !== b64u(th3)) throw new Unmet("th of SR is not TH3");
    return sr;
  }
}

async function openReady(text: string, keys: Keys): Promise<Members> {
  const exact = JSON.stringify({ alg: "dir", enc: "A256GCM", kid: b64u(keys.kid), typ: "sealwire-sr+jwt" });
  const segments = text.split(".");
  if (unb64u(segments[0] as string).toString() !== exact) throw new Unmet("header of SR is not the constant");
  if (segments[2] !== b64u(nonce(keys.iv, 0))) throw new Unmet("IV of SR is not that of seq 0");
  const { plaintext } = await compactDecrypt(text, keys.key);
  return JSON.parse(Buffer.from(plaintext).toString()) as Members;
}

/** `ath` of a token. */
export const tokenHash = (token: string): string => b64u(createHash("sha256").update(token, "ascii").digest());
