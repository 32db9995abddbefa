// The tester as a server: a client under test connects again and again, and each connection is one check.
import { randomBytes } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { compactDecrypt, compactVerify, importJWK } from "jose";
import { WebSocketServer } from "ws";
import { type Bytes, b64u, json, unb64u, utf8 } from "../kit/bytes.ts";
import { agree, full, jwe, jws, nonce } from "../kit/jose.ts";
import { type Keys, keysOf, th } from "../kit/kdf.ts";
import { type Jwk, thumbprint, wireJwk } from "../kit/keys.ts";
import { localNow } from "./as-client.ts";
import { textOf } from "./check.ts";
import type { LiveConfig } from "./config.ts";
import { Connection, isClosed, reasonOf, Unmet } from "./connection.ts";
import { ephemeral } from "./fresh.ts";
import { Peer } from "./peer.ts";

type Members = Record<string, unknown>;

/** Members of SH and SR replace the right ones; undefined removes. What is not chosen is the client's first. */
export interface Answer {
  readonly suite?: string;
  readonly level?: string;
  readonly codec?: string;
  readonly sh?: Members | ((sh: Members) => string);
  readonly header?: Members;
  readonly signer?: Jwk;
  /** Changes the compact SH after it was signed. */
  readonly changed?: (compact: string) => string;
  readonly sr?: Members;
}

export interface Authenticated {
  readonly z: Bytes;
  readonly th2: Bytes;
  readonly th3: Bytes;
  readonly sh: Members;
  readonly clientKey: Jwk | undefined;
}

const apply = (members: Members, changes: Members): Members =>
  Object.fromEntries(Object.entries({ ...members, ...changes }).filter(([, value]) => value !== undefined));

/** One connection of the client under test. */
export class Visit {
  readonly connection: Connection;
  readonly config: LiveConfig;
  readonly wire: "text" | "binary";
  readonly #suite: string | undefined;
  #ch = "";

  constructor(connection: Connection, config: LiveConfig, suite: string | undefined) {
    this.connection = connection;
    this.config = config;
    this.#suite = suite;
    this.wire = connection.socket.protocol.endsWith(".text") ? "text" : "binary";
  }

  get #key(): Jwk {
    return this.config.server.keys[0] as Jwk;
  }

  async hello(): Promise<Members> {
    const got = await this.connection.next(10);
    if (isClosed(got)) throw new Unmet(`closed ${got.code} in place of CH`);
    this.#ch = textOf(got);
    const ch = JSON.parse(this.#ch) as Members;
    if (ch.aud !== this.config.server.id)
      throw new Unmet("CH is for another server: give it the id of the configuration");
    return ch;
  }

  /** Answers CH with SH. */
  greet(ch: Members, answer: Answer = {}): { readonly sh: Members; readonly own: Jwk; readonly text: string } {
    const choose = (name: string, wanted: string | undefined): string => {
      const offered = ch[name] as string[];
      const chosen = wanted ?? (offered[0] as string);
      if (!offered.includes(chosen)) throw new Unmet(`the client does not offer ${chosen} in ${name}`);
      return chosen;
    };
    const suite = choose("st", answer.suite ?? this.#suite);
    const level = choose("lvl", answer.level);
    const own = ephemeral(suite);
    const signed = level === "sig" || level === "nest";
    const sh = {
      iss: this.config.server.id,
      iat: localNow(),
      th: b64u(th("ch", utf8(this.#ch))),
      rnd: b64u(randomBytes(32)),
      prt: this.connection.socket.protocol,
      st: suite,
      epk: wireJwk(own),
      lvl: level,
      cod: choose("cod", answer.codec),
      pol: { pop: signed ? "required" : "optional", res: 0, seq: "strict" },
      lim: { msg: 1048576 },
    };
    const payload = typeof answer.sh === "function" ? answer.sh(sh) : JSON.stringify(apply(sh, answer.sh ?? {}));
    const signer = answer.signer ?? this.#key;
    const header = apply(
      { alg: this.#key.alg, kid: thumbprint(this.#key), typ: "sealwire-sh+jwt" },
      answer.header ?? {},
    );
    const compact = jws(header, payload, signer);
    const text = answer.changed?.(compact) ?? compact;
    this.connection.send(full(this.wire, text));
    return { sh, own, text };
  }

  /** Reads CA: its binding to this connection is what a server has to be sure of. */
  async authenticated(ch: Members, { sh, own, text }: ReturnType<Visit["greet"]>): Promise<Authenticated> {
    const got = await this.connection.next(10);
    if (isClosed(got)) throw new Unmet(`closed ${got.code} "${got.reason}" in place of CA`);
    const th2 = th("th2", utf8(this.#ch), utf8(text));
    const suite = (ch.st as string[]).indexOf(sh.st as string);
    const z = agree(own, (ch.kex as Jwk[])[suite] as Jwk);
    const keys = keysOf(z, th2, "c hs", th2);
    const compact = textOf(got);
    const header = JSON.parse(unb64u(compact.slice(0, compact.indexOf("."))).toString()) as Members;
    const { plaintext } = await compactDecrypt(compact, keys.key);
    let [claims, clientKey]: [Bytes, Jwk | undefined] = [plaintext, undefined];
    if (header.cty === "JWT") {
      const inner = Buffer.from(plaintext).toString();
      const { jwk, alg } = JSON.parse(unb64u(inner.slice(0, inner.indexOf("."))).toString());
      clientKey = { ...(jwk as Jwk), alg };
      claims = (await compactVerify(inner, await importJWK(jwk, alg))).payload;
    }
    const ca = JSON.parse(Buffer.from(claims).toString()) as Members;
    if (ca.th !== b64u(th2)) throw new Unmet("th of CA is not TH2");
    if (ca.aud !== this.config.server.id) throw new Unmet("aud of CA is not the server");
    return { z, th2, th3: th("th3", th2, plaintext), sh, clientKey };
  }

  ready({ z, th2, th3 }: Authenticated, sr: Members = {}): void {
    const keys = keysOf(z, th2, "s hs", th3);
    const header = { alg: "dir", enc: "A256GCM", kid: b64u(keys.kid), typ: "sealwire-sr+jwt" };
    const now = localNow();
    const claims = apply({ th: b64u(th3), iat: now, exp: now + 600, sub: "conformance", scp: [] }, sr);
    this.connection.send(full(this.wire, jwe(header, keys.key, nonce(keys.iv, 0), json(claims))));
  }

  peer({ z, th2, th3, sh, clientKey }: Authenticated): Peer {
    const app = (side: "c" | "s"): Keys => keysOf(z, th2, `${side} app`, th3);
    return new Peer({
      connection: this.connection,
      wire: this.wire,
      level: sh.lvl as string,
      codec: sh.cod as string,
      send: app("s"),
      receive: app("c"),
      self: this.config.server.id,
      peer: clientKey === undefined ? "" : thumbprint(clientKey),
      signer: this.#key,
      peerKey: clientKey,
      now: localNow,
    });
  }

  async open(answer: Answer = {}): Promise<Peer> {
    const ch = await this.hello();
    const greeted = this.greet(ch, answer);
    const authenticated = await this.authenticated(ch, greeted);
    this.ready(authenticated, answer.sr);
    return this.peer(authenticated);
  }
}

/** A listening WebSocket server that hands out the connections of the client one by one. */
export class Reception {
  readonly #config: LiveConfig;
  readonly #server: Server = createServer((_request, response) => response.writeHead(426).end());
  readonly #waiting: Connection[] = [];
  readonly #open: Connection[] = [];
  #wake: () => void = () => {};
  /** What the next 101 selects; undefined: the first that the client offers. */
  select: ((offered: readonly string[]) => string | false) | undefined;
  /** What SH selects where a check has no choice of its own; undefined: the first that the client offers. */
  suite: string | undefined;

  constructor(config: LiveConfig) {
    this.#config = config;
    const sockets = new WebSocketServer({
      server: this.#server,
      perMessageDeflate: false,
      maxPayload: 4 << 20,
      handleProtocols: (offered) => (this.select ?? ((all) => all[0] as string))([...offered]),
    });
    // It repeats the errors of the HTTP server, which `listen` reports.
    sockets.on("error", () => {});
    sockets.on("connection", (socket) => {
      this.#waiting.push(new Connection(socket));
      this.#wake();
    });
  }

  listen(port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", (error: Error & { readonly code?: string }) =>
        reject(new TypeError(`cannot listen on port ${port}: ${reasonOf(error)}`)),
      );
      this.#server.listen(port, "127.0.0.1", () => resolve((this.#server.address() as AddressInfo).port));
    });
  }

  async visit(seconds: number): Promise<Visit> {
    const deadline = Date.now() + seconds * 1000;
    for (;;) {
      const connection = this.#waiting.shift();
      if (connection !== undefined) {
        this.#open.push(connection);
        return new Visit(connection, this.#config, this.suite);
      }
      const left = deadline - Date.now();
      if (left <= 0) throw new Unmet(`no connection within ${seconds} s: the client has to connect again and again`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  endAll(): void {
    for (const connection of this.#open.splice(0)) connection.end();
  }

  close(): void {
    for (const connection of this.#waiting) connection.end();
    this.#server.closeAllConnections();
    this.#server.close();
  }
}
