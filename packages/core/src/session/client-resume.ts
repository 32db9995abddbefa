import type { CryptoBackend, KeyAgreement, MacKey } from "../crypto/backend.ts";
import { resumeHeader } from "../envelope/headers.ts";
import { SealwireError } from "../errors.ts";
import type { Limits, SignatureAlg, SuiteId } from "../registry.generated.ts";
import { encodeBase64url } from "../wire/base64url.ts";
import { equal, utf8 } from "../wire/bytes.ts";
import { compactJws, signingInput, type Wire, type WireFrame } from "../wire/frame.ts";
import { type Chain, chainSalt, helloKeys } from "./chain.ts";
import type { HandshakeStep } from "./client-handshake.ts";
import { encodeClientHello, ephemeralKey } from "./client-hello.ts";
import { clockOffset } from "./clock-offset.ts";
import { deriveEpoch, type Epoch } from "./epoch.ts";
import type { SessionFacts } from "./established.ts";
import type { Ledger } from "./ledger.ts";
import { encodePayload, reportedError, type Time, wireOf } from "./payload.ts";
import { mostSentAgain, openResumed, prepareResumed, resumeEstablished } from "./resumption.ts";
import { KeySchedule, transcriptHash } from "./schedule.ts";
import { decodeServerHello, type ServerHello, signHello } from "./server-hello.ts";

export interface ClientResumeOptions {
  readonly facts: SessionFacts;
  readonly ledger: Ledger;
  /** One of the ledger's chains. */
  readonly chain: Chain;
  readonly limits: Limits;
  readonly offeredProtocols: readonly string[];
  readonly protocol: string;
  readonly signatures: readonly SignatureAlg[];
  /** Hash of the token that went with the upgrade request. */
  readonly ath: string | undefined;
}

type State =
  | { readonly name: "wait-SH"; readonly m1: Uint8Array; readonly key: KeyAgreement; readonly mac: MacKey }
  | { readonly name: "wait-resumed"; readonly epoch: Epoch; readonly offset: number; readonly peer: number };

/** The client's side of a resume (specs/lifecycle.md, section 7). Nothing of the session changes before it has succeeded. */
export class ClientResume {
  readonly #o: ClientResumeOptions;
  readonly #wire: Wire;
  readonly #backend: CryptoBackend;
  /** Fixed here: the old connection is not processed any more, also where it is still open. */
  readonly #rcv: number;
  #state: State | undefined;

  constructor(options: ClientResumeOptions) {
    this.#o = options;
    this.#wire = wireOf(options.protocol);
    this.#backend = options.facts.keys.backend;
    options.ledger.owner?.onTakenOver();
    this.#rcv = options.ledger.announce();
  }

  async start(): Promise<HandshakeStep> {
    const { facts, chain, offeredProtocols, signatures, ath } = this.#o;
    const { suite, level, codec, serverId } = facts.keys;
    const key = await this.#backend.generateKeyAgreement(suite);
    const payload = encodeClientHello({
      v: 1,
      rnd: encodeBase64url(this.#backend.random(32)),
      aud: serverId,
      prt: offeredProtocols,
      st: [suite],
      kex: [key.publicJwk],
      lvl: [level],
      sig: signatures,
      cod: [codec],
      msg: facts.messageBytes,
      rcv: this.#rcv,
      ...(ath === undefined ? {} : { ath }),
    });
    const { c, s } = await helloKeys(this.#backend, chain);
    const { frame, text } = await signHello(resumeHeader(chain.kid, "ch"), payload, c);
    this.#state = { name: "wait-SH", m1: text, key, mac: s };
    return { send: encodePayload(this.#wire, frame) };
  }

  async receive(frame: WireFrame, time: Time): Promise<HandshakeStep> {
    if (frame.form === 0) throw reportedError(frame.json);
    const state = this.#state;
    if (state?.name === "wait-SH") return await this.#onServerHello(frame, state, time);
    if (state?.name === "wait-resumed") return await this.#onResumed(frame, state, time);
    throw new SealwireError("E_STATE", { detail: "message before CH" });
  }

  async #onServerHello(frame: WireFrame, state: State & { name: "wait-SH" }, time: Time): Promise<HandshakeStep> {
    const { facts, chain, ledger, limits } = this.#o;
    if (frame.form !== 1 || !equal(frame.protected, resumeHeader(chain.kid, "sh").json))
      throw new SealwireError("E_HEADER", { detail: "not the SH of this resume" });
    if ((await state.mac.verify(signingInput(frame.protected, frame.payload), frame.signature)) !== true)
      throw new SealwireError("E_SIG_SERVER");
    const hello = decodeServerHello(frame.payload, true);
    if (hello.th !== encodeBase64url(await transcriptHash(this.#backend, "ch", state.m1)))
      throw new SealwireError("E_TRANSCRIPT", { detail: "the server saw another CH" });
    const peer = this.#check(hello);
    const epk = ephemeralKey(hello.epk, hello.st as SuiteId);
    const offset = clockOffset(hello, time, limits);
    const th2 = await transcriptHash(this.#backend, "th2", state.m1, utf8.encode(compactJws(frame)));
    const salt = await chainSalt(chain, "resume", th2);
    const schedule = new KeySchedule(await state.key.agree(epk), salt);
    const epoch = await deriveEpoch(facts.keys, this.#wire, 0, schedule, th2);
    // From here on the server may have these keys, whatever becomes of this connection.
    ledger.chains = [epoch.chain, ...ledger.chains];
    this.#state = { name: "wait-resumed", epoch, offset, peer };
    return { send: await prepareResumed(epoch, this.#rcv).seal() };
  }

  /** The values of the session, and a number that can be. */
  #check({ prt, st, lvl, cod, pol, msg, rcv = 0 }: ServerHello): number {
    const { facts, ledger, limits, protocol } = this.#o;
    const { keys, policy, peerMessageBytes } = facts;
    if (prt !== protocol)
      throw new SealwireError("E_DOWNGRADE", { detail: "SH names another subprotocol than the 101" });
    const samePolicy = pol.pop === policy.pop && pol.res === policy.res && pol.seq === policy.seq;
    if (st !== keys.suite || lvl !== keys.level || cod !== keys.codec || !samePolicy || msg !== peerMessageBytes)
      throw new SealwireError("E_NEGOTIATE", { detail: "SH changes what the session has fixed" });
    if (rcv > ledger.sent || rcv < ledger.acknowledged)
      throw new SealwireError("E_RESUME", { stage: "session", detail: "rcv of the server cannot be" });
    if (ledger.sent - rcv > mostSentAgain(limits))
      throw new SealwireError("E_RESUME", { stage: "session", detail: "the server is too far behind" });
    return rcv;
  }

  async #onResumed(frame: WireFrame, state: State & { name: "wait-resumed" }, time: Time): Promise<HandshakeStep> {
    const { facts, ledger, limits, protocol } = this.#o;
    const { epoch, offset, peer } = state;
    const { rcv, message } = await openResumed(epoch, frame);
    if (message.exp === undefined || message.scp === undefined)
      throw new SealwireError("E_CLAIMS", { stage: "claims", detail: "resumed of a server has exp and scp" });
    if (rcv < peer || rcv > ledger.sent)
      throw new SealwireError("E_SEQ", { stage: "claims", detail: "rcv is not between that of SH and what was sent" });
    const [scopes, expiresAt] = [message.scp, message.exp];
    const established = resumeEstablished({
      facts,
      ledger,
      limits,
      protocol,
      epoch,
      offset,
      time,
      own: this.#rcv,
      peer,
      scopes,
      expiresAt,
    });
    established.machine.acknowledge(rcv);
    return { established };
  }
}
