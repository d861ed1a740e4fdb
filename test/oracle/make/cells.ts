/** Known answers: framed values, padding and contexts. */
import { base32, hex } from '../bytes.js';
import {
  type Mode,
  cellAad,
  cellKey,
  keyCommitment,
  keyId,
  scopeContext,
  sealDeterministic,
  sealRandomized,
  toText,
} from '../cell.js';
import { type ValueType, encodeFrame } from '../frame.js';
import { type CellCase, type JsonContext, type JsonPart, contextOf, valueFrom } from '../vectors.js';
import { EMAIL, PHONE, random } from './shared.js';

const cellNames = new Set<string>();

function cell(
  name: string,
  type: ValueType,
  value: unknown,
  framed: string | undefined,
  options: { mode?: Mode; context?: JsonContext; pad?: number } = {},
): CellCase {
  if (cellNames.has(name)) throw new Error(`two cells are named ${name}`);
  cellNames.add(name);
  const { mode = 'randomized', pad } = options;
  const json = options.context ?? (mode === 'randomized' ? EMAIL : PHONE);
  const context = contextOf(json);
  const dataKey = random(`key/${name}`, 32);
  const frame = encodeFrame(type, valueFrom(type, value), pad);
  if (framed !== undefined && framed !== hex(frame)) throw new Error(`${name}: framed as ${hex(frame)}`);
  const [salt, iv] = [random(`salt/${name}`, 8), random(`iv/${name}`, 12)];
  const sealed =
    mode === 'randomized'
      ? sealRandomized(dataKey, context, frame, salt, iv)
      : sealDeterministic(dataKey, context, frame);
  return {
    name,
    mode,
    dataKey: hex(dataKey),
    keyId: base32(keyId('data', dataKey)),
    commitment: hex(keyCommitment('data', dataKey)),
    context: json,
    type,
    value,
    ...(pad !== undefined && { pad }),
    framed: hex(frame),
    ...(mode === 'randomized' && {
      salt: hex(salt),
      iv: hex(iv),
      scope: hex(scopeContext(context)),
      cellKey: hex(cellKey(dataKey, salt, context)),
      aad: hex(cellAad(dataKey, salt, iv, context)),
    }),
    cell: hex(sealed),
    text: toText(sealed),
  };
}

const TEN_TO_40 = 10n ** 40n;
const INTEGERS: readonly (readonly [string, string])[] = [
  ['0', '0300'],
  ['-1', '03ff'],
  ['127', '037f'],
  ['128', '030080'],
  ['-128', '0380'],
  ['-129', '03ff7f'],
  ['255', '0300ff'],
  ['-255', '03ff01'],
  ['256', '030100'],
  ['-256', '03ff00'],
  ['32767', '037fff'],
  ['32768', '03008000'],
  ['-32768', '038000'],
  ['-32769', '03ff7fff'],
  ['9007199254740991', '031fffffffffffff'],
  ['9007199254740993', '0320000000000001'],
  ['9223372036854775807', '037fffffffffffffff'],
  ['9223372036854775808', '03008000000000000000'],
  ['-9223372036854775808', '038000000000000000'],
  ['-9223372036854775809', '03ff7fffffffffffffff'],
  ['18446744073709551615', '0300ffffffffffffffff'],
  ['18446744073709551616', '03010000000000000000'],
  ['-18446744073709551616', '03ff0000000000000000'],
  [TEN_TO_40.toString(), '031d6329f1c35ca4bfabb9f5610000000000'],
  [(-TEN_TO_40).toString(), '03e29cd60e3ca35b4054460a9f0000000000'],
];

/** The longest text of a repeated letter for which making the cell does not exceed the limit on HKDF infos. */
export const LONGEST_TABLE =
  1024 - ('cellseal/v1/cell-key'.length + 1 + 18) - (16 + 2 + 6 + 'scope'.length + 1) - 6;
export const LONGEST_DET_TABLE =
  1024 - ('cellseal/v1/det-mac'.length + 1 + 18) - (16 + 2 + 6 + 'det-scope'.length + 1) - (6 + 1) - 6;

/** Every cell. */
export function makeCells(): CellCase[] {
  cellNames.clear();
  const deterministic = { mode: 'deterministic' } as const;
  const integers = INTEGERS.flatMap(([value, framed]) => [
    cell(`integer_${value.replace('-', 'minus_')}`, 'integer', value, framed),
    cell(`integer_${value.replace('-', 'minus_')}_deterministic`, 'integer', value, framed, deterministic),
  ]);
  return [
    ...integers,
    cell('float_zero', 'float', '0000000000000000', '040000000000000000'),
    cell('float_minus_zero', 'float', '8000000000000000', '048000000000000000'),
    cell('float_smallest', 'float', '0000000000000001', '040000000000000001'),
    cell('float_largest', 'float', '7fefffffffffffff', '047fefffffffffffff'),
    cell('float_infinity', 'float', '7ff0000000000000', '047ff0000000000000'),
    cell('float_minus_infinity', 'float', 'fff0000000000000', '04fff0000000000000'),
    cell('float_the_one_nan', 'float', '7ff8000000000000', '047ff8000000000000'),
    cell('boolean_true_deterministic', 'boolean', true, '0501', deterministic),
    cell('boolean_false_padded', 'boolean', false, '85008000', { pad: 4 }),
    cell('timestamp_zero', 'timestamp', '0', '060000000000000000'),
    cell('timestamp_latest', 'timestamp', '8640000000000000', '06001eb208c2dc0000'),
    cell('timestamp_earliest', 'timestamp', '-8640000000000000', '06ffe14df73d240000'),
    cell(
      'timestamp_latest_deterministic',
      'timestamp',
      '8640000000000000',
      '06001eb208c2dc0000',
      deterministic,
    ),
    cell('decimal_zero', 'decimal', '0', '0730'),
    cell('decimal_minus_zero', 'decimal', '-0', '072d30'),
    cell('decimal_zero_with_a_fraction', 'decimal', '0.0', '07302e30'),
    cell('decimal_minus_zero_with_a_fraction', 'decimal', '-0.00', '072d302e3030'),
    cell('decimal_trailing_zeros_are_kept', 'decimal', '1.000', '07312e303030'),
    cell('decimal_of_many_digits', 'decimal', `1${'0'.repeat(60)}.${'0'.repeat(59)}1`, undefined),
    cell('date_first', 'date', '0000-01-01', '09303030302d30312d3031'),
    cell('date_last', 'date', '9999-12-31', '09393939392d31322d3331'),
    cell('date_leap_day_of_2000', 'date', '2000-02-29', '09323030302d30322d3239'),
    cell('date_leap_day_of_the_year_0', 'date', '0000-02-29', '09303030302d30322d3239'),
    cell(
      'date_leap_day_of_2024_deterministic',
      'date',
      '2024-02-29',
      '09323032342d30322d3239',
      deterministic,
    ),
    cell('text_of_one_nul', 'text', '\0', '0100'),
    cell('text_of_a_byte_order_mark', 'text', '\ufeff', '01efbbbf'),
    cell('text_of_a_replacement_character', 'text', '\ufffd', '01efbfbd'),
    cell('text_of_the_last_code_point', 'text', '\u{10ffff}', '01f48fbfbf'),
    cell('text_of_an_unassigned_code_point', 'text', '\ufdd0', '01efb790'),
    cell('text_composed', 'text', 'é', '01c3a9'),
    cell('text_decomposed_is_not_normalised', 'text', 'e\u0301', '0165cc81'),
    cell('text_composed_deterministic', 'text', 'é', '01c3a9', deterministic),
    cell('text_decomposed_deterministic', 'text', 'e\u0301', '0165cc81', deterministic),
    cell('text_with_trailing_space_and_newline', 'text', ' a \r\n', '012061200d0a'),
    cell('text_that_looks_like_a_key_tag', 'text', 'cs1r.', '01637331722e'),
    cell('text_empty_deterministic', 'text', '', '01', deterministic),
    cell(
      'text_of_seventeen_blocks_deterministic',
      'text',
      '0123456789abcdef'.repeat(17),
      undefined,
      deterministic,
    ),
    cell('bytes_shortest_cell', 'bytes', '', '00'),
    cell('bytes_shortest_cell_deterministic', 'bytes', '', '00', deterministic),
    cell('bytes_that_are_not_utf8', 'bytes', 'fffec080', '00fffec080'),
    cell('bytes_ending_in_the_padding_marker', 'bytes', '6180', '8061808000000000', { pad: 8 }),
    cell('bytes_ending_in_the_padding_marker_and_zeros', 'bytes', '618000', '8061800080000000', { pad: 8 }),
    cell('bytes_of_zeros_padded', 'bytes', '0000', '8000008000000000', { pad: 8 }),
    cell('bytes_empty_padded', 'bytes', '', '8080000000000000', { pad: 8 }),
    cell('bytes_that_leave_room_for_the_marker_only', 'bytes', '010203040506', '8001020304050680', {
      pad: 8,
    }),
    cell('bytes_that_fill_the_block', 'bytes', '01020304050607', '80010203040506078000000000000000', {
      pad: 8,
    }),
    cell('pad_of_the_smallest_block', 'text', 'a', '81618000', { pad: 2 }),
    cell('pad_of_the_smallest_block_empty', 'text', '', '8180', { pad: 2 }),
    cell('pad_of_a_block_that_is_no_power_of_two', 'text', 'ab', '816162800000', { pad: 3 }),
    cell('pad_of_the_largest_block', 'text', 'a', `816180${'00'.repeat(4093)}`, { pad: 4096 }),
    cell('pad_of_an_integer_deterministic', 'integer', '-128', '8380800000000000', {
      ...deterministic,
      pad: 8,
    }),
    cell('null_in_the_smallest_block', 'null', null, '8880', { pad: 2 }),
    cell('null_in_a_block_of_256', 'null', null, `8880${'00'.repeat(254)}`, { pad: 256 }),
    cell('json_empty_object', 'json', {}, '027b7d'),
    cell('json_zero', 'json', 0, '0230'),
    cell('json_false', 'json', false, '0266616c7365'),
    cell('json_empty_text', 'json', '', '022222'),
    cell('json_lone_surrogate_is_escaped', 'json', '\ud800', '02225c756438303022'),
    cell('json_own_name_proto', 'json', JSON.parse('{"__proto__":1}'), '027b225f5f70726f746f5f5f223a317d'),
    cell('json_order_of_names_is_kept', 'json', { b: 1, a: 2 }, '027b2262223a312c2261223a327d'),
    ...contextCells(),
  ];
}

function contextCells(): CellCase[] {
  const at = (name: string, context: JsonContext, mode: Mode = 'randomized'): CellCase =>
    cell(name, 'text', 'jane', '016a616e65', { context, mode });
  const table = 'customers';
  const column = 'email';
  const part = (text: string): JsonPart => text;
  const of146 = Array.from({ length: 146 }, (_, index) => part(String.fromCharCode(97 + (index % 26))));
  return [
    at('record_integer_1', { table, column, record: { integer: '1' } }),
    at('record_text_1', { table, column, record: '1' }),
    at('record_bytes_1', { table, column, record: { bytes: '31' } }),
    at('record_tuple_of_text_1', { table, column, record: { tuple: ['1'] } }),
    at('record_tuple_of_integer_1', { table, column, record: { tuple: [{ integer: '1' }] } }),
    at('record_integer_0', { table, column, record: { integer: '0' } }),
    at('record_integer_beyond_64_bits', { table, column, record: { integer: (-(10n ** 40n)).toString() } }),
    at('record_tuple_of_every_part_type', {
      table,
      column,
      record: { tuple: ['eu', { integer: '-17' }, { bytes: '00ff' }] },
    }),
    at('record_tuple_ab_c', { table, column, record: { tuple: ['ab', 'c'] } }),
    at('record_tuple_a_bc', { table, column, record: { tuple: ['a', 'bc'] } }),
    at('record_tuple_of_146_parts', { table, column, record: { tuple: of146 } }),
    at('record_text_of_1024_bytes', { table, column, record: 'é'.repeat(512) }),
    at('record_text_beyond_the_first_plane', { table, column, record: '😀' }),
    at('tenant_text_7', { tenant: '7', table, column, record: '1' }),
    at('tenant_integer_7', { tenant: { integer: '7' }, table, column, record: '1' }),
    at('tenant_bytes_7', { tenant: { bytes: '37' }, table, column, record: '1' }),
    at('tenant_text_7_deterministic', { tenant: '7', table, column }, 'deterministic'),
    at('tenant_integer_7_deterministic', { tenant: { integer: '7' }, table, column }, 'deterministic'),
    at('tenant_bytes_7_deterministic', { tenant: { bytes: '37' }, table, column }, 'deterministic'),
    at('tenant_absent_deterministic', { table, column }, 'deterministic'),
    at('table_composed', { table: 'caf\u00e9', column, record: '1' }),
    at('table_decomposed_is_not_normalised', { table: 'cafe\u0301', column, record: '1' }),
    at('table_with_a_nul', { table: 'a\0b', column, record: '1' }),
    at('table_of_the_longest_length', { table: 't'.repeat(LONGEST_TABLE), column, record: '1' }),
    at(
      'table_of_the_longest_length_deterministic',
      { table: 't'.repeat(LONGEST_DET_TABLE), column: 'c' },
      'deterministic',
    ),
    at('column_of_1024_bytes', { table, column: 'c'.repeat(1024), record: '1' }),
  ];
}
