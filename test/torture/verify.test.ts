/** What a crash has cost, as it is read from the log of the rotators; tokens and look-ups that are to be found wrong. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { activateKey, addKey, createKeyring, encryptRecord } from '../../src/index.js';
import { type QueryLine, judge } from './indexes.js';
import { openLog } from './log.js';
import type { LoggedDeed, Values, WriterLine } from './model.js';
import type { RotatorLine } from './rotator.js';
import { openApplication, openKeyringStore, plainOf, prepareTables } from './stores.js';
import { type Findings, faultsIn, repeatedWork, verify } from './verify.js';
import { CHUNK_RECORDS, RAW_KEY, TABLES, type TableName, type World, queryLog, writerLog } from './world.js';

const keys = (from: number, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `people/${from + i}`);

function log(
  ...lines: readonly (readonly [run: number, from: number, count: number] | number)[]
): RotatorLine[] {
  return lines.map((line, at): RotatorLine => {
    if (typeof line === 'number') return { run: line, at, job: 'scope 1', isFresh: at === 0 };
    const [run, from, count] = line;
    return { run, at, page: 'people', pass: 1, keys: keys(from, count), isLast: false };
  });
}

describe('the work that is repeated', () => {
  const n = CHUNK_RECORDS;

  it('after a crash is the chunk that it was at', () => {
    const work = repeatedWork(log(1, [1, 0, n], [1, n, n], 2, [2, n, n], [2, 2 * n, n]));
    expect([work.mostAtOnce, work.largestChunk]).toEqual([n, n]);
  });

  it('after two crashes over one chunk, which a writer has shifted, is a chunk of each at most', () => {
    const work = repeatedWork(log(1, [1, 0, n], 2, [2, -1, n], 3, [3, -1, n], [3, n - 1, n]));
    expect([work.mostAtOnce, work.largestChunk, work.repeated]).toEqual([n, n, 2 * n]);
  });

  it('shows where a crash has cost more than that', () => {
    const work = repeatedWork(log(1, [1, 0, n], [1, n, n], [1, 2 * n, n], 2, [2, n, n], [2, 2 * n, n]));
    expect([work.mostAtOnce, work.largestChunk]).toEqual([2 * n, n]);
  });
});

describe('the end of a torture', () => {
  const world: World = { store: 'sqlite', keyringIn: 'files', schema: '', folder: '' };
  const started: World[] = [];
  afterEach(() => {
    for (const { folder } of started.splice(0)) rmSync(folder, { recursive: true, force: true });
  });

  /** Two people and a parcel, as a writer has written and logged them, one look-up, and then what a statement makes of it. */
  async function foundAfter(...statements: readonly string[]): Promise<Findings> {
    const folder = mkdtempSync(join(tmpdir(), 'cellseal-torture-verify-'));
    mkdirSync(join(folder, 'keyring'));
    const here = { ...world, folder };
    started.push(here);
    await prepareTables(here);
    const { value } = await openKeyringStore(here);
    const keyring = await createKeyring(value, { rawKey: RAW_KEY });
    const application = await openApplication(here);
    const write = openLog<WriterLine>(writerLog(here, 0), { isSynced: false });
    for (const [intent, [table, id, values]] of written.entries()) {
      write({ at: 10, intent, deed: { kind: 'insert', table, id, values } });
      const row = await encryptRecord(TABLES[table], plainOf(table, id, values) as never, keyring);
      const names = Object.keys(row).join(', ');
      const places = Object.keys(row).map(() => '?');
      const cells = Object.values(row).map((cell) => (cell instanceof Uint8Array ? Buffer.from(cell) : cell));
      await application.run(`INSERT INTO ${table} (${names}) VALUES (${places.join(', ')})`, cells);
      write({ at: 20, done: intent });
    }
    const found = ['people/1', 'people/2'];
    openLog<QueryLine>(queryLog(here, 0), { isSynced: false })({ ...byDomain, from: 30, until: 31, found });
    for (const sql of statements) {
      if (sql !== NEW_KEY) await application.run(sql);
      else await activateKey(keyring, await addKey(keyring, { kind: 'index' }));
    }
    await application.close();
    return verify(here, 1);
  }

  const NEW_KEY = 'another index key is active';
  const written: readonly (readonly [TableName, number | string, Values])[] = [
    ['people', 1, { name: null, email: 'a@SHOP.jp', notes: {} }],
    ['people', 2, { name: null, email: 'b@shop.jp', notes: {} }],
    ['people', 3, { name: null, email: 'c@other.jp', notes: {} }],
    ['parcels', 'parcel-1', { label: 'parcel', shelf: 1, content: '00' }],
    ['parcels', 'parcel-2', { label: 'parcel', shelf: null, content: '00' }],
  ];
  const byDomain = { index: 'email_domain', values: { email: '@shop.jp' }, leftOut: 0 };

  it('is without a fault where every token is that of its value', async () => {
    const findings = await foundAfter();
    expect(findings).toMatchObject({ tokens: 4, staleTokens: 0, queries: 1, answers: 2, wrongTokens: [] });
    expect(faultsIn(findings)).toEqual([]);
  });

  it.each([
    [
      "another value's token",
      "UPDATE people SET email_domain = substr(email_domain, 1, 9) || iif(email_domain LIKE '%00', '01', '00') WHERE id = 1",
    ],
    ['no token', 'UPDATE people SET email_domain = NULL WHERE id = 1'],
    [
      'a token for a null',
      "UPDATE parcels SET label_shelf = (SELECT label_shelf FROM parcels WHERE id = 'parcel-1')",
    ],
    ['a token under a key that is not there', "UPDATE people SET email_domain = 'aaaaaaaa.00' WHERE id = 1"],
  ])('shows %s', async (_, sql) => {
    const findings = await foundAfter(sql);
    expect(findings.wrongTokens).toHaveLength(1);
    expect(faultsIn(findings).join()).toContain('wrong token');
  });

  it('shows tokens under a key that was replaced', async () => {
    const findings = await foundAfter(NEW_KEY);
    expect(findings).toMatchObject({ staleTokens: 4, wrongTokens: [] });
    expect(faultsIn(findings)).toEqual(['4 tokens are under old keys']);
  });
});

describe('a look-up is judged', () => {
  const email = (domain: string) => ({ email: `x@${domain}` });
  const deed = (from: number, until: number, values: Values | null): LoggedDeed => ({
    kind: values ? 'insert' : 'delete',
    table: 'people',
    id: 1,
    values: values ?? {},
    from,
    until,
    outcome: until === Number.POSITIVE_INFINITY ? 'unknown' : 'done',
  });
  const asked = (domain: string, from: number, until: number, ...found: string[]) =>
    judge([{ index: 'email_domain', values: email(domain), from, until, found, leftOut: 0 }], deeds);
  const deeds = [
    deed(10, 20, email('a')),
    deed(30, 40, email('b')),
    deed(50, 60, null),
    deed(70, Number.POSITIVE_INFINITY, email('a')),
  ];
  const right = { wrong: [], missing: [] };

  it('by what was there all the while', () => {
    expect(asked('a', 22, 28, 'people/1')).toEqual(right);
    expect(asked('a', 22, 28).missing).toHaveLength(1);
    expect(asked('b', 22, 28, 'people/1').wrong).toHaveLength(1);
    expect(asked('b', 62, 68, 'people/1').wrong).toHaveLength(1);
    expect(asked('b', 62, 68)).toEqual(right);
    expect(asked('b', 62, 68, 'people/7').wrong).toHaveLength(1);
  });

  it('by either, while a record is written or its writer had no answer', () => {
    for (const domain of ['a', 'b'])
      for (const found of [[], ['people/1']]) expect(asked(domain, 35, 36, ...found)).toEqual(right);
    for (const found of [[], ['people/1']]) expect(asked('a', 80, 90, ...found)).toEqual(right);
    expect(asked('b', 80, 90, 'people/1').wrong).toHaveLength(1);
  });
});
