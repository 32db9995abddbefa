// What `npm run conformance` prints.
import type { Conformance } from "../conformance.ts";
import { type Cell, crossRows, isWhole, type Matrix, matrixOf, type Row, spell } from "./matrix.ts";

export interface Paint {
  readonly green: (text: string) => string;
  readonly red: (text: string) => string;
  readonly yellow: (text: string) => string;
  readonly dim: (text: string) => string;
}

/** Colours only where a person looks. */
export function paintFor(stream: { readonly isTTY?: boolean }): Paint {
  const colours = stream.isTTY === true && !process.env.NO_COLOR;
  const paint =
    (code: number) =>
    (text: string): string =>
      colours ? `\u001b[${code}m${text}\u001b[0m` : text;
  return { green: paint(32), red: paint(31), yellow: paint(33), dim: paint(2) };
}

type Colour = (text: string) => string;
type Entry = readonly [text: string, colour?: Colour];

/** Columns as wide as their widest entry; the first to the left, numbers to the right. */
function aligned(lines: readonly (readonly Entry[])[]): string {
  const widths: number[] = [];
  for (const line of lines) for (const [i, [text]] of line.entries()) widths[i] = Math.max(widths[i] ?? 0, text.length);
  return lines
    .map((line) =>
      line
        .map(([text, colour = (same: string) => same], i) => {
          const space = " ".repeat((widths[i] as number) - text.length);
          return i === 0 ? colour(text) + space : space + colour(text);
        })
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function entryOf(cell: Cell | undefined, { green, red, yellow, dim }: Paint): Entry {
  if (cell === undefined || cell.total === 0) return [spell(cell), dim];
  return [spell(cell), cell.failures.length > 0 ? red : cell.expected > 0 ? yellow : green];
}

const lineOf = (row: Row, paint: Paint, indent = ""): readonly Entry[] => [
  [indent + row.name],
  ...row.cells.map((cell) => entryOf(cell, paint)),
];

function matrixTable({ columns, suites }: Matrix, paint: Paint, byGroup: boolean): string {
  const head: readonly Entry[] = [["vectors"], ...columns.map(({ name }): Entry => [name])];
  const body = suites.flatMap((suite) => [
    lineOf(suite, paint),
    ...(byGroup ? suite.groups.map((group) => lineOf(group, paint, "  ")) : []),
  ]);
  const whole: Row = { name: "all", cells: columns.map((c) => (c.absent === undefined ? c.whole : undefined)) };
  return aligned([head, ...body, lineOf(whole, paint)]);
}

/** Failures that are printed without --verbose, for each driver and for each pair. */
const SHOWN = { driver: 20, pair: 2 };

function failureLines(name: string, cell: Cell, most: number): readonly string[] {
  const shown = cell.failures.slice(0, most);
  const lines = shown.map(({ vector, why }) => `${name}: ${vector}: ${why}`);
  const rest = cell.failures.length - shown.length;
  return rest > 0 ? [...lines, `${name}: ${rest} more; --verbose shows all`] : lines;
}

/** The tables, the drivers' libraries, and what failed. */
export function terminalReport(result: Conformance, paint: Paint, verbose: boolean): string {
  const matrix = matrixOf(result);
  const parts = [matrixTable(matrix, paint, verbose)];
  const { names, rows } = crossRows(result);
  if (rows.some(({ cells }) => cells.some((cell) => (cell?.total ?? 0) > 0))) {
    const head: readonly Entry[] = [["sealed by ↓ opened by →"], ...names.map((name): Entry => [name])];
    parts.push(aligned([head, ...rows.map((row) => lineOf(row, paint))]));
  }
  const libraries = matrix.columns.map(({ name, language, level, libraries: own, absent }) =>
    absent === undefined
      ? `${name}: ${level}, ${[language, ...own].join(", ")}`
      : paint.yellow(`${name}: did not run, ${absent}`),
  );
  parts.push(libraries.join("\n"));
  const most = verbose ? { driver: Infinity, pair: Infinity } : SHOWN;
  const failures = [
    ...matrix.columns.flatMap(({ name, whole }) => failureLines(name, whole, most.driver)),
    ...rows.flatMap((row) =>
      row.cells.flatMap((cell, i) =>
        cell === undefined || isWhole(cell) ? [] : failureLines(`${row.name} → ${names[i]}`, cell, most.pair),
      ),
    ),
    ...result.faults,
  ];
  if (failures.length > 0) parts.push(failures.map((line) => `${paint.red("✗")} ${line}`).join("\n"));
  return parts.join("\n\n");
}
