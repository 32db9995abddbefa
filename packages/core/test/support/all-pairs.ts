export type Factors = Readonly<Record<string, readonly unknown[]>>;
export type Combination<F extends Factors> = { readonly [K in keyof F]: F[K][number] };

/** Every two values of different factors that may stand together, as "factor=value,factor=value". */
export function pairsOf(combination: Readonly<Record<string, unknown>>): string[] {
  const entries = Object.entries(combination).map(([name, value]) => `${name}=${String(value)}`);
  return entries.flatMap((a, i) => entries.slice(i + 1).map((b) => `${a},${b}`));
}

/**
 * Combinations that cover every pair of values which some valid combination holds. Greedy over the full product, which
 * is small here: always the one with the most pairs not seen yet, the first of them where several are equal.
 */
export function allPairs<F extends Factors>(factors: F, valid: (c: Combination<F>) => boolean): Combination<F>[] {
  const all = product(factors).filter(valid);
  const open = new Set(all.flatMap(pairsOf));
  const chosen: Combination<F>[] = [];
  while (open.size > 0) {
    const [best] = all
      .map((c) => [c, pairsOf(c).filter((p) => open.has(p)).length] as const)
      .reduce((a, b) => (b[1] > a[1] ? b : a));
    for (const pair of pairsOf(best)) open.delete(pair);
    chosen.push(best);
  }
  return chosen;
}

export function product<F extends Factors>(factors: F): Combination<F>[] {
  return Object.entries(factors).reduce<Record<string, unknown>[]>(
    (rows, [name, values]) => rows.flatMap((row) => values.map((value) => ({ ...row, [name]: value }))),
    [{}],
  ) as Combination<F>[];
}
