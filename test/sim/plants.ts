/** Bugs that are put into a world from outside, each with the one defence that it breaks and with surroundings in which no other hides it. */

import type { OpenedKeyring } from '../../src/keyring/index.js';
import type { Engine } from '../../src/ports/engine.js';
import type { Chunk, ChunkOutcome, RecordStore } from '../../src/ports/record-store.js';
import { tokenPrefixOf } from '../../src/token-form.js';
import type { Knobs, StoreTools } from './knobs.js';
import type { Danger, Variant } from './plan.js';
import type { Process } from './scheduler.js';
import { everything } from './tables.js';

export interface Plant {
  readonly name: string;
  /** What the bug is, in a line. */
  readonly does: string;
  /** The defence that it breaks, or gets round. */
  readonly defence: string;
  readonly plants: Partial<Knobs>;
  /** The invariants as which it shows; the first is what it is about. */
  readonly breaks: readonly string[];
  /** Defences that are off in its surroundings: they would hide it. */
  readonly without: readonly string[];
  /** Dangers that the surroundings are spared, because what is off defended against them. */
  readonly spared?: readonly Danger[];
  readonly guard?: Variant['guard'] | 'none';
  readonly pinned?: Partial<Variant>;
  /** Faults that bring it to light: every plan has some of them. Default: any. */
  readonly aims?: readonly string[];
}

/** What would hide that cells were left behind: the counts, and what keeps stale writers out. */
const UNCOUNTED = ['census', 'second-census', 'hold', 'fence'] as const;
/** Nobody mends what is refused where nobody counts, so that no key can be destroyed. */
const KEPT = { destroys: false } as const;
const ALONE = {
  without: UNCOUNTED,
  guard: 'none',
  spared: ['in-flight', 'forgery', 'undo'],
  pinned: KEPT,
} as const;
/** A writer that has sealed, and is frozen before it commits. */
const FROZEN = ['writer.insert.commit × pause', 'writer.update.commit × pause'];
/** Only index keys are replaced. */
const INDEX_KEYS = { ...KEPT, rotates: ['index'] } as const;

export const PLANTS: readonly Plant[] = [
  // ── The chunk ──
  {
    name: 'blind-update',
    does: 'UPDATE … WHERE id, without the old bytes',
    defence: 'compare-and-swap',
    plants: { sql: { blind: true } },
    breaks: ['R2', 'R7', 'R8'],
    ...ALONE,
    pinned: { ...KEPT, haste: true, rotators: 1 },
    aims: ['rotator.chunk.rewrite × pause'],
  },
  {
    name: 'upsert',
    does: 'INSERT … ON CONFLICT UPDATE brings deleted records back',
    defence: 'update-only',
    plants: { sql: { upsert: true } },
    breaks: ['R2'],
    ...ALONE,
    pinned: { ...KEPT, haste: true, rotators: 1 },
    aims: ['rotator.chunk.rewrite × pause'],
  },
  {
    name: 'checkpoint-before-write',
    does: 'the checkpoint is written before the swaps, alone',
    defence: 'checkpoint-with-work',
    plants: { checkpointFirst: true },
    breaks: ['R5', 'R4'],
    ...ALONE,
    pinned: { ...KEPT, partitions: false },
  },
  {
    name: 'error-as-end',
    does: 'a page that fails is taken for the end of the table',
    defence: 'done-flag',
    plants: { rotatorStore: (store) => ({ ...store, page: errorAsEnd(store) }) },
    breaks: ['R4', 'R5'],
    ...ALONE,
    aims: ['rotator.page × error-before'],
  },
  {
    name: 'short-page-as-end',
    does: 'a page with fewer records than asked for is taken for the last',
    defence: 'done-flag',
    plants: { rotatorStore: (store) => ({ ...store, page: shortAsEnd(store) }) },
    breaks: ['R4', 'R5'],
    ...ALONE,
    pinned: { ...KEPT, shortPages: true },
  },
  {
    name: 'offset-paging',
    does: 'LIMIT … OFFSET: a deletion before it lets records slip through',
    defence: 'keyset-pages',
    plants: { paging: 'offset' },
    breaks: ['R4'],
    ...ALONE,
    pinned: {
      ...KEPT,
      partitions: false,
      people: 14,
      chunkRecords: 3,
      rotators: 1,
      haste: false,
      writers: 2,
    },
    aims: ['rotator.page × pause'],
  },
  {
    name: 'lost-swap-is-gone',
    does: 'who lost a swap is not looked at again',
    defence: 'reread',
    plants: { rotatorStore: (store) => ({ ...store, reread: () => [] }) },
    breaks: ['R5', 'R4'],
    ...ALONE,
    pinned: { ...KEPT, haste: true, rotators: 1 },
    aims: ['rotator.chunk.rewrite × pause'],
  },
  {
    name: 'lost-swap-is-done',
    does: 'the count of matched rows is not looked at',
    defence: 'reread',
    plants: { rotatorStore: (store) => ({ ...store, commit: allDone(store) }) },
    breaks: ['R5', 'R4'],
    ...ALONE,
    pinned: { ...KEPT, haste: true, rotators: 1 },
    aims: ['rotator.chunk.rewrite × pause'],
  },
  {
    name: 'work-before-guard',
    does: 'swaps are committed before the job record is compared, although the store has transactions',
    defence: 'job-guard',
    plants: { rotatorStore: (store) => ({ ...store, commit: workFirst(store) }) },
    breaks: ['R13'],
    ...ALONE,
    pinned: { ...KEPT, operator: ['pause'], transactions: true, partitions: false },
  },
  {
    name: 'unguarded-job',
    does: 'the job record is written over whatever is there',
    defence: 'job-guard',
    plants: { sql: { unguardedJob: true } },
    breaks: ['R12', 'R13', 'R5'],
    ...ALONE,
    pinned: { ...KEPT, rotators: 2, partitions: false },
    aims: ['rotator.chunk.rewrite × pause', 'rotator.chunk.checkpoint × pause', 'rotator.page × pause'],
  },
  {
    name: 'rewrite-current',
    does: 'cells under the active key are rewritten at every look',
    defence: 'tag-check',
    plants: { rotatorStore: (store, _process, tools) => rewriting(store, tools) },
    breaks: ['R7'],
    ...ALONE,
  },
  {
    name: 'turn-at-next-look',
    does: 'keys that became active in the midst of a page are met at the next one, behind its checkpoint',
    defence: 'turn-within-page',
    plants: { opened: looksBetweenPages },
    breaks: ['R5'],
    without: [],
    guard: 'hold',
    pinned: {
      ...KEPT,
      partitions: false,
      // The undo comes last: a sweep is under way by then, and a page of it is frozen.
      operator: ['policy', 'spare', 'policy', 'undo'],
      rotates: ['data'],
      chunkRecords: 8,
      rotators: 1,
      people: 14,
      writers: 2,
      lateReader: false,
    },
    aims: ['rotator.chunk.rewrite × pause'],
  },

  // ── What does not open ──
  {
    name: 're-encrypt-unopened',
    does: 'what did not open is encrypted as it is',
    defence: 'quarantine',
    plants: {
      rotatorStore: (store, _process, tools) => ({
        ...store,
        commit: replaceRefused(store, tools, async (table, key, column, old) =>
          tools.seal(table, key, column, Buffer.from(old as string).toString('hex')),
        ),
      }),
    },
    breaks: ['R8'],
    ...ALONE,
    pinned: { ...KEPT, poison: 1 },
  },
  {
    name: 'empty-unopened',
    does: 'what did not open is emptied',
    defence: 'quarantine',
    plants: {
      rotatorStore: (store, _process, tools) => ({
        ...store,
        commit: replaceRefused(store, tools, async (_table, _key, _column, old) =>
          typeof old === 'string' ? '' : new Uint8Array(0),
        ),
      }),
    },
    breaks: ['R8'],
    ...ALONE,
    pinned: { ...KEPT, poison: 1 },
  },
  {
    name: 'context-from-cell',
    does: 'a cell that was moved is opened where it came from, and sealed where it lies',
    defence: 'quarantine',
    plants: {
      rotatorStore: (store, _process, tools) => ({
        ...store,
        commit: replaceRefused(store, tools, async (table, key, column) =>
          tools.seal(table, key, column, tools.valueOf(table, key, column) ?? ''),
        ),
      }),
    },
    breaks: ['R8'],
    ...ALONE,
    pinned: { ...KEPT, poison: 2 },
  },
  {
    name: 'no-self-check',
    does: 'a new cell is not opened before it is written, on a machine that flips bits',
    defence: 'self-check',
    plants: { engine: trusting },
    breaks: ['R1'],
    ...ALONE,
    aims: ['rotator.engine.seal × flip'],
  },

  // ── The keyring ──
  {
    name: 'key-before-durable',
    does: 'the keyring’s store says that a key is written before it is',
    defence: 'durable-first',
    plants: { keyringStore: 'write-behind' },
    breaks: ['R1'],
    ...ALONE,
  },
  {
    name: 'last-write-wins-keyring',
    does: 'the keyring’s store writes without comparing the revision',
    defence: 'keyring-swap',
    plants: { keyringStore: 'last-write-wins' },
    breaks: ['R11', 'R1'],
    ...ALONE,
    pinned: { ...KEPT, operator: ['policy', 'spare'] },
    aims: [
      'admin.introduce.keyring.write × pause',
      'admin.activate.keyring.write × pause',
      'operator.policy.keyring.write × pause',
    ],
  },
  {
    name: 'activate-at-once',
    does: 'a key is made active before all have read it',
    defence: 'introduction',
    plants: { waitsForReaders: false },
    breaks: ['introduction'],
    ...ALONE,
  },
  {
    name: 'laggards-forgotten',
    does: 'nobody waits for those who still write under the old key',
    defence: 'acknowledgement',
    plants: { waitsForWriters: false },
    breaks: ['R4'],
    ...ALONE,
  },
  {
    name: 'frozen-clock',
    does: 'a writer’s clocks stand still, so that its keyring never gets stale',
    defence: 'max-stale',
    plants: {
      clock: (clock, { role }) =>
        role === 'writer' ? { ...clock, monotonicMs: () => 0, wallMs: () => Date.UTC(2026, 0, 1) } : clock,
    },
    breaks: ['R15', 'R4'],
    ...ALONE,
  },
  {
    name: 'accept-older-keyring',
    does: 'a writer opens whatever keyring its store gives, without a memory of the newest',
    defence: 'revision-memory',
    plants: { remembersRevision: false },
    breaks: ['R15', 'R4'],
    ...ALONE,
    pinned: { ...KEPT, rounds: 2 },
    aims: ['writer.keyring.read × replay'],
  },
  {
    name: 'plaintext-fallback',
    does: 'what cannot be encrypted now is stored as it is',
    defence: 'refusal',
    plants: { writesPlaintext: true },
    breaks: ['R9'],
    ...ALONE,
    pinned: { ...KEPT, outage: true },
  },

  // ── The end of the old key ──
  {
    name: 'job-is-authority',
    does: 'a key is suspended because the job record says `swept`',
    defence: 'census',
    plants: { counts: false },
    breaks: ['R4'],
    without: ['second-census', 'hold', 'fence'],
    guard: 'none',
    spared: ['in-flight', 'undo'],
    pinned: { ...KEPT, operator: ['forge'], partitions: false, rotators: 1 },
    aims: ['operator.job.forge × ahead', 'rotator.page × crash', 'rotator.chunk.commit × crash'],
  },
  {
    name: 'one-census',
    does: 'the count before the hold is taken for one after it',
    defence: 'second-census',
    plants: { countsTwice: false },
    breaks: ['R4'],
    without: ['fence', 'acknowledgement'],
    guard: 'hold',
    spared: ['undo'],
    aims: FROZEN,
  },
  {
    name: 'stale-writer-after-hold',
    does: 'the hold is shorter than a writer’s pause',
    defence: 'hold',
    plants: { holdMs: 300 },
    breaks: ['R4'],
    without: ['fence', 'acknowledgement'],
    guard: 'hold',
    spared: ['undo'],
    aims: FROZEN,
  },
  {
    name: 'fence-on-insert-only',
    does: 'there is a trigger for INSERT, and none for UPDATE',
    defence: 'fence',
    plants: { fenceFlaw: 'insert-only' },
    breaks: ['R4'],
    without: ['second-census', 'hold', 'acknowledgement'],
    guard: 'fence',
    pinned: { rotates: ['data'] },
    aims: ['writer.update.commit × pause'],
  },
  {
    name: 'fence-null-unsafe',
    does: 'the trigger compares with <>, so that what was NULL passes',
    defence: 'fence',
    plants: { fenceFlaw: 'null-unsafe' },
    breaks: ['R4'],
    without: ['second-census', 'hold', 'acknowledgement'],
    guard: 'fence',
    pinned: { rotates: ['data'] },
    aims: ['writer.update.commit × pause'],
  },

  // ── Tokens ──
  {
    name: 'tokens-left-behind',
    does: 'the sweep swaps cells, and leaves the tokens beside them',
    defence: 'token-sweep',
    plants: { rotatorStore: (store) => ({ ...store, commit: withoutTokens(store) }) },
    breaks: ['R4', 'R5'],
    ...ALONE,
    pinned: { ...KEPT, rotates: ['data', 'index'] },
  },
  {
    name: 'blind-tokens',
    does: 'a new token is written without comparing what it was made from',
    defence: 'token-swap',
    plants: { sql: { blindTokens: true } },
    breaks: ['token', 'R7'],
    ...ALONE,
    pinned: { ...INDEX_KEYS, haste: true, rotators: 1 },
    aims: ['rotator.chunk.rewrite × pause'],
  },
  {
    name: 'patch-without-token',
    does: 'a writer encrypts an attribute, and leaves the token of its old value',
    defence: 'token-patch',
    plants: { patchesTokens: false },
    breaks: ['token', 'search'],
    ...ALONE,
  },
  {
    name: 'index-key-kept',
    does: 'a writer goes on with the index key that it has derived first',
    defence: 'active-index-key',
    plants: { opened: keepTokenKey },
    breaks: ['R4'],
    ...ALONE,
    pinned: INDEX_KEYS,
  },
  {
    name: 'census-without-tokens',
    does: 'an index key is suspended after a count of cells',
    defence: 'token-census',
    plants: { sql: { countsNoTokens: true } },
    breaks: ['R4'],
    without: ['second-census', 'hold', 'fence'],
    guard: 'none',
    spared: ['in-flight', 'undo'],
    pinned: { ...INDEX_KEYS, operator: ['forge'], partitions: false, rotators: 1 },
    aims: ['operator.job.forge × ahead', 'rotator.page × crash', 'rotator.chunk.commit × crash'],
  },
  {
    name: 'fence-for-tokens',
    does: 'behind a fence an index key is not held, though a fence looks at no tokens',
    defence: 'index-hold',
    plants: { holdsIndexKeys: false },
    breaks: ['R4'],
    without: ['acknowledgement'],
    guard: 'fence',
    pinned: INDEX_KEYS,
    aims: FROZEN,
  },
  {
    name: 'look-up-of-active-key',
    does: 'a query asks for tokens under the active index key alone',
    defence: 'every-live-key',
    plants: { asks: (tokens) => tokens.filter((token) => tokenPrefixOf(token) === tokenPrefixOf(tokens[0])) },
    breaks: ['search'],
    ...ALONE,
    pinned: INDEX_KEYS,
  },
  {
    name: 'look-up-kept',
    does: 'a look-up is made once for a value, and asked again and again',
    defence: 'fresh-look-up',
    plants: { asks: keepLookups() },
    breaks: ['search'],
    ...ALONE,
    pinned: INDEX_KEYS,
  },
  {
    name: 'candidates-as-answers',
    does: 'candidates are taken for answers',
    defence: 'matches',
    plants: { filters: false },
    breaks: ['search'],
    ...ALONE,
  },
];

type Commit = RecordStore['commit'];
type PageOf = RecordStore['page'];

function errorAsEnd(store: RecordStore): PageOf {
  return async (layout, request) => {
    try {
      return await store.page(layout, request);
    } catch {
      return { records: [], next: request.after, done: true };
    }
  };
}

function shortAsEnd(store: RecordStore): PageOf {
  return async (layout, request) => {
    const page = await store.page(layout, request);
    return { ...page, done: page.done || page.records.length < request.maxRecords };
  };
}

function allDone(store: RecordStore): Commit {
  return async (layout, chunk) => {
    const { job } = chunk;
    const told: Chunk = job ? { ...chunk, job: (swapped) => job(swapped.map(() => true)) } : chunk;
    const outcome = await store.commit(layout, told);
    return outcome.committed ? { committed: true, swapped: outcome.swapped.map(() => true) } : outcome;
  };
}

function workFirst(store: RecordStore): Commit {
  return async (layout, { job, ...chunk }): Promise<ChunkOutcome> => {
    const outcome = await store.commit(layout, chunk);
    if (!outcome.committed || !job) return outcome;
    return (await store.writeJob(job(outcome.swapped))) ? outcome : { committed: false };
  };
}

/** Seals anew, under the same key, whatever the page had under the active one. */
function rewriting(store: RecordStore, tools: StoreTools): RecordStore {
  let seen: readonly string[] = [];
  return {
    ...store,
    async page(layout, request) {
      const page = await store.page(layout, request);
      seen = page.records.map(({ key }) => key);
      return page;
    },
    async commit(layout, chunk) {
      const [key] = seen.filter((candidate) => !chunk.swaps.some((swap) => swap.key === candidate));
      const { attribute } = layout.cells[0] as { attribute: string };
      const value = key === undefined ? undefined : tools.valueOf(layout.name, key, attribute);
      if (key === undefined || value === undefined) return store.commit(layout, chunk);
      const old = tools.cellOf(layout.name, key, attribute) as string;
      const fresh = await tools.seal(layout.name, key, attribute, value);
      await store.commit(layout, {
        id: chunk.id,
        quarantine: [],
        swaps: [{ key, cells: [{ cell: 0, old, new: fresh }] }],
      });
      return store.commit(layout, chunk);
    },
  };
}

type Replace = (
  table: string,
  key: string,
  column: string,
  old: unknown,
) => Promise<string | Uint8Array<ArrayBuffer>>;

/** Swaps what was refused for something else, in the chunk that should only note it. */
function replaceRefused(store: RecordStore, tools: StoreTools, replace: Replace): Commit {
  return async (layout, chunk) => {
    const swaps = [...chunk.swaps];
    for (const { table, key, column } of chunk.quarantine) {
      const old = tools.cellOf(table, key, column);
      if (typeof old !== 'string' && !(old instanceof Uint8Array)) continue;
      const definition = everything.tables.find(({ name }) => name === table);
      const cell = definition?.layout.cells.findIndex(({ attribute }) => attribute === column) ?? 0;
      swaps.push({
        key,
        cells: [{ cell, old: old as string, new: await replace(table, key, column, old) }],
      });
    }
    const { job } = chunk;
    const known = chunk.swaps.length;
    const told: Chunk = job
      ? { ...chunk, swaps, job: (swapped) => job(swapped.slice(0, known)) }
      : { ...chunk, swaps };
    const outcome = await store.commit(layout, told);
    return outcome.committed ? { committed: true, swapped: outcome.swapped.slice(0, known) } : outcome;
  };
}

function withoutTokens(store: RecordStore): Commit {
  return (layout, chunk) =>
    store.commit(layout, { ...chunk, swaps: chunk.swaps.map(({ key, cells }) => ({ key, cells })) });
}

/** A cache that nobody empties. */
function keepTokenKey(opened: OpenedKeyring, { role }: Process): void {
  if (role !== 'writer') return;
  const { tokenKey } = opened;
  let first: ReturnType<OpenedKeyring['tokenKey']> | undefined;
  opened.tokenKey = (...wanted) => {
    first ??= tokenKey.apply(opened, wanted);
    return first;
  };
}

function keepLookups(): Required<Knobs>['asks'] {
  const kept = new WeakMap<Process, Map<string, readonly string[]>>();
  return (tokens, question, process) => {
    const ofProcess = kept.get(process) ?? new Map<string, readonly string[]>();
    kept.set(process, ofProcess);
    const first = ofProcess.get(question) ?? tokens;
    ofProcess.set(question, first);
    return first;
  };
}

/** What it has just sealed it opens from memory. */
function trusting(engine: Engine, { role }: Process): Engine {
  if (role !== 'rotator') return engine;
  const sealed = new Map<string, Uint8Array<ArrayBuffer>>();
  return {
    ...engine,
    seal(key, iv, aad, plaintext, head) {
      const made = engine.seal(key, iv, aad, plaintext, head) as Uint8Array<ArrayBuffer>;
      sealed.set(String(made), Uint8Array.from(plaintext));
      return made;
    },
    open(key, iv, aad, cell, headBytes) {
      const known = sealed.get(String(cell));
      return known ? Uint8Array.from(known) : engine.open(key, iv, aad, cell, headBytes);
    },
  };
}

/** What is active is looked at where the rotation itself reads the keyring, and not where a sealing has. */
function looksBetweenPages(opened: OpenedKeyring, { role }: Process): void {
  if (role !== 'rotator') return;
  const { activeKeys, refresh } = opened;
  const look = (): string[][] => [false, true].map((index) => [...activeKeys.call(opened, index)]);
  let looked = look();
  opened.refresh = async () => {
    await refresh.call(opened);
    looked = look();
  };
  opened.activeKeys = (index) => looked[index ? 1 : 0] as string[];
}
