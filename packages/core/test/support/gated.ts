import type { AeadKey, CryptoBackend, SharedSecret } from "../../src/crypto/backend.ts";
import { backend as node } from "../../src/crypto/node.ts";
import { settle } from "./clock.ts";

interface Work {
  readonly kind: "seal" | "open";
  readonly bytes: number;
  readonly release: () => void;
}

/** A cipher that answers later, once `closed` only when a test lets it. */
export class Gated {
  readonly backend: CryptoBackend;
  closed = false;
  /** What has been begun and not let go, in the order of the calls. */
  readonly work: Work[] = [];
  /** Calls of the cipher while it was closed. */
  calls = 0;
  #fails: (call: number) => boolean = () => false;

  constructor(kinds: readonly Work["kind"][] = ["seal", "open"]) {
    const wait = async <T>(kind: Work["kind"], bytes: number, run: () => T | Promise<T>): Promise<T> => {
      if (!this.closed || !kinds.includes(kind)) return await run();
      const call = this.calls++;
      await new Promise<void>((release) => {
        this.work.push({ kind, bytes, release });
      });
      if (this.#fails(call)) throw new Error("the cipher is gone");
      return await run();
    };
    const key = (aead: AeadKey): AeadKey => ({
      seal: (iv, aad, text, room) => wait("seal", text.length, () => aead.seal(iv, aad, text, room)),
      open: (iv, aad, data) => wait("open", data.length, () => aead.open(iv, aad, data)),
    });
    const secret = (z: SharedSecret): SharedSecret => ({
      ...z,
      aead: async (...args) => key(await z.aead(...args)),
    });
    this.backend = {
      ...node,
      generateKeyAgreement: async (suite) => {
        const own = await node.generateKeyAgreement(suite);
        return { ...own, agree: async (peer) => secret(await own.agree(peer)) };
      },
    };
  }

  get bytes(): number {
    return this.work.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Of the calls since it was closed, the one of this number fails. */
  fail(call: number): void {
    this.#fails = (n) => n === call;
  }

  /** Lets go what has been begun, the last one first. */
  async release(): Promise<void> {
    for (const { release } of this.work.splice(0).reverse()) release();
    await settle();
  }

  /** Until nothing is left that it could let go. */
  async open(): Promise<void> {
    while (this.work.length > 0) await this.release();
    this.closed = false;
  }
}
