/** A table warns, once, of an index whose values are few: where it is defined, not where it is attacked. */
import { describe, expect, it, vi } from 'vitest';
import { entropyWarning } from '../../src/blind-index/public.js';
import { boolean, date, integer, table, text } from '../../src/index.js';

const record = integer('id');

function warnings(define: () => unknown): unknown[][] {
  const emitted = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  define();
  const calls = emitted.mock.calls as unknown[][];
  emitted.mockRestore();
  return calls;
}

describe('an index over few values', () => {
  it('is warned of by name, with what the planner says, once', () => {
    const define = () =>
      table('voters', {
        record,
        encrypt: {
          born: date({ index: { bits: 12 } }),
          consent: boolean({ index: { bits: 8 } }),
          card: text({ index: { bits: 12, transform: 'last4-1' } }),
          email: text({ index: { bits: 12, transform: 'email-1' } }),
        },
      });
    const given = warnings(define);
    expect(given.map(([, type]) => type)).toEqual(['CellsealWarning', 'CellsealWarning', 'CellsealWarning']);
    expect(given[0]?.[0]).toContain('born_index of voters.born');
    expect(given[1]?.[0]).toContain(entropyWarning('boolean', 'exact-1'));
    expect(given[2]?.[0]).toContain('card_index');
    expect(warnings(define)).toEqual([]);
  });

  it('is not warned of where it is meant, or where another attribute is beside it', () => {
    const define = () =>
      table('members', {
        record,
        encrypt: {
          born: date({ index: { bits: 12, fewValues: true } }),
          day: date(),
          surname: text(),
        },
        indexes: { surname_day: { attributes: ['surname', 'day'], bits: 12 } },
      });
    expect(warnings(define)).toEqual([]);
  });

  it('is told on the console where there is no process', () => {
    const told = vi.spyOn(console, 'warn').mockImplementation(() => {});
    vi.stubGlobal('process', undefined);
    try {
      table('browsers', { record, encrypt: { born: date({ index: { bits: 12 } }) } });
    } finally {
      vi.unstubAllGlobals();
    }
    expect(told.mock.calls).toEqual([
      [expect.stringContaining('CellsealWarning: The index born_index of browsers.born')],
    ]);
    told.mockRestore();
  });
});
