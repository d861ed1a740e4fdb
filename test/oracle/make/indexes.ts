/** Blind-index tokens, and indexes that are refused. */
import { indexToken } from '../blind-index.js';
import { hex, unhex } from '../bytes.js';
import { type IndexCase, indexValueOf, partOf } from '../vectors.js';
import { mustThrow, random } from './shared.js';

type IndexOptions = Partial<Pick<IndexCase, 'tenant' | 'table' | 'column' | 'transform' | 'bits'>> & {
  readonly index?: string;
};

function index(name: string, value: IndexCase['value'], options: IndexOptions = {}): IndexCase {
  const made = indexDefinition(name, value, options);
  const { indexKey, tenant, ...rest } = made;
  const token = indexToken(
    unhex(indexKey),
    { ...rest, ...(tenant !== undefined && { tenant: partOf(tenant) }) },
    indexValueOf(value),
  );
  return { ...made, token };
}

function indexDefinition(
  name: string,
  value: IndexCase['value'],
  options: IndexOptions,
): Omit<IndexCase, 'token'> {
  const { tenant, table = 'customers', column = 'email', transform = 'exact-1', bits = 64 } = options;
  return {
    indexKey: hex(random('index key', 32)),
    ...(tenant !== undefined && { tenant }),
    table,
    column,
    name: options.index ?? name,
    transform,
    bits,
    value,
  };
}

const LONGEST_INDEX_TABLE =
  1024 -
  ('cellseal/v1/blind-index'.length + 1) -
  (16 + 2 + 6 + 'index'.length + 1) -
  (6 + 1) -
  (6 + 1 + (6 + 'i'.length) + (6 + 'exact-1'.length) + (6 + '64'.length)) -
  6;

/** 255 attribute names, each of one or two letters. */
function names255(): string[] {
  const letters = [...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'];
  return letters.flatMap((first) => ['', ...letters].map((second) => `${first}${second}`)).slice(0, 255);
}

export function makeIndexes(): IndexCase[] {
  const same = 'jane.doe@example.com';
  const named = (index: string, more: IndexOptions = {}): IndexOptions => ({ index, ...more });
  const two = named('two', { column: 'first,last' });
  const lengths = [8, 9, 15, 16, 17, 63, 64, 128, 248, 249, 255, 256];
  return [
    ...lengths.map((bits) => index(`length`, same, { bits })),
    index('kind', '42', named('kind')),
    index('kind', { integer: '42' }, named('kind')),
    index('kind', { bytes: '3432' }, named('kind')),
    index('kind', { tuple: ['42'] }, named('kind')),
    index('kind', { tuple: [{ integer: '42' }] }, named('kind')),
    index('kind', '', named('kind')),
    index('kind', { bytes: '' }, named('kind')),
    index('kind', { integer: '0' }, named('kind')),
    index('kind', { integer: (-(10n ** 40n)).toString() }, named('kind')),
    index('kind', 'é', named('kind')),
    index('kind', 'e\u0301', named('kind')),
    index('kind', null, named('kind')),
    index('two', { tuple: ['a', 'b'] }, two),
    index('two', { tuple: ['b', 'a'] }, two),
    index('two', { tuple: ['ab', ''] }, two),
    index('two', { tuple: ['', 'ab'] }, two),
    index('two', { tuple: ['', ''] }, two),
    index('two', { tuple: ['', { bytes: '' }] }, two),
    index('two', { tuple: ['a', null] }, two),
    index('two', { tuple: [null, 'a'] }, two),
    index('two', { tuple: [null, null] }, two),
    index('two', { tuple: ['a', 'b'] }, named('two', { column: 'last,first' })),
    index('all', { tuple: names255() }, named('all', { column: names255().join(',') })),
    index('where', same, named('where')),
    index('where', same, named('elsewhere')),
    index('where', same, named('where', { column: 'phone' })),
    index('where', same, named('where', { table: 'orders' })),
    index('where', same, named('where', { transform: 'lower-1' })),
    index('where', same, named('where', { transform: 'my-own-7' })),
    index('where', same, named('where', { tenant: '7' })),
    index('where', same, named('where', { tenant: { integer: '7' } })),
    index('where', same, named('where', { tenant: { bytes: '37' } })),
    index('i', same, named('i', { table: 't'.repeat(LONGEST_INDEX_TABLE), column: 'c' })),
  ];
}

export function makeRefusedIndexes(): Omit<IndexCase, 'token'>[] {
  const refusedIndex = (
    name: string,
    value: IndexCase['value'],
    options: IndexOptions,
  ): Omit<IndexCase, 'token'> => {
    const made = indexDefinition(name, value, options);
    const { indexKey, tenant, ...rest } = made;
    const context = { ...rest, ...(tenant !== undefined && { tenant: partOf(tenant) }) };
    mustThrow(name, () => indexToken(unhex(indexKey), context, indexValueOf(value)));
    return made;
  };
  return [
    refusedIndex('length_of_zero_bits', 'a', { bits: 0 }),
    refusedIndex('length_of_7_bits', 'a', { bits: 7 }),
    refusedIndex('length_of_257_bits', 'a', { bits: 257 }),
    refusedIndex('length_that_is_no_integer', 'a', { bits: 8.5 }),
    refusedIndex('empty_tenant', 'a', { tenant: '' }),
    refusedIndex('ill_formed_value', '\ud800', {}),
    refusedIndex('ill_formed_part', { tuple: ['a', '\udc00'] }, { column: 'first,last' }),
    refusedIndex('info_one_byte_too_long', 'a', {
      index: 'i',
      table: 't'.repeat(LONGEST_INDEX_TABLE + 1),
      column: 'c',
    }),
  ];
}
