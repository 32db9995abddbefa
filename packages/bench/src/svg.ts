export interface Bar {
  readonly name: string;
  readonly value: number;
  readonly own?: boolean;
}

const [WIDTH, LABEL, ROW] = [840, 310, 26];
/** For the value and its unit, behind the longest bar. */
const VALUE = 160;

/** Bars on a logarithmic scale where they differ by more than a hundred times. Readable on light and on dark ground. */
export function bars(title: string, unit: string, all: readonly Bar[]): string {
  const largest = Math.max(...all.map(({ value }) => value));
  const smallest = Math.min(...all.map(({ value }) => value));
  const logarithmic = largest / smallest > 100;
  const room = WIDTH - LABEL - VALUE;
  const length = (value: number) =>
    logarithmic
      ? (Math.log10(value / smallest) / Math.log10(largest / smallest)) * (room - 30) + 30
      : (value / largest) * room;
  const height = 44 + all.length * ROW;
  const rows = all.map(({ name, value, own }, i) => {
    const y = 36 + i * ROW;
    return [
      `<text x="${LABEL - 8}" y="${y + 15}" text-anchor="end">${escaped(name)}</text>`,
      `<rect x="${LABEL}" y="${y + 3}" width="${length(value).toFixed(1)}" height="16" rx="2" fill="${own ? "#0b7a75" : "#8a94a3"}"/>`,
      `<text x="${(LABEL + length(value) + 6).toFixed(1)}" y="${y + 15}">${spell(value)} ${unit}</text>`,
    ].join("");
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escaped(title)}" font-family="system-ui, sans-serif" font-size="13">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    `<g fill="#1d2733"><text x="8" y="20" font-weight="600">${escaped(title)}${logarithmic ? " (logarithmic)" : ""}</text>${rows.join("")}</g>`,
    "</svg>\n",
  ].join("\n");
}

export const spell = (value: number): string =>
  value >= 1000 ? Math.round(value).toLocaleString("en-US") : value >= 100 ? value.toFixed(0) : value.toPrecision(3);

const escaped = (text: string): string => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
