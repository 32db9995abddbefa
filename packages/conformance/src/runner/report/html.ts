// The report as one page without anything from elsewhere.
import type { Conformance } from "../conformance.ts";
import { type Cell, type Column, crossRows, isWhole, matrixOf, type Row, spell } from "./matrix.ts";
import { STYLE } from "./style.ts";

const ESCAPES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const esc = (text: string): string => text.replace(/[&<>"]/g, (character) => ESCAPES[character] as string);

const WIDTH = 56;

/** Passed, expected and failed as parts of one bar; the numbers beside it say the same. */
function bar({ passed, expected, total }: Cell): string {
  const part = (from: number, count: number, colour: string): string =>
    count === 0
      ? ""
      : `<rect x="${((from / total) * WIDTH).toFixed(2)}" width="${((count / total) * WIDTH).toFixed(2)}" height="6" fill="var(--${colour})"/>`;
  const parts =
    part(0, passed, "good") +
    part(passed, expected, "known") +
    part(passed + expected, total - passed - expected, "bad");
  return `<svg width="${WIDTH}" height="6" aria-hidden="true" focusable="false">${parts}</svg>`;
}

function cellHtml(cell: Cell | undefined): string {
  if (cell === undefined || cell.total === 0) return '<td class="number soft">–</td>';
  const [colour, mark] = isWhole(cell) ? (cell.expected > 0 ? ["known", "✓"] : ["good", "✓"]) : ["bad", "✗"];
  return `<td class="number"><span class="${colour}">${mark} ${esc(spell(cell))}</span>${bar(cell)}</td>`;
}

const rowHtml = ({ name, cells }: Row, kind = ""): string =>
  `<tr${kind && ` class="${kind}"`}><th scope="row">${esc(name)}</th>${cells.map(cellHtml).join("")}</tr>`;

/** A table that scrolls by itself where the page is too narrow; the keyboard reaches it. */
function tableHtml(label: string, corner: string, heads: readonly string[], rows: readonly string[]): string {
  const columns = heads.map((head) => `<th scope="col" class="number">${esc(head)}</th>`).join("");
  return `<div class="wide sticky" role="region" aria-label="${esc(label)}" tabindex="0"><table>
<thead><tr><th scope="col">${esc(corner)}</th>${columns}</tr></thead>
<tbody>${rows.join("\n")}</tbody></table></div>`;
}

function driverHtml({ name, language, level, libraries, absent, whole, seconds }: Column): string {
  const state =
    absent !== undefined
      ? `<p class="known">did not run: ${esc(absent)}</p>`
      : `<p class="verdict ${isWhole(whole) ? "good" : "bad"}">${isWhole(whole) ? "✓" : "✗"} ${spell(whole)} at ${level}</p>
<p class="soft">${esc([language, ...libraries].join(" · "))}</p><p class="soft">${seconds.toFixed(1)} s</p>`;
  return `<li><h3>${esc(name)}</h3>${state}</li>`;
}

/** Failures of one row, driver by driver. */
function failuresHtml({ cells }: Row, names: readonly string[]): string {
  const items = cells.flatMap((cell, i) =>
    (cell?.failures ?? []).map(
      ({ vector, why }) =>
        `<li><strong>${esc(names[i] as string)}</strong> <code>${esc(vector)}</code>: ${esc(why)}</li>`,
    ),
  );
  return items.length === 0 ? "" : `<ul>${items.join("\n")}</ul>`;
}

const failed = ({ cells }: Row): number => cells.reduce((sum, cell) => sum + (cell?.failures.length ?? 0), 0);

const verdictOf = (row: Row): string =>
  failed(row) === 0 ? '<span class="good">✓</span>' : `<span class="bad">✗ ${failed(row)} failed</span>`;

function suiteHtml(suite: Row & { readonly groups: readonly Row[] }, names: readonly string[]): string {
  const broken = suite.groups.filter((group) => failed(group) > 0);
  const inner = broken.map(
    (group) =>
      `<details open><summary>${esc(group.name)} ${verdictOf(group)}</summary>${failuresHtml(group, names)}</details>`,
  );
  const own = ({ name, cells }: Row): Row => ({ name: name.replace(`${suite.name}/`, ""), cells });
  const rows = suite.groups.map((group) => rowHtml(own(group)));
  const groups = tableHtml(`Groups of ${suite.name}`, "group", names, rows);
  const count = suite.groups.length;
  const open = broken.length > 0 ? " open" : "";
  return `<details${open}><summary>${esc(suite.name)} ${verdictOf(suite)}<span class="soft">${count} ${count === 1 ? "group" : "groups"}</span></summary>
${groups}${inner.join("\n")}</details>`;
}

function crossHtml(result: Conformance): string {
  const { names, rows } = crossRows(result);
  const pairs = rows.map((row) =>
    failuresHtml(
      row,
      names.map((name) => `${row.name} → ${name}`),
    ),
  );
  const table = tableHtml(
    "Sealed by, opened by",
    "sealed by ↓ opened by →",
    names,
    rows.map((row) => rowHtml(row)),
  );
  return `<h2>Sealed by one, opened by another</h2>
<p>Each driver opens what each other one sealed: messages of a session and standalone envelopes.</p>
${table}${pairs.join("")}`;
}

export function htmlReport(result: Conformance): string {
  const { columns, suites, vectors } = matrixOf(result);
  const names = columns.map(({ name }) => name);
  const whole: Row = { name: "all", cells: columns.map((c) => (c.absent === undefined ? c.whole : undefined)) };
  const missing = columns.filter(({ absent }) => absent !== undefined).length;
  const verdict = result.ok
    ? `<span class="good">✓ Every driver that ran agrees with every vector that it claims.</span>${missing === 0 ? "" : ` <span class="known">${missing} did not run.</span>`}`
    : '<span class="bad">✗ Something fails; it is listed below.</span>';
  const faults = result.faults.map((fault) => `<li>${esc(fault)}</li>`).join("");
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sealwire conformance</title><style>${STYLE}</style></head>
<body><main>
<h1>Sealwire conformance</h1>
<p class="verdict">${verdict}</p>
<p class="soft">${vectors} vectors, ${columns.length} drivers. A cell gives the vectors passed of those that the driver claims; a dash means
that it claims none, or did not run; a star, that some failures are expected.</p>
${faults && `<ul class="bad">${faults}</ul>`}
<h2>Matrix</h2>
${tableHtml("Suites by drivers", "suite", names, [...suites.map((row) => rowHtml(row)), rowHtml(whole, "all")])}
${crossHtml(result)}
<h2>Drivers</h2>
<ul class="drivers">${columns.map(driverHtml).join("\n")}</ul>
<h2>Groups</h2>
${suites.map((suite) => suiteHtml(suite, names)).join("\n")}
</main></body></html>
`;
}
