// What holds between the vectors, and between them and the specification. A schema cannot say it.
import { readdirSync, readFileSync } from "node:fs";
import { repository } from "../repository.ts";
import type { Group, Suite, Vector } from "./file.ts";

interface Requirement {
  readonly slug: string;
  readonly level: string;
}
interface ErrorInfo {
  readonly code: string;
  readonly steps: readonly string[];
}

const parse = (path: string): unknown => JSON.parse(readFileSync(repository(path), "utf8"));

/** Requirements by document, in the order of the text. */
export function requirements(): ReadonlyMap<string, readonly Requirement[]> {
  const names = readdirSync(repository("specs/requirements")).filter((name) => name.endsWith(".json"));
  return new Map(
    names.sort().map((name) => {
      const file = parse(`specs/requirements/${name}`) as { document: string; requirements: Requirement[] };
      return [file.document, file.requirements];
    }),
  );
}

/** Documents with the anchors of their headings, as GitHub makes them. */
function anchors(): ReadonlySet<string> {
  const found = new Set<string>();
  for (const name of readdirSync(repository("specs")).filter((file) => file.endsWith(".md"))) {
    for (const [, title] of readFileSync(repository(`specs/${name}`), "utf8").matchAll(/^#+ (.*)$/gm)) {
      const words = (title as string).toLowerCase().replace(/[^\w\s-]/g, "");
      found.add(`${name}#${words.replace(/\s/g, "-")}`);
    }
  }
  return found;
}

interface Outcome {
  readonly error?: { readonly peer?: boolean };
  readonly failed?: { readonly peer?: boolean };
}

/** Beside these only the outcomes of a script. */
const REFUSED = new Set(["ok", "error", "step", "fatal"]);

export function faults(groups: ReadonlyMap<Suite, readonly Group[]>): string[] {
  const { errors } = parse("specs/registry/errors.json") as { readonly errors: readonly ErrorInfo[] };
  const steps = new Map(errors.map((e) => [e.code, new Set(e.steps)]));
  const slugs = new Set([...requirements().values()].flat().map(({ slug }) => slug));
  const seen = new Set<string>();
  const sections = anchors();
  const found: string[] = [];
  for (const [suite, list] of groups) {
    for (const { id, options } of list) {
      if (!sections.has(options.section)) found.push(`${id}: specs has no ${options.section}`);
    }
    const vectors = list.flatMap((group) => group.vectors.map((vector) => ({ group, vector })));
    const accepted = new Set(vectors.filter(({ vector }) => vector.result.ok).map(({ vector }) => vector.id));
    for (const { group, vector } of vectors) {
      const fault = (text: string): unknown => found.push(`${vector.id}: ${text}`);
      if (seen.has(vector.id)) fault("the id stands twice");
      seen.add(vector.id);
      if (!vector.id.startsWith(`${suite}/`) || !/^[a-z0-9/-]+$/.test(vector.id)) fault("not an id of this suite");
      if (vector.req.length === 0) fault("no requirement");
      for (const slug of vector.req) if (!slugs.has(slug)) fault(`${slug} is no requirement`);
      if (vector.result.ok) continue;
      if (!accepted.has(vector.from ?? "")) fault(`${vector.from} is no accepted vector of this file`);
      refusedFaults(group, vector, steps).forEach(fault);
    }
  }
  return found;
}

function refusedFaults(group: Group, { result }: Vector, steps: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const { error, step, steps: outcomes } = result as { error?: unknown; step?: unknown; steps?: Outcome[] };
  const found: string[] = [];
  // The peer's word can be any error; this end found nothing in any step.
  const last = outcomes?.at(-1);
  if (error === "TypeError" || (last?.error ?? last?.failed)?.peer === true) {
    if (step !== "local") found.push(`the step of ${error} is local here`);
  } else if (!steps.get(String(error))?.has(String(step))) found.push(`${error} does not belong to step ${step}`);
  for (const name of Object.keys(result)) {
    if (!REFUSED.has(name) && !(name === "steps" && group.options.op === "session.run")) {
      found.push(`a refused result has no member ${name}`);
    }
  }
  return found;
}

/** MUSTs that no refused vector and no refused step of a script cites, by document. */
export function uncovered(groups: ReadonlyMap<Suite, readonly Group[]>): ReadonlyMap<string, readonly string[]> {
  const shown = new Set<string>();
  for (const { vectors } of [...groups.values()].flat()) {
    for (const { req, result, then } of vectors) {
      if (refuses(result) || refuses(then?.result)) for (const slug of req) shown.add(slug);
    }
  }
  return new Map(
    [...requirements()].map(([document, list]) => [
      document,
      list.filter(({ slug, level }) => level.startsWith("MUST") && !shown.has(slug)).map(({ slug }) => slug),
    ]),
  );
}

/** An error anywhere in a result: an accepted script or list refuses, too, where one of its outcomes is an error. */
function refuses(value: unknown): boolean {
  if (typeof value === "string") return value === "TypeError" || /^E_[A-Z0-9_]+$/.test(value);
  return typeof value === "object" && value !== null && Object.values(value).some(refuses);
}
