/** The comparison at the end of the story: what it must accept, and what it must find. */
import { describe, expect, it } from 'vitest';
import type { Row, Shape } from '../../examples/story/records.js';
import { type Verdict, compareWith } from '../../examples/story/verify.js';
import type { LoggedWrite } from '../../examples/story/write-log.js';

const SHAPE: Shape = {
  source: 'csv',
  id: 'id',
  idType: 'text',
  columns: ['id', 'name', 'city'],
  encrypt: ['name', 'city'],
};

const ANN = { id: 'a', name: 'Ann', city: 'Rome' };
const BEN = { id: 'b', name: 'Ben', city: 'Oslo' };
const CID = { id: 'c', name: 'Cid', city: '' };

function write(
  number: number,
  kind: LoggedWrite['kind'],
  id: string,
  values: Row = {},
  isAcknowledged = true,
): LoggedWrite {
  return { number, kind, id, values, isAcknowledged };
}

function verdict(writes: readonly LoggedWrite[], found: readonly (Row | string)[]): Verdict {
  const comparison = compareWith(SHAPE, [ANN, BEN], writes);
  for (const row of found) {
    if (typeof row === 'string') comparison.see(row, undefined);
    else comparison.see(String(row['id']), row);
  }
  return comparison.finish();
}

describe('the comparison accepts', () => {
  it('rows as they went in', () => {
    expect(verdict([], [ANN, BEN])).toEqual({
      untouched: 2,
      written: 0,
      gone: 0,
      lostWrites: 0,
      mismatches: [],
    });
  });

  it('the last acknowledged write of every attribute, inserts and deletions', () => {
    const writes = [
      write(1, 'update', 'a', { name: 'Eve' }),
      write(2, 'update', 'a', { city: 'Bern' }),
      write(3, 'update', 'a', { name: 'Eva' }),
      write(4, 'insert', 'c', CID),
      write(5, 'delete', 'b'),
    ];
    const { mismatches, ...counts } = verdict(writes, [{ id: 'a', name: 'Eva', city: 'Bern' }, CID]);
    expect(mismatches).toEqual([]);
    expect(counts).toEqual({ untouched: 0, written: 2, gone: 1, lostWrites: 0 });
  });

  it.each([
    ['done', [{ ...ANN, name: 'Eve' }]],
    ['not done', [ANN]],
  ])('a write without acknowledgement that was %s', (_, found) => {
    const writes = [write(1, 'update', 'a', { name: 'Eve' }, false)];
    expect(verdict(writes, [...found, BEN]).mismatches).toEqual([]);
  });

  it('a deletion and an insert without acknowledgement, done or not', () => {
    const writes = [write(1, 'delete', 'a', {}, false), write(2, 'insert', 'c', CID, false)];
    expect(verdict(writes, [ANN, BEN]).mismatches).toEqual([]);
    expect(verdict(writes, [BEN, CID]).mismatches).toEqual([]);
  });
});

describe('the comparison finds', () => {
  it('a write that was lost', () => {
    const { lostWrites, mismatches } = verdict([write(1, 'update', 'a', { name: 'Eve' })], [ANN, BEN]);
    expect(lostWrites).toBe(1);
    expect(mismatches).toEqual([{ id: 'a', what: 'changed' }]);
  });

  it('a write that was undone by an older one', () => {
    const writes = [
      write(1, 'update', 'a', { name: 'Eve' }),
      write(2, 'update', 'a', { name: 'Eva', city: 'Bern' }),
    ];
    expect(verdict(writes, [{ ...ANN, name: 'Eve' }, BEN]).lostWrites).toBe(1);
  });

  it('half of a write', () => {
    const writes = [write(1, 'update', 'a', { name: 'Eva', city: 'Bern' }, false)];
    expect(verdict(writes, [{ ...ANN, name: 'Eva' }, BEN]).mismatches).toHaveLength(1);
  });

  it('a record that was inserted and is not there', () => {
    const { lostWrites, mismatches } = verdict([write(1, 'insert', 'c', CID)], [ANN, BEN]);
    expect(lostWrites).toBe(1);
    expect(mismatches).toEqual([{ id: 'c', what: 'missing' }]);
  });

  it('a deleted record that came back', () => {
    const { lostWrites, mismatches } = verdict([write(1, 'delete', 'a')], [ANN, BEN]);
    expect(lostWrites).toBe(1);
    expect(mismatches).toEqual([{ id: 'a', what: 'came back' }]);
  });

  it('an untouched record that is missing, changed or cannot be decrypted', () => {
    expect(verdict([], [ANN]).mismatches).toEqual([{ id: 'b', what: 'missing' }]);
    expect(verdict([], [{ ...ANN, city: 'rome' }, BEN]).mismatches).toEqual([{ id: 'a', what: 'changed' }]);
    expect(verdict([], ['a', BEN]).mismatches).toEqual([{ id: 'a', what: 'refused' }]);
  });

  it('a record from nowhere, and one that is there twice', () => {
    expect(verdict([], [ANN, BEN, CID]).mismatches).toEqual([{ id: 'c', what: 'from nowhere' }]);
    expect(verdict([], [ANN, ANN, BEN]).mismatches).toEqual([{ id: 'a', what: 'from nowhere' }]);
  });
});
