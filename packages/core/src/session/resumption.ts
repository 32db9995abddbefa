import { fail } from "../envelope/claims.ts";
import { type Control, decodeControl, encodeControl } from "../envelope/control.ts";
import type { SequenceCheck } from "../envelope/opener.ts";
import { SealwireError } from "../errors.ts";
import type { Limits } from "../registry.generated.ts";
import { StrictCounter } from "../replay/strict.ts";
import type { WireFrame } from "../wire/frame.ts";
import type { Said } from "./answers.ts";
import type { Epoch } from "./epoch.ts";
import { type Established, type SessionFacts, serverTimeOf } from "./established.ts";
import type { Ledger } from "./ledger.ts";
import { SessionMachine } from "./machine.ts";
import { Prepared } from "./messages.ts";
import type { Time } from "./payload.ts";

/**
 * How many numbers an end sends again at most (resume:bounded): the messages that it may keep, and as many `void` as
 * its peer takes without charge or from a full budget. Who is further behind would be made to end the session by them.
 */
export function mostSentAgain({ retainedMessages, controlBurst }: Limits): number {
  return 3 * retainedMessages + controlBurst;
}

/** What both ends do in a resume once the keys are derived (specs/lifecycle.md, section 7, confirmation). */

/** `resumed`: the first message under the new keys, with number 0. */
export function prepareResumed(epoch: Epoch, rcv: number, grant: Partial<Rights> = {}): Prepared {
  const claims = encodeControl(0, rcv, { top: "resumed", ...grant });
  return new Prepared(0, claims, true, epoch.sealer);
}

/** What the server grants, as `auth-ok` and `resumed` tell it. */
export interface Rights {
  readonly exp: number;
  readonly scp: readonly string[];
}

export interface Resumed {
  readonly rcv: number;
  readonly message: Control & { readonly top: "resumed" };
}

const NUMBER_0: SequenceCheck = {
  check(seq) {
    if (seq !== 0) throw new SealwireError("E_SEQ", { stage: "sequence", detail: "resumed has number 0" });
  },
};

/** The peer's `resumed`: control under epoch 0, with number 0, and nothing else. */
export async function openResumed(epoch: Epoch, frame: WireFrame): Promise<Resumed> {
  if (epoch.opener.admits(frame) !== "control") throw new SealwireError("E_HEADER", { detail: "resumed is awaited" });
  const opened = await epoch.opener.open(frame, NUMBER_0);
  const { seq, rcv, message } = decodeControl(opened.claims);
  if (message.top !== "resumed" || rcv === undefined) return fail("resumed is awaited");
  if (seq !== 0) throw new SealwireError("E_SEQ", { stage: "claims", detail: "seq differs from the IV" });
  return { rcv, message };
}

export interface ResumeOptions {
  readonly facts: SessionFacts;
  readonly ledger: Ledger;
  readonly limits: Limits;
  readonly protocol: string;
  readonly epoch: Epoch;
  readonly offset: number;
  readonly time: Time;
  /** What each end said in its hello that it has committed. */
  readonly own: number;
  readonly peer: number;
  readonly scopes: readonly string[];
  readonly expiresAt: number;
  readonly refusals?: readonly Said[] | undefined;
}

/** The session on its new connection: numbers go on, from what each end announced. */
export function resumeEstablished(o: ResumeOptions): Established {
  const { facts, ledger, limits, protocol, epoch, offset, time, own, peer, scopes, expiresAt, refusals } = o;
  // What the old connection commits from here on would be neither announced nor known as delivered.
  ledger.owner?.onTakenOver();
  ledger.resume(epoch.chain, 2 * limits.retainedMessages);
  const machine = new SessionMachine({
    facts,
    epoch,
    limits,
    ledger,
    received: new StrictCounter(own),
    serverTime: serverTimeOf(facts.keys.role, offset, time),
    elapsed: time.elapsed,
    before: { sent: peer, received: own },
  });
  return {
    facts,
    ledger,
    machine,
    protocol,
    epoch,
    scopes,
    expiresAt,
    offset,
    resume: { own, peer, ...(refusals === undefined ? {} : { refusals }) },
  };
}
