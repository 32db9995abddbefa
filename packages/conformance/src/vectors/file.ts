// What a generator writes: the form of test-vectors/README.md, section 2.
import { readFileSync } from "node:fs";
import { repository } from "../repository.ts";

export const CLOCK = 1893456000;

export type Step =
  | "frame"
  | "encoding"
  | "header"
  | "sequence"
  | "crypto"
  | "inner"
  | "claims"
  | "commit"
  | "time"
  | "session"
  | "rate"
  | "authorize"
  | "deliver"
  | "local";
export type Suite =
  | "framing"
  | "jose"
  | "claims"
  | "message"
  | "standalone"
  | "replay"
  | "errors"
  | "limits"
  | "kdf"
  | "handshake"
  | "session"
  | "rekey"
  | "refresh"
  | "resume"
  | "idempotent";

type Values = Record<string, unknown>;

export interface Vector {
  readonly id: string;
  readonly comment: string;
  readonly req: readonly string[];
  readonly from?: string;
  readonly mutation?: string;
  readonly input: Values;
  readonly result: Values & { readonly ok: boolean };
  readonly then?: { readonly op: string; readonly input: Values; readonly result: Values };
  /** Bytes on the way to the result, for whoever looks for the step that differs. Nobody compares them. */
  readonly intermediate?: Readonly<Record<string, string>>;
}

export interface GroupOptions {
  readonly level: "L0" | "L1" | "L2" | "L3";
  /** Document and anchor under specs/. */
  readonly section: string;
  readonly op: string;
  readonly context?: Values;
  /** False where a failure never ends a connection, as for standalone envelopes. */
  readonly fatal?: false;
}

const registry = JSON.parse(readFileSync(repository("specs/registry/errors.json"), "utf8")) as {
  readonly errors: readonly { readonly code: string; readonly fatal: boolean }[];
};
const fatality = new Map(registry.errors.map(({ code, fatal }) => [code, fatal]));

export class Group {
  readonly id: string;
  readonly options: GroupOptions;
  readonly vectors: Vector[] = [];

  constructor(id: string, options: GroupOptions) {
    this.id = id;
    this.options = options;
  }

  /** Adds an accepted vector; gives its id. */
  accept(
    name: string,
    comment: string,
    req: readonly string[],
    input: Values,
    result: Values = {},
    then?: Vector["then"],
  ): string {
    const id = `${this.id}/${name}`;
    this.vectors.push({ id, comment, req, input, result: { ok: true, ...result }, ...(then ? { then } : {}) });
    return id;
  }

  /** Adds to the last vector what lies between its input and its result. */
  explain(intermediate: Readonly<Record<string, string>>): void {
    const last = this.vectors.pop() as Vector;
    this.vectors.push({ ...last, intermediate });
  }

  /**
   * Adds a refused vector: `[error, step]`, one `mutation` away from the accepted vector
   * `from`: its id, or its name in this group. `more` adds to the result or overrides it.
   */
  refuse(
    name: string,
    from: string,
    mutation: string,
    req: readonly string[],
    input: Values,
    [error, step]: readonly [string, Step],
    more: Values = {},
  ): string {
    const id = `${this.id}/${name}`;
    const fatal = this.options.fatal ?? (error === "TypeError" ? false : fatality.get(error));
    if (fatal === undefined) throw new Error(`${id}: ${error} is not in the registry`);
    this.vectors.push({
      id,
      comment: mutation,
      req,
      from: from.includes("/") ? from : `${this.id}/${from}`,
      mutation,
      input,
      result: { ok: false, error, step, fatal, ...more },
    });
    return id;
  }
}

export interface VectorFile {
  readonly suite: Suite;
  readonly version: "1.0";
  readonly spec: string;
  readonly clock: number;
  readonly groups: readonly Group[];
}

/** Each generator exports one function of this type from `src/vectors/<suite>.ts` under the name `generate`. */
export type Generator = () => readonly Group[];

/** One vector to a line, so that a change shows as the vectors it changes. */
export function stringify(suite: Suite, spec: string, groups: readonly Group[]): string {
  const head = `{\n  "suite": "${suite}",\n  "version": "1.0",\n  "spec": "${spec}",\n  "clock": ${CLOCK},\n  "groups": [\n`;
  const body = groups.map(({ id, options: { level, section, op, context }, vectors }) => {
    const members = JSON.stringify({ id, level, section, op, ...(context ? { context } : {}) }).slice(1, -1);
    return `    {${members},"vectors":[\n${vectors.map((v) => `      ${JSON.stringify(v)}`).join(",\n")}\n    ]}`;
  });
  return `${head}${body.join(",\n")}\n  ]\n}\n`;
}
