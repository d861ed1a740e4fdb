/** The packed package under Node: as an ES module, from CommonJS, from both at once, and where things are forbidden. */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PACKING_MS, type Packed, consumer, entriesOf, packed, removeConsumers } from './packed.js';
import { type Finished, node } from './run.js';
import { emit } from './types.js';

let packedNow: Packed;
let entries: string[];
beforeAll(async () => {
  packedNow = await packed();
  entries = entriesOf(packedNow.manifest);
}, PACKING_MS);
afterAll(removeConsumers);

/** Runs one file in a project of its own, which has the package and nothing else. */
function runs(file: string, text: string, args: readonly string[] = [], flags: readonly string[] = []) {
  const cwd = consumer(packedNow, { files: { [file]: text } });
  return node(cwd, [...flags, file, ...args]);
}

/** What it printed, as JSON. */
function printed({ stderr, stdout }: Finished): unknown {
  expect(withoutRequireWarning(stderr)).toBe('');
  return JSON.parse(stdout);
}

/** Node 20 and early 22 may say that require() of an ES module is experimental; the others have nothing to say. */
function withoutRequireWarning(stderr: string): string {
  const isEarly = /^v2[0-2]\./.test(process.version);
  if (!isEarly) return stderr;
  return stderr
    .split('\n')
    .filter((line) => !/ExperimentalWarning: .*require\(\)|node --trace-warnings/.test(line))
    .join('\n');
}

function consumerFile(name: string): string {
  return emit(name, readFileSync(new URL(`consumers/${name}`, import.meta.url), 'utf8'));
}

const EXPORTS = `Object.fromEntries(entries.map((entry, i) => [entry, Object.keys(modules[i]).filter((name) => name !== 'module.exports').sort()]))`;

describe('under Node', () => {
  it('every entry can be imported and required, and gives the same names both ways', async () => {
    const esm = await runs(
      'main.mjs',
      `const entries = process.argv.slice(2);
       const modules = await Promise.all(entries.map((entry) => import(entry)));
       console.log(JSON.stringify(${EXPORTS}));`,
      entries,
    );
    const commonJs = await runs(
      'main.cjs',
      `const entries = process.argv.slice(2);
       const modules = entries.map((entry) => require(entry));
       console.log(JSON.stringify(${EXPORTS}));`,
      entries,
    );
    const names = printed(esm) as Record<string, string[]>;
    expect(printed(commonJs)).toEqual(names);
    for (const entry of entries) expect(names[entry], entry).not.toEqual([]);
    expect(names['cellseal']).toEqual(
      expect.arrayContaining(['CellsealError', 'createKeyring', 'decryptRecord', 'encryptRecord', 'table']),
    );
  });

  it('every class is called what it is exported as', async () => {
    const finished = await runs(
      'main.mjs',
      `const modules = await Promise.all(process.argv.slice(2).map((entry) => import(entry)));
       const isClass = (value) => typeof value === 'function' && value.toString().startsWith('class');
       const wrong = modules.flatMap((module) =>
         Object.entries(module).filter(([name, value]) => isClass(value) && value.name !== name).map(([name, { name: own }]) => [name, own]));
       console.log(JSON.stringify(wrong));`,
      entries,
    );
    expect(printed(finished)).toEqual([]);
  });

  // What each sub-path throws, as an instance of the class that the root entry exports.
  const thrown = `
    const errors = [];
    const take = async (work) => { try { await work(); errors.push('nothing'); } catch (error) {
      errors.push([error instanceof root.CellsealError, error instanceof Error, error.code, error.name]); } };
    const keyring = await root.createKeyring(memory.memoryKeyring(), { rawKey: new Uint8Array(32).fill(7) });
    const t = root.table('t', { record: root.uuid('id'), encrypt: { a: root.text() } });
    await take(() => memory.memoryRecords().insert(t, {}));
    await take(() => sqlite.sqliteRecords({ prepare() {}, exec() {} }, { jobTable: '\\0' }).readJob('x'));
    await take(() => rotation.rotate(root.schema([t]), { keyring, records: { ...memory.memoryRecords(), abilities: {} } }).next());
    await take(() => file.fileKeyring('.').read(0));
    await take(() => root.decryptRecord(t, { id: crypto.randomUUID(), a: 'x' }, keyring));
    console.log(JSON.stringify(errors));`;
  const caught = [
    [true, true, 'store-unfit', 'StoreUnfitError'],
    [true, true, 'store-unfit', 'StoreUnfitError'],
    [true, true, 'store-unfit', 'StoreUnfitError'],
    [true, true, 'keyring-limit', 'KeyringLimitError'],
    [true, true, 'not-a-cell', 'NotACellError'],
  ];
  const ways: Readonly<Record<string, readonly [file: string, head: string]>> = {
    'where all are imported': [
      'main.mjs',
      `import * as root from 'cellseal'; import * as memory from 'cellseal/memory'; import * as sqlite from 'cellseal/sqlite';
       import * as rotation from 'cellseal/rotation'; import * as file from 'cellseal/file';`,
    ],
    'where all are required': [
      'main.cjs',
      `const root = require('cellseal'); const memory = require('cellseal/memory'); const sqlite = require('cellseal/sqlite');
       const rotation = require('cellseal/rotation'); const file = require('cellseal/file');`,
    ],
    'where the root is imported and the others are required': [
      'main.mjs',
      `import * as root from 'cellseal'; import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);
       const memory = require('cellseal/memory'); const sqlite = require('cellseal/sqlite');
       const rotation = require('cellseal/rotation'); const file = require('cellseal/file');`,
    ],
  };
  for (const [way, [main, head]] of Object.entries(ways)) {
    it(`an error of a sub-path is an instance of the root entry's class ${way}`, async () => {
      const body = main.endsWith('.cjs') ? `${head} (async () => { ${thrown} })();` : `${head} ${thrown}`;
      const cwd = consumer(packedNow, { files: { [main]: body, 'keyring.1.json': '{}' } });
      expect(printed(await node(cwd, [main]))).toEqual(caught);
    });
  }

  const strict: Readonly<Record<string, readonly string[]>> = {
    'where the built-in objects are frozen': ['--frozen-intrinsics'],
    'where no code is made of strings': ['--disallow-code-generation-from-strings'],
    'without a deprecated call': ['--throw-deprecation', '--pending-deprecation'],
    'where __proto__ is gone': ['--disable-proto=throw'],
  };
  for (const [where, flags] of Object.entries(strict)) {
    it(`everything works ${where}`, async () => {
      const finished = await runs(
        'main.mjs',
        consumerFile('round-trip.ts'),
        [],
        [...flags, '--disable-warning=ExperimentalWarning'],
      );
      expect(finished).toMatchObject({ code: 0, stderr: '', stdout: 'done\n' });
    });
  }
});

/** Batches until other threads have joined in: prints which they were, and ends by itself, though nothing was closed. */
const THREADED = `
  import { Worker } from 'node:worker_threads';
  import { createKeyring, decryptRecords, encryptRecords, integer, table, text } from 'cellseal';
  import { memoryKeyring } from 'cellseal/memory';
  import { nodeEngine } from 'cellseal/node';
  const started = [];
  process.on('worker', (worker) => started.push(worker.threadId));
  const engine = nodeEngine({ threads: 2 });
  let sent = 0;
  const { postMessage } = Worker.prototype;
  Worker.prototype.postMessage = function (...given) { sent++; return postMessage.apply(this, given); };
  const keyring = await createKeyring(memoryKeyring(), { rawKey: new Uint8Array(32), engine });
  const people = table('people', { record: integer('id'), encrypt: { email: text() } });
  const records = Array.from({ length: 1_000 }, (_, id) => ({ id, email: 'a' + id }));
  const valueOf = ({ value }) => value;
  for (let i = 0; i < 2_000 && sent === 0; i++) {
    const rows = (await encryptRecords(people, records, keyring)).map(valueOf);
    const read = (await decryptRecords(people, rows, keyring)).map(valueOf);
    if (JSON.stringify(read) !== JSON.stringify(records)) throw new Error('Not what was encrypted.');
  }
  console.log(JSON.stringify({ started: started.length, hasSent: sent > 0 }));
`;

describe('threads of the Node engine', () => {
  it('start from the package, and keep no process that has nothing to do', async () => {
    expect(printed(await runs('main.mjs', THREADED))).toEqual({ started: 2, hasSent: true });
  });

  it('start from an application that is one file', async () => {
    const cwd = consumer(packedNow, { files: { 'main.mjs': THREADED } });
    await build({
      entryPoints: [join(cwd, 'main.mjs')],
      outfile: join(cwd, 'elsewhere/app.mjs'),
      ...{ bundle: true, minify: true, platform: 'node', format: 'esm', target: 'node20' },
    });
    rmSync(join(cwd, 'node_modules'), { recursive: true });
    expect(printed(await node(cwd, ['elsewhere/app.mjs']))).toEqual({ started: 2, hasSent: true });
  });

  it('start whatever flags the process has', async () => {
    const finished = await runs(
      'main.mjs',
      THREADED,
      [],
      ['--stack-trace-limit=5', '--frozen-intrinsics', '--disable-warning=ExperimentalWarning'],
    );
    expect(printed(finished)).toEqual({ started: 2, hasSent: true });
  });

  it('that the process may not start are told as a warning, and the batch is done', async () => {
    const permission =
      Number(process.versions.node.split('.')[0]) < 24 ? '--experimental-permission' : '--permission';
    const batch = THREADED.replace('i < 2_000', 'i < 20');
    const finished = await runs('main.mjs', batch, [], [permission, '--allow-fs-read=*']);
    expect(finished.stdout).toBe('{"started":0,"hasSent":false}\n');
    expect(finished.stderr).toContain(
      'CellsealWarning: A thread for cells could not be started, so that the work is done without it: ',
    );
    expect(finished.code).toBe(0);
  });
});

describe('being imported', () => {
  it('draws no randomness, starts no timer and adds no global', async () => {
    expect(printed(await runs('main.mjs', consumerFile('watched.ts'), entries))).toEqual([]);
  });

  it('wants nothing but the language, TextEncoder and TextDecoder, and changes none of it', async () => {
    const { manifest } = packedNow;
    const files = Object.entries(manifest.exports ?? {}).flatMap(([path, target]) =>
      typeof target === 'string' || ['./file', './node'].includes(path)
        ? []
        : [String(target['default']).slice('./dist/'.length)],
    );
    const finished = await runs('main.mjs', consumerFile('nothing-but-the-language.ts'), files, [
      '--experimental-vm-modules',
      '--disable-warning=ExperimentalWarning',
    ]);
    expect(finished).toMatchObject({ code: 0, stderr: '' });
    expect(finished.stdout.trim().split('\n')).toHaveLength(files.length);
  });
});
