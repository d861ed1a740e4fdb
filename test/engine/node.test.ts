/** The engine on node:crypto: it gives what WebCrypto gives, at once; and nothing above it makes it wait. */
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { integer, text } from '../../src/attribute.js';
import { type Bytes, hex } from '../../src/bytes.js';
import { cellPlace, openValue, sealValue } from '../../src/cell.js';
import { type NodeEngineOptions, nodeEngine } from '../../src/engine/node.js';
import { webCryptoEngine } from '../../src/engine/webcrypto.js';
import { AuthenticationError } from '../../src/errors.js';
import { createKeyring, openKeyring } from '../../src/keyring/index.js';
import type { AeadKey, Engine } from '../../src/ports/engine.js';
import { decryptRecord, encryptRecord } from '../../src/record.js';
import { memoryKeyring } from '../../src/store/memory.js';
import { type Table, table } from '../../src/table.js';
import { givenRandom, newKeyring, reopened } from '../cells/support.js';

const ORIGINAL_FILL = Uint8Array.prototype.fill;
const web = webCryptoEngine();
const sync = nodeEngine();
const NOTHING = new Uint8Array(0);
const IV = new Uint8Array(12);
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
      sync.atOnce(() => sync.stretch(new Uint8Array(4), new Uint8Array(32), 1_000)),
      sync.open(
        aead as AeadKey,
        IV,
        NOTHING,
        sync.seal(aead as AeadKey, IV, NOTHING, new Uint8Array(3)) as Bytes,
      ),
      sync.seal(aead as AeadKey, new Uint8Array(12), new Uint8Array(0), new Uint8Array(3)),
      sync.digest(new Uint8Array(1)),
    ];
    for (const answer of answers) expect((answer as { then?: unknown }).then).toBeUndefined();
  });

  it('counts blocks of a stream in 64 bits, and begins again at 0 as WebCrypto does', async () => {
    const streamed = async (engine: Engine, left: number, bytes: number): Promise<Bytes> => {
      const key = await engine.importKey(new Uint8Array(32).fill(3));
      const stream = await engine.deriveStream(key, new Uint8Array(1));
      const counterBlock = new Uint8Array(16).fill(0xff);
      new DataView(counterBlock.buffer).setBigUint64(8, 2n ** 64n - BigInt(left));
      return engine.applyStream(stream, counterBlock, new Uint8Array(bytes));
    };
    for (const left of [1, 2, 255, 256, 257, 65_536])
      for (const bytes of [0, 1, 16 * left - 1, 16 * left, 16 * left + 1, 16 * left + 40])
        expect(await streamed(sync, left, bytes), `${left} blocks, ${bytes} bytes`).toEqual(
          await streamed(web, left, bytes),
        );
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

describe('what may take long', () => {
  const key = sync.deriveAead(
    sync.importKey(new Uint8Array(32)) as never,
    new Uint8Array(8),
    new Uint8Array(1),
  );
  const value = new Uint8Array(1_000).fill(7);
  const sealedBy = (options: NodeEngineOptions, data: Bytes) => {
    const engine = nodeEngine(options);
    return { engine, sealed: engine.seal(key as AeadKey, IV, NOTHING, data) };
  };

  it('goes to the thread pool from so many bytes on, with the same bytes back', async () => {
    const pooled = sealedBy({ threadPoolBytes: 1_000 }, value);
    expect(pooled.sealed).toBeInstanceOf(Promise);
    const sealed = (await pooled.sealed) as Bytes;
    expect(hex(sealed)).toBe(hex(sealedBy({ threadPoolBytes: 1_001 }, value).sealed as Bytes));
    const opened = pooled.engine.open(key as AeadKey, IV, NOTHING, sealed);
    expect(opened).toBeInstanceOf(Promise);
    expect(hex((await opened) as Bytes)).toBe(hex(value));
    expect(hex(sync.open(key as AeadKey, IV, NOTHING, sealed) as Bytes)).toBe(hex(value));
    sealed[5] = (sealed[5] as number) ^ 1;
    await expect(pooled.engine.open(key as AeadKey, IV, NOTHING, sealed)).rejects.toThrow(
      AuthenticationError,
    );
  });

  it('stays where it is while the engine answers at once, and from 256 KiB on without being told', () => {
    const { engine } = sealedBy({ threadPoolBytes: 0 }, value);
    expect(engine.atOnce(() => engine.seal(key as AeadKey, IV, NOTHING, value))).toBeInstanceOf(Uint8Array);
    expect(() =>
      engine.atOnce(() => {
        throw new RangeError('from within');
      }),
    ).toThrow(RangeError);
    expect(engine.seal(key as AeadKey, IV, NOTHING, value), 'as before').toBeInstanceOf(Promise);
    expect(sealedBy({}, new Uint8Array(256 * 1024 - 1)).sealed).toBeInstanceOf(Uint8Array);
    expect(sealedBy({}, new Uint8Array(256 * 1024)).sealed).toBeInstanceOf(Promise);
    const never = { threadPoolBytes: Number.POSITIVE_INFINITY };
    expect(sealedBy(never, new Uint8Array(256 * 1024)).sealed).toBeInstanceOf(Uint8Array);
  });

  it('is a passphrase, which is stretched to the same key on the thread pool', async () => {
    const [passphrase, salt, info] = [new Uint8Array(4), new Uint8Array(32), new Uint8Array(1)];
    const stretching = sync.stretch(passphrase, salt, 1_000);
    expect(stretching).toBeInstanceOf(Promise);
    const keys = [
      await stretching,
      sync.atOnce(() => sync.stretch(passphrase, salt, 1_000)),
      await web.stretch(passphrase, salt, 1_000),
    ];
    const derived = [
      sync.deriveBytes(keys[0] as never, info, 32),
      sync.deriveBytes(keys[1] as never, info, 32),
      await web.deriveBytes(keys[2] as never, info, 32),
    ];
    expect(new Set(derived.map((bytes) => hex(bytes as Bytes))).size).toBe(1);
  });

  it('is refused where its limit is none', () => {
    for (const threadPoolBytes of [-1, Number.NaN, 'all' as never])
      expect(() => nodeEngine({ threadPoolBytes })).toThrow(/threadPoolBytes/);
  });
});

describe('bytes of the engine', () => {
  it('are plain, and what is no ciphertext stands alone in its buffer', async () => {
    const key = sync.deriveAead(
      sync.importKey(new Uint8Array(32)) as never,
      new Uint8Array(8),
      new Uint8Array(1),
    ) as AeadKey;
    const mac = sync.deriveMac(sync.importKey(new Uint8Array(32)) as never, new Uint8Array(1));
    const stream = sync.deriveStream(sync.importKey(new Uint8Array(32)) as never, new Uint8Array(1));
    const sealed = sync.seal(key, IV, NOTHING, new Uint8Array(40)) as Bytes;
    const all = [
      sealed,
      sync.open(key, IV, NOTHING, sealed),
      sync.mac(mac as never, sealed),
      sync.digest(sealed),
      sync.applyStream(stream as never, new Uint8Array(16), sealed),
    ] as Bytes[];
    const keyring = await newKeyring({ engine: sync });
    const { phone } = await encryptRecord(customers, { id: 7, phone: '+1' }, keyring);
    all.push(phone as unknown as Bytes);
    for (const bytes of all) {
      expect(Object.getPrototypeOf(bytes)).toBe(Uint8Array.prototype);
      if (bytes !== sealed) expect([bytes.byteOffset, bytes.buffer.byteLength]).toEqual([0, bytes.length]);
    }
  });

  it('of keys are wiped once a key is made of them, and what does not verify is not left', () => {
    const wiped: Uint8Array[] = [];
    const fill = vi.spyOn(Uint8Array.prototype, 'fill').mockImplementation(function (
      this: Uint8Array,
      ...args
    ) {
      if (args[0] === 0) wiped.push(this);
      return Reflect.apply(ORIGINAL_FILL, this, args);
    });
    const key = sync.deriveAead(
      sync.importKey(new Uint8Array(32).fill(3)) as never,
      new Uint8Array(8),
      new Uint8Array(1),
    ) as AeadKey;
    expect(wiped.map(({ length }) => length)).toEqual([32]);
    const sealed = sync.seal(key, IV, NOTHING, new Uint8Array(33)) as Bytes;
    sealed[0] = (sealed[0] as number) ^ 1;
    expect(() => sync.open(key, IV, NOTHING, sealed)).toThrow(AuthenticationError);
    expect(wiped.map(({ length }) => length)).toEqual([32, 33]);
    fill.mockRestore();
    expect(wiped.every((bytes) => bytes.every((byte) => byte === 0))).toBe(true);
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
