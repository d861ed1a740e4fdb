/** Processes over one keyring that are killed while they write, or that begin it, or add to it, at the same moment. */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { CELLS, KEY_ID, type Kind, entryOf, openStore, pageOf } from './keyring-kill/world.js';
import type { Order } from './keyring-kill/writer.js';

const MIB = 1024 * 1024;
const KILLS = 20;
const RACES = 12;
const ADDS = 150;
const KINDS: readonly Kind[] = ['files', 'SQLite'];

const folder = mkdtempSync(join(tmpdir(), 'cellseal-keyring-kill-'));
/** Inside the repository, so that the driver is found by its name. */
const bundles = join(
  import.meta.dirname,
  '../../node_modules/.cache',
  `cellseal-keyring-kill-${process.pid}`,
);
const script = join(bundles, 'writer.mjs');
const children = new Set<ChildProcess>();

beforeAll(async () => {
  // Bundled once: a child that is killed after a few milliseconds must not spend them compiling.
  await build({
    entryPoints: [join(import.meta.dirname, 'keyring-kill/writer.ts')],
    outdir: bundles,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['libsql'],
    logLevel: 'error',
  });
});
afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
  for (const made of [folder, bundles]) rmSync(made, { recursive: true, force: true });
});

function placeFor(kind: Kind, name: string): string {
  const place = join(folder, `${kind} ${name}`);
  mkdirSync(place);
  return place;
}

function keep<Child extends ChildProcess>(child: Child): Child {
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
}

/** A writer that has written a document. */
async function startWriter(kind: Kind, place: string, id: string) {
  const child = keep(
    spawn(process.execPath, [script, kind, place, id], { stdio: ['ignore', 'pipe', 'inherit'] }),
  );
  let output = '';
  child.stdout.on('data', (text) => {
    output += String(text);
  });
  const closed = once(child, 'close') as Promise<[number | null, string | null]>;
  while (!output.includes('wrote')) {
    const ended = closed.then(() => Promise.reject(new Error('The writer ended by itself.')));
    await Promise.race([once(child.stdout, 'data'), ended]);
  }
  return {
    /** Ends it as a crash would; what it has told, whole lines only. */
    async kill(): Promise<readonly string[]> {
      child.kill('SIGKILL');
      const [, signal] = await closed;
      expect(signal, 'the writer was at work until it was killed').toBe('SIGKILL');
      return output.split('\n').slice(0, -1);
    },
  };
}

describe.each(KINDS)('a process that is killed while it writes a keyring in %s', (kind) => {
  it(`leaves the old or the new, whole, and no count is lost, ${KILLS} times`, async () => {
    const place = placeFor(kind, 'kills');
    const store = openStore(kind, place);
    const hashes = new Map<number, string>();
    const announced = new Map<string, number>();
    let added = 0;
    let killed = 0;
    for (let round = 0; killed < KILLS; round++) {
      const ids = Array.from({ length: 1 + (round % 2) }, (_, i) => `${'ab'[i]}`.repeat(26));
      const writers = await Promise.all(ids.map((id) => startWriter(kind, place, id)));
      await pause(60 * Math.random());
      const told = await Promise.all(writers.map((writer) => writer.kill()));
      killed += writers.length;
      for (const [i, lines] of told.entries()) {
        for (const line of lines) {
          const [what, number = '', hash = ''] = line.split(' ');
          if (what === 'announced') announced.set(ids[i] as string, Number(number));
          if (what === 'added') added++;
          if (what !== 'wrote') continue;
          expect(hashes.has(Number(number)), 'no revision is written twice').toBe(false);
          hashes.set(Number(number), hash);
        }
      }

      const newest = await store.read(MIB);
      const last = Math.max(0, ...hashes.keys());
      expect(newest?.revision ?? 0).toBeGreaterThanOrEqual(last);
      if (newest) {
        const { revision, page } = JSON.parse(Buffer.from(newest.document).toString());
        expect(revision).toBe(newest.revision);
        const hash = createHash('sha256').update(newest.document).digest('hex');
        expect(hashes.get(revision) ?? hash).toBe(hash);
        expect(await store.pages.read(page, MIB)).toEqual(pageOf(page));
      }
      for (const { id, entry } of await store.processes.list()) {
        const number = (JSON.parse(entry) as { first: number }).first;
        expect(entry).toBe(entryOf(number));
        // Written once more, perhaps, than it could tell; a process begins anew with each round.
        if (ids.includes(id)) expect([0, 1]).toContain(number - (announced.get(id) ?? 0));
        announced.delete(id);
      }
      for (const id of ids)
        expect(announced.has(id), 'who has told that it is announced is listed').toBe(false);
      announced.clear();
      const total = ((await store.usage.totals())[KEY_ID] ?? 0) / CELLS;
      expect(total).toBeGreaterThanOrEqual(added);
      expect(total).toBeLessThanOrEqual(added + writers.length);
      added = total;
    }
    expect(hashes.size, 'every writer wrote').toBeGreaterThanOrEqual(KILLS);
  }, 120_000);
});

describe.each(KINDS)('processes that share a keyring in %s at the same moment', (kind) => {
  /** Gives each child its order, all for the same moment. */
  function all(children: readonly ChildProcess[], place: string, orders: readonly Partial<Order>[]) {
    const at = Date.now() + 15;
    return Promise.all(
      children.map(async (child, i) => {
        const answer = once(child, 'message') as Promise<[boolean]>;
        child.send({ at, place, ...orders[i] });
        return (await answer)[0];
      }),
    );
  }

  /** Three of them, which wait; gone when the test is over. */
  async function startThree(): Promise<ChildProcess[]> {
    const started = [1, 2, 3].map(() => keep(fork(script, [kind])));
    onTestFinished(() => {
      for (const child of started) child.kill('SIGKILL');
    });
    await Promise.all(started.map((child) => once(child, 'message')));
    return started;
  }

  it('and begin it, by restoring and by writing: exactly one succeeds', async () => {
    const racing = await startThree();
    const revisions = [1, 7, 9];
    for (let race = 0; race < RACES; race++) {
      const place = placeFor(kind, `race ${race}`);
      if (kind === 'SQLite') await openStore(kind, place).read(MIB); // the file is there, in its journal mode
      const did = await all(
        racing,
        place,
        revisions.map((revision) => ({ revision })),
      );
      expect(did.filter(Boolean)).toHaveLength(1);
      const winner = did.indexOf(true);
      const document = Uint8Array.from(Buffer.from(`by ${racing[winner]?.pid}`));
      expect(await openStore(kind, place).read(MIB)).toEqual({ revision: revisions[winner], document });
    }
  }, 60_000);

  it('and add to its usage: nothing is lost', async () => {
    const place = placeFor(kind, 'adds');
    const store = openStore(kind, place);
    await store.usage.add(KEY_ID, CELLS);
    const orders = [1, 2, 3].map(() => ({ adds: ADDS }));
    expect(await all(await startThree(), place, orders)).toEqual([true, true, true]);
    expect(await store.usage.totals()).toEqual({ [KEY_ID]: (3 * ADDS + 1) * CELLS });
  }, 60_000);
});
