/** Where a simulated world can go wrong, and how: one row an injection point. */

/** What can happen there. */
export type FaultKind =
  /** The request fails and was not applied. */
  | 'error-before'
  /** The request was applied, and an error is told. */
  | 'error-after'
  /** The process dies: before the request was applied, or after. */
  | 'crash'
  /** The process is frozen for longer than leases last. */
  | 'pause'
  /** The wall clock is set. */
  | 'clock-jump'
  /** The request is delivered twice, at once or with delay. */
  | 'duplicate'
  /** An older answer is given: a replica that lags, a copy that was put back. */
  | 'replay'
  /** Somebody writes over the job record: nonsense, an older one, one whose cursor or state is ahead. */
  | 'garbage'
  | 'older'
  | 'ahead'
  | 'swept'
  /** The machine computes wrongly. */
  | 'flip';

/** What a point needs of its world, so that it is reached at all. */
export interface Needs {
  readonly transactions?: boolean;
  readonly guard?: 'fence' | 'hold';
  readonly operator?: OperatorAct;
  readonly poison?: boolean;
  readonly appTransactions?: boolean;
  readonly usage?: boolean;
  readonly partitions?: boolean;
  readonly destroys?: boolean;
  /** Writers that write at short intervals, so that swaps are lost. */
  readonly haste?: boolean;
  /** A reader that decrypts what it read long before. */
  readonly lateReader?: boolean;
  /** A data key that is replaced, whatever becomes of the index key. */
  readonly dataKey?: boolean;
}

/** What an operator does beside the administrator. */
export type OperatorAct = 'policy' | 'spare' | 'undo' | 'pause' | 'forge';

export interface Point {
  readonly name: string;
  readonly kinds: readonly FaultKind[];
  readonly needs: Needs;
}

const OWN = ['crash', 'pause', 'clock-jump'] as const;
const READ = ['error-before', ...OWN] as const;
const WRITE = ['error-before', 'error-after', ...OWN, 'duplicate'] as const;

function point(name: string, kinds: readonly FaultKind[], needs: Needs = {}): Point {
  return { name, kinds, needs };
}

/** Every injection point: `who.what.which`. */
export const POINTS: readonly Point[] = [
  point('writer.keyring.open', READ),
  point('writer.keyring.read', [...READ, 'replay']),
  point('writer.registry.announce', WRITE),
  point('writer.usage.totals', READ, { usage: true }),
  point('writer.insert.seal', OWN),
  point('writer.insert.commit', WRITE),
  point('writer.update.read', READ),
  point('writer.update.seal', OWN),
  point('writer.update.commit', WRITE),
  point('writer.careful-update.commit', WRITE),
  point('writer.delete.commit', WRITE),
  point('writer.transaction.write', READ, { appTransactions: true }),
  point('writer.transaction.commit', WRITE, { appTransactions: true }),

  point('reader.keyring.open', READ),
  point('reader.keyring.read', [...READ, 'replay']),
  point('reader.registry.announce', WRITE),
  point('reader.page', READ),
  point('reader.reread', READ, { lateReader: true, dataKey: true }),

  point('searcher.keyring.open', READ),
  point('searcher.keyring.read', [...READ, 'replay']),
  point('searcher.registry.announce', WRITE),
  point('searcher.query', READ),

  point('rotator.keyring.open', READ),
  point('rotator.keyring.read', [...READ, 'replay']),
  point('rotator.job.read', READ, { partitions: false }),
  point('rotator.job.write', WRITE, { partitions: false }),
  point('rotator.estimate', READ, { partitions: false }),
  point('rotator.quarantine.list', READ, { partitions: false }),
  point('rotator.boundaries', READ, { partitions: true }),
  point('rotator.page', READ),
  point('rotator.chunk.rewrite', OWN),
  point('rotator.chunk.reread', READ, { haste: true }),
  point('rotator.chunk.swap', READ, { transactions: true }),
  point('rotator.chunk.checkpoint', READ, { transactions: true }),
  point('rotator.chunk.commit', WRITE, { transactions: true }),
  point('rotator.chunk.swap-alone', WRITE, { transactions: false }),
  point('rotator.chunk.checkpoint-after', WRITE, { transactions: false }),
  point('rotator.engine.seal', ['flip'], { dataKey: true }),

  point('admin.keyring.open', READ),
  point('admin.keyring.read', [...READ, 'replay']),
  point('admin.registry.announce', WRITE),
  point('admin.registry.list', READ),
  point('admin.introduce.keyring.write', WRITE),
  point('admin.activate.keyring.write', WRITE),
  point('admin.suspend.keyring.write', WRITE),
  point('admin.fence.widen', WRITE, { guard: 'fence', dataKey: true }),
  point('admin.fence.narrow', WRITE, { guard: 'fence', dataKey: true }),
  point('admin.first-census.count', READ),
  point('admin.note.keyring.write', WRITE, { guard: 'hold' }),
  point('admin.hold', OWN, { guard: 'hold' }),
  point('admin.second-census.count', READ, { guard: 'hold' }),
  point('admin.schedule.keyring.write', WRITE, { destroys: true }),
  point('admin.last-census.count', READ, { destroys: true }),
  point('admin.destroy.keyring.write', WRITE, { destroys: true }),
  point('admin.quarantine.list', READ, { poison: true, dataKey: true }),
  point('admin.repair.commit', WRITE, { poison: true, dataKey: true }),

  point('operator.keyring.open', READ, { operator: 'policy' }),
  point('operator.keyring.read', [...READ, 'replay'], { operator: 'policy' }),
  point('operator.policy.keyring.write', WRITE, { operator: 'policy' }),
  point('operator.spare.keyring.write', WRITE, { operator: 'spare' }),
  point('operator.undo.keyring.write', WRITE, { operator: 'undo', guard: 'hold' }),
  point('operator.job.read', READ, { operator: 'pause', partitions: false }),
  point('operator.job.write', WRITE, { operator: 'pause', partitions: false }),
  point('operator.job.forge', ['garbage', 'older', 'ahead', 'swept'], {
    operator: 'forge',
    partitions: false,
  }),
];

/** A point and one thing that can happen there. */
export interface Aim {
  readonly point: Point;
  readonly kind: FaultKind;
}

/** Every pair. */
export const AIMS: readonly Aim[] = POINTS.flatMap((point) => point.kinds.map((kind) => ({ point, kind })));

/** A pair in words. */
export function aimName(point: string, kind: FaultKind): string {
  return `${point} × ${kind}`;
}
