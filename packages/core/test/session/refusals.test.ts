import { expect, it } from "vitest";
import { Refusals } from "../../src/session/refusals.ts";
import type { Denied } from "../../src/session/types.ts";

it("as many messages are remembered, whether each has a number of its own or many share one", () => {
  for (const items of [1, 64]) {
    const refusals = new Refusals({});
    const told: Denied[] = [];
    refusals.onDenied((denied) => told.push(denied));
    for (let seq = 1; seq <= 2048 / items; seq++)
      for (let index = 0; index < items; index++)
        refusals.remember({ session: "s", seq, ...(items === 1 ? {} : { index }) }, `topic/${seq}`);
    const [last, known, gone] = [2048 / items, 1024 / items + 1, 1024 / items];
    for (const seq of [last, known, gone]) refusals.tell(items === 1 ? seq : [seq, 5], "E_DENIED");
    expect(told.map(({ topic }) => topic)).toEqual([`topic/${last}`, `topic/${known}`, ""]);
  }
});
