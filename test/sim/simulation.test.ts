import { describe, expect, it } from 'vitest';
import { campaign } from './campaign.js';
import { COMPLETE, plantNamed } from './defences.js';
import { POINTS } from './points.js';
import { runSeed } from './run.js';

describe('a simulated rotation', () => {
  it('keeps every invariant, whatever goes wrong', async () => {
    const { violations } = await campaign({ first: 1, seeds: 120, configuration: COMPLETE });
    expect(violations.map(({ seed, violation }) => ({ seed, violation }))).toEqual([]);
  }, 120_000);

  it('is the same execution whenever its seed is the same', async () => {
    for (const seed of [7, 42, 99]) {
      const [once, again] = [await runSeed(seed, COMPLETE), await runSeed(seed, COMPLETE)];
      expect(again.traceHash).toBe(once.traceHash);
    }
    expect((await runSeed(8, COMPLETE)).traceHash).not.toBe((await runSeed(9, COMPLETE)).traceHash);
  }, 60_000);

  it('has at least 40 points at which it goes wrong', () => {
    expect(new Set(POINTS.map(({ name }) => name)).size).toBe(POINTS.length);
    expect(POINTS.length).toBeGreaterThanOrEqual(40);
  });
});

describe('a planted bug is found where only its own defence stands', () => {
  it.each([
    'checkpoint-before-write',
    'short-page-as-end',
    'rewrite-current',
    'key-before-durable',
    're-encrypt-unopened',
    'last-write-wins-keyring',
  ])(
    '%s',
    async (name) => {
      const plant = plantNamed(name);
      const isEnough = ({ violation }: { violation: { invariant: string } | undefined }): boolean =>
        plant.breaks.includes(violation?.invariant ?? '');
      const configuration = { ...COMPLETE, plant, isIsolated: true };
      const { violations } = await campaign({ first: 1, seeds: 60, configuration, isEnough });
      expect(plant.breaks).toContain(violations.at(-1)?.violation?.invariant);
    },
    60_000,
  );
});
