/** Contexts, values that cannot be encoded, and large cells. */
import { createHash } from 'node:crypto';
import { hex } from '../bytes.js';
import { type Mode, modeRefusesType, sealDeterministic, sealRandomized, toText } from '../cell.js';
import { encodeContext } from '../context.js';
import { type ValueType, encodeFrame } from '../frame.js';
import {
  type ContextCase,
  type JsonContext,
  type JsonPart,
  type LargeCase,
  type UnencodableCase,
  contextOf,
  valueFrom,
} from '../vectors.js';
import { LONGEST_DET_TABLE, LONGEST_TABLE } from './cells.js';
import { EMAIL, MIB, PHONE, mustThrow, random } from './shared.js';

export function makeContexts(): ContextCase[] {
  const table = 'customers';
  const column = 'email';
  const info = {
    scope: 'cellseal/v1/cell-key',
    'det-scope': 'cellseal/v1/det-mac',
    cell: '',
    'cell-det': '',
  };
  const encode = (purpose: ContextCase['purpose'], context: JsonContext): string => {
    const { tenant, record, ...rest } = contextOf(context);
    const withTenant = { ...(tenant !== undefined && { tenant }) };
    const encoded = {
      scope: () => encodeContext('scope', { ...withTenant, table: rest.table }),
      'det-scope': () => encodeContext('det-scope', { ...withTenant, ...rest }),
      cell: () => encodeContext('cell', { ...withTenant, ...rest, ...(record !== undefined && { record }) }),
      'cell-det': () => encodeContext('cell-det', { ...withTenant, ...rest }),
    }[purpose]();
    const label = info[purpose];
    if (label !== '' && label.length + 1 + 18 + encoded.length > 1024) throw new Error('info too long');
    return hex(encoded);
  };
  const good = (
    name: string,
    purpose: ContextCase['purpose'],
    context: JsonContext,
    encoded?: string,
  ): ContextCase => {
    const found = encode(purpose, context);
    if (encoded !== undefined && found !== encoded) throw new Error(`${name}: encoded as ${found}`);
    return { name, purpose, context, encoded: found };
  };
  const bad = (name: string, context: JsonContext, purpose: ContextCase['purpose'] = 'cell'): ContextCase => {
    mustThrow(name, () => encode(purpose, context));
    return { name, purpose, context, encoded: null };
  };
  const start = '63656c6c7365616c2f636f6e746578740001';
  const parts = (count: number): JsonPart[] =>
    Array.from({ length: count }, (_, position) => String(position % 10));
  return [
    good(
      'scope_of_a_table',
      'scope',
      { table: 't', column: 'c' },
      `${start}00020000000573636f70650102020000000174`,
    ),
    good(
      'cell_bound_to_its_column',
      'cell',
      { table: 't', column: 'c' },
      `${start}00020000000463656c6c020202000000017403020000000163`,
    ),
    good(
      'cell_bound_to_an_integer_record',
      'cell',
      { table: 't', column: 'c', record: { integer: '42' } },
      `${start}00020000000463656c6c0302020000000174030200000001630403000000023432`,
    ),
    good(
      'cell_bound_to_a_text_record',
      'cell',
      { table: 't', column: 'c', record: '42' },
      `${start}00020000000463656c6c0302020000000174030200000001630402000000023432`,
    ),
    good(
      'cell_bound_to_a_tuple',
      'cell',
      { table: 't', column: 'c', record: { tuple: ['a', { integer: '-5' }] } },
      `${start}00020000000463656c6c03020200000001740302000000016304040000001002000200000001` +
        '6101030000000' +
        '22d35',
    ),
    good(
      'cell_with_a_tenant',
      'cell',
      { tenant: 'x', table: 't', column: 'c' },
      `${start}00020000000463656c6c03010200000001780202000000017403020000000163`,
    ),
    good(
      'deterministic_cell',
      'cell-det',
      { table: 't', column: 'c' },
      `${start}00020000000863656c6c2d646574020202000000017403020000000163`,
    ),
    good(
      'deterministic_scope',
      'det-scope',
      { table: 't', column: 'c' },
      `${start}0002000000096465742d73636f7065020202000000017403020000000163`,
    ),
    good('scope_of_the_longest_table', 'scope', { table: 't'.repeat(LONGEST_TABLE), column: 'c' }),
    bad('scope_one_byte_too_long', { table: 't'.repeat(LONGEST_TABLE + 1), column: 'c' }, 'scope'),
    good('scope_of_the_longest_tenant', 'scope', {
      tenant: 'x'.repeat(LONGEST_TABLE - 7),
      table: 't',
      column: 'c',
    }),
    bad(
      'scope_with_a_tenant_one_byte_too_long',
      { tenant: 'x'.repeat(LONGEST_TABLE - 6), table: 't', column: 'c' },
      'scope',
    ),
    good('deterministic_scope_of_the_longest_table', 'det-scope', {
      table: 't'.repeat(LONGEST_DET_TABLE),
      column: 'c',
    }),
    bad(
      'deterministic_scope_one_byte_too_long',
      { table: 't'.repeat(LONGEST_DET_TABLE + 1), column: 'c' },
      'det-scope',
    ),
    good('tuple_of_146_parts', 'cell', { table, column, record: { tuple: parts(146) } }),
    bad('tuple_of_256_parts', { table, column, record: { tuple: parts(256) } }),
    bad('tuple_of_no_parts', { table, column, record: { tuple: [] } }),
    bad('empty_tenant', { tenant: '', table, column, record: '1' }),
    bad('empty_tenant_of_bytes', { tenant: { bytes: '' }, table, column, record: '1' }),
    bad('empty_table', { table: '', column, record: '1' }),
    bad('empty_column', { table, column: '', record: '1' }),
    bad('empty_record', { table, column, record: '' }),
    bad('empty_record_of_bytes', { table, column, record: { bytes: '' } }),
    bad('empty_part', { table, column, record: { tuple: ['a', ''] } }),
    bad('empty_part_of_bytes', { table, column, record: { tuple: [{ bytes: '' }, 'a'] } }),
    bad('ill_formed_tenant', { tenant: '\ud800', table, column, record: '1' }),
    bad('ill_formed_table', { table: 'a\udc00', column, record: '1' }),
    bad('ill_formed_column', { table, column: '\udc00\ud800', record: '1' }),
    bad('ill_formed_record', { table, column, record: '\ud800a' }),
    bad('ill_formed_part', { table, column, record: { tuple: ['a', '\ud800'] } }),
    good('record_of_1024_bytes', 'cell', { table, column, record: { bytes: '61'.repeat(1024) } }),
    bad('record_of_1025_bytes', { table, column, record: { bytes: '61'.repeat(1025) } }),
    bad('record_of_1024_characters_in_1025_bytes', { table, column, record: `é${'a'.repeat(1023)}` }),
  ];
}

export function makeUnencodable(): UnencodableCase[] {
  const bad = (
    name: string,
    type: ValueType,
    value: unknown,
    more: { mode?: Mode; pad?: number } = {},
  ): UnencodableCase => {
    const made: UnencodableCase = {
      name,
      mode: more.mode ?? 'randomized',
      type,
      value,
      ...(more.pad !== undefined && { pad: more.pad }),
    };
    if (!modeRefusesType(made.mode, type))
      mustThrow(name, () => encodeFrame(type, valueFrom(type, value), made.pad));
    return made;
  };
  const deterministic = { mode: 'deterministic' } as const;
  return [
    bad('text_with_a_high_surrogate', 'text', 'a\ud800'),
    bad('text_with_a_low_surrogate', 'text', '\udc00a'),
    bad('text_with_surrogates_in_the_wrong_order', 'text', '\ude00\ud83d'),
    bad('timestamp_one_millisecond_too_late', 'timestamp', '8640000000000001'),
    bad('timestamp_one_millisecond_too_early', 'timestamp', '-8640000000000001'),
    ...['', '-', '1.', '.5', '+1', '01', '-01', '1e3', ' 1', '1\n', '1,5', '\uff11', 'NaN'].map((value) =>
      bad(`decimal_${JSON.stringify(value)}`, 'decimal', value),
    ),
    ...[
      '',
      '1900-02-29',
      '2023-02-29',
      '2024-04-31',
      '2024-00-01',
      '2024-13-01',
      '2024-01-00',
      '2024-1-1',
    ].map((value) => bad(`date_${JSON.stringify(value)}`, 'date', value)),
    ...['10000-01-01', '-0001-01-01', '2024-01-01\n', '2024-01-0\u0661', '2024-01-01T00:00:00Z'].map(
      (value) => bad(`date_${JSON.stringify(value)}`, 'date', value),
    ),
    bad('pad_of_zero', 'text', 'a', { pad: 0 }),
    bad('pad_of_one', 'text', 'a', { pad: 1 }),
    bad('pad_of_4097', 'text', 'a', { pad: 4097 }),
    bad('pad_that_is_no_integer', 'text', 'a', { pad: 2.5 }),
    bad('null_without_padding', 'null', null),
    bad('json_deterministic', 'json', {}, deterministic),
    bad('decimal_deterministic', 'decimal', '1', deterministic),
    bad('float_deterministic', 'float', '0000000000000000', deterministic),
    bad('null_deterministic', 'null', null, { ...deterministic, pad: 8 }),
  ];
}

export function makeLarge(): LargeCase[] {
  const large = (name: string, mode: Mode, times: number): LargeCase => {
    const json = mode === 'randomized' ? EMAIL : PHONE;
    const [salt, iv] = [random(`salt/${name}`, 8), random(`iv/${name}`, 12)];
    const dataKey = random(`key/${name}`, 32);
    const framed = encodeFrame('text', 'x'.repeat(times));
    const bytes =
      mode === 'randomized'
        ? sealRandomized(dataKey, contextOf(json), framed, salt, iv)
        : sealDeterministic(dataKey, contextOf(json), framed);
    return {
      name,
      mode,
      dataKey: hex(dataKey),
      context: json,
      type: 'text',
      value: 'x',
      times,
      ...(mode === 'randomized' && { salt: hex(salt), iv: hex(iv) }),
      cellSha256: createHash('sha256').update(bytes).digest('hex'),
      textSha256: createHash('sha256').update(toText(bytes)).digest('hex'),
    };
  };
  return [
    large('framed_value_of_64_kib', 'randomized', 65535),
    large('framed_value_of_64_kib_deterministic', 'deterministic', 65535),
    large('framed_value_of_1_mib', 'randomized', MIB - 1),
    large('framed_value_of_1_mib_deterministic', 'deterministic', MIB - 1),
  ];
}
