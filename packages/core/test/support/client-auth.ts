import { it } from "vitest";
import type { ErrorCode, Stage } from "../../src/registry.generated.ts";
import type { PairOptions } from "./pair.ts";
import { type Edits, expectClearRefusal, expectRefusal, tampered } from "./tamper.ts";

export type Edit = NonNullable<Edits["ca"]>;
export type Row = readonly [name: string, edit: Edit, options?: PairOptions];

const WIRES = ["sealwire.v1.cbor", "sealwire.v1.text"] as const;

/** Each row is refused by the server on both wires, in clear. */
export function refuses(rows: readonly Row[], code: ErrorCode, stage: Stage, close: number): void {
  for (const protocol of WIRES) {
    for (const [name, ca, options] of rows) {
      it(`${name}, ${protocol}`, async () => {
        const pair = await tampered({ ca }, { protocol, ...options });
        await expectClearRefusal(pair, { side: "server", code, stage, close });
      });
    }
  }
}

/** After decryption: whatever is wrong, the peer sees `unauthorized` and 3000. */
export const refusesCoarsely = (rows: readonly Row[], code: ErrorCode, stage: Stage): void =>
  refuses(rows, code, stage, 3000);

/** Each row is no fault: the server answers SR, and the client finds that CA was changed. */
export function passes(rows: readonly Row[]): void {
  for (const protocol of WIRES) {
    for (const [name, ca, options] of rows) {
      it(`${name}, ${protocol}`, async () => {
        const pair = await tampered({ ca }, { protocol, ...options });
        // SR is sealed under keys that depend on CA: the client has no such header.
        await expectRefusal(pair, { side: "client", code: "E_HEADER", stage: "header", close: 4400 });
      });
    }
  }
}

export const claim =
  (members: object): Edit =>
  (ca) =>
    Object.assign(ca.claims, members);
export const claimsText =
  (from: string | RegExp, to: string): Edit =>
  (ca) => {
    const before = JSON.stringify(ca.claims);
    ca.claims = before.replace(from, () => to);
    if (ca.claims === before) throw new Error("nothing was replaced");
  };
export const inner =
  (members: object): Edit =>
  (ca) =>
    Object.assign(ca.header, members);
export const innerText =
  (from: string | RegExp, to: string): Edit =>
  (ca) => {
    ca.header = JSON.stringify(ca.header).replace(from, () => to);
  };
export const outer =
  (members: object): Edit =>
  (ca) =>
    Object.assign(ca.outer, members);
/** Changes one segment of the compact object, by its index. */
export const segment =
  (index: number, change: (bytes: Buffer) => Uint8Array): Edit =>
  (ca) => {
    ca.finish = (compact) => {
      const segments = compact.split(".");
      segments[index] = Buffer.from(change(Buffer.from(segments[index] as string, "base64url"))).toString("base64url");
      return segments.join(".");
    };
  };
/** Some of the tag's bytes as the end of the ciphertext: together they are the same bytes. */
export const shortTag =
  (bytes: number): Edit =>
  (ca) => {
    ca.finish = (compact) => {
      const [header, key, iv, ciphertext, tag] = compact.split(".") as [string, string, string, string, string];
      const sealed = Buffer.concat([Buffer.from(ciphertext, "base64url"), Buffer.from(tag, "base64url")]);
      const parts = [sealed.subarray(0, -bytes), sealed.subarray(-bytes)].map((part) => part.toString("base64url"));
      return [header, key, iv, ...parts].join(".");
    };
  };
export const flipBit = (bytes: Buffer): Uint8Array => bytes.map((byte, i) => (i === 0 ? byte ^ 1 : byte));
export const both =
  (...edits: Edit[]): Edit =>
  (ca, secrets) =>
    edits.forEach((edit) => {
      edit(ca, secrets);
    });
