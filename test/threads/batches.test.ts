/** Batches that are shared out between threads: to the caller the same as without. */
import { setTimeout as pause } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nodeEngine } from '../../src/engine/node.js';
import {
  type Bytes,
  type JsonValue,
  type SynchronousEngine,
  type SynchronousKeyring,
  bytes,
  createKeyring,
  decryptRecords,
  encryptRecord,
  encryptRecordSync,
  encryptRecords,
  integer,
  json,
  openKeyring,
  table,
  text,
} from '../../src/index.js';
import { BUNDLE_CELLS, MAX_BUNDLED_CELL_BYTES, MIN_SHARED_RECORDS } from '../../src/limits.js';
import type { StandardSchema } from '../../src/standard-schema.js';
import { memoryKeyring } from '../../src/store/memory.js';
import { threadedEngine, valuesOf } from './support.js';

const COUNT = 1_500;
const rawKey = new Uint8Array(32).fill(7);

/** A keyring on threads, and the same in a process that has none. */
async function keyrings(
  engine: SynchronousEngine,
): Promise<{ readonly threaded: SynchronousKeyring; readonly alone: SynchronousKeyring }> {
  const store = memoryKeyring();
  const threaded = await createKeyring(store, { rawKey, engine });
  return { threaded, alone: await openKeyring(store, { rawKey, engine: nodeEngine() }) };
}

const people = table('people', {
  record: integer('id'),
  encrypt: {
    email: text({ index: { bits: 40, transform: 'email-1' } }),
    name: text({ pad: 32, hideNull: true }),
    picture: bytes({ bind: 'column', form: 'binary' }),
    facts: json(),
  },
});
type Person = {
  id: number;
  email: string | null;
  name: string | null;
  picture: Bytes | null;
  facts: JsonValue;
  note: string;
};
const person = fc.record({
  email: fc.option(fc.emailAddress()),
  name: fc.option(fc.string({ maxLength: 20 })),
  picture: fc.option(fc.uint8Array({ maxLength: 90 }).map((one) => new Uint8Array(one))),
  facts: fc.oneof(fc.constant({ born: 1970 }), fc.constant([1, 'two'])),
  note: fc.string({ maxLength: 5 }),
});
/** So many, of which fifty differ. */
function peopleOf(seed: number, count = COUNT): Person[] {
  const samples = fc.sample(person, { numRuns: 50, seed });
  return Array.from({ length: count }, (_, id) => ({ id, ...(samples[id % 50] as Omit<Person, 'id'>) }));
}

describe('a batch that is shared out between threads', () => {
  it('is what it is without: cells, tokens, nulls and all else, in the order of the records', async () => {
    const { engine, sent } = await threadedEngine();
    const { threaded, alone } = await keyrings(engine);
    const seed = fc.sample(fc.nat(), 1)[0] as number;
    const records = peopleOf(seed);
    const rows = valuesOf(await encryptRecords(people, records, threaded));
    expect(sent.seal).toBeGreaterThan(COUNT / 4);
    expect(valuesOf(await decryptRecords(people, rows, alone))).toEqual(records.map(withToken(rows)));

    const others = valuesOf(await encryptRecords(people, records, alone));
    expect(rows.map(({ email_index }) => email_index)).toEqual(others.map((row) => row.email_index));
    expect(valuesOf(await decryptRecords(people, others, threaded))).toEqual(records.map(withToken(others)));
    expect(sent.open).toBeGreaterThan(COUNT / 4);
    expect(new Set(rows.map(({ name }) => name)).size).toBe(COUNT); // no IV twice
  });

  it('is shared by several threads', async () => {
    const { engine, sent } = await threadedEngine(3);
    const { threaded, alone } = await keyrings(engine);
    const records = peopleOf(1, 6_000);
    const rows = valuesOf(await encryptRecords(people, records, threaded));
    expect(sent.seal).toBeGreaterThan(6_000);
    expect(valuesOf(await decryptRecords(people, rows, alone))).toEqual(records.map(withToken(rows)));
  });

  it('is not shared where it is small', async () => {
    const { engine, sent } = await threadedEngine();
    const { threaded } = await keyrings(engine);
    await encryptRecords(people, peopleOf(1, MIN_SHARED_RECORDS - 1), threaded);
    expect(sent).toEqual({ seal: 0, open: 0, renew: 0 });
  });

  it('has outcomes that fail as they do without', async () => {
    const { engine, sent } = await threadedEngine();
    const { threaded, alone } = await keyrings(engine);
    const records = peopleOf(2).map((one) => (one.id % 7 === 3 ? { ...one, email: 5 as never } : one));
    const outcomes = await encryptRecords(people, records, threaded);
    expect(outcomes.map(({ status }) => status)).toEqual(
      records.map(({ id }) => (id % 7 === 3 ? 'rejected' : 'fulfilled')),
    );
    expect(sent.seal).toBeGreaterThan(0);

    const rows = valuesOf(await encryptRecords(people, peopleOf(3), threaded));
    const other = valuesOf(await encryptRecords(people, [{ id: 1, email: 'a@b.example' }], threaded))[0];
    const forged = rows.map((row, i) => {
      if (i % 5 === 0) return { ...row, id: row.id + 1 }; // bound to another record
      if (i % 5 === 1) return { ...row, email: 'plaintext' };
      if (i % 5 === 2) return { ...row, name: `${row.name?.slice(0, -2)}AA` };
      if (i % 5 === 3) return { ...row, name: other?.email as string };
      return row;
    });
    const found = await decryptRecords(people, forged, threaded);
    const expected = await decryptRecords(people, forged, alone);
    expect(found.map(fate)).toEqual(expected.map(fate));
    expect(found.filter(({ status }) => status === 'rejected').length).toBeGreaterThan(COUNT / 2);
    expect(found).toEqual(expected);
  });

  it('leaves to this thread what is too large, and what does not fit any more', async () => {
    const { engine, sent } = await threadedEngine();
    const { threaded, alone } = await keyrings(engine);
    const files = table('files', {
      record: integer('id'),
      encrypt: { body: bytes({ maxBytes: 1_000_000 }) },
    });
    const records = Array.from({ length: 600 }, (_, id) => {
      const length = id % 100 === 0 ? MAX_BUNDLED_CELL_BYTES + 1 : id % 3 === 0 ? 9_000 : 10;
      return { id, body: new Uint8Array(length).fill(id) };
    });
    const rows = valuesOf(await encryptRecords(files, records, threaded));
    expect(sent.seal).toBeGreaterThan(0);
    expectSameBytes(valuesOf(await decryptRecords(files, rows, alone)), records);
    expectSameBytes(valuesOf(await decryptRecords(files, rows, threaded)), records);

    sent.seal = 0;
    const huge = records
      .slice(0, 300)
      .map(({ id }) => ({ id, body: new Uint8Array(MAX_BUNDLED_CELL_BYTES) }));
    const sealed = valuesOf(await encryptRecords(files, huge, threaded));
    expectSameBytes(valuesOf(await decryptRecords(files, sealed, alone)), huge);
    expect(sent.seal).toBe(0);
  });

  it('takes records of more cells than a bundle has', async () => {
    const { engine } = await threadedEngine();
    const { threaded, alone } = await keyrings(engine);
    const names = Array.from({ length: BUNDLE_CELLS + 20 }, (_, i) => `a${i}`);
    const wide = table('wide', {
      record: integer('id'),
      encrypt: Object.fromEntries(names.map((name) => [name, text()])),
    });
    const records = Array.from({ length: MIN_SHARED_RECORDS }, (_, id) => {
      const present = id % 50 === 1 ? names : names.slice(0, 2);
      return { id, ...Object.fromEntries(present.map((name) => [name, `${name} of ${id}`])) };
    });
    const rows = valuesOf(await encryptRecords(wide, records as never[], threaded));
    expect(valuesOf(await decryptRecords(wide, rows, alone))).toEqual(records);
  });

  it('turns the event loop meanwhile', async () => {
    const { engine } = await threadedEngine();
    const { threaded } = await keyrings(engine);
    let turns = 0;
    const timer = setInterval(() => turns++, 0);
    await encryptRecords(people, peopleOf(1, 5_000), threaded);
    clearInterval(timer);
    expect(turns).toBeGreaterThan(3);
  });
});

describe('code of the application’s own, in the midst of a batch', () => {
  const schemaThat = (validate: (value: unknown) => unknown): StandardSchema =>
    ({ '~standard': { version: 1, vendor: 'test', validate } }) as never;
  const tables = (validate: (value: unknown) => unknown) =>
    table('checked', {
      record: integer('id'),
      encrypt: { a: json(schemaThat(validate) as never), b: text() },
    });
  const records = Array.from({ length: COUNT }, (_, id) => ({ id, a: `a ${id}`, b: `b ${id}` }));

  it('may encrypt at once, and has cells there and then', async () => {
    const { engine, sent } = await threadedEngine();
    const { threaded, alone } = await keyrings(engine);
    const plain = table('plain', { record: integer('id'), encrypt: { x: text() } });
    const made: unknown[] = [];
    const checked = tables((value) => {
      made.push(encryptRecordSync(plain, { id: made.length, x: 'x' }, threaded));
      return { value };
    });
    const rows = valuesOf(await encryptRecords(checked, records, threaded));
    expect(sent.seal).toBeGreaterThan(0);
    expect(made).toHaveLength(COUNT);
    expect(valuesOf(await decryptRecords(plain, made as never[], alone)).every(({ x }) => x === 'x')).toBe(
      true,
    );
    expect(valuesOf(await decryptRecords(checked, rows as never[], alone))).toEqual(records);
  });

  it('may take its time, and encrypt meanwhile', async () => {
    const { engine } = await threadedEngine();
    const { threaded, alone } = await keyrings(engine);
    const plain = table('plain', { record: integer('id'), encrypt: { x: text() } });
    const made: unknown[] = [];
    const checked = tables(async (value) => {
      const making = encryptRecord(plain, { id: made.length, x: 'x' }, threaded); // begun in the midst of it
      await pause(1);
      made.push(await making);
      return { value };
    });
    const rows = valuesOf(await encryptRecords(checked, records, threaded));
    expect(made).toHaveLength(COUNT);
    for (const row of made) expect((row as { x: unknown }).x).toMatch(/^cs1r\./);
    expect(valuesOf(await decryptRecords(checked, rows as never[], alone))).toEqual(records);
  });
});

interface File {
  readonly id: number;
  readonly body: Bytes;
}
function expectSameBytes(found: readonly unknown[], expected: readonly File[]): void {
  expect(found).toHaveLength(expected.length);
  for (const [i, { id, body }] of expected.entries()) {
    const one = found[i] as File;
    expect([one.id, Buffer.compare(one.body, body)]).toEqual([id, 0]);
  }
}

/** Records as they are read back: their tokens pass through. */
function withToken(rows: readonly { readonly email_index: unknown }[]) {
  return (record: Person, i: number): Person & { email_index: unknown } => ({
    ...record,
    email_index: rows[i]?.email_index,
  });
}

function fate(outcome: PromiseSettledResult<unknown>): unknown {
  return outcome.status === 'fulfilled' ? 'fulfilled' : { ...outcome.reason, code: outcome.reason.code };
}
