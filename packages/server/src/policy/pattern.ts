import { isTopic } from "@sealwire/core/internal";

/** Where a topic is split; the separators themselves are compared too, so `chat.*` is not `chat/*`. */
const SEPARATOR = /([.:/])/;

/** Segments and separators in turn: "a.b" is ["a", ".", "b"]. */
export type TopicParts = readonly string[];

export const partsOf = (topic: string): TopicParts => topic.split(SEPARATOR);

/** True if the topic matches and, where the pattern has `{sub}`, is this subject's own. */
export type Pattern = (topic: TopicParts, subject: string) => boolean;

/**
 * Compiles a topic pattern: `*` is one segment that is not empty, `**` at the end any rest that is not empty, `{sub}` one
 * segment that is the subject; everything else stands for itself. Nothing of a topic or a subject is ever read as a
 * pattern, and matching is linear: one pass, no expression, no way back.
 *
 * @throws TypeError for what is no pattern
 */
export function compilePattern(pattern: string): Pattern {
  const parts = partsOf(pattern);
  parts.forEach((part, i) => {
    if (part === "*" || part === "{sub}" || (part === "**" && i === parts.length - 1)) return;
    if (part === "" ? pattern !== "" : isTopic(part)) return;
    throw new TypeError(
      `policy: ${JSON.stringify(part)} in ${JSON.stringify(pattern)} is no part of a topic pattern: ` +
        "literal, *, {sub}, or ** at the end",
    );
  });
  const open = parts.at(-1) === "**";
  const fixed = open ? parts.slice(0, -1) : parts;
  return (topic, subject) => {
    if (open ? topic.slice(fixed.length).join("") === "" : topic.length !== fixed.length) return false;
    return fixed.every((part, i) => matches(part, topic[i] as string, subject));
  };
}

function matches(part: string, segment: string, subject: string): boolean {
  if (part === "*") return segment !== "";
  // A subject that is empty or holds a separator is no segment, and owns none.
  if (part === "{sub}") return segment !== "" && segment === subject;
  return segment === part;
}
