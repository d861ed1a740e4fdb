import { configDefaults, defineConfig } from 'vitest/config';

const servers = process.env['CELLSEAL_SERVERS'] === '1';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // These need a database server at hand: CELLSEAL_SERVERS=1 runs them too.
    exclude: [...configDefaults.exclude, ...(servers ? [] : ['test/servers/**'])],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    restoreMocks: true,
  },
});
