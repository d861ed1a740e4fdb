import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import type { Row } from './records.js';

/** One write of the application, in plaintext: what the database is held to at the end. */
export interface Write {
  /** Counts up from 1. */
  readonly number: number;
  readonly kind: 'insert' | 'update' | 'delete';
  readonly id: string;
  /** The whole record of an insert, the changed attributes of an update, nothing of a delete. */
  readonly values: Row;
}

/** A write, and whether the database said that it was done. */
export interface LoggedWrite extends Write {
  readonly isAcknowledged: boolean;
}

/** A log outside the database: durable before a write is tried, and again after it was done. */
export interface WriteLog {
  intend(write: Write): void;
  acknowledge(number: number): void;
  close(): void;
}

type Entry = { readonly intended: Write } | { readonly acknowledged: number };

export function openWriteLog(path: string): WriteLog {
  const file = openSync(path, 'ax', 0o600);
  const append = (entry: Entry): void => {
    writeSync(file, `${JSON.stringify(entry)}\n`);
    fsyncSync(file);
  };
  return {
    intend: (write) => append({ intended: write }),
    acknowledge: (number) => append({ acknowledged: number }),
    close: () => closeSync(file),
  };
}

/** All writes in their order. */
export function readWriteLog(path: string): LoggedWrite[] {
  const entries = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Entry);
  const acknowledged = new Set(
    entries.flatMap((entry) => ('acknowledged' in entry ? entry.acknowledged : [])),
  );
  return entries.flatMap((entry) =>
    'intended' in entry ? { ...entry.intended, isAcknowledged: acknowledged.has(entry.intended.number) } : [],
  );
}
