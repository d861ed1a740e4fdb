import type { ConformanceCase } from './conformance-case.js';
import { COMMIT_CASES } from './record-store/commits.js';
import { COUNT_CASES } from './record-store/counts.js';
import { casesOfDescriptions } from './record-store/descriptions.js';
import { SAMPLES, inSchema } from './record-store/fixtures.js';
import { casesOfSample } from './record-store/ids.js';
import { JOB_CASES } from './record-store/jobs.js';
import { PAGE_CASES } from './record-store/pages.js';
import { PLAINTEXT_CASES } from './record-store/plaintexts.js';
import type { OpenRecordStore, RecordStoreCasesOptions } from './record-store/subject.js';
import { NOT_THE_SAME_BYTES, SWAP_CASES, casesOfOtherBytes } from './record-store/swaps.js';
import { TOKEN_COUNT_CASES } from './record-store/token-counts.js';
import { TOKEN_CASES } from './record-store/tokens.js';

/**
 * The cases that every record store passes. They need no particular test runner:
 *
 * ```ts
 * for (const { name, run } of recordStoreCases(open, { members: ['describe', 'findCells'] })) it(name, run);
 * ```
 *
 * What the store need not have is named in `members`, and adds its cases.
 *
 * They make thousands of small calls, so let `open` be quick: a transaction rolled back, or tables truncated.
 */
export function recordStoreCases(
  open: OpenRecordStore,
  { members = [], schemaName }: RecordStoreCasesOptions = {},
): readonly ConformanceCase[] {
  const samples = schemaName === undefined ? SAMPLES : [...SAMPLES, inSchema(schemaName)];
  const cases = [
    ...samples.flatMap(casesOfSample),
    ...PAGE_CASES,
    ...NOT_THE_SAME_BYTES.flatMap(casesOfOtherBytes),
    ...SWAP_CASES,
    ...JOB_CASES,
    ...COMMIT_CASES,
    ...COUNT_CASES,
    ...casesOfDescriptions(members, schemaName !== undefined),
    ...PLAINTEXT_CASES,
    ...TOKEN_CASES,
    ...TOKEN_COUNT_CASES,
  ];
  return cases.map(({ name, tables, test, wants }) => ({
    name,
    async run() {
      const subject = await open(tables);
      try {
        if (wants === undefined || subject.store.abilities[wants] === true) await test(subject, ...tables);
      } finally {
        await subject.close();
      }
    },
  }));
}
