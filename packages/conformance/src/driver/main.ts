// The TypeScript driver: core itself behind the line protocol of test-vectors/README.md, section 4.
import { readFileSync } from "node:fs";
import { isSealwireError } from "@sealwire/core";
import { linesOf } from "../lines.ts";
import { repository } from "../repository.ts";
import { webcrypto } from "./backend.ts";
import * as kdf from "./kdf.ts";
import * as claims from "./ops-claims.ts";
import * as evidence from "./ops-evidence.ts";
import * as frames from "./ops-frames.ts";
import * as jose from "./ops-jose.ts";
import * as messages from "./ops-messages.ts";
import * as replay from "./ops-replay.ts";
import * as standalone from "./ops-standalone.ts";
import * as session from "./session.ts";
import type { Input, Ops } from "./values.ts";

const ops: Ops = {
  ...frames.ops,
  ...jose.ops,
  ...claims.ops,
  ...messages.ops,
  ...replay.ops,
  ...kdf.ops,
  ...evidence.ops,
  ...standalone.ops,
  ...session.ops,
};

interface Line {
  readonly n: number;
  readonly op: string;
  readonly input: Input;
}

const write = (line: object): void => {
  process.stdout.write(`${JSON.stringify(line)}\n`);
};

/** Anything but the two is a defect of core: no answer, but its stack for the reader of the report. */
function refusal(error: unknown): object {
  if (isSealwireError(error))
    return { result: { ok: false, error: error.code, step: error.stage, fatal: error.fatal } };
  if (error instanceof TypeError) return { result: { ok: false, error: "TypeError", step: "local", fatal: false } };
  return { defect: error instanceof Error ? error.stack : String(error) };
}

async function answer({ op, input }: Line): Promise<object> {
  const run = Object.hasOwn(ops, op) ? ops[op] : undefined;
  if (run === undefined) return { unsupported: true };
  try {
    // A result that says `ok` itself is a script's: refused as a whole where its last step is.
    return { result: { ok: true, ...((await run(input)) as object) } };
  } catch (error) {
    return refusal(error);
  }
}

function versionOf(name: string): string {
  const file = repository(`node_modules/${name}/package.json`);
  return (JSON.parse(readFileSync(file, "utf8")) as { readonly version: string }).version;
}

write({
  driver: webcrypto ? "typescript-webcrypto" : "typescript",
  language: `Node ${process.versions.node}`,
  libraries: {
    "@sealwire/core": versionOf("@sealwire/core"),
    jose: versionOf("jose"),
    "cbor-x": versionOf("cbor-x"),
    ...(webcrypto ? { WebCrypto: process.versions.node } : { OpenSSL: process.versions.openssl }),
  },
  ops: Object.keys(ops),
  level: "L3",
});
for await (const text of linesOf(process.stdin)) {
  const line = JSON.parse(text) as Line;
  write({ n: line.n, ...(await answer(line)) });
}
