// The rules that hold between the prose, the requirements files, the error registry and the tests.
import { checkAttacks, checkNegatives } from "./negatives.mjs";
import { readProse, sameText } from "./prose.mjs";

const LEVELS = ["MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY"];
const FIELDS = ["slug", "level", "actor", "text", "section", "since"];

/**
 * @typedef {object} SpecFiles everything the checker reads; paths from the root -> text
 * @property {Record<string, string>} prose specs/*.md
 * @property {Record<string, string>} requirements specs/requirements/*.json
 * @property {string} errors specs/registry/errors.json
 * @property {Record<string, string>} tests files that may cite: tests and vectors
 * @property {Record<string, string>} live sources of the checks that run against live peers
 * @property {string} unobservable the list of requirements that no peer can see broken
 */

const documentOf = (path) => path.replace(/^specs\//, "");

/** @param {SpecFiles} files */
export function readSpec(files) {
  const failures = [];
  const units = [];
  for (const [path, text] of Object.entries(files.prose)) {
    const read = readProse(documentOf(path), text);
    units.push(...read.units);
    failures.push(...read.problems);
  }
  return { units, failures };
}

/** @param {SpecFiles} files @returns {{ failures: string[], count: number }} */
export function checkSpec(files) {
  const { units, failures } = readSpec(files);
  const anchored = new Map();
  for (const unit of units) {
    const at = `specs/${unit.document}:${unit.line}`;
    if (!unit.slug) {
      if (unit.must) failures.push(`${at} a MUST without a slug: ${short(unit.text)}`);
      continue;
    }
    const first = anchored.get(unit.slug);
    if (first) failures.push(`${at} ${unit.slug} is used twice, first in specs/${first.document}:${first.line}`);
    else anchored.set(unit.slug, unit);
    if (unit.keywords.length === 0) failures.push(`${at} ${unit.slug} stands at a sentence without a keyword`);
    if (unit.keywords.length > 1) failures.push(`${at} ${unit.slug} has two keywords: ${unit.keywords.join(", ")}`);
  }
  const listed = new Map();
  for (const [path, text] of Object.entries(files.requirements)) {
    failures.push(...checkRequirements(path, text, anchored, listed));
  }
  for (const [slug, unit] of anchored) {
    const at = `specs/${unit.document}:${unit.line}`;
    if (!listed.has(slug)) failures.push(`${at} ${slug} is in no requirements file (node tools/spec.mjs --write)`);
    else if (unit.must && !cited(slug, files.tests)) failures.push(`${at} ${slug} is cited by no test`);
  }
  const musts = [...anchored].filter(([, unit]) => unit.must).map(([slug]) => slug);
  failures.push(...checkNegatives(musts, files), ...checkCodes(files));
  const security = files.prose["specs/security.md"];
  if (security !== undefined) failures.push(...checkAttacks(security, files));
  return { failures, count: anchored.size };
}

function checkRequirements(path, text, anchored, listed) {
  const failures = [];
  let json;
  try {
    json = JSON.parse(text);
  } catch (error) {
    return [`${path}:1 ${error.message}`];
  }
  if (!Array.isArray(json.requirements) || typeof json.document !== "string") {
    return [`${path}:1 is not { "document", "requirements": [] }`];
  }
  for (const entry of json.requirements) {
    const at = `${path}:${lineWith(text, entry.slug)}`;
    const keys = Object.keys(entry);
    for (const field of FIELDS) {
      if (typeof entry[field] !== "string" || !entry[field]) failures.push(`${at} ${entry.slug} has no ${field}`);
    }
    for (const key of keys) if (!FIELDS.includes(key)) failures.push(`${at} ${entry.slug} has an unknown field ${key}`);
    if (listed.has(entry.slug)) failures.push(`${at} ${entry.slug} is listed twice`);
    listed.set(entry.slug, entry);
    if (!LEVELS.includes(entry.level)) failures.push(`${at} ${entry.slug} has an unknown level ${entry.level}`);
    const unit = anchored.get(entry.slug);
    if (!unit) {
      failures.push(`${at} ${entry.slug} is nowhere in the prose`);
      continue;
    }
    if (unit.document !== json.document)
      failures.push(`${at} ${entry.slug} stands in ${unit.document}, not ${json.document}`);
    if (!sameText(unit.raw, entry.text ?? ""))
      failures.push(`${at} ${entry.slug} differs from the prose: ${short(unit.text)}`);
    if (unit.section !== entry.section)
      failures.push(`${at} ${entry.slug} is in section ${unit.section}, not ${entry.section}`);
    if (!unit.keywords.includes(entry.level)) {
      failures.push(
        `${at} ${entry.slug} is ${entry.level}, its sentence says ${unit.keywords.join(", ") || "nothing"}`,
      );
    }
  }
  return failures;
}

/** In tests `[slug]`; in vectors also the slug alone as a JSON string. */
function cited(slug, tests) {
  return Object.entries(tests).some(
    ([path, text]) => text.includes(`[${slug}]`) || (path.endsWith(".json") && text.includes(`"${slug}"`)),
  );
}

function checkCodes(files) {
  const known = new Set(JSON.parse(files.errors).errors.map(({ code }) => code));
  const failures = [];
  for (const [path, text] of Object.entries(files.prose)) {
    for (const [index, line] of text.split("\n").entries()) {
      for (const [code] of line.matchAll(/(?<![A-Za-z0-9_])E_[A-Z][A-Z0-9_]*/g)) {
        if (!known.has(code)) failures.push(`${path}:${index + 1} ${code} is not in specs/registry/errors.json`);
      }
    }
  }
  return failures;
}

function lineWith(text, slug) {
  const index = text.split("\n").findIndex((line) => line.includes(`"${slug}"`));
  return index < 0 ? 1 : index + 1;
}

const short = (text) => (text.length > 90 ? `${text.slice(0, 87)}...` : text);
