import { describe, expect, it } from 'vitest';
import { bytes, table, text } from '../../src/index.js';
import { sqliteRecords } from '../../src/store/sqlite.js';
import { connect } from './places.js';
import { DRIVERS } from './sqlite-drivers.js';

const ALL = { after: undefined, maxRecords: 10_000, maxBytes: 1_000_000_000 };

describe.each(DRIVERS)('sqliteRecords over $name', (driver) => {
  it('reads a record again whose key is a blob', async () => {
    const client = connect(driver);
    client.exec('CREATE TABLE hashes (id BLOB PRIMARY KEY, value TEXT)');
    client.exec("INSERT INTO hashes VALUES (X'0102', 'a cell'), (X'0103', 'another')");
    const { layout } = table('hashes', { record: bytes('id'), encrypt: { value: text() } });
    const store = sqliteRecords(client);
    const { records } = await store.page(layout, ALL);
    expect(await store.reread(layout, [records[0]?.key as string])).toEqual([records[0]]);
  });
});
