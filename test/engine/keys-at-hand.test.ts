/** Bytes of keys that a process has let go of: those that go to the thread pool, and those of a keyring that is closed. */
import { createSecretKey } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import type { Bytes } from '../../src/bytes.js';
import { Lru } from '../../src/cipher/index.js';
import { nodeEngine } from '../../src/engine/node.js';
import { webCryptoEngine } from '../../src/engine/webcrypto.js';
import { closeKeyring, encryptRecord, table, text } from '../../src/index.js';
import type { Engine } from '../../src/ports/engine.js';
import { testKeyring } from '../../src/testing/testing.js';

const people = table('people', { record: text('id'), encrypt: { email: text({ index: { bits: 64 } }) } });

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

describe('a keyring that is closed', () => {
  it.each([
    ['WebCrypto', webCryptoEngine()],
    ['Node, thread pool', nodeEngine({ threadPoolBytes: 0 })],
  ] as [string, Engine][])('has no key at hand after what was under way is done (%s)', async (_, engine) => {
    const keyring = await testKeyring({ engine });
    const keys = new Set<Lru<unknown>>();
    const original = Lru.prototype.set;
    const spy = vi.spyOn(Lru.prototype, 'set').mockImplementation(function (
      this: Lru<unknown>,
      name: string,
      value: unknown,
    ) {
      const kind = Object.prototype.toString.call(value);
      const isKey = kind === '[object CryptoKey]' || /KeyObject/.test(String(value?.constructor?.name));
      if (isKey || (value as { keyIdBytes?: unknown }).keyIdBytes) keys.add(this);
      Reflect.apply(original, this, [name, value]);
    });
    const underWay = encryptRecord(people, { id: '1', email: 'jane@example.com' }, keyring);
    await closeKeyring(keyring);
    await underWay;
    spy.mockRestore();
    expect(keys.size).toBeGreaterThan(0);
    expect([...keys].map(({ size }) => size)).toEqual([...keys].map(() => 0));
  });
});

describe('a counter that runs over', () => {
  it('is one of 64 bits in both engines, as the port says', async () => {
    const streamed = async (engine: Engine): Promise<Bytes> => {
      const key = await engine.importKey(new Uint8Array(32).fill(3));
      const stream = await engine.deriveStream(key, new Uint8Array(1));
      return engine.applyStream(stream, new Uint8Array(16).fill(0xff), new Uint8Array(48));
    };
    expect(await streamed(nodeEngine())).toEqual(await streamed(webCryptoEngine()));
  });
});
