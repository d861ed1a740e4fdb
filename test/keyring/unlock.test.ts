/** What unlocks a keyring: exactly one passphrase, or exactly one raw key of 32 bytes. */
import { describe, expect, it } from 'vitest';
import { InvalidPassphraseError } from '../../src/errors.js';
import { type UnlockSecret, createKeyringIn, openKeyringIn } from '../../src/keyring/index.js';
import type { KeyringStore } from '../../src/ports/keyring-store.js';
import { memoryKeyring } from '../../src/store/memory.js';
import { ITERATIONS, PASSPHRASE, RAW_KEY, environment, knownKeyring } from './support.js';

/** What a caller without types may hand in. */
const untyped = (value: unknown): UnlockSecret => value as UnlockSecret;

const REFUSED: readonly (readonly [what: string, unlock: UnlockSecret])[] = [
  ['nothing', {}],
  ['a passphrase that is not set', { passphrase: undefined }],
  ['a raw key that is not set', { rawKey: undefined }],
  ['both', { passphrase: PASSPHRASE, rawKey: RAW_KEY }],
  ['an empty passphrase and a raw key', { passphrase: '', rawKey: RAW_KEY }],
  ['a raw key of 31 bytes', { rawKey: RAW_KEY.subarray(1) }],
  ['a raw key of 33 bytes', { rawKey: new Uint8Array(33) }],
  ['an empty raw key', { rawKey: new Uint8Array() }],
  ['a raw key in 64 characters of hex', untyped({ rawKey: Buffer.from(RAW_KEY).toString('hex') })],
  ['a raw key in a string of 32 characters', untyped({ rawKey: 'x'.repeat(32) })],
  ['a raw key in a list of 32 numbers', untyped({ rawKey: [...RAW_KEY] })],
  ['a raw key in 32 wider numbers', untyped({ rawKey: new Uint32Array(32) })],
  ['a raw key that is null', untyped({ rawKey: null })],
  ['a raw key in an ArrayBuffer', untyped({ rawKey: new ArrayBuffer(32) })],
  ['a passphrase that is null', untyped({ passphrase: null })],
  ['a passphrase of bytes', untyped({ passphrase: new TextEncoder().encode(PASSPHRASE) })],
  ['a passphrase in a String object', untyped({ passphrase: new String(PASSPHRASE) })],
];

const untouched: KeyringStore = {
  read: () => {
    throw new Error('the store was read');
  },
  write: () => {
    throw new Error('the store was written');
  },
};

describe('createKeyring', () => {
  it.each(REFUSED)('refuses %s before it looks at the store', async (_, unlock) => {
    const creating = createKeyringIn(environment(), untouched, { iterations: ITERATIONS, ...unlock });
    await expect(creating).rejects.toBeInstanceOf(InvalidPassphraseError);
  });
});

describe('openKeyring', () => {
  it.each(REFUSED)('refuses %s before it looks at the store', async (_, unlock) => {
    await expect(openKeyringIn(environment(), untouched, unlock)).rejects.toBeInstanceOf(
      InvalidPassphraseError,
    );
  });

  it('takes a raw key in a Buffer, and from the middle of a larger one', async () => {
    const store = memoryKeyring();
    const around = Buffer.concat([Buffer.from('before'), RAW_KEY, Buffer.from('after')]);
    const { keyring } = await knownKeyring({ rawKey: around.subarray(6, 38) }, store);
    const again = await openKeyringIn(environment(), store, { rawKey: RAW_KEY });
    expect(again.id).toBe(keyring.id);
  });

  it('leaves the raw key of its caller as it was', async () => {
    const rawKey = Uint8Array.from(RAW_KEY);
    const { store } = await knownKeyring({ rawKey });
    await openKeyringIn(environment(), store, { rawKey });
    expect(rawKey).toEqual(RAW_KEY);
  });
});
