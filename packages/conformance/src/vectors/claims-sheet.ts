// A group of claims.read: honest claims, and the same with one thing changed.
import { b64u, hex, json, labelled } from "../kit/bytes.ts";
import { cbor } from "../kit/cbor.ts";
import { CLOCK, Group } from "./file.ts";

export type Codec = "json" | "cbor";
export type Level = "mac" | "sig" | "aead" | "nest";
/** Claims by their names; undefined ones are left out. */
export type Members = Readonly<Record<string, unknown>>;

export const CLAIMS: readonly ["E_CLAIMS", "claims"] = ["E_CLAIMS", "claims"];
export const EXP: number = CLOCK + 60;
export const MAX: number = Number.MAX_SAFE_INTEGER;
/** Thumbprint, server id and key id of the signed levels. */
export const ISS: string = b64u(labelled("claims iss"));
export const AUD = "chat.example";
export const BND: string = b64u(labelled("claims kid").subarray(0, 16));
/** Id of a message that may be sent again. */
export const JTI: string = b64u(labelled("claims jti").subarray(0, 16));

export const isSigned = (level: Level): boolean => level === "sig" || level === "nest";

export const item = (data: unknown, top = "chat.say", ref: unknown = null, req = false): Members => ({
  top,
  ref,
  req,
  data,
});

/** The claims of the table in its order. */
export function honest(level: Level): Members {
  const bound = isSigned(level) ? { iss: ISS, aud: AUD, bnd: BND } : {};
  const iat = isSigned(level) ? { iat: CLOCK } : {};
  return { ...bound, seq: 1, ...iat, exp: EXP, top: "chat.say", dat: "hello" };
}

export class Sheet {
  readonly group: Group;
  readonly codec: Codec;
  readonly #members = new Map<string, Members>();

  constructor(id: string, section: string, codec: Codec, level: Level) {
    this.codec = codec;
    const context = { kind: "application", codec, level };
    this.group = new Group(`claims/${id}`, { level: "L1", section, op: "claims.read", context });
    this.#members.set("", honest(level));
  }

  /** Honest claims with the members of `change`, and what reading them gives. */
  accept(name: string, comment: string, req: readonly string[], change: Members, result: Members): void {
    const members = { ...this.#from(""), ...change };
    this.#members.set(name, members);
    this.group.accept(name, comment, req, { bytes: this.#bytes(members) }, result);
  }

  /** The claims of the accepted vector `from` with the members of `change` over them. */
  refuse(name: string, from: string, mutation: string, req: readonly string[], change: Members): void {
    this.group.refuse(name, from, mutation, req, { bytes: this.#bytes({ ...this.#from(from), ...change }) }, CLAIMS);
  }

  #from(name: string): Members {
    const members = this.#members.get(name);
    if (members === undefined) throw new Error(`${this.group.id} has no ${name}`);
    return members;
  }

  #bytes(members: Members): string {
    return hex(this.codec === "json" ? json(members) : cbor(members));
  }
}
