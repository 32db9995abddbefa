import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type AuthorizeContext, type PolicyRule, policy } from "../src/index.ts";
import { contextOf } from "./support/policy.ts";

const SUBJECTS = ["", "a", "b", "chat", "a.b", "a/b", "*", "**", "{sub}", ".*", "a|b"];
const literal = fc.constantFrom("", "a", "b", "chat", "a-b");
const separator = fc.constantFrom(".", "/", ":");
const joined = (segment: fc.Arbitrary<string>, last: fc.Arbitrary<string> = segment) =>
  fc
    .tuple(fc.array(fc.tuple(segment, separator), { maxLength: 4 }), last)
    .map(([head, end]) => head.flat().join("") + end);

const topic = joined(literal).filter((t) => t !== "");
const part = fc.oneof(literal, fc.constantFrom("*", "{sub}"));
const pattern = joined(part, fc.oneof(part, fc.constant("**"))).filter((p) => p !== "");
const subject = fc.constantFrom(...SUBJECTS);

/** The same rules told as a regular expression, which the code itself never builds. */
function modelMatches(pattern: string, topic: string, subject: string): boolean {
  const quoted = (text: string) => text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
  const own = subject === "" || /[.:/]/.test(subject) ? "(?!)" : quoted(subject);
  const body = pattern
    .split(/(\*\*|\*|\{sub\})/)
    .map((p) => ({ "**": ".+", "*": "[^.:/]+", "{sub}": own })[p] ?? quoted(p))
    .join("");
  return new RegExp(`^(?:${body})$`).test(topic);
}

describe("patterns", () => {
  it("the matcher agrees with a model", () => {
    fc.assert(
      fc.property(pattern, topic, subject, (p, t, s) => {
        expect(policy([{ topics: p, anyone: true }])(contextOf({ topic: t, subject: s }))).toBe(modelMatches(p, t, s));
      }),
      { numRuns: 5000 },
    );
  });

  it("a pattern made of a topic by replacing segments matches it", () => {
    fc.assert(
      fc.property(topic, fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }), (t, replaced) => {
        let i = 0;
        const p = t.replace(/[^.:/]+/g, (segment) => (replaced[i++] ? "*" : segment));
        expect(policy([{ topics: p, anyone: true }])(contextOf({ topic: t }))).toBe(true);
      }),
    );
  });

  it("anything is a pattern or a TypeError", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), joined(fc.oneof(part, fc.string()))), (p) => {
        try {
          policy([{ topics: p, anyone: true }])(contextOf({}));
        } catch (error) {
          expect(error).toBeInstanceOf(TypeError);
        }
      }),
    );
  });
});

const word = fc.constantFrom("admin", "user", "write");
const some = fc.oneof(word, fc.uniqueArray(word, { minLength: 1 }));
const who = fc
  .record(
    { scope: some, roles: some, groups: some, claim: fc.record({ path: fc.constant(["deep", "roles"]), any: some }) },
    { requiredKeys: [] },
  )
  .map((w) => (Object.keys(w).length === 0 ? { anyone: true as const } : w));
const about = fc.record(
  {
    topics: fc.oneof(pattern, fc.array(pattern, { minLength: 1, maxLength: 3 })),
    direction: fc.constantFrom("in" as const, "out" as const),
    kind: fc.constantFrom("message" as const, "request" as const),
  },
  { requiredKeys: ["topics"] },
);
const rule = fc.tuple(about, who).map(([a, w]): PolicyRule => ({ ...a, ...w }));
const claim = fc.oneof(some, fc.anything());
const context = fc
  .record({
    topic,
    subject,
    direction: fc.constantFrom("in" as const, "out" as const),
    kind: fc.constantFrom("message" as const, "request" as const),
    scopes: fc.uniqueArray(word),
    claims: fc.record({ roles: claim, groups: claim, deep: fc.oneof(fc.record({ roles: claim }), fc.anything()) }),
  })
  .map(contextOf);

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : [value]);
const share = (a: unknown, b: unknown) => listOf(a).some((x) => typeof x === "string" && listOf(b).includes(x));

function modelGrants(r: PolicyRule, { principal, topic, direction, kind }: AuthorizeContext): boolean {
  const { roles, groups, deep } = principal.claims as { roles: unknown; groups: unknown; deep: unknown };
  const inner = typeof deep === "object" && deep !== null && Object.hasOwn(deep, "roles") ? deep : { roles: undefined };
  return (
    listOf(r.topics).some((p) => modelMatches(p as string, topic, principal.subject)) &&
    (r.direction ?? direction) === direction &&
    (r.kind ?? kind) === kind &&
    (r.scope === undefined || share(r.scope, [...principal.scopes])) &&
    (r.roles === undefined || share(r.roles, roles)) &&
    (r.groups === undefined || share(r.groups, groups)) &&
    (r.claim === undefined || share(r.claim.any, (inner as { roles: unknown }).roles))
  );
}

describe("policies", () => {
  it("grant what a rule names and nothing else, whatever the claims hold, and never throw", () => {
    fc.assert(
      fc.property(fc.array(rule, { maxLength: 5 }), context, (rules, asked) => {
        expect(policy(rules)(asked)).toBe(rules.some((r) => modelGrants(r, asked)));
      }),
      { numRuns: 3000 },
    );
  });

  it("the order of rules decides nothing, and what explain says is what is decided", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(rule, { maxLength: 5 }), context, async (rules, asked) => {
        const granted = policy(rules)(asked);
        expect(policy([...rules].reverse())(asked)).toBe(granted);
        const said = await policy(rules).explain(asked);
        expect(said.granted).toBe(granted);
        expect(said.rule).toBe(granted ? rules.findIndex((r) => modelGrants(r, asked)) : undefined);
      }),
    );
  });
});
