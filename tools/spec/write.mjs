// Writing the requirements files from the prose: text, level and section follow it; actor and since are kept.
import { readSpec } from "./check.mjs";

const ARTICLES = new Set(["the", "a", "an", "each", "every", "both", "all", "any", "no", "neither", "this", "that"]);

/** The first noun of the sentence, near enough: "The opener MUST" gives "opener". @param {string} text */
export function guessActor(text) {
  const cells = text.split(" | ");
  const sentence = cells.find((cell) => /\b[A-Z]{3,}\b/.test(cell) && / /.test(cell)) ?? text;
  // "When the window is full, the opener MUST": the actor stands right before the keyword.
  const head = /^(.*?)\b(?:MUST|SHALL|SHOULD|MAY|REQUIRED|RECOMMENDED|OPTIONAL)\b/.exec(sentence)?.[1] ?? sentence;
  const clause = /^(?:When|If|Where|After|Before|On|For|While|Until|Unless|In|At|With)\b/.test(head)
    ? head.split(",").at(-1)
    : head;
  const words = (clause.trim() || head).match(/[A-Za-z][A-Za-z0-9_-]*/g) ?? [];
  const noun = words.find((word) => !ARTICLES.has(word.toLowerCase()));
  return noun ? (/^[A-Z][a-z]/.test(noun) ? noun.toLowerCase() : noun) : "implementation";
}

/**
 * @param {import("./check.mjs").SpecFiles} files
 * @param {string} since what new requirements get
 * @returns {Record<string, string>} path -> text of every requirements file that should be
 */
export function requirementsFrom(files, since) {
  const known = new Map();
  for (const text of Object.values(files.requirements)) {
    for (const entry of JSON.parse(text).requirements ?? []) known.set(entry.slug, entry);
  }
  const documents = new Map();
  for (const unit of readSpec(files).units) {
    if (!unit.slug) continue;
    const old = known.get(unit.slug);
    const entry = {
      slug: unit.slug,
      level: unit.keywords[0] ?? "",
      actor: old?.actor || guessActor(unit.text),
      text: unit.text,
      section: unit.section,
      since: old?.since || since,
    };
    documents.set(unit.document, [...(documents.get(unit.document) ?? []), entry]);
  }
  return Object.fromEntries(
    [...documents].map(([document, requirements]) => [
      `specs/requirements/${document.replace(/\.md$/, "")}.json`,
      `${JSON.stringify({ document, requirements }, undefined, 2)}\n`,
    ]),
  );
}
