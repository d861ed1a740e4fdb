/** What the application's own functions throw, reject with or give back may quote a value: nothing of it comes out. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { nodeEngine } from '../../src/engine/node.js';
import {
  type CellsealError,
  bytes,
  decryptRecord,
  decryptRecordSync,
  encryptCell,
  encryptRecord,
  integer,
  json,
  lookup,
  table,
  text,
  uuid,
} from '../../src/index.js';
import { testKeyring } from '../../src/testing/testing.js';
import { newKeyring } from './support.js';

const SECRET = 'jane@example.com';
const reason = async (promise: Promise<unknown>): Promise<Error> =>
  promise.then(
    () => expect.unreachable(),
    (error: Error) => error,
  );

/** What rejections nobody has handled while `work` was done. */
async function unhandledBy(work: () => Promise<unknown>): Promise<unknown[]> {
  const unhandled: unknown[] = [];
  const listeners = process.listeners('unhandledRejection');
  process.removeAllListeners('unhandledRejection');
  process.on('unhandledRejection', (error) => unhandled.push(error));
  try {
    await work();
    await sleep(20);
  } finally {
    process.removeAllListeners('unhandledRejection');
    for (const listener of listeners) process.on('unhandledRejection', listener);
  }
  return unhandled;
}

describe('a parser of plaintext that is asynchronous', () => {
  it.each([
    ['rejects', async (stored: unknown): Promise<never> => Promise.reject(new Error(`no number: ${stored}`))],
    ['resolves', async (): Promise<number> => 41],
  ])(
    'and %s is refused like one that throws, and what it rejects with is heard by nobody',
    async (_, parse) => {
      const people = table('people', {
        record: text('id'),
        encrypt: { age: integer({ adopting: { parse } }) },
      });
      const row = { id: '1', age: SECRET };
      const unhandled = await unhandledBy(async () => {
        const keyring = await testKeyring({ engine: nodeEngine() });
        const errors = [
          await reason(decryptRecord(people, row, await newKeyring())),
          await reason((async () => decryptRecordSync(people, row, keyring))()),
        ];
        for (const error of errors) {
          expect(error.message).not.toContain(SECRET);
          expect(error).toMatchObject({ code: 'not-adoptable' });
        }
      });
      expect(unhandled).toEqual([]);
    },
  );
});

describe('a transform that is asynchronous', () => {
  it('is refused, and what it rejects with is heard by nobody', async () => {
    const unhandled = await unhandledBy(async () => {
      const apply = (async (value: string) => {
        throw new Error(`bad: ${value}`);
      }) as never;
      const index = { bits: 64, transform: { name: 'own-1', apply } };
      const people = table('people', { record: text('id'), encrypt: { email: text({ index }) } });
      const error = await reason(encryptRecord(people, { id: '1', email: SECRET }, await newKeyring()));
      expect(error).toMatchObject({ code: 'not-indexable' });
    });
    expect(unhandled).toEqual([]);
  });
});

describe('a schema', () => {
  const thrower = (name: string) => (value: unknown) =>
    Object.defineProperty({}, name, {
      get() {
        throw new Error(`bad: ${value}`);
      },
    });
  it.each([
    ['gives back nothing', () => undefined],
    ['gives back null', () => null],
    ['gives back neither a value nor issues', () => ({})],
    ['gives back nothing, later', async () => undefined],
    ['throws when its issues are looked at', thrower('issues')],
    ['throws when its issues are looked at, later', async (value: unknown) => thrower('issues')(value)],
    ['throws when its value is looked at', thrower('value')],
    ['throws when it is asked whether it is a promise', thrower('then')],
  ] as [string, (value: unknown) => never][])(
    'that %s is refused with a typed error',
    async (_, validate) => {
      const schema = { '~standard': { version: 1 as const, vendor: 'test', validate } };
      const people = table('people', {
        record: text('id'),
        encrypt: { email: json(schema), old: json(schema, { adopting: true }) },
      });
      const keyring = await newKeyring();
      const sealing = encryptRecord(people, { id: '1', email: SECRET as never }, keyring);
      const opening = decryptRecord(people, { id: '1', old: JSON.stringify(SECRET) }, keyring);
      const errors = [await reason(sealing), await reason(opening)];
      expect(errors.map((error) => (error as CellsealError).code)).toEqual([
        'invalid-value',
        'not-adoptable',
      ]);
      for (const error of errors) expect(error.message).not.toContain(SECRET);
    },
  );
});

describe('bytes whose buffer was transferred away', () => {
  const transferred = (): Uint8Array<ArrayBuffer> => {
    const made = new Uint8Array(16).fill(1);
    structuredClone(made.buffer, { transfer: [made.buffer] });
    return made;
  };
  const shrunk = (): Uint8Array<ArrayBuffer> => {
    const Resizable = ArrayBuffer as unknown as new (bytes: number, options: object) => ArrayBuffer;
    const buffer = new Resizable(16, { maxByteLength: 16 });
    const bytes = new Uint8Array(buffer, 8, 8);
    (buffer as unknown as { resize(bytes: number): void }).resize(0);
    return bytes;
  };
  const files = table('files', {
    record: bytes('id'),
    tenant: bytes('tenant'),
    encrypt: {
      blob: bytes({ index: { bits: 64 } }),
      cell: bytes({ form: 'binary' }),
      name: text({ adopting: true }),
    },
  });
  const byUuid = table('by_uuid', { record: uuid('id'), encrypt: { blob: bytes() } });
  const id = Uint8Array.of(1);
  const tenant = Uint8Array.of(2);

  it.each([
    ['transferred', transferred],
    ['shrunk', shrunk],
  ])('are refused with a typed error, in every place (%s)', async (_, gone) => {
    const keyring = await newKeyring();
    const code = (promise: Promise<unknown>): Promise<unknown> =>
      reason(promise).then((error) => (error as { code?: unknown }).code ?? error);
    expect(await code(encryptRecord(files, { id, blob: gone() }, keyring, { tenant }))).toBe('invalid-value');
    expect(await code(encryptCell(files, 'cell', gone(), { id }, keyring, { tenant }))).toBe('invalid-value');
    const blob = Uint8Array.of(3);
    expect(await code(encryptRecord(files, { id: gone(), blob }, keyring, { tenant }))).toBe(
      'invalid-context',
    );
    expect(await code(encryptRecord(files, { id, blob }, keyring, { tenant: gone() }))).toBe(
      'invalid-context',
    );
    expect(await code(encryptRecord(byUuid, { id: gone(), blob }, keyring))).toBe('invalid-context');
    expect(await code(lookup(files, 'blob', gone(), keyring, { tenant }))).toBe('invalid-value');
    const open = (row: object): Promise<unknown> =>
      code(decryptRecord(files, { id, ...row } as never, keyring, { tenant }));
    expect(await open({ cell: gone() })).toBe('not-a-cell');
    expect(await open({ name: gone() })).toBe('not-adoptable');
    expect(await open({ cell: transferred().buffer })).toBe('not-a-cell');
    expect(await open({ name: transferred().buffer })).toBe('not-adoptable');
  });
});
