import { expect, it } from "vitest";
import type { ErrorCode, Stage } from "../../src/registry.generated.ts";
import type { PairOptions } from "./pair.ts";
import { type Edits, expectRefusal, tampered } from "./tamper.ts";

export type Edit = NonNullable<Edits["sh"]>;
export type Row = readonly [name: string, edit: Edit, options?: PairOptions];

export const WIRES = ["sealwire.v1.cbor", "sealwire.v1.text"] as const;

/** Each row is refused by the client on both wires; it sends nothing more. */
export function refuses(rows: readonly Row[], code: ErrorCode, stage: Stage, close: number): void {
  for (const protocol of WIRES) {
    for (const [name, sh, options] of rows) {
      it(`${name}, ${protocol}`, async () => {
        const pair = await tampered({ sh }, { protocol, ...options });
        await expectRefusal(pair, { side: "client", code, stage, close });
        expect(pair.link.log.filter((e) => e.direction === "c2s")).toHaveLength(1);
      });
    }
  }
}

export const header =
  (members: object): Edit =>
  (sh) =>
    Object.assign(sh.header, members);
export const claim =
  (members: object): Edit =>
  (sh) =>
    Object.assign(sh.claims, members);
export const claimsText =
  (from: string | RegExp, to: string): Edit =>
  (sh) => {
    const before = JSON.stringify(sh.claims);
    sh.claims = before.replace(from, () => to);
    if (sh.claims === before) throw new Error("nothing was replaced");
  };
export const headerText =
  (from: string | RegExp, to: string): Edit =>
  (sh) => {
    sh.header = JSON.stringify(sh.header).replace(from, () => to);
  };
export const both =
  (...edits: Edit[]): Edit =>
  (sh) =>
    edits.forEach((edit) => {
      edit(sh);
    });
export const flip: Edit = (sh) => {
  sh.signature = (good) => good.map((byte, i) => (i === 7 ? byte ^ 1 : byte));
};
