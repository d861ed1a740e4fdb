/** The tokens that go with records: whose they are, when they come, and that the oracle makes the same. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CellsealError } from '../../src/errors.js';
import {
  type Keyring,
  addTenants,
  boolean,
  date,
  encryptRecord,
  float,
  integer,
  json,
  table,
  text,
  timestamp,
  uuid,
} from '../../src/index.js';
import { platformRandom } from '../../src/platform.js';
import { newKeyring, wellFormed } from '../cells/support.js';
import * as oracle from '../oracle/blind-index.js';
import { base32 } from '../oracle/bytes.js';
import { keyId } from '../oracle/cell.js';

const id = '5f3c0f4e-7c0a-4d5e-9a4b-0f6f0d1c2b3a';

const people = table('people', {
  record: uuid('id'),
  encrypt: {
    email: text({ index: { bits: 40, transform: 'email-1' } }),
    name: text({
      index: [
        { name: 'name_key', bits: 12, transform: 'lower-1' },
        {
          name: 'initial',
          bits: 8,
          transform: { name: 'initial-1', apply: (value: string) => value.slice(0, 1) || null },
        },
      ],
    }),
    born: date({ index: { bits: 11 } }),
    phone: text({ index: { bits: 16, transform: 'last4-1' } }),
    badge: integer({ as: 'bigint', index: { bits: 128, unique: true } }),
    notes: json(),
  },
  indexes: { name_born: { attributes: ['name', 'born'], bits: 20, transform: 'exact-1' } },
});

const whole = {
  id,
  email: ' Ada@Example.COM ',
  name: 'Ada',
  born: '1815-12-10',
  phone: '+44 20 7946 0958',
  badge: 12n,
  notes: { a: 1 },
};

/** A keyring, and the bytes of its index key by the prefix of tokens. */
async function knownKeyring(): Promise<{
  keyring: Keyring;
  indexKey: (token: string | null | undefined) => Uint8Array;
}> {
  const drawn: Uint8Array[] = [];
  const random = (length: number) => {
    const bytes = platformRandom(length);
    if (length === 32) drawn.push(new Uint8Array(bytes));
    return bytes;
  };
  const keyring = await newKeyring({ random });
  const indexKey = (token: string | null | undefined): Uint8Array => {
    const key = drawn.find((bytes) => base32(keyId('index', bytes)).slice(0, 8) === token?.slice(0, 8));
    if (!key) throw new Error('no such key was drawn');
    return key;
  };
  return { keyring, indexKey };
}

describe('the tokens of a record', () => {
  it('are those of the second implementation', async () => {
    const { keyring, indexKey } = await knownKeyring();
    const row = await encryptRecord(people, whole, keyring);
    const of = (
      column: string,
      name: string,
      transform: string,
      bits: number,
      value: Parameters<typeof oracle.indexToken>[2],
    ) =>
      oracle.indexToken(indexKey(row.email_index), { table: 'people', column, name, transform, bits }, value);
    expect(row.email_index).toBe(of('email', 'email_index', 'email-1', 40, 'ada@example.com'));
    expect(row.name_key).toBe(of('name', 'name_key', 'lower-1', 12, 'ada'));
    expect(row.initial).toBe(of('name', 'initial', 'initial-1', 8, 'A'));
    expect(row.born_index).toBe(of('born', 'born_index', 'exact-1', 11, '1815-12-10'));
    expect(row.phone_index).toBe(of('phone', 'phone_index', 'last4-1', 16, '0958'));
    expect(row.badge_index).toBe(of('badge', 'badge_index', 'exact-1', 128, 12n));
    expect(row.name_born).toBe(of('name,born', 'name_born', 'exact-1', 20, ['Ada', '1815-12-10']));
    expect(Object.keys(row).sort()).toEqual(
      [
        ...Object.keys(whole),
        'email_index',
        'name_key',
        'initial',
        'born_index',
        'phone_index',
        'badge_index',
        'name_born',
      ].sort(),
    );
  });

  it('come with a patch for the attributes that it has', async () => {
    const keyring = await newKeyring();
    const row = await encryptRecord(people, { id, email: 'a@b', plan: 'pro' }, keyring);
    expect(Object.keys(row).sort()).toEqual(['email', 'email_index', 'id', 'plan']);
    const untouched = await encryptRecord(people, { id, email: undefined, plan: 'pro' }, keyring);
    expect(Object.keys(untouched).sort()).toEqual(['email', 'id', 'plan']);
  });

  it('are null for a null, and for a value in which there is nothing to index', async () => {
    const keyring = await newKeyring();
    const row = await encryptRecord(
      people,
      { ...whole, email: null, phone: 'none', name: null, badge: null },
      keyring,
    );
    expect([
      row.email_index,
      row.phone_index,
      row.name_key,
      row.initial,
      row.name_born,
      row.badge_index,
    ]).toEqual([null, null, null, null, null, null]);
    expect(row.phone).not.toBeNull();
  });

  it('take the place of what stood under their names', async () => {
    const keyring = await newKeyring();
    const row = await encryptRecord(people, { id, email: 'a@b', email_index: 'stale' }, keyring);
    expect(row.email_index).not.toBe('stale');
  });

  it('of a compound index want all of its attributes, and name those that are missing', async () => {
    const keyring = await newKeyring();
    const patch = encryptRecord(people, { id, name: 'Ada' }, keyring);
    await expect(patch).rejects.toMatchObject({
      code: 'incomplete-index',
      index: 'name_born',
      missing: ['born'],
    });
    await encryptRecord(people, { id, name: 'Ada', born: null }, keyring);
  });

  it('are refused with the value where a transform refuses it', async () => {
    const keyring = await newKeyring();
    const refused = await encryptRecord(people, { id, email: 'no address' }, keyring).catch(
      (error: unknown) => error,
    );
    expect(refused).toMatchObject({ code: 'not-indexable', table: 'people', column: 'email' });
    expect(String(refused)).not.toContain('no address');
  });
});

describe('tokens of different places', () => {
  const places = fc.record({
    table: fc.constantFrom('people', 'staff', 'people,email'),
    attribute: fc.constantFrom('email', 'name'),
    name: fc.constantFrom('key', 'key_2'),
    bits: fc.constantFrom(128, 129, 136, 256),
    transform: fc.constantFrom('exact-1', 'lower-1'),
    tenant: fc.constantFrom(undefined, 'a', 'b', 'c'),
  });

  it('never equal, whatever the value', async () => {
    const keyring = await newKeyring();
    await addTenants(keyring, ['b']); // b has keys of its own, a and c have not
    await fc.assert(
      fc.asyncProperty(
        places,
        places,
        wellFormed.filter((value) => !/\p{Cn}/u.test(value)),
        async (left, right, value) => {
          const token = async ({
            table: name,
            attribute,
            tenant,
            ...index
          }: typeof left): Promise<unknown> => {
            const shape = { record: uuid('id'), encrypt: { [attribute]: text({ index }) } };
            const record = { id, [attribute]: value.toLowerCase().normalize('NFC') };
            const row: Record<string, unknown> =
              tenant === undefined
                ? await encryptRecord(table(name, shape), record, keyring)
                : await encryptRecord(table(name, { ...shape, tenant: text('tenant') }), record, keyring, {
                    tenant,
                  });
            return row[index.name];
          };
          const isSame = JSON.stringify(left) === JSON.stringify(right);
          const tokens = [await token(left), await token(right)].map((one) => String(one).slice(0, 41)); // the shortest one's length
          expect(tokens[0] === tokens[1]).toBe(isSame);
        },
      ),
      { numRuns: 150 },
    );
  });
});

describe('a definition refuses', () => {
  const refused = (make: () => unknown): unknown => {
    try {
      make();
    } catch (error) {
      return error instanceof CellsealError ? error.code : error;
    }
    return 'nothing';
  };
  const single = (attribute: unknown): unknown =>
    refused(() =>
      table('t', { record: uuid('id'), encrypt: { a: attribute as ReturnType<typeof text>, b: text() } }),
    );

  it.each<[string, () => unknown]>([
    ['an index without bits', () => single(text({ index: {} as never }))],
    ['fewer than 8 bits', () => single(text({ index: { bits: 7 } }))],
    ['more than 256 bits', () => single(text({ index: { bits: 257 } }))],
    ['bits that are not whole', () => single(text({ index: { bits: 8.5 } }))],
    ['a unique index with fewer than 128 bits', () => single(text({ index: { bits: 127, unique: true } }))],
    ['a generation that is none', () => single(text({ index: { bits: 128, unique: true, generation: 0 } }))],
    [
      'a generation of an index that is not unique',
      () => single(text({ index: { bits: 128, generation: 2 } })),
    ],
    ['next for an index that is not unique', () => single(text({ index: { bits: 128, next: 'b2' } }))],
    [
      'a second column without a later key',
      () =>
        single(text({ index: { bits: 128, unique: true, generation: 2, next: 'b2', nextGeneration: 2 } })),
    ],
    [
      'nextGeneration without a second column',
      () => single(text({ index: { bits: 128, unique: true, nextGeneration: 3 } })),
    ],
    ['an index over floats', () => single(float({ index: { bits: 8 } }))],
    ['an index over JSON', () => single(json({ index: { bits: 8 } }))],
    ['a text transform of a boolean', () => single(boolean({ index: { bits: 8, transform: 'lower-1' } }))],
    [
      'a transform that is not there',
      () => single(timestamp({ index: { bits: 8, transform: 'lower-2' as never } })),
    ],
    ['an index of hidden nulls', () => single(text({ pad: 16, hideNull: true, index: { bits: 8 } }))],
    ["an index with another attribute's name", () => single(text({ index: { bits: 8, name: 'b' } }))],
    ["an index with another attribute's column", () => single(text({ index: { bits: 8, column: 'b' } }))],
    ['two indexes with one name', () => single(text({ index: [{ bits: 8 }, { bits: 9 }] }))],
    ['an index that is none', () => refused(() => text({ index: 'yes' as never }))],
    ['an index with an empty name', () => single(text({ index: { bits: 8, name: '' } }))],
    ['names that are too long together', () => single(text({ index: { bits: 8, name: 'x'.repeat(1000) } }))],
  ])('%s', (_, make) => {
    expect(make()).toBe('definition');
  });

  const compound = (indexes: object): unknown =>
    refused(() =>
      table('t', { record: uuid('id'), encrypt: { a: text(), b: text() }, indexes: indexes as never }),
    );
  it.each<[string, object]>([
    ['a compound index of one attribute', { both: { attributes: ['a'], bits: 8 } }],
    ['one that names an attribute twice', { both: { attributes: ['a', 'a'], bits: 8 } }],
    ['one that names no attribute', { both: { attributes: ['a', 'c'], bits: 8 } }],
    ['one without attributes', { both: { bits: 8 } }],
    ["one with an attribute's name", { a: { attributes: ['a', 'b'], bits: 8 } }],
  ])('%s', (_, indexes) => {
    expect(compound(indexes)).toBe('definition');
  });
});
