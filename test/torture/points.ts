/** The named points at which a process ends or stops itself. */
import { STEPS } from '../../src/rotation/index.js';
import { STATEMENTS } from './statements.js';
import type { StoreName } from './world.js';

/** What a rotation does not do by itself. */
const KEYRING_CHANGES = ['key.add', 'key.activate'] as const;

/** Of a rotator: before and after every step, every statement of a transaction, and every change of the keyring. */
export function rotatorPoints(store: StoreName): string[] {
  const isServer = store !== 'sqlite';
  const statements = STATEMENTS.filter((name) => isServer || name !== 'lock'); // one writer needs no lock of a record
  const around = [...STEPS, ...statements, ...KEYRING_CHANGES].flatMap((name) => [
    `before ${name}`,
    `after ${name}`,
  ]);
  // A driver of SQLite does not come back before it is over.
  return isServer ? [...around, 'during COMMIT'] : around;
}

/** Of a writer: behind each thing that it does for one write. */
export const WRITER_POINTS = ['intent', 'sealed', 'written', 'committed', 'done'] as const;
export type WriterPoint = (typeof WRITER_POINTS)[number];

/** Where a process ends, or stops until it is continued. */
export interface End {
  readonly point: string;
  /** At its how-manieth occurrence, from 1. */
  readonly nth: number;
  readonly how: 'SIGKILL' | 'SIGSTOP';
}

/** Counts occurrences; sends this process the signal at the one that is wanted. Nothing runs behind it. */
export class Points {
  readonly #seen = new Map<string, number>();
  #end: End | undefined;

  endAt(end: End | undefined): void {
    this.#end = end;
    this.#seen.clear();
  }

  reach(point: string): void {
    if (this.#end?.point !== point) return;
    const seen = (this.#seen.get(point) ?? 0) + 1;
    this.#seen.set(point, seen);
    if (seen !== this.#end.nth) return;
    const { how } = this.#end;
    this.#end = undefined;
    process.kill(process.pid, how);
  }
}
