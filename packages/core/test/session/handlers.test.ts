import fc from "fast-check";
import { expect, it } from "vitest";
import { type Handlers, handlerOf, withHandler, withoutHandler } from "../../src/session/handlers.ts";

it("few or many, whatever is added and taken away: as a table", () => {
  const step = fc.record({ topic: fc.nat(14).map((n) => `topic.${n}`), add: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      let handlers: Handlers;
      const wanted = new Map<string, () => void>();
      for (const { topic, add } of steps) {
        if (!add) {
          wanted.delete(topic);
          handlers = withoutHandler(handlers, topic);
        } else if (!wanted.has(topic)) {
          const fn = () => {};
          wanted.set(topic, fn);
          handlers = withHandler(handlers, topic, fn);
        }
        for (let n = 0; n < 15; n++) expect(handlerOf(handlers, `topic.${n}`)).toBe(wanted.get(`topic.${n}`));
      }
    }),
  );
});

it("one that is taken away while others are called stays as it was for them", () => {
  const [first, second] = [() => {}, () => {}];
  const before = withHandler(withHandler(undefined, "a", first), "b", second);
  const after = withoutHandler(before, "a");
  expect(handlerOf(before, "a")).toBe(first);
  expect(handlerOf(after, "a")).toBeUndefined();
  expect(handlerOf(after, "b")).toBe(second);
});
