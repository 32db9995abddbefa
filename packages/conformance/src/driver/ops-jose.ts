// What any program with a stock library does with our objects; core has no part in it.
import { SealwireError } from "@sealwire/core";
import { compactDecrypt, compactVerify, type JWK } from "jose";
import { hex, type Input, type Ops } from "./values.ts";

interface Compact {
  readonly text: string;
  readonly key: JWK;
}

const headerOf = (text: string): string => Buffer.from(text.split(".", 1)[0] as string, "base64url").toString("utf8");

/** Whatever the library refuses. */
async function answer<T>(input: Input, call: (compact: Compact) => Promise<T>): Promise<T> {
  try {
    return await call(input as unknown as Compact);
  } catch (cause) {
    throw new SealwireError("E_CRYPTO", { stage: "crypto", cause });
  }
}

export const ops: Ops = {
  "jose.verify": (input) =>
    answer(input, async ({ text, key }) => {
      const { payload } = await compactVerify(text, key);
      return { header: headerOf(text), payload: hex(payload) };
    }),

  "jose.decrypt": (input) =>
    answer(input, async ({ text, key }) => {
      const { plaintext } = await compactDecrypt(text, key);
      return { header: headerOf(text), plaintext: hex(plaintext) };
    }),
};
