import type { Awaitable } from "@sealwire/core";
import { isPromise, type Maybe } from "@sealwire/core/internal";
import type { AuthorizeContext } from "../options.ts";
import { partsOf } from "./pattern.ts";
import { ABOUT, type CompiledRule, compileRule, type PolicyCondition, type PolicyRule, type Question } from "./rule.ts";

/** Why something is granted or not, by positions of rules and names of their members: no claim, no topic, no data. */
export interface PolicyExplanation {
  readonly granted: boolean;
  /** Position of the rule that grants; undefined if none does. */
  readonly rule: number | undefined;
  /** Rules for this topic, direction and kind that were asked before, each with its first condition that does not hold. */
  readonly failed: readonly { readonly rule: number; readonly condition: PolicyCondition }[];
}

/** Takes the place of a function as the server's option `authorize`. */
export interface Policy {
  (context: AuthorizeContext): Awaitable<boolean>;
  /** Decides as the policy does and says why, for logs and tests of this side; asks every `when` on its way. */
  explain(context: AuthorizeContext): Promise<PolicyExplanation>;
}

/**
 * Makes the option `authorize` of rules. A message or request is granted if one rule grants it, and denied otherwise: no
 * rule denies, so their order decides nothing but which `when` is asked. Conditions are compared with values of the checked
 * token, exactly; a claim of the wrong type grants nothing.
 *
 * Not checked: data (see `defineTopics`), and claims beyond those that a rule names.
 *
 * @throws TypeError that names the rule, for one that is malformed
 */
export function policy(rules: readonly PolicyRule[]): Policy {
  if (!Array.isArray(rules)) throw new TypeError("policy: rules are a list");
  const compiled = rules.map(compileRule);

  const decide = (question: Question, start: number): Maybe<boolean> => {
    for (let i = start; i < compiled.length; i++) {
      const failing = (compiled[i] as CompiledRule)(question);
      if (isPromise(failing)) return failing.then((c) => c === undefined || decide(question, i + 1));
      if (failing === undefined) return true;
    }
    return false;
  };
  const explain = async (context: AuthorizeContext): Promise<PolicyExplanation> => {
    const failed: { rule: number; condition: PolicyCondition }[] = [];
    for (const [rule, failing] of compiled.entries()) {
      const condition = await failing(ask(context));
      if (condition === undefined) return { granted: true, rule, failed };
      if (!ABOUT.has(condition)) failed.push({ rule, condition });
    }
    return { granted: false, rule: undefined, failed };
  };
  return Object.assign((context: AuthorizeContext) => decide(ask(context), 0), { explain });
}

const ask = (context: AuthorizeContext): Question => ({ context, parts: partsOf(context.topic) });
