import { describe, expect, it } from 'vitest';
import { memoryRecords } from '../../src/store/memory.js';
import { recordStoreCases } from '../../src/testing/conformance.js';
import { FAULTS, type Fault } from './faults.js';
import { memorySubject } from './subjects.js';
import { TOKEN_FAULTS } from './token-faults.js';

const MEMBERS = { members: ['describe', 'findCells'] } as const;

/** Which of the cases fail, of those whose names have `part` in them, for a store in memory with this fault. */
async function failing({ plant }: Pick<Fault, 'plant'>, part = ''): Promise<string[]> {
  const cases = recordStoreCases(() => {
    const sound = memoryRecords();
    return memorySubject(sound, { ...sound, ...plant(sound) });
  }, MEMBERS);
  const failed: string[] = [];
  for (const { name, run } of cases.filter((one) => one.name.includes(part))) {
    await run().catch(() => failed.push(name));
  }
  return failed;
}

describe('the suite for record stores', () => {
  it.each([...FAULTS, ...TOKEN_FAULTS].map((fault) => [fault.name, fault] as const))(
    'finds a store that %s',
    async (_, fault) => {
      expect(await failing(fault, fault.caughtBy)).not.toEqual([]);
    },
  );

  it('finds nothing in a store that is sound', async () => {
    expect(await failing({ plant: () => ({}) })).toEqual([]);
  });

  it('closes what a case has opened, however the case ends', async () => {
    let open = 0;
    const cases = recordStoreCases(() => {
      open++;
      const sound = memoryRecords();
      const broken = { ...sound, page: () => Promise.reject(new Error('no page')) };
      return { ...memorySubject(sound, broken), close: () => open-- };
    });
    const outcomes = await Promise.allSettled(cases.map(({ run }) => run()));
    expect(outcomes.some(({ status }) => status === 'rejected')).toBe(true);
    expect(open).toBe(0);
  });

  it('has a name of its own for each case', () => {
    const names = recordStoreCases(() => memorySubject(memoryRecords()), {
      ...MEMBERS,
      schemaName: 'main',
    }).map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });
});
