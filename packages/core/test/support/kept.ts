import type { Ledger } from "../../src/session/ledger.ts";

/** All that a session keeps of its messages, as values. */
export const keptIn = ({ retention }: Ledger): readonly object[] =>
  retention.all().map(({ seq, jti, exp, bytes, claims, topics }) => ({ seq, jti, exp, bytes, claims, topics }));
