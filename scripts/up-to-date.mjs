/** What scripts need before they start: packages that are installed and a `dist` that is built, each only where it is not. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const windows = process.platform === 'win32';

/**
 * Installs from the lock file where that was not done since it last changed; says so first, if there is something to say.
 *
 * @param {string} [folder] with a package.json of its own, relative to the root
 * @param {string} [message]
 */
export function installed(folder = '.', message) {
  // npm writes node_modules/.package-lock.json at the end of an installation.
  if (!isOlder(join(folder, 'node_modules/.package-lock.json'), [join(folder, 'package-lock.json')])) return;
  if (message) console.log(message);
  npm('ci', '--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error');
}

/** Builds where that was not done since the sources last changed. */
export function built() {
  const sources = ['src', 'package.json', 'tsup.config.ts', 'tsconfig.json', 'tsconfig.build.json'];
  if (isOlder('dist/index.js', sources)) npm('run', '--silent', 'build');
}

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
