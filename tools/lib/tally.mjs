// Counting what vitest reported, and the closing line.

/**
 * @typedef {object} Tally
 * @property {number} passed
 * @property {number} failed
 * @property {string[]} skipped names of the tests that did not run
 * @property {string[]} notes failures that belong to no test
 */

/**
 * Counts vitest's JSON report. A file that could not be loaded, and a run that failed for a reason outside of every
 * test (an unhandled error), count as one failure each.
 * @param {any} report undefined where vitest left none
 * @param {boolean} exitedWell vitest's exit code was 0
 * @returns {Tally}
 */
export function tallyOf(report, exitedWell) {
  /** @type {Tally} */
  const tally = { passed: 0, failed: 0, skipped: [], notes: [] };
  if (!report) return { ...tally, failed: 1, notes: ["vitest ended without a report"] };
  for (const file of report.testResults ?? []) {
    const tests = file.assertionResults ?? [];
    for (const test of tests) {
      if (test.status === "passed") tally.passed++;
      else if (test.status === "failed") tally.failed++;
      else tally.skipped.push(`${file.name}: ${test.fullName}`);
    }
    if (file.status === "failed" && !tests.some((test) => test.status === "failed")) {
      tally.failed++;
      tally.notes.push(`${file.name} could not be run`);
    }
  }
  if (!exitedWell && tally.failed === 0) {
    tally.failed++;
    tally.notes.push("vitest failed outside of every test");
  }
  if (exitedWell && tally.passed + tally.failed + tally.skipped.length === 0) {
    tally.failed++;
    tally.notes.push("vitest found no test");
  }
  return tally;
}

/** `N passed, N failed`, with skipped ones named only where there are some. */
export function closingLine(passed, failed, skipped) {
  return `${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ""}`;
}
