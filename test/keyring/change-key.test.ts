/** changeKey and finishKeyChange: what becomes of keys, slots, processes, and of a copy that somebody has kept. */
import { setImmediate } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  type ChangeKeyOptions,
  type Keyring,
  type UnlockSecret,
  activateKey,
  addKey,
  addSlot,
  addTenants,
  changeKey,
  decryptRecord,
  encryptRecord,
  finishKeyChange,
  listKeys,
  listSlots,
  listTenantKeys,
  openKeyring,
  refreshKeyring,
  resumeKey,
  watchKeyring,
} from '../../src/index.js';
import { openKeyringIn } from '../../src/keyring/index.js';
import type { KeyringStore } from '../../src/ports/keyring-store.js';
import { census, rotate } from '../../src/rotation/index.js';
import { memoryKeyring } from '../../src/store/memory.js';
import { fromText } from '../oracle/cell.js';
import type { Context } from '../oracle/context.js';
import { watched } from './crashes.js';
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
import { type Copy, anyOpens, isSealedUnder, keysUnder, readWith, rootKeyOf } from './old-copy.js';
import {
  type FakeClock,
  ITERATIONS,
  codeOf,
  environment,
  fakeClock,
  payloadOf,
  stored,
  until,
} from './support.js';

const open = ({ keyrings }: Pick<Installation, 'keyrings'>, secret: UnlockSecret = SECRETS.person) =>
  openKeyring(keyrings, secret);
const change = (keyring: Keyring, more: Partial<ChangeKeyOptions> = {}) =>
  changeKey(keyring, { ...few(SECRETS.next), ...more });
const counted = ({ records }: Installation, keyring: Keyring) => census(everything, { keyring, records });

/** The keys of the document and its pages, as they are stored. */
async function storedKeys(store: KeyringStore) {
  const { keys, pages } = payloadOf((await stored(store)).document);
  const all = [...keys];
  for (const { name } of pages) {
    const page = (await store.pages?.read(name, 1024 * 1024)) ?? new Uint8Array();
    all.push(...JSON.parse(Buffer.from(page).toString('utf8')));
  }
  return all as {
    kind: string;
    tenant?: string;
    state: string;
    addedIn: number;
    wrapped?: string;
    commitment: string;
  }[];
}

async function copyBytes(store: KeyringStore): Promise<Copy> {
  const { document } = await stored(store);
  const pages = [];
  for (const { name } of payloadOf(document).pages)
    pages.push((await store.pages?.read(name, 1024 * 1024)) ?? new Uint8Array());
  return { document, pages };
}

/** Lets time go on, a look at the registry at once, whenever both the watching process and the waiting one sleep. */
async function asTimeGoes<T>(clock: FakeClock, work: Promise<T>): Promise<T> {
  let isOver = false;
  const over = (): void => {
    isOver = true;
  };
  work.then(over, over);
  while (!isOver) {
    await setImmediate();
    if (clock.sleepers > 1) clock.advance(250);
  }
  return work;
}

async function rotated({ records }: Installation, keyring: Keyring): Promise<void> {
  for await (const progress of rotate(everything, { keyring, records })) void progress;
}

describe.each([{ pages: false }, { pages: true }])('changeKey, with pages: $pages', ({ pages }) => {
  let template: Installation;
  beforeAll(async () => {
    template = await install({ pages });
  });

  it('gives every active key a successor, data and index, everybody’s and each tenant’s, and makes it active', async () => {
    const world = await copyOf(template);
    const before = await storedKeys(world.keyrings);
    const keyring = await open(world);
    const { revision } = keyring;
    expect(await change(keyring)).toEqual({ isNew: true, revision: revision + 2 });
    const after = await storedKeys(world.keyrings);
    const active = (keys: typeof after) =>
      keys
        .filter(({ state }) => state === 'active')
        .map(({ kind, tenant }) => `${kind} ${tenant}`)
        .sort();
    expect(active(after)).toEqual(active(before));
    expect(active(after)).toHaveLength(2 + 2 * TENANTS.length);
    const known = new Map(before.map((key) => [key.commitment, key]));
    for (const key of after) {
      const was = known.get(key.commitment);
      if (was) {
        expect(key).toEqual({ ...was, state: 'deactivated', wrapped: key.wrapped });
        expect(key.wrapped).not.toBe(was.wrapped);
      } else expect(key).toMatchObject({ state: 'active', addedIn: revision + 1 });
    }
    expect(after).toHaveLength(before.length + 2 + 2 * TENANTS.length);
    expect(await contentsOf(world.records, keyring)).toEqual(template.contents);
  });

  it('leaves nothing that a copy of before and its passphrase open, once it has finished', async () => {
    const world = await copyOf(template);
    const copy = await copyBytes(world.keyrings);
    const copied = await copyOf(template);
    const keyring = await open(world);
    await change(keyring, { keep: [SECRETS.service] });
    await rotated(world, keyring);
    await finishKeyChange(keyring, await counted(world, keyring), { withoutHold: true });
    world.records.insert(people, await encryptRecord(people, { id: 50, name: 'after' }, keyring));
    for (const [i, owner] of TENANTS.entries())
      world.records.insert(accounts, await account(keyring, { id: 50 + i, owner, iban: 'after' }));

    // By the library: the copy opens with its own passphrase, and reads what was kept with it, and nothing else.
    let nowMs = 0;
    const clock = { ...fakeClock(), monotonicMs: () => (nowMs += 2_000) }; // an unknown key is looked for once a second
    const old = await openKeyringIn(environment({ clock }), copied.keyrings, SECRETS.person);
    expect(await contentsOf(copied.records, old)).toEqual(template.contents);
    // By the second implementation, with everything that the passphrase unwraps, whatever its state.
    const oldRoot = rootKeyOf(copy, SECRETS.person.passphrase) ?? new Uint8Array();
    const held = keysUnder(oldRoot, copy);
    expect(held).toHaveLength(template.keyIds.length);
    const rows = [
      ...world.records.rows(people).map((row) => ({ row, owner: undefined })),
      ...world.records.rows(accounts).map((row) => ({ row, owner: row['owner'] as string })),
    ];
    expect(rows).toHaveLength(2 + 1 + 2 * TENANTS.length + 1);
    for (const { row, owner } of rows) {
      const [definition, column] = owner === undefined ? [people, 'name'] : [accounts, 'iban'];
      const reading =
        owner === undefined
          ? decryptRecord(people, row, old)
          : decryptRecord(accounts, row, old, { tenant: owner });
      expect(await codeOf(reading)).toBe('unknown-key');
      const cell = row[column] as string;
      const context: Context = {
        ...(owner === undefined ? {} : { tenant: owner }),
        ...{ table: definition.name, column, record: BigInt(row['id'] as number) },
      };
      expect(readWith(held, cell, context)).toBe('unknown-key');
      const binary = fromText(cell);
      expect(typeof binary === 'string' || anyOpens(held, binary, context)).toBe(false);
      // The proof can fail: the keys of today open it.
      const now = await copyBytes(world.keyrings);
      const today = keysUnder(rootKeyOf(now, SECRETS.next.passphrase) ?? new Uint8Array(), now);
      expect(readWith(today, cell, context)).toBe('success');
    }

    for (const { name } of payloadOf(copy.document).pages)
      expect(await world.keyrings.pages.read(name, 1024 * 1024)).toBeUndefined(); // gone from the store too

    // Nor does what the copy gives open the document of today: neither its slots, nor its keys, nor its MAC.
    const now = await copyBytes(world.keyrings);
    expect(isSealedUnder(oldRoot, copy)).toBe(true);
    expect(isSealedUnder(oldRoot, now)).toBe(false);
    expect(rootKeyOf(now, SECRETS.person.passphrase)).toBeUndefined();
    expect(keysUnder(oldRoot, now)).toEqual([]);
    const known = new Set(held.map(({ key }) => Buffer.from(key).toString('hex')));
    const today = keysUnder(rootKeyOf(now, SECRETS.next.passphrase) ?? new Uint8Array(), now);
    const fresh = today.filter(({ key }) => !known.has(Buffer.from(key).toString('hex')));
    // All that is active is new: index keys, whose tokens the copy could test, as well as data keys.
    expect(fresh.map(({ kind }) => kind).sort()).toEqual(
      ['data', 'index'].flatMap((kind) => Array.from({ length: 1 + TENANTS.length }, () => kind)),
    );
    expect(today.filter(({ state }) => state === 'active').sort()).toEqual(fresh.sort());
  });

  it('drops every slot whose secret is not kept, and keeps the others as they are but for what they wrap', async () => {
    const world = await copyOf(template);
    const { slots: before } = payloadOf((await stored(world.keyrings)).document);
    await change(await open(world), { keep: [SECRETS.cloud, SECRETS.service], label: 'the new one' });
    expect(await openersOf(world.keyrings)).toEqual(['service', 'cloud', 'next']);
    const [made, ...kept] = payloadOf((await stored(world.keyrings)).document).slots;
    expect(made).toMatchObject({ type: 'passphrase', label: 'the new one', iterations: ITERATIONS });
    expect(kept).toHaveLength(2);
    for (const slot of kept) {
      // The same slot, for another root key: its id says which, and all that comes of the id is new.
      const was = before.find(({ id }: { id: string }) => slot.id.startsWith(`${id}_`));
      const { id, commitment, wrapped, wrappedSecret, ...same } = slot;
      expect(was).toMatchObject(same);
      expect(id).toBe(`${was.id}_${(await stored(world.keyrings)).revision - 1}`);
      expect([was.commitment, was.wrapped]).not.toContain(commitment);
      expect([was.commitment, was.wrapped]).not.toContain(wrapped);
      if (wrappedSecret !== undefined) expect(wrappedSecret).not.toBe(was.wrappedSecret);
    }
  });

  it('lets processes go on by themselves whose slot is kept, whatever its type', async () => {
    const world = await copyOf(template);
    const processes = [await open(world, SECRETS.service), await open(world, SECRETS.cloud)];
    await addSlot(await open(world), { ...few(SECRETS.other), current: SECRETS.person });
    processes.push(await open(world, SECRETS.other));
    const keep = [SECRETS.service, SECRETS.cloud, SECRETS.other];
    const keyring = await open(world);
    await change(keyring, { keep });
    const row = await account(keyring, { id: 70, owner: 'acme', iban: 'of the new key' });
    for (const process of processes) {
      // A cell under a key that it does not know makes it read the keyring again.
      expect(await decryptRecord(accounts, row, process, { tenant: 'acme' })).toMatchObject({ id: 70 });
      expect(process.revision).toBe(keyring.revision);
      expect(await contentsOf(world.records, process)).toEqual(template.contents);
      await change(await open(world, SECRETS.next), { keep: [] }); // resumes, changes nothing
    }
    // And over a second change, after they have followed the first.
    await rotated(world, keyring);
    await finishKeyChange(keyring, await counted(world, keyring), { withoutHold: true });
    await changeKey(keyring, { ...few({ passphrase: 'the third one' }), keep });
    for (const process of processes) {
      await refreshKeyring(process);
      const again = await account(process, { id: 71, owner: 'acme', iban: 'newer' });
      expect(await decryptRecord(accounts, again, keyring, { tenant: 'acme' })).toMatchObject({ id: 71 });
    }
  });

  it('tells processes whose slot was dropped, which read on, and follow with the new secret', async () => {
    const world = await copyOf(template);
    const told = await open(world, SECRETS.cloud);
    let asked = 0;
    const renewing = await openKeyring(world.keyrings, {
      ...SECRETS.cloud,
      renewSecret: async () => {
        asked++;
        return SECRETS.next;
      },
    });
    const keyring = await open(world);
    await change(keyring);
    const row = await encryptRecord(people, { id: 70, name: 'of the new key' }, keyring);

    expect(await codeOf(refreshKeyring(told))).toBe('keyring-rekeyed');
    expect(await codeOf(decryptRecord(people, row, told))).toBe('keyring-rekeyed');
    expect(await codeOf(addKey(told))).toBe('keyring-rekeyed');
    expect(await codeOf(refreshKeyring(told, SECRETS.person))).toBe('wrong-secret');
    if (!pages) expect(await contentsOf(world.records, told)).toEqual(template.contents);
    expect(await decryptRecord(people, world.records.rows(people)[0] ?? {}, told)).toEqual(
      template.contents.people[0],
    );
    await refreshKeyring(told, SECRETS.next);
    expect(await decryptRecord(people, row, told)).toEqual({ id: 70, name: 'of the new key' });
    expect(await contentsOf(world.records, told)).toEqual(template.contents);
    expect(listSlots(told).map(({ isOwn }) => isOwn)).toEqual([true]);
    await addKey(told);

    expect(asked).toBe(0);
    await refreshKeyring(renewing);
    await refreshKeyring(renewing);
    expect(asked).toBe(1);
    expect(await contentsOf(world.records, renewing)).toEqual(template.contents);
    expect(renewing.revision).toBe(told.revision);
  });

  it('goes on with the same secret, and refuses another one, until it is finished', async () => {
    const world = await copyOf(template);
    const keyring = await open(world);
    const { revision } = await change(keyring);
    const { document } = await stored(world.keyrings);
    for (const secret of [SECRETS.other, SECRETS.robot, SECRETS.person, SECRETS.cloud])
      expect(await codeOf(changeKey(keyring, few(secret)))).toBe('key-change-under-way');
    expect(await change(keyring)).toEqual({ isNew: false, revision });
    expect(await change(await open(world, SECRETS.next))).toEqual({ isNew: false, revision });
    expect((await stored(world.keyrings)).document).toEqual(document);
    await rotated(world, keyring);
    await finishKeyChange(keyring, await counted(world, keyring), { withoutHold: true });
    // Now it is the secret of today: another change wants another one.
    expect(await codeOf(change(keyring))).toBe('invalid-passphrase');
    expect(await changeKey(keyring, few(SECRETS.other))).toMatchObject({ isNew: true });
    expect(await openersOf(world.keyrings)).toEqual(['other']);
  });

  it('refuses to activate what it replaces, and never makes active what was pre-active before', async () => {
    const world = await copyOf(template);
    const before = await storedKeys(world.keyrings);
    expect(before.filter(({ state }) => state === 'pre-active')).toHaveLength(1);
    const keyring = await open(world);
    await change(keyring);
    const tenants = await Promise.all(TENANTS.map((tenant) => listTenantKeys(keyring, tenant)));
    const shared = listKeys(keyring).filter(({ tenant }) => tenant === undefined);
    const replaced = [...shared, ...tenants.flat()].filter(({ keyId }) => template.keyIds.includes(keyId));
    expect(replaced).toHaveLength(template.keyIds.length);
    for (const { keyId, state } of replaced) {
      expect(state).toBe('deactivated');
      expect(await codeOf(activateKey(keyring, keyId))).toBe('key-state');
    }
    // What came with the change, and what has come after it, may be activated.
    const later = await addKey(keyring);
    const successor = shared.find(({ kind, state }) => kind === 'data' && state === 'active');
    await activateKey(keyring, later);
    await activateKey(keyring, successor?.keyId ?? '');
    await rotated(world, keyring);
    await finishKeyChange(keyring, await counted(world, keyring), { withoutHold: true });
    for (const { keyId } of replaced) expect(await codeOf(resumeKey(keyring, keyId))).toBe('success');
  });

  it('finishes with a current census of zero only, with successors in use only, and once', async () => {
    const world = await copyOf(template);
    const keyring = await open(world);
    const early = await counted(world, keyring);
    await finishKeyChange(keyring, early, { withoutHold: true }); // no change is under way: nothing to end
    expect((await stored(world.keyrings)).revision).toBe(early.revision);
    await change(keyring);
    expect(await codeOf(finishKeyChange(keyring, early, { withoutHold: true }))).toBe('census-stale');
    expect(await codeOf(finishKeyChange(keyring, await counted(world, keyring), { withoutHold: true }))).toBe(
      'key-in-use',
    );
    await rotated(world, keyring);
    // One cell that somebody has put back from a backup.
    const [backup] = template.records.rows(accounts);
    world.records.update(accounts, { id: backup?.['id'] }, { iban: backup?.['iban'] });
    const refused = await finishKeyChange(keyring, await counted(world, keyring), { withoutHold: true }).then(
      () => undefined,
      (error: { code: string; cells: number }) => error,
    );
    expect(refused).toMatchObject({ code: 'key-in-use', cells: 1 });
    await rotated(world, keyring);
    const count = await counted(world, keyring);
    await finishKeyChange(keyring, count, { withoutHold: true });
    const { document } = await stored(world.keyrings);
    expect(payloadOf(document).change).toBeNull();
    await finishKeyChange(keyring, count, { withoutHold: true });
    expect((await stored(world.keyrings)).document).toEqual(document);
    expect(await codeOf(finishKeyChange(keyring, { ...count }, { withoutHold: true }))).toBe('success'); // nothing to end, nothing looked at
    expect(await contentsOf(world.records, keyring)).toEqual(template.contents);
    const states = (await storedKeys(world.keyrings)).map(({ kind, state }) => `${kind} ${state}`);
    expect(new Set(states)).toEqual(
      new Set(['data suspended', 'data active', 'index suspended', 'index active']),
    );
  });

  it('loses nothing that is written while it goes on', async () => {
    const world = await copyOf(template);
    const writers = [
      await open(world, SECRETS.service),
      await open(world, SECRETS.cloud),
      await openKeyring(world.keyrings, { ...SECRETS.person, renewSecret: () => SECRETS.next }),
    ];
    const isToStop = { yes: false };
    const write = async (keyring: Keyring, number: number): Promise<void> => {
      for (let i = 0; !isToStop.yes; i++) {
        const id = 1000 * (number + 1) + i;
        const owner = TENANTS[i % TENANTS.length] ?? '';
        world.records.insert(people, await encryptRecord(people, { id, name: `${id}` }, keyring));
        world.records.insert(accounts, await account(keyring, { id, owner, iban: `${id}` }));
        if (i % (number + 2) === 0) await refreshKeyring(keyring);
        await setImmediate();
      }
      await refreshKeyring(keyring);
    };
    const writing = Promise.all(writers.map(write));
    const keyring = await open(world);
    await change(keyring, { keep: [SECRETS.service, SECRETS.cloud] });
    await rotated(world, keyring);
    isToStop.yes = true;
    await writing;
    await rotated(world, keyring); // what a writer wrote that had not read the new keys yet
    await finishKeyChange(keyring, await counted(world, keyring), { withoutHold: true });
    const found = await contentsOf(world.records, await open(world, SECRETS.next));
    expect(found.people.length).toBeGreaterThan(template.contents.people.length + writers.length);
    for (const person of found.people.slice(2) as { id: number; name: string }[])
      expect(person.name).toBe(`${person.id}`);
    for (const each of found.accounts.slice(5) as { id: number; iban: string }[])
      expect(each.iban).toBe(`${each.id}`);
  });

  it('goes on where somebody else changes the keyring between its two steps', async () => {
    const world = await copyOf(template);
    const service = await open(world, SECRETS.service);
    let writes = 0;
    const keyrings = watched(world.keyrings, async (name, call) => {
      if (name === 'write' && ++writes === 2) await addTenants(service, ['a new tenant']);
      return call();
    });
    const keyring = await open({ keyrings });
    expect(await change(keyring, { keep: [SECRETS.service] })).toMatchObject({ isNew: true });
    expect(writes).toBe(3);
    const states = (await storedKeys(world.keyrings)).map(({ state }) => state);
    expect(states).not.toContain('pre-active');
    expect(states.filter((state) => state === 'active')).toHaveLength(2 + 2 * TENANTS.length + 2);
  });

  it('changes nothing where somebody else was first', async () => {
    const world = await copyOf(template);
    const service = await open(world, SECRETS.service);
    let writes = 0;
    const keyrings = watched(world.keyrings, async (name, call) => {
      if (name === 'write' && ++writes === 1) await addTenants(service, ['a new tenant']);
      return call();
    });
    const keyring = await open({ keyrings });
    expect(await codeOf(change(keyring))).toBe('keyring-conflict');
    expect(await openersOf(world.keyrings)).toEqual(['person', 'service', 'cloud']);
    expect(await change(keyring)).toMatchObject({ isNew: true });
    expect(await openersOf(world.keyrings)).toEqual(['next']);
  });
});

describe('changeKey', () => {
  let template: Installation;
  beforeAll(async () => {
    template = await install({ pages: true });
  });

  it('takes a secret of any type, and a service that has a slot already', async () => {
    for (const [secret, name] of [
      [SECRETS.robot, 'robot'],
      [SECRETS.cloud, 'cloud'],
    ] as const) {
      const world = await copyOf(template);
      const keyring = await open(world);
      expect(await changeKey(keyring, secret)).toMatchObject({ isNew: true });
      expect(await changeKey(keyring, secret)).toMatchObject({ isNew: false });
      expect(await openersOf(world.keyrings)).toEqual([name]);
      expect(listSlots(keyring)).toHaveLength(1);
    }
  });

  it('refuses what cannot be a change, and writes nothing', async () => {
    const world = await copyOf(template);
    const keyring = await open(world);
    const { document } = await stored(world.keyrings);
    const refusals: [ChangeKeyOptions, string][] = [
      [SECRETS.person, 'invalid-passphrase'],
      [SECRETS.service, 'invalid-passphrase'],
      [{ ...few(SECRETS.next), keep: [SECRETS.next] }, 'wrong-secret'],
      [{ ...few(SECRETS.next), keep: [SECRETS.other] }, 'wrong-secret'],
      [{ ...few(SECRETS.next), keep: [SECRETS.person, SECRETS.person] }, 'definition'],
      [{ ...few(SECRETS.next), keep: [{}] }, 'invalid-passphrase'],
      [{ ...few(SECRETS.next), keep: Array.from({ length: 16 }, () => SECRETS.person) }, 'keyring-limit'],
      [{ passphrase: '' }, 'invalid-passphrase'],
      [{ ...SECRETS.next, iterations: 999 }, 'keyring-limit'],
      [{}, 'invalid-passphrase'],
    ];
    for (const [options, code] of refusals) expect(await codeOf(changeKey(keyring, options))).toBe(code);
    expect((await stored(world.keyrings)).document).toEqual(document);
  });

  it('waits for processes that are written down, and uses the new keys only when they have read them', async () => {
    const world = await copyOf(template);
    const clock = fakeClock();
    const service = await openKeyringIn(environment({ clock }), world.keyrings, SECRETS.service);
    const watch = await watchKeyring(service, { everyMs: 30_000, name: 'a service' });
    const keyring = await openKeyringIn(environment({ clock }), world.keyrings, SECRETS.person);
    const before = (await storedKeys(world.keyrings)).filter(({ state }) => state === 'active');
    const keep = [SECRETS.service];
    const refused = change(keyring, { keep, acknowledgement: { timeoutMs: 1_000 } });
    expect(await codeOf(asTimeGoes(clock, refused))).toBe('not-acknowledged');
    const active = (await storedKeys(world.keyrings)).filter(({ state }) => state === 'active');
    expect(active.map(({ commitment }) => commitment)).toEqual(before.map(({ commitment }) => commitment));
    expect(await codeOf(finishKeyChange(keyring, await counted(world, keyring), { withoutHold: true }))).toBe(
      'census-stale',
    );

    // Again, with the time that it needs: it reads the new keys, and then that they are active.
    expect(await asTimeGoes(clock, change(keyring, { keep }))).toMatchObject({ isNew: false });
    expect(service.revision).toBe(keyring.revision);
    const now = (await storedKeys(world.keyrings)).filter(({ state }) => state === 'active');
    expect(now).toHaveLength(before.length);
    expect(now.some(({ commitment }) => active.some((each) => each.commitment === commitment))).toBe(false);
    await watch.stop();
  });

  it.each(['reads', 'writes'])(
    'does not disturb who %s for a tenant whose page is on its way',
    async (act) => {
      const world = await copyOf(template);
      let letGo = (): void => undefined;
      const gate = new Promise<void>((resolve) => {
        letGo = resolve;
      });
      let isReading = false;
      const keyrings = watched(world.keyrings, async (name, call) => {
        const answer = await call();
        if (name === 'pages.read' && !isReading) {
          isReading = true;
          await gate; // it has the page of before
        }
        return answer;
      });
      const service = await open({ keyrings }, SECRETS.service);
      const [row] = world.records.rows(accounts);
      const tenant = 'acme';
      const done =
        act === 'reads'
          ? decryptRecord(accounts, row ?? {}, service, { tenant })
          : account(service, { id: 0, owner: tenant, iban: 'iban 0' });
      await until(() => isReading);
      const keyring = await open(world);
      await change(keyring, { keep: [SECRETS.service] });
      await refreshKeyring(service);
      letGo();
      const found =
        act === 'reads' ? await done : await decryptRecord(accounts, await done, keyring, { tenant });
      expect(found).toEqual(template.contents.accounts[0]);
    },
  );

  it('is done again with the same keyring where nobody knows whether it was written', async () => {
    const world = await copyOf(template);
    const lost = new Error('the line is dead');
    const calls: string[] = [];
    const keyrings = watched(world.keyrings, async (name, call) => {
      const answer = await call();
      calls.push(name);
      // Written, and neither that nor what is stored now can be told.
      const isDead = calls.includes('write') && calls.slice(calls.indexOf('write')).length <= 2;
      if (isDead) throw lost;
      return answer;
    });
    const keyring = await open({ keyrings });
    await expect(change(keyring)).rejects.toBe(lost);
    expect(await openersOf(world.keyrings)).toEqual(['next']);
    // The secret with which this process was opened is gone: the new one is tried.
    expect(await change(keyring)).toMatchObject({ isNew: false });
    expect(await contentsOf(world.records, keyring)).toEqual(template.contents);
    const states = (await storedKeys(world.keyrings)).map(({ state }) => state);
    expect(states).not.toContain('pre-active');
  });

  it('takes a keyring whose keys it doubles from its document into pages', async () => {
    const keyrings = memoryKeyring();
    const whole = await copyOf(await install({ pages: false }));
    await keyrings.restore(await stored(whole.keyrings));
    const keyring = await open({ keyrings });
    const many = Array.from({ length: 300 }, (_, i) => `tenant ${i}`);
    await addTenants(keyring, many);
    expect(payloadOf((await stored(keyrings)).document).pages).toEqual([]);
    await change(keyring);
    const { pages, keys } = payloadOf((await stored(keyrings)).document);
    expect(pages.length).toBeGreaterThan(0);
    expect(keys.every((key: object) => !('tenant' in key))).toBe(true);
    for (const tenant of ['acme', 'tenant 0', 'tenant 299'])
      expect((await listTenantKeys(keyring, tenant)).map(({ state }) => state).sort()).toEqual([
        ...['active', 'active', 'deactivated', 'deactivated'],
      ]);
    expect(await contentsOf(whole.records, await open({ keyrings }, SECRETS.next))).toEqual(whole.contents);
  });
});
