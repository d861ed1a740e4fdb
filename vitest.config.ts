import { fileURLToPath } from 'node:url';
import { configDefaults, defineConfig } from 'vitest/config';
import { forVite } from './scripts/thread-program.mjs';

const servers = process.env['CELLSEAL_SERVERS'] === '1';
// Every test on the engine of cellseal/node, where that variable says so.
const onNodeEngine = process.env['CELLSEAL_ENGINE'] === 'node';

export default defineConfig({
  plugins: [
    forVite,
    ...(onNodeEngine
      ? [
          {
            name: 'the engine on node:crypto in the place of the default one',
            enforce: 'pre' as const,
            resolveId: (source: string) =>
              source.endsWith('engine/index.js')
                ? fileURLToPath(new URL('test/engine/on-node.ts', import.meta.url))
                : undefined,
          },
        ]
      : []),
  ],
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
