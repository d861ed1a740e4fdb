/** Keys are unwrapped when they are first used, once, and then held to their commitment. */
import { describe, expect, it } from 'vitest';
import { webCryptoEngine } from '../../src/engine/index.js';
import {
  AuthenticationError,
  InvalidContextError,
  KeyringDamagedError,
  NoActiveKeyError,
} from '../../src/errors.js';
import { activateKey, addKey, openKeyringIn, openedOf, refreshKeyring } from '../../src/keyring/index.js';
import type { Engine } from '../../src/ports/engine.js';
import { base32 } from '../oracle/bytes.js';
import { keyId } from '../oracle/cell.js';
import { type DocumentSpec, type KeySpec, keyText, writeDocument } from '../oracle/keyring-document.js';
import {
  DATA,
  INDEX,
  RAW_KEY as VECTOR_KEY,
  edited,
  key,
  page,
  pageOf,
  spec,
} from '../oracle/make/documents/shared.js';
import {
  bytesOf,
  codeOf,
  countingEngine,
  environment,
  holding,
  knownKeyring,
  settableStore,
} from './support.js';

/** A keyring of many tenants, each with a data key. */
function ofTenants(count: number): DocumentSpec {
  const tenants = Array.from({ length: count }, (_, i) =>
    key(`tenant-${i}`, 'active', { tenant: BigInt(i) }),
  );
  return spec({ keys: [DATA, INDEX, ...tenants] });
}

async function opened(given: DocumentSpec, engine: Engine = webCryptoEngine()) {
  const store = holding(bytesOf(writeDocument(given)), given.revision);
  return openedOf(await openKeyringIn(environment({ engine }), store, { rawKey: VECTOR_KEY }));
}

const idOf = (given: typeof DATA): string => base32(keyId(given.kind, given.key));

/** The wrapping of a key, as the document has it. */
function wrappedIn(used: KeySpec): string {
  return /"wrapped":"([^"]*)"/.exec(keyText(spec(), used))?.[1] ?? '';
}

const ACME = key('acme', 'active', { tenant: 'acme' });

describe('opening a keyring', () => {
  it('unwraps the root key and the two that all tenants share, however many keys there are', async () => {
    const { engine, calls } = countingEngine();
    await opened(ofTenants(1000), engine);
    expect(calls('unwrapKey')).toBe(3);
    expect(calls('stretch')).toBe(0);
  });

  it('reads no page', async () => {
    const { engine, calls } = countingEngine();
    const paged = spec({ pages: [pageOf('only', 0, page(ACME))] });
    await opened(paged, engine); // its store has no pages at all
    expect(calls('unwrapKey')).toBe(3);
  });

  it.each([
    ['data', DATA],
    ['index', INDEX],
  ])('refuses a wrapping of the shared %s key that is damaged, before there is a cell', async (_, used) => {
    const document = edited(spec(), [wrappedIn(used), 'A'.repeat(80)]);
    const opening = openKeyringIn(environment(), holding(bytesOf(document)), { rawKey: VECTOR_KEY });
    await expect(opening).rejects.toBeInstanceOf(KeyringDamagedError);
    await expect(opening).rejects.toMatchObject({ keyId: idOf(used) });
  });

  it('succeeds whatever is inside the wrappings of keys that nobody uses', async () => {
    const document = edited(spec({ keys: [DATA, INDEX, ACME] }), [wrappedIn(ACME), 'A'.repeat(80)]);
    const keyring = await openKeyringIn(environment(), holding(bytesOf(document)), { rawKey: VECTOR_KEY });
    expect(await codeOf(async () => openedOf(keyring).sealingKey(undefined, {}))).toBe('success');
    expect(await codeOf(async () => openedOf(keyring).sealingKey('acme', {}))).toBe('keyring-damaged');
  });

  it('succeeds without active keys', async () => {
    const { engine, calls } = countingEngine();
    await opened(spec({ keys: [key('old', 'deactivated')] }), engine);
    expect(calls('unwrapKey')).toBe(1);
  });
});

describe('the first use of a key', () => {
  it('unwraps that key and no other', async () => {
    const { engine, calls } = countingEngine();
    const keyring = await opened(ofTenants(10), engine);
    const before = calls('unwrapKey');
    await keyring.sealingKey(3n, {});
    expect(calls('unwrapKey')).toBe(before + 1);
    await keyring.sealingKey(4n, {});
    expect(calls('unwrapKey')).toBe(before + 2);
    await keyring.sealingKey(3n, {});
    await keyring.sealingKey(undefined, {}); // opening has unwrapped it
    expect(calls('unwrapKey')).toBe(before + 2);
  });

  it('is shared by all who begin it at once, whether they seal or open', async () => {
    const { engine, calls } = countingEngine();
    const keyring = await opened(spec({ keys: [DATA, ACME] }), engine);
    const before = calls('unwrapKey');
    const uses = Array.from({ length: 100 }, async (_, i) =>
      i % 2 === 0 ? keyring.sealingKey('acme', {}) : keyring.openingKey(idOf(ACME), 'acme', {}),
    );
    const keys = await Promise.all(uses);
    expect(new Set(keys).size).toBe(1);
    expect(calls('unwrapKey')).toBe(before + 1);
  });

  it('is the only one: after it the key is there at once, without a promise', async () => {
    const { engine, calls } = countingEngine();
    const keyring = await opened(spec({ keys: [DATA, ACME] }), engine);
    const before = calls('unwrapKey');
    const first = await keyring.sealingKey('acme', {});
    expect(keyring.sealingKey('acme', {})).toBe(first);
    expect(keyring.openingKey(idOf(ACME), 'acme', {})).toBe(first);
    expect(calls('unwrapKey')).toBe(before + 1);
  });

  it('stays the only one across a change and a refresh', async () => {
    const { engine, calls } = countingEngine();
    const { keyring } = await knownKeyring(undefined, undefined, { engine });
    const first = await openedOf(keyring).sealingKey(undefined, {});
    const before = calls('unwrapKey');
    await addKey(keyring);
    await refreshKeyring(keyring);
    expect(openedOf(keyring).sealingKey(undefined, {})).toBe(first);
    expect(calls('unwrapKey')).toBe(before);
  });

  it('refuses wrapped keys that have changed places', async () => {
    const [first, second] = [key('first', 'deactivated'), key('second', 'deactivated')];
    const [one, other] = [wrappedIn(first), wrappedIn(second)];
    const swapped = edited(
      spec({ keys: [DATA, first, second] }),
      [one, 'elsewhere'],
      [other, one],
      ['elsewhere', other],
    );
    const keyring = openedOf(
      await openKeyringIn(environment(), holding(bytesOf(swapped)), { rawKey: VECTOR_KEY }),
    );
    for (const keyId of [idOf(first), idOf(second)]) {
      const use = (async () => keyring.openingKey(keyId, undefined, {}))();
      await expect(use).rejects.toBeInstanceOf(KeyringDamagedError);
      await expect(use).rejects.toMatchObject({ keyId });
    }
  });

  it('refuses a key that its wrapping vouches for and its commitment does not', async () => {
    // Only the commitment tells: whoever made this had the root key.
    const liar = { ...key('liar', 'active', { tenant: 'acme' }), commitment: new Uint8Array(32).fill(7) };
    const keyring = await opened(spec({ keys: [DATA, liar] }));
    const use = (async () => keyring.sealingKey('acme', {}))();
    await expect(use).rejects.toBeInstanceOf(KeyringDamagedError);
    await expect(use).rejects.toMatchObject({ keyId: base32(liar.commitment.subarray(0, 16)) });
  });

  it('that fails is tried again by the next use, and shared by those who began together', async () => {
    const inner = webCryptoEngine();
    let failures = 0;
    let isBroken = false;
    const engine: Engine = {
      ...inner,
      unwrapKey: async (...given) => {
        if (!isBroken) return inner.unwrapKey(...given);
        failures++;
        throw new RangeError('the module is away');
      },
    };
    const keyring = await opened(spec({ keys: [DATA, ACME] }), engine);
    isBroken = true;
    const uses = Array.from({ length: 10 }, () => codeOf(async () => keyring.sealingKey('acme', {})));
    for (const error of await Promise.all(uses)) expect(error).toBeInstanceOf(RangeError);
    expect(failures).toBe(1);
    isBroken = false;
    expect(await keyring.sealingKey('acme', {})).toMatchObject({ keyId: idOf(ACME) });
  });

  it('calls the tag of a wrapping damage of the keyring, not of a cell', async () => {
    const inner = webCryptoEngine();
    let isAltered = false;
    const engine: Engine = {
      ...inner,
      unwrapKey: (...given) => {
        if (!isAltered) return inner.unwrapKey(...given);
        throw new AuthenticationError();
      },
    };
    const keyring = await opened(spec({ keys: [DATA, ACME] }), engine);
    isAltered = true;
    expect(await codeOf(async () => keyring.sealingKey('acme', {}))).toBe('keyring-damaged');
  });
});

describe('the key that seals', () => {
  it("is the tenant's own where it has one that is active, and the shared one elsewhere", async () => {
    const keys = [
      DATA,
      key('acme', 'active', { tenant: 'acme' }),
      key('waiting', 'pre-active', { tenant: 'umbrella' }),
      key('seven', 'active', { tenant: 7n }),
    ] as const;
    const keyring = await opened(spec({ keys }));
    for (const [tenant, expected] of [
      [undefined, keys[0]],
      ['acme', keys[1]],
      ['umbrella', keys[0]],
      ['nobody', keys[0]],
      [7n, keys[3]],
    ] as const) {
      expect((await keyring.sealingKey(tenant, {})).keyId).toBe(idOf(expected));
      expect(keyring.sealingKeyId(tenant)).toBe(idOf(expected));
    }
  });

  it("is neither where the tenant's key was added under another type: it would never be used", async () => {
    const id = new Uint8Array(16).fill(0xab);
    const text = 'ABABABAB-abab-abab-abab-abababababab';
    const keys = [
      DATA,
      key('seven', 'active', { tenant: 7n }),
      key('uuid', 'active', { tenant: text }),
    ] as const;
    const keyring = await opened(spec({ keys }));
    for (const tenant of ['7', id]) {
      expect(() => keyring.sealingKey(tenant, {})).toThrow(InvalidContextError);
      expect(() => keyring.sealingKeyId(tenant)).toThrow(InvalidContextError);
    }
  });

  it('is the shared one for a tenant whose text is that of another but for capitals and hyphens', async () => {
    const keyring = await opened(spec({ keys: [DATA, key('north', 'active', { tenant: 'north-1' })] }));
    for (const tenant of ['NORTH-1', 'north1', '-north1'])
      expect((await keyring.sealingKey(tenant, {})).keyId).toBe(idOf(DATA));
    const negative = await opened(spec({ keys: [DATA, key('seven', 'active', { tenant: 7n })] }));
    expect((await negative.sealingKey(-7n, {})).keyId).toBe(idOf(DATA));
  });

  it('is missed by its own error where none is active', async () => {
    const keyring = await opened(
      spec({ keys: [INDEX, key('old', 'deactivated'), key('acme', 'active', { tenant: 'acme' })] }),
    );
    expect(() => keyring.sealingKey(undefined, { table: 't' })).toThrow(NoActiveKeyError);
    expect(() => keyring.sealingKey('umbrella', {})).toThrow(NoActiveKeyError);
    expect(keyring.sealingKeyId(undefined)).toBeUndefined();
    expect((await keyring.sealingKey('acme', {})).keyId).toBe(idOf(key('acme', 'active')));
  });

  it('is another one as soon as another one is active, here or elsewhere', async () => {
    const store = settableStore();
    const known = await knownKeyring(undefined, store);
    const first = (await openedOf(known.keyring).sealingKey(undefined, {})).keyId;
    const second = await addKey(known.keyring);
    expect((await openedOf(known.keyring).sealingKey(undefined, {})).keyId).toBe(first);
    await activateKey(known.keyring, second);
    expect((await openedOf(known.keyring).sealingKey(undefined, {})).keyId).toBe(second);
  });
});
