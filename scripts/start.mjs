/**
 * `npm start`: runs the story in `examples/story`. Installs from the lock file and builds first, each only where that has
 * not been done since the files it reads last changed. Arguments go to the story.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { built, installed, root } from './up-to-date.mjs';

installed();
built();
story(process.argv.slice(2));

/** @param {readonly string[]} args */
function story(args) {
  // By its address, because the story may run in another folder. `node:sqlite` is called experimental up to Node 24.
  const flags = ['--disable-warning=ExperimentalWarning', '--import', import.meta.resolve('tsx')];
  const child = spawn(process.execPath, [...flags, join(root, 'examples/story/main.ts'), ...args], {
    // Where the user stands: names of files are relative to it. npm starts scripts in the root.
    cwd: (process.env['npm_lifecycle_event'] === 'start' && process.env['INIT_CWD']) || process.cwd(),
    stdio: 'inherit',
    // Without the `paths` of tsconfig.json: the story imports the package by its name and runs on dist, as a user would.
    env: { ...process.env, TSX_TSCONFIG_PATH: join(root, 'tsconfig.build.json') },
  });
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.on(signal, () => {
      // A terminal sends Ctrl-C to the whole group: the story has had it already.
      if (signal === 'SIGINT' && process.stdin.isTTY) return;
      child.kill(signal);
    });
  }
  child.on('error', (error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    if (!signal) {
      process.exitCode = code ?? 1;
      return;
    }
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}
