/**
 * The package as its users get it: built, packed by npm and installed from the tarball, once for each state of the
 * sources. It is built in a copy, so that nobody who builds `dist` at the same time is in the way, and kept under
 * `node_modules/.cache`, where the next run, and the next test file, find it.
 */
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Finished, run } from './run.js';

/** The repository. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Building, packing and installing may take this long where nothing is kept yet: give it to `beforeAll`. */
export const PACKING_MS = 180_000;

/** What the build reads, and what `npm pack` adds. */
const SOURCES = [
  'src',
  'scripts/thread-program.mjs',
  'package.json',
  'tsup.config.ts',
  'tsconfig.json',
  'tsconfig.build.json',
];
const DOCUMENTS = ['README.md', 'CHANGELOG.md', 'LICENSE'];

const CACHE = join(ROOT, 'node_modules/.cache/cellseal');
const KEPT_MS = 24 * 60 * 60 * 1000;

/** A package.json, as far as these tests read one. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly exports?: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly [field: string]: unknown;
}

/** The packed package. */
export interface Packed {
  /** The `.tgz` as `npm pack` made it. */
  readonly tarball: string;
  /** The project into which `npm install` unpacked it: nothing else was installed there. */
  readonly project: string;
  /** `node_modules/cellseal` in that project. */
  readonly folder: string;
  readonly manifest: Manifest;
  /** Every file in it, relative to `folder`, in the order of the alphabet. */
  readonly files: readonly string[];
}

/** Builds, packs and installs, or finds what was built of the same sources before. */
export async function packed(): Promise<Packed> {
  mkdirSync(CACHE, { recursive: true });
  const copy = mkdtempSync(join(realpathSync(tmpdir()), 'cellseal-pack-'));
  try {
    for (const name of [...SOURCES, ...DOCUMENTS]) {
      if (existsSync(join(ROOT, name))) cpSync(join(ROOT, name), join(copy, name), { recursive: true });
    }
    const place = join(CACHE, `packed-${hashOf(copy)}`);
    await alone(`${place}.lock`, async () => {
      if (existsSync(place)) return;
      await pack(copy);
      // Copied, because a temporary folder may be on another disk; renamed, so that it is there whole or not at all.
      const fresh = `${place}.new`;
      rmSync(fresh, { recursive: true, force: true });
      cpSync(join(copy, 'packed'), fresh, { recursive: true });
      renameSync(fresh, place);
      removeOld();
    });
    return packedAt(place);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** The sub-paths that `exports` offers to code, as one imports them. */
export function entriesOf({ name, exports = {} }: Manifest): string[] {
  return Object.keys(exports)
    .filter((path) => !path.endsWith('.json'))
    .map((path) => name + path.slice(1));
}

/** Paths of all files under a folder, relative to it, in the order of the alphabet. */
export function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8', withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .map((path) => path.replaceAll('\\', '/'))
    .sort();
}

/** What a project of a user has beside the package. */
export interface ConsumerOptions {
  readonly files: Readonly<Record<string, string>>;
  /** What its package.json says of its own modules. Default: `module`. */
  readonly type?: 'module' | 'commonjs';
  /** Packages of the repository's node_modules that it has too. Default: none. */
  readonly has?: readonly string[];
  /** Where these are, if not there. */
  readonly modules?: string;
}

const consumers: string[] = [];

/** A user's project, in a folder of its own outside the repository: {@link removeConsumers} takes it away again. */
export function consumer({ project }: Packed, options: ConsumerOptions): string {
  const { files, type = 'module', has = [], modules = join(ROOT, 'node_modules') } = options;
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'cellseal-consumer-'));
  consumers.push(folder);
  cpSync(join(project, 'node_modules/cellseal'), join(folder, 'node_modules/cellseal'), { recursive: true });
  for (const name of has) {
    mkdirSync(dirname(join(folder, 'node_modules', name)), { recursive: true });
    symlinkSync(join(modules, name), join(folder, 'node_modules', name), 'junction');
  }
  const manifest = `${JSON.stringify({ name: 'consumer', private: true, type })}\n`;
  for (const [path, text] of Object.entries({ 'package.json': manifest, ...files })) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

/** For `afterAll`. */
export function removeConsumers(): void {
  for (const folder of consumers.splice(0)) rmSync(folder, { recursive: true, force: true });
}

/** Leaves `packed/` in the copy: the tarball, and a project into which it is installed. */
async function pack(copy: string): Promise<void> {
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'), 'junction');
  await succeeds(run(process.execPath, ['node_modules/tsup/dist/cli-default.js', '--silent'], { cwd: copy }));
  const place = join(copy, 'packed');
  mkdirSync(place);
  await succeeds(npm(['pack', '--ignore-scripts', '--pack-destination', 'packed'], copy));
  writeFileSync(join(place, 'package.json'), '{ "name": "project", "private": true }\n');
  const tarball = tarballIn(place);
  await succeeds(npm(['install', '--offline', '--no-audit', '--no-fund', `./${tarball}`], place));
}

/** What was packed of sources that have changed since. */
function removeOld(): void {
  for (const name of readdirSync(CACHE)) {
    const path = join(CACHE, name);
    if (Date.now() - statSync(path).mtimeMs > KEPT_MS) rmSync(path, { recursive: true, force: true });
  }
}

function packedAt(place: string): Packed {
  const folder = join(place, 'node_modules/cellseal');
  return {
    tarball: join(place, tarballIn(place)),
    project: place,
    folder,
    manifest: JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest,
    files: filesIn(folder),
  };
}

function tarballIn(place: string): string {
  const [tarball, ...others] = readdirSync(place).filter((name) => name.endsWith('.tgz'));
  if (tarball === undefined || others.length > 0) throw new Error('npm pack did not make one tarball.');
  return tarball;
}

function npm(args: readonly string[], cwd: string): Promise<Finished> {
  // On Windows npm is a .cmd file, which only a shell can start.
  return run('npm', args, { cwd, shell: process.platform === 'win32' });
}

async function succeeds(running: Promise<Finished>): Promise<void> {
  const { command, code, stdout, stderr } = await running;
  if (code !== 0) throw new Error(`${command} ended with ${code}:\n${stdout}${stderr}`);
}

/** Names and contents of all files under the folder. */
function hashOf(folder: string): string {
  const hash = createHash('sha256');
  for (const path of filesIn(folder)) {
    const content = readFileSync(join(folder, path));
    hash.update(`${path}\0${content.length}\0`).update(content);
  }
  // Another bundler may make something else of the same sources.
  hash.update(readFileSync(join(ROOT, 'package-lock.json')));
  return hash.digest('hex').slice(0, 16);
}

/** One process at a time does `work`; a lock whose holder has died is taken over. */
async function alone(lock: string, work: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' });
      break;
    } catch (error) {
      if ((error as { code?: string }).code !== 'EEXIST') throw error;
      if (!isHeld(lock)) rmSync(lock, { force: true });
      else await pause(100);
    }
  }
  try {
    await work();
  } finally {
    rmSync(lock, { force: true });
  }
}

function isHeld(lock: string): boolean {
  try {
    const pid = Number(readFileSync(lock, 'utf8'));
    // Empty for a moment: its holder has made it and not yet written.
    return pid === 0 || process.kill(pid, 0);
  } catch {
    return false; // gone, the file or the process
  }
}
