import type { Conformance } from "../conformance.ts";
import { crossRows, matrixOf, type Row, spell } from "./matrix.ts";

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");

function table(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[]): string => `| ${cells.map(cell).join(" | ")} |`;
  return [row(head), `|---|${"---:|".repeat(head.length - 1)}`, ...lines.map(row)].join("\n");
}

const lineOf = ({ name, cells }: Row): readonly string[] => [name, ...cells.map(spell)];

/** The whole report as one document. */
export function markdownReport(result: Conformance): string {
  const { columns, suites, vectors } = matrixOf(result);
  const names = columns.map(({ name }) => name);
  const whole: Row = { name: "**all**", cells: columns.map((c) => (c.absent === undefined ? c.whole : undefined)) };
  const cross = crossRows(result);
  const drivers = columns.map(({ name, language, level, libraries, absent }) =>
    absent === undefined
      ? [name, level, language, libraries.join(", ")]
      : [name, "", language, `did not run: ${absent.split("\n", 1)[0]}`],
  );
  const failures = [
    ...columns.flatMap(({ name, whole: { failures: own } }) => own.map((f) => `${name}: \`${f.vector}\`: ${f.why}`)),
    ...cross.rows.flatMap((row) =>
      row.cells.flatMap((c, i) =>
        (c?.failures ?? []).map((f) => `${row.name} → ${cross.names[i]}: \`${f.vector}\`: ${f.why}`),
      ),
    ),
    ...result.faults,
  ];
  return [
    "# Sealwire conformance",
    `${vectors} vectors. A cell is passed/claimed; \`–\`: not claimed, or not run; \`*\`: some failures are expected.`,
    table(["suite", ...names], [...suites.map(lineOf), lineOf(whole)]),
    "## Drivers",
    table(["driver", "level", "language", "libraries"], drivers).replace("---:|---:|---:|", "---|---|---|"),
    "## Sealed by ↓ opened by →",
    table(["", ...cross.names], cross.rows.map(lineOf)),
    "## Groups",
    table(
      ["group", ...names],
      suites.flatMap(({ groups }) => groups.map(lineOf)),
    ),
    "## Failures",
    failures.length === 0 ? "None." : failures.map((line) => `- ${line.replaceAll("\n", " ")}`).join("\n"),
    "",
  ].join("\n\n");
}
