/** Changes of the key and of passphrases by real processes: two that race, and one that is killed in the middle. */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import {
  type Keyring,
  addKey,
  addSlot,
  addTenants,
  createKeyring,
  encryptRecord,
  finishKeyChange,
  listKeys,
  openKeyring,
} from '../../src/index.js';
import type { KeyringStore } from '../../src/ports/keyring-store.js';
import { census, rotate } from '../../src/rotation/index.js';
import { fileKeyring } from '../../src/store/file-keyring.js';
import { type MemoryRecords, memoryRecords } from '../../src/store/memory.js';
import { sqliteKeyring } from '../../src/store/sqlite.js';
import type { Connection } from '../stores/sqlite-drivers.js';
import { type Contents, account, accounts, contentsOf, everything, people } from './installation.js';
import { type Change, type Kind, SERVICE, databaseAt, make } from './processes/changer.js';
import { type Changer, bundleChanger, removeChangers, startChanger } from './processes/start-changer.js';
import { ITERATIONS, codeOf, payloadOf, stored } from './support.js';

const KINDS: readonly Kind[] = ['files', 'SQLite'];
const FIRST = 'the passphrase of the first day';
/** As many tenants with such names have more keys than a document holds. */
const [MANY, LONG] = [135, 800];

const folder = mkdtempSync(join(tmpdir(), 'cellseal-changers-'));
beforeAll(bundleChanger);
afterAll(() => {
  removeChangers();
  rmSync(folder, { recursive: true, force: true });
});

/** A keyring on a disk, and what was sealed under it. */
interface World {
  readonly kind: Kind;
  readonly place: string;
  readonly keyrings: Required<KeyringStore>;
  readonly database: Connection | undefined;
  readonly records: MemoryRecords;
  readonly contents: Contents;
}

let places = 0;
function newPlace(): string {
  const place = join(folder, String(++places));
  mkdirSync(place);
  return place;
}

function storeIn(kind: Kind, place: string): Pick<World, 'kind' | 'place' | 'keyrings' | 'database'> {
  const database = kind === 'SQLite' ? databaseAt(place) : undefined;
  const keyrings = database ? sqliteKeyring(database) : fileKeyring(join(place, 'keyring'));
  return { kind, place, keyrings, database };
}

/** Slots of a person and of a service; keys of tenants, in pages if asked for; records under the shared key and a tenant's. */
async function newWorld(kind: Kind, { pages }: { readonly pages: boolean }): Promise<World> {
  const at = storeIn(kind, newPlace());
  if (pages) at.database?.exec('PRAGMA journal_mode = WAL');
  const keyring = await createKeyring(at.keyrings, { passphrase: FIRST, iterations: ITERATIONS });
  await addSlot(keyring, { ...SERVICE, current: { passphrase: FIRST } });
  await addTenants(keyring, ['acme']);
  if (pages)
    await addTenants(
      keyring,
      Array.from({ length: MANY }, (_, i) => `tenant-${i}-`.padEnd(LONG, 'x')),
    );
  const hasPages = payloadOf((await stored(at.keyrings)).document).pages.length > 0;
  expect(hasPages).toBe(pages);
  const records = memoryRecords();
  for (let id = 0; id < 3; id++) {
    records.insert(people, await encryptRecord(people, { id, name: `person ${id}` }, keyring));
    const owner = id === 0 ? 'without keys of its own' : 'acme';
    records.insert(accounts, await account(keyring, { id, owner, iban: `iban ${id}` }));
  }
  return { ...at, records, contents: await contentsOf(records, keyring) };
}

/** The same keyring elsewhere. */
function copyOf(from: World): World {
  const place = newPlace();
  cpSync(from.place, place, { recursive: true });
  const at = storeIn(from.kind, place);
  onTestFinished(() => at.database?.close());
  return { ...from, ...at };
}

/** Which of the passphrases open what is stored; any other trouble than a wrong secret is one. */
async function openersOf({ keyrings }: World, passphrases: readonly string[]): Promise<string[]> {
  const openers: string[] = [];
  for (const passphrase of passphrases) {
    const code = await codeOf(openKeyring(keyrings, { passphrase }));
    if (code === 'success') openers.push(passphrase);
    else expect(code).toBe('wrong-secret');
  }
  return openers;
}

/** A keyring that opened reads all that was sealed, and seals. */
async function assertReads({ records, contents }: World, keyring: Keyring): Promise<void> {
  expect(await contentsOf(records, keyring)).toEqual(contents);
  await encryptRecord(people, { id: 99, name: 'new' }, keyring);
  await account(keyring, { id: 99, owner: 'acme', iban: 'new' });
}

// ── Two at once ───────────────────────────────────────────────────────────────────────────────────────────────────────

interface Race {
  readonly name: Change['name'];
  /** Whether both were opened by the service's key, which stays; else by the person's passphrase. */
  readonly asService: boolean;
  /** What the slower one is told, if the faster one is done before this call of it. */
  readonly told: Readonly<Record<string, string>>;
  /** What it is told when it calls again. */
  readonly again: string;
  /** Which passphrases open afterwards, the first day's among them. */
  readonly opens: (first: string, won: readonly string[]) => readonly string[];
  /** By how much a change that was made raises the revision. */
  readonly revisions: number;
}

const RACES: readonly Race[] = [
  {
    name: 'changeKey',
    asService: false,
    told: {
      'read 1': 'wrong-secret',
      'read 2': 'keyring-rekeyed',
      'read 3': 'keyring-rekeyed',
      'write 1': 'keyring-conflict',
    },
    again: 'wrong-secret',
    opens: (_first, won) => won,
    revisions: 2,
  },
  {
    name: 'changeKey',
    asService: true,
    told: {
      'read 1': 'key-change-under-way',
      'read 2': 'key-change-under-way',
      'read 3': 'keyring-conflict',
      'write 1': 'keyring-conflict',
    },
    again: 'key-change-under-way',
    opens: (_first, won) => won,
    revisions: 2,
  },
  {
    name: 'changePassphrase',
    asService: false,
    told: { 'read 1': 'wrong-secret', 'write 1': 'keyring-conflict' },
    again: 'wrong-secret',
    opens: (_first, won) => won,
    revisions: 1,
  },
  {
    name: 'addSlot',
    asService: false,
    // Who reads after the other has written has begun at another revision: there is room for both.
    told: { 'read 1': 'success', 'write 1': 'keyring-conflict' },
    again: 'success',
    opens: (first, won) => [first, ...won],
    revisions: 1,
  },
];
const NEXT = ['the passphrase of the one', 'the passphrase of the other'] as const;
const ROUNDS = 4;

describe.each(KINDS)('two administrators of a keyring in %s', (kind) => {
  let pair: readonly [Changer, Changer];
  let template: World;
  beforeAll(async () => {
    [template, ...pair] = await Promise.all([
      newWorld(kind, { pages: false }),
      startChanger(),
      startChanger(),
    ]);
    template.database?.close();
  });
  afterAll(() => Promise.all(pair.map((changer) => changer.kill())));

  const changeOf = (race: Race, i: 0 | 1): Change => ({ name: race.name, next: NEXT[i], current: FIRST });
  const orderOf = (race: Race, i: 0 | 1) =>
    ({ do: 'change', change: changeOf(race, i), keepsService: race.asService }) as const;

  async function begin(race: Race): Promise<World> {
    const world = copyOf(template);
    const { place } = world;
    const opening = { do: 'open', kind, place, ...(race.asService ? {} : { passphrase: FIRST }) } as const;
    expect(await Promise.all(pair.map((changer) => changer.tell(opening)))).toEqual(['success', 'success']);
    return world;
  }

  /** What stands there is what those who succeeded have made, and nothing of the others. */
  async function assertWon(race: Race, world: World, codes: readonly unknown[]): Promise<void> {
    const won = NEXT.filter((_, i) => codes[i] === 'success');
    const { document, revision } = await stored(world.keyrings);
    const before = 3; // created, the service's slot, a tenant's keys
    expect(revision).toBe(before + won.length * race.revisions);
    const opens = race.opens(FIRST, won);
    expect(await openersOf(world, [FIRST, ...NEXT])).toEqual(opens);
    const { slots, keys, change } = payloadOf(document);
    const keepsService = race.name !== 'changeKey' || race.asService;
    expect(slots).toHaveLength(opens.length + (keepsService ? 1 : 0));
    expect(keys).toHaveLength(race.name === 'changeKey' ? 8 : 4);
    expect(Boolean(change)).toBe(race.name === 'changeKey');
    const openings = opens.map((passphrase) => ({ passphrase }));
    for (const secret of keepsService ? [...openings, SERVICE] : openings)
      await assertReads(world, await openKeyring(world.keyrings, secret));
    if (kind === 'files') assertOneFull(world);
  }

  it.each(RACES)(
    'who call $name (by the service: $asService) at one revision: exactly one succeeds',
    async (race) => {
      const write = 'write 1';
      for (let round = 0; round < ROUNDS; round++) {
        const world = await begin(race);
        const waits = await Promise.all(
          pair.map((changer, i) => changer.tell({ ...orderOf(race, i as 0 | 1), waitBefore: write })),
        );
        expect(waits).toEqual(['waits', 'waits']);
        const codes = await Promise.all(pair.map((changer) => changer.tell({ do: 'go' })));
        expect([...codes].sort()).toEqual(['keyring-conflict', 'success']);
        await assertWon(race, world, codes);

        // Who has lost is told again, or finds room; who has won goes on.
        const loser = codes[0] === 'success' ? 1 : 0;
        const again = await pair[loser].tell(orderOf(race, loser));
        expect(again).toBe(race.again);
        await assertWon(race, world, again === 'success' ? [again, again] : codes);
        const keyring = await openKeyring(world.keyrings, { passphrase: NEXT[1 - loser] as string });
        await addKey(keyring);
      }
    },
  );

  it.each(RACES)(
    'who call $name (by the service: $asService) at one moment: nothing is half done',
    async (race) => {
      const told = ['success', ...Object.values(race.told)];
      for (let round = 0; round < ROUNDS; round++) {
        const world = await begin(race);
        const at = Date.now() + 15;
        const codes = await Promise.all(
          pair.map((changer, i) => changer.tell({ ...orderOf(race, i as 0 | 1), at })),
        );
        for (const code of codes) expect(told).toContain(code);
        const won = codes.filter((code) => code === 'success').length;
        if (race.name === 'addSlot') expect(won).toBeGreaterThan(0);
        else expect(won).toBe(1);
        await assertWon(race, world, codes);
      }
    },
  );

  it.each(
    RACES.flatMap((race) =>
      Object.entries(race.told).map(([call, code]) => ({
        ...{ name: race.name, asService: race.asService },
        ...{ race, call, code },
      })),
    ),
  )(
    'the one who calls $name (by the service: $asService) and is outrun before $call ends in $code',
    async ({ race, call, code }) => {
      const world = await begin(race);
      const [slow, fast] = pair;
      expect(await slow.tell({ ...orderOf(race, 0), waitBefore: call })).toBe('waits');
      expect(await fast.tell(orderOf(race, 1))).toBe('success');
      expect(await slow.tell({ do: 'go' })).toBe(code);
      await assertWon(race, world, [code, 'success']);
    },
  );
});

// ── Killed in the middle ──────────────────────────────────────────────────────────────────────────────────────────────

const KILLS = 10;
/** The store of a process that is killed takes its time around each call: there is more to hit than the calls. */
const SLOW_MS = 10;
/** Bad luck ends somewhere. */
const MAX_ROUNDS = 4 * KILLS;

interface Killing {
  readonly name: 'changeKey' | 'changePassphrase';
  readonly pages: boolean;
  /** What must have been met, and how often a kill must hit. */
  readonly stages: readonly Stage[];
  readonly kills: number;
}
type Stage = 'before' | 'begun' | 'done';

const KILLINGS: readonly Killing[] = [
  { name: 'changeKey', pages: false, stages: ['before', 'begun', 'done'], kills: KILLS },
  { name: 'changeKey', pages: true, stages: ['before', 'begun', 'done'], kills: 4 },
  { name: 'changePassphrase', pages: false, stages: ['before', 'done'], kills: KILLS },
];

/** Where the stages begin, for what chance has not met. */
const AIMS = {
  changeKey: { before: 'begins', begun: 'write 1 done', done: 'write 2 done' },
  changePassphrase: { before: 'begins', begun: '', done: 'write 1 done' },
} as const;

/** How far a change of the key has come. */
async function stageOfKey({ keyrings }: World): Promise<Stage> {
  const { change, keys } = payloadOf((await stored(keyrings)).document);
  if (!change) return 'before';
  const isSuccessor = (key: { addedIn: number; state: string }): boolean =>
    key.addedIn === change.revision && key.state === 'pre-active';
  return keys.some(isSuccessor) ? 'begun' : 'done';
}

/** Brings every record under the new keys and ends the change, so that another one can begin. */
async function finish({ keyrings, records }: World, passphrase: string): Promise<void> {
  const keyring = await openKeyring(keyrings, { passphrase });
  for await (const progress of rotate(everything, { keyring, records })) void progress;
  await finishKeyChange(keyring, await census(everything, { keyring, records }), { withoutHold: true });
}

describe.each(KINDS)('a process over a keyring in %s that is killed', (kind) => {
  it.each(KILLINGS)(
    'while it calls $name (pages: $pages) leaves the old or the new passphrase, and the same call again ends it',
    async ({ name, pages, stages, kills }) => {
      const world = await newWorld(kind, { pages });
      onTestFinished(() => world.database?.close());
      const changeTo = (next: string, current: string): Change => ({ name, next, current });
      const nextIn = (round: number): string => `the passphrase of day ${round}`;

      /** What a change tells that nobody disturbs: the moments at which to kill. */
      const lines = await undisturbed(world, changeTo(nextIn(0), FIRST));
      if (name === 'changeKey') await finish(world, nextIn(0));

      const met = new Set<Stage>();
      let hits = 0;
      let current = nextIn(0);
      for (let round = 1; hits < kills || met.size < stages.length; round++) {
        expect(round, `only ${[...met]} after ${hits} kills`).toBeLessThan(MAX_ROUNDS);
        const next = nextIn(round);
        const missing = round > kills ? stages.find((stage) => !met.has(stage)) : undefined;
        const moment = missing ? { line: AIMS[name][missing], delayMs: 0 } : momentIn(round, kills, lines);
        const before = await stored(world.keyrings);
        const keysBefore = payloadOf(before.document).keys as { commitment: string; state: string }[];
        const told = await killed(world, changeTo(next, current), current, moment);
        if (!told.includes('ended')) hits++;

        // Whole: one of the two opens, and what was told to be written is there.
        const openers = await openersOf(world, [current, next]);
        expect(openers).toHaveLength(1);
        const [opener] = openers as [string];
        const isWritten = opener === next;
        if (told.includes('write 1 done')) expect(isWritten).toBe(true);
        if (!told.includes('write 1')) expect(isWritten).toBe(false);
        const stage = name === 'changeKey' ? await stageOfKey(world) : isWritten ? 'done' : 'before';
        expect(isWritten).toBe(stage !== 'before');
        if (told.includes('write 2 done')) expect(stage).toBe('done');
        if (!told.includes('ended')) met.add(stage);
        const { revision } = await stored(world.keyrings);
        expect(revision).toBe(
          before.revision + { before: 0, begun: 1, done: name === 'changeKey' ? 2 : 1 }[stage],
        );
        for (const secret of [{ passphrase: opener }, SERVICE])
          await assertReads(world, await openKeyring(world.keyrings, secret));

        // As the doc comment says: with the secret that opens it, the same call again.
        const keyring = await openKeyring(world.keyrings, { passphrase: opener });
        const again = await make(keyring, changeTo(next, current), true);
        expect(await openersOf(world, [current, next])).toEqual([next]);
        if (name === 'changeKey') {
          expect(again).toMatchObject({ isNew: stage === 'before', revision: before.revision + 2 });
          expect(await stageOfKey(world)).toBe('done');
          const active = listKeys(keyring).filter(({ state, tenant }) => state === 'active' && !tenant);
          expect(active.map(({ kind }) => kind).sort()).toEqual(['data', 'index']);
          const now = payloadOf((await stored(world.keyrings)).document).keys as typeof keysBefore;
          const replaced = keysBefore.map(({ commitment }) => commitment);
          for (const { commitment } of now.filter(({ state }) => state === 'active'))
            expect(replaced).not.toContain(commitment);
        } else {
          expect(keyring.revision).toBe(before.revision + 1);
        }
        for (const secret of [{ passphrase: next }, SERVICE])
          await assertReads(world, await openKeyring(world.keyrings, secret));
        if (name === 'changeKey') await finish(world, next);
        // What a crash has left full was emptied by whoever has read the newest since.
        assertTidy(world);
        current = next;
      }
      expect([...met].sort()).toEqual([...stages].sort());

      // What the kills have left is in nobody's way, and goes.
      ageLeftovers(world);
      await make(await openKeyring(world.keyrings, { passphrase: current }), changeTo(FIRST, current), true);
      expect(await openersOf(world, [current, FIRST])).toEqual([FIRST]);
      await assertReads(world, await openKeyring(world.keyrings, { passphrase: FIRST }));
      expect(leftoversOf(world)).toEqual([]);
      assertTidy(world);
    },
    120_000,
  );
});

/** Where to kill: at which line that the process tells, and how long after it. */
interface Moment {
  readonly line: string;
  readonly delayMs: number;
}

/** By turns: anywhere, from the change's first line to its last; and in the midst of its writes. */
function momentIn(round: number, kills: number, lines: readonly string[]): Moment {
  const aims = round % 2 === 0 ? lines.filter((line) => /^write \d$/.test(line)) : lines;
  const share = (((round - 1) >> 1) / (kills / 2) + Math.random() / kills) % 1;
  return { line: aims[Math.floor(share * aims.length)] as string, delayMs: 4 * Math.random() ** 2 };
}

async function undisturbed({ kind, place }: World, change: Change): Promise<readonly string[]> {
  const changer = await startChanger();
  expect(await changer.tell({ do: 'open', kind, place, passphrase: FIRST })).toBe('success');
  const opening = changer.told().length;
  expect(await changer.tell({ do: 'change', change, keepsService: true })).toBe('success');
  await changer.until('ended');
  await changer.kill();
  const lines = changer.told().slice(opening);
  return lines.slice(lines.indexOf('begins'), -1);
}

/** Has a process begin a change and kills it; gives back what it has told of the change. */
async function killed(
  { kind, place }: World,
  change: Change,
  passphrase: string,
  { line, delayMs }: Moment,
): Promise<readonly string[]> {
  const changer = await startChanger();
  expect(await changer.tell({ do: 'open', kind, place, passphrase })).toBe('success');
  const ended = changer.tell({ do: 'change', change, keepsService: true, slowMs: SLOW_MS });
  await Promise.race([
    changer.until('begins').then(() => changer.until(line, 'ended')),
    ended.then((code) => expect(code).toBe('success')),
  ]);
  await pause(delayMs);
  await changer.kill();
  const told = changer.told();
  return told.slice(told.indexOf('begins'));
}

// ── What lies about ───────────────────────────────────────────────────────────────────────────────────────────────────

const keyringFiles = ({ place }: World): string[] => readdirSync(join(place, 'keyring'));
const leftoversOf = (world: World): string[] =>
  world.kind === 'files' ? keyringFiles(world).filter((name) => name.endsWith('.tmp')) : [];

/** All but the newest document are empty. */
function assertOneFull(world: World): void {
  expect(olderThatAreFull(world)).toEqual([]);
}

/** Which of the documents before the newest are not empty, counted back from it. */
function olderThatAreFull(world: World): number[] {
  const documents = keyringFiles(world).filter((name) => /^keyring\.\d+\.json$/.test(name));
  const isFull = (revision: number): boolean =>
    statSync(join(world.place, 'keyring', `keyring.${revision}.json`)).size > 0;
  expect(isFull(documents.length)).toBe(true); // the first is there, and none has gone
  return documents.map((_, back) => back).filter((back) => back > 0 && isFull(documents.length - back));
}

function assertTidy(world: World): void {
  if (world.kind === 'files') expect(olderThatAreFull(world)).toEqual([]);
  if (world.database)
    expect(world.database.prepare('PRAGMA integrity_check').all()).toEqual([{ integrity_check: 'ok' }]);
}

/** A temporary file is removed once it is older than any write takes. */
function ageLeftovers(world: World): void {
  for (const name of leftoversOf(world)) utimesSync(join(world.place, 'keyring', name), 0, 0);
}
