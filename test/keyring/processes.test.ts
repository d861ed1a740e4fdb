/** Several processes over one folder of files: they race, and some are killed. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { addKey, createKeyring, listKeys, openKeyring } from '../../src/index.js';
import { fileKeyring } from '../../src/store/file-keyring.js';
import type { Order, Report } from './processes/administrator.js';
import { type Administrator, startAdministrator, startWriter } from './processes/start.js';
import { RAW_KEY, codeOf } from './support.js';

const MIB = 1024 * 1024;
const RAW_KEY_HEX = Buffer.from(RAW_KEY).toString('hex');

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'cellseal-processes-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

const soon = (): number => Date.now() + 15;
const failed = (report: Report): unknown => ('failed' in report ? report.failed : undefined);
const done = <T>(report: Report): T => {
  if ('failed' in report) throw new Error(String(report.failed));
  return report.done as T;
};

describe('two administrators', () => {
  let pair: readonly [Administrator, Administrator];
  beforeAll(async () => {
    pair = await Promise.all([startAdministrator(), startAdministrator()]);
  });
  afterAll(async () => {
    await Promise.all(pair.map((administrator) => administrator.stop()));
  });

  /** Gives both the same order at the same moment. */
  function both(
    order: Omit<Order, 'at' | 'rawKey'>,
    ...rawKeys: readonly [string, string] | []
  ): Promise<Report[]> {
    const at = soon();
    return Promise.all(
      pair.map((administrator, i) => administrator.tell({ ...order, at, rawKey: rawKeys[i] ?? RAW_KEY_HEX })),
    );
  }

  it('who create a keyring at once make exactly one', async () => {
    for (let round = 0; round < 15; round++) {
      const folder = newFolder();
      const rawKeys = ['11'.repeat(32), '22'.repeat(32)] as const;
      const reports = await both({ act: 'create', folder }, ...rawKeys);
      const winner = reports.findIndex((report) => 'done' in report);
      expect(reports.map(failed).sort()).toEqual(['keyring-exists', undefined]);
      // It is the winner's in every byte: the other's secret opens nothing.
      const open = (hex: string | undefined) =>
        openKeyring(fileKeyring(folder), { rawKey: Uint8Array.from(Buffer.from(hex ?? '', 'hex')) });
      expect((await open(rawKeys[winner])).id).toBe(done(reports[winner] as Report));
      expect(await codeOf(open(rawKeys[1 - winner]))).toBe('wrong-secret');
      expect(readdirSync(folder)).toEqual(['keyring.1.json']);
    }
  });

  it('who add keys at once are told of every conflict, and lose nothing', async () => {
    const folder = newFolder();
    await createKeyring(fileKeyring(folder), { rawKey: RAW_KEY });
    await both({ act: 'open', folder });
    const added: string[] = [];
    let rounds = 0;
    for (; rounds < 25; rounds++) {
      const reports = await both({ act: 'add', folder });
      for (const report of reports) {
        if ('done' in report) added.push(report.done as string);
        else expect(report.failed).toBe('keyring-conflict');
      }
      expect(reports.some((report) => 'done' in report)).toBe(true);
    }
    const keyring = await openKeyring(fileKeyring(folder), { rawKey: RAW_KEY });
    const listed = listKeys(keyring).map(({ keyId }) => keyId);
    expect(listed.slice(2)).toEqual(expect.arrayContaining(added));
    expect(listed).toHaveLength(2 + added.length);
    expect(keyring.revision).toBe(1 + added.length);
  });

  it('who make different keys active at once leave exactly one active', async () => {
    const folder = newFolder();
    const keyring = await createKeyring(fileKeyring(folder), { rawKey: RAW_KEY });
    const keyIds = [await addKey(keyring), await addKey(keyring)];
    await both({ act: 'open', folder });
    for (let round = 0; round < 15; round++) {
      const at = soon();
      const reports = await Promise.all(
        pair.map((administrator, i) =>
          administrator.tell({
            at,
            folder,
            rawKey: RAW_KEY_HEX,
            act: 'activate',
            keyId: keyIds[(i + round) % 2] ?? '',
          }),
        ),
      );
      for (const report of reports)
        expect([undefined, 'keyring-conflict', 'key-state']).toContain(failed(report));
      const seen = await openKeyring(fileKeyring(folder), { rawKey: RAW_KEY });
      const active = listKeys(seen).filter(({ kind, state }) => kind === 'data' && state === 'active');
      expect(active).toHaveLength(1);
    }
  });
});

describe('a process that is killed while it writes', () => {
  /** Every revision that some process was told is durable, with its bytes' SHA-256. */
  class Told {
    readonly #hashes = new Map<number, string>();

    add(line: string): void {
      const [revision = '', hash = ''] = line.split(' ');
      expect(this.#hashes.has(Number(revision))).toBe(false); // no revision is written twice
      this.#hashes.set(Number(revision), hash);
    }

    get newest(): number {
      return Math.max(0, ...this.#hashes.keys());
    }

    hash(revision: number): string | undefined {
      return this.#hashes.get(revision);
    }
  }

  /** What stands in the folder must follow from what was told. */
  async function assertSound(folder: string, told: Told): Promise<void> {
    const newest = await fileKeyring(folder).read(MIB);
    expect(newest?.revision).toBeGreaterThanOrEqual(told.newest);
    const hash = createHash('sha256')
      .update(newest?.document ?? '')
      .digest('hex');
    expect(told.hash(newest?.revision ?? 0) ?? hash).toBe(hash);
    const revisions = readdirSync(folder).flatMap((name) => /^keyring\.(\d+)\.json$/.exec(name)?.[1] ?? []);
    // None has gone, so none can be written again; and what came before an acknowledged one is empty.
    expect(revisions).toHaveLength(newest?.revision ?? 0);
    for (const revision of revisions.map(Number)) {
      if (revision < told.newest) expect(statSync(join(folder, `keyring.${revision}.json`)).size).toBe(0);
    }
  }

  /** Starts writers, waits until they write, lets a random moment pass, kills them all; so many times. */
  async function killOften(
    folder: string,
    given: readonly string[],
    rounds: number,
    afterEach: () => Promise<void> = async () => undefined,
  ): Promise<Told> {
    const told = new Told();
    for (let round = 0; round < rounds; round++) {
      const writers = Array.from({ length: 1 + (round % 2) }, () => startWriter(folder, ...given));
      await Promise.all(writers.map((writer) => writer.until(1)));
      await pause(20 * Math.random());
      await Promise.all(writers.map((writer) => writer.kill()));
      for (const writer of writers) for (const line of writer.told()) told.add(line);
      await assertSound(folder, told);
      await afterEach();
    }
    return told;
  }

  it('leaves a keyring that opens, at the revision acknowledged last or a later one', async () => {
    const folder = newFolder();
    const created = await createKeyring(fileKeyring(folder), { rawKey: RAW_KEY });
    await addKey(created);
    let seen = created.revision;
    await killOften(folder, [RAW_KEY_HEX], 12, async () => {
      const keyring = await openKeyring(fileKeyring(folder), { rawKey: RAW_KEY });
      expect(keyring.id).toBe(created.id);
      expect(keyring.revision).toBeGreaterThan(seen);
      expect(listKeys(keyring).map(({ keyId }) => keyId)).toEqual(
        listKeys(created).map(({ keyId }) => keyId),
      );
      seen = keyring.revision;
    });
    // The next change goes on from there, and empties whatever the last crash had left full.
    const keyring = await openKeyring(fileKeyring(folder), { rawKey: RAW_KEY });
    await addKey(keyring);
    const full = readdirSync(folder).filter(
      (name) => /^keyring\./.test(name) && statSync(join(folder, name)).size > 0,
    );
    expect(full).toEqual([`keyring.${keyring.revision}.json`]);
  }, 180_000);

  it('leaves the document written last or a later one, whole, whatever it was', async () => {
    const folder = newFolder();
    const told = await killOften(folder, [], 12);
    const leftovers = (): string[] => readdirSync(folder).filter((name) => name.endsWith('.tmp'));
    let revision = (await fileKeyring(folder).read(MIB))?.revision ?? 0;
    expect(told.newest).toBeGreaterThan(12);
    // Twice: what is left of the newest document is emptied with it by the first write, and looks new until the second.
    for (let writes = 0; writes < 2; writes++) {
      for (const name of leftovers()) utimesSync(join(folder, name), 0, 0);
      revision++;
      expect(await fileKeyring(folder).write({ revision, document: new Uint8Array(8) })).toBe(true);
    }
    expect(leftovers()).toEqual([]);
    expect(readFileSync(join(folder, `keyring.${revision}.json`))).toHaveLength(8);
  }, 180_000);
});

describe('readers beside a process that writes', () => {
  it('always find a whole document, and never an older one', async () => {
    const folder = newFolder();
    const writer = startWriter(folder);
    await writer.until(1);
    let seen = 0;
    for (let reads = 0; reads < 1500; reads++) {
      const read = await fileKeyring(folder).read(MIB);
      expect(read?.revision).toBeGreaterThanOrEqual(seen);
      seen = read?.revision ?? 0;
      const whole = Buffer.alloc(100_000 + (seen % 7) * 10_000, seen % 251);
      expect(whole.equals(read?.document ?? new Uint8Array())).toBe(true);
    }
    await writer.kill();
    expect(seen).toBeGreaterThan(10);
  }, 60_000);
});
