import type { UsageLog } from '../../index.js';
import {
  NAMES,
  NO_NAMES,
  ROUNDS,
  assert,
  endsIn,
  holds,
  holdsNothing,
  many,
  text,
  writes,
} from './fixtures.js';
import type { MemberCase } from './subject.js';

const MOST = Number.MAX_SAFE_INTEGER;
const [FIRST, SECOND, THIRD] = NAMES;

export const USAGE_CASES: readonly MemberCase<'usage'>[] = [
  {
    name: 'usage: has no totals where nothing was added',
    async test(usage) {
      await totals(usage, {});
    },
  },
  {
    name: 'usage: sums what was added, each key for itself',
    async test(usage) {
      await usage.add(FIRST, 1);
      await totals(usage, { [FIRST]: 1 });
      await usage.add(SECOND, 250);
      await usage.add(FIRST, 65_536);
      await usage.add(SECOND, 250);
      await usage.add(THIRD, 10);
      await totals(usage, { [FIRST]: 65_537, [SECOND]: 500, [THIRD]: 10 });
    },
  },
  {
    name: 'usage: counts exactly up to 2^53 - 1, and stays there',
    async test(usage) {
      await usage.add(FIRST, 2 ** 52);
      await usage.add(FIRST, 1);
      await totals(usage, { [FIRST]: 2 ** 52 + 1 });
      await usage.add(FIRST, 2 ** 52 - 2);
      await totals(usage, { [FIRST]: MOST });
      await usage.add(FIRST, 1);
      await usage.add(FIRST, MOST);
      await usage.add(SECOND, 1);
      await totals(usage, { [FIRST]: MOST, [SECOND]: 1 });
    },
  },
  {
    name: 'usage: loses nothing that many add at once',
    async test(usage, another) {
      const all = many(usage, another);
      await Promise.all(
        all.map(async (one, i) => {
          for (let round = 1; round <= ROUNDS; round++) {
            await one.add(FIRST, round);
            await one.add(i % 2 === 0 ? SECOND : THIRD, 1);
          }
        }),
      );
      const half = (all.length / 2) * ROUNDS;
      await totals(usage, {
        [FIRST]: (all.length * ROUNDS * (ROUNDS + 1)) / 2,
        [SECOND]: half,
        [THIRD]: half,
      });
    },
  },
  {
    name: 'usage: shows to others what one has added',
    async test(usage, another) {
      const second = another();
      await usage.add(FIRST, 3);
      await totals(second, { [FIRST]: 3 });
      await second.add(FIRST, 4);
      await totals(usage, { [FIRST]: 7 });
      await totals(another(), { [FIRST]: 7 });
    },
  },
  {
    name: 'usage: refuses what is no key id and no number of cells with store-unfit, and has added nothing then',
    async test(usage) {
      await usage.add(FIRST, 3);
      for (const keyId of NO_NAMES) await endsIn('store-unfit', [() => usage.add(keyId, 1)]);
      for (const cells of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])
        await endsIn('store-unfit', [() => usage.add(FIRST, cells)]);
      await totals(usage, { [FIRST]: 3 });
    },
  },
  {
    name: 'usage: is no keyring, and is not touched where the document changes',
    async test(usage, _, store) {
      await usage.add(FIRST, 3);
      await holdsNothing(store);
      await writes(store, 1, text('document'));
      await writes(store, 2, text('document, again'));
      await totals(usage, { [FIRST]: 3 });
      await usage.add(FIRST, 1);
      await holds(store, 2, text('document, again'));
    },
  },
];

async function totals(usage: UsageLog, wanted: Readonly<Record<string, number>>): Promise<void> {
  const found = await usage.totals();
  assert(
    Object.keys(found).sort().join() === Object.keys(wanted).sort().join(),
    'The totals are of other keys than something was added to.',
  );
  for (const [keyId, cells] of Object.entries(wanted))
    assert(found[keyId] === cells, `The total is ${found[keyId]}, not ${cells}.`);
}
