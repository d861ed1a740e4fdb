// Beside an executor without a server behind it: a test runner that only collects.
import type { SqlExecutor } from 'cellseal/postgres';

export { sqlExecutorCases } from 'cellseal/conformance';

const refused = (): Promise<never> => Promise.reject(new Error('There is no server.'));
export const executor: SqlExecutor = { query: refused, transaction: refused };

export function it(_name: string, _run: () => Promise<void>): void {}
