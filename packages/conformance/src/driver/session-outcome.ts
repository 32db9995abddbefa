// Outcomes of session.run: test-vectors/README.md, section 3.
import { type CloseInfo, type ErrorCode, SealwireError } from "@sealwire/core";
import type { ConnectionEnd, SessionHooks } from "@sealwire/core/internal";

export type Values = Record<string, unknown>;
type Trace = Parameters<NonNullable<SessionHooks["trace"]>>[0];
type Undetermined = CloseInfo["undetermined"][number];

/** The step that refuses with a code is the same for every code that an `err` carries. */
const stepOf = (code: ErrorCode): string => new SealwireError(code).stage;

export const codeOf = (error: unknown): string => {
  if (error instanceof SealwireError) return error.code;
  if (error instanceof TypeError) return "TypeError";
  throw error;
};

/** What names a message: its number, and in a batch its index. */
export interface Named {
  readonly seq: number;
  readonly index?: number | undefined;
}

export const placed = ({ seq, index }: Named): Named => (index === undefined ? { seq } : { seq, index });

/** What one step brings, as it comes into being. */
export class Outcome {
  readonly emit: Values[] = [];
  readonly deliver: Values[] = [];
  readonly settled: Values[] = [];
  readonly refused: Values[] = [];
  readonly denied: Values[] = [];
  readonly undetermined: Values[] = [];
  thrown: Values | undefined;
  opened: Values | undefined;
  resumed: Values | undefined;
  refreshed: Values | undefined;
  notRefreshed: true | undefined;
  soon: true | undefined;
  epoch: Values | undefined;
  failed: Values | undefined;
  superseded: Values | undefined;
  close: Values | undefined;
  error: Values | undefined;
  ended: Values | undefined;
  attempt: string | undefined;

  /** An own control message, which tells what this end did. */
  said({ claims }: Trace): void {
    const { top, code, ref, scp, exp } = JSON.parse(Buffer.from(claims).toString());
    if (top === "err") {
      const [seq, index] = Array.isArray(ref) ? ref : [ref];
      this.refused.push({ ...placed({ seq, index }), error: code, step: stepOf(code) });
    } else if (top === "auth-ok") this.refreshed = { scp, exp };
    else if (top === "auth-no") this.notRefreshed = true;
  }

  /** The call of a turn at this place, or of the step, was refused. Of several the first is told. */
  refuse(error: unknown, call: number | undefined): void {
    const before = this.thrown?.call as number | undefined;
    if (this.thrown !== undefined && (call === undefined || before === undefined || before <= call)) return;
    this.thrown = { error: codeOf(error), ...(call === undefined ? {} : { call }) };
  }

  lost(messages: readonly Undetermined[]): void {
    for (const { seq, index, topic, messageId } of messages)
      this.undetermined.push({
        ...placed({ seq, index }),
        top: topic,
        ...(messageId === undefined ? {} : { jti: messageId }),
      });
  }

  /** `finding`: without it the end was a drop before SR, whose close code is no more than a hint. */
  over({ error, clean, truncated, window }: ConnectionEnd, finding: boolean): void {
    this.ended = { clean, truncated, ...window };
    if (error !== undefined && finding) this.error = errorOf(error);
  }

  values(state: string): Values {
    const filled = Object.entries(this).filter(([, v]) => v !== undefined && !(Array.isArray(v) && v.length === 0));
    return { ...Object.fromEntries(filled), state };
  }
}

/** A close code that nobody authenticated is no word of the peer's. */
export function errorOf(error: SealwireError): Values {
  const peer = error.remote && error.code !== "E_TRUNCATED";
  return { error: error.code, step: error.stage, ...(peer ? { peer } : {}) };
}
