import { StoreBusyError } from '../../errors.js';
import type { Dialect } from './dialect.js';

/** Tells a lock that somebody else holds from every other error. */
export async function guarded<T>(dialect: Dialect, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw dialect.isBusy(error) ? new StoreBusyError() : error;
  }
}
