import { describe, expect, it } from 'vitest';
import { type Bytes, bytes, integer, table, text } from '../../src/index.js';
import type { RecordStore } from '../../src/rotation/index.js';
import { memoryRecords } from '../../src/store/memory.js';
import { sqliteRecords } from '../../src/store/sqlite.js';
import { connect } from './places.js';
import { DRIVERS } from './sqlite-drivers.js';

const people = table('people', {
  record: integer('id'),
  encrypt: { email: text(), photo: bytes({ form: 'binary' }) },
});

interface Person {
  readonly email: string | null;
  readonly photo: Bytes | null;
}

/** A store that holds one record. */
type Holding = (person: Person) => RecordStore;

const stores: readonly (readonly [name: string, holding: Holding])[] = [
  [
    'memoryRecords',
    (person) => {
      const store = memoryRecords();
      store.insert(people, { id: 1, ...person });
      return store;
    },
  ],
  ...DRIVERS.map((driver): readonly [string, Holding] => [
    `sqliteRecords over ${driver.name}`,
    ({ email, photo }) => {
      const client = connect(driver);
      client.exec('CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT, photo BLOB)');
      client.prepare('INSERT INTO people VALUES (1, ?, ?)').run(email, photo);
      return sqliteRecords(client);
    },
  ]),
];

const KEY_ID = 'a'.repeat(26); // of 16 bytes 0x00
const tag = `cs1r.${KEY_ID}.`;

/** format.md §3 and §4: the shortest cell has 51 bytes; 33 of them stand behind the tag, 44 characters of base64url. */
const emailOf = (length: number) => tag.padEnd(length, 'A').slice(0, length);
const photoOf = (length: number) => Uint8Array.from({ length }, (_, i) => (i === 0 ? 1 : 0));

describe.each(stores)('%s', (_name, holding) => {
  it.each([31, 32, 33, 75])(
    'counts text of %i characters as no cell, though it begins as one',
    async (length) => {
      const [count] = await holding({ email: emailOf(length), photo: null }).census([people.layout]);
      expect(count).toEqual({ table: 'people', records: 1, tags: {}, notCells: 1 });
    },
  );

  it.each([17, 18, 19, 50])('counts %i bytes as no cell, though they begin as one', async (length) => {
    const [count] = await holding({ email: null, photo: photoOf(length) }).census([people.layout]);
    expect(count).toEqual({ table: 'people', records: 1, tags: {}, notCells: 1 });
  });

  it('counts what is as long as the shortest cell', async () => {
    const [count] = await holding({ email: emailOf(76), photo: photoOf(51) }).census([people.layout]);
    expect(count).toEqual({ table: 'people', records: 1, tags: { [tag]: 2 }, notCells: 0 });
  });
});
