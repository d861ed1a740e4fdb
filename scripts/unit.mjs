/**
 * Runs the tests once under the Node that runs this script (arguments go to vitest) and keeps vitest's JSON report as
 * `reports/node-VERSION.json`. Where `CI` is set, a test that was skipped fails the run.
 *
 * With `--servers` it runs those that need database servers instead, and keeps `reports/servers-VERSION.json`: PostgreSQL
 * on 127.0.0.1:5432 (user root, database test) and MariaDB on 127.0.0.1:3306 (user root), both without a password.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { delimiter, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isClean, line, tallyFile } from './tally.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const isServers = process.argv.includes('--servers');
const report = `reports/${isServers ? 'servers' : 'node'}-${process.versions.node}.json`;
rmSync(`${root}/${report}`, { force: true });

const vitest = spawnSync(
  process.execPath,
  [
    'node_modules/vitest/vitest.mjs',
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
    ...(isServers ? ['test/servers', '--no-file-parallelism'] : []),
    ...process.argv.slice(2).filter((argument) => argument !== '--servers'),
  ],
  {
    cwd: root,
    stdio: 'inherit',
    // A test that starts `node` gets this one.
    env: {
      ...process.env,
      ...(isServers ? { CELLSEAL_SERVERS: '1' } : {}),
      PATH: `${dirname(process.execPath)}${delimiter}${process.env['PATH'] ?? ''}`,
    },
  },
);

process.exitCode = vitest.status ?? 1;
if (existsSync(`${root}/${report}`)) {
  const counts = tallyFile(`${root}/${report}`);
  console.log(`Node ${process.versions.node}${isServers ? ', servers' : ''}: ${line(counts)}`);
  if (process.env['CI'] && !isClean(counts)) process.exitCode ||= 1;
}
