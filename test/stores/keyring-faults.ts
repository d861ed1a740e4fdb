import type {
  KeyringPages,
  KeyringStore,
  ProcessRegistry,
  StoredKeyring,
  UsageLog,
} from '../../src/ports/keyring-store.js';
import { memoryKeyring } from '../../src/store/memory.js';
import type { KeyringStoreMember } from '../../src/testing/conformance.js';

type Sound = Required<KeyringStore>;

/** A keyring store that is sound but for one thing. */
export interface KeyringFault {
  readonly name: string;
  /** Parts of the name of a case that finds it. */
  readonly caughtBy: readonly string[];
  readonly members?: readonly KeyringStoreMember[];
  plant(): KeyringStore;
}

const MIB = 1024 * 1024;
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

/** All stores over one keyring in memory, with one function of theirs in another's place. */
function faulty(
  name: string,
  caughtBy: string | readonly string[],
  plant: (sound: Sound) => Partial<Sound>,
): KeyringFault {
  return {
    name,
    caughtBy: typeof caughtBy === 'string' ? [caughtBy] : caughtBy,
    plant() {
      const sound = memoryKeyring();
      return { ...sound, ...plant(sound) };
    },
  };
}

const inPages = (
  name: string,
  caughtBy: string,
  plant: (sound: KeyringPages, store: Sound) => Partial<KeyringPages>,
): KeyringFault =>
  faulty(name, ['pages: ', caughtBy], (store) => ({
    pages: { ...store.pages, ...plant(store.pages, store) },
  }));

const inProcesses = (
  name: string,
  caughtBy: string,
  plant: (sound: ProcessRegistry, store: Sound) => Partial<ProcessRegistry>,
): KeyringFault =>
  faulty(name, ['processes: ', caughtBy], (store) => ({
    processes: { ...store.processes, ...plant(store.processes, store) },
  }));

const inUsage = (
  name: string,
  caughtBy: string,
  plant: (sound: UsageLog, store: Sound) => Partial<UsageLog>,
): KeyringFault =>
  faulty(name, ['usage: ', caughtBy], (store) => ({
    usage: { ...store.usage, ...plant(store.usage, store) },
  }));

/** A restore that looks, lets others go on, and then puts its document there, whatever has come in between. */
function restoreInTwoSteps(arbiter: 'nobody' | 'others that restore'): KeyringFault {
  return {
    name: `restores in two steps, against which there is ${arbiter === 'nobody' ? 'nobody' : 'nobody but others that restore'}`,
    caughtBy: [
      arbiter === 'nobody' ? 'lets exactly one of many restore' : 'those who write a first revision',
    ],
    plant() {
      const sound = memoryKeyring();
      let newest: StoredKeyring | undefined;
      return {
        ...sound,
        read: () => newest && { ...newest, document: newest.document.slice() },
        write(next) {
          if (next.revision !== (newest?.revision ?? 0) + 1) return false;
          newest = { ...next, document: next.document.slice() };
          return true;
        },
        async restore(next) {
          const isEmpty = newest === undefined && (arbiter === 'nobody' || sound.restore(next));
          await turn();
          if (!(await isEmpty)) return false;
          newest = { ...next, document: next.document.slice() };
          return true;
        },
      };
    },
  };
}

const RESTORE: readonly KeyringFault[] = [
  faulty('restores over a document', 'puts nothing over a document', () => {
    const replaced = memoryKeyring();
    let newest: StoredKeyring | undefined;
    return {
      ...replaced,
      read: () => newest,
      write: (next) => {
        if (next.revision !== (newest?.revision ?? 0) + 1) return false;
        newest = next;
        return true;
      },
      restore: (next) => {
        newest = next;
        return true;
      },
    };
  }),
  faulty('restores a first revision only', 'any revision', (sound) => ({
    restore: (next) => next.revision === 1 && sound.restore(next),
  })),
  faulty('restores every document as the first revision', 'any revision', (sound) => ({
    restore: (next) => sound.restore({ ...next, revision: 1 }),
  })),
  faulty('says nothing of what it restored', 'any revision', (sound) => ({
    restore(next) {
      void sound.restore(next);
      return undefined as unknown as boolean;
    },
  })),
  faulty('says that it restored what it did not', 'puts nothing over', (sound) => ({
    restore(next) {
      void sound.restore(next);
      return true;
    },
  })),
  faulty('restores the whole buffer behind a part', 'whatever its writer does', (sound) => ({
    restore: (next) => sound.restore({ ...next, document: new Uint8Array(next.document.buffer) }),
  })),
  faulty('takes any number for a revision', 'no revision', () => {
    const { restore: _, ...sound } = memoryKeyring();
    let began = false;
    return {
      ...sound,
      restore() {
        const isFirst = !began;
        began = true;
        return isFirst;
      },
    };
  }),
  restoreInTwoSteps('nobody'),
  restoreInTwoSteps('others that restore'),
];

const PAGES: readonly KeyringFault[] = [
  inPages('cuts pages off at 64 KiB', '1 MiB', (sound) => ({
    write: (name, page) => sound.write(name, page.slice(0, 65_536)),
  })),
  inPages('cuts off a page that is too long', 'exactly as many bytes', (sound) => ({
    read: async (name, maxBytes) => (await sound.read(name, MIB))?.slice(0, maxBytes),
  })),
  inPages('knows no limit of pages', 'exactly as many bytes', (sound) => ({
    read: (name) => sound.read(name, MIB),
  })),
  inPages('refuses a page that is as long as it may be', 'exactly as many bytes', (sound) => ({
    read: (name, maxBytes) => sound.read(name, maxBytes - 1),
  })),
  inPages('keeps pages as text', 'byte for byte', (sound) => ({
    write: (name, page) => sound.write(name, new TextEncoder().encode(new TextDecoder().decode(page))),
  })),
  inPages('takes a page of no bytes for none', 'no bytes', (sound) => ({
    async read(name, maxBytes) {
      const page = await sound.read(name, maxBytes);
      return page?.length ? page : undefined;
    },
  })),
  inPages('gives an empty page where there is none', 'never written', (sound) => ({
    read: async (name, maxBytes) => (await sound.read(name, maxBytes)) ?? new Uint8Array(),
  })),
  inPages('keeps the whole buffer behind a part of it', 'whatever is done', (sound) => ({
    write: (name, page) => sound.write(name, new Uint8Array(page.buffer)),
  })),
  inPages('writes no page twice', 'lost answer', (sound) => ({
    async write(name, page) {
      if (await sound.read(name, MIB)) throw new Error('taken');
      await sound.write(name, page);
    },
  })),
  inPages('tells names apart by 25 characters', 'removes those that are named', (sound) => {
    const short = (name: string): string => (name.length === 26 ? `${name.slice(0, 25)}a` : name);
    return {
      read: (name, maxBytes) => sound.read(short(name), maxBytes),
      write: (name, page) => sound.write(short(name), page),
      remove: (names) => sound.remove(names.map(short)),
    };
  }),
  inPages('removes every page', 'no others', () => emptying()),
  inPages('removes the first that is named only', 'no others', (sound) => ({
    remove: (names) => sound.remove(names.slice(0, 1)),
  })),
  inPages('fails where there is nothing to remove', 'forgives', (sound) => ({
    async remove(names) {
      for (const name of names) if (!(await sound.read(name, MIB))) throw new Error('not there');
      await sound.remove(names);
    },
  })),
  inPages('takes anything for a name', 'no name', () => {
    const pages = new Map<string, Uint8Array<ArrayBuffer>>();
    return {
      read: (name) => pages.get(name)?.slice(),
      write: (name, page) => void pages.set(name, page.slice()),
      remove: (names) => names.forEach((name) => void pages.delete(name)),
    };
  }),
  inPages('removes what stands before a name that is none', 'no name', (sound) => ({
    async remove(names) {
      for (const name of names) await sound.remove([name]);
    },
  })),
  faulty('removes pages where the document changes', 'pages: are no keyring', (sound) => {
    const names = new Set<string>();
    return {
      pages: {
        ...sound.pages,
        write(name, page) {
          names.add(name);
          return sound.pages.write(name, page);
        },
      },
      async write(next) {
        await sound.pages.remove([...names]);
        return sound.write(next);
      },
    };
  }),
  inPages('shows a page while it is being written', 'whole or not at all', (sound) => ({
    async write(name, page) {
      await sound.write(name, page.slice(0, page.length / 2));
      await turn();
      await turn();
      await sound.write(name, page);
    },
  })),
];

/** Pages that are all gone where one is removed. */
function emptying(): KeyringPages {
  let { pages } = memoryKeyring();
  return {
    read: (name, maxBytes) => pages.read(name, maxBytes),
    write: (name, page) => pages.write(name, page),
    remove() {
      ({ pages } = memoryKeyring());
    },
  };
}

const PROCESSES: readonly KeyringFault[] = [
  inProcesses('keeps one process only', 'each with its own entry', (sound) => ({
    async announce(process) {
      for (const { id } of await sound.list()) await sound.forget(id);
      await sound.announce(process);
    },
  })),
  inProcesses('appends to what a process wrote before', 'replaces', (sound) => ({
    async announce({ id, entry }) {
      const before = (await sound.list()).find((process) => process.id === id)?.entry ?? '';
      await sound.announce({ id, entry: before === '' ? entry : `[${before},${entry}]` });
    },
  })),
  inProcesses('glues an entry to what is left of a longer one', 'to the character', (sound) => ({
    async announce({ id, entry }) {
      const before = (await sound.list()).find((process) => process.id === id)?.entry ?? '';
      const left = before.slice(entry.length).replaceAll(/[^ ]/g, ' ');
      await sound.announce({ id, entry: entry + left });
    },
  })),
  inProcesses('keeps what a process wrote first', 'replaces', (sound) => ({
    async announce(process) {
      if ((await sound.list()).some(({ id }) => id === process.id)) return;
      await sound.announce(process);
    },
  })),
  inProcesses('writes entries anew as JSON', 'to the character', (sound) => ({
    announce: ({ id, entry }) => sound.announce({ id, entry: JSON.stringify(JSON.parse(entry)) }),
  })),
  inProcesses('trims entries', 'to the character', (sound) => ({
    announce: ({ id, entry }) => sound.announce({ id, entry: entry.trim() }),
  })),
  inProcesses('counts the length of an entry in characters', '1 KiB', () => {
    const entries = new Map<string, string>();
    return {
      announce: ({ id, entry }) => void entries.set(id, entry),
      list: () => [...entries].map(([id, entry]) => ({ id, entry })),
      forget: (id) => void entries.delete(id),
    };
  }),
  inProcesses('cuts an entry off at 255 characters', '1 KiB', (sound) => ({
    announce: ({ id, entry }) =>
      sound.announce({ id, entry: entry.length > 255 ? JSON.stringify(entry.slice(0, 255)) : entry }),
  })),
  inProcesses('forgets all', 'no other', (sound) => ({
    async forget() {
      for (const { id } of await sound.list()) await sound.forget(id);
    },
  })),
  inProcesses('forgets every id that begins alike', 'no other', (sound) => ({
    async forget(given) {
      for (const { id } of await sound.list()) if (id.startsWith(given.slice(0, 25))) await sound.forget(id);
    },
  })),
  inProcesses('forgets nobody', 'no other', () => ({ forget: () => undefined })),
  inProcesses('forgets for good', 'takes back', (sound) => {
    const gone = new Set<string>();
    return {
      announce: (process) => (gone.has(process.id) ? undefined : sound.announce(process)),
      forget(id) {
        gone.add(id);
        return sound.forget(id);
      },
    };
  }),
  inProcesses('fails where there is nobody to forget', 'forgives', (sound) => ({
    async forget(given) {
      if (!(await sound.list()).some(({ id }) => id === given)) throw new Error('not there');
      await sound.forget(given);
    },
  })),
  inProcesses('takes anything for an id', 'no id', (sound) => ({
    announce: (process) => (process.id.length === 26 ? sound.announce(process) : undefined),
    forget: (id) => (/^[a-z2-7]{26}$/.test(id) ? sound.forget(id) : undefined),
  })),
  inProcesses('shows half an entry while it is being replaced', 'whole entry', (sound) => ({
    async announce({ id, entry }) {
      await sound.announce({ id, entry: '""' });
      await turn();
      await turn();
      await sound.announce({ id, entry });
    },
  })),
  inProcesses('removes an entry before it writes the next', 'never missing', (sound) => ({
    async announce(process) {
      await sound.forget(process.id);
      await turn();
      await turn();
      await sound.announce(process);
    },
  })),
  inProcesses('loses who is announced while another is', 'by many at once', () => {
    let list: readonly { readonly id: string; readonly entry: string }[] = [];
    const { processes: checks } = memoryKeyring();
    return {
      async announce(process) {
        await checks.announce(process);
        const before = list;
        await turn();
        list = [...before.filter(({ id }) => id !== process.id), process];
      },
      list: () => list,
      async forget(given) {
        await checks.forget(given);
        list = list.filter(({ id }) => id !== given);
      },
    };
  }),
];

const USAGE: readonly KeyringFault[] = [
  inUsage('loses what is added in between', 'loses nothing', () => {
    const totals: Record<string, number> = {};
    const { usage: checks } = memoryKeyring();
    return {
      async add(keyId, cells) {
        await checks.add(keyId, cells);
        const sum = Math.min((totals[keyId] ?? 0) + cells, Number.MAX_SAFE_INTEGER);
        await turn();
        totals[keyId] = sum;
      },
      totals: () => ({ ...totals }),
    };
  }),
  inUsage('keeps what was added last', 'sums', () => {
    const totals: Record<string, number> = {};
    return {
      add(keyId, cells) {
        totals[keyId] = cells;
      },
      totals: () => ({ ...totals }),
    };
  }),
  inUsage('sums over all keys', 'each key for itself', (sound) => ({
    async totals() {
      const totals = await sound.totals();
      const sum = Object.values(totals).reduce((left, right) => left + right, 0);
      return Object.fromEntries(Object.keys(totals).map((keyId) => [keyId, sum]));
    },
  })),
  inUsage('counts adds, not cells', 'sums', (sound) => ({ add: (keyId) => sound.add(keyId, 1) })),
  inUsage('counts in 32 bits', '2^53 - 1', (sound) => ({
    async totals() {
      const totals = Object.entries(await sound.totals());
      return Object.fromEntries(totals.map(([keyId, cells]) => [keyId, cells >>> 0]));
    },
  })),
  inUsage('goes on beyond what is exact', 'stays there', () => {
    const totals: Record<string, number> = {};
    return {
      add(keyId, cells) {
        totals[keyId] = (totals[keyId] ?? 0) + cells;
      },
      totals: () => ({ ...totals }),
    };
  }),
  inUsage('takes any number of cells', 'no number of cells', (sound) => ({
    add: (keyId, cells) => (Number.isSafeInteger(cells) && cells >= 0 ? sound.add(keyId, cells) : undefined),
  })),
  inUsage('forgets what it has told', 'sums', (sound) => {
    let told: Readonly<Record<string, number>> = {};
    return {
      async totals() {
        const totals = await sound.totals();
        const left = Object.entries(totals).filter(([keyId]) => !(keyId in told));
        told = totals;
        return Object.fromEntries(left);
      },
    };
  }),
  faulty('forgets usage where the document changes', 'usage: is no keyring', (sound) => {
    let isOver = false;
    return {
      usage: { ...sound.usage, totals: () => (isOver ? {} : sound.usage.totals()) },
      write(next) {
        isOver = next.revision > 1;
        return sound.write(next);
      },
    };
  }),
];

const MEMBERS: readonly KeyringFault[] = (['restore', 'pages', 'processes', 'usage'] as const).flatMap(
  (member): KeyringFault[] => [
    faulty(`lacks ${member}, which it promises`, 'beside read and write', () => ({ [member]: undefined })),
    {
      ...faulty(`has ${member}, which it does not promise`, 'beside read and write', () => ({})),
      members: (['restore', 'pages', 'processes', 'usage'] as const).filter((other) => other !== member),
    },
  ],
);

export const KEYRING_FAULTS: readonly KeyringFault[] = [
  ...RESTORE,
  ...PAGES,
  ...PROCESSES,
  ...USAGE,
  ...MEMBERS,
];
