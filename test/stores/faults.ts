import type {
  CellAddress,
  Chunk,
  FoundCells,
  JobWrite,
  QuarantineEntry,
  RecordStore,
  RecordSwap,
  RefusedCell,
  StoreDescription,
  StoredRecord,
  TableDescription,
  TableLayout,
} from '../../src/rotation/index.js';
import type { MemoryRecords } from '../../src/store/memory.js';

/** A store that is sound but for one thing. */
export interface Fault {
  readonly name: string;
  /** Part of the name of a case that finds it. */
  readonly caughtBy: string;
  plant(sound: MemoryRecords): Partial<RecordStore>;
}

/** Compares cells as `look` makes them look, and not byte by byte. */
function comparing(what: string, caughtBy: string, look: (cell: unknown) => unknown): Fault {
  return {
    name: `compares cells without ${what}`,
    caughtBy,
    plant: (sound) => ({
      async commit(layout, chunk) {
        const swaps: RecordSwap[] = [];
        for (const { key, cells } of chunk.swaps) {
          const [record] = await sound.reread(layout, [key]);
          const found = cells.map((swap) => ({ swap, stored: record?.cells[swap.cell] as string }));
          const taken = found.map(({ swap, stored }) =>
            look(stored) === look(swap.old) ? { ...swap, old: stored } : swap,
          );
          swaps.push({ key, cells: taken });
        }
        return sound.commit(layout, { ...chunk, swaps });
      },
    }),
  };
}

const ofText =
  (look: (text: string) => string) =>
  (cell: unknown): unknown =>
    typeof cell === 'string' ? look(cell) : cell;

/** The row as the application knows it. */
function rowOf(layout: TableLayout, { id, tenant, cells }: StoredRecord): Record<string, unknown> {
  return Object.fromEntries([
    ...layout.key.map(({ name }, i) => [name, id[i]]),
    ...(layout.tenant ? [[layout.tenant.name, tenant]] : []),
    ...layout.cells.map(({ attribute }, i) => [attribute, cells[i]]),
  ]);
}

const EVERYTHING = { after: undefined, maxRecords: 10_000, maxBytes: 1_000_000_000 };

const rounded = (text: string): string =>
  text.replaceAll(/"integer":"(-?\d+)"/g, (_, digits) => `"integer":"${BigInt(Number(digits))}"`);

export const FAULTS: readonly Fault[] = [
  comparing(
    'letter case',
    'upper case everywhere',
    ofText((text) => text.toLowerCase()),
  ),
  comparing(
    'trailing spaces',
    'a trailing space',
    ofText((text) => text.replace(/ +$/, '')),
  ),
  comparing(
    'leading spaces',
    'a leading space',
    ofText((text) => text.trimStart()),
  ),
  comparing(
    'line feeds',
    'a trailing line feed',
    ofText((text) => text.replaceAll('\n', '')),
  ),
  comparing(
    'what stands behind a NUL',
    'a trailing NUL',
    ofText((text) => text.split('\0')[0] as string),
  ),
  comparing(
    'ignorable characters',
    'a soft hyphen',
    ofText((text) => text.replaceAll('\u00ad', '')),
  ),
  comparing(
    'compatibility forms',
    'a full-width letter',
    ofText((text) => text.normalize('NFKC')),
  ),
  comparing(
    'accents',
    'a combining accent',
    ofText((text) => text.replaceAll(/\p{M}/gu, '')),
  ),
  comparing(
    'telling scripts apart',
    'a Cyrillic letter',
    ofText((text) => text.replaceAll('\u0441', 'c')),
  ),
  comparing(
    'more than the key tag',
    'another last character',
    ofText((text) => text.slice(0, 32)),
  ),
  comparing(
    'the end',
    'one character less',
    ofText((text) => text.slice(0, 85)),
  ),
  comparing('more of bytes than their number', 'one byte of a binary cell', (cell) =>
    ArrayBuffer.isView(cell) ? cell.byteLength : cell,
  ),
  comparing('more of bytes than the first 40', 'one byte of a binary cell', (cell) =>
    ArrayBuffer.isView(cell) ? String((cell as Uint8Array).subarray(0, 40)) : cell,
  ),
  {
    name: 'inserts a record that is gone',
    caughtBy: 'is not brought back by a swap',
    plant(sound) {
      const seen = new Map<string, StoredRecord>();
      return {
        async page(layout, request) {
          const page = await sound.page(layout, request);
          for (const record of page.records) seen.set(record.key, record);
          return page;
        },
        async commit(layout, chunk) {
          for (const { key } of chunk.swaps) {
            const [there] = await sound.reread(layout, [key]);
            const record = seen.get(key);
            if (!there && record) sound.insert({ layout }, rowOf(layout, record));
          }
          return sound.commit(layout, chunk);
        },
      };
    },
  },
  {
    name: 'writes whole records, as they were read',
    caughtBy: 'the tenant and other columns stay as they are',
    plant(sound) {
      const seen = new Map<string, StoredRecord>();
      return {
        async page(layout, request) {
          const page = await sound.page(layout, request);
          for (const record of page.records) seen.set(record.key, record);
          return page;
        },
        async commit(layout, chunk) {
          const outcome = await sound.commit(layout, chunk);
          for (const [i, { key, cells }] of chunk.swaps.entries()) {
            const record = seen.get(key);
            if (!outcome.committed || !outcome.swapped[i] || !record) continue;
            const row = rowOf(layout, record);
            for (const swap of cells) row[layout.cells[swap.cell]?.attribute as string] = swap.new;
            sound.update({ layout }, row, row);
          }
          return outcome;
        },
      };
    },
  },
  {
    name: 'takes a short page for the last',
    caughtBy: 'a page that its byte cap made short is not done',
    plant: (sound) => ({
      async page(layout, request) {
        const page = await sound.page(layout, request);
        return { ...page, done: page.records.length < request.maxRecords };
      },
    }),
  },
  {
    name: 'sees the end only on a page that is empty',
    caughtBy: 'a last page that is exactly full is done',
    plant: (sound) => ({
      async page(layout, request) {
        const page = await sound.page(layout, request);
        return { ...page, done: page.records.length === 0 };
      },
    }),
  },
  {
    name: 'pages by offset',
    caughtBy: 'is seen if it is ahead, and only then',
    plant: (sound) => ({
      async page(layout, { after, maxRecords }) {
        const all = (await sound.page(layout, EVERYTHING)).records;
        const start = Number(after ?? 0);
        const records = all.slice(start, start + maxRecords);
        const end = start + records.length;
        return { records, next: records.length > 0 ? String(end) : undefined, done: end >= all.length };
      },
    }),
  },
  {
    name: 'pages over what was there at the first look',
    caughtBy: 'is seen if it is ahead, and only then',
    plant(sound) {
      const looks = new Map<string, readonly string[]>();
      return {
        async page(layout, request) {
          const all = (await sound.page(layout, EVERYTHING)).records;
          const keys = looks.get(layout.name) ?? all.map(({ key }) => key);
          if (request.after === undefined) looks.set(layout.name, keys);
          const page = await sound.page(layout, request);
          const records = page.records.filter(({ key }) => keys.includes(key));
          return { ...page, records, next: records.at(-1)?.key };
        },
      };
    },
  },
  {
    name: 'takes an error for the end',
    caughtBy: 'is refused with InvalidCursorError, and is not the end',
    plant: (sound) => ({
      async page(layout, request) {
        try {
          return await sound.page(layout, request);
        } catch {
          return { records: [], next: undefined, done: true };
        }
      },
    }),
  },
  {
    name: 'begins again at a place that it does not know',
    caughtBy: 'is refused with InvalidCursorError',
    plant: (sound) => ({
      async page(layout, request) {
        try {
          return await sound.page(layout, request);
        } catch {
          return sound.page(layout, { ...request, after: undefined });
        }
      },
    }),
  },
  {
    name: 'knows no last place',
    caughtBy: 'pages have what is behind the first and not behind the second',
    plant: (sound) => ({
      page: (layout, request) => sound.page(layout, { ...request, until: undefined }),
    }),
  },
  {
    name: 'leaves out the record at the last place',
    caughtBy: 'pages have what is behind the first and not behind the second',
    plant: (sound) => ({
      async page(layout, request) {
        const page = await sound.page(layout, request);
        const records = page.records.filter(({ key }) => key !== request.until);
        return { ...page, records, next: records.at(-1)?.key };
      },
    }),
  },
  {
    name: 'takes every page that has a last place for the last',
    caughtBy: 'that its caps made short of it is not',
    plant: (sound) => ({
      async page(layout, request) {
        const page = await sound.page(layout, request);
        return { ...page, done: page.done || request.until !== undefined };
      },
    }),
  },
  {
    name: 'ends a range only where the table ends',
    caughtBy: 'a page that reaches the last place that is wanted is done',
    plant: (sound) => ({
      async page(layout, request) {
        const page = await sound.page(layout, request);
        return { ...page, done: (await sound.page(layout, { ...request, until: undefined })).done };
      },
    }),
  },
  {
    name: 'finds the last place by its record',
    caughtBy: 'a page ends at a place also where its record is gone',
    plant: (sound) => ({
      async page(layout, request) {
        const [there] = request.until === undefined ? [] : await sound.reread(layout, [request.until]);
        return sound.page(layout, { ...request, until: there?.key });
      },
    }),
  },
  {
    name: 'takes a last place that it does not know for none',
    caughtBy: 'a last place that is none of its own is refused',
    plant: (sound) => ({
      async page(layout, request) {
        try {
          return await sound.page(layout, request);
        } catch {
          return sound.page(layout, { ...request, until: undefined });
        }
      },
    }),
  },
  {
    name: 'counts boundaries from the first record',
    caughtBy: 'boundaries divide integers',
    plant: (sound) => ({
      async boundaries(layout, everyRecords) {
        const { records } = await sound.page(layout, EVERYTHING);
        return records.filter((_, i) => i > 0 && i % everyRecords === 0).map(({ key }) => key);
      },
    }),
  },
  {
    name: 'calls the end of the table a boundary',
    caughtBy: 'have no boundaries',
    plant: (sound) => ({
      async boundaries(layout, everyRecords) {
        const { records } = await sound.page(layout, EVERYTHING);
        return records.filter((_, i) => (i + 1) % everyRecords === 0).map(({ key }) => key);
      },
    }),
  },
  {
    name: 'divides a table once',
    caughtBy: 'boundaries divide integers',
    plant: (sound) => ({
      boundaries: async (layout, everyRecords) => (await sound.boundaries(layout, everyRecords)).slice(0, 1),
    }),
  },
  {
    name: 'takes a record over the byte cap for the end',
    caughtBy: 'a record larger than the byte cap comes all the same',
    plant: (sound) => ({
      async page(layout, request) {
        const page = await sound.page(layout, request);
        const [first] = page.records;
        const size = first?.cells.reduce<number>((sum, cell) => sum + ((cell as string)?.length ?? 0), 0);
        return (size ?? 0) > request.maxBytes ? { records: [], next: undefined, done: true } : page;
      },
    }),
  },
  {
    name: 'knows no byte cap',
    caughtBy: 'a page that its byte cap made short is not done',
    plant: (sound) => ({
      page: (layout, request) => sound.page(layout, { ...request, maxBytes: Number.MAX_SAFE_INTEGER }),
    }),
  },
  {
    name: 'counts no bytes of binary cells',
    caughtBy: 'the byte cap counts all cells of a record',
    plant: (sound) => ({
      async page(layout, request) {
        const { records } = await sound.page(layout, { ...request, maxBytes: EVERYTHING.maxBytes });
        const lengths = records.map(({ cells }) => cells.filter((cell) => typeof cell === 'string').join(''));
        const fitting = records.filter(
          (_, i) => i === 0 || lengths.slice(0, i + 1).join('').length <= request.maxBytes,
        );
        return sound.page(layout, { ...request, maxRecords: fitting.length, maxBytes: EVERYTHING.maxBytes });
      },
    }),
  },
  {
    name: 'rounds the integers of a place to doubles',
    caughtBy: 'pages over integers up to 64 bits',
    plant: (sound) => ({
      async page(layout, request) {
        const page = await sound.page(layout, request);
        return { ...page, next: page.next && rounded(page.next) };
      },
    }),
  },
  {
    name: 'rounds the integers of a key to doubles',
    caughtBy: 'records with integers up to 64 bits are read again',
    plant: (sound) => ({
      reread: (layout, keys) => sound.reread(layout, keys.map(rounded)),
    }),
  },
  {
    name: 'tells integers as doubles',
    caughtBy: 'pages over integers up to 64 bits',
    plant: (sound) => ({
      async page(layout, request) {
        const page = await sound.page(layout, request);
        const number = (value: unknown): unknown => (typeof value === 'bigint' ? Number(value) : value);
        return { ...page, records: page.records.map((record) => ({ ...record, id: record.id.map(number) })) };
      },
    }),
  },
  {
    name: 'writes places without letter case',
    caughtBy: 'among texts, a page goes on',
    plant: (sound) => ({
      async page(layout, request) {
        const page = await sound.page(layout, request);
        return { ...page, next: page.next?.toLowerCase() };
      },
    }),
  },
  {
    name: 'compares only the first part of a place',
    caughtBy: 'among pairs of text and integer, a page goes on',
    plant: (sound) => ({
      async page(layout, request) {
        const page = await sound.page(layout, request);
        if (request.after === undefined) return page;
        const [first] = JSON.parse(request.after) as unknown[];
        const records = page.records.filter(
          ({ key }) => JSON.stringify((JSON.parse(key) as unknown[])[0]) !== JSON.stringify(first),
        );
        return layout.key.length === 1 ? page : { ...page, records, next: records.at(-1)?.key };
      },
    }),
  },
  {
    name: 'orders integers by their digits',
    caughtBy: 'pages over pairs of integers, one of them the tenant',
    plant: (sound) => ({
      async page(layout, request) {
        const page = await sound.page(layout, request);
        const records = [...page.records].sort((a, b) => (String(a.id) < String(b.id) ? -1 : 1));
        return { ...page, records };
      },
    }),
  },
  {
    name: 'forgets the tenant',
    caughtBy: 'the tenant comes from its column',
    plant: (sound) => ({
      async page(layout, request) {
        const page = await sound.page(layout, request);
        return { ...page, records: page.records.map(({ tenant: _, ...record }) => record) };
      },
    }),
  },
  {
    name: 'leaves out records with a null among their cells',
    caughtBy: 'a page shows cells as they are',
    plant: (sound) => ({
      async page(layout, request) {
        const page = await sound.page(layout, request);
        const records = page.records.filter(({ cells }) => !cells.includes(null));
        return { ...page, records, next: records.at(-1)?.key };
      },
    }),
  },
  {
    name: 'reads again what it read before',
    caughtBy: 'reading again gives what is there now',
    plant(sound) {
      const seen = new Map<string, StoredRecord>();
      return {
        async page(layout, request) {
          const page = await sound.page(layout, request);
          for (const record of page.records) seen.set(record.key, record);
          return page;
        },
        reread: (_layout, keys) => keys.flatMap((key) => seen.get(key) ?? []),
      };
    },
  },
  {
    name: 'reads a record that is gone as one of nulls',
    caughtBy: 'drops what is gone',
    plant: (sound) => ({
      async reread(layout, keys) {
        const found = await sound.reread(layout, keys);
        const gone = keys.filter((key) => !found.some((record) => record.key === key));
        const cells = layout.cells.map(() => null);
        return [...found, ...gone.map((key) => ({ key, id: [0n], cells }))];
      },
    }),
  },
  {
    name: 'swaps the cells of a record one by one',
    caughtBy: 'all cells of a record are swapped, or none',
    plant: (sound) => ({
      async commit(layout, chunk) {
        const swaps = chunk.swaps.flatMap(({ key, cells }) => cells.map((cell) => ({ key, cells: [cell] })));
        const sums = (swapped: readonly boolean[]): boolean[] => {
          let place = 0;
          return chunk.swaps.map(({ cells }) => {
            place += cells.length;
            return swapped.slice(place - cells.length, place).every(Boolean);
          });
        };
        const summed = withJob({ ...chunk, swaps }, (job) => (swapped) => job(sums(swapped)));
        const outcome = await sound.commit(layout, summed);
        return outcome.committed ? { ...outcome, swapped: sums(outcome.swapped) } : outcome;
      },
    }),
  },
  {
    name: 'swaps no record of a chunk if one lost its swap',
    caughtBy: 'does not keep the others of the chunk from theirs',
    plant: (sound) => ({
      async commit(layout, chunk) {
        const lost = await losing(sound, layout, chunk.swaps);
        const swaps = lost.includes(true) ? chunk.swaps.map(spoiled) : chunk.swaps;
        return sound.commit(layout, { ...chunk, swaps });
      },
    }),
  },
  {
    name: 'answers only for the swaps that were made',
    caughtBy: 'from one answer for each swap in their order',
    plant: (sound) => ({
      commit: (layout, chunk) =>
        sound.commit(
          layout,
          withJob(chunk, (job) => (swapped) => job(swapped.filter(Boolean))),
        ),
    }),
  },
  {
    name: 'answers in another order',
    caughtBy: 'does not keep the others of the chunk from theirs',
    plant: (sound) => ({
      async commit(layout, chunk) {
        const turned = (swapped: readonly boolean[]) => [...swapped].sort();
        const outcome = await sound.commit(
          layout,
          withJob(chunk, (job) => (swapped) => job(turned(swapped))),
        );
        return outcome.committed ? { ...outcome, swapped: turned(outcome.swapped) } : outcome;
      },
    }),
  },
  {
    name: 'asks for the job record twice',
    caughtBy: 'the job record is made once a commit',
    plant: (sound) => ({
      commit(layout, chunk) {
        const twice = withJob(chunk, (job) => (swapped) => {
          job(swapped);
          return job(swapped);
        });
        return sound.commit(layout, twice);
      },
    }),
  },
  {
    name: 'looks, waits, and then writes',
    caughtBy: 'of two that swap the same cell at once, one succeeds',
    plant: (sound) => ({
      async commit(layout, chunk) {
        const lost = await losing(sound, layout, chunk.swaps);
        await Promise.resolve();
        const swapped = lost.map((one) => !one);
        const outcome = await sound.commit(
          layout,
          withJob({ ...chunk, swaps: [] }, (job) => () => job(swapped)),
        );
        if (!outcome.committed) return outcome;
        const records = (await sound.page(layout, EVERYTHING)).records;
        for (const [i, { key, cells }] of chunk.swaps.entries()) {
          const record = records.find((one) => one.key === key);
          if (!record || lost[i]) continue;
          const changes = cells.map((swap) => [layout.cells[swap.cell]?.attribute, swap.new]);
          sound.update({ layout }, rowOf(layout, record), Object.fromEntries(changes));
        }
        return { committed: true, swapped };
      },
    }),
  },
  {
    name: 'writes the job record over whatever is there',
    caughtBy: 'nothing is written if the job record is another one',
    plant: (sound) => ({
      async commit(layout, chunk) {
        const stored = new Map<string, string | undefined>();
        for (const id of ['job', 'none', 'swaps']) stored.set(id, await sound.readJob(id));
        const anyway = withJob(chunk, (job) => (swapped) => {
          const write = job(swapped);
          return { ...write, previous: stored.get(write.id) };
        });
        return sound.commit(layout, anyway);
      },
    }),
  },
  {
    name: 'swaps although the job record is another one',
    caughtBy: 'nothing is written if the job record is another one',
    plant: (sound) => ({
      async commit(layout, chunk) {
        const outcome = await sound.commit(layout, chunk);
        if (!outcome.committed) await swapAnyway(sound, layout, chunk.swaps);
        return outcome;
      },
    }),
  },
  {
    name: 'swaps although the job throws',
    caughtBy: 'what makes the job record throws',
    plant: (sound) => ({
      async commit(layout, chunk) {
        try {
          return await sound.commit(layout, chunk);
        } catch (error) {
          await swapAnyway(sound, layout, chunk.swaps);
          throw error;
        }
      },
    }),
  },
  {
    name: 'swallows what the job throws',
    caughtBy: 'what makes the job record throws',
    plant: (sound) => ({
      async commit(layout, chunk) {
        try {
          return await sound.commit(layout, chunk);
        } catch {
          return { committed: false };
        }
      },
    }),
  },
  {
    name: 'leaves the job record behind',
    caughtBy: 'swaps, quarantine and job record are written together',
    plant: (sound) => ({
      commit(layout, chunk) {
        const standing = withJob(chunk, (job) => (swapped) => {
          const write = job(swapped);
          return { ...write, next: write.previous ?? '' };
        });
        return sound.commit(layout, standing);
      },
    }),
  },
  {
    name: 'moves no job record where there is nothing to swap',
    caughtBy: 'a commit without swaps moves the job record',
    plant: (sound) => ({
      commit: (layout, chunk) =>
        chunk.swaps.length === 0 && chunk.quarantine.length === 0
          ? { committed: true, swapped: [] }
          : sound.commit(layout, chunk),
    }),
  },
  {
    name: 'loses the quarantine',
    caughtBy: 'swaps, quarantine and job record are written together',
    plant: (sound) => ({
      commit: (layout, chunk) => sound.commit(layout, { ...chunk, quarantine: [] }),
    }),
  },
  {
    name: 'keeps in quarantine what was not committed',
    caughtBy: 'nothing is written if the job record is another one',
    plant(sound) {
      const kept: QuarantineEntry[] = [];
      return {
        async commit(layout, chunk) {
          const outcome = await sound.commit(layout, chunk);
          if (!outcome.committed) kept.push(...chunk.quarantine.map(opened));
          return outcome;
        },
        listQuarantine: async (id) => [...(await sound.listQuarantine(id)), ...kept],
      };
    },
  },
  {
    name: 'keeps each time that a cell was put in quarantine',
    caughtBy: 'a cell stands in quarantine once',
    plant(sound) {
      const kept: QuarantineEntry[] = [];
      return {
        commit(layout, chunk) {
          kept.push(...chunk.quarantine.map(opened));
          return sound.commit(layout, chunk);
        },
        listQuarantine: () => kept,
      };
    },
  },
  {
    name: 'keeps the first code of a cell in quarantine',
    caughtBy: 'with the last code',
    plant: (sound) => ({
      async commit(layout, chunk) {
        const held = await sound.listQuarantine('job');
        const isNew = (entry: RefusedCell) =>
          !held.some(({ key, column }) => key === entry.key && column === entry.column);
        return sound.commit(layout, { ...chunk, quarantine: chunk.quarantine.filter(isNew) });
      },
    }),
  },
  {
    name: 'takes quarantine entries without letter case',
    caughtBy: 'is told by table, key and attribute',
    plant: (sound) => ({
      async listQuarantine(id) {
        const entries = await sound.listQuarantine(id);
        const look = (entry: QuarantineEntry) =>
          JSON.stringify([entry.table, entry.key, entry.column]).toLowerCase();
        return [...new Map(entries.map((entry) => [look(entry), entry])).values()];
      },
    }),
  },
  {
    name: 'has one quarantine for all jobs',
    caughtBy: 'each job has a quarantine of its own',
    plant: (sound) => ({
      async listQuarantine() {
        const lists = await Promise.all(['job', 'one', 'two'].map((id) => sound.listQuarantine(id)));
        return lists.flat();
      },
    }),
  },
  {
    name: 'writes a job record for a chunk that has none',
    caughtBy: 'a chunk without a job swaps and notes',
    plant: (sound) => ({
      async commit(layout, chunk) {
        const previous = await sound.readJob(chunk.id);
        const job = chunk.job ?? (() => ({ id: chunk.id, previous, next: '' }));
        return sound.commit(layout, { ...chunk, job });
      },
    }),
  },
  {
    name: 'writes nothing of a chunk that has no job',
    caughtBy: 'a chunk without a job swaps and notes',
    plant: (sound) => ({
      commit: (layout, chunk) =>
        chunk.job ? sound.commit(layout, chunk) : { committed: true, swapped: chunk.swaps.map(() => true) },
    }),
  },
  {
    name: 'puts the quarantine under the name of the job record',
    caughtBy: 'a quarantine stands under the name of its chunk',
    plant: (sound) => ({
      async commit(layout, chunk) {
        const named = chunk.job?.(chunk.swaps.map(() => true));
        return sound.commit(layout, { ...chunk, id: named?.id ?? chunk.id });
      },
    }),
  },
  {
    name: 'opens anew what is noted again',
    caughtBy: 'stays so when it is noted again',
    plant: (sound) => ({
      async commit(layout, chunk) {
        const outcome = await sound.commit(layout, chunk);
        await sound.settleQuarantine(chunk.id, chunk.quarantine, 'open');
        return outcome;
      },
    }),
  },
  {
    name: 'calls everything in quarantine open',
    caughtBy: 'what an operator has abandoned is told as that',
    plant: (sound) => ({
      listQuarantine: async (id) => (await sound.listQuarantine(id)).map(opened),
    }),
  },
  {
    name: 'forgets what was abandoned',
    caughtBy: 'a job that forgets its quarantine keeps what was abandoned',
    plant: (sound) => ({
      async writeJob(write) {
        const held = await sound.listQuarantine(write.id);
        if (write.forgetQuarantine) await sound.settleQuarantine(write.id, held, 'gone');
        return sound.writeJob(write);
      },
    }),
  },
  {
    name: 'settles cells by their record and attribute, without letter case',
    caughtBy: 'cells are taken out of quarantine',
    plant: (sound) => ({
      async settleQuarantine(id, cells, to) {
        const look = ({ key, column }: CellAddress) => JSON.stringify([key, column]).toLowerCase();
        const held = await sound.listQuarantine(id);
        const met = held.filter((entry) => cells.some((cell) => look(cell) === look(entry)));
        return sound.settleQuarantine(id, met, to);
      },
    }),
  },
  {
    name: 'settles the cells of every job',
    caughtBy: 'cells are taken out of quarantine',
    plant: (sound) => ({
      async settleQuarantine(id, cells, to) {
        if (id === 'job') await sound.settleQuarantine('other', cells, to);
        return sound.settleQuarantine(id, cells, to);
      },
    }),
  },
  {
    name: 'counts the cells that it was asked to settle',
    caughtBy: 'settling answers how many of the cells were in quarantine',
    plant: (sound) => ({
      async settleQuarantine(id, cells, to) {
        await sound.settleQuarantine(id, cells, to);
        return cells.length;
      },
    }),
  },
  {
    name: 'counts the cells whose disposition it changed',
    caughtBy: 'settling answers how many of the cells were in quarantine',
    plant: (sound) => ({
      async settleQuarantine(id, cells, to) {
        const before = JSON.stringify(await sound.listQuarantine(id));
        const met = await sound.settleQuarantine(id, cells, to);
        return JSON.stringify(await sound.listQuarantine(id)) === before ? 0 : met;
      },
    }),
  },
  {
    name: 'puts into quarantine what it is to settle there',
    caughtBy: 'settling answers how many of the cells were in quarantine',
    plant: (sound) => ({
      async settleQuarantine(id, cells, to) {
        const { length } = await sound.listQuarantine(id);
        const quarantine = cells.map((cell) => ({ ...cell, code: 'a' }));
        if (length > 0) await sound.commit({} as TableLayout, { id, swaps: [], quarantine });
        return sound.settleQuarantine(id, cells, to);
      },
    }),
  },
  {
    name: 'never forgets a quarantine',
    caughtBy: 'a job that forgets its quarantine',
    plant: (sound) => ({
      writeJob: (write) => sound.writeJob({ ...write, forgetQuarantine: false }),
    }),
  },
  {
    name: 'forgets a quarantine although the write is refused',
    caughtBy: 'a job that forgets its quarantine',
    plant: (sound) => ({
      async writeJob(write) {
        const written = await sound.writeJob(write);
        if (!written && write.forgetQuarantine) {
          const stored = await sound.readJob(write.id);
          await sound.writeJob({ ...write, previous: stored, next: stored ?? '' });
        }
        return written;
      },
    }),
  },
  {
    name: 'forgets the quarantine after it was put there',
    caughtBy: 'a commit that forgets the quarantine keeps what it puts there itself',
    plant: (sound) => ({
      async commit(layout, chunk) {
        let write: JobWrite | undefined;
        const keeping = withJob(chunk, (job) => (swapped) => {
          write = job(swapped);
          return { ...write, forgetQuarantine: false };
        });
        const outcome = await sound.commit(layout, keeping);
        if (write?.forgetQuarantine) await sound.writeJob({ ...write, previous: write.next });
        return outcome;
      },
    }),
  },
  {
    name: 'writes a job record over one that is there, as the first',
    caughtBy: 'is written for the first time once',
    plant: (sound) => ({
      writeJob: async (write) =>
        sound.writeJob({ ...write, previous: write.previous ?? (await sound.readJob(write.id)) }),
    }),
  },
  {
    name: 'makes a job record where one is to be written over',
    caughtBy: 'a job record that is not there is not written over',
    plant: (sound) => ({
      async writeJob(write) {
        const stored = await sound.readJob(write.id);
        return sound.writeJob(stored === undefined ? { ...write, previous: undefined } : write);
      },
    }),
  },
  {
    name: 'compares job records without letter case',
    caughtBy: 'over exactly the one that was read',
    plant: (sound) => ({
      async writeJob(write) {
        const stored = await sound.readJob(write.id);
        const isSame = stored?.toLowerCase() === write.previous?.toLowerCase();
        return sound.writeJob(isSame ? { ...write, previous: stored } : write);
      },
    }),
  },
  {
    name: 'cuts off long job records',
    caughtBy: 'a job record comes back as it was written',
    plant: (sound) => ({
      readJob: async (id) => (await sound.readJob(id))?.slice(0, 4_000),
    }),
  },
  {
    name: 'takes an empty job record for none',
    caughtBy: 'a job record comes back as it was written',
    plant: (sound) => ({
      readJob: async (id) => (await sound.readJob(id)) || undefined,
    }),
  },
  {
    name: 'names jobs without letter case',
    caughtBy: 'jobs with different names are different jobs',
    plant: (sound) => ({
      readJob: (id) => sound.readJob(id.toLowerCase()),
      writeJob: (write) => sound.writeJob({ ...write, id: write.id.toLowerCase() }),
    }),
  },
  {
    name: 'looks at a job record, waits, and then writes',
    caughtBy: 'of two that write one job at once, one succeeds',
    plant: (sound) => ({
      async writeJob(write) {
        if ((await sound.readJob(write.id)) !== write.previous) return false;
        await Promise.resolve();
        return sound.writeJob({ ...write, previous: sound.readJob(write.id) as string | undefined });
      },
    }),
  },
  {
    name: 'counts whatever begins with cs1',
    caughtBy: 'a census tells nothing of a plaintext',
    plant: (sound) => ({
      async census(layouts) {
        const counts = await sound.census(layouts);
        const cells = (await sound.page(layouts[0] as TableLayout, EVERYTHING)).records.flatMap(
          (r) => r.cells,
        );
        const strays = cells.filter((cell) => typeof cell === 'string' && cell.startsWith('cs1r.'));
        const tags = Object.fromEntries(strays.map((cell) => [String(cell).slice(0, 32), 1]));
        return counts.map((count) => ({ ...count, tags }));
      },
    }),
  },
  {
    name: 'counts nulls as no cells',
    caughtBy: 'counts what is no cell as that, and nulls not at all',
    plant: (sound) => ({
      async census(layouts) {
        const counts = [];
        for (const [i, count] of (await sound.census(layouts)).entries()) {
          const { records } = await sound.page(layouts[i] as TableLayout, EVERYTHING);
          const nulls = records.flatMap(({ cells }) => cells).filter((cell) => cell === null).length;
          counts.push({ ...count, notCells: count.notCells + nulls });
        }
        return counts;
      },
    }),
  },
  {
    name: 'counts no binary cells',
    caughtBy: 'a census counts cells by their key tags',
    plant: (sound) => ({
      census: (layouts) =>
        sound.census(
          layouts.map((layout) => ({ ...layout, cells: layout.cells.filter(({ form }) => form === 'text') })),
        ),
    }),
  },
  {
    name: 'counts one table',
    caughtBy: 'a census of several tables has one count for each',
    plant: (sound) => ({ census: (layouts) => sound.census(layouts.slice(0, 1)) }),
  },
  {
    name: 'counts tables in an order of its own',
    caughtBy: 'a census of several tables has one count for each',
    plant: (sound) => ({
      census: async (layouts) =>
        [...(await sound.census(layouts))].sort((a, b) => (a.table < b.table ? -1 : 1)),
    }),
  },
  {
    name: 'counts what was there at the first census',
    caughtBy: 'a census sees what was committed',
    plant(sound) {
      let first: Awaited<ReturnType<RecordStore['census']>> | undefined;
      return {
        async commit(layout, chunk) {
          first ??= await sound.census([layout]);
          return sound.commit(layout, chunk);
        },
        census: (layouts) => first ?? sound.census(layouts),
      };
    },
  },
  {
    name: 'estimates without looking, and says that it counted',
    caughtBy: 'an estimate that was counted is the number of records',
    plant: () => ({ estimate: () => ({ records: 0, source: 'count' }) }),
  },
  ...[
    described(
      'leaves out columns that the layout does not name',
      'has the columns of each layout',
      (one) => ({
        columns: one.columns.filter(({ name }) => name !== 'note'),
      }),
    ),
    described('describes no key', 'has the primary key', () => ({ keys: [] })),
    described('describes every key as one that may be null', 'has the primary key', (one) => ({
      keys: one.keys.map((key) => ({ ...key, mayBeNull: true })),
    })),
    described('describes columns as narrow', 'of any length', (one) => ({
      columns: one.columns.map((column) => ({ ...column, maxCharacters: 255 })),
    })),
    described('describes columns as computed', 'nobody else writes them', (one) => ({
      columns: one.columns.map((column) => ({ ...column, isRewritten: true })),
    })),
    described('takes a table for a view', 'has the columns of each layout', () => ({ kind: 'view' })),
  ],
  {
    name: 'describes other tables that nobody asked for',
    caughtBy: 'has the other tables only where they are wanted',
    plant: (sound) => ({ describe: (layouts) => sound.describe?.(layouts, { withOthers: true }) as never }),
  },
  {
    name: 'describes no other tables',
    caughtBy: 'has the other tables only where they are wanted',
    plant: (sound) => ({ describe: (layouts) => sound.describe?.(layouts) as never }),
  },
  {
    name: 'has no `findCells`, though it is promised',
    caughtBy: 'has, beside what every store has',
    plant: () => ({ findCells: undefined as never }),
  },
  {
    name: 'looks at the beginning of a table only',
    caughtBy: 'of a long table both ends are looked at',
    plant: (sound) => ({
      async findCells(places, { maxRecords } = {}) {
        const all = (await sound.findCells?.(places)) ?? [];
        return maxRecords === 10 ? all.map((one) => ({ ...one, notCells: 8 })) : all;
      },
    }),
  },
  found('counts records twice where the ends meet', 'each record once', (one) => ({
    notCells: 2 * one.notCells,
  })),
  found('finds cells of one form only', 'cells are found in any column', (one) => ({
    tags: { ...one.tags, binary: {} },
  })),
  found('leaves out what is no cell', 'everything else is counted', () => ({ notCells: 0 })),
  {
    name: 'gives back what is no cell',
    caughtBy: 'what is found tells nothing of a plaintext',
    plant: (sound) => ({
      async findCells(places, options) {
        const all = (await sound.findCells?.(places, options)) ?? [];
        const { rows } = sound;
        const held = rows({ layout: { name: String(places[0]?.path[0]), from: [], key: [], cells: [] } });
        return all.map((one) => ({ ...one, held }));
      },
    }),
  },
  {
    name: 'says that it cannot compare and swap',
    caughtBy: 'a store says what it can do',
    plant: (sound) => ({ abilities: { ...sound.abilities, compareAndSwap: false } }),
  },
  {
    name: 'swaps without a look at the plaintext that the cell was made of',
    caughtBy: 'only looks like the one that was read',
    plant: (sound) => ({
      commit: (layout, chunk) =>
        sound.commit(layout, {
          ...chunk,
          swaps: chunk.swaps.map(({ key, cells }) => ({
            key,
            cells: cells.map(({ plaintext: _, ...swap }) => swap),
          })),
        }),
    }),
  },
  {
    name: 'writes over a cell where there was none when it was read',
    caughtBy: 'what was null is not any more',
    plant: (sound) => ({
      async commit(layout, chunk) {
        const swaps: RecordSwap[] = [];
        for (const { key, cells } of chunk.swaps) {
          const [record] = await sound.reread(layout, [key]);
          const stored = record?.cells as (string | null)[];
          swaps.push({
            key,
            cells: cells.map((swap) => ({ ...swap, old: swap.old ?? stored[swap.cell] ?? null })),
          });
        }
        return sound.commit(layout, { ...chunk, swaps });
      },
    }),
  },
  {
    name: 'hands over nothing of a plaintext',
    caughtBy: 'plaintext that is adopted is read to the letter',
    plant: (sound) => ({
      async page(layout, request) {
        const page = await sound.page(layout, request);
        return { ...page, records: page.records.map(({ plaintexts: _, ...record }) => record) };
      },
    }),
  },
  {
    name: 'does not count what is not adopted',
    caughtBy: 'beside a null as unadopted',
    plant: (sound) => ({
      census: async (layouts) => (await sound.census(layouts)).map(({ unadopted: _, ...count }) => count),
    }),
  },
  {
    name: 'hands over the present id for the former one',
    caughtBy: 'a former record id is read',
    plant: (sound) => ({
      async page(layout, request) {
        const page = await sound.page(layout, request);
        return { ...page, records: page.records.map((record) => ({ ...record, formerId: record.id })) };
      },
    }),
  },
];

/** The chunk with another job, if it has one. */
function withJob(
  chunk: Chunk,
  changed: (job: NonNullable<Chunk['job']>) => NonNullable<Chunk['job']>,
): Chunk {
  return chunk.job ? { ...chunk, job: changed(chunk.job) } : chunk;
}

const opened = (cell: RefusedCell): QuarantineEntry => ({ ...cell, disposition: 'open' });
/** Describes each table with something else in it. */
function described(
  name: string,
  caughtBy: string,
  change: (table: TableDescription) => Partial<TableDescription>,
): Fault {
  return {
    name,
    caughtBy,
    plant: (sound) => ({
      async describe(layouts, options) {
        const description = (await sound.describe?.(layouts, options)) as StoreDescription;
        return { ...description, tables: description.tables.map((one) => one && { ...one, ...change(one) }) };
      },
    }),
  };
}

/** Finds something else in each column. */
function found(name: string, caughtBy: string, change: (one: FoundCells) => Partial<FoundCells>): Fault {
  return {
    name,
    caughtBy,
    plant: (sound) => ({
      findCells: async (places, options) =>
        ((await sound.findCells?.(places, options)) ?? []).map((one) => ({ ...one, ...change(one) })),
    }),
  };
}

/** For each swap, whether what it expects is not there. */
async function losing(sound: MemoryRecords, layout: TableLayout, swaps: Chunk['swaps']): Promise<boolean[]> {
  const lost: boolean[] = [];
  for (const { key, cells } of swaps) {
    const [record] = await sound.reread(layout, [key]);
    lost.push(!record || cells.some(({ cell, old }) => String(record.cells[cell]) !== String(old)));
  }
  return lost;
}

/** A swap that loses. */
function spoiled({ key, cells }: RecordSwap): RecordSwap {
  return { key, cells: cells.map((cell) => ({ ...cell, old: 'nothing that is stored' })) };
}

async function swapAnyway(sound: MemoryRecords, layout: TableLayout, swaps: Chunk['swaps']): Promise<void> {
  const previous = await sound.readJob('anyway');
  const job = (): JobWrite => ({ id: 'anyway', previous, next: `${previous ?? ''}.` });
  await sound.commit(layout, { id: 'anyway', swaps, quarantine: [], job });
}
