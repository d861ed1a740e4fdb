/**
 * `npm run bench:nodes`: the benchmarks under several versions of Node, one after another, into bench/results; then
 * docs/performance.md from them. The versions come from the npm packages node-PLATFORM-ARCH, which carry a binary each.
 *
 *     npm run bench:nodes -- [--nodes 20,22,24,26] [--quick] [--records 100000] [--clock wall|processor]
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from './up-to-date.mjs';

const { values } = parseArgs({
  options: {
    nodes: { type: 'string', default: '20,22,24,26' },
    quick: { type: 'boolean', default: false },
    records: { type: 'string', default: '100000' },
    clock: { type: 'string', default: 'wall' },
  },
});
const platform = `node-${process.platform}-${process.arch}`;

mkdirSync(join(root, 'bench/results'), { recursive: true });
for (const version of values.nodes.split(',')) {
  const folder = `.ci/nodes/${version}`;
  const quietly = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  run(
    'npm',
    'install',
    '--prefix',
    folder,
    '--no-save',
    '--no-package-lock',
    ...quietly,
    `${platform}@${version}`,
  );
  const node = join(root, folder, 'node_modules', platform, 'bin/node');
  const options = (/** @type {string} */ name) => [
    ...['--json', `bench/results/${name}${version}.json`],
    ...['--clock', values.clock],
  ];
  run(node, 'scripts/bench.mjs', 'bench/index.ts', ...options('node-'), ...(values.quick ? ['--quick'] : []));

  const rotation = [
    'bench/rotation/beside-floors.ts',
    '--records',
    values.records,
    ...options('rotation-node-'),
  ];
  run(node, 'scripts/bench.mjs', ...rotation);
  const threads = [
    '--json',
    `bench/results/threads-node-${version}.json`,
    ...(values.quick ? ['--quick'] : []),
  ];
  run(node, 'scripts/bench.mjs', 'bench/threads.ts', ...threads);
}
run('npm', 'run', '--silent', 'bench:docs');

/**
 * @param {string} command
 * @param {readonly string[]} args
 */
function run(command, ...args) {
  const { status } = spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  if (status !== 0) process.exit(status ?? 1);
}
