import type {
  RecordStore,
  RecordSwap,
  StoredRecord,
  TableCount,
  TableLayout,
  TokenCount,
  TokenSwap,
} from '../../src/rotation/index.js';
import type { MemoryRecords } from '../../src/store/memory.js';
import type { Fault } from './faults.js';

/** Makes of every swap another one, before it is made. */
function swapping(
  sound: MemoryRecords,
  change: (swap: RecordSwap, record: StoredRecord | undefined, layout: TableLayout) => RecordSwap,
): Pick<RecordStore, 'commit'> {
  return {
    async commit(layout, chunk) {
      const swaps: RecordSwap[] = [];
      for (const swap of chunk.swaps) {
        const [record] = await sound.reread(layout, [swap.key]);
        swaps.push(change(swap, record, layout));
      }
      return sound.commit(layout, { ...chunk, swaps });
    },
  };
}

/** Compares tokens as `look` makes them look, and not byte by byte. */
function comparing(what: string, caughtBy: string, look: (token: string | null) => unknown): Fault {
  return {
    name: `compares tokens without ${what}`,
    caughtBy,
    plant: (sound) =>
      swapping(sound, ({ tokens = [], ...swap }, record) => ({
        ...swap,
        tokens: tokens.map((one): TokenSwap => {
          const stored = (record?.tokens?.[one.token] ?? null) as string | null;
          return look(stored) === look(one.old) ? { ...one, old: stored } : one;
        }),
      })),
  };
}

const ofText =
  (look: (text: string) => string) =>
  (token: string | null): unknown =>
    token === null ? null : look(token);

/** Reads tokens as something else. */
function reading(
  sound: MemoryRecords,
  look: (token: unknown) => unknown,
): Pick<RecordStore, 'page' | 'reread'> {
  const seen = ({ tokens, ...record }: StoredRecord): StoredRecord =>
    tokens ? { ...record, tokens: tokens.map(look) } : record;
  return {
    async page(layout, request) {
      const page = await sound.page(layout, request);
      return { ...page, records: page.records.map(seen) };
    },
    reread: async (layout, keys) => (await sound.reread(layout, keys)).map(seen),
  };
}

/** Counts tokens otherwise: `change` gets what is counted rightly, and the layout and its records. */
function counting(
  change: (
    counts: readonly TokenCount[],
    layout: TableLayout,
    records: readonly StoredRecord[],
  ) => readonly TokenCount[],
): Fault['plant'] {
  return (sound) => ({
    async census(layouts) {
      const counts: TableCount[] = [];
      for (const layout of layouts) {
        const [count] = (await sound.census([layout])) as [TableCount];
        const request = { after: undefined, maxRecords: 10_000, maxBytes: 1_000_000_000 };
        const { records } = await sound.page(layout, request);
        counts.push(count.tokens ? { ...count, tokens: change(count.tokens, layout, records) } : count);
      }
      return counts;
    },
  });
}

/** A count that groups by the first characters of whatever `isToken` lets through. */
function groupedBy(isToken: (value: string) => boolean): Fault['plant'] {
  return counting((counts, _, records) =>
    counts.map(({ missing }, i) => {
      const values = records.flatMap(({ tokens }) => (tokens?.[i] ?? []) as string | []);
      const prefixes: Record<string, number> = {};
      for (const value of values.filter(isToken))
        prefixes[value.slice(0, 8)] = (prefixes[value.slice(0, 8)] ?? 0) + 1;
      return { prefixes, notTokens: values.filter((value) => !isToken(value)).length, missing };
    }),
  );
}

const isKept = ({ old, new: fresh }: { old: unknown; new: unknown }): boolean =>
  String(old) === String(fresh);

/** Stores that are sound but for one thing about tokens. */
export const TOKEN_FAULTS: readonly Fault[] = [
  comparing(
    'letter case',
    'only looks like the one that was read',
    ofText((text) => text.toLowerCase()),
  ),
  comparing(
    'trailing spaces',
    'only looks like the one that was read',
    ofText((text) => text.replace(/ +$/, '')),
  ),
  comparing(
    'accents',
    'only looks like the one that was read',
    ofText((text) => text.normalize('NFD').replaceAll(/\p{M}/gu, '')),
  ),
  comparing(
    'more than their key',
    'only looks like the one that was read',
    ofText((text) => text.slice(0, 8)),
  ),
  comparing(
    'telling nothing from an empty text',
    'a token came to be where there was none',
    (token) => token ?? '',
  ),
  comparing('anything', 'if its token is another by now', () => true),
  {
    name: 'takes a token that was null for any',
    caughtBy: 'a token came to be where there was none',
    plant: (sound) =>
      swapping(sound, ({ tokens = [], ...swap }, record) => ({
        ...swap,
        tokens: tokens.map((one) =>
          one.old === null ? { ...one, old: (record?.tokens?.[one.token] ?? null) as string | null } : one,
        ),
      })),
  },
  {
    name: 'does not look at cells that stay',
    caughtBy: 'if its cell has changed meanwhile',
    plant: (sound) =>
      swapping(sound, ({ cells, ...swap }) => ({ ...swap, cells: cells.filter((cell) => !isKept(cell)) })),
  },
  {
    name: 'does not look at binary cells that stay',
    caughtBy: 'if a binary cell has changed meanwhile',
    plant: (sound) =>
      swapping(sound, ({ cells, ...swap }) => ({
        ...swap,
        cells: cells.filter((cell) => !ArrayBuffer.isView(cell.old) || !isKept(cell)),
      })),
  },
  {
    name: 'does not look at cells that are null and stay so',
    caughtBy: 'while the cell stays null, and only then',
    plant: (sound) =>
      swapping(sound, ({ cells, ...swap }) => ({ ...swap, cells: cells.filter(({ old }) => old !== null) })),
  },
  {
    name: 'swaps no record whose cell is null',
    caughtBy: 'while the cell stays null, and only then',
    plant: (sound) =>
      swapping(sound, (swap) =>
        swap.cells.some(({ old }) => old === null) ? { ...swap, key: '["gone"]' } : swap,
      ),
  },
  {
    name: 'writes the cells although a token has changed',
    caughtBy: 'all cells and tokens of a record are swapped, or none',
    plant: (sound) => ({
      async commit(layout, chunk) {
        for (const { key, cells } of chunk.swaps)
          await sound.commit(layout, { id: chunk.id, quarantine: [], swaps: [{ key, cells }] });
        return sound.commit(layout, chunk);
      },
    }),
  },
  {
    name: 'writes the tokens although a cell has changed',
    caughtBy: 'all cells and tokens of a record are swapped, or none',
    plant: (sound) => ({
      async commit(layout, chunk) {
        for (const { key, tokens = [] } of chunk.swaps)
          await sound.commit(layout, { id: chunk.id, quarantine: [], swaps: [{ key, cells: [], tokens }] });
        return sound.commit(layout, chunk);
      },
    }),
  },
  {
    name: 'writes tokens only where a cell changes',
    caughtBy: 'a token is swapped alone',
    plant: (sound) =>
      swapping(sound, (swap) => (swap.cells.every(isKept) ? { key: swap.key, cells: swap.cells } : swap)),
  },
  {
    name: 'writes no null over a token',
    caughtBy: 'while the cell stays null, and only then',
    plant: (sound) =>
      swapping(sound, ({ tokens = [], ...swap }) => ({
        ...swap,
        tokens: tokens.map((one) => (one.new === null ? { ...one, new: one.old } : one)),
      })),
  },
  {
    name: 'writes the empty text for null',
    caughtBy: 'while the cell stays null, and only then',
    plant: (sound) =>
      swapping(sound, ({ tokens = [], ...swap }) => ({
        ...swap,
        tokens: tokens.map((one) => ({ ...one, new: one.new ?? '' })),
      })),
  },
  {
    name: 'writes one token for all of its kind',
    caughtBy: 'in one chunk with others of other shapes',
    plant: (sound) =>
      swapping(sound, ({ tokens = [], ...swap }) => ({
        ...swap,
        tokens: tokens.map((one) => ({ ...one, new: tokens[0]?.new ?? null })),
      })),
  },
  {
    name: 'writes no token where only its letter case changes',
    caughtBy: 'only looks like the one that it becomes',
    plant: (sound) =>
      swapping(sound, ({ tokens = [], ...swap }) => ({
        ...swap,
        tokens: tokens.map((one) =>
          one.new?.toLowerCase() === one.old?.toLowerCase() ? { ...one, new: one.old } : one,
        ),
      })),
  },
  {
    name: 'says of a swap under which nothing changes that it was lost',
    caughtBy: 'a swap under which everything stays',
    plant: (sound) =>
      swapping(sound, (swap) =>
        [...swap.cells, ...(swap.tokens ?? [])].every(isKept) ? { ...swap, key: '["gone"]' } : swap,
      ),
  },
  {
    name: 'forgets tokens at a reread',
    caughtBy: 'tokens are read to the letter',
    plant: (sound) => ({
      reread: async (layout, keys) =>
        (await sound.reread(layout, keys)).map(({ tokens: _, ...record }) => record),
    }),
  },
  {
    name: 'reads a null as the empty text',
    caughtBy: 'nulls as nulls',
    plant: (sound) => reading(sound, (token) => token ?? ''),
  },
  {
    name: 'reads tokens in upper case',
    caughtBy: 'tokens are read to the letter',
    plant: (sound) => reading(sound, (token) => (typeof token === 'string' ? token.toUpperCase() : token)),
  },
  {
    name: 'reads a token out of what is none',
    caughtBy: 'in place of what is no token',
    plant: (sound) =>
      reading(sound, (token) => (typeof token === 'string' ? token.trim().toLowerCase() : token)),
  },
  {
    name: 'reads tokens in another order',
    caughtBy: 'tokens are read to the letter',
    plant: (sound) => ({
      async page(layout, request) {
        const page = await sound.page(layout, request);
        const turned = ({ tokens, ...record }: StoredRecord): StoredRecord =>
          tokens ? { ...record, tokens: [...tokens].reverse() } : record;
        return { ...page, records: page.records.map(turned) };
      },
    }),
  },
  {
    name: 'counts by the first characters of anything',
    caughtBy: 'as no token what has not the form of one',
    plant: groupedBy(() => true),
  },
  {
    name: 'counts by the first characters without letter case',
    caughtBy: 'as no token what has not the form of one',
    plant: groupedBy((value) => /^[a-z2-7]{8}\.([0-9a-f]{2})+$/i.test(value)),
  },
  {
    name: 'counts tokens that are longer than any',
    caughtBy: 'as no token what has not the form of one',
    plant: groupedBy((value) => /^[a-z2-7]{8}\.([0-9a-f]{2})+$/.test(value)),
  },
  {
    name: 'counts tokens with a line break behind them',
    caughtBy: 'as no token what has not the form of one',
    plant: groupedBy((value) => /^[a-z2-7]{8}\.([0-9a-f]{2}){1,32}\s*$/.test(value)),
  },
  {
    name: 'counts tokens of one length only',
    caughtBy: 'by the characters that name their key, of any length',
    plant: groupedBy((value) => /^[a-z2-7]{8}\.[0-9a-f]{8}$/.test(value)),
  },
  {
    name: 'counts no values that are no tokens',
    caughtBy: 'as no token what has not the form of one',
    plant: counting((counts) => counts.map((count) => ({ ...count, notTokens: 0 }))),
  },
  {
    name: 'misses a token wherever there is none',
    caughtBy: 'a token is missing where every cell is there',
    plant: counting((counts, _, records) =>
      counts.map((count, i) => ({
        ...count,
        missing: records.filter(({ tokens }) => tokens?.[i] === null).length,
      })),
    ),
  },
  {
    name: 'misses a token where any of its cells is there',
    caughtBy: 'a token is missing where every cell is there',
    plant: counting((counts, layout, records) =>
      counts.map((count, i) => ({
        ...count,
        missing: records.filter(
          ({ cells, tokens }) =>
            tokens?.[i] === null && layout.tokens?.[i]?.cells.some((cell) => cells[cell] !== null),
        ).length,
      })),
    ),
  },
  {
    name: 'misses tokens of a column that follows another by its cells',
    caughtBy: 'of a column that follows another is missing',
    plant: (sound) => ({
      census: (layouts) =>
        sound.census(
          layouts.map((layout) =>
            layout.tokens
              ? { ...layout, tokens: layout.tokens.map(({ follows: _, ...column }) => column) }
              : layout,
          ),
        ),
    }),
  },
  {
    name: 'counts the columns of tokens as one',
    caughtBy: 'by the characters that name their key, of any length',
    plant: counting((counts) => {
      const prefixes: Record<string, number> = {};
      for (const [prefix, found] of counts.flatMap((count) => Object.entries(count.prefixes)))
        prefixes[prefix] = (prefixes[prefix] ?? 0) + found;
      return counts.map((count) => ({ ...count, prefixes }));
    }),
  },
  {
    name: 'counts tokens of tables without an index',
    caughtBy: 'only for those',
    plant: (sound) => ({
      census: async (layouts) => (await sound.census(layouts)).map((count) => ({ tokens: [], ...count })),
    }),
  },
];
