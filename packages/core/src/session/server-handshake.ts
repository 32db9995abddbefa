import type { CryptoBackend, Verifier } from "../crypto/backend.ts";
import { checkLife } from "../envelope/time.ts";
import { SealwireError } from "../errors.ts";
import type { Codec, Level, Limits, Subprotocol, SuiteId } from "../registry.generated.ts";
import { encodeBase64url } from "../wire/base64url.ts";
import type { WireFrame } from "../wire/frame.ts";
import { clientAuthVariant, type OpenedClientAuth, readClientAuth, tokenHash } from "./client-auth.ts";
import type { HandshakeStep, ProofKey } from "./client-handshake.ts";
import { agreementKey, type ClientHello, decodeClientHello, type Offer, select } from "./client-hello.ts";
import { sharedOptions } from "./epoch.ts";
import { establish } from "./established.ts";
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
    if (this.#auth !== undefined) return await this.#onClientAuth(frame, this.#auth, time);
    // A JWS in place of CH: the resume of a session.
    if (this.#resume === undefined && frame.form === 1) this.#resume = this.#startResume();
    return await (this.#resume?.receive(frame, time) ?? this.#onClientHello(frame, time));
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

  async #onClientHello(frame: WireFrame, time: Time): Promise<HandshakeStep> {
    const { backend, id, limits, protocol, proof, order = "strict", resume = 0 } = this.#o;
    if (frame.form !== 0) throw new SealwireError("E_HEADER", { detail: "CH is not clear JSON" });
    const m1 = frame.json;
    // On the text wire a character may be several bytes.
    if (m1.length > limits.clientHelloBytes) throw new SealwireError("E_TOO_BIG", { detail: "clientHelloBytes" });
    const hello = decodeClientHello(m1);
    this.#checkHello(hello);
    const { suite, level, codec, signer } = this.#choose(hello);
    const peerKey = agreementKey(hello, suite);
    const agreement = await this.#ephemeralKey(suite);
    const signed = level === "sig" || level === "nest";
    const serverHello: ServerHello = {
      iss: id,
      iat: Math.floor(time.unix / 1000),
      th: encodeBase64url(await transcriptHash(backend, "ch", m1)),
      rnd: encodeBase64url(backend.random(32)),
      prt: protocol,
      st: suite,
      epk: agreement.publicJwk,
      lvl: level,
      cod: codec,
      pol: policyOf(signed ? "required" : proof, order === "strict" ? resume : 0, order),
      msg: limits.messageBytes,
    };
    const schedule = await agreement.agree(peerKey);
    const sh = await signServerHello(serverHello, signer.signer, signer.id);
    const th2 = await transcriptHash(backend, "th2", m1, sh.text);
    const keySchedule = new KeySchedule(schedule, th2);
    const keys = await keySchedule.handshakeKeys("c", th2);
    this.#auth = { hello: serverHello, th2, schedule: keySchedule, keys, signer, peerMessageBytes: hello.msg };
    return { send: encodePayload(this.#wire, sh.frame) };
  }

  get #ephemeralKey(): CryptoBackend["generateKeyAgreement"] {
    const { ephemeralKey, backend } = this.#o;
    return ephemeralKey ?? ((suite) => backend.generateKeyAgreement(suite));
  }

  #choose(hello: ClientHello) {
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

  async #onClientAuth(frame: WireFrame, state: AuthState, time: Time): Promise<ServerStep<T>> {
    const { backend } = this.#o;
    const variant = clientAuthVariant(state.keys.kid, frame);
    const plaintext = await openHandshakeObject(state.keys, frame, variant.header);
    const { ca, token, verifier } = await this.#authenticate(plaintext, variant.proof, state, time).catch(unauthorized);
    if ((await this.#o.admit(token)) !== true) throw new SealwireError("E_FORBIDDEN", { stage: "claims" });
    const th3 = await transcriptHash(backend, "th3", state.th2, plaintext);
    const { schedule, hello } = state;
    const { id, limits, protocol, exportableChain = false } = this.#o;
    const signed = hello.lvl === "sig" || hello.lvl === "nest";
    const iat = Math.floor(time.unix / 1000);
    const exp = Math.min(token.expiresAt, iat + limits.sessionSeconds);
    const ready = await sealServerReady(await schedule.handshakeKeys("s", th3), {
      th: encodeBase64url(th3),
      iat,
      exp,
      sub: token.subject,
      scp: token.scopes,
      cb: encodeBase64url(await schedule.channelBinding(th3)),
    });
    const facts = {
      id: await sessionId(backend, state.th2),
      policy: hello.pol,
      keys: sharedOptions({
        backend,
        role: "server",
        level: hello.lvl as Level,
        codec: hello.cod as Codec,
        suite: hello.st as SuiteId,
        serverId: id,
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
    } as const;
    const { scopes } = token;
    const established = await establish({
      facts,
      protocol,
      schedule,
      ctx: th3,
      limits,
      offset: 0,
      time,
      scopes,
      expiresAt: exp,
    });
    return { send: encodePayload(this.#wire, ready), established, token };
  }

  /** The checks of CA in their normative order; the token is the first signature that is verified. */
  async #authenticate(
    plaintext: Uint8Array,
    withProof: boolean,
    { th2, hello }: AuthState,
    time: Time,
  ): Promise<{ ca: OpenedClientAuth; token: T; verifier: Verifier | undefined }> {
    const { backend, id, limits } = this.#o;
    const ca = await readClientAuth(backend, plaintext, withProof);
    const { claims, proof } = ca;
    if (claims.th !== encodeBase64url(th2)) throw new SealwireError("E_TRANSCRIPT");
    if (claims.aud !== id) throw new SealwireError("E_BINDING", { detail: "CA is for another server" });
    const now = Math.floor(time.unix / 1000);
    const late = checkLife(claims, now, limits.skewSeconds, limits.clientAuthLifeSeconds);
    if (late !== undefined) throw new SealwireError("E_POP", { stage: "claims", detail: `CA: ${late}` });
    const token = await this.#o.verifyToken(await this.#tokenOf(ca));
    if (token.expiresAt <= now)
      throw new SealwireError("E_TOKEN", { stage: "claims", detail: "the token has expired" });
    if (token.jkt === undefined ? proof !== undefined : proof === undefined) {
      throw new SealwireError("E_POP", {
        stage: "claims",
        detail: token.jkt === undefined ? "proof with a bearer token" : "key-bound token without proof",
      });
    }
    if (hello.pol.pop === "required" && proof === undefined) {
      throw new SealwireError("E_POP", { stage: "claims", detail: "this server requires a key-bound token" });
    }
    if (this.#o.upgradeToken !== undefined && token.jkt !== undefined && ca.ath === undefined) {
      throw new SealwireError("E_POP", { stage: "claims", detail: "a key-bound upgrade token is proven by ath" });
    }
    return { ca, token, verifier: proof && (await this.#verifyProof(proof, token.jkt)) };
  }

  async #verifyProof({ id, jwk, verify }: NonNullable<OpenedClientAuth["proof"]>, jkt: string | undefined) {
    const { backend, proofKeys } = this.#o;
    // Looked for after the token was checked: how long that takes tells nobody else who has been here.
    const verifier = id.thumbprint === jkt && (proofKeys?.find(jkt) ?? (await backend.importVerifier(jwk)));
    if (verifier === false || !(await verify(verifier)))
      throw new SealwireError("E_POP", { stage: "claims", detail: "the proof is not by the token's key" });
    proofKeys?.keep(id.thumbprint, verifier);
    return verifier;
  }

  /** Exactly one source: `at`, or the upgrade token that `ath` (under a proof) or `at` (bearer) confirms. */
  async #tokenOf({ at, ath, proof }: OpenedClientAuth): Promise<string> {
    const { upgradeToken, backend, limits } = this.#o;
    if (ath !== undefined && proof === undefined)
      throw new SealwireError("E_POP", { stage: "claims", detail: "ath without a proof" });
    const token = at ?? upgradeToken;
    if (token === undefined)
      throw new SealwireError("E_TOKEN", { stage: "claims", detail: "ath without an upgrade token" });
    if (token.length > limits.tokenBytes) throw new SealwireError("E_TOKEN", { stage: "claims", detail: "tokenBytes" });
    if (upgradeToken === undefined) return token;
    const same =
      at !== undefined ? at === upgradeToken || proof !== undefined : ath === (await tokenHash(backend, token));
    if (!same)
      throw new SealwireError("E_TOKEN", {
        stage: "claims",
        detail: "CA confirms another token than the upgrade brought",
      });
    return token;
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
