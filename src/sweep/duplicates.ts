import type { CellSwap, RecordSwap } from '../ports/record-store.js';
import type { Table } from '../table.js';
import type { RecordWork } from './rewrite.js';

/** A record that changes. */
export type SwapWork = RecordWork & { readonly swap: RecordSwap };

export function isSwap(work: RecordWork): work is SwapWork {
  return work.swap !== undefined;
}

/**
 * What can be tried apart where a UNIQUE constraint refuses the whole: halves; of one record its cells, and then each of
 * its tokens over cells that stay. `undefined` where it is one thing.
 */
export function apart(
  work: readonly SwapWork[],
  { layout }: Table,
): readonly (readonly SwapWork[])[] | undefined {
  const [one] = work;
  if (!one) return undefined;
  if (work.length > 1) {
    const middle = Math.ceil(work.length / 2);
    return [work.slice(0, middle), work.slice(middle)];
  }
  const { key, cells, tokens = [] } = one.swap;
  const changed = cells.filter((cell) => cell.new !== cell.old);
  if (tokens.length + Math.min(changed.length, 1) < 2) return undefined;
  const kept = new Map(cells.map(({ cell, new: fresh }) => [cell, { cell, old: fresh, new: fresh }]));
  const alone = tokens.map((token): readonly SwapWork[] => {
    const sources = (layout.tokens?.[token.token]?.cells ?? []).map((cell) => kept.get(cell) as CellSwap);
    const swap = { key, cells: sources, tokens: [token] };
    return [{ ...one, adopted: 0, rebound: 0, swap }];
  });
  return changed.length === 0 ? alone : [[{ ...one, swap: { key, cells: changed } }], ...alone];
}
