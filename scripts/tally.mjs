/**
 * Counts what vitest's own JSON reports say: `node scripts/tally.mjs REPORT…` prints `N passed, N failed, N skipped` and
 * exits with 1 where anything failed, anything was skipped, or nothing ran.
 */
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

/**
 * @typedef {{ passed: number, failed: number, skipped: number }} Tally
 * @typedef {{ status: string, assertionResults: { status: string }[] }} TestFile
 */

/**
 * Every status but `passed` and `failed` (skipped, pending, todo) is a test that did not run.
 *
 * @param {{ testResults: TestFile[] }} report
 * @returns {Tally}
 */
export function tally(report) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const file of report.testResults) {
    let failedHere = 0;
    for (const { status } of file.assertionResults) {
      if (status === 'passed') counts.passed++;
      else if (status === 'failed') failedHere++;
      else counts.skipped++;
    }
    // A file that could not be loaded has no tests in the report: it counts as one that failed.
    counts.failed += file.status === 'failed' ? Math.max(failedHere, 1) : failedHere;
  }
  return counts;
}

/**
 * @param {readonly Tally[]} tallies
 * @returns {Tally}
 */
export function sum(tallies) {
  return tallies.reduce(
    (total, { passed, failed, skipped }) => ({
      passed: total.passed + passed,
      failed: total.failed + failed,
      skipped: total.skipped + skipped,
    }),
    { passed: 0, failed: 0, skipped: 0 },
  );
}

/** @param {Tally} counts */
export function line({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

/** @param {Tally} counts */
export function isClean({ passed, failed, skipped }) {
  return passed > 0 && failed === 0 && skipped === 0;
}

/**
 * @param {string} path
 * @returns {Tally}
 */
export function tallyFile(path) {
  return tally(JSON.parse(readFileSync(path, 'utf8')));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const counts = sum(process.argv.slice(2).map(tallyFile));
  console.log(line(counts));
  process.exitCode = isClean(counts) ? 0 : 1;
}
