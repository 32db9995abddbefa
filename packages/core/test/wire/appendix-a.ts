import { existsSync, readFileSync } from "node:fs";

export interface Vector {
  readonly hex: string;
  readonly roundtrip: boolean;
  readonly decoded?: unknown;
}

const file = new URL("../../../../../shared/external/cbor/rfc7049_appendix_a.json", import.meta.url);

/** RFC 7049 appendix A; empty where the third-party data is absent, as in a user's clone. */
export const appendixA: readonly Vector[] = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : [];

if (appendixA.length === 0) console.warn(`SKIPPED: the tests of RFC 7049 appendix A, as ${file.pathname} is absent`);
