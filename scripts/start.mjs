/**
 * `npm start`: runs the story in `examples/story`. Installs from the lock file and builds first, each only where that has
 * not been done since the files it reads last changed. Arguments go to the story.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const windows = process.platform === 'win32';

// npm writes node_modules/.package-lock.json at the end of an installation.
if (isOlder('node_modules/.package-lock.json', ['package-lock.json'])) {
  npm('ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error');
}
if (
  isOlder('dist/index.js', ['src', 'package.json', 'tsup.config.ts', 'tsconfig.json', 'tsconfig.build.json'])
) {
  npm('run', '--silent', 'build');
}
story(process.argv.slice(2));

/**
 * The product is missing, or was made before its sources changed.
 *
 * @param {string} product
 * @param {readonly string[]} sources
 */
function isOlder(product, sources) {
  const path = join(root, product);
  if (!existsSync(path)) return true;
  const made = statSync(path).mtimeMs;
  return sources.some((source) => newest(join(root, source)) > made);
}

/**
 * When the file, or anything in the folder, was last changed.
 *
 * @param {string} path
 * @returns {number}
 */
function newest(path) {
  const found = statSync(path);
  if (!found.isDirectory()) return found.mtimeMs;
  // The folder's own time tells that a file in it was removed.
  return Math.max(found.mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))));
}

/** @param {readonly string[]} args */
function npm(...args) {
  // On Windows npm is a .cmd file, which only a shell can start; the arguments are the constants above.
  const { status, error } = spawnSync('npm', args, { cwd: root, stdio: 'inherit', shell: windows });
  if (status === 0) return;
  console.error(`npm ${args[0]} failed${error ? `: ${error.message}` : ''}.`);
  process.exit(status ?? 1);
}

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
