/** Copies of a whole keyring in one piece: taken, damaged, put into another store. */

import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Bytes } from '../../src/bytes.js';
import {
  CellsealError,
  type Keyring,
  type UnlockSecret,
  activateKey,
  addKey,
  addTenants,
  changeKey,
  createKeyring,
  describeKeyring,
  exportKeyring,
  importKeyring,
  keyringArchive,
  listKeys,
  listSlots,
  listTenantKeys,
  openKeyring,
} from '../../src/index.js';
import { createKeyringIn } from '../../src/keyring/index.js';
import type { KeyringStore, StoredKeyring } from '../../src/ports/keyring-store.js';
import { fileKeyring } from '../../src/store/file-keyring.js';
import { memoryKeyring } from '../../src/store/memory.js';
import { sqliteKeyring } from '../../src/store/sqlite.js';
import { connect } from '../stores/places.js';
import { DRIVERS } from '../stores/sqlite-drivers.js';
import {
  type Installation,
  SECRETS,
  TENANTS,
  contentsOf,
  copyOf,
  few,
  install,
  openersOf,
} from './installation.js';
import {
  RAW_KEY,
  bytesOf,
  codeOf,
  environment,
  forge,
  knownKeyring,
  payloadOf,
  recordingRandom,
  settableStore,
  stored,
} from './support.js';
import { spellings } from './visible.js';

const MIB = 1024 * 1024;
const SECRET = SECRETS.next;
const open = (store: KeyringStore, secret: UnlockSecret = SECRETS.person) => openKeyring(store, secret);

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'cellseal-archive-'));
  onTestFinished(() => rmSync(made, { recursive: true }));
  return made;
}

const STORES: readonly (readonly [name: string, make: () => Required<KeyringStore>])[] = [
  ['memory', memoryKeyring],
  ['files', () => fileKeyring(folder())],
  ...DRIVERS.map((driver) => [`SQLite, ${driver.name}`, () => sqliteKeyring(connect(driver))] as const),
];

/** All keys, the tenants' as their pages have them. */
async function keysOf(keyring: Keyring, tenants: readonly string[] = TENANTS) {
  const keys = listKeys(keyring).filter(({ tenant }) => tenant === undefined);
  for (const tenant of tenants) keys.push(...(await listTenantKeys(keyring, tenant)));
  return keys;
}

/** So many that their keys do not fit into the document. */
const MANY = Array.from({ length: 700 }, (_, i) => `tenant ${i}`);
let crowded: Keyring;
/** Under the secret `robot`. */
let crowdedExport: Bytes;
beforeAll(async () => {
  ({ keyring: crowded } = await knownKeyring());
  await addTenants(crowded, MANY);
  crowdedExport = await exportKeyring(crowded, SECRETS.robot);
});

describe.each(STORES)('an export, imported into %s', (_name, make) => {
  it.each([{ pages: false }, { pages: true }])(
    'is the same keyring, and only its own secret opens it; from pages: $pages',
    async ({ pages }) => {
      const world = await install({ pages });
      const keyring = await open(world.keyrings);
      const before = await keysOf(keyring);
      expect(before).toHaveLength(world.keyIds.length);
      const archive = keyringArchive(await exportKeyring(keyring, { ...few(SECRET), label: 'the copy' }));
      const store = make();
      const imported = await importKeyring(store, archive, SECRET);

      for (const each of [imported, await open(store, SECRET)]) {
        expect(each.id).toBe(keyring.id);
        expect(each.revision).toBe(keyring.revision + 1);
        expect(await keysOf(each)).toEqual(before);
        expect(await contentsOf(world.records, each)).toEqual(world.contents);
        expect(listSlots(each).map(({ type, label }) => [type, label])).toEqual([['passphrase', 'the copy']]);
      }
      expect(await openersOf(store)).toEqual(['next']);
      expect(await openersOf(world.keyrings)).toEqual(['person', 'service', 'cloud']);
      // It lives on there.
      await activateKey(imported, await addKey(imported));
      await addTenants(imported, ['a new tenant']);
      expect(await listTenantKeys(await open(store, SECRET), 'a new tenant')).toHaveLength(2);
    },
  );

  it('has pages of its own where there are many tenants', async () => {
    expect(describeKeyring(crowded).pages).toBeGreaterThan(0);
    const archive = keyringArchive(crowdedExport);
    const store = make();
    const imported = await importKeyring(store, archive, SECRETS.robot);
    expect(describeKeyring(imported).pages).toBeGreaterThan(0);
    const some = MANY.filter((_, i) => i % 50 === 0);
    const again = await open(store, SECRETS.robot);
    expect(await keysOf(again, some)).toEqual(await keysOf(crowded, some));
    for (const { name } of payloadOf((await stored(store)).document).pages)
      expect(await store.pages.read(name, MIB)).toEqual(await archive.pages?.read(name, MIB));
  });

  it('leaves a keyring that is there, or that is being put there, untouched', async () => {
    const { keyring } = await knownKeyring();
    const archive = keyringArchive(await exportKeyring(keyring, SECRETS.robot));
    const store = make();
    const there = await createKeyring(store, { rawKey: RAW_KEY });
    const before = await stored(store);
    expect(await codeOf(importKeyring(store, archive, SECRETS.robot))).toBe('keyring-exists');
    expect(await stored(store)).toEqual(before);
    expect((await open(store, SECRETS.service)).id).toBe(there.id);

    // Of several at once exactly one succeeds, and its keyring is what the store has.
    const empty = make();
    const racing = await Promise.all([
      codeOf(importKeyring(empty, archive, SECRETS.robot)),
      codeOf(importKeyring(empty, archive, SECRETS.robot)),
    ]);
    expect(racing.sort()).toEqual(['keyring-exists', 'success']);
    expect((await open(empty, SECRETS.robot)).id).toBe(keyring.id);
  });

  it('twice is refused the second time, from the same copy too', async () => {
    const { keyring } = await knownKeyring();
    const archive = keyringArchive(await exportKeyring(keyring, SECRETS.robot));
    const store = make();
    const imported = await importKeyring(store, archive, SECRETS.robot);
    await addKey(imported);
    const before = await stored(store);
    expect(await codeOf(importKeyring(store, archive, SECRETS.robot))).toBe('keyring-exists');
    expect(await stored(store)).toEqual(before);
  });

  it('that its secret does not open, or that is damaged, leaves the store empty', async () => {
    const { keyring } = await knownKeyring();
    const archive = keyringArchive(await exportKeyring(keyring, SECRETS.robot));
    const store = make();
    const { document, revision } = await stored(archive);
    const payload = payloadOf(document);
    const altered: KeyringStore = {
      ...archive,
      read: () => ({ revision, document: forge(RAW_KEY, { ...payload, extensions: { more: 1 } }) }),
    };
    const pin = { keyringId: keyring.id, minimumRevision: revision + 1 };
    const another = { keyringId: 'kr_another', minimumRevision: 1 };
    const work: readonly (readonly [() => Promise<Keyring>, string])[] = [
      [() => importKeyring(store, archive, SECRETS.service), 'wrong-secret'],
      [() => importKeyring(store, archive, SECRETS.person), 'wrong-secret'],
      [() => importKeyring(store, archive, {}), 'invalid-passphrase'],
      [() => importKeyring(store, altered, SECRETS.robot), 'keyring-damaged'],
      [() => importKeyring(store, archive, { ...SECRETS.robot, pin }), 'keyring-rolled-back'],
      [() => importKeyring(store, archive, { ...SECRETS.robot, pin: another }), 'wrong-keyring'],
      [() => importKeyring(store, memoryKeyring(), SECRETS.robot), 'keyring-not-found'],
    ];
    for (const [importing, code] of work) expect(await codeOf(importing)).toBe(code);
    expect(await store.read(MIB)).toBeUndefined();
    expect(await codeOf(importKeyring(store, archive, SECRETS.robot))).toBe('success');
  });
});

describe('importKeyring', () => {
  it('refuses a store that cannot take one in, and one without pages where they are wanted', async () => {
    const { keyring } = await knownKeyring();
    const small = keyringArchive(await exportKeyring(keyring, SECRETS.robot));
    const large = keyringArchive(crowdedExport);
    const inner = memoryKeyring();
    const { read, write, restore } = inner;
    expect(await codeOf(importKeyring({ read, write }, small, SECRETS.robot))).toBe('store-unfit');
    expect(await codeOf(importKeyring({ read, write, restore }, large, SECRETS.robot))).toBe('store-unfit');
    expect(await inner.read(MIB)).toBeUndefined();
    expect(await codeOf(importKeyring({ read, write, restore }, small, SECRETS.robot))).toBe('success');
  });

  it('refuses a store that had a keyring once, though none is read there', async () => {
    const { keyring } = await knownKeyring();
    const archive = keyringArchive(await exportKeyring(keyring, SECRETS.robot));
    const inner = memoryKeyring();
    await createKeyring(inner, { rawKey: RAW_KEY });
    const before = await stored(inner);
    const blind: KeyringStore = { ...inner, read: () => undefined };
    expect(await codeOf(importKeyring(blind, archive, SECRETS.robot))).toBe('keyring-exists');
    expect(await stored(inner)).toEqual(before);
  });

  it('writes what it has proved, though the archive gives something else the next time', async () => {
    const { keyring } = await knownKeyring();
    const good = await stored(keyringArchive(await exportKeyring(keyring, SECRETS.robot)));
    const altered = { ...good, document: forge(RAW_KEY, payloadOf(good.document)) };
    /** Gives one document first, and the other ever after. */
    const turning = (first: StoredKeyring, then: StoredKeyring): KeyringStore => {
      let reads = 0;
      return { read: () => (reads++ === 0 ? first : then), write: () => false };
    };
    const store = memoryKeyring();
    const importing = importKeyring(store, turning(altered, good), SECRETS.robot);
    expect(await codeOf(importing)).toBe('keyring-damaged');
    expect(await store.read(MIB)).toBeUndefined();
    await importKeyring(store, turning(good, altered), SECRETS.robot);
    expect(await stored(store)).toEqual(good);
  });

  it('takes a whole store as it is: its slots, its revision, its keys, its pages', async () => {
    const world = await install({ pages: true });
    const store = memoryKeyring();
    const imported = await importKeyring(store, world.keyrings, SECRETS.cloud);
    expect(await stored(store)).toEqual(await stored(world.keyrings));
    expect(await openersOf(store)).toEqual(['person', 'service', 'cloud']);
    expect(await contentsOf(world.records, imported)).toEqual(world.contents);
  });
});

describe('exportKeyring', () => {
  let template: Installation;
  beforeAll(async () => {
    template = await install({ pages: false });
  });

  it('exports what stands in the store now, whoever has changed it, and changes nothing', async () => {
    const { keyrings } = await copyOf(template);
    const keyring = await open(keyrings);
    const elsewhere = await open(keyrings);
    const added = await addKey(elsewhere);
    await addTenants(elsewhere, ['a new tenant']);
    const before = await stored(keyrings);
    const archive = keyringArchive(await exportKeyring(keyring, few(SECRET)));
    expect(await stored(keyrings)).toEqual(before);
    const copy = await open(archive, SECRET);
    expect(listKeys(copy).map(({ keyId }) => keyId)).toContain(added);
    expect(await keysOf(copy, [...TENANTS, 'a new tenant'])).toEqual(
      await keysOf(elsewhere, [...TENANTS, 'a new tenant']),
    );
  });

  it('exports in the middle of a change of the key, and the copy is whole in itself', async () => {
    const world = await copyOf(template);
    const keyring = await open(world.keyrings);
    await changeKey(keyring, few(SECRETS.other));
    expect(payloadOf((await stored(world.keyrings)).document).change).not.toBeNull();
    const archive = keyringArchive(await exportKeyring(keyring, few(SECRET)));
    const { revision, startedAt } = payloadOf((await stored(world.keyrings)).document).change;
    expect(payloadOf((await stored(archive)).document).change).toEqual({ revision, startedAt }); // to be finished there
    const store = memoryKeyring();
    const imported = await importKeyring(store, archive, SECRET);
    expect(await keysOf(imported)).toEqual(await keysOf(keyring));
    expect(await contentsOf(world.records, imported)).toEqual(world.contents);
    // As in the keyring itself, what was replaced is not made active again.
    const [first] = template.keyIds as [string];
    expect(await codeOf(activateKey(keyring, first))).toBe('key-state');
    expect(await codeOf(activateKey(imported, first))).toBe('key-state');
  });

  it('saves what was read last where the keyring is gone from its store', async () => {
    const store = settableStore();
    const { keyring } = await knownKeyring({ rawKey: RAW_KEY }, store);
    await addTenants(keyring, TENANTS);
    const before = await keysOf(keyring);
    store.set(undefined);
    const archive = keyringArchive(await exportKeyring(keyring, SECRETS.robot));
    const imported = await importKeyring(memoryKeyring(), archive, SECRETS.robot);
    expect(imported.id).toBe(keyring.id);
    expect(await keysOf(imported)).toEqual(before);
  });

  it('does not export what it cannot read, nor a keyring that was put back', async () => {
    const store = settableStore();
    const { keyring } = await knownKeyring({ rawKey: RAW_KEY }, store);
    const old = await stored(store);
    await addKey(keyring);
    store.set(old);
    expect(await codeOf(exportKeyring(keyring, SECRETS.robot))).toBe('keyring-rolled-back');
    const failure = new Error('connection lost');
    const broken = { ...store, read: () => store.read(MIB) };
    const other = await open(broken, SECRETS.service);
    broken.read = () => {
      throw failure;
    };
    await expect(exportKeyring(other, SECRETS.robot)).rejects.toBe(failure);
  });

  it.each<[UnlockSecret & { iterations?: number; label?: string }, string]>([
    [{}, 'invalid-passphrase'],
    [{ passphrase: '' }, 'invalid-passphrase'],
    [{ ...SECRETS.robot, ...SECRETS.next }, 'invalid-passphrase'],
    [{ ...SECRETS.next, iterations: 999 }, 'keyring-limit'],
    [{ ...SECRETS.robot, label: 'a\nb' }, 'definition'],
  ])('refuses the secret %o', async (secret, code) => {
    const { keyring } = await knownKeyring();
    expect(await codeOf(exportKeyring(keyring, secret))).toBe(code);
  });

  it('has no key in the clear, however it is spelled, and nothing of the keyring’s own root key', async () => {
    const { random, given } = recordingRandom();
    const made = environment({ random });
    const keyring = await createKeyringIn(made, memoryKeyring(), { rawKey: RAW_KEY });
    await addTenants(keyring, TENANTS);
    const bytes = await exportKeyring(keyring, SECRETS.robot);
    const { document } = await stored(keyringArchive(bytes));
    const wrappings = JSON.stringify(payloadOf(document));
    const texts = [bytes, document].map((each) => Buffer.from(each).toString('latin1'));
    const drawn = given.filter(({ was }) => was.length === 32);
    expect(drawn.length).toBeGreaterThanOrEqual(2 + 2 + 2 * TENANTS.length); // two root keys, and all keys
    const secrets = [...drawn.map(({ was }) => was), RAW_KEY, SECRETS.robot.rawKey];
    for (const spelled of secrets.flatMap(spellings))
      for (const text of [...texts, wrappings]) expect(text).not.toContain(spelled);
    // Every key is wrapped anew, so that two copies have nothing but ids in common.
    const wrapped = (of: Bytes): string[] =>
      payloadOf(of).keys.map((key: { wrapped: string }) => key.wrapped);
    const again = await stored(keyringArchive(await exportKeyring(keyring, SECRETS.robot)));
    expect(new Set([...wrapped(document), ...wrapped(again.document)]).size).toBe(
      2 * (2 + 2 * TENANTS.length),
    );
  });
});

describe('an archive', () => {
  it('is only read', async () => {
    const { keyring } = await knownKeyring();
    const archive = keyringArchive(await exportKeyring(keyring, SECRETS.robot));
    const copy = await open(archive, SECRETS.robot);
    expect(await codeOf(addKey(copy))).toBe('store-unfit');
    expect(await codeOf(() => archive.pages?.write('a'.repeat(26), new Uint8Array(1)))).toBe('store-unfit');
    expect(await codeOf(() => archive.pages?.remove([]))).toBe('store-unfit');
    expect(archive.restore).toBeUndefined();
  });

  it('is a copy of the bytes that it was made of, and gives copies', async () => {
    const { store, keyring } = await knownKeyring();
    for (const bytes of [await exportKeyring(keyring, { rawKey: RAW_KEY }), (await stored(store)).document]) {
      const archive = keyringArchive(bytes);
      bytes.fill(0);
      (await stored(archive)).document.fill(0);
      expect((await open(archive, SECRETS.service)).id).toBe(keyring.id);
    }
  });

  it('may be a keyring.N.json as it lies in its folder, with the secrets of then', async () => {
    const directory = folder();
    const store = fileKeyring(directory);
    const keyring = await createKeyring(store, { rawKey: RAW_KEY });
    const later = await addKey(keyring);
    const archive = keyringArchive(await readFile(join(directory, 'keyring.2.json')));
    expect(await stored(archive)).toEqual(await stored(store));
    const imported = await importKeyring(memoryKeyring(), archive, { rawKey: RAW_KEY });
    expect(await keysOf(imported)).toEqual(await keysOf(keyring));
    expect(listKeys(imported).map(({ keyId }) => keyId)).toContain(later);
    await expect(readFile(join(directory, 'keyring.1.json'))).resolves.toHaveLength(0);
    expect(await codeOf(() => keyringArchive(new Uint8Array()))).toBe('keyring-damaged'); // which is no copy
  });

  it('may be a file that an editor has saved: a line break at the end changes nothing', async () => {
    const { store, keyring } = await knownKeyring();
    const exported = await exportKeyring(keyring, { rawKey: RAW_KEY });
    const { document } = await stored(store);
    for (const whole of [exported, document])
      for (const end of ['\n', '\r\n']) {
        const saved = keyringArchive(Buffer.concat([whole, bytesOf(end)]));
        expect((await open(saved, SECRETS.service)).id).toBe(keyring.id);
      }
  });

  it.each([
    ['nothing', ''],
    ['white space', ' \n'],
    ['other text', 'no keyring'],
    ['other JSON', '{}'],
    ['null', 'null'],
    ['a number', '1'],
    ['a list', '[{"cellsealKeyring":1}]'],
    ['an export without members', '{"cellsealKeyring":1}'],
    ['an export whose format is no number', '{"cellsealKeyring":"1","revision":1,"document":"","pages":{}}'],
    ['an export whose document is a number', '{"cellsealKeyring":1,"revision":1,"document":1,"pages":{}}'],
    ['an export whose pages are a list', '{"cellsealKeyring":1,"revision":1,"document":"e30","pages":[]}'],
    ['an export whose page is no text', '{"cellsealKeyring":1,"document":"e30","pages":{"a":1}}'],
    ['an export of another document', '{"cellsealKeyring":1,"revision":1,"document":"e30","pages":{}}'],
    ['an export in UTF-8 with a BOM', '\ufeff{"cellsealKeyring":1}'],
  ])('is refused where it is none: %s', async (_name, text) => {
    expect(await codeOf(() => keyringArchive(bytesOf(text)))).toBe('keyring-damaged');
  });

  it('is refused unread where it is over 256 MiB', async () => {
    const long = new Proxy(new Uint8Array(1), {
      get: (target, name) => (name === 'length' ? 256 * MIB + 1 : Reflect.get(target, name)),
    });
    expect(await codeOf(() => keyringArchive(long))).toBe('keyring-limit');
  });
});

describe('a damaged archive', () => {
  const secret = SECRETS.robot;
  let keyring: Keyring;
  let small: Bytes;
  let keys: string;
  beforeAll(async () => {
    ({ keyring } = await knownKeyring());
    small = await exportKeyring(keyring, secret);
    keys = JSON.stringify(await keysOf(keyring, []));
  });

  /** Imports it, and gives back how that ended. Fails unless a typed error says so, or it is the same keyring. */
  async function outcomeOf(bytes: Uint8Array): Promise<string> {
    const store = memoryKeyring();
    try {
      const imported = await importKeyring(store, keyringArchive(bytes), secret);
      expect(imported.id).toBe(keyring.id);
      expect(imported.revision).toBe(keyring.revision + 1);
      expect(JSON.stringify(await keysOf(imported, []))).toBe(keys);
      expect(listSlots(imported)).toHaveLength(1);
      return 'the same';
    } catch (error) {
      if (!(error instanceof CellsealError)) throw error;
      expect(await store.read(MIB)).toBeUndefined();
      return error.code;
    }
  }

  const CODES = ['keyring-damaged', 'wrong-secret', 'keyring-format', 'keyring-limit'];

  it('is refused with a typed error, whichever byte was changed; or it is the same keyring', async () => {
    const outcomes = new Map<string, number>();
    for (let at = 0; at < small.length; at++) {
      const flipped = small.slice();
      flipped[at] = (flipped[at] as number) ^ (1 << (at % 8));
      const outcome = await outcomeOf(flipped);
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
    expect([...CODES, 'the same']).toEqual(expect.arrayContaining([...outcomes.keys()]));
    // Only the name of the revision beside the document may be another: the number itself is held to the document's.
    expect(outcomes.get('the same') ?? 0).toBeLessThanOrEqual('revision'.length);
    const text = Buffer.from(small).toString('utf8');
    const other = text.replace(`"revision":${keyring.revision + 1},`, '"revision":7,');
    expect(other).not.toBe(text);
    expect(await outcomeOf(bytesOf(other))).toBe('keyring-damaged');
    expect(outcomes.get('keyring-damaged')).toBeGreaterThan(small.length / 2);
  });

  it('is refused with a typed error wherever it is cut off, and whatever is put in, left out or put twice', async () => {
    for (let length = 0; length < small.length; length += length < small.length - 64 ? 7 : 1)
      expect(await outcomeOf(small.subarray(0, length))).toBe('keyring-damaged');
    const place = fc.nat({ max: small.length - 1 });
    const piece = fc.uint8Array({ maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(place, fc.nat({ max: 8 }), piece, async (at, gone, more) => {
        const damaged = Buffer.concat([small.subarray(0, at), more, small.subarray(at + gone)]);
        expect([...CODES, 'the same']).toContain(await outcomeOf(damaged));
      }),
      { numRuns: 300 },
    );
  });

  it('in its pages is refused before anything is written, whichever page it is', async () => {
    const parsed = JSON.parse(Buffer.from(crowdedExport).toString('utf8'));
    const names = Object.keys(parsed.pages);
    expect(names.length).toBeGreaterThan(1);
    const [first, second] = names as [string, string];
    const { [first]: page, ...rest } = parsed.pages;
    const altered = page.slice(0, 100) + (page[100] === 'A' ? 'B' : 'A') + page.slice(101);
    for (const pages of [
      rest,
      {},
      { ...rest, [first]: altered },
      { ...rest, [first]: page.slice(0, -4) },
      { ...rest, [first]: '' },
      { ...rest, [first]: `${page}=` },
      { ...parsed.pages, [first]: parsed.pages[second], [second]: page },
    ]) {
      const store = memoryKeyring();
      const pagesWritten: string[] = [];
      const watched = {
        ...store,
        pages: {
          ...store.pages,
          write: (name: string, bytes: Bytes) => {
            pagesWritten.push(name);
            return store.pages.write(name, bytes);
          },
        },
      };
      const damaged = bytesOf(JSON.stringify({ ...parsed, pages }));
      const importing = async () => importKeyring(watched, keyringArchive(damaged), secret);
      expect(await codeOf(importing)).toBe('keyring-damaged');
      expect(await store.read(MIB)).toBeUndefined();
      expect(pagesWritten).toEqual([]);
    }
    const other = { ...parsed.pages, ['q'.repeat(26)]: page };
    const more = bytesOf(JSON.stringify({ ...parsed, pages: other }));
    const store = memoryKeyring();
    await importKeyring(store, keyringArchive(more), secret);
    expect(await store.pages.read('q'.repeat(26), MIB)).toBeUndefined(); // what no document names is left behind
  });
});
