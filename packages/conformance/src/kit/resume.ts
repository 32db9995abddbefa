// The two hellos of a resume and the keys behind them (specs/lifecycle.md, section 7), right or wrong at every place.
import { type Bytes, b64u, sha256, utf8 } from "./bytes.ts";
import { channelOf, type Edit, policyOf, protocolOf, type Setup, type Suite } from "./handshake.ts";
import { agree, full, jws, type Message } from "./jose.ts";
import { helloKeys, resumed, th } from "./kdf.ts";
import { type Jwk, wireJwk } from "./keys.ts";
import type { Channel } from "./messages.ts";

/** What both ends of one resume have: randomness, keys, wire and clock of the setup are those of this connection. */
export interface ResumeSetup extends Setup {
  readonly chain: Bytes;
  /** What each end announces. */
  readonly clientRcv: number;
  readonly serverRcv: number;
}

/** What one hello has otherwise than the specification says. */
export interface Faults {
  readonly members?: Edit;
  readonly header?: Edit;
  /** What signs in place of the key of the hello. */
  readonly key?: Bytes | Jwk;
  /** The last word: the text form, made from what it would be. */
  readonly text?: (text: string) => string;
}

export type Changes = Readonly<Partial<Record<"ch" | "sh", Faults>>>;

const same = (text: string): string => text;
const unchanged: Edit = (members) => members;

export class Resume {
  readonly setup: ResumeSetup;
  readonly #changes: Changes;
  readonly #made = new Map<string, unknown>();

  constructor(setup: ResumeSetup, changes: Changes = {}) {
    this.setup = setup;
    this.#changes = changes;
  }

  #once<T>(name: string, make: () => T): T {
    if (!this.#made.has(name)) this.#made.set(name, make());
    return this.#made.get(name) as T;
  }

  #hello(name: "ch" | "sh", honest: Record<string, unknown>): string {
    const { members = unchanged, header = unchanged, text = same, key } = this.#changes[name] ?? {};
    const { client, server, kid } = helloKeys(this.setup.chain);
    const outer = header({ alg: "HS256", kid, typ: `sealwire-${name}+jwt` });
    return text(jws(outer, members(honest), key ?? (name === "ch" ? client : server)));
  }

  /** m1. */
  get ch(): string {
    return this.#once("ch", () => {
      const { clientRnd, serverId, suite, clientKeys, offer, level, codec, clientMsg, clientRcv, ath, token } =
        this.setup;
      return this.#hello("ch", {
        typ: "sealwire-ch",
        v: 1,
        rnd: b64u(clientRnd),
        aud: serverId,
        prt: offer.prt,
        st: [suite],
        kex: [wireJwk(clientKeys[suite] as Jwk)],
        lvl: [level],
        sig: offer.sig,
        cod: [codec],
        lim: { msg: clientMsg },
        rs: { rcv: clientRcv },
        ...(ath ? { ath: b64u(sha256(utf8(token))) } : {}),
      });
    });
  }

  /** m2. */
  get sh(): string {
    return this.#once("sh", () => {
      const { now, serverRnd, wire, suite, serverKeys, level, codec, serverMsg, serverRcv } = this.setup;
      return this.#hello("sh", {
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
        rs: { rcv: serverRcv },
      });
    });
  }

  #keys(): ReturnType<typeof resumed> {
    return this.#once("keys", () => {
      const { chain, suite, clientKeys, serverKeys } = this.setup;
      const z = agree(clientKeys[suite as Suite] as Jwk, serverKeys[suite as Suite] as Jwk);
      return resumed(chain, z, this.ch, this.sh);
    });
  }

  /** What the next rekey or resume rests on. */
  get chain(): Bytes {
    return this.#keys().chain;
  }

  channel(from: "client" | "server"): Channel {
    return channelOf(this.setup, from, this.#keys()[from]);
  }

  message(name: "ch" | "sh"): Message {
    return full(this.setup.wire, this[name]);
  }
}
