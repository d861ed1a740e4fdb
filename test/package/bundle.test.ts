/** The packed package in a bundle: what comes along with an import, and what does not. */
import { brotliCompressSync } from 'node:zlib';
import { type BuildResult, build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PACKING_MS, type Packed, consumer, entriesOf, packed, removeConsumers } from './packed.js';

let packedNow: Packed;
let entries: string[];
let folder: string;
beforeAll(async () => {
  packedNow = await packed();
  entries = entriesOf(packedNow.manifest);
  folder = consumer(packedNow, { files: {} });
}, PACKING_MS);
afterAll(removeConsumers);

/** As for a browser: a `node:` module would be an error, unless it is named as external. */
function bundle(contents: string, external: readonly string[] = []) {
  return build({
    stdin: { contents, resolveDir: folder },
    bundle: true,
    write: false,
    metafile: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2023',
    minify: true,
    external: [...external],
    logLevel: 'silent',
  });
}

function codeOf({ outputFiles: [output] = [] }: BuildResult<{ write: false }>): string {
  return output?.text.trim() ?? '';
}

function externalsOf({
  metafile,
}: {
  metafile: { outputs: Record<string, { imports: { path: string }[] }> };
}): string[] {
  const paths = Object.values(metafile.outputs).flatMap(({ imports }) => imports.map(({ path }) => path));
  return [...new Set(paths)].sort();
}

// Words that stay, whatever a bundler makes of names: what a keyring's document and its cryptography cannot do without.
const KEYRING = ['PBKDF2', 'slot-commitment', 'keyring-mac', 'deriveKey'];
const CRYPTOGRAPHY = ['subtle', 'AES-GCM', 'HKDF', 'PBKDF2', 'getRandomValues'];

const NODE_MODULES: Readonly<Record<string, readonly string[]>> = {
  'cellseal/file': ['node:crypto', 'node:fs/promises', 'node:path'],
  'cellseal/node': ['node:crypto', 'node:worker_threads'],
};

const all = (entry: string): string => `export * from '${entry}';`;
const LIMITS: Readonly<Record<string, { contents: string; most: number }>> = {
  'tables, encryption and decryption': {
    contents: "export { decryptRecord, encryptRecord, table, text, uuid } from 'cellseal';",
    most: 16_000,
  },
  'an application that opens a keyring': {
    contents: "export { decryptRecord, encryptRecord, openKeyring, table, text, uuid } from 'cellseal';",
    most: 37_700,
  },
  cellseal: { contents: all('cellseal'), most: 51_300 }, // all that manages keys, and the 2,048 words of BIP 39
  'cellseal/rotation': { contents: all('cellseal/rotation'), most: 40_700 },
  'cellseal/passphrase': { contents: all('cellseal/passphrase'), most: 14_500 },
  'cellseal/file': { contents: all('cellseal/file'), most: 13_500 },
  'cellseal/node': { contents: all('cellseal/node'), most: 9_300 }, // two thirds of it the program of other threads
  'cellseal/memory': { contents: all('cellseal/memory'), most: 5_600 },
  'cellseal/environment': { contents: all('cellseal/environment'), most: 1_800 },
  'cellseal/planner': { contents: all('cellseal/planner'), most: 4_200 },
  'cellseal/sqlite': { contents: all('cellseal/sqlite'), most: 11_000 },
  'cellseal/postgres': { contents: all('cellseal/postgres'), most: 14_200 },
  'cellseal/mysql': { contents: all('cellseal/mysql'), most: 14_700 },
  'cellseal/conformance': { contents: all('cellseal/conformance'), most: 45_000 },
  'cellseal/testing': { contents: all('cellseal/testing'), most: 34_500 },
};

describe('a bundle', () => {
  it('of an import that uses nothing is empty, for every entry', async () => {
    for (const entry of entries)
      expect(codeOf(await bundle(`import '${entry}';`, ['node:*'])), entry).toBe('');
  });

  it('of every entry but the file keyring and the Node engine needs nothing of Node', async () => {
    for (const entry of entries) {
      const result = await bundle(`export * from '${entry}';`, ['node:*']);
      expect(externalsOf(result), entry).toEqual(NODE_MODULES[entry] ?? []);
    }
  });

  it('that defines tables has no keyring in it and no cryptography', async ({ annotate }) => {
    const whole = codeOf(await bundle("export * from 'cellseal';"));
    const tables = codeOf(
      await bundle(`import { table, text, uuid } from 'cellseal';
        export const customers = table('customers', { record: uuid('id'), encrypt: { email: text() } });`),
    );
    for (const word of [...KEYRING, ...CRYPTOGRAPHY]) expect(whole, 'the root entry').toContain(word);
    expect([...KEYRING, ...CRYPTOGRAPHY].filter((word) => tables.includes(word))).toEqual([]);
    await annotate(
      `minified: all of the root entry ${whole.length} bytes, table definitions ${tables.length} bytes`,
    );
    expect(tables.length).toBeLessThan(whole.length / 3);
  });

  // What a page loads, minified and compressed. A change that needs more raises its row, and says why in its commit.
  for (const [what, { contents, most }] of Object.entries(LIMITS)) {
    it(`of ${what} is at most ${most.toLocaleString('en')} bytes, compressed`, async ({ annotate }) => {
      const code = codeOf(await bundle(contents, ['node:*']));
      const bytes = brotliCompressSync(code).length;
      await annotate(`${bytes} bytes`);
      expect(bytes).toBeLessThanOrEqual(most);
    });
  }

  it('has a limit for every entry', () => {
    expect(Object.keys(LIMITS)).toEqual(expect.arrayContaining(entries));
  });

  it('of what encrypts records with a keyring has no rotation in it', async () => {
    const code = codeOf(
      await bundle("export { decryptRecord, encryptRecord, openKeyring } from 'cellseal';"),
    );
    expect(code).not.toContain('rotation:');
    expect(code).not.toContain('cellseal_job');
  });

  // Storage never sees a key: there is nothing in these that could use one.
  for (const entry of ['cellseal/sqlite', 'cellseal/memory', 'cellseal/environment', 'cellseal/file']) {
    it(`of ${entry} has no cryptography in it`, async () => {
      const code = codeOf(await bundle(`export * from '${entry}';`, ['node:*']));
      expect(CRYPTOGRAPHY.filter((word) => code.includes(word))).toEqual([]);
    });
  }

  it('of one error class is that class and the one above it', async () => {
    const code = codeOf(await bundle("export { StoreBusyError } from 'cellseal';"));
    expect(code).toContain('store-busy');
    expect(code).not.toContain('not-a-cell');
  });
});
