// Which number, and in a batch which index, each request of the script got.
import type { Data } from "@sealwire/core";
import type { decodeClaims } from "@sealwire/core/internal";
import { type Named, placed } from "./session-outcome.ts";
import { toJson } from "./values.ts";

export interface Request {
  readonly top: string;
  readonly data: string;
  /** Undefined until it is sealed. */
  place: Named | undefined;
}

const textOf = (data: Data): string => JSON.stringify(toJson(data));

export class Asked {
  readonly #unsealed: Request[] = [];

  add(top: string, data: Data): Request {
    const request: Request = { top, data: textOf(data), place: undefined };
    this.#unsealed.push(request);
    return request;
  }

  /** It was refused: the next one may look like it. */
  drop(request: Request): void {
    const at = this.#unsealed.indexOf(request);
    if (at >= 0) this.#unsealed.splice(at, 1);
  }

  /** Requests are sealed in their order. What is sealed again has its place already. */
  sealed(seq: number, { top, req, dat, bin, bat }: ReturnType<typeof decodeClaims>): void {
    const items = bat ?? [{ topic: top, data: (bin ?? dat) as Data, request: req === true }];
    for (const [index, { topic, data, request: asks }] of items.entries()) {
      const at = this.#unsealed.findIndex((one) => one.top === topic && one.data === textOf(data));
      if (!asks || at < 0) continue;
      const [request] = this.#unsealed.splice(at, 1) as [Request];
      request.place = placed({ seq, index: bat === undefined ? undefined : index });
    }
  }
}
