/** An engine that answers at once: nothing above it changes, and nothing above it makes it wait. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { integer, text } from '../../src/attribute.js';
import { type Bytes, hex } from '../../src/bytes.js';
import { cellPlace, openValue, sealValue } from '../../src/cell.js';
import { webCryptoEngine } from '../../src/engine/index.js';
import { AuthenticationError } from '../../src/errors.js';
import { createKeyring, openKeyring } from '../../src/keyring/index.js';
import type { AeadKey, Engine } from '../../src/ports/engine.js';
import { decryptRecord, encryptRecord } from '../../src/record.js';
import { memoryKeyring } from '../../src/store/memory.js';
import { type Table, table } from '../../src/table.js';
import { givenRandom, newKeyring, reopened } from './support.js';
import { syncEngine } from './sync-engine.js';

const web = webCryptoEngine();
const sync = syncEngine();
const PASSPHRASE = 'correct horse battery staple';
const customers = table('customers', {
  record: integer('id'),
  encrypt: { email: text(), phone: text({ form: 'binary' }) },
});

const bytesOf = (least: number, most = least): fc.Arbitrary<Bytes> =>
  fc.uint8Array({ minLength: least, maxLength: most }).map((given) => new Uint8Array(given));

describe('each method', () => {
  it('answers at once', async () => {
    const key = sync.importKey(new Uint8Array(32));
    const aead = sync.deriveAead(key as never, new Uint8Array(8), new Uint8Array(1));
    const answers: unknown[] = [
      key,
      aead,
      sync.stretch(new Uint8Array(4), new Uint8Array(32), 1_000),
      sync.seal(aead as AeadKey, new Uint8Array(12), new Uint8Array(0), new Uint8Array(3)),
      sync.digest(new Uint8Array(1)),
    ];
    for (const answer of answers) expect((answer as { then?: unknown }).then).toBeUndefined();
  });

  it('gives what the WebCrypto engine gives', async () => {
    await fc.assert(
      fc.asyncProperty(
        bytesOf(32),
        bytesOf(0, 40),
        bytesOf(0, 100),
        bytesOf(12),
        async (secret, salt, data, iv) => {
          const of = async (engine: Engine): Promise<string[]> => {
            const key = await engine.importKey(secret.slice());
            const aead = await engine.deriveAead(key, salt, data);
            const mac = await engine.deriveMac(key, data);
            const stream = await engine.deriveStream(key, data);
            const counter = new Uint8Array(16).map((_, i) => secret[i] as number);
            counter[8] = (counter[8] as number) & 0x7f;
            counter[12] = (counter[12] as number) & 0x7f;
            const wrapped = await engine.seal(aead, iv, salt, secret);
            const unwrapped = await engine.unwrapKey(aead, iv, wrapped, salt);
            return [
              await engine.seal(aead, iv, salt, data),
              await engine.open(aead, iv, salt, await engine.seal(aead, iv, salt, data)),
              await engine.mac(mac, data),
              await engine.applyStream(stream, counter, data),
              await engine.deriveBytes(key, data, 42),
              await engine.deriveBytes(unwrapped, data, 42),
              await engine.digest(data),
            ].map(hex);
          };
          expect(await of(sync)).toEqual(await of(web));
        },
      ),
      { numRuns: 50 },
    );
  });

  it.each([
    ['WebCrypto', web],
    ['synchronous', sync],
  ])('refuses what does not verify with AuthenticationError: %s', async (_, engine) => {
    const key = await engine.importKey(new Uint8Array(32).fill(1));
    const aead = await engine.deriveAead(key, new Uint8Array(8), new Uint8Array(1));
    const mac = await engine.deriveMac(key, new Uint8Array(1));
    const [iv, aad] = [new Uint8Array(12), Uint8Array.of(5)];
    const sealed = await engine.seal(aead, iv, aad, new Uint8Array(32));
    sealed[3] = (sealed[3] as number) ^ 1;
    await expect((async () => engine.open(aead, iv, aad, sealed))()).rejects.toThrow(AuthenticationError);
    await expect((async () => engine.unwrapKey(aead, iv, sealed, aad))()).rejects.toThrow(
      AuthenticationError,
    );
    await expect((async () => engine.open(aead, iv, aad, new Uint8Array(3)))()).rejects.toThrow(
      AuthenticationError,
    );
    expect(await engine.verifyMac(mac, new Uint8Array(32), aad)).toBe(false);
    expect(await engine.verifyMac(mac, await engine.mac(mac, aad), aad)).toBe(true);
  });
});

describe('a keyring', () => {
  it.each([
    ['WebCrypto', 'synchronous', web, sync],
    ['synchronous', 'WebCrypto', sync, web],
  ])(
    'made with the %s engine is opened with the %s one, and reads its records',
    async (_, __, first, second) => {
      const store = memoryKeyring();
      const writer = await createKeyring(store, { passphrase: PASSPHRASE, engine: first, iterations: 1_000 });
      const reader = await openKeyring(store, { passphrase: PASSPHRASE, engine: second });
      const record = { id: 7, email: 'jane@example.com', phone: '\u{feff}+1', plan: 'pro' };
      const row = await encryptRecord(customers, record, writer);
      expect(await decryptRecord(customers, row, reader)).toStrictEqual(record);
      const back = await encryptRecord(customers, record, reader);
      expect(await decryptRecord(customers, back, writer)).toStrictEqual(record);
    },
  );

  it('seals to the same bytes with either engine, given the same salt and IV', async () => {
    const store = memoryKeyring();
    await newKeyring({ store });
    const place = cellPlace(customers as unknown as Table, 'email', customers.encrypt.email, 7n, undefined);
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary' }), bytesOf(8), bytesOf(12), async (value, salt, iv) => {
        const sealed = async (engine: Engine) =>
          sealValue(await reopened(store, { engine, random: givenRandom(salt, iv) }), place, value);
        expect(await sealed(sync)).toBe(await sealed(web));
      }),
      { numRuns: 30 },
    );
  });

  it('seals and opens without a promise, once the key is loaded', async () => {
    const keyring = await newKeyring({ engine: sync });
    const place = cellPlace(customers as unknown as Table, 'email', customers.encrypt.email, 7n, undefined);
    await sealValue(keyring, place, 'the first loads the key');
    const cell = sealValue(keyring, place, 'jane');
    expect(typeof cell).toBe('string');
    expect(openValue(keyring, place, cell)).toBe('jane');
    const elsewhere = cellPlace(
      customers as unknown as Table,
      'email',
      customers.encrypt.email,
      8n,
      undefined,
    );
    expect(() => openValue(keyring, elsewhere, cell)).toThrow(AuthenticationError);
  });
});
