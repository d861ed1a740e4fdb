/** The table of widths in the documents: every figure in it is the planner's. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { type PlanOptions, planIndex } from '../../src/blind-index/public.js';

const DOCUMENT = new URL('../../docs/search.md', import.meta.url);
const MILLION = 1_000_000;

const EXAMPLES: readonly (readonly [label: string, options: PlanOptions])[] = [
  ['e-mail address', { records: 10_000, values: 'email' }],
  ['e-mail address', { records: MILLION, values: 'email' }],
  ['e-mail address', { records: 100 * MILLION, values: 'email' }],
  [
    'e-mail address, beside a date of birth with 8 bits',
    { records: MILLION, values: 'email', others: [{ bits: 8, values: 'birth-date' }] },
  ],
  ['e-mail address, UNIQUE', { records: MILLION, values: 'email', unique: true }],
  ['random UUID, UNIQUE', { records: MILLION, values: 'uuid', unique: true }],
  ['surname', { records: 100_000, values: 'surname' }],
  ['date of birth', { records: 100_000, values: 'birth-date' }],
  ['last four digits of a card', { records: MILLION, values: 'last4' }],
  ['PIN that people choose', { records: MILLION, values: 'pin4' }],
  ['boolean', { records: MILLION, values: 'boolean' }],
  ['e-mail address', { records: 300, values: 'email' }],
];

const HEAD = [
  'values',
  'records',
  'safe widths',
  'taken',
  'a look-up decrypts',
  'of them matches',
  'largest group',
  'left to guess',
  'warnings',
];

function row([label, options]: (typeof EXAMPLES)[number]): string[] {
  const { safe, bits, lookup, observer, guesser, warnings } = planIndex(options);
  return [
    label,
    figure(options.records),
    safe === undefined ? 'none' : safe.from === safe.to ? `${safe.from}` : `${safe.from} to ${safe.to}`,
    `${bits}`,
    figure(lookup.candidates),
    figure(lookup.matches),
    figure(observer.largestGroup),
    `${figure(guesser.bitsLeft)} of ${figure(guesser.bitsBefore)} bits`,
    warnings.map(({ code }) => `\`${code}\``).join(', '),
  ];
}

/** Three digits that count, at most one of them behind the point. */
function figure(value: number): string {
  const digits = value < 100 ? Number(value.toFixed(1)) : Number(value.toPrecision(3));
  return digits.toLocaleString('en-US');
}

it('300,000 values collide in 32 bits, and not in 128', () => {
  const odds = (bits: number) =>
    planIndex({ records: 300_000, values: 'uuid', unique: true, bits }).falseCollisions?.probability;
  expect(odds(32)).toBeGreaterThan(0.9999);
  expect(odds(128)).toBeLessThan(1e-27);
});

it('the table of widths in the documents is what the planner says', () => {
  const rows = [HEAD, HEAD.map(() => '---'), ...EXAMPLES.map(row)];
  const table = rows.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
  expect(readFileSync(DOCUMENT, 'utf8')).toContain(`${table}\n`);
});
