import type { Keyring, Schema, Table } from 'cellseal';
import type { Database } from './database.js';
import type { Page } from './page.js';
import type { Records } from './records.js';
import type { RunFolder } from './run-folder.js';

/** What every section of the story works with, once the records are in the database. */
export interface Story {
  readonly page: Page;
  readonly records: Records;
  readonly folder: RunFolder;
  readonly database: Database;
  readonly keyring: Keyring;
  /** Of the story's one table. */
  readonly definition: Table;
  readonly schema: Schema;
}

/** What a piece of work took. */
export interface Timed<Result> {
  readonly result: Result;
  readonly ms: number;
}

export async function timed<Result>(work: () => Promise<Result>): Promise<Timed<Result>> {
  const began = performance.now();
  const result = await work();
  return { result, ms: performance.now() - began };
}
