import type { CryptoBackend, MacKey } from "../crypto/backend.ts";
import { resumeHeader } from "../envelope/headers.ts";
import { parseHeader } from "../envelope/parsed-header.ts";
import { SealwireError } from "../errors.ts";
import type { Maybe } from "../maybe.ts";
import type { Limits } from "../registry.generated.ts";
import { encodeBase64url } from "../wire/base64url.ts";
import { utf8 } from "../wire/bytes.ts";
import { compactJws, signingInput, type WireFrame } from "../wire/frame.ts";
import type { Said } from "./answers.ts";
import { type Chain, chainSalt, helloKeys } from "./chain.ts";
import { tokenHash } from "./client-auth.ts";
import type { HandshakeStep } from "./client-handshake.ts";
import { agreementKey, type ClientHello, decodeClientHello } from "./client-hello.ts";
import { deriveEpoch, type Epoch } from "./epoch.ts";
import type { SessionFacts } from "./established.ts";
import type { Ledger } from "./ledger.ts";
import { encodePayload, type Time, wireOf } from "./payload.ts";
import { mostSentAgain, openResumed, resumeEstablished } from "./resumption.ts";
import { KeySchedule, transcriptHash } from "./schedule.ts";
import { encodeServerHello, signHello } from "./server-hello.ts";

/** A session that a resume CH names by its K. */
export interface ResumeCandidate<T> {
  readonly facts: SessionFacts;
  readonly ledger: Ledger;
  readonly chain: Chain;
  /** False once it has ended. */
  readonly alive: boolean;
  readonly scopes: readonly string[];
  readonly expiresAt: number;
  /** Of a session from a store: what the peer was refused and has not committed. */
  readonly refusals?: readonly Said[];
  /** Takes the session for this node, in one atomic step; false if another one has it. */
  readonly claim?: () => Promise<boolean>;
  /** Of the session, as it is now. */
  readonly token: T;
  /** Whether a token that came with the upgrade is of the same issuer, subject, client and class. */
  admits(token: T): boolean;
}

/** Checks a resume CH by the key that its client signs hellos with. @throws SealwireError E_ALG, E_CTY, E_CRYPTO */
export type HelloCheck = (mac: MacKey) => Promise<void>;

export interface ServerResumeOptions<T> {
  readonly backend: CryptoBackend;
  readonly protocol: string;
  readonly limits: Limits;
  readonly ephemeralKey: CryptoBackend["generateKeyAgreement"];
  /** Checks that a CH of either kind has to pass: version, subprotocol, server. */
  readonly checkHello: (hello: ClientHello) => void;
  /** May run `check` before it looks the session up, where it knows the key: what fails there is thrown. */
  readonly find: (kid: string, check: HelloCheck) => Maybe<ResumeCandidate<T> | undefined>;
  readonly upgradeToken: string | undefined;
  readonly verifyToken: (token: string) => Promise<T>;
  /** Connection-level authorization of the session's principal; false is E_FORBIDDEN. */
  readonly admit: (token: T) => Maybe<boolean>;
}

interface Answered<T> {
  readonly candidate: ResumeCandidate<T>;
  readonly epoch: Epoch;
  readonly own: number;
  readonly peer: number;
}

const refuse = (detail: string, stage: "header" | "session" = "session", cause?: unknown): never => {
  throw new SealwireError("E_RESUME", { stage, detail, cause });
};

/** The server's side of a resume (specs/lifecycle.md, section 7). The session goes on as it is until `resumed` verifies. */
export class ServerResume<T> {
  readonly #o: ServerResumeOptions<T>;
  #answered: Answered<T> | undefined;

  constructor(options: ServerResumeOptions<T>) {
    this.#o = options;
  }

  async receive(frame: WireFrame, time: Time): Promise<HandshakeStep & { candidate?: ResumeCandidate<T> }> {
    return this.#answered === undefined
      ? await this.#onHello(frame as WireFrame & { form: 1 }, time)
      : await this.#onResumed(frame, this.#answered, time);
  }

  async #onHello(frame: WireFrame & { readonly form: 1 }, time: Time): Promise<HandshakeStep> {
    const { backend, protocol, find, checkHello, ephemeralKey } = this.#o;
    const header = parseHeader(frame.protected, "sealwire-ch+jwt", { jwk: false });
    const check = async (mac: MacKey): Promise<void> => {
      if (header.alg !== "HS256") throw new SealwireError("E_ALG");
      header.assertContentType();
      if ((await mac.verify(signingInput(frame.protected, frame.payload), frame.signature)) !== true)
        throw new SealwireError("E_CRYPTO");
    };
    const candidate = typeof header.kid === "string" ? await find(header.kid, check) : undefined;
    if (candidate === undefined) return refuse("no session with this chain", "header");
    const { chain, facts, ledger } = candidate;
    const keys = await helloKeys(backend, chain);
    await check(keys.c);
    const hello = decodeClientHello(frame.payload, true);
    checkHello(hello);
    const peer = await this.#checkSame(hello, candidate);
    if (ledger.budget.resumes.level(time.elapsed) < 1)
      throw new SealwireError("E_QUOTA", { stage: "rate", detail: "resumesPerMinute" });
    const peerKey = agreementKey(hello, facts.keys.suite);
    const key = await ephemeralKey(facts.keys.suite);
    const own = ledger.announce();
    const m1 = utf8.encode(compactJws(frame));
    const payload = encodeServerHello({
      iss: undefined,
      iat: Math.floor(time.unix / 1000),
      th: encodeBase64url(await transcriptHash(backend, "ch", m1)),
      rnd: encodeBase64url(backend.random(32)),
      prt: protocol,
      st: facts.keys.suite,
      epk: key.publicJwk,
      lvl: facts.keys.level,
      cod: facts.keys.codec,
      pol: facts.policy,
      msg: facts.messageBytes,
      rcv: own,
    });
    const sh = await signHello(resumeHeader(chain.kid, "sh"), payload, keys.s);
    const th2 = await transcriptHash(backend, "th2", m1, sh.text);
    const salt = await chainSalt(chain, "resume", th2);
    const schedule = new KeySchedule(await key.agree(peerKey), salt);
    const epoch = await deriveEpoch(facts.keys, wireOf(protocol), 0, schedule, th2);
    this.#answered = { candidate, epoch, own, peer };
    return { send: encodePayload(wireOf(protocol), sh.frame) };
  }

  /** What makes it another session, or another client. Answers with the client's `rcv`. */
  async #checkSame(hello: ClientHello, candidate: ResumeCandidate<T>): Promise<number> {
    const { facts, ledger } = candidate;
    const { st, msg, rcv = 0, ath } = hello;
    if (st.length !== 1 || st[0] !== facts.keys.suite) return refuse("st is not the session's suite");
    if (msg !== facts.peerMessageBytes) return refuse("lim is not that of the session");
    if (rcv > ledger.sent || rcv < ledger.acknowledged) return refuse("rcv of the client cannot be");
    if (ledger.sent - rcv > mostSentAgain(this.#o.limits)) return refuse("the client is too far behind");
    await this.#checkToken(ath, candidate);
    return rcv;
  }

  async #checkToken(ath: string | undefined, candidate: ResumeCandidate<T>): Promise<void> {
    const { upgradeToken, backend, verifyToken } = this.#o;
    if (upgradeToken === undefined) return ath === undefined ? undefined : refuse("ath without an upgrade token");
    if (ath !== (await tokenHash(backend, upgradeToken))) return refuse("ath is not the hash of the upgrade token");
    const token = await verifyToken(upgradeToken).catch((cause) =>
      refuse("the upgrade token is not acceptable", "session", cause),
    );
    if (!candidate.admits(token)) refuse("the upgrade token is of another client");
  }

  async #onResumed(frame: WireFrame, answered: Answered<T>, time: Time) {
    const { candidate, epoch, own, peer } = answered;
    const { limits, protocol, admit } = this.#o;
    const { rcv, message } = await openResumed(epoch, frame);
    if (message.exp !== undefined)
      throw new SealwireError("E_CLAIMS", { stage: "claims", detail: "exp from a client" });
    if (rcv !== peer) throw new SealwireError("E_SEQ", { stage: "claims", detail: "rcv is not that of CH" });
    // Only now is it the session's client that asks, and not who repeats what it once sent.
    if ((await admit(candidate.token)) !== true) throw new SealwireError("E_FORBIDDEN", { stage: "claims" });
    if (candidate.claim !== undefined && !(await candidate.claim())) return refuse("another node has the session");
    const { facts, ledger, chain, scopes, expiresAt, refusals } = candidate;
    // Compare and set: nothing between these two lines waits for anything.
    if (expiresAt * 1000 <= time.unix) return refuse("the session has expired");
    if (!candidate.alive || !ledger.chains.includes(chain)) return refuse("the session has gone on without this chain");
    ledger.budget.resumes.spend(1, time.elapsed);
    const established = resumeEstablished({
      facts,
      ledger,
      limits,
      protocol,
      epoch,
      offset: 0,
      time,
      own,
      peer,
      scopes,
      expiresAt,
      refusals,
    });
    established.machine.acknowledge(rcv);
    return { established, candidate };
  }
}
