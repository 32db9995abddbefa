import type { KeyAgreement, PublicJwk } from "../crypto/backend.ts";
import type { Control } from "../envelope/control.ts";
import { SealwireError } from "../errors.ts";
import { chain, type Maybe } from "../maybe.ts";
import { chainSalt } from "./chain.ts";
import { ephemeralKey } from "./client-hello.ts";
import { deriveEpoch, type Epoch, type EpochOptions } from "./epoch.ts";
import type { Epochs } from "./epochs.ts";
import { KeySchedule, transcriptHash } from "./schedule.ts";

/** A control message whose number is fixed: its plaintext is part of the transcript. */
export interface Sealing {
  readonly seq: number;
  readonly claims: Uint8Array;
}

export interface RekeyHost {
  /** Numbers a control message under the send epoch of this moment and hands it over for sealing. */
  emit(message: Control): Sealing;
  /** This end sends nothing more, and opens what the peer still seals. */
  readonly byeSent: boolean;
  /** `epoch` was derived. The peer may not have done so yet. */
  onDerived(epoch: Epoch): void;
  /** Seals with new keys from here on. */
  onSealing(): void;
}

type Rekey = Control & { readonly top: "rekey" };
type Rekeyed = Control & { readonly top: "rekeyed" };

interface Proposal {
  readonly n: number;
  /** Undefined until its key is generated. */
  sent?: Sealing & { readonly key: KeyAgreement };
}

const refuse = (detail: string): never => {
  throw new SealwireError("E_STATE", { detail });
};

/** New keys within a connection (specs/lifecycle.md, section 3): who proposes, who answers, and what both derive. */
export class Rekeying {
  readonly #keys: EpochOptions;
  readonly #epochs: Epochs;
  readonly #host: RekeyHost;
  #proposal: Proposal | undefined;
  /** Window order: an epoch that this end proposed and the peer answered; the peer's own proposal for it can be late. */
  #proposed = 0;
  /** Window order: answered, and seals with the old keys until the peer shows the new ones. */
  #answered: Epoch | undefined;

  constructor(keys: EpochOptions, epochs: Epochs, host: RekeyHost) {
    this.#keys = keys;
    this.#epochs = epochs;
    this.#host = host;
  }

  /** A proposal waits for its answer. */
  get proposing(): boolean {
    return this.#proposal !== undefined;
  }

  /** Proposes new keys, unless that is under way. True if a proposal was begun. */
  propose(): Maybe<boolean> {
    if (this.proposing || this.#epochs.changing) return false;
    const [keys, epochs, host] = [this.#keys, this.#epochs, this.#host];
    const proposal: Proposal = { n: epochs.send.n + 1 };
    this.#proposal = proposal;
    return chain(this.#keys.backend.generateKeyAgreement(keys.suite), (key) => {
      // The server's proposal came while this one was in the making: it is answered, and this one never sent.
      if (this.#proposal !== proposal || this.#host.byeSent) return false;
      proposal.sent = { key, ...host.emit({ top: "rekey", n: proposal.n, epk: key.publicJwk }) };
      return true;
    });
  }

  /** Step claims: members and point of the peer's key. */
  peerKey(message: Rekey | Rekeyed): PublicJwk {
    return ephemeralKey(message.epk, this.#keys.suite);
  }

  /** Step commit: whether this message, which came under `epoch`, can come now. */
  check(message: Control, epoch: Epoch): void {
    if (message.top === "rekey" && !this.#isIgnored(message)) this.#checkNumber(message.n, epoch);
    if (message.top !== "rekeyed") return;
    const sent = this.#proposal?.sent ?? refuse("rekeyed without a proposal");
    this.#checkNumber(message.n, epoch);
    if (message.ref !== sent.seq) refuse("rekeyed names another message than the proposal");
  }

  /** After the own bye; a client's, while the server's waits; and in window order one that came to nothing before. */
  #isIgnored({ n }: Rekey): boolean {
    const [keys, epochs] = [this.#keys, this.#epochs];
    const late = n === this.#proposed && n === epochs.send.n;
    return this.#host.byeSent || (keys.role === "server" && (this.#proposal !== undefined || late));
  }

  /** The peer proposes: answers with `rekeyed` under the old keys and `ack` under the new ones. False if it is ignored. */
  onRekey(message: Rekey, peer: PublicJwk, claims: Uint8Array, seq: number): Maybe<boolean> {
    const [keys, epochs, host] = [this.#keys, this.#epochs, this.#host];
    if (this.#isIgnored(message)) return false;
    this.#proposal = undefined;
    return chain(this.#keys.backend.generateKeyAgreement(keys.suite), (key) => {
      const answer = host.emit({ top: "rekeyed", n: message.n, epk: key.publicJwk, ref: seq });
      return chain(this.#derive(key, peer, claims, answer.claims), (epoch) => {
        epochs.expect(epoch);
        if (epochs.ordered) return this.#goOver(epoch);
        // What is sealed with the new keys could overtake the answer, and meet a peer that has not derived them.
        this.#answered = epoch;
        this.#host.onDerived(epoch);
        return true;
      });
    });
  }

  /** The peer has shown that it has the keys of `epoch`. */
  onConfirmed(epoch: Epoch): void {
    if (this.#answered !== epoch) return;
    this.#answered = undefined;
    this.#seal(epoch);
  }

  /** The peer answers: goes over to the new keys with `ack`. */
  onRekeyed(peer: PublicJwk, claims: Uint8Array): Maybe<boolean> {
    const { sent } = this.#proposal as Required<Proposal>;
    return chain(this.#derive(sent.key, peer, sent.claims, claims), (epoch) => {
      this.#proposal = undefined;
      this.#proposed = epoch.n;
      const epochs = this.#epochs;
      if (epochs.ordered) epochs.enter(epoch);
      else epochs.expect(epoch);
      return this.#goOver(epoch);
    });
  }

  #goOver(epoch: Epoch): true {
    this.#host.onDerived(epoch);
    this.#seal(epoch);
    return true;
  }

  #seal(epoch: Epoch): void {
    this.#epochs.sendIn(epoch);
    if (this.#host.byeSent) return;
    this.#host.onSealing();
    this.#host.emit({ top: "ack" });
  }

  /** In window order this message can itself be the first under the epoch of its sender, and take this end along. */
  #checkNumber(n: number, epoch: Epoch): void {
    const epochs = this.#epochs;
    const own = epochs.confirms(epoch) ? epoch : epochs.send;
    if (n !== own.n + 1 || n !== epoch.n + 1) refuse("n is not the next epoch");
  }

  #derive(key: KeyAgreement, peer: PublicJwk, rekey: Uint8Array, rekeyed: Uint8Array): Maybe<Epoch> {
    const [keys, epochs] = [this.#keys, this.#epochs];
    const { n, chain: last, sealer } = epochs.send;
    return chain(transcriptHash(this.#keys.backend, "rk", rekey, rekeyed), (tr) =>
      chain(chainSalt(last, "rekey", tr), (salt) =>
        chain(key.agree(peer), (secret) => deriveEpoch(keys, sealer.wire, n + 1, new KeySchedule(secret, salt), tr)),
      ),
    );
  }
}
