// What came out, by requirement: an implementer wants to know which sentence of the specification is not met.
import type { Result } from "./run.ts";

export interface RequirementResult {
  readonly slug: string;
  readonly passed: number;
  readonly failed: readonly { readonly check: string; readonly variant: string; readonly failure: string }[];
}

export function byRequirement(results: readonly Result[]): readonly RequirementResult[] {
  const found = new Map<string, Result[]>();
  for (const result of results) for (const slug of result.req) found.set(slug, [...(found.get(slug) ?? []), result]);
  return [...found]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([slug, all]) => ({
      slug,
      passed: all.filter(({ failure }) => failure === undefined).length,
      failed: all.flatMap(({ check, variant, failure }) =>
        failure === undefined ? [] : [{ check, variant, failure }],
      ),
    }));
}

export function terminalReport(results: readonly Result[], colour: boolean): string {
  const paint = (code: number, text: string): string => (colour ? `\x1b[${code}m${text}\x1b[0m` : text);
  const requirements = byRequirement(results);
  const width = Math.max(...requirements.map(({ slug }) => slug.length), 0);
  const lines = requirements.flatMap(({ slug, passed, failed }) => [
    `${failed.length === 0 ? paint(32, "✓") : paint(31, "✗")} ${slug.padEnd(width)}  ${passed}/${passed + failed.length}`,
    ...failed.map(({ check, variant, failure }) => `    ${variant}: ${check}: ${failure}`),
  ]);
  const failed = results.filter(({ failure }) => failure !== undefined).length;
  return [
    ...lines,
    "",
    `${results.length - failed} checks passed, ${failed} failed, ${requirements.length} requirements`,
  ].join("\n");
}
