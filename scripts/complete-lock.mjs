/**
 * Completes package-lock.json: `node scripts/complete-lock.mjs`, after a change of the development dependencies.
 *
 * A tool with a native part names one optional package for each platform. npm silently leaves out of the lock file those
 * that its registry did not offer at that moment, and then `npm ci` refuses the lock file as out of step. This adds an
 * entry for each: the version is the exact one that its parent names; the platform stands in the package's name.
 * There is no checksum in such an entry, because nobody here has seen the package: npm adds it where it can.
 */
import { readFileSync, writeFileSync } from 'node:fs';

/**
 * @typedef {{ cpu: string[], os?: string[], libc?: string[] }} Platform
 * @typedef {{ version?: string, dev?: boolean, optionalDependencies?: Record<string, string> }} Locked
 */

const EXACT = /^\d+\.\d+\.\d+(?:-[\w.]+)?$/;
const SYSTEMS = [
  'aix',
  'android',
  'darwin',
  'freebsd',
  'linux',
  'netbsd',
  'openbsd',
  'openharmony',
  'sunos',
  'win32',
];
const PROCESSORS = ['arm', 'arm64', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'x64'];

const path = new URL('../package-lock.json', import.meta.url);
/** @type {{ packages: Record<string, Locked | (Locked & Platform & { optional: true })> }} */
const lock = JSON.parse(readFileSync(path, 'utf8'));

const added = [];
for (const [place, { dev, optionalDependencies }] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(optionalDependencies ?? {})) {
    if (isLocked(name, place)) continue;
    const platform = platformOf(name);
    if (!platform || !EXACT.test(version)) {
      console.error(
        `${name}@${version}, which ${place} asks for, is not locked, and its name tells no platform.`,
      );
      process.exitCode = 1;
      continue;
    }
    const { cpu, libc, os } = platform;
    // In npm's own order, so that npm leaves the entry as it is.
    lock.packages[`node_modules/${name}`] = {
      version,
      cpu,
      ...(dev && { dev }),
      ...(libc && { libc }),
      optional: true,
      ...(os && { os }),
    };
    added.push(`${name}@${version}`);
  }
}

if (added.length > 0) {
  const [root, ...others] = Object.entries(lock.packages);
  others.sort(([left], [right]) => left.localeCompare(right, 'en'));
  lock.packages = Object.fromEntries(root ? [root, ...others] : others);
  writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
}
console.log(`${added.length} added to package-lock.json`);

/**
 * As Node resolves: in the package's own node_modules, or in one further up.
 *
 * @param {string} name
 * @param {string} place
 */
function isLocked(name, place) {
  for (let from = place; ; from = from.slice(0, Math.max(from.lastIndexOf('/node_modules/'), 0))) {
    if (`${from ? `${from}/` : ''}node_modules/${name}` in lock.packages) return true;
    if (from === '') return false;
  }
}

/**
 * `@biomejs/cli-linux-x64-musl` is for Linux on x64 with musl.
 *
 * @param {string} name
 * @returns {Platform | undefined}
 */
function platformOf(name) {
  const words = name.split(/[/-]/);
  if (words.includes('wasm32')) return { cpu: ['wasm32'] };
  const os = words.find((word) => SYSTEMS.includes(word));
  const cpu = words.find((word) => PROCESSORS.includes(word));
  if (!os || !cpu) return undefined;
  if (os !== 'linux') return { cpu: [cpu], os: [os] };
  if (words.some((word) => word.startsWith('musl'))) return { cpu: [cpu], os: [os], libc: ['musl'] };
  return { cpu: [cpu], os: [os], ...(words.some((word) => word.startsWith('gnu')) && { libc: ['glibc'] }) };
}
