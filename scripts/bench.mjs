/**
 * `npm run bench`: builds first, and installs the packages that cellseal is measured beside, each only where that has not
 * been done since the files it reads last changed. Arguments go to the benchmark.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { built, installed, root } from './up-to-date.mjs';

const [program = 'bench/index.ts', ...rest] = process.argv.slice(2);

built();
installed(
  'bench/peers',
  'Installing the packages to compare with into bench/peers (no install script runs).',
);
const { status } = spawnSync(
  process.execPath,
  ['--expose-gc', '--import', import.meta.resolve('tsx'), join(root, program), ...rest],
  {
    stdio: 'inherit',
    // Without the `paths` of tsconfig.json: benchmarks import the package by its name and measure dist, what users get.
    env: { ...process.env, TSX_TSCONFIG_PATH: join(root, 'tsconfig.build.json') },
  },
);
process.exitCode = status ?? 1;
