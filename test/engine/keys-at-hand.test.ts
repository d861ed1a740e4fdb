/** Bytes of keys that a process has let go of: those that go to the thread pool, and those of a keyring that is closed. */
import { createSecretKey } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it, vi } from 'vitest';
import type { Bytes } from '../../src/bytes.js';
import { nodeEngine } from '../../src/engine/node.js';
import { webCryptoEngine } from '../../src/engine/webcrypto.js';
import { addTenants, closeKeyring, decryptRecord, encryptRecord, table, text } from '../../src/index.js';
import { type MaybePromise, andThen } from '../../src/maybe.js';
import type { Engine } from '../../src/ports/engine.js';
import { memoryKeyring } from '../../src/store/memory.js';
import { testKeyring } from '../../src/testing/testing.js';

const people = table('people', { record: text('id'), encrypt: { email: text({ index: { bits: 64 } }) } });
const customers = table('customers', {
  record: text('id'),
  tenant: text('tenant'),
  encrypt: { email: text({ index: { bits: 64 } }) },
});

describe('a key that goes to the thread pool', () => {
  it('leaves none of its bytes behind', async () => {
    const engine = nodeEngine({ threadPoolBytes: 0 });
    const made = engine.importKey(new Uint8Array(32).fill(3)) as never;
    const key = engine.deriveAead(made, new Uint8Array(8), new Uint8Array(1)) as never;
    const secret = Object.getPrototypeOf(createSecretKey(new Uint8Array(32)));
    const original = secret.export;
    const exported: Uint8Array[] = [];
    const spy = vi.spyOn(secret, 'export').mockImplementation(function (this: unknown, ...args: unknown[]) {
      const bytes = Reflect.apply(original, this, args) as Uint8Array;
      exported.push(bytes);
      return bytes;
    });
    await engine.seal(key, new Uint8Array(12), new Uint8Array(0), new Uint8Array(40) as Bytes);
    spy.mockRestore();
    expect(exported).toHaveLength(1);
    for (const bytes of exported) expect(bytes.every((byte) => byte === 0)).toBe(true);
  });

  it('is taken there again where that has failed', async () => {
    const engine = nodeEngine({ threadPoolBytes: 0 });
    const made = engine.importKey(new Uint8Array(32).fill(3)) as never;
    const key = engine.deriveAead(made, new Uint8Array(8), new Uint8Array(1)) as never;
    const seal = async () => engine.seal(key, new Uint8Array(12), new Uint8Array(0), new Uint8Array(40));
    const spy = vi.spyOn(globalThis.crypto.subtle, 'importKey').mockRejectedValue(new Error('no memory'));
    await expect(seal()).rejects.toThrow('no memory');
    spy.mockRestore();
    expect(await seal()).toHaveLength(56);
  });
});

/** An engine that lets a test see whether somebody still holds a key that it has given. */
function watchedEngine(inner: Engine): { readonly engine: Engine; readonly given: WeakRef<object>[] } {
  const given: WeakRef<object>[] = [];
  const made = ['unwrapKey', 'deriveAead', 'deriveMac'] as const;
  const engine = { ...inner };
  for (const method of made) {
    const make = inner[method] as (...of: unknown[]) => MaybePromise<object>;
    Object.assign(engine, {
      [method]: (...of: unknown[]) =>
        andThen(make(...of), (key) => {
          given.push(new WeakRef(key));
          return key;
        }),
    });
  }
  return { engine, given };
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

describe('a keyring that is closed', () => {
  it.each([
    ['WebCrypto', webCryptoEngine()],
    ['Node, thread pool', nodeEngine({ threadPoolBytes: 0 })],
  ] as [string, Engine][])('holds no key of what was under way, once that is done (%s)', async (_, inner) => {
    const store = memoryKeyring();
    const tenants = Array.from({ length: 1_200 }, (_, i) => `tenant-${i}`); // in pages, which have to be read
    const writer = await testKeyring({ store });
    await addTenants(writer, tenants);
    const theirs = { tenant: tenants.at(-1) as string };
    const { engine, given } = watchedEngine(inner);
    const keyring = await testKeyring({ store, engine });
    const row = await encryptRecord(customers, { id: '1', email: 'ben@example.com' }, writer, theirs);
    given.length = 0; // those of opening are another matter
    const record = { id: '1', email: 'jane@example.com' };
    const underWay = [
      encryptRecord(people, record, keyring),
      encryptRecord(customers, record, keyring, { tenant: 'tenant-7' }),
      encryptRecord(customers, record, keyring, { tenant: 'tenant-8' }),
    ];
    const opening = decryptRecord(customers, row, keyring, theirs);
    await closeKeyring(keyring);
    expect((await opening).email).toBe('ben@example.com');
    for (const row of await Promise.all(underWay)) expect(row.email).toMatch(/^cs1r/);
    expect(given.length).toBeGreaterThan(5);
    for (let turns = 0; turns < 10; turns++) {
      await setImmediate();
      collect();
    }
    expect(given.filter((key) => key.deref() !== undefined)).toHaveLength(0);
    expect(keyring.revision).toBe(2); // it is there itself
  });
});
