/** A change of the key that is cut off at any call of its store: the keyring opens, nothing is lost, and it goes on. */
import { beforeAll, describe, expect, it } from 'vitest';
import {
  type Keyring,
  changeKey,
  decryptRecord,
  encryptRecord,
  finishKeyChange,
  listKeys,
  listTenantKeys,
  openKeyring,
  refreshKeyring,
} from '../../src/index.js';
import { census, rotate } from '../../src/rotation/index.js';
import { crashEverywhere } from './crashes.js';
import {
  type Installation,
  SECRETS,
  TENANTS,
  account,
  accounts,
  contentsOf,
  copyOf,
  everything,
  few,
  install,
  openersOf,
  people,
} from './installation.js';
import { codeOf, payloadOf, stored } from './support.js';

const changed = (keyring: Keyring) => changeKey(keyring, { ...few(SECRETS.next), keep: [SECRETS.service] });

/** Its state, from outside: not begun, begun and not in use, in use, finished. */
async function stageOf({ keyrings }: Installation): Promise<'before' | 'begun' | 'in use' | 'finished'> {
  const { change, slots, keys } = payloadOf((await stored(keyrings)).document);
  if (slots.length === 3) return 'before';
  if (!change) return 'finished';
  const isBegun = keys.some(
    (key: { addedIn: number; state: string }) =>
      key.addedIn === change.revision && key.state === 'pre-active',
  );
  return isBegun ? 'begun' : 'in use';
}

/** Seals something new of everybody, and reads it back. */
async function written(keyring: Keyring): Promise<void> {
  const row = await encryptRecord(people, { id: 99, name: 'new' }, keyring);
  expect(await decryptRecord(people, row, keyring)).toEqual({ id: 99, name: 'new' });
  for (const owner of TENANTS) {
    const owned = await account(keyring, { id: 99, owner, iban: 'new' });
    expect(await decryptRecord(accounts, owned, keyring, { tenant: owner })).toMatchObject({ iban: 'new' });
  }
}

async function rotated({ keyrings, records }: Installation): Promise<Keyring> {
  const keyring = await openKeyring(keyrings, SECRETS.next);
  for await (const progress of rotate(everything, { keyring, records })) void progress;
  return keyring;
}

describe.each([{ pages: false }, { pages: true }])('with pages: $pages', ({ pages }) => {
  let template: Installation;
  beforeAll(async () => {
    template = await install({ pages });
  });

  it('changeKey leaves what was or what comes, whole, and the same call again brings it to its end', async () => {
    const stages = new Set<string>();
    const calls = await crashEverywhere(
      async () => {
        const world = await copyOf(template);
        // A service that is running all the while.
        return { ...world, service: await openKeyring(world.keyrings, SECRETS.service) };
      },
      async ({ keyrings }) => changed(await openKeyring(keyrings, SECRETS.person)),
      async ({ world, crash, call, outcome }) => {
        const where = `${crash} at ${call}`;
        const { keyrings, records, service } = world;
        const stage = await stageOf(world);
        stages.add(stage);
        if (outcome === 'success') expect(stage, where).toBe('in use');

        // With the old passphrase or with the new one, and never with neither.
        const openers = await openersOf(keyrings);
        expect(openers, where).toEqual(
          stage === 'before' ? ['person', 'service', 'cloud'] : ['service', 'next'],
        );
        const opener = stage === 'before' ? SECRETS.person : SECRETS.next;
        const keyring = await openKeyring(keyrings, opener);
        expect(await contentsOf(records, keyring), where).toEqual(template.contents);
        await written(keyring);
        await refreshKeyring(service);
        expect(await contentsOf(records, service), where).toEqual(template.contents);
        await written(service);

        const again = await changed(keyring);
        expect(again, where).toMatchObject({ isNew: stage === 'before', revision: keyring.revision });
        expect(await stageOf(world), where).toBe('in use');
        expect(await openersOf(keyrings), where).toEqual(['service', 'next']);
        for (const tenant of [undefined, ...TENANTS]) {
          const keys = tenant === undefined ? listKeys(keyring) : await listTenantKeys(keyring, tenant);
          for (const kind of ['data', 'index']) {
            const active = keys.filter(
              (key) => key.kind === kind && key.tenant === tenant && key.state === 'active',
            );
            expect(active, where).toHaveLength(1);
            expect(template.keyIds).not.toContain(active[0]?.keyId);
          }
        }
        expect(await contentsOf(records, keyring), where).toEqual(template.contents);
        await refreshKeyring(service);
        await written(service);
      },
    );
    const parts = pages ? ['pages.read', 'pages.write', 'pages.remove'] : [];
    expect(calls).toEqual(expect.arrayContaining(['read', 'write', 'processes.list', ...parts]));
    expect(calls.filter((call) => call === 'write')).toHaveLength(2);
    expect([...stages].sort()).toEqual(['before', 'begun', 'in use']);
  });

  it('finishKeyChange leaves the change under way or ended, and the same call again ends it', async () => {
    const ready = await copyOf(template);
    await changed(await openKeyring(ready.keyrings, SECRETS.person));
    await rotated(ready);
    const stages = new Set<string>();
    const calls = await crashEverywhere(
      () => copyOf(ready),
      async ({ keyrings, records }) => {
        const keyring = await openKeyring(keyrings, SECRETS.next);
        await finishKeyChange(keyring, await census(everything, { keyring, records }), { withoutHold: true });
      },
      async ({ world, crash, call }) => {
        const where = `${crash} at ${call}`;
        const { keyrings, records } = world;
        const stage = await stageOf(world);
        stages.add(stage);
        expect(await openersOf(keyrings), where).toEqual(['service', 'next']);
        const keyring = await openKeyring(keyrings, SECRETS.next);
        expect(await contentsOf(records, keyring), where).toEqual(template.contents);
        const count = await census(everything, { keyring, records });
        expect(await codeOf(finishKeyChange(keyring, count, { withoutHold: true })), where).toBe('success');
        expect(await stageOf(world), where).toBe('finished');
        const replaced = [
          ...listKeys(keyring),
          ...(await Promise.all(TENANTS.map((tenant) => listTenantKeys(keyring, tenant)))).flat(),
        ].filter(({ keyId, kind }) => kind === 'data' && template.keyIds.includes(keyId));
        expect(new Set(replaced.map(({ state }) => state)), where).toEqual(new Set(['suspended']));
        expect(await contentsOf(records, keyring), where).toEqual(template.contents);
        await written(keyring);
      },
    );
    expect(calls).toContain('write');
    expect([...stages].sort()).toEqual(['finished', 'in use']);
  });
});
