/**
 * Every program in `examples/databases` and `examples/orms` runs against the packed package and a server, and prints
 * what it should. What the ORMs need is installed in their folder, from its lock file, where it is not there already.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  PACKING_MS,
  type Packed,
  ROOT,
  consumer,
  filesIn,
  packed,
  removeConsumers,
} from '../package/packed.js';
import { type Finished, node, run } from '../package/run.js';

const SCHEMA = process.env['CELLSEAL_TEST_SCHEMA'] ?? 'cellseal_test';
const EXAMPLES = join(ROOT, 'examples');
const ORMS = join(EXAMPLES, 'orms');
const INSTALLING_MS = 600_000;

const DATABASES = [
  'postgres-pg.ts',
  'postgres-js.ts',
  'mariadb-mysql2.ts',
  'mariadb-connector.ts',
  'kysely.ts',
  'knex.ts',
  'drizzle.ts',
].map((file) => `databases/${file}`);
const OF_ORMS = ['typeorm.ts', 'sequelize.ts', 'mikro-orm.ts', 'prisma.ts'].map((file) => `orms/${file}`);
const PROGRAMS = [...DATABASES, ...OF_ORMS];

const PRINTED = `executor: every rule kept
rotation: 0 of 3 records
rotation: 2 of 3 records
rotation: 3 of 3 records
census: 6 cells under the new key, 0 under the old one, 0 that are none
read: ada@example.com { drinks: 'tea' } 2019
read: ben@example.com { drinks: 'coffee' } 2021
read: cleo@example.com { drinks: 'water' } 2024
`;

/** Projects of users: one that has drivers and query builders, one that has ORMs. */
let projects: { readonly databases: string; readonly orms: string };
beforeAll(async () => {
  const packedNow = await packed();
  await installOrms();
  projects = {
    databases: project(packedNow, join(ROOT, 'node_modules'), ['databases']),
    orms: project(packedNow, join(ORMS, 'node_modules'), ['databases/members.ts', 'orms']),
  };
}, PACKING_MS + INSTALLING_MS);
afterAll(removeConsumers);

describe.concurrent('the example', () => {
  it.each(PROGRAMS)('%s', { timeout: 120_000 }, async (program) => {
    const { code, stderr, stdout } = await running(program);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toBe(PRINTED);
  });

  it.each(PROGRAMS)('%s says so where there is no server', { timeout: 120_000 }, async (program) => {
    const nowhere = {
      POSTGRES_URL: 'postgres://root@127.0.0.1:9/test',
      MARIADB_URL: 'mysql://root@127.0.0.1:9',
    };
    const { code, stderr, stdout } = await running(program, nowhere);
    expect(code).toBe(1);
    expect(stdout + stderr).toMatch(/ECONNREFUSED|Can't reach database server/); // Knex tells it on both
  });
});

describe('the examples', () => {
  it('are all in this list', () => {
    const programs = ['databases', 'orms'].flatMap((folder) =>
      readdirSync(join(EXAMPLES, folder))
        .filter((name) => name.endsWith('.ts') && name !== 'members.ts')
        .map((name) => `${folder}/${name}`),
    );
    expect(programs.sort()).toEqual([...PROGRAMS].sort());
  });

  it('of ORMs compile', { timeout: 120_000 }, async () => {
    const { stdout } = await node(ORMS, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', '.']);
    expect(stdout).toBe('');
  });
});

function running(program: string, env: Readonly<Record<string, string>> = {}): Promise<Finished> {
  const [folder, file = ''] = program.split('/');
  const place = `${SCHEMA}_${file.replace('.ts', '').replaceAll('-', '_')}${env['POSTGRES_URL'] ? '_nowhere' : ''}`;
  const cwd = folder === 'orms' ? projects.orms : projects.databases;
  const args = ['--import', import.meta.resolve('tsx'), program];
  return node(cwd, args, { CELLSEAL_EXAMPLE: place, ...env });
}

/** With these programs, and every package that is installed there but cellseal's own tools. */
function project(packedNow: Packed, modules: string, paths: readonly string[]): string {
  const names = paths.flatMap((path) =>
    path.endsWith('.ts') ? [path] : filesIn(join(EXAMPLES, path)).map((name) => `${path}/${name}`),
  );
  const files = names.filter((name) => name.endsWith('.ts') && !name.includes('node_modules/'));
  const manifest = JSON.parse(readFileSync(join(modules, '../package.json'), 'utf8')) as {
    readonly dependencies?: Readonly<Record<string, string>>;
    readonly devDependencies?: Readonly<Record<string, string>>;
  };
  return consumer(packedNow, {
    files: Object.fromEntries(files.map((name) => [name, readFileSync(join(EXAMPLES, name), 'utf8')])),
    has: Object.keys(manifest.dependencies ?? manifest.devDependencies ?? {}),
    modules,
  });
}

/** Once for each lock file. */
async function installOrms(): Promise<void> {
  const lock = createHash('sha256')
    .update(readFileSync(join(ORMS, 'package-lock.json')))
    .digest('hex');
  const stamp = join(ORMS, 'node_modules/.installed');
  if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== lock) {
    await npm(['ci', '--ignore-scripts', '--no-audit', '--no-fund']);
    writeFileSync(stamp, lock);
  }
  await npm(['run', 'generate']);
}

async function npm(args: readonly string[]): Promise<void> {
  // Generating needs no engine, and nothing here asks whether there is a newer version.
  const env = { PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, CHECKPOINT_DISABLE: '1' };
  const finished = await run('npm', args, { cwd: ORMS, env, shell: process.platform === 'win32' });
  if (finished.code !== 0) throw new Error(`${finished.command}: ${finished.stdout}${finished.stderr}`);
}
