/** Where a record's cells live does not depend on the records before it: it is where each of them lives alone. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { integer, text, uuid } from '../../src/attribute.js';
import type { Keyring } from '../../src/keyring/index.js';
import { decryptCell, decryptRecord, encryptCell, encryptRecord } from '../../src/record.js';
import { type Table, table } from '../../src/table.js';
import { newKeyring } from './support.js';

const NAMES = ['a', 'b', 'c', 'd'] as const;

/** New each time, so that nothing is known of it. */
const define = () => ({
  plain: table('places', {
    record: [integer('no'), uuid('id')],
    encrypt: {
      a: text({ bind: 'column' }),
      b: text(),
      c: text({ column: 'c_enc' }),
      d: text({ bind: 'column' }),
    },
  }),
  ofTenants: table('places', {
    record: [integer('no'), uuid('id')],
    tenant: text('owner'),
    encrypt: { a: text(), b: text({ bind: 'column' }), c: text(), d: text() },
  }),
  rebinding: table('places', {
    record: [integer('no'), uuid('id')],
    encrypt: { a: text(), b: text({ bind: 'column' }), c: text(), d: text() },
    rebinding: { record: integer('no'), columns: { a: 'first' } },
  }),
});

const patches = fc.array(
  fc.record({
    no: fc.integer({ min: 0, max: 2 }),
    id: fc.constantFrom('5f0c1e9a-7b1d-4c5e-9f3a-2b8d6e4c1a00', '5f0c1e9a-7b1d-4c5e-9f3a-2b8d6e4c1a01'),
    tenant: fc.constantFrom('acme', 'other'),
    names: fc.subarray([...NAMES], { minLength: 1 }),
    value: fc.string(),
  }),
  { minLength: 1, maxLength: 6 },
);

let keyring: Keyring;
beforeAll(async () => {
  keyring = await newKeyring();
});

describe('the cells of one record after another', () => {
  it.each(['plain', 'ofTenants', 'rebinding'] as const)('live where each lives alone: %s', async (which) => {
    await fc.assert(
      fc.asyncProperty(patches, async (all) => {
        const definition = define()[which] as Table;
        for (const { no, id, tenant, names, value } of all) {
          const options = which === 'ofTenants' ? ([{ tenant }] as const) : ([] as const);
          const patch = { no, id, ...Object.fromEntries(names.map((name) => [name, value])) };
          const row = await encryptRecord(definition, patch, keyring, ...options);
          const alone: Record<string, unknown> = { no, id };
          for (const name of names) {
            const cell = (row as Record<string, unknown>)[name] as string;
            expect(await decryptCell(definition, name, cell, { no, id }, keyring, ...options)).toBe(value);
            alone[name] = await encryptCell(definition, name, value, { no, id }, keyring, ...options);
          }
          expect(await decryptRecord(definition, alone, keyring, ...options)).toEqual(patch);
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe('a column that is called otherwise than its attribute', () => {
  const named = table('named', {
    record: integer('id', { column: 'key' }),
    encrypt: {
      a: text({ column: 'b_enc' }),
      b: text({ column: 'c_enc' }),
      c: text(),
      d: text({ column: 'id' }),
    },
  });

  it('is no property of a record, whichever attributes that has', async () => {
    for (const stray of ['b_enc', 'c_enc'])
      await expect(encryptRecord(named, { id: 1, c: 'x', [stray]: 'y' }, keyring)).rejects.toMatchObject({
        code: 'definition',
        table: 'named',
        column: stray === 'b_enc' ? 'a' : 'b',
      });
    expect(await encryptRecord(named, { id: 1, c: 'x', key: 'y' }, keyring)).toMatchObject({ key: 'y' });
  });
});
