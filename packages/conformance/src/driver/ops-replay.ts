import { createMemoryReplayStore, isSealwireError, type ReplayVerdict } from "@sealwire/core";
import { ReplayWindow, replayKey } from "@sealwire/core/internal";
import { backend } from "./backend.ts";
import { hex, type Input, type Ops } from "./values.ts";

function windowVerdict(window: ReplayWindow, seq: number): string {
  try {
    window.check(seq);
  } catch (error) {
    if (isSealwireError(error)) return error.code;
    throw error;
  }
  window.commit(seq);
  return "ok";
}

interface Step {
  readonly now: number;
  readonly receiver: string;
  readonly iss: string;
  readonly jti: string;
  readonly iat: number;
  readonly exp: number;
}

interface Store {
  readonly capacity: number;
  readonly skew: number;
  readonly startedAt?: number;
  readonly steps: readonly Step[];
}

const VERDICTS: Readonly<Record<ReplayVerdict, string>> = {
  new: "ok",
  seen: "E_REPLAY",
  full: "E_REPLAY_STORE",
  "before-start": "E_REPLAY_STORE",
};

async function runStore({ capacity, skew, startedAt = 0, steps }: Store): Promise<object> {
  const store = createMemoryReplayStore({ capacity, skew, startedAt });
  const verdicts: string[] = [];
  for (const { now, receiver, iss, jti, iat, exp } of steps) {
    const key = await replayKey(receiver, iss, jti, backend);
    const entry = { key, issuer: iss, issuedAt: iat, keepUntil: exp + 2 * skew, now };
    verdicts.push(VERDICTS[store.insert(entry)]);
  }
  return { verdicts };
}

export const ops: Ops = {
  "replay.window": ({ size, seqs }) => {
    const window = new ReplayWindow(size as number);
    return { verdicts: (seqs as readonly number[]).map((seq) => windowVerdict(window, seq)) };
  },
  "replay.key": async ({ receiver, iss, jti }: Input) => ({
    key: hex(await replayKey(receiver as string, iss as string, jti as string, backend)),
  }),
  "replay.store": (input) => runStore(input as unknown as Store),
};
