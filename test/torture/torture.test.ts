/** A short torture in SQLite, databases without room, and faults that a torture must catch. */
import { describe, expect, it } from 'vitest';
import { DRIVERS } from '../stores/sqlite-drivers.js';
import type { Fault } from './faults.js';
import { rotatorPoints } from './points.js';
import { diskIsFull, isReadOnly, writesFail } from './room.js';
import { type TortureOptions, torture } from './torture.js';

const SEED = Number(process.env['CELLSEAL_SEED'] ?? Date.now() % 1_000_000);
const POINTS = 6;
/** Another stretch of the list each time. */
const points = Array.from({ length: POINTS }, (_, i) => {
  const all = rotatorPoints('sqlite');
  return all[(SEED + i * 5) % all.length] as string;
});

describe('a torture in SQLite', () => {
  it(`loses, changes and resurrects nothing, and repeats at most a chunk a crash (seed ${SEED})`, async () => {
    const report = await torture({ store: 'sqlite', kills: 10, each: 1, points, seed: SEED, schema: '' });
    expect(report.faults).toEqual([]);
    for (const point of points) expect(report.kills[point], point).toBeGreaterThanOrEqual(1);
    const { acknowledged, answers, tokens, work } = report.findings;
    expect(acknowledged).toBeGreaterThan(100);
    expect(tokens).toBeGreaterThan(100);
    expect(answers).toBeGreaterThan(100);
    expect(work.scanned).toBeGreaterThan(0);
  }, 240_000);
});

describe.each(DRIVERS)('a rotation over $name', (driver) => {
  const nothing = { lost: 0, changed: 0, underOldKeys: 0 };

  it('stops where the disk is full, and goes on when there is room', async () => {
    const report = await diskIsFull(driver);
    expect(report).toMatchObject(nothing);
    expect(report.stoppedBy.length).toBeGreaterThan(2);
    expect(new Set(report.stoppedBy)).toEqual(new Set(['SQLITE_FULL']));
    expect(report.scanned, 'no record was looked at twice').toBe(report.records);
  }, 60_000);

  it('stops where writing fails, and goes on when it does not', async () => {
    const report = await writesFail(driver);
    expect(report).toMatchObject(nothing);
    expect(report.stoppedBy.length).toBeGreaterThan(0);
    for (const code of report.stoppedBy) expect(code).toMatch(/^SQLITE_(IOERR|FULL)$/);
    expect(report.scanned).toBe(report.records);
  }, 120_000);

  it('changes nothing where it may only read, and goes on where it may write', async () => {
    const report = await isReadOnly(driver);
    expect(report).toMatchObject(nothing);
    expect(report.stoppedBy.length).toBeGreaterThan(1);
    expect(new Set(report.stoppedBy)).toEqual(new Set(['SQLITE_READONLY']));
    expect(report.scanned).toBe(report.records);
  }, 60_000);
});

describe('a torture finds', () => {
  const find = (fault: Fault, options: Partial<TortureOptions>) =>
    torture({ store: 'sqlite', kills: 1, each: 2, others: 0, seed: SEED, schema: '', fault, ...options });

  it('what a swap loses that does not compare', async () => {
    const { findings, faults } = await find('blind update', {
      meets: 'patch',
      points: ['after chunk.commit'],
    });
    expect(findings.lost.length + findings.violations.length).toBeGreaterThan(0);
    expect(faults).not.toEqual([]);
  }, 120_000);

  it('what a checkpoint passes over that is ahead of its work', async () => {
    const { findings } = await find('checkpoint before write', { each: 6, points: ['before swap'] });
    expect(findings.passedOver).not.toEqual([]);
  }, 120_000);

  it('what a token says of a value that is not there any more', async () => {
    const { findings } = await find('token alone', {
      only: 'index',
      meets: 'patch',
      points: ['after chunk.commit'],
    });
    expect(findings.wrongTokens).not.toEqual([]);
  }, 120_000);

  it('what an upsert brings back', async () => {
    const { findings } = await find('upsert', { meets: 'delete', points: ['after chunk.commit'] });
    expect(findings.resurrected.length + findings.violations.length).toBeGreaterThan(0);
  }, 120_000);
});
