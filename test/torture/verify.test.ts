/** What a crash has cost, as it is read from the log of the rotators. */
import { describe, expect, it } from 'vitest';
import type { RotatorLine } from './rotator.js';
import { repeatedWork } from './verify.js';
import { CHUNK_RECORDS } from './world.js';

const keys = (from: number, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `people/${from + i}`);

function log(
  ...lines: readonly (readonly [run: number, from: number, count: number] | number)[]
): RotatorLine[] {
  return lines.map((line, at): RotatorLine => {
    if (typeof line === 'number') return { run: line, at, job: 'scope 1', isFresh: at === 0 };
    const [run, from, count] = line;
    return { run, at, page: 'people', pass: 1, keys: keys(from, count), isLast: false };
  });
}

describe('the work that is repeated', () => {
  const n = CHUNK_RECORDS;

  it('after a crash is the chunk that it was at', () => {
    const work = repeatedWork(log(1, [1, 0, n], [1, n, n], 2, [2, n, n], [2, 2 * n, n]));
    expect([work.mostAtOnce, work.largestChunk]).toEqual([n, n]);
  });

  it('after two crashes over one chunk, which a writer has shifted, is a chunk of each at most', () => {
    const work = repeatedWork(log(1, [1, 0, n], 2, [2, -1, n], 3, [3, -1, n], [3, n - 1, n]));
    expect([work.mostAtOnce, work.largestChunk, work.repeated]).toEqual([n, n, 2 * n]);
  });

  it('shows where a crash has cost more than that', () => {
    const work = repeatedWork(log(1, [1, 0, n], [1, n, n], [1, 2 * n, n], 2, [2, n, n], [2, 2 * n, n]));
    expect([work.mostAtOnce, work.largestChunk]).toEqual([2 * n, n]);
  });
});
