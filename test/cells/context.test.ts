/** Where a cell lives, as bytes that no other place has. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hex } from '../../src/bytes.js';
import {
  type ContextFields,
  type ContextPart,
  type ContextValue,
  type Purpose,
  encodeContext,
  encodeIndexed,
  encodeItem,
  hkdfInfo,
} from '../../src/envelope/index.js';
import * as oracle from '../oracle/context.js';
import { codeOf } from './support.js';

// From few letters, so that much of what is compared almost agrees.
const few = fc.string({
  unit: fc.constantFrom('a', '1', '\0', '\u{2}', ',', '.', 'é'),
  minLength: 1,
  maxLength: 4,
});
const part: fc.Arbitrary<ContextPart> = fc.oneof(
  few,
  fc.bigInt({ min: -20n, max: 20n }),
  fc.bigInt(),
  fc.uint8Array({ minLength: 1, maxLength: 4, max: 3 }).map((given) => new Uint8Array(given)),
  fc.constantFrom('1', '42', '-1').map((digits) => new TextEncoder().encode(digits)),
);
const value: fc.Arbitrary<ContextValue> = fc.oneof(part, fc.array(part, { minLength: 1, maxLength: 3 }));
const purpose = fc.constantFrom<Purpose>('scope', 'cell', 'det-scope', 'cell-det', 'index');

const fields: fc.Arbitrary<ContextFields> = fc.record(
  {
    tenant: part,
    table: few,
    column: few,
    record: value,
    extra: fc.array(part, { minLength: 1, maxLength: 3 }),
  },
  { requiredKeys: ['table'] },
);

/** A spelling of any field set by which two of them are told apart, and nothing to do with how they are encoded. */
function spelled(given: unknown): string {
  return JSON.stringify(given, (_, one: unknown) => {
    if (typeof one === 'bigint') return { integer: String(one) };
    return one instanceof Uint8Array ? { bytes: hex(one) } : one;
  });
}

function inOrder({ tenant, table, column, record, extra }: ContextFields): unknown {
  return [tenant ?? null, table, column ?? null, record ?? null, extra ?? null];
}

describe('a context', () => {
  it('is unlike that of any other purpose or fields', () => {
    fc.assert(
      fc.property(purpose, fields, purpose, fields, (aPurpose, a, bPurpose, b) => {
        const same = aPurpose === bPurpose && spelled(inOrder(a)) === spelled(inOrder(b));
        expect(hex(encodeContext(aPurpose, a)) === hex(encodeContext(bPurpose, b))).toBe(same);
      }),
      { numRuns: 2_000 },
    );
  });

  it('is unlike that of fields whose one field differs', () => {
    fc.assert(
      fc.property(fields, fc.constantFrom('tenant', 'column', 'record', 'extra'), value, (a, name, other) => {
        const b = { ...a, [name]: other } as ContextFields;
        const same = spelled(inOrder(a)) === spelled(inOrder(b));
        expect(hex(encodeContext('cell', a)) === hex(encodeContext('cell', b))).toBe(same);
      }),
      { numRuns: 1_000 },
    );
  });

  it('is what the oracle makes of it', () => {
    fc.assert(
      fc.property(purpose, fields, (aPurpose, given) => {
        const encoded = oracle.encodeContext(aPurpose, given as oracle.Fields);
        expect(hex(encodeContext(aPurpose, given))).toBe(hex(encoded));
      }),
      { numRuns: 500 },
    );
  });

  it('tells 42 from "42", from the bytes of "42", and from a tuple of each', () => {
    const bytes = new TextEncoder().encode('42');
    const values: ContextValue[] = [42n, '42', bytes, [42n], ['42'], [bytes], ['4', '2'], [4n, 2n]];
    const encoded = values.map((record) => hex(encodeContext('cell', { table: 't', column: 'c', record })));
    expect(new Set(encoded).size).toBe(values.length);
  });

  it.each<[string, ContextFields]>([
    ['an empty table', { table: '' }],
    ['an empty column', { table: 't', column: '' }],
    ['an empty tenant', { table: 't', tenant: '' }],
    ['an empty tenant of bytes', { table: 't', tenant: new Uint8Array(0) }],
    ['an empty record', { table: 't', record: '' }],
    ['a record of no parts', { table: 't', record: [] }],
    ['a record with an empty part', { table: 't', record: ['a', ''] }],
    ['a record of 256 parts', { table: 't', record: Array.from({ length: 256 }, () => 'a') }],
    ['a lone surrogate', { table: 't', record: 'a\ud800' }],
    ['a lone surrogate in a part', { table: 't', record: ['a', '\udc00'] }],
    ['a record of 1,025 bytes', { table: 't', record: `${'é'.repeat(512)}a` }],
    ['a tuple of more than 1,024 bytes', { table: 't', record: ['a'.repeat(600), 'a'.repeat(600)] }],
  ])('refuses %s', async (_, given) => {
    expect(await codeOf(() => encodeContext('cell', given))).toBe('invalid-context');
  });

  it('takes a record of exactly 1,024 bytes', () => {
    expect(encodeContext('cell', { table: 't', record: 'é'.repeat(512) }).length).toBeGreaterThan(1_024);
  });
});

describe('an item', () => {
  it('is what the oracle makes of it', () => {
    fc.assert(
      fc.property(fc.nat(255), value, (tag, given) => {
        expect(hex(encodeItem(tag, given))).toBe(hex(oracle.item(tag, given as oracle.ContextValue)));
      }),
    );
  });

  it('may be empty and longer than a context field, where it is indexed', () => {
    expect(hex(encodeIndexed(''))).toBe('000200000000');
    expect(encodeIndexed('a'.repeat(5_000)).length).toBe(5_006);
  });
});

describe('an HKDF info', () => {
  const LABEL = 'cellseal/v1/cell-key';
  it('has at most 1,024 bytes, label included', async () => {
    const most = 1_024 - LABEL.length - 1;
    expect(hkdfInfo(LABEL, new Uint8Array(most)).length).toBe(1_024);
    expect(await codeOf(() => hkdfInfo(LABEL, new Uint8Array(most + 1)))).toBe('invalid-context');
  });

  it('is the label alone, without a zero byte, where nothing follows', () => {
    expect(hex(hkdfInfo('a'))).toBe('61');
    expect(hex(hkdfInfo('a', Uint8Array.of(7), Uint8Array.of(8)))).toBe('61000708');
  });
});
