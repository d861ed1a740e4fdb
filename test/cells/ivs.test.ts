/** The IVs of a record's cells are drawn with one call: each is used once all the same, whatever happens meanwhile. */
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { nodeEngine } from '../../src/engine/node.js';
import {
  type SynchronousKeyring,
  createKeyring,
  encryptRecord,
  encryptRecordSync,
  integer,
  json,
  table,
  text,
} from '../../src/index.js';
import { memoryKeyring } from '../../src/store/memory.js';

const ATTRIBUTES = ['a', 'x', 'b', 'y', 'c'];
const inner = table('inner', { record: integer('id'), encrypt: { a: text(), b: text() } });

function newKeyring(): Promise<SynchronousKeyring> {
  return createKeyring(memoryKeyring(), { rawKey: new Uint8Array(32), engine: nodeEngine() });
}

/** A table whose validator does that in the midst of a record, before it takes the value. */
function tableThat(does: () => unknown) {
  const validate = (value: unknown) => {
    const done = does();
    return done instanceof Promise ? done.then(() => ({ value })) : { value };
  };
  const checked = json({ '~standard': { version: 1, vendor: 'test', validate } } as never);
  return table('outer', {
    record: integer('id'),
    encrypt: { a: text(), x: checked, b: text(), y: checked, c: text() },
  });
}

function ivsIn(rows: readonly Readonly<Record<string, unknown>>[]): string[] {
  const cells = rows.flatMap((row) => Object.values(row).filter((value) => typeof value === 'string'));
  return cells.map((cell) => Buffer.from(cell.slice(32), 'base64url').toString('hex', 8, 20));
}

describe('the IVs of a record', () => {
  it.each([
    [
      'at once',
      (keyring: SynchronousKeyring) => encryptRecordSync(inner, { id: 1, a: 'a', b: 'b' }, keyring),
    ],
    [
      'with a promise',
      (keyring: SynchronousKeyring) => encryptRecord(inner, { id: 1, a: 'a', b: 'b' }, keyring),
    ],
    [
      'with a promise, after a while',
      async (keyring: SynchronousKeyring) => {
        await pause(1);
        return encryptRecord(inner, { id: 1, a: 'a', b: 'b' }, keyring);
      },
    ],
  ])('are no other’s, where a validator encrypts %s', async (_, encrypt) => {
    const [keyring, other] = [await newKeyring(), await newKeyring()];
    const rows: Record<string, unknown>[] = [];
    const outer = tableThat(() => {
      const made = [encrypt(keyring), encrypt(other)];
      if (!made.some((row) => row instanceof Promise))
        return rows.push(...(made as Record<string, unknown>[]));
      return Promise.all(made).then((all) => rows.push(...all));
    });
    for (let id = 0; id < 20; id++)
      rows.push(await encryptRecord(outer, { id, a: 'a', x: 1, b: 'b', y: 2, c: 'c' } as never, keyring));
    const ivs = ivsIn(rows);
    expect(ivs).toHaveLength(20 * (ATTRIBUTES.length + 2 * 2 * 2));
    expect(new Set(ivs).size).toBe(ivs.length);
  });

  it('are forgotten with a record that is refused', async () => {
    const keyring = await newKeyring();
    const outer = tableThat(() => undefined);
    const rows: Record<string, unknown>[] = [];
    for (let id = 0; id < 20; id++) {
      const bad = { id, a: 'a', x: 1, b: 7, y: 2, c: 'c' };
      await expect(encryptRecord(outer, bad as never, keyring)).rejects.toMatchObject({ column: 'b' });
      rows.push(await encryptRecord(outer, { ...bad, b: 'b' } as never, keyring));
    }
    expect(new Set(ivsIn(rows)).size).toBe(20 * ATTRIBUTES.length);
  });
});
