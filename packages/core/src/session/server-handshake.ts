import type { CryptoBackend, KeyAgreement, SharedSecret, Verifier } from "../crypto/backend.ts";
import { checkLife } from "../envelope/time.ts";
import { SealwireError } from "../errors.ts";
import { all, attempt, chain, type Maybe } from "../maybe.ts";
import type { Codec, Level, Limits, Subprotocol, SuiteId } from "../registry.generated.ts";
import { encodeBase64url } from "../wire/base64url.ts";
import type { WireFrame } from "../wire/frame.ts";
import { clientAuthVariant, type OpenedClientAuth, readClientAuth, tokenHash } from "./client-auth.ts";
import type { HandshakeStep, ProofKey } from "./client-handshake.ts";
import { agreementKey, type ClientHello, decodeClientHello, type Offer, select } from "./client-hello.ts";
import { sharedOptions } from "./epoch.ts";
import { type Established, establish, type SessionFacts } from "./established.ts";
import { openHandshakeObject } from "./handshake-object.ts";
import { encodePayload, type Time, wireOf } from "./payload.ts";
import { type HandshakeKeys, KeySchedule, sessionId, transcriptHash } from "./schedule.ts";
import { policyOf, type ServerHello, type SessionPolicy, signServerHello } from "./server-hello.ts";
import { sealServerReady } from "./server-ready.ts";
import { type ResumeCandidate, ServerResume, type ServerResumeOptions } from "./server-resume.ts";
import type { MessageOrder } from "./types.ts";

/** What the token check found. Everything here comes from a token whose signature holds. */
export interface VerifiedToken {
  readonly issuer: string;
  readonly subject: string;
  readonly clientId: string | undefined;
  readonly scopes: readonly string[];
  /** NumericDate. */
  readonly expiresAt: number;
  /** `cnf.jkt`, or what was recorded with a ticket: thumbprint of the key that has to be proven. */
  readonly jkt: string | undefined;
}

export interface ServerHandshakeOptions<T extends VerifiedToken = VerifiedToken> {
  readonly backend: CryptoBackend;
  readonly id: string;
  readonly signers: readonly ProofKey[];
  /** What this server accepts. */
  readonly accept: Offer;
  readonly protocols: readonly Subprotocol[];
  /** What the 101 response selected. */
  readonly protocol: string;
  readonly proof: SessionPolicy["pop"];
  /** Seconds for which a session outlives its connection. Default: 0, it cannot be resumed. Strict order only. */
  readonly resume?: number;
  /** The session that holds a chain with this K. Default: none does. */
  readonly findSession?: ServerResumeOptions<T>["find"];
  /** The chains of sessions are kept as bytes, for a store that servers share. */
  readonly exportableChain?: boolean;
  /** Default: "strict". */
  readonly order?: MessageOrder;
  readonly limits: Limits;
  /** Keys that have proven a token here lately, by their thumbprints: their import is not made again. Default: none. */
  readonly proofKeys?: {
    find(thumbprint: string): Verifier | undefined;
    keep(thumbprint: string, key: Verifier): void;
  };
  /** Ephemeral keys that never were in use. Default: the backend makes one when it is needed. */
  readonly ephemeralKey?: CryptoBackend["generateKeyAgreement"];
  /** Token or ticket of the upgrade request, where that way is enabled and one came. */
  readonly upgradeToken: string | undefined;
  /** Throws SealwireError E_TOKEN (or one of its kind) for a token that is not acceptable. Gets the upgrade token too. */
  readonly verifyToken: (token: string) => Promise<T>;
  /** Connection-level authorization, in a resume of the session's principal; false is E_FORBIDDEN. */
  readonly admit: (token: T) => boolean | Promise<boolean>;
}

/** With `established`: the token of a new session, or the session that was resumed. */
export interface ServerStep<T> extends HandshakeStep {
  readonly token?: T;
  readonly candidate?: ResumeCandidate<T>;
}

interface AuthState {
  readonly hello: ServerHello;
  readonly th2: Uint8Array;
  readonly schedule: KeySchedule;
  readonly keys: HandshakeKeys;
  readonly signer: ProofKey;
  readonly peerMessageBytes: number;
}

/** What the hello of the client and the server have in common, and the key that signs. */
interface Choice {
  readonly suite: SuiteId;
  readonly level: Level;
  readonly codec: Codec;
  readonly signer: ProofKey;
}

interface Authenticated<T> {
  readonly ca: OpenedClientAuth;
  readonly token: T;
  /** Of the proof, where there is one. */
  readonly verifier: Verifier | undefined;
}

/** The server's side of CH, SH, CA, SR (specs/session.md, server states wait-CH and wait-CA). */
export class ServerHandshake<T extends VerifiedToken = VerifiedToken> {
  readonly #o: ServerHandshakeOptions<T>;
  readonly #wire: "text" | "binary";
  #auth: AuthState | undefined;
  #resume: ServerResume<T> | undefined;
  #arrived = 0;
  #early = 0;

  constructor(options: ServerHandshakeOptions<T>) {
    this.#o = options;
    this.#wire = wireOf(options.protocol);
  }

  /** Sizes are refused on arrival, before anything is parsed or queued. */
  admit(size: number): void {
    const { clientHelloBytes, clientAuthBytes, earlyDataBytes } = this.#o.limits;
    this.#arrived++;
    if (this.#arrived === 1 && size > clientHelloBytes)
      throw new SealwireError("E_TOO_BIG", { detail: "clientHelloBytes" });
    if (this.#arrived === 2 && size > clientAuthBytes)
      throw new SealwireError("E_TOO_BIG", { detail: "clientAuthBytes" });
    if (this.#arrived > 2) this.#early += size;
    if (this.#early > earlyDataBytes) throw new SealwireError("E_STATE", { detail: "earlyDataBytes" });
  }

  async receive(frame: WireFrame, time: Time): Promise<ServerStep<T>> {
    // Both are done at once but for what others are asked: no promise but theirs.
    if (this.#auth !== undefined) return this.#onClientAuth(frame, this.#auth, time);
    // A JWS in place of CH: the resume of a session.
    if (this.#resume === undefined && frame.form === 1) this.#resume = this.#startResume();
    return this.#resume?.receive(frame, time) ?? this.#onClientHello(frame, time);
  }

  #startResume(): ServerResume<T> {
    const { backend, protocol, limits, upgradeToken, verifyToken, admit, findSession } = this.#o;
    const checkHello = (hello: ClientHello) => this.#checkHello(hello);
    const find = findSession ?? (() => undefined);
    const ephemeralKey = this.#ephemeralKey;
    const own = { backend, protocol, limits, upgradeToken, verifyToken, admit };
    return new ServerResume({ ...own, find, checkHello, ephemeralKey });
  }

  /** Version, subprotocol and server, in this order. */
  #checkHello(hello: ClientHello): void {
    const { id, protocol, protocols } = this.#o;
    if (hello.v !== 1) throw new SealwireError("E_NEGOTIATE", { detail: "version of CH is not 1" });
    // Something that strips or transcodes the subprotocol offer is seen here, since m1 is signed for.
    if (select(hello.prt, protocols) !== protocol) throw new SealwireError("E_DOWNGRADE");
    if (hello.aud !== id) throw new SealwireError("E_NEGOTIATE", { detail: "the client wants another server" });
  }

  #onClientHello(frame: WireFrame, time: Time): Maybe<HandshakeStep> {
    const { limits } = this.#o;
    if (frame.form !== 0) throw new SealwireError("E_HEADER", { detail: "CH is not clear JSON" });
    const m1 = frame.json;
    // On the text wire a character may be several bytes.
    if (m1.length > limits.clientHelloBytes) throw new SealwireError("E_TOO_BIG", { detail: "clientHelloBytes" });
    const hello = decodeClientHello(m1);
    this.#checkHello(hello);
    const choice = this.#choose(hello);
    const peerKey = agreementKey(hello, choice.suite);
    return chain(this.#ephemeralKey(choice.suite), (agreement) =>
      chain(this.#serverHello(m1, choice, agreement, time), (serverHello) =>
        chain(agreement.agree(peerKey), (secret) => this.#answer(m1, serverHello, secret, choice.signer, hello.msg)),
      ),
    );
  }

  #serverHello(m1: Uint8Array, choice: Choice, { publicJwk }: KeyAgreement, time: Time): Maybe<ServerHello> {
    const { backend, id, limits, protocol, proof, order = "strict", resume = 0 } = this.#o;
    const { suite, level, codec } = choice;
    const signed = level === "sig" || level === "nest";
    return chain(transcriptHash(backend, "ch", m1), (th) => ({
      iss: id,
      iat: Math.floor(time.unix / 1000),
      th: encodeBase64url(th),
      rnd: encodeBase64url(backend.random(32)),
      prt: protocol,
      st: suite,
      epk: publicJwk,
      lvl: level,
      cod: codec,
      pol: policyOf(signed ? "required" : proof, order === "strict" ? resume : 0, order),
      msg: limits.messageBytes,
    }));
  }

  #answer(
    m1: Uint8Array,
    hello: ServerHello,
    secret: SharedSecret,
    signer: ProofKey,
    peerMessageBytes: number,
  ): Maybe<HandshakeStep> {
    return chain(signServerHello(hello, signer.signer, signer.id), (sh) =>
      chain(transcriptHash(this.#o.backend, "th2", m1, sh.text), (th2) => {
        const schedule = new KeySchedule(secret, th2);
        return chain(schedule.handshakeKeys("c", th2), (keys) => {
          this.#auth = { hello, th2, schedule, keys, signer, peerMessageBytes };
          return { send: encodePayload(this.#wire, sh.frame) };
        });
      }),
    );
  }

  get #ephemeralKey(): CryptoBackend["generateKeyAgreement"] {
    const { ephemeralKey, backend } = this.#o;
    return ephemeralKey ?? ((suite) => backend.generateKeyAgreement(suite));
  }

  #choose(hello: ClientHello): Choice {
    const { accept, signers } = this.#o;
    const suite = select(hello.st, accept.suites);
    const level = select(hello.lvl, accept.levels);
    const codec = select(hello.cod, accept.codecs);
    const alg = select(
      hello.sig,
      signers.map((s) => s.signer.alg),
    );
    const signer = signers.find((s) => s.signer.alg === alg);
    if (suite === undefined || level === undefined || codec === undefined || signer === undefined) {
      throw new SealwireError("E_NEGOTIATE", { detail: "no common suite, level, codec or signature algorithm" });
    }
    return { suite, level, codec, signer };
  }

  #onClientAuth(frame: WireFrame, state: AuthState, time: Time): Maybe<ServerStep<T>> {
    const variant = clientAuthVariant(state.keys.kid, frame);
    return chain(openHandshakeObject(state.keys, frame, variant.header), (plaintext) =>
      chain(
        attempt(() => this.#authenticate(plaintext, variant.proof, state, time), unauthorized),
        (authenticated) =>
          chain(this.#o.admit(authenticated.token), (admitted) => {
            if (admitted !== true) throw new SealwireError("E_FORBIDDEN", { stage: "claims" });
            return this.#ready(plaintext, authenticated, state, time);
          }),
      ),
    );
  }

  #ready(plaintext: Uint8Array, authenticated: Authenticated<T>, state: AuthState, time: Time): Maybe<ServerStep<T>> {
    const { backend, limits } = this.#o;
    const { schedule, th2 } = state;
    const { token } = authenticated;
    const iat = Math.floor(time.unix / 1000);
    const exp = Math.min(token.expiresAt, iat + limits.sessionSeconds);
    return chain(transcriptHash(backend, "th3", th2, plaintext), (th3) => {
      const derived = all<readonly [HandshakeKeys, Uint8Array, string]>([
        schedule.handshakeKeys("s", th3),
        schedule.channelBinding(th3),
        sessionId(backend, th2),
      ]);
      return chain(derived, ([keys, cb, id]) => {
        const ready = sealServerReady(keys, {
          th: encodeBase64url(th3),
          iat,
          exp,
          sub: token.subject,
          scp: token.scopes,
          cb: encodeBase64url(cb),
        });
        const facts = this.#facts(id, authenticated, state, iat);
        return chain(ready, (frame) =>
          chain(this.#establish(facts, token, exp, schedule, th3, time), (established) => ({
            send: encodePayload(this.#wire, frame),
            established,
            token,
          })),
        );
      });
    });
  }

  #facts(id: string, { ca, token, verifier }: Authenticated<T>, state: AuthState, iat: number): SessionFacts {
    const { backend, limits, exportableChain = false } = this.#o;
    const { hello } = state;
    const signed = hello.lvl === "sig" || hello.lvl === "nest";
    return {
      id,
      policy: hello.pol,
      keys: sharedOptions({
        backend,
        role: "server",
        level: hello.lvl as Level,
        codec: hello.cod as Codec,
        suite: hello.st as SuiteId,
        serverId: this.#o.id,
        serverKey: state.signer,
        clientKey: ca.proof && {
          id: ca.proof.id,
          // Whoever neither opens signed messages nor stores the session needs the name alone.
          ...(verifier !== undefined && (signed || exportableChain) ? { verifier } : {}),
        },
        exportableChain,
      }),
      messageBytes: limits.messageBytes,
      peerMessageBytes: state.peerMessageBytes,
      subject: token.subject,
      startedAt: hello.iat,
      longestEnd: iat + limits.sessionSeconds,
    };
  }

  #establish(
    facts: SessionFacts,
    { scopes }: T,
    expiresAt: number,
    schedule: KeySchedule,
    ctx: Uint8Array,
    time: Time,
  ): Maybe<Established> {
    const { protocol, limits } = this.#o;
    return establish({ facts, protocol, schedule, ctx, limits, offset: 0, time, scopes, expiresAt });
  }

  /** The checks of CA in their normative order; the token is the first signature that is verified. */
  #authenticate(plaintext: Uint8Array, withProof: boolean, state: AuthState, time: Time): Maybe<Authenticated<T>> {
    const { backend, id, limits } = this.#o;
    return chain(readClientAuth(backend, plaintext, withProof), (ca) => {
      const { claims } = ca;
      if (claims.th !== encodeBase64url(state.th2)) throw new SealwireError("E_TRANSCRIPT");
      if (claims.aud !== id) throw new SealwireError("E_BINDING", { detail: "CA is for another server" });
      const now = Math.floor(time.unix / 1000);
      const late = checkLife(claims, now, limits.skewSeconds, limits.clientAuthLifeSeconds);
      if (late !== undefined) throw new SealwireError("E_POP", { stage: "claims", detail: `CA: ${late}` });
      const verified = chain(this.#tokenOf(ca), (text) => this.#o.verifyToken(text));
      return chain(verified, (token) => this.#checkProof(ca, token, state.hello, now));
    });
  }

  #checkProof(ca: OpenedClientAuth, token: T, { pol }: ServerHello, now: number): Maybe<Authenticated<T>> {
    const { proof } = ca;
    if (token.expiresAt <= now)
      throw new SealwireError("E_TOKEN", { stage: "claims", detail: "the token has expired" });
    if (token.jkt === undefined ? proof !== undefined : proof === undefined) {
      throw new SealwireError("E_POP", {
        stage: "claims",
        detail: token.jkt === undefined ? "proof with a bearer token" : "key-bound token without proof",
      });
    }
    if (pol.pop === "required" && proof === undefined) {
      throw new SealwireError("E_POP", { stage: "claims", detail: "this server requires a key-bound token" });
    }
    if (this.#o.upgradeToken !== undefined && token.jkt !== undefined && ca.ath === undefined) {
      throw new SealwireError("E_POP", { stage: "claims", detail: "a key-bound upgrade token is proven by ath" });
    }
    if (proof === undefined) return { ca, token, verifier: undefined };
    return chain(this.#verifyProof(proof, token.jkt), (verifier) => ({ ca, token, verifier }));
  }

  #verifyProof({ id, jwk, verify }: NonNullable<OpenedClientAuth["proof"]>, jkt: string | undefined): Maybe<Verifier> {
    const { backend, proofKeys } = this.#o;
    const refuse = (): never => {
      throw new SealwireError("E_POP", { stage: "claims", detail: "the proof is not by the token's key" });
    };
    if (id.thumbprint !== jkt) return refuse();
    // Looked for after the token was checked: how long that takes tells nobody else who has been here.
    return chain(proofKeys?.find(jkt) ?? backend.importVerifier(jwk), (verifier) =>
      chain(verify(verifier), (holds) => {
        if (holds !== true) return refuse();
        proofKeys?.keep(id.thumbprint, verifier);
        return verifier;
      }),
    );
  }

  /** Exactly one source: `at`, or the upgrade token that `ath` (under a proof) or `at` (bearer) confirms. */
  #tokenOf({ at, ath, proof }: OpenedClientAuth): Maybe<string> {
    const { upgradeToken, backend, limits } = this.#o;
    if (ath !== undefined && proof === undefined)
      throw new SealwireError("E_POP", { stage: "claims", detail: "ath without a proof" });
    const token = at ?? upgradeToken;
    if (token === undefined)
      throw new SealwireError("E_TOKEN", { stage: "claims", detail: "ath without an upgrade token" });
    if (token.length > limits.tokenBytes) throw new SealwireError("E_TOKEN", { stage: "claims", detail: "tokenBytes" });
    if (upgradeToken === undefined) return token;
    const same =
      at !== undefined
        ? at === upgradeToken || proof !== undefined
        : chain(tokenHash(backend, token), (hash) => ath === hash);
    return chain(same, (holds) => {
      if (holds) return token;
      throw new SealwireError("E_TOKEN", {
        stage: "claims",
        detail: "CA confirms another token than the upgrade brought",
      });
    });
  }
}

/** One coarse answer to every failure of CA after decryption: no oracle about token or proof. */
function unauthorized(error: unknown): never {
  const e = error instanceof SealwireError ? error : new SealwireError("E_INTERNAL", { cause: error });
  if (e.code === "E_INTERNAL" || e.code === "E_BUSY") throw e;
  throw new SealwireError(e.code, {
    stage: e.stage,
    fatal: true,
    closeCode: 3000,
    ...(e.detail === undefined ? {} : { detail: e.detail }),
    cause: e.cause,
  });
}
