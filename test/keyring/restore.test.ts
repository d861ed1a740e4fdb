/** Keys that come back: what a restored database needs, found in this keyring or in a copy of it. */
import { beforeAll, describe, expect, it } from 'vitest';
import {
  type Census,
  type Keyring,
  activateKey,
  addKey,
  addTenants,
  decryptRecord,
  encryptRecord,
  exportKeyring,
  keyringArchive,
  listKeys,
  listMissingKeys,
  listTenantKeys,
  openKeyring,
  restoreKey,
  suspendKey,
} from '../../src/index.js';
import { issueCensus } from '../../src/keyring/index.js';
import { census, rotate } from '../../src/rotation/index.js';
import { memoryKeyring, memoryRecords } from '../../src/store/memory.js';
import { base32 } from '../oracle/bytes.js';
import {
  type Installation,
  SECRETS,
  TENANTS,
  contentsOf,
  copied,
  copyOf,
  everything,
  few,
  install,
  people,
} from './installation.js';
import { type Payload, RAW_KEY, codeOf, forge, holding, knownKeyring, payloadOf, stored } from './support.js';

const open = ({ keyrings }: Pick<Installation, 'keyrings'>) => openKeyring(keyrings, SECRETS.person);
const counted = ({ records }: Pick<Installation, 'records'>, keyring: Keyring) =>
  census(everything, { keyring, records });
const NOBODYS = 'n'.repeat(26);
const idsOf = (keys: readonly { readonly keyId: string }[]) => keys.map(({ keyId }) => keyId);
const stateOf = (keyring: Keyring, keyId: string) =>
  listKeys(keyring).find((key) => key.keyId === keyId)?.state;

/** A census of these cells and tokens. */
function counting(
  keyring: Keyring,
  cells: Record<string, number>,
  tokens: Record<string, number> = {},
): Census {
  return issueCensus({
    keyringId: keyring.id,
    revision: keyring.revision,
    countedAt: new Date(),
    behind: [],
    tables: [],
    records: 0,
    cells,
    tokens,
    notCells: 0,
  });
}

/** The world's keyring with some of its keys otherwise, written with the right root key. Where `alter` gives nothing, the key is gone. */
async function forged(
  world: Installation,
  alter: (key: Payload, keyId: string) => Payload,
): Promise<Installation> {
  const { document, revision } = await stored(world.keyrings);
  const payload = payloadOf(document);
  const keys = payload.keys.flatMap((key: Payload) => {
    const keyId = base32(Buffer.from(key.commitment, 'base64url').subarray(0, 16));
    return alter(key, keyId) ?? [];
  });
  const keyrings = memoryKeyring();
  await keyrings.restore({ revision, document: forge(world.rootKey, { ...payload, keys }) });
  return { ...world, keyrings };
}

const destroyed = ({ wrapped: _wrapped, ...key }: Payload): Payload => ({ ...key, state: 'destroyed' });
const isActive = ({ state }: Payload): boolean => state === 'active';

describe('a suspended key', () => {
  it.each(['census', 'keyIds'] as const)('decrypts again when %s asks for it', async (asked) => {
    const { store, keyring } = await knownKeyring();
    const records = memoryRecords();
    const backup = memoryRecords();
    const row = await encryptRecord(people, { id: 1, name: 'Jane' }, keyring);
    backup.insert(people, { ...row });
    const [first] = idsOf(listKeys(keyring)) as [string];
    await activateKey(keyring, await addKey(keyring));
    await suspendKey(keyring, first, await counted({ records }, keyring), { withoutHold: true });
    expect(await codeOf(decryptRecord(people, row, keyring))).toBe('suspended-key');

    const found = await counted({ records: backup }, keyring);
    expect(await listMissingKeys(keyring, found)).toEqual([
      { kind: 'data', keyId: first, cells: 1, state: 'suspended' },
    ]);
    const wanted = asked === 'census' ? { census: found } : { keyIds: [first] };
    const { restored, missing } = await restoreKey(keyring, { archive: store, rawKey: RAW_KEY, ...wanted });
    expect(restored).toEqual([
      expect.objectContaining({ keyId: first, kind: 'data', tenant: undefined, state: 'deactivated' }),
    ]);
    expect(missing).toEqual({});
    for (const reader of [keyring, await openKeyring(store, { rawKey: RAW_KEY })])
      expect(await decryptRecord(people, row, reader)).toEqual({ id: 1, name: 'Jane' });
    expect(await listMissingKeys(keyring, found)).toEqual([]);
  });

  it('is told of tokens, too, as far as they name it, and so is one that nobody has', async () => {
    const { store, keyring } = await knownKeyring();
    const index = listKeys(keyring).find(({ kind }) => kind === 'index')?.keyId ?? '';
    const later = await addKey(keyring, { kind: 'index' });
    await activateKey(keyring, later);
    await suspendKey(keyring, index, counting(keyring, {}), { withoutHold: true });
    const prefix = (keyId: string) => keyId.slice(0, 8);
    const tokens = { [prefix(index)]: 2, [prefix(NOBODYS)]: 3, [prefix(later)]: 4 };
    const found = counting(keyring, {}, tokens);
    const nobodys = { kind: 'index', keyId: prefix(NOBODYS), cells: 3, state: 'unknown' };
    expect(await listMissingKeys(keyring, found)).toEqual([
      { kind: 'index', keyId: index, cells: 2, state: 'suspended' },
      nobodys,
    ]);
    await restoreKey(keyring, { archive: store, rawKey: RAW_KEY, census: found });
    expect(await listMissingKeys(keyring, found)).toEqual([nobodys]);
    expect(await listMissingKeys(keyring, { cells: {} })).toEqual([]);
  });

  it('comes back also from a copy that does not have it', async () => {
    const { store, keyring } = await knownKeyring();
    const archive = keyringArchive((await stored(store)).document);
    const later = await addKey(keyring);
    await activateKey(keyring, later);
    await activateKey(keyring, await addKey(keyring));
    await suspendKey(keyring, later, counting(keyring, {}), { withoutHold: true });
    await restoreKey(keyring, { archive, rawKey: RAW_KEY, keyIds: [later] });
    expect(stateOf(keyring, later)).toBe('deactivated');
  });

  it('stays suspended where nobody asks: not for other keys, not for none, not for no cells', async () => {
    const { store, keyring } = await knownKeyring();
    const [first, index] = idsOf(listKeys(keyring)) as [string, string];
    await activateKey(keyring, await addKey(keyring));
    await suspendKey(keyring, first, counting(keyring, {}), { withoutHold: true });
    const { revision } = keyring;
    for (const wanted of [
      { keyIds: [] },
      { keyIds: [index, NOBODYS] },
      { census: counting(keyring, {}) },
      { census: counting(keyring, { [first]: 0 }) },
    ]) {
      const result = await restoreKey(keyring, { archive: store, rawKey: RAW_KEY, ...wanted });
      expect(result).toEqual({ restored: [], missing: {} });
    }
    expect(keyring.revision).toBe(revision);
    expect(stateOf(keyring, first)).toBe('suspended');
  });
});

describe.each([{ pages: false }, { pages: true }])('a restored database, with pages: $pages', ({ pages }) => {
  let template: Installation;
  let archive: ReturnType<typeof keyringArchive>;
  const secret = SECRETS.next;
  beforeAll(async () => {
    template = await install({ pages });
    archive = keyringArchive(await exportKeyring(await open(template), few(secret)));
  });

  /** The keyring without the shared keys that were not active, and without the tenants'. */
  async function reduced(): Promise<Installation> {
    const world = await copyOf(template);
    const kept = await forged(world, (key) => (isActive(key) && key.tenant === undefined ? key : undefined));
    const { document, revision } = await stored(kept.keyrings);
    const keyrings = memoryKeyring();
    await keyrings.restore({
      revision,
      document: forge(world.rootKey, { ...payloadOf(document), pages: [] }),
    });
    return { ...kept, keyrings };
  }

  it('decrypts with the keys of an export, and is rotated away from them', async () => {
    const world = await reduced();
    const keyring = await open(world);
    const active = idsOf(listKeys(keyring));
    const found = await counted(world, keyring);
    const lost = Object.keys(found.cells).filter((keyId) => !active.includes(keyId));
    expect(lost).toHaveLength(1 + TENANTS.length);
    expect(await codeOf(contentsOf(world.records, keyring))).toBe('unknown-key');
    expect(idsOf(await listMissingKeys(keyring, found)).sort()).toEqual([...lost].sort());
    const dataKeys = listKeys(keyring).filter(({ kind }) => kind === 'data');

    const { restored, missing } = await restoreKey(keyring, { archive, ...secret, census: found });
    expect(missing).toEqual({});
    expect(idsOf(restored).sort()).toEqual([...lost].sort());
    expect(new Set(restored.map(({ kind, state }) => `${kind} ${state}`))).toEqual(
      new Set(['data deactivated']),
    );
    expect(restored.flatMap(({ tenant }) => tenant ?? []).sort()).toEqual([...TENANTS].sort());
    expect(await contentsOf(world.records, keyring)).toEqual(world.contents);
    // As others read it, with this keyring's own secrets; the export's opens nothing here.
    expect(await contentsOf(world.records, await open(world))).toEqual(world.contents);
    expect(await codeOf(openKeyring(world.keyrings, secret))).toBe('wrong-secret');

    for await (const progress of rotate(everything, { keyring, records: world.records })) void progress;
    const after = await counted(world, keyring);
    expect(Object.keys(after.cells)).toEqual(idsOf(dataKeys));
    expect(await contentsOf(world.records, keyring)).toEqual(world.contents);
  });

  it('has no more brought back by a repetition, by whichever object', async () => {
    const world = await reduced();
    const keyring = await open(world);
    const wanted = { archive, ...secret, census: await counted(world, keyring), keyIds: world.keyIds };
    await restoreKey(keyring, wanted);
    const before = await stored(world.keyrings);
    for (const again of [keyring, await open(world)])
      expect(await restoreKey(again, wanted)).toEqual({ restored: [], missing: {} });
    expect(await stored(world.keyrings)).toEqual(before);
  });

  it('has index keys brought back only by their ids', async () => {
    const world = await reduced();
    const keyring = await open(world);
    const cells = Object.fromEntries(template.keyIds.map((keyId) => [keyId, 1]));
    await restoreKey(keyring, { archive, ...secret, census: counting(keyring, cells) });
    const kinds = async (): Promise<string[]> =>
      (await listTenantKeys(keyring, 'acme')).map(({ kind, state }) => `${kind} ${state}`).sort();
    expect(await kinds()).toEqual(['data deactivated']);
    const owned = await listTenantKeys(await open(template), 'acme');
    await restoreKey(keyring, { archive, ...secret, keyIds: idsOf(owned) });
    expect(await kinds()).toEqual(['data deactivated', 'index deactivated']);
  });

  it('is told which keys nobody has, and how many cells are under them', async () => {
    const world = await reduced();
    const keyring = await open(world);
    const { cells } = await counted(world, keyring);
    const found = counting(keyring, { ...cells, [NOBODYS]: 7, ['o'.repeat(26)]: 0 });
    expect(await listMissingKeys(keyring, found)).toContainEqual({
      kind: 'data',
      keyId: NOBODYS,
      cells: 7,
      state: 'unknown',
    });
    const { missing } = await restoreKey(keyring, { archive, ...secret, census: found });
    expect(missing).toEqual({ [NOBODYS]: 7 });
    expect(await listMissingKeys(keyring, found)).toEqual([
      { kind: 'data', keyId: NOBODYS, cells: 7, state: 'unknown' },
    ]);
  });

  it('needs its tenants’ keys wherever they stand: those that are there are not missing', async () => {
    const world = await copyOf(template);
    const keyring = await open(world);
    const found = await counted(world, keyring);
    expect(await listMissingKeys(keyring, found)).toEqual([]);
    const before = await stored(world.keyrings);
    expect(await restoreKey(keyring, { archive, ...secret, census: found })).toEqual({
      restored: [],
      missing: {},
    });
    expect(await stored(world.keyrings)).toEqual(before);
  });
});

describe('restoreKey', () => {
  let template: Installation;
  beforeAll(async () => {
    template = await install({ pages: false });
  });
  const ids = () => template.keyIds;

  it('brings back a key that was destroyed here only if it is named', async () => {
    const isGone = (key: Payload): boolean => key.tenant === 'acme';
    const world = await forged(await copyOf(template), (key) => (isGone(key) ? destroyed(key) : key));
    const keyring = await open(world);
    const found = await counted(world, keyring);
    const shredded = await listTenantKeys(keyring, 'acme');
    expect(shredded.map(({ state }) => state)).toEqual(['destroyed', 'destroyed']);
    const [data, index] = idsOf(shredded) as [string, string];
    expect(await listMissingKeys(keyring, found)).toEqual([
      { kind: 'data', keyId: data, cells: 1, state: 'destroyed' },
    ]);

    const copy = { archive: template.keyrings, ...SECRETS.service };
    expect(await restoreKey(keyring, { ...copy, census: found })).toEqual({
      restored: [],
      missing: { [data]: 1 },
    });
    expect(await codeOf(contentsOf(world.records, keyring))).toBe('destroyed-key');
    const { restored, missing } = await restoreKey(keyring, { ...copy, census: found, keyIds: [data] });
    expect(restored).toEqual([
      expect.objectContaining({ keyId: data, tenant: 'acme', state: 'deactivated' }),
    ]);
    expect(missing).toEqual({});
    expect(await contentsOf(world.records, await open(world))).toEqual(template.contents);
    const states = (await listTenantKeys(keyring, 'acme')).map(({ keyId, state }) => [keyId, state]);
    expect(states).toEqual([
      [data, 'deactivated'],
      [index, 'destroyed'],
    ]);
  });

  it('leaves destroyed what the copy has destroyed too', async () => {
    const world = await forged(await copyOf(template), (key) =>
      key.tenant === 'acme' ? destroyed(key) : key,
    );
    const keyring = await open(world);
    const before = await stored(world.keyrings);
    const { keyrings: archive } = await copyOf(world);
    const named = { archive, ...SECRETS.person, keyIds: ids() };
    expect(await restoreKey(keyring, named)).toEqual({ restored: [], missing: {} });
    expect(await stored(world.keyrings)).toEqual(before);
  });

  it('gives every key that comes back a state that only decrypts, whatever it was in the copy', async () => {
    const [gone, present] = [template.preActive, ids()[0]] as [string, string];
    for (const [before, after] of [
      ['pre-active', 'deactivated'],
      ['deactivated', 'deactivated'],
      ['suspended', 'deactivated'],
      ['compromised', 'compromised'],
    ]) {
      const world = await forged(await copyOf(template), (key, keyId) => (keyId === gone ? undefined : key));
      const copy = await forged(await copyOf(template), (key, keyId) =>
        keyId === gone ? { ...key, state: before } : key,
      );
      const keyring = await open(world);
      expect(stateOf(keyring, gone)).toBeUndefined();
      const options = { archive: copy.keyrings, ...SECRETS.person, keyIds: [gone] };
      await restoreKey(keyring, options);
      expect(stateOf(keyring, gone), before).toBe(after);
      expect(stateOf(keyring, present)).toBe(stateOf(await open(template), present));
    }
  });

  it('brings an active key back deactivated, beside the one that is active here', async () => {
    const keyrings = await copied(template.keyrings, memoryKeyring());
    const keyring = await open({ keyrings });
    const newest = await addKey(keyring);
    await activateKey(keyring, newest);
    // A copy in which it is active; a keyring that has gone on without it.
    const archive = keyringArchive((await stored(keyrings)).document);
    const world = await forged(await copyOf(template), (key) => key);
    const here = await open(world);
    while (here.revision < keyring.revision) await addTenants(here, [`tenant ${here.revision}`]);
    const before = listKeys(here).filter(({ state }) => state === 'active');
    await restoreKey(here, { archive, ...SECRETS.person, keyIds: [newest] });
    expect(stateOf(here, newest)).toBe('deactivated');
    expect(listKeys(here).filter(({ state }) => state === 'active')).toEqual(before);
  });

  it('takes a compromised key for what it is: it decrypts, and is left so', async () => {
    const [compromised] = ids() as [string];
    const world = await forged(await copyOf(template), (key, keyId) =>
      keyId === compromised ? { ...key, state: 'compromised' } : key,
    );
    const keyring = await open(world);
    const found = await counted(world, keyring);
    expect(found.cells[compromised]).toBeGreaterThan(0);
    const copy = { archive: template.keyrings, ...SECRETS.person };
    expect(await restoreKey(keyring, { ...copy, census: found, keyIds: ids() })).toEqual({
      restored: [],
      missing: {},
    });
    expect(stateOf(keyring, compromised)).toBe('compromised');
  });

  it('refuses what cannot be meant, and a copy that does not open, and writes nothing', async () => {
    const world = await copyOf(template);
    const keyring = await open(world);
    const before = await stored(world.keyrings);
    const archive = template.keyrings;
    const another = await knownKeyring();
    const { document } = before;
    const altered = Uint8Array.from(document);
    const last = altered.length - 10; // in the MAC
    altered[last] = (altered[last] as number) === 65 ? 66 : 65;
    const keyIds = ids();
    const refusals = [
      [{ archive, ...SECRETS.person }, 'definition'],
      [{ archive, ...SECRETS.next, keyIds }, 'wrong-secret'],
      [{ archive, rawKey: SECRETS.robot.rawKey, keyIds }, 'wrong-secret'],
      [{ archive, keyIds }, 'invalid-passphrase'],
      [{ archive, ...SECRETS.person, ...SECRETS.service, keyIds }, 'invalid-passphrase'],
      [{ archive: another.store, rawKey: RAW_KEY, keyIds }, 'wrong-keyring'],
      [{ archive: another.store, ...SECRETS.next, keyIds }, 'wrong-keyring'],
      [{ archive: memoryKeyring(), ...SECRETS.person, keyIds }, 'keyring-not-found'],
      [{ archive: holding(altered, before.revision), ...SECRETS.person, keyIds }, 'keyring-damaged'],
      [{ archive: holding(document, before.revision + 1), ...SECRETS.person, keyIds }, 'keyring-damaged'],
      [{ archive: holding(document.subarray(1)), ...SECRETS.person, keyIds }, 'keyring-damaged'],
    ] as const;
    for (const [options, code] of refusals) expect(await codeOf(restoreKey(keyring, options))).toBe(code);
    expect(await stored(world.keyrings)).toEqual(before);
  });

  it('takes no key that is not the one that its entry in the copy names', async () => {
    const gone = template.preActive;
    const world = await forged(await copyOf(template), (key, keyId) => (keyId === gone ? undefined : key));
    const [, , other] = payloadOf((await stored(template.keyrings)).document).keys;
    const copy = await forged(await copyOf(template), (key, keyId) =>
      keyId === gone ? { ...key, wrapped: other.wrapped } : key,
    );
    const keyring = await open(world);
    const before = await stored(world.keyrings);
    const options = { archive: copy.keyrings, ...SECRETS.person, keyIds: [gone] };
    expect(await codeOf(restoreKey(keyring, options))).toBe('keyring-damaged');
    expect(await stored(world.keyrings)).toEqual(before);
  });

  it('opens copies of before a change of the passphrase, and with any secret of then', async () => {
    const world = await forged(await copyOf(template), (key) => (isActive(key) ? key : undefined));
    for (const secret of [SECRETS.person, SECRETS.service, SECRETS.cloud]) {
      const { keyrings } = await copyOf(world);
      const keyring = await open({ keyrings });
      const found = await counted(world, keyring);
      await restoreKey(keyring, { archive: template.keyrings, ...secret, census: found });
      expect(await contentsOf(world.records, keyring)).toEqual(template.contents);
    }
  });
});
