/**
 * Who may import whom: the rooms of `src/`, each with what it may import. A new room is a new row.
 *
 * Held for every import, those of types alone too. Beside the rows: no cycles; nothing from npm; nothing of Node but
 * where `NODE_MODULES` says so.
 */
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ICruiseResult, type IForbiddenRuleType, cruise } from 'dependency-cruiser';
import { afterEach, describe, expect, it } from 'vitest';

interface Room {
  /** A folder of `src/` where it ends in a slash, a file of `src/` otherwise. */
  readonly room: string;
  /** The rooms it may import from; its own files always. */
  readonly mayImport: readonly string[];
  /** The one file through which the others enter; without it, all of the room's files are open. */
  readonly door?: string;
}

// Each imports only what stands before it.
const GROUND = [
  'errors.ts',
  'maybe.ts',
  'suite.ts',
  'limits.ts',
  'bytes.ts',
  'sent.ts',
  'key-tag.ts',
  'token-form.ts',
  'plaintext.ts',
  'ports/',
  'sensitive-names.ts',
  'platform.ts',
  'concurrency.ts',
  'share-out.ts',
];

// May import one another, through their doors, in any order that makes no cycle.
const CRAFTS = ['codec/', 'envelope/', 'engine/', 'cipher/', 'passphrase/', 'keyring/', 'blind-index/'];

const BASE = [...GROUND, ...CRAFTS];
// Again each only what stands before it, here and above.
const CELLS = [
  'standard-schema.ts',
  'attribute.ts',
  'table.ts',
  'schema.ts',
  'record-id.ts',
  'record-types.ts',
  'adopting.ts',
  'cell.ts',
  'elsewhere.ts',
  'former.ts',
  'tokens.ts',
  'record-places.ts',
  'record.ts',
  'records.ts',
  'lookup.ts',
  'synchronous.ts',
];
const CORE = [...BASE, ...CELLS];

// What a user can import; one row for each sub-path in package.json's `exports`.
const PUBLIC = [
  'index.ts',
  'rotation/index.ts',
  'passphrase/public.ts',
  'file.ts',
  'node.ts',
  'blind-index/public.ts',
  'store/memory.ts',
  'store/environment-keyring.ts',
  'store/sqlite.ts',
  'store/postgres.ts',
  'store/mysql.ts',
  'testing/conformance.ts',
  'testing/testing.ts',
];

const ROOMS: readonly Room[] = [
  ...GROUND.map((room, place) => ({ room, mayImport: GROUND.slice(0, place) })),
  ...CRAFTS.map((room) => ({ room, mayImport: BASE, door: 'index.ts' })),
  ...CELLS.map((room, place) => ({ room, mayImport: [...BASE, ...CELLS.slice(0, place)] })),
  { room: 'index.ts', mayImport: CORE },
  { room: 'file.ts', mayImport: ['store/file-keyring.ts', 'passphrase/write-file.ts'] },
  { room: 'node.ts', mayImport: ['engine/node.ts'] },
  { room: 'store/', mayImport: GROUND },
  { room: 'sweep/', mayImport: CORE },
  { room: 'rotation/', mayImport: [...CORE, 'sweep/'] },
  { room: 'admin/', mayImport: [...CORE, 'sweep/', 'rotation/'] },
  { room: 'integrations/', mayImport: PUBLIC },
  { room: 'cli/', mayImport: [...PUBLIC, 'admin/'] },
  { room: 'testing/', mayImport: PUBLIC },
];

/** The files that may import `node:` modules. Everything else runs wherever WebCrypto does. */
const NODE_MODULES = [
  'store/file/',
  'passphrase/write-file.ts',
  'engine/node.ts',
  'engine/node-*.ts',
  'engine/threads/',
  'cli/',
];

const rules: readonly IForbiddenRuleType[] = [
  ...ROOMS.map(({ room, mayImport }) => ({
    name: `${room} imports only what its row names`,
    from: { path: inside(room) },
    to: { path: '^src/', pathNot: [inside(room), ...mayImport.map(entrance)] },
  })),
  { name: 'no cycles', from: {}, to: { circular: true } },
  { name: 'nothing from npm', from: {}, to: { pathNot: '^src/', dependencyTypesNot: ['core'] } },
  {
    name: 'node: modules only where it is said',
    from: { pathNot: NODE_MODULES.map(inside) },
    to: { dependencyTypes: ['core'] },
  },
];

/** Every broken rule of the tree under `root`, as `rule: file → what it imports`. */
async function violations(root: string): Promise<string[]> {
  const { output } = await cruise(
    ['src'],
    {
      baseDir: root,
      validate: true,
      ruleSet: { forbidden: [...rules] },
      tsPreCompilationDeps: true, // imports of types too
      doNotFollow: { path: 'node_modules' },
    },
    { extensions: ['.ts', '.js'] },
  );
  const { modules, summary } = output as ICruiseResult;
  const homeless = modules
    .map(({ source }) => source)
    .filter((source) => source.startsWith('src/'))
    .filter((source) => !ROOMS.some(({ room }) => new RegExp(inside(room)).test(source)));
  return [
    ...summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} → ${to}`),
    ...homeless.map((source) => `every file is in a room: ${source}`),
  ].sort();
}

/** The pattern of a room's files; `*` stands for any part of a name. */
function inside(room: string): string {
  const pattern = room.replaceAll('.', '\\.').replaceAll('*', '[^/]*');
  return room.endsWith('/') ? `^src/${pattern}` : `^src/${pattern}$`;
}

/** The pattern of what others may import of a room. */
function entrance(name: string): string {
  const door = ROOMS.find(({ room }) => room === name)?.door;
  return inside(door ? `${name}${door}` : name);
}

const project = fileURLToPath(new URL('..', import.meta.url));

describe('the sources', () => {
  it('import only what their room may', async () => {
    expect(await violations(project)).toEqual([]);
  });

  it('export nothing called `then`: an import() of that module would be awaited as if it were a promise', () => {
    const exported = /^export (?:async )?(?:function|const|let) then\b|^export \{[^}]*\bthen\b\s*[,}]/m;
    const found = readdirSync(join(project, 'src'), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts'))
      .filter((path) => exported.test(readFileSync(join(project, 'src', path), 'utf8')));
    expect(found).toEqual([]);
  });
});

describe('a forbidden import is caught', () => {
  const trees: string[] = [];
  afterEach(() => {
    for (const tree of trees.splice(0)) rmSync(tree, { recursive: true });
  });

  function plant(files: Readonly<Record<string, string>>): string {
    const tree = mkdtempSync(join(tmpdir(), 'cellseal-rooms-'));
    trees.push(tree);
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(join(tree, dirname(path)), { recursive: true });
      writeFileSync(join(tree, path), text);
    }
    return tree;
  }

  const nothing = 'export const x = 1;\n';
  const cases: readonly (readonly [fault: string, files: Record<string, string>, caught: string])[] = [
    [
      'the store takes a key from the keyring',
      {
        'src/store/memory.ts': "import { x } from '../keyring/index.js';\nexport const y = x;\n",
        'src/keyring/index.ts': nothing,
      },
      'store/ imports only what its row names: src/store/memory.ts → src/keyring/index.ts',
    ],
    [
      'a type alone crosses the line',
      {
        'src/engine/index.ts': "import type { X } from '../store/sqlite.js';\nexport type Y = X;\n",
        'src/store/sqlite.ts': 'export type X = 1;\n',
      },
      'engine/ imports only what its row names: src/engine/index.ts → src/store/sqlite.ts',
    ],
    [
      'a re-export crosses the line',
      {
        'src/sweep/page.ts': "export { x } from '../store/memory.js';\n",
        'src/store/memory.ts': nothing,
      },
      'sweep/ imports only what its row names: src/sweep/page.ts → src/store/memory.ts',
    ],
    [
      "one room reaches past another's door",
      {
        'src/codec/index.ts': "import { x } from '../envelope/context.js';\nexport const y = x;\n",
        'src/envelope/context.ts': nothing,
      },
      'codec/ imports only what its row names: src/codec/index.ts → src/envelope/context.ts',
    ],
    [
      'the ground imports upwards',
      {
        'src/errors.ts': "import { x } from './bytes.js';\nexport const y = x;\n",
        'src/bytes.ts': nothing,
      },
      'errors.ts imports only what its row names: src/errors.ts → src/bytes.ts',
    ],
    [
      'an integration imports what is not public',
      {
        'src/integrations/kysely/index.ts': "import { x } from '../../cell.js';\nexport const y = x;\n",
        'src/cell.ts': nothing,
      },
      'integrations/ imports only what its row names: src/integrations/kysely/index.ts → src/cell.ts',
    ],
    [
      'two files import each other',
      {
        'src/codec/index.ts': "import { y } from './json.js';\nexport const x = () => y;\n",
        'src/codec/json.ts': "import { x } from './index.js';\nexport const y = () => x;\n",
      },
      'no cycles: src/codec/index.ts → src/codec/json.ts',
    ],
    [
      'a package from npm',
      { 'src/store/sqlite.ts': "import Database from 'libsql';\nexport const y = Database;\n" },
      'nothing from npm: src/store/sqlite.ts → libsql',
    ],
    [
      'a node: module where none is allowed',
      { 'src/cell.ts': "import { randomBytes } from 'node:crypto';\nexport const y = randomBytes;\n" },
      'node: modules only where it is said: src/cell.ts → crypto',
    ],
    [
      'an import() is an import',
      { 'src/passphrase/index.ts': "export const y = () => import('node:fs');\n" },
      'node: modules only where it is said: src/passphrase/index.ts → fs',
    ],
    [
      'a file that no row knows',
      { 'src/helpers/misc.ts': nothing },
      'every file is in a room: src/helpers/misc.ts',
    ],
  ];

  for (const [fault, files, caught] of cases) {
    it(fault, async () => {
      expect(await violations(plant(files))).toContain(caught);
    });
  }

  it('and what is allowed is not', async () => {
    const tree = plant({
      'src/store/file/files.ts':
        "import { readFileSync } from 'node:fs';\nimport type { X } from '../../ports/keyring-store.js';\nexport const y: X = readFileSync;\n",
      'src/ports/keyring-store.ts': "import type { B } from '../bytes.js';\nexport type X = B;\n",
      'src/bytes.ts': 'export type B = unknown;\n',
      'src/cell.ts': "import { e } from './envelope/index.js';\nexport const y = e;\n",
      'src/envelope/index.ts': "export { e } from './envelope.js';\n",
      'src/envelope/envelope.ts': 'export const e = 1;\n',
    });
    expect(await violations(tree)).toEqual([]);
  });
});
