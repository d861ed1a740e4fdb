/** That the suites for keyring stores catch what does not conform, each fault by the case that is made for it. */
import { describe, expect, it } from 'vitest';
import type { KeyringStore, StoredKeyring } from '../../src/ports/keyring-store.js';
import { environmentKeyring } from '../../src/store/environment-keyring.js';
import { memoryKeyring } from '../../src/store/memory.js';
import {
  type ConformanceCase,
  type KeyringStoreMember,
  keyringStoreCases,
  readOnlyKeyringCases,
} from '../../src/testing/conformance.js';
import { KEYRING_FAULTS } from './keyring-faults.js';

const ALL: readonly KeyringStoreMember[] = ['restore', 'pages', 'processes', 'usage'];

/** The names of the cases that reject, of those whose names have all `parts` in them. */
async function failing(cases: readonly ConformanceCase[], parts: readonly string[] = []): Promise<string[]> {
  const failed: string[] = [];
  for (const { name, run } of cases.filter((one) => parts.every((part) => one.name.includes(part))))
    await run().catch(() => failed.push(name));
  return failed;
}

describe('the suite for keyring stores', () => {
  it.each(KEYRING_FAULTS.map((fault) => [fault.name, fault] as const))(
    'finds a store that %s',
    async (_, { plant, caughtBy, members = ALL }) => {
      const cases = keyringStoreCases(async () => ({ store: plant() }), { members });
      expect(await failing(cases, caughtBy)).not.toEqual([]);
    },
  );

  it('finds nothing in a store that is sound', async () => {
    const open = async () => ({ store: memoryKeyring() });
    expect(await failing(keyringStoreCases(open, { members: ALL }))).toEqual([]);
  });

  it('finds nothing in a store that is sound and has nothing but read and write', async () => {
    const open = async () => {
      const { read, write } = memoryKeyring();
      return { store: { read, write } };
    };
    expect(await failing(keyringStoreCases(open))).toEqual([]);
  });

  it('has cases of those members only that are promised', () => {
    const counts = ALL.map((member) => {
      const cases = keyringStoreCases(async () => ({ store: memoryKeyring() }), { members: [member] });
      const named = ALL.filter((one) => cases.some(({ name }) => name.startsWith(`${one}: `)));
      expect(named).toEqual([member]);
      return cases.length;
    });
    const none = keyringStoreCases(async () => ({ store: memoryKeyring() })).length;
    const all = keyringStoreCases(async () => ({ store: memoryKeyring() }), { members: ALL }).length;
    expect(counts.reduce((sum, count) => sum + count - none, none)).toBe(all);
  });
});

describe('the suite for keyrings that can only be read', () => {
  const held = (text: string): StoredKeyring | undefined => {
    const document = Uint8Array.from(Buffer.from(text, 'latin1'));
    const [, payload = ''] = /"payload":"([^"]*)"/.exec(text) ?? [];
    return text === ''
      ? undefined
      : { revision: JSON.parse(Buffer.from(payload, 'base64url').toString()).revision, document };
  };
  const sound = (text: string): KeyringStore => environmentKeyring('KEYRING', { KEYRING: text });

  const FAULTS: Readonly<Record<string, (text: string) => KeyringStore>> = {
    'calls every document the first revision': (text) => ({
      ...sound(text),
      async read(maxBytes) {
        const read = await sound(text).read(maxBytes);
        return read && { ...read, revision: 1 };
      },
    }),
    'knows no limit': (text) => ({ ...sound(text), read: () => held(text) }),
    'refuses a document that is as long as it may be': (text) => ({
      ...sound(text),
      read: (maxBytes) => sound(text).read(maxBytes - 1),
    }),
    'gives every reader the same bytes': (text) => {
      const document = held(text);
      return {
        ...sound(text),
        async read(maxBytes) {
          await sound(text).read(maxBytes);
          return document;
        },
      };
    },
    'trims what it gives': (text) => ({
      ...sound(text),
      async read(maxBytes) {
        const read = await sound(text).read(maxBytes);
        return read && { ...read, document: read.document.slice(0, -1) };
      },
    }),
    'finds damage where there is nothing': (text) => ({
      ...sound(text),
      read(maxBytes) {
        if (text === '') throw Object.assign(new Error('nothing'), { code: 'keyring-damaged' });
        return sound(text).read(maxBytes);
      },
    }),
    'says that it has lost a swap': (text) => ({ ...sound(text), write: () => false }),
    'writes where there is nothing': (text) => {
      const memory = memoryKeyring();
      return text === '' ? { read: memory.read, write: memory.write } : sound(text);
    },
    'offers usage': (text) => ({ ...sound(text), usage: memoryKeyring().usage }),
    'offers restoring': (text) => ({ ...sound(text), restore: memoryKeyring().restore }),
  };

  const casesOf = (make: (text: string) => KeyringStore) =>
    readOnlyKeyringCases((document) => ({
      store: make(document === undefined ? '' : Buffer.from(document.document).toString('latin1')),
    }));

  it.each(Object.entries(FAULTS))('finds a store that %s', async (_, make) => {
    expect(await failing(casesOf(make))).not.toEqual([]);
  });

  it('finds nothing in a store that is sound', async () => {
    expect(await failing(casesOf(sound))).toEqual([]);
  });

  it('closes what a case has opened, however the case ends', async () => {
    let open = 0;
    const cases = readOnlyKeyringCases(() => {
      open++;
      return { store: sound(''), close: async () => void open-- };
    });
    expect(await failing(cases)).not.toEqual([]);
    expect(open).toBe(0);
  });
});
