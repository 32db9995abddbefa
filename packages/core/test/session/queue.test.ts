import fc from "fast-check";
import { expect, it } from "vitest";
import { Queue, type Queued } from "../../src/session/queue.ts";

class One implements Queued<One> {
  next: One | undefined;
}

it("is as an array to which is pushed and from which is shifted, and holds on to nothing that left it", () => {
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.constant("push") },
    { weight: 5, arbitrary: fc.constant("shift") },
    { weight: 1, arbitrary: fc.constant("clear") },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const [queue, array] = [new Queue<One>(), [] as One[]];
      for (const s of steps) {
        if (s === "push") {
          const one = new One();
          queue.push(one);
          array.push(one);
        } else if (s === "shift") {
          const first = queue.shift();
          expect(first).toBe(array.shift());
          expect(first?.next).toBeUndefined();
        } else {
          queue.clear();
          array.length = 0;
        }
        expect(queue.length).toBe(array.length);
        for (let i = 0; i <= array.length; i++) expect(queue.at(i)).toBe(array[i]);
      }
    }),
  );
});
