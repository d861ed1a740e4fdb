import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Connection, Driver } from './sqlite-drivers.js';

/** The path of a database file that is not there yet, and is gone when the test is over. */
export function newFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'cellseal-records-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return join(folder, 'records.db');
}

/** A connection that is closed when the test is over. */
export function connect(driver: Driver, path = ':memory:', options?: { readonly?: boolean }): Connection {
  const connection = driver.open(path, options);
  onTestFinished(() => connection.close());
  return connection;
}
