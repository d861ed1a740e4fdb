/** How often the platform is called: once for a warm cell, twice for a cold one; and the state of a key before all. */
import { beforeEach, describe, expect, it } from 'vitest';
import { integer, text } from '../../src/attribute.js';
import type { Bytes } from '../../src/bytes.js';
import { webCryptoEngine } from '../../src/engine/index.js';
import {
  type Keyring,
  activateKey,
  addKey,
  listKeys,
  resumeKey,
  suspendKey,
} from '../../src/keyring/index.js';
import { platformRandom } from '../../src/platform.js';
import type { KeyringStore } from '../../src/ports/keyring-store.js';
import { decryptCell, encryptCell, encryptRecord } from '../../src/record.js';
import { decryptRecords } from '../../src/records.js';
import { census } from '../../src/rotation/index.js';
import { schema } from '../../src/schema.js';
import { memoryKeyring, memoryRecords } from '../../src/store/memory.js';
import { table } from '../../src/table.js';
import { codeOf, newKeyring, reopened } from '../cells/support.js';

const { subtle } = globalThis.crypto;
const customers = table('customers', { record: integer('id'), encrypt: { email: text(), phone: text() } });
const orders = table('orders', { record: integer('id'), encrypt: { note: text() } });

/** The platform's `SubtleCrypto`, with the name of every call that is made of it. */
function counting() {
  const calls: string[] = [];
  const counted = new Proxy(subtle, {
    get(target, name: keyof typeof subtle) {
      const method = target[name] as (...args: unknown[]) => unknown;
      return (...args: unknown[]) => {
        calls.push(name);
        return method.apply(target, args);
      };
    },
  });
  return { engine: webCryptoEngine(counted), taken: () => calls.splice(0) };
}

let store: KeyringStore;
let keyring: Keyring;
let taken: () => string[];
beforeEach(async () => {
  const counted = counting();
  store = memoryKeyring();
  await newKeyring({ store });
  keyring = await reopened(store, { engine: counted.engine });
  taken = counted.taken;
  taken();
});

const seal = (no = 1) => encryptCell(customers, 'email', 'jane', { id: no }, keyring);
const open = (cell: string, no = 1) => decryptCell(customers, 'email', cell, { id: no }, keyring);

describe('calls of SubtleCrypto', () => {
  it('opening has loaded the data key, so the first cell only derives from it', async () => {
    await seal();
    expect(taken()).toEqual(['deriveKey', 'encrypt']);
  });

  it('the first cell under another key loads that: unwrapped, held to its commitment, then used', async () => {
    await activateKey(keyring, await addKey(keyring));
    taken();
    await seal();
    expect(taken()).toEqual(['unwrapKey', 'deriveBits', 'deriveKey', 'encrypt']);
  });

  it('a warm encryption is exactly one', async () => {
    await seal();
    taken();
    await seal(2);
    expect(taken()).toEqual(['encrypt']);
  });

  it('a warm decryption is exactly one, also of what was just sealed', async () => {
    const cell = await seal();
    taken();
    await open(cell);
    expect(taken()).toEqual(['decrypt']);
  });

  it('a cold encryption is exactly two, once the key is loaded', async () => {
    await seal();
    taken();
    await encryptCell(orders, 'note', 'x', { id: 1 }, keyring); // another scope
    expect(taken()).toEqual(['deriveKey', 'encrypt']);
  });

  it('a cold decryption is exactly two, once the key is loaded, and one after that', async () => {
    const foreign = await encryptCell(customers, 'email', 'jane', { id: 1 }, await reopened(store));
    await seal();
    taken();
    await open(foreign);
    expect(taken()).toEqual(['deriveKey', 'decrypt']);
    await open(foreign);
    expect(taken()).toEqual(['decrypt']);
  });

  it('columns, records and bindings of one table share the derived key', async () => {
    await seal();
    taken();
    await encryptRecord(customers, { id: 9, email: 'a', phone: 'b' }, keyring);
    expect(taken()).toEqual(['encrypt', 'encrypt']);
  });

  it('many that are cold at once share one derivation and one unwrapping', async () => {
    await activateKey(keyring, await addKey(keyring)); // one that opening has not loaded
    taken();
    const writer = await reopened(store);
    const rows = await Promise.all(
      Array.from({ length: 20 }, (_, id) => encryptRecord(customers, { id, email: `${id}` }, writer)),
    );
    const outcomes = await decryptRecords(customers, rows, keyring);
    expect(outcomes.every(({ status }) => status === 'fulfilled')).toBe(true);
    const calls = taken();
    expect(calls.filter((name) => name === 'deriveKey')).toHaveLength(1);
    expect(calls.filter((name) => name === 'unwrapKey')).toHaveLength(1);
    expect(calls.filter((name) => name === 'decrypt')).toHaveLength(20);
    expect(calls).toHaveLength(1 + 1 + 1 + 20);
  });

  it('a forged salt costs its two calls each time, and makes nothing else slower', async () => {
    const cell = await seal();
    const forged = (at: number): string => {
      const bytes = Buffer.from(cell.slice(32), 'base64url');
      bytes.writeUInt32BE(at, 0);
      return cell.slice(0, 32) + bytes.toString('base64url');
    };
    taken();
    for (let at = 0; at < 10; at++) expect(await codeOf(() => open(forged(at)))).toBe('authentication');
    expect(await codeOf(() => open(forged(0)))).toBe('authentication');
    expect(taken()).toEqual(Array.from({ length: 11 }, () => ['deriveKey', 'decrypt']).flat());
    await open(cell);
    expect(taken()).toEqual(['decrypt']);
  });

  it('what is refused before cryptography calls nothing', async () => {
    const cell = await seal();
    taken();
    for (const stored of [
      '',
      'jane',
      cell.replace('cs1r', 'cs1d'),
      cell.replace('cs1r', 'cs2r'),
      cell.slice(0, 60),
    ]) {
      await codeOf(() => open(stored));
    }
    expect(taken()).toEqual([]);
  });
});

describe('a tenant too long for a key derivation', () => {
  const ofTenants = table('t', { record: integer('id'), tenant: text('tenant'), encrypt: { a: text() } });
  const long = 'x'.repeat(1_000);

  it('is refused where it is named: no key is loaded, nothing is called', async () => {
    const options = { tenant: long };
    expect(await codeOf(() => encryptCell(ofTenants, 'a', 'x', { id: 1 }, keyring, options))).toBe(
      'invalid-context',
    );
    expect(taken()).toEqual([]);
    const cell = await seal();
    taken();
    expect(await codeOf(() => decryptCell(ofTenants, 'a', cell, { id: 1 }, keyring, options))).toBe(
      'invalid-context',
    );
    expect(await codeOf(() => encryptRecord(ofTenants, { id: 1, a: 'x' }, keyring, options))).toBe(
      'invalid-context',
    );
    expect(taken()).toEqual([]);
  });

  it('is given no key either', async () => {
    expect(await codeOf(() => addKey(keyring, { tenant: long }))).toBe('invalid-context');
    expect(taken()).toEqual([]);
    expect(await addKey(keyring, { tenant: 'x'.repeat(900) })).toMatch(/^[a-z2-7]{26}$/);
  });
});

describe('the secret of a passphrase', () => {
  it('is wiped once the key is made of it', async () => {
    const secrets: Uint8Array[] = [];
    const watched = new Proxy(subtle, {
      get(target, name: keyof typeof subtle) {
        if (name !== 'deriveBits') return (target[name] as () => unknown).bind(target);
        return async (...args: Parameters<typeof subtle.deriveBits>) => {
          const bits = await target.deriveBits(args[0], args[1], args[2] as number);
          secrets.push(new Uint8Array(bits));
          expect(secrets.at(-1)?.some((byte) => byte !== 0)).toBe(true);
          return bits;
        };
      },
    });
    await webCryptoEngine(watched).stretch(new Uint8Array(8), new Uint8Array(32), 1_000);
    expect(secrets).toEqual([new Uint8Array(32)]);
  });
});

describe('random bytes', () => {
  async function drawing() {
    const draws: number[] = [];
    const random = (bytes: number): Bytes => {
      draws.push(bytes);
      return platformRandom(bytes);
    };
    return { writer: await reopened(store, { random }), taken: () => draws.splice(0) };
  }

  it('are not drawn when a keyring is opened, nor to decrypt', async () => {
    const cell = await seal();
    const { writer, taken: drawn } = await drawing();
    await decryptCell(customers, 'email', cell, { id: 1 }, writer);
    expect(drawn()).toEqual([]);
  });

  it('are a salt at the first cell, and an IV for every cell, in the call that seals it: for those of a record at once', async () => {
    const { writer, taken: drawn } = await drawing();
    await encryptCell(customers, 'email', 'jane', { id: 1 }, writer);
    expect(drawn()).toEqual([8, 12]);
    await encryptCell(orders, 'note', 'x', { id: 1 }, writer);
    expect(drawn()).toEqual([12]);
    await encryptRecord(customers, { id: 1, email: 'a', phone: 'b' }, writer);
    expect(drawn()).toEqual([24]);
    // What a record leaves of its own is no other's.
    await encryptRecord(customers, { id: 1, email: null, phone: 'b' }, writer);
    expect(drawn()).toEqual([24]);
    await encryptCell(customers, 'email', 'jane', { id: 1 }, writer);
    expect(drawn()).toEqual([12]);
  });

  it('two processes never share a salt; two cells never share an IV', async () => {
    const [a, b] = [await reopened(store), await reopened(store)];
    const cells = await Promise.all(
      [a, a, b, b].map((writer) => encryptCell(customers, 'email', 'jane', { id: 1 }, writer)),
    );
    const parts = cells.map((cell) => Buffer.from(cell.slice(32), 'base64url').toString('hex'));
    expect(new Set(parts.map((part) => part.slice(0, 16))).size).toBe(2);
    expect(new Set(parts.map((part) => part.slice(16, 40))).size).toBe(4);
  });
});

describe('the state of a key', () => {
  const [records, tables] = [memoryRecords(), schema([customers])];

  async function suspendFirst(): Promise<string> {
    const [first] = listKeys(keyring).filter(({ kind }) => kind === 'data');
    const keyId = first?.keyId as string;
    await activateKey(keyring, await addKey(keyring));
    await suspendKey(keyring, keyId, await census(tables, { keyring, records }), { withoutHold: true });
    return keyId;
  }

  it('is asked before the cache: a warm cell of a suspended key is refused, and nothing is called', async () => {
    const cell = await seal();
    await open(cell);
    const keyId = await suspendFirst();
    taken();
    await expect(open(cell)).rejects.toMatchObject({
      code: 'suspended-key',
      keyId,
      table: 'customers',
      column: 'email',
    });
    expect(taken()).toEqual([]);
    await resumeKey(keyring, keyId);
    taken();
    expect(await open(cell)).toBe('jane');
    expect(taken()).toEqual(['decrypt']);
  });

  it('is asked at each sealing: the next cell is under the key that was activated', async () => {
    const before = await seal();
    const next = await addKey(keyring);
    const between = await seal();
    await activateKey(keyring, next);
    const after = await seal();
    expect(between.slice(5, 31)).toBe(before.slice(5, 31));
    expect(after.slice(5, 31)).toBe(next);
    expect(await Promise.all([before, between, after].map((cell) => open(cell)))).toEqual([
      'jane',
      'jane',
      'jane',
    ]);
  });
});
