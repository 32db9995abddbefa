// Every MUST is shown from its other side: by a vector or live check that breaks it, or, where no peer could see it
// broken, by the test that an entry of packages/conformance/not-on-the-wire.json names.
const LIST = "packages/conformance/not-on-the-wire.json";

/** Accepted scripts and lists count where one of their outcomes is an error. */
function refuses(value) {
  if (typeof value === "string") return /^(E_[A-Z0-9_]+|TypeError)$/.test(value);
  if (Array.isArray(value)) return value.some(refuses);
  return typeof value === "object" && value !== null && Object.values(value).some(refuses);
}

/** @param {Record<string, string>} tests @returns {Set<string>} slugs that a refused vector cites */
export function negativeSlugs(tests) {
  const slugs = new Set();
  for (const [path, text] of Object.entries(tests)) {
    if (!path.startsWith("test-vectors/")) continue;
    for (const group of JSON.parse(text).groups ?? []) {
      for (const vector of group.vectors) {
        if (refuses(vector.result) || refuses(vector.then?.result)) for (const slug of vector.req) slugs.add(slug);
      }
    }
  }
  return slugs;
}

/**
 * @param {Iterable<string>} musts slugs
 * @param {{ tests: Record<string, string>, live: Record<string, string>, unobservable: string }} files
 * @returns {string[]} failures
 */
export function checkNegatives(musts, { tests, live, unobservable }) {
  const slugs = negativeSlugs(tests);
  const liveText = Object.values(live).join("\n");
  const listed = new Map(JSON.parse(unobservable).requirements.map((entry) => [entry.slug, entry]));
  const failures = [];
  for (const slug of musts) {
    const shown = slugs.has(slug) || liveText.includes(`"${slug}"`);
    const entry = listed.get(slug);
    listed.delete(slug);
    if (entry === undefined) {
      if (!shown) failures.push(`${slug} has no negative: no refused vector, no live check, no entry in ${LIST}`);
    } else if (shown) failures.push(`${LIST} ${slug} has a negative by now: remove the entry`);
    else if (!entry.reason) failures.push(`${LIST} ${slug} has no reason`);
    else if (!tests[entry.test]?.includes(`[${slug}]`))
      failures.push(`${LIST} ${slug}: ${entry.test} does not cite it`);
  }
  for (const slug of listed.keys()) failures.push(`${LIST} ${slug} is no MUST of the specification`);
  return failures;
}

/**
 * Each row of the table of attacks names a requirement that a refused vector, script or live check shows.
 * @param {string} text specs/security.md
 * @param {{ tests: Record<string, string>, live: Record<string, string>, unobservable: string }} files
 */
export function checkAttacks(text, { tests, live, unobservable }) {
  const slugs = negativeSlugs(tests);
  const elsewhere = `${Object.values(live).join("\n")}${unobservable}`;
  const rows = text.split("\n").filter((line) => /^\| \d+ \|/.test(line));
  if (rows.length === 0) return ["specs/security.md: no table of attacks was found"];
  return rows.flatMap((row) => {
    const named = [...row.matchAll(/`([a-z]+:[a-z0-9-]+)`/g)].map(([, slug]) => slug);
    if (named.some((slug) => slugs.has(slug) || elsewhere.includes(`"${slug}"`))) return [];
    return [`specs/security.md attack ${row.split("|")[1].trim()}: no vector shows ${named.join(", ") || "it"}`];
  });
}
