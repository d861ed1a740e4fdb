import { defineConfig } from 'tsup';
import { forEsbuild } from './scripts/thread-program.mjs';

export default defineConfig({
  // One row for each sub-path in package.json's `exports`.
  entry: {
    index: 'src/index.ts',
    rotation: 'src/rotation/index.ts',
    passphrase: 'src/passphrase/public.ts',
    file: 'src/file.ts',
    node: 'src/node.ts',
    planner: 'src/blind-index/public.ts',
    memory: 'src/store/memory.ts',
    environment: 'src/store/environment-keyring.ts',
    sqlite: 'src/store/sqlite.ts',
    postgres: 'src/store/postgres.ts',
    mysql: 'src/store/mysql.ts',
    conformance: 'src/testing/conformance.ts',
    testing: 'src/testing/testing.ts',
  },
  tsconfig: 'tsconfig.build.json',
  format: 'esm',
  platform: 'node', // leaves imports of node: modules alone; only the files that may import them do
  removeNodeProtocol: false, // `sqlite` without its `node:` is no module
  target: 'es2023',
  // Without it every entry holds its own copy of the error classes, and `instanceof` fails across sub-paths.
  splitting: true,
  esbuildPlugins: [forEsbuild],
  sourcemap: false, // the code is not minified; maps were three fifths of the package
  clean: true,
  // tsup's declaration build sets `baseUrl`, which TypeScript 6 calls deprecated.
  dts: { compilerOptions: { ignoreDeprecations: '6.0' } },
});
