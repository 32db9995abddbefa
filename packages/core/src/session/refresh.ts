import type { Control } from "../envelope/control.ts";
import { SealwireError } from "../errors.ts";
import type { Grant } from "./hooks.ts";

interface Asked {
  seq: number | undefined;
  readonly resolve: (grant: Grant) => void;
  readonly reject: (error: unknown) => void;
}

/** The client's half of a refresh: one token at a time, and its answer (specs/lifecycle.md, section 4). */
export class Refresh {
  #asked: Asked | undefined;

  /** Resolves with what the server grants. @throws TypeError while another one is unanswered */
  ask(): { readonly granted: Promise<Grant>; readonly onSeq: (seq: number) => void } {
    if (this.#asked !== undefined) throw new TypeError("a token is being refreshed already: await it");
    let asked!: Asked;
    const granted = new Promise<Grant>((resolve, reject) => {
      asked = { seq: undefined, resolve, reject };
    });
    this.#asked = asked;
    const onSeq = (seq: number) => {
      asked.seq = seq;
    };
    return { granted, onSeq };
  }

  get isWaiting(): boolean {
    return this.#asked !== undefined;
  }

  /** Step commit: whether this message can come now. */
  check(message: Control & { readonly top: "auth-ok" | "auth-no" }): void {
    if (this.#asked?.seq !== message.ref) throw new SealwireError("E_STATE", { detail: "answer to no auth" });
  }

  /** `auth-ok`, or without a grant `auth-no`. Nothing where the connection was lost while the answer waited for its turn. */
  answered(ref: number, grant: (() => Grant) | undefined): void {
    const asked = this.#asked;
    if (asked?.seq !== ref) return;
    this.#asked = undefined;
    if (grant !== undefined) asked.resolve(grant());
    else asked.reject(new SealwireError("E_TOKEN", { stage: "claims", fatal: false, remote: true, detail: "auth-no" }));
  }

  fail(error: unknown): void {
    this.#asked?.reject(error);
    this.#asked = undefined;
  }
}
