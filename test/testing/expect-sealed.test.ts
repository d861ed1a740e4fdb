/** `expectSealed` and `expectOpens` say yes to what encryptRecord has made, no to everything else, and never tell a value. */
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Table,
  activateKey,
  addKey,
  bytes,
  encryptRecord,
  integer,
  table,
  tenantOf,
  text,
  uuid,
} from '../../src/index.js';
import { NotSealedError, expectOpens, expectSealed, testKeyring } from '../../src/testing/testing.js';

const ID = '6f1c2d3e-4b5a-4978-8a6b-0c1d2e3f4a5b';
const SECRET = 'what nobody may read';

const customers = table('customers', {
  record: uuid('id', { column: 'client_id' }),
  encrypt: {
    email: text({ column: 'mail_enc' }),
    photo: bytes({ form: 'binary' }),
    diagnosis: text({ pad: 64, hideNull: true }),
  },
});
const record = { id: ID, email: SECRET, photo: new Uint8Array(20).fill(7), diagnosis: SECRET, plan: 'pro' };
const keyring = await testKeyring();
const sealed = await encryptRecord(customers, record, keyring);

/** What is said of the rows: `undefined` where nothing is wrong. */
function saidOf(rows: unknown, options?: { whole?: boolean }, definition: Table = customers) {
  return told(() => expectSealed(definition, rows, options));
}

async function told(work: () => unknown): Promise<NotSealedError | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    if (!(error instanceof NotSealedError)) throw error;
    expect(error.code).toBe('not-sealed');
    expect(inspect(error, { depth: 9, showHidden: true }) + JSON.stringify(error)).not.toContain(SECRET);
    return error;
  }
}

describe('expectSealed', () => {
  it('has nothing to say of a sealed row, of several, and of patches and projections', async () => {
    const { diagnosis, email, photo } = sealed;
    for (const rows of [sealed, [sealed, sealed], { email }, { photo, diagnosis }, [{ email }, { photo }]])
      expect(await saidOf(rows)).toBeUndefined();
  });

  it('names the table, the attributes, what is wrong and the rows', async () => {
    const error = await saidOf([
      sealed,
      { ...sealed, email: SECRET },
      { ...sealed, diagnosis: null, email: 7 },
    ]);
    expect(error).toMatchObject({
      table: 'customers',
      columns: ['email', 'diagnosis'],
      faults: ['no cell', 'null, though its nulls are hidden'],
      rows: [1, 2],
      message:
        'customers: not sealed: email (no cell), diagnosis (null, though its nulls are hidden); rows 1, 2.',
    });
  });

  it('tells five rows and counts the others', async () => {
    const error = await saidOf(Array.from({ length: 9 }, () => ({ ...sealed, email: SECRET })));
    expect(error?.message).toBe('customers: not sealed: email (no cell); rows 0, 1, 2, 3, 4 and 4 more.');
    expect(error?.rows).toHaveLength(9);
  });

  const cell = sealed.email;
  const broken: Readonly<Record<string, unknown>> = {
    plaintext: SECRET,
    'an empty text': '',
    'a number': 7,
    false: false,
    'an object': { email: cell },
    'a cell in an array': [cell],
    'a cell with a blank after it': `${cell} `,
    'a cell with a newline after it': `${cell}\n`,
    'a cell in capitals': cell.toUpperCase(),
    'a cell in hexadecimal': Buffer.from(cell).toString('hex'),
    'a cell in bytes of text': new TextEncoder().encode(cell),
    'the beginning of a cell': cell.slice(0, 60),
    'a key tag and plaintext': `${cell.slice(0, 32)}${SECRET} ${SECRET} ${SECRET} ${SECRET}`,
    'a cell whose last character has stray bits': withStrayBits(cell),
    'a cell with padding of base64': `${cell}=`,
    'a cell of another format': cell.replace('cs1r', 'cs2r'),
    'JSON of a cell': JSON.stringify(cell),
  };
  for (const [what, email] of Object.entries(broken)) {
    it(`takes ${what} for no cell`, async () => {
      expect(await saidOf({ ...sealed, email })).toMatchObject({
        columns: ['email'],
        faults: ['no cell'],
        rows: [0],
      });
    });
  }

  it('wants bytes where the form is binary, and text where it is text', async () => {
    expect(await saidOf({ photo: cell })).toMatchObject({
      columns: ['photo'],
      faults: ['a cell as text, though its form is binary'],
    });
    expect(await saidOf({ email: sealed.photo })).toMatchObject({
      columns: ['email'],
      faults: ['a cell as bytes, though its form is text'],
    });
    expect(await saidOf({ photo: new Uint8Array(100) })).toMatchObject({
      columns: ['photo'],
      faults: ['no cell'],
    });
  });

  it('takes bytes as drivers give them: Buffer, Uint8Array, ArrayBuffer', async () => {
    for (const photo of [Buffer.from(sealed.photo), sealed.photo.slice(), sealed.photo.slice().buffer])
      expect(await saidOf({ photo })).toBeUndefined();
    expect(await saidOf({ photo: new ArrayBuffer(100) })).toMatchObject({ faults: ['no cell'] });
  });

  it('leaves a null alone unless the attribute hides its nulls', async () => {
    expect(await saidOf({ ...sealed, email: null, photo: null })).toBeUndefined();
    expect(await saidOf({ ...sealed, diagnosis: null })).toMatchObject({ columns: ['diagnosis'] });
    const hidden = await encryptRecord(customers, { id: ID, diagnosis: null }, keyring);
    expect(await saidOf(hidden)).toBeUndefined();
  });

  it('leaves what is absent alone, unless the whole record is wanted', async () => {
    expect(await saidOf({ email: cell, photo: undefined })).toBeUndefined();
    expect(await saidOf({ email: cell, photo: undefined }, { whole: true })).toMatchObject({
      columns: ['photo', 'diagnosis'],
      faults: ['missing', 'missing'],
    });
    expect(await saidOf(sealed, { whole: true })).toBeUndefined();
    expect(await saidOf({ ...sealed, photo: null }, { whole: true })).toBeUndefined();
  });

  it('finds an attribute under its column too, and plaintext there', async () => {
    expect(await saidOf({ client_id: ID, mail_enc: cell })).toBeUndefined();
    expect(await saidOf({ client_id: ID, mail_enc: SECRET })).toMatchObject({ columns: ['email'] });
    expect(await saidOf({ email: SECRET, mail_enc: cell })).toMatchObject({ columns: ['email'] });
    expect(await saidOf({ email: undefined, mail_enc: SECRET })).toMatchObject({ columns: ['email'] });
  });

  it('finds plaintext under the column also where a cell stands under the name', async () => {
    expect(await saidOf({ email: cell, mail_enc: SECRET })).toMatchObject({ columns: ['email'] });
  });

  it("takes a property that is an attribute and another one's column for the attribute", async () => {
    const turned = table('turned', {
      record: uuid('id'),
      encrypt: { a: text({ column: 'b' }), b: bytes({ column: 'a', form: 'binary' }) },
    });
    const row = await encryptRecord(turned, { id: ID, a: 'x', b: new Uint8Array(1) }, keyring);
    expect(await saidOf(row, {}, turned)).toBeUndefined();
    expect(await saidOf({ ...row, a: SECRET }, {}, turned)).toMatchObject({ columns: ['a'] });
  });

  const nothing: readonly (readonly [what: string, rows: unknown, said: string])[] = [
    ['no row', undefined, 'there is no row'],
    ['null in place of a row', null, 'there is no row'],
    ['no rows', [], 'there is no row'],
    ['a row without an attribute', { id: ID, plan: 'pro' }, 'row 0 has none'],
    ['an empty row', {}, 'row 0 has none'],
    ['one row of many without an attribute', [sealed, { id: ID }], 'row 1 has none'],
    ['a row that was not found', [sealed, sealed, undefined], 'row 2 has none'],
    ['a row that nobody awaited', Promise.resolve(sealed), 'row 0 has none'],
    ['text in place of a row', cell, 'row 0 has none'],
    ['a row as an array of its values', [Object.values(sealed)], 'row 0 has none'],
    ['nothing but nulls', [{ email: null }, { photo: null, email: null }], 'nothing but nulls'],
  ];
  for (const [what, rows, said] of nothing) {
    it(`says that ${what} proves nothing`, async () => {
      const error = await saidOf(rows);
      expect(error?.message).toMatch(/^customers: .* proves nothing\.$/);
      expect(error?.message).toContain(said);
      expect(error).toMatchObject({ columns: [], table: 'customers' });
    });
  }

  it('knows an attribute that is called as something of every object', async () => {
    const odd = table('odd', { record: uuid('id'), encrypt: { constructor: text(), toString: text() } });
    expect((await saidOf({ id: ID }, {}, odd))?.message).toContain('proves nothing');
    const row = await encryptRecord(odd, { id: ID, constructor: 'x', toString: 'y' } as never, keyring);
    expect(await saidOf(row, {}, odd)).toBeUndefined();
  });

  it('is quiet exactly where every attribute that is there is a cell or may be null', async () => {
    const forms = fc.record({ binary: fc.boolean(), hideNull: fc.boolean() });
    const states = fc.constantFrom('sealed', 'null', 'absent', 'plaintext');
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.tuple(fc.stringMatching(/^[a-z]{1,8}$/), forms, states), {
          minLength: 1,
          maxLength: 6,
          selector: ([name]) => name,
        }),
        async (attributes) => {
          const definition: Table = table('drawn', {
            record: uuid('the id'),
            encrypt: Object.fromEntries(
              attributes.map(([name, { binary, hideNull }]) => [
                name,
                text({ form: binary ? 'binary' : 'text', pad: 16, hideNull }),
              ]),
            ),
          });
          const whole = Object.fromEntries(attributes.map(([name]) => [name, SECRET]));
          const row: Record<string, unknown> = await encryptRecord(
            definition,
            { 'the id': ID, ...whole },
            keyring,
          );
          for (const [name, , state] of attributes) {
            if (state === 'absent') delete row[name];
            if (state === 'null') row[name] = null;
            if (state === 'plaintext') row[name] = SECRET;
          }
          const wrong = attributes
            .filter(([, { hideNull }, state]) => state === 'plaintext' || (state === 'null' && hideNull))
            .map(([name]) => name);
          const isProof = attributes.some(([, , state]) => state === 'sealed');
          const error = await saidOf(row, {}, definition);
          expect(error?.columns ?? []).toEqual(wrong);
          expect(error === undefined).toBe(wrong.length === 0 && isProof);
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe('expectOpens', () => {
  const opens = (rows: unknown, options?: { whole?: boolean }) =>
    told(() => expectOpens(customers, rows, keyring, options));

  it('has nothing to say of rows of this keyring, nulls and projections included', async () => {
    expect(await opens(sealed, { whole: true })).toBeUndefined();
    expect(await opens([sealed, { id: ID, email: null, photo: sealed.photo }])).toBeUndefined();
    expect(await opens({ client_id: ID, mail_enc: sealed.email })).toBeUndefined();
  });

  it('says what expectSealed says, before it opens anything', async () => {
    expect(await opens({ ...sealed, email: SECRET })).toMatchObject({
      columns: ['email'],
      faults: ['no cell'],
    });
    expect(await opens({ email: SECRET })).toMatchObject({ columns: ['email'] }); // without an id
    expect((await opens([]))?.message).toContain('proves nothing');
    expect(await opens({ id: ID, email: sealed.email }, { whole: true })).toMatchObject({
      faults: ['missing', 'missing'],
    });
  });

  it('refuses what another keyring has sealed', async () => {
    const foreign = await encryptRecord(customers, record, await testKeyring());
    expect(await opens([sealed, { ...sealed, email: foreign.email }])).toMatchObject({
      columns: ['email'],
      faults: ['unknown-key'],
      rows: [1],
    });
  });

  it('refuses a cell that was moved to another record or column, or altered', async () => {
    const other = { ...sealed, id: '00000000-0000-4000-8000-000000000000' };
    expect(await opens([sealed, other])).toMatchObject({
      columns: ['email', 'photo', 'diagnosis'],
      faults: ['authentication', 'authentication', 'authentication'],
      rows: [1],
      message:
        'customers: does not open: email (authentication), photo (authentication), diagnosis (authentication); row 1.',
    });
    expect(await opens({ ...sealed, email: sealed.diagnosis })).toMatchObject({ columns: ['email'] });
    const altered = sealed.photo.slice();
    altered[60] = (altered[60] as number) ^ 1;
    expect(await opens({ ...sealed, photo: altered })).toMatchObject({
      columns: ['photo'],
      faults: ['authentication'],
    });
  });

  it('wants the ids, and says so as decryption does', async () => {
    await expect(expectOpens(customers, { email: sealed.email }, keyring)).rejects.toMatchObject({
      code: 'missing-record-id',
    });
  });

  it('finds a key that another process has made meanwhile', async () => {
    const { memoryKeyring } = await import('../../src/store/memory.js');
    const store = memoryKeyring();
    const here = await testKeyring({ store });
    const there = await testKeyring({ store });
    await activateKey(there, await addKey(there));
    const row = await encryptRecord(customers, record, there);
    expect(await told(() => expectOpens(customers, row, here))).toBeUndefined();
  });

  it('asks whose the rows are, where the table has tenants', async () => {
    const invoices = table('invoices', {
      record: integer('no'),
      tenant: text('owner'),
      encrypt: { iban: text() },
    });
    await activateKey(keyring, await addKey(keyring, { tenant: tenantOf(invoices, 'acme') }));
    const row = await encryptRecord(invoices, { no: 7, iban: SECRET }, keyring, { tenant: 'acme' });
    expect(
      await told(() => expectOpens(invoices, row, keyring, { tenant: 'acme', whole: true })),
    ).toBeUndefined();
    expect(await told(() => expectOpens(invoices, row, keyring, { tenant: 'globex' }))).toMatchObject({
      columns: ['iban'],
      faults: ['key-of-another-tenant'],
    });
    // @ts-expect-error: the tenant is wanted
    await expect(expectOpens(invoices, row, keyring)).rejects.toMatchObject({ code: 'missing-tenant' });
  });
});

/** A last character that says the same bytes, but not as it is written. */
function withStrayBits(cell: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  // A cell of another length where this one ends on a whole character.
  const whole = (cell.length - 32) % 4 === 0 ? `${cell}AA` : cell;
  return whole.slice(0, -1) + alphabet[alphabet.indexOf(whole.at(-1) as string) | 1];
}
