/** Refusals with one fault each, family by family, and the order of two. */
import { ascii, base32, base64url, concat, hex, unhex, utf8 } from '../bytes.js';
import {
  type Mode,
  type RefusalCode,
  keyId,
  refusalOf,
  sealDeterministic,
  sealRandomized,
  toText,
} from '../cell.js';
import type { ValueType } from '../frame.js';
import {
  type JsonContext,
  type JsonPart,
  type RefusedCase,
  contextOf,
  formsOf,
  readingOf,
} from '../vectors.js';
import { EMAIL, MIB, PHONE, random } from './shared.js';

const KEY = hex(random('key/refusals', 32));
const KEY_B = hex(random('key/other', 32));

type Knows = Partial<
  Pick<
    RefusedCase,
    'keys' | 'tenantRotated' | 'context' | 'mode' | 'type' | 'pad' | 'hideNull' | 'maxFramedBytes'
  >
>;
type Forms = Pick<RefusedCase, 'framed' | 'value' | 'cell' | 'appendZeros' | 'text'>;
type Expect = RefusalCode | 'success';

const refusedNames = new Set<string>();

function refused(name: string, expect: Expect, knows: Knows, forms: Forms): RefusedCase {
  if (refusedNames.has(name)) throw new Error(`two refusals are named ${name}`);
  refusedNames.add(name);
  const { mode = 'randomized', type = 'text', keys, context, ...attribute } = knows;
  const made: RefusedCase = {
    name,
    expect,
    dataKey: KEY,
    ...(keys !== undefined && { keys }),
    context: context ?? (mode === 'randomized' ? EMAIL : PHONE),
    mode,
    type,
    ...attribute,
    ...forms,
  };
  for (const form of formsOf(made)) {
    const found = refusalOf(form, readingOf(made));
    if (found !== expect) throw new Error(`${name}: ${found} instead of ${expect}`);
  }
  return made;
}

/** A cell under KEY; the same salt and IV for a label, which is the case's name unless it is about a given cell. */
function sealed(
  label: string,
  framed: Uint8Array,
  mode: Mode = 'randomized',
  context?: JsonContext,
): Uint8Array {
  const at = contextOf(context ?? (mode === 'randomized' ? EMAIL : PHONE));
  const key = unhex(KEY);
  if (mode === 'deterministic') return sealDeterministic(key, at, framed);
  return sealRandomized(
    key,
    at,
    framed,
    random(`salt/refused/${label}`, 8),
    random(`iv/refused/${label}`, 12),
  );
}

function bothForms(bytes: Uint8Array): Forms {
  return { cell: hex(bytes), text: toText(bytes) };
}

/** A well-sealed cell around a frame, given in hex; the frame is at fault unless success is expected. */
function frame(name: string, expect: Expect, framed: string, knows: Knows, value?: unknown): RefusedCase {
  const bytes = sealed(name, unhex(framed), knows.mode, knows.context);
  return refused(name, expect, knows, { framed, ...(value !== undefined && { value }), ...bothForms(bytes) });
}

function flip(bytes: Uint8Array, at: number, mask = 1): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const index = at < 0 ? bytes.length + at : at;
  copy.set([(copy[index] ?? 0) ^ mask], index);
  return copy;
}

const JANE = unhex('016a616e65');
const good = (): Uint8Array => sealed('jane', JANE);
const goodDet = (): Uint8Array => sealed('jane', JANE, 'deterministic');

function lengthRefusals(): RefusedCase[] {
  const det = { mode: 'deterministic' } as const;
  const empty = sealed('empty', unhex('00'));
  const emptyDet = sealed('empty', unhex('00'), 'deterministic');
  const ofFramed = (overhead: number, framedBytes: number, bytes: Uint8Array): Forms => ({
    cell: hex(bytes.subarray(0, overhead)),
    appendZeros: framedBytes,
  });
  const long = (framedBytes: number): Forms => ofFramed(54, framedBytes, good());
  const longDet = (framedBytes: number): Forms => ofFramed(50, framedBytes, goodDet());
  return [
    refused('shortest_cell', 'success', { type: 'bytes' }, { value: '', ...bothForms(empty) }),
    refused('too_short_by_one', 'too-short', { type: 'bytes' }, bothForms(empty.subarray(0, 54))),
    refused(
      'nothing_after_the_header_but_one_byte',
      'too-short',
      { type: 'bytes' },
      bothForms(empty.subarray(0, 19)),
    ),
    refused(
      'shortest_deterministic_cell',
      'success',
      { ...det, type: 'bytes' },
      { value: '', ...bothForms(emptyDet) },
    ),
    refused(
      'deterministic_cell_too_short_by_one',
      'too-short',
      { ...det, type: 'bytes' },
      bothForms(emptyDet.subarray(0, 50)),
    ),
    refused(
      'deterministic_cell_of_a_key_tag_and_one_byte',
      'too-short',
      { ...det, type: 'bytes' },
      bothForms(emptyDet.subarray(0, 19)),
    ),
    refused('as_long_as_allowed_but_not_authentic', 'authentication', {}, long(MIB)),
    refused('too_long_by_one', 'too-long', {}, long(MIB + 1)),
    refused('deterministic_cell_as_long_as_allowed_but_not_authentic', 'authentication', det, longDet(MIB)),
    refused('deterministic_cell_too_long_by_one', 'too-long', det, longDet(MIB + 1)),
    refused(
      'longer_than_the_default_where_the_definition_raises_it',
      'authentication',
      { maxFramedBytes: 2 * MIB },
      long(MIB + 1),
    ),
    refused(
      'as_long_as_a_raised_limit_but_not_authentic',
      'authentication',
      { maxFramedBytes: 2 * MIB },
      long(2 * MIB),
    ),
    refused('longer_than_a_raised_limit_by_one', 'too-long', { maxFramedBytes: 2 * MIB }, long(2 * MIB + 1)),
    refused(
      'as_long_as_the_highest_limit_but_not_authentic',
      'authentication',
      { maxFramedBytes: 16 * MIB },
      long(16 * MIB),
    ),
    refused(
      'longer_than_the_highest_limit_by_one',
      'too-long',
      { maxFramedBytes: 16 * MIB },
      long(16 * MIB + 1),
    ),
  ];
}

function keyRefusals(): RefusedCase[] {
  const acme: JsonContext = { tenant: 'acme', ...EMAIL };
  const forAcme = bothForms(sealed('acme', JANE, 'randomized', acme));
  const shared = bothForms(good());
  const mine = (more: {
    tenant?: JsonPart;
    state?: 'pre-active' | 'active' | 'deactivated' | 'compromised' | 'suspended' | 'destroyed';
  }): Knows => ({
    keys: [{ key: KEY, ...more }],
  });
  const seven = bothForms(sealed('seven', JANE, 'randomized', { tenant: { integer: '7' }, ...EMAIL }));
  const det = { mode: 'deterministic' } as const;
  const acmeDet: JsonContext = { tenant: 'acme', ...PHONE };
  const forAcmeDet = bothForms(sealed('acme', JANE, 'deterministic', acmeDet));
  return [
    refused(
      'key_of_the_contexts_tenant',
      'success',
      { ...mine({ tenant: 'acme' }), context: acme },
      { value: 'jane', ...forAcme },
    ),
    refused(
      'key_of_another_tenant',
      'key-of-another-tenant',
      { ...mine({ tenant: 'umbrella' }), context: acme },
      forAcme,
    ),
    refused(
      'key_of_the_contexts_tenant_deterministic',
      'success',
      { ...mine({ tenant: 'acme' }), ...det, context: acmeDet },
      { value: 'jane', ...forAcmeDet },
    ),
    refused(
      'key_of_another_tenant_deterministic',
      'key-of-another-tenant',
      { ...mine({ tenant: 'umbrella' }), ...det, context: acmeDet },
      forAcmeDet,
    ),
    refused(
      'key_of_a_tenant_where_the_context_has_none',
      'key-of-another-tenant',
      mine({ tenant: 'acme' }),
      shared,
    ),
    refused(
      'key_of_tenant_integer_7',
      'success',
      { ...mine({ tenant: { integer: '7' } }), context: { tenant: { integer: '7' }, ...EMAIL } },
      { value: 'jane', ...seven },
    ),
    refused(
      'key_of_tenant_text_7_where_the_context_has_integer_7',
      'key-of-another-tenant',
      { ...mine({ tenant: '7' }), context: { tenant: { integer: '7' }, ...EMAIL } },
      seven,
    ),
    refused(
      'key_of_a_tenant_that_differs_in_case',
      'key-of-another-tenant',
      { ...mine({ tenant: 'Acme' }), context: acme },
      forAcme,
    ),
    refused(
      'shared_key_before_the_tenants_first_rotation_has_finished',
      'success',
      { ...mine({}), context: acme },
      { value: 'jane', ...forAcme },
    ),
    refused(
      'shared_key_after_the_tenants_first_rotation',
      'key-of-another-tenant',
      { ...mine({}), context: acme, tenantRotated: true },
      forAcme,
    ),
    refused(
      'key_of_the_tenant_after_its_first_rotation',
      'success',
      { ...mine({ tenant: 'acme' }), context: acme, tenantRotated: true },
      { value: 'jane', ...forAcme },
    ),
    refused('key_pre_active', 'success', mine({ state: 'pre-active' }), { value: 'jane', ...shared }),
    refused('key_active', 'success', mine({ state: 'active' }), { value: 'jane', ...shared }),
    refused('key_deactivated', 'success', mine({ state: 'deactivated' }), { value: 'jane', ...shared }),
    refused('key_compromised', 'success', mine({ state: 'compromised' }), { value: 'jane', ...shared }),
    refused('key_suspended', 'suspended-key', mine({ state: 'suspended' }), shared),
    refused('key_destroyed', 'destroyed-key', mine({ state: 'destroyed' }), shared),
    refused(
      'key_suspended_deterministic',
      'suspended-key',
      { ...mine({ state: 'suspended' }), ...det },
      bothForms(goodDet()),
    ),
    refused(
      'key_destroyed_deterministic',
      'destroyed-key',
      { ...mine({ state: 'destroyed' }), ...det },
      bothForms(goodDet()),
    ),
    refused(
      'key_second_of_two',
      'success',
      { keys: [{ key: KEY_B }, { key: KEY, state: 'deactivated' }] },
      { value: 'jane', ...shared },
    ),
    refused('key_not_in_the_keyring', 'unknown-key', { keys: [{ key: KEY_B }] }, shared),
    refused(
      'key_not_in_the_keyring_deterministic',
      'unknown-key',
      { ...det, keys: [{ key: KEY_B }] },
      bothForms(goodDet()),
    ),
    refused('key_id_last_bit_flipped', 'unknown-key', {}, bothForms(flip(good(), 17))),
    refused(
      'key_id_of_another_key_of_the_keyring',
      'authentication',
      { keys: [{ key: KEY }, { key: KEY_B }] },
      bothForms(concat(Uint8Array.of(1, 0), keyId('data', unhex(KEY_B)), good().subarray(18))),
    ),
  ];
}

function deterministicRefusals(): RefusedCase[] {
  const det = { mode: 'deterministic' } as const;
  const acme: JsonContext = { tenant: 'acme', ...PHONE };
  const cell = goodDet();
  const there = bothForms(cell);
  const elsewhere = (context: JsonContext): Knows => ({ ...det, context });
  const acmes = bothForms(sealed('acme', JANE, 'deterministic', acme));
  return [
    refused('deterministic_cell_where_it_belongs', 'success', det, { value: 'jane', ...there }),
    refused(
      'deterministic_cell_in_another_column',
      'authentication',
      elsewhere({ table: 'customers', column: 'email' }),
      there,
    ),
    refused(
      'deterministic_cell_in_another_table',
      'authentication',
      elsewhere({ table: 'orders', column: 'phone' }),
      there,
    ),
    refused('deterministic_cell_read_under_a_tenant', 'authentication', elsewhere(acme), there),
    refused('deterministic_cell_of_a_tenant', 'success', elsewhere(acme), { value: 'jane', ...acmes }),
    refused(
      'deterministic_cell_in_another_tenant',
      'authentication',
      elsewhere({ ...acme, tenant: 'umbrella' }),
      acmes,
    ),
    refused('deterministic_cell_of_a_tenant_read_without_one', 'authentication', det, acmes),
    refused('deterministic_cell_v_first_bit_flipped', 'authentication', det, bothForms(flip(cell, 18, 0x80))),
    refused(
      'deterministic_cell_v_bit_63_flipped_that_the_counter_clears',
      'authentication',
      det,
      bothForms(flip(cell, 26, 0x80)),
    ),
    refused(
      'deterministic_cell_v_bit_95_flipped_that_the_counter_clears',
      'authentication',
      det,
      bothForms(flip(cell, 30, 0x80)),
    ),
    refused('deterministic_cell_v_second_half_flipped', 'authentication', det, bothForms(flip(cell, 40))),
    refused('deterministic_cell_v_last_bit_flipped', 'authentication', det, bothForms(flip(cell, 49))),
    refused('deterministic_cell_ciphertext_bit_flipped', 'authentication', det, bothForms(flip(cell, -1))),
    refused('deterministic_cell_truncated_by_one', 'authentication', det, bothForms(cell.subarray(0, -1))),
    refused(
      'deterministic_cell_extended_by_one',
      'authentication',
      det,
      bothForms(concat(cell, Uint8Array.of(0))),
    ),
    refused('deterministic_cell_of_an_integer_under_the_same_key', 'authentication', det, {
      framed: '0301',
      ...bothForms(sealed('', unhex('0301'), 'deterministic')),
    }),
    refused(
      'randomized_cell_where_the_definition_says_deterministic',
      'mode',
      det,
      bothForms(sealed('column', JANE, 'randomized', PHONE)),
    ),
    refused(
      'deterministic_cell_where_the_definition_says_randomized_in_both_forms',
      'mode',
      { context: PHONE },
      there,
    ),
  ];
}

function textFormRefusals(): RefusedCase[] {
  const cell = good();
  const text = toText(cell);
  const id = base32(cell.subarray(2, 18));
  const body = base64url(cell.subarray(18));
  const notACell = (name: string, changed: string): RefusedCase =>
    refused(name, 'not-a-cell', {}, { text: changed });
  const unknownSuite = (name: string, changed: string): RefusedCase =>
    refused(name, 'unknown-suite', {}, { text: changed });
  // 26 base32 characters hold 130 bits, so the last one has two stray bits: a, e, i … are the clean ones.
  const strayId = `${id.slice(0, -1)}${strayed(id.slice(-1), 'abcdefghijklmnopqrstuvwxyz234567')}`;
  const base64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const withRemainder = (bytes: number): string => {
    const framed = concat(unhex('01'), ascii('x'.repeat(bytes)));
    return toText(sealed(`remainder ${bytes}`, framed));
  };
  const [whole, ofThree, ofTwo] = [withRemainder(2), withRemainder(1), withRemainder(3)];
  return [
    refused('text_form_as_written', 'success', {}, { value: 'jane', text }),
    notACell('stray_bits_in_the_key_id', `cs1r.${strayId}.${body}`),
    refused('body_of_whole_groups', 'success', {}, { value: 'xx', text: whole }),
    refused('body_with_a_last_group_of_three', 'success', {}, { value: 'x', text: ofThree }),
    refused('body_with_a_last_group_of_two', 'success', {}, { value: 'xxx', text: ofTwo }),
    notACell(
      'stray_bits_in_a_last_group_of_three',
      `${ofThree.slice(0, -1)}${strayed(ofThree.slice(-1), base64)}`,
    ),
    notACell('stray_bits_in_a_last_group_of_two', `${ofTwo.slice(0, -1)}${strayed(ofTwo.slice(-1), base64)}`),
    notACell('base64url_of_impossible_length', `${whole}A`),
    notACell('body_of_one_character', `cs1r.${id}.A`),
    notACell('body_empty', `cs1r.${id}.`),
    notACell('body_missing', `cs1r.${id}`),
    notACell('another_part', `${text}.${body}`),
    notACell('key_id_one_character_short', `cs1r.${id.slice(1)}.${body}`),
    notACell('key_id_one_character_long', `cs1r.a${id}.${body}`),
    notACell('key_id_with_a_digit_outside_the_alphabet', `cs1r.0${id.slice(1)}.${body}`),
    notACell('key_id_with_a_kelvin_sign', `cs1r.\u212a${id.slice(1)}.${body}`),
    notACell('key_id_with_a_long_s', `cs1r.\u017f${id.slice(1)}.${body}`),
    notACell(
      'key_id_with_one_upper_case_letter',
      `cs1r.${id.replace(/[a-z]/, (letter) => letter.toUpperCase())}.${body}`,
    ),
    notACell('prefix_with_a_long_s', text.replace('cs', 'c\u017f')),
    notACell('prefix_in_upper_case', text.replace('cs', 'CS')),
    notACell('mode_letter_in_upper_case', text.replace('cs1r', 'cs1R')),
    notACell('mode_letter_missing', text.replace('cs1r', 'cs1')),
    notACell('suite_number_missing', text.replace('cs1r', 'csr')),
    notACell('suite_number_zero', text.replace('cs1r', 'cs0r')),
    notACell('suite_number_with_a_leading_zero', text.replace('cs1r', 'cs01r')),
    notACell('suite_number_in_a_full_width_digit', text.replace('cs1r', 'cs\uff11r')),
    notACell('suite_number_negative', text.replace('cs1r', 'cs-1r')),
    notACell('dot_in_full_width', text.replace('.', '\uff0e')),
    notACell('colons_instead_of_dots', text.replaceAll('.', ':')),
    notACell('trailing_space', `${text} `),
    notACell('trailing_carriage_return_and_newline', `${text}\r\n`),
    notACell('trailing_nul', `${text}\0`),
    notACell('trailing_line_separator', `${text}\u2028`),
    notACell('leading_byte_order_mark', `\ufeff${text}`),
    notACell('leading_newline', `\n${text}`),
    notACell('newline_within_the_body', `${text.slice(0, 40)}\n${text.slice(40)}`),
    notACell('space_within_the_body', `${text.slice(0, 40)} ${text.slice(40)}`),
    notACell('two_lines_each_a_cell', `${text}\n${text}`),
    notACell('in_quotes', `"${text}"`),
    unknownSuite('suite_2_deterministic', text.replace('cs1r', 'cs2d')),
    unknownSuite('suite_10', text.replace('cs1r', 'cs10r')),
    unknownSuite('suite_257_whose_low_byte_is_1', text.replace('cs1r', 'cs257r')),
    unknownSuite('suite_number_beyond_64_bits', text.replace('cs1r', 'cs18446744073709551617r')),
    notACell('suite_2_with_a_key_id_one_character_short', `cs2r.${id.slice(1)}.${body}`),
    notACell('suite_2_with_an_unknown_mode_letter', text.replace('cs1r', 'cs2x')),
    notACell('suite_2_with_an_empty_body', `cs2r.${id}.`),
    notACell('suite_2_with_a_trailing_newline', `${text.replace('cs1r', 'cs2r')}\n`),
  ];
}

/** The next character of an alphabet: after a clean last character, one with a stray bit. */
function strayed(character: string, alphabet: string): string {
  return alphabet.charAt(alphabet.indexOf(character) + 1);
}

function binaryFormRefusals(): RefusedCase[] {
  const det = { mode: 'deterministic' } as const;
  const cell = good();
  const cellDet = goodDet();
  const binary = (name: string, expect: Expect, bytes: Uint8Array, knows: Knows = {}): RefusedCase =>
    refused(name, expect, knows, { ...(expect === 'success' && { value: 'jane' }), cell: hex(bytes) });
  const withByte = (bytes: Uint8Array, at: number, byte: number): Uint8Array => {
    const copy = Uint8Array.from(bytes);
    copy.set([byte], at);
    return copy;
  };
  return [
    binary('binary_cell', 'success', cell),
    binary('binary_empty', 'not-a-cell', new Uint8Array()),
    binary('binary_one_byte', 'not-a-cell', Uint8Array.of(1)),
    binary('binary_one_byte_that_is_no_suite', 'not-a-cell', Uint8Array.of(2)),
    binary('binary_two_bytes', 'too-short', Uint8Array.of(1, 0)),
    binary('binary_suite_0', 'unknown-suite', withByte(cell, 0, 0)),
    binary('binary_suite_2', 'unknown-suite', withByte(cell, 0, 2)),
    binary('binary_suite_255', 'unknown-suite', withByte(cell, 0, 255)),
    binary('binary_suite_byte_with_the_high_bit', 'unknown-suite', withByte(cell, 0, 0x81)),
    binary('binary_text_form_as_bytes', 'unknown-suite', ascii(toText(cell))),
    binary('binary_mode_1_where_the_definition_says_randomized', 'mode', withByte(cell, 1, 1)),
    binary('binary_mode_2', 'mode', withByte(cell, 1, 2)),
    binary('binary_mode_255', 'mode', withByte(cell, 1, 255)),
    binary('binary_deterministic_cell', 'success', cellDet, det),
    binary('binary_deterministic_two_bytes', 'too-short', Uint8Array.of(1, 1), det),
    binary('binary_mode_0_where_the_definition_says_deterministic', 'mode', withByte(cellDet, 1, 0), det),
    binary('binary_mode_2_where_the_definition_says_deterministic', 'mode', withByte(cellDet, 1, 2), det),
    binary('binary_leading_zero_byte', 'unknown-suite', concat(Uint8Array.of(0), cell)),
    binary('binary_trailing_zero_byte', 'authentication', concat(cell, Uint8Array.of(0))),
  ];
}

function paddingRefusals(): RefusedCase[] {
  const text = { type: 'text', pad: 8 } as const;
  const bytes = { type: 'bytes', pad: 8 } as const;
  const hidden = { type: 'text', pad: 8, hideNull: true } as const;
  const det = { mode: 'deterministic' } as const;
  const bad = (name: string, framed: string, knows: Knows): RefusedCase =>
    frame(name, 'authentication', framed, knows);
  return [
    frame('padded', 'success', '8161628000000000', text, 'ab'),
    bad('padded_marker_missing', '8161626364656667', text),
    bad('padded_marker_missing_before_the_zeros', '8161626300000000', text),
    bad('padded_garbage_after_the_marker', '8161628000000001', text),
    bad('padded_garbage_right_after_the_marker', '8161628061000000', text),
    bad('padded_marker_of_another_value', '8161624000000000', text),
    frame('padded_bytes', 'success', '8061628000000000', bytes, '6162'),
    bad('padded_marker_missing_bytes', '8061626364656667', bytes),
    bad('padded_garbage_after_the_marker_bytes', '8061628000000001', bytes),
    bad('padded_frame_byte_80_is_not_the_marker', '8000000000000000', bytes),
    bad('padded_length_one_over_the_block', '816162800000000000', text),
    bad('padded_length_one_under_the_block', '81616280000000', text),
    bad('padded_for_half_the_block_declared', '81616280', text),
    bad('padded_frame_byte_alone', '81', text),
    bad('padded_where_the_attribute_is_not', '8061628000000000', { type: 'bytes' }),
    frame(
      'unpadded_bytes_that_look_padded',
      'success',
      '0061628000000000',
      { type: 'bytes' },
      '61628000000000',
    ),
    bad('unpadded_where_the_attribute_is_padded', '0061628000000000', bytes),
    frame('padded_deterministic', 'success', '8161628000000000', { ...text, ...det }, 'ab'),
    bad('padded_marker_missing_deterministic', '8161626364656667', { ...text, ...det }),
    bad('padded_garbage_after_the_marker_deterministic', '8161628000000001', { ...text, ...det }),
    bad('padded_length_off_the_block_deterministic', '816162800000000000', { ...text, ...det }),
    bad('padded_where_the_attribute_is_not_deterministic', '8061628000000000', { type: 'bytes', ...det }),
    bad('unpadded_where_the_attribute_is_padded_deterministic', '0061628000000000', { ...bytes, ...det }),
    frame('padded_integer', 'success', '8300808000000000', { type: 'integer', pad: 8 }, '128'),
    bad('padded_integer_not_shortest', '8300018000000000', { type: 'integer', pad: 8 }),
    bad('padded_integer_empty', '8380000000000000', { type: 'integer', pad: 8 }),
    frame('hidden_null', 'success', '8880000000000000', hidden, null),
    frame('value_where_nulls_are_hidden', 'success', '8161628000000000', hidden, 'ab'),
    bad('hidden_null_unpadded', '08', hidden),
    bad('hidden_null_with_a_value', '8861800000000000', hidden),
    bad('hidden_null_marker_missing', '8800000000000000', hidden),
    bad('hidden_null_off_the_block', '888000000000', hidden),
    bad('hidden_null_with_a_reserved_bit', 'a880000000000000', hidden),
    bad('null_where_nulls_are_not_hidden', '8880000000000000', text),
    bad('null_unpadded_where_nulls_are_not_hidden', '08', { type: 'text' }),
    bad('null_in_a_deterministic_cell', '8880000000000000', { ...text, ...det }),
    bad('another_type_where_nulls_are_hidden', '8301800000000000', hidden),
  ];
}

function frameRefusals(): RefusedCase[] {
  const det = { mode: 'deterministic' } as const;
  const ok = (name: string, type: ValueType, framed: string, value: unknown): RefusedCase =>
    frame(name, 'success', framed, { type }, value);
  const bad = (name: string, type: ValueType, framed: string): RefusedCase =>
    frame(name, 'authentication', framed, { type });
  const badDet = (name: string, type: ValueType, framed: string): RefusedCase =>
    frame(name, 'authentication', framed, { type, ...det });
  const written = (name: string, type: 'decimal' | 'date' | 'json', text: string): RefusedCase =>
    bad(`${type}_${name}`, type, `0${{ decimal: 7, date: 9, json: 2 }[type]}${hex(utf8(text))}`);
  const decimal = (name: string, text: string): RefusedCase => written(name, 'decimal', text);
  const date = (name: string, text: string): RefusedCase => written(name, 'date', text);
  const json = (name: string, text: string): RefusedCase => written(name, 'json', text);
  return [
    ok('frame_of_text', 'text', '0161', 'a'),
    bad('frame_bit_5_set', 'text', '2161'),
    bad('frame_bit_6_set', 'text', '4161'),
    bad('frame_bit_7_set', 'text', '8161'),
    bad('frame_of_type_10', 'text', '0a61'),
    bad('frame_of_type_16', 'text', '1061'),
    bad('frame_of_type_31', 'text', '1f61'),
    bad('frame_of_bytes_where_text_is_declared', 'text', '0061'),
    bad('frame_of_text_where_bytes_are_declared', 'bytes', '0161'),
    bad('frame_of_json_where_text_is_declared', 'text', '02226122'),
    bad('frame_of_date_where_text_is_declared', 'text', '09323030302d30322d3239'),
    bad('frame_of_decimal_where_integer_is_declared', 'integer', '0731'),
    bad('frame_of_integer_where_boolean_is_declared', 'boolean', '0301'),
    bad('frame_of_timestamp_where_float_is_declared', 'float', '060000000000000000'),
    frame('frame_of_text_deterministic', 'success', '0161', { type: 'text', ...det }, 'a'),
    badDet('frame_bit_5_set_deterministic', 'text', '2161'),
    badDet('frame_bit_6_set_deterministic', 'text', '4161'),
    badDet('frame_of_type_10_deterministic', 'text', '0a61'),
    badDet('frame_of_bytes_where_text_is_declared_deterministic', 'text', '0061'),
    badDet('frame_of_text_not_utf8_deterministic', 'text', '01ff'),
    badDet('frame_of_integer_not_shortest_deterministic', 'integer', '030001'),
    badDet('frame_of_integer_empty_deterministic', 'integer', '03'),
    badDet('frame_of_boolean_two_deterministic', 'boolean', '0502'),
    badDet('frame_of_timestamp_of_seven_bytes_deterministic', 'timestamp', '0600000000000000'),
    badDet('frame_of_date_that_does_not_exist_deterministic', 'date', '09313930302d30322d3239'),

    ok('text_of_a_surrogate_pair_in_utf8', 'text', '01f09f9880', '😀'),
    bad('text_of_surrogates_encoded_as_cesu', 'text', '01eda0bdedb880'),
    bad('text_of_a_lone_surrogate', 'text', '01eda080'),
    bad('text_overlong_nul', 'text', '01c080'),
    bad('text_overlong_slash', 'text', '01e080af'),
    bad('text_beyond_the_last_code_point', 'text', '01f4908080'),
    bad('text_of_a_five_byte_sequence', 'text', '01f888808080'),
    bad('text_cut_within_a_character', 'text', '0161e282'),
    bad('text_of_a_lone_continuation_byte', 'text', '0180'),
    bad('text_in_latin_1', 'text', '015a6feb'),
    ok('text_of_a_nul', 'text', '0100', '\0'),

    ok('integer_of_one_byte', 'integer', '037f', '127'),
    bad('integer_zero_in_two_bytes', 'integer', '030000'),
    bad('integer_127_in_two_bytes', 'integer', '03007f'),
    bad('integer_minus_1_in_two_bytes', 'integer', '03ffff'),
    bad('integer_minus_128_in_two_bytes', 'integer', '03ff80'),
    bad('integer_minus_1_in_nine_bytes', 'integer', '03ffffffffffffffffff'),
    ok('integer_128_needs_two_bytes', 'integer', '030080', '128'),
    ok('integer_minus_129_needs_two_bytes', 'integer', '03ff7f', '-129'),

    ok('float_minus_zero_is_kept', 'float', '048000000000000000', '8000000000000000'),
    ok('float_nan', 'float', '047ff8000000000000', '7ff8000000000000'),
    bad('float_negative_nan', 'float', '04fff8000000000000'),
    bad('float_signalling_nan', 'float', '047ff0000000000001'),
    bad('float_nan_with_a_payload', 'float', '047ff8000000000002'),
    bad('float_of_no_bytes', 'float', '04'),
    bad('float_of_four_bytes', 'float', '0440500000'),
    bad('float_of_nine_bytes', 'float', '04400a00000000000000'),

    ok('boolean_one', 'boolean', '0501', true),
    bad('boolean_of_no_bytes', 'boolean', '05'),
    bad('boolean_of_two_bytes', 'boolean', '050001'),
    bad('boolean_255', 'boolean', '05ff'),

    ok('timestamp_latest_of_all', 'timestamp', '06001eb208c2dc0000', '8640000000000000'),
    bad('timestamp_one_millisecond_too_late', 'timestamp', '06001eb208c2dc0001'),
    ok('timestamp_earliest_of_all', 'timestamp', '06ffe14df73d240000', '-8640000000000000'),
    bad('timestamp_one_millisecond_too_early', 'timestamp', '06ffe14df73d23ffff'),
    bad('timestamp_of_seven_bytes', 'timestamp', '0600000000000000'),
    bad('timestamp_of_nine_bytes', 'timestamp', '06000000000000000000'),
    bad('timestamp_of_the_lowest_64_bits', 'timestamp', '068000000000000000'),

    ok('decimal_with_a_fraction', 'decimal', '07312e30', '1.0'),
    decimal('empty', ''),
    decimal('sign_only', '-'),
    decimal('without_a_fraction_after_the_point', '1.'),
    decimal('without_digits_before_the_point', '.5'),
    decimal('with_a_plus_sign', '+1'),
    decimal('with_two_signs', '--1'),
    decimal('leading_zero_after_a_sign', '-01'),
    decimal('two_zeros', '00'),
    decimal('with_an_exponent', '1e3'),
    decimal('with_a_comma', '1,5'),
    decimal('with_two_points', '1.2.3'),
    decimal('with_a_leading_space', ' 1'),
    decimal('with_a_trailing_space', '1 '),
    decimal('with_a_trailing_newline', '1\n'),
    decimal('with_a_trailing_nul', '1\0'),
    decimal('with_a_minus_sign_beyond_ascii', '\u22121'),
    decimal('with_full_width_digits', '\uff11'),
    decimal('with_arabic_indic_digits', '\u0661'),
    decimal('infinity', 'Infinity'),
    decimal('hexadecimal', '0x1'),
    decimal('with_an_underscore', '1_000'),
    decimal('two_lines', '1\n2'),

    ok('date_that_exists', 'date', '09323030302d30322d3239', '2000-02-29'),
    date('leap_day_of_1900', '1900-02-29'),
    date('leap_day_of_2100', '2100-02-29'),
    date('thirty_first_of_april', '2024-04-31'),
    date('thirty_second_of_january', '2024-01-32'),
    date('day_zero', '2024-01-00'),
    date('month_zero', '2024-00-01'),
    date('month_thirteen', '2024-13-01'),
    date('month_and_day_without_zeros', '2024-1-1'),
    date('year_of_two_digits', '24-01-01'),
    date('year_10000', '10000-01-01'),
    date('year_negative', '-0001-01-01'),
    date('year_with_a_sign', '+002024-01-01'),
    date('with_a_time', '2024-01-01T00:00:00Z'),
    date('with_slashes', '2024/01/01'),
    date('without_separators', '20240101'),
    date('with_a_trailing_newline', '2024-01-01\n'),
    date('with_full_width_digits', '\uff12\uff10\uff12\uff14-01-01'),
    date('with_arabic_indic_digits', '2024-01-0\u0661'),
    date('with_hyphens_beyond_ascii', '2024\u201001\u201001'),
    date('empty', ''),

    ok('json_with_white_space_around', 'json', `02${hex(ascii(' \t\r\n{ "a" : 1 } \n'))}`, { a: 1 }),
    ok('json_last_of_duplicate_names_wins', 'json', `02${hex(ascii('{"a":1,"a":2}'))}`, { a: 2 }),
    ok('json_escapes_are_read', 'json', `02${hex(ascii('"\\u00e9\\/\\ud83d\\ude00"'))}`, 'é/😀'),
    ok(
      'json_name_proto_is_data',
      'json',
      `02${hex(ascii('{"__proto__":{"a":1}}'))}`,
      JSON.parse('{"__proto__":{"a":1}}'),
    ),
    json('empty', ''),
    json('white_space_only', ' '),
    json('with_a_byte_order_mark', '\ufeff{}'),
    json('with_a_trailing_comma', '[1,]'),
    json('with_single_quotes', "{'a':1}"),
    json('with_a_name_without_quotes', '{a:1}'),
    json('with_a_comment', '{}//'),
    json('undefined', 'undefined'),
    json('nan', 'NaN'),
    json('with_a_leading_zero', '01'),
    json('two_values', '{}{}'),
    json('with_a_raw_newline_in_text', '"a\nb"'),
    json('with_a_no_break_space_around', '\u00a0{}'),
    json('with_a_trailing_nul', '{}\0'),
    bad('json_not_utf8', 'json', '0222ff22'),
  ];
}

/** Every family. */
export function makeRefused(): RefusedCase[] {
  refusedNames.clear();
  return [
    ...lengthRefusals(),
    ...keyRefusals(),
    ...deterministicRefusals(),
    ...textFormRefusals(),
    ...binaryFormRefusals(),
    ...paddingRefusals(),
    ...frameRefusals(),
  ];
}

/** Two faults each: the order of §8. */
export function makeOrder(): RefusedCase[] {
  refusedNames.clear();
  const acme: JsonContext = { tenant: 'acme', ...EMAIL };
  const forAcme = bothForms(sealed('acme', JANE, 'randomized', acme));
  const text = toText(good());
  const det = { mode: 'deterministic' } as const;
  const other: Knows = { keys: [{ key: KEY_B }] };
  const twoBytes = (suite: number, mode: number): Forms => ({ cell: hex(Uint8Array.of(suite, mode)) });
  const tooLong: Forms = { cell: hex(good().subarray(0, 54)), appendZeros: MIB + 1 };
  return [
    refused('not_a_cell_before_mode', 'not-a-cell', det, { text: `${text} ` }),
    refused('not_a_cell_before_unknown_key', 'not-a-cell', other, { text: `${text}\n` }),
    refused('unknown_suite_before_mode', 'unknown-suite', {}, twoBytes(2, 2)),
    refused('unknown_suite_before_mode_in_text', 'unknown-suite', {}, { text: text.replace('cs1r', 'cs2d') }),
    refused('unknown_suite_before_too_short', 'unknown-suite', {}, twoBytes(0, 0)),
    refused('unknown_suite_before_unknown_key', 'unknown-suite', other, {
      text: text.replace('cs1r', 'cs3r'),
    }),
    refused('mode_before_too_short', 'mode', {}, twoBytes(1, 1)),
    refused('mode_before_too_long', 'mode', { ...det }, tooLong),
    refused('mode_before_unknown_key', 'mode', { ...det, ...other }, bothForms(good())),
    refused('too_short_before_unknown_key', 'too-short', other, bothForms(good().subarray(0, 54))),
    refused('too_long_before_unknown_key', 'too-long', other, tooLong),
    refused(
      'too_long_before_suspended_key',
      'too-long',
      { keys: [{ key: KEY, state: 'suspended' }] },
      tooLong,
    ),
    refused('unknown_key_before_authentication', 'unknown-key', other, bothForms(flip(good(), -1))),
    refused(
      'key_of_another_tenant_before_suspended_key',
      'key-of-another-tenant',
      { context: acme, keys: [{ key: KEY, tenant: 'umbrella', state: 'suspended' }] },
      forAcme,
    ),
    refused(
      'key_of_another_tenant_before_destroyed_key',
      'key-of-another-tenant',
      { context: acme, keys: [{ key: KEY, tenant: 'umbrella', state: 'destroyed' }] },
      forAcme,
    ),
    refused(
      'key_of_another_tenant_before_authentication',
      'key-of-another-tenant',
      { context: acme, keys: [{ key: KEY, tenant: 'umbrella' }] },
      bothForms(good()),
    ),
    refused(
      'suspended_key_before_authentication',
      'suspended-key',
      { keys: [{ key: KEY, state: 'suspended' }] },
      bothForms(flip(good(), -1)),
    ),
    refused(
      'destroyed_key_before_authentication',
      'destroyed-key',
      { keys: [{ key: KEY, state: 'destroyed' }] },
      bothForms(flip(good(), -1)),
    ),
  ];
}
