/** What the tarball holds, and what it does not. */
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import ts from 'typescript';
import { beforeAll, describe, expect, it } from 'vitest';
import { PACKING_MS, type Packed, ROOT, packed } from './packed.js';

const KIB = 1024;

let packedNow: Packed;
beforeAll(async () => {
  packedNow = await packed();
}, PACKING_MS);

describe('the tarball', () => {
  it('holds the build, the documents that npm shows, and nothing else', () => {
    const { files } = packedNow;
    const belongs = /^(?:package\.json|README\.md|CHANGELOG\.md|LICENSE|dist\/[\w-]+\.(?:js|js\.map|d\.ts))$/;
    expect(files.filter((path) => !belongs.test(path))).toEqual([]);
    expect(files).toEqual(
      expect.arrayContaining(['CHANGELOG.md', 'LICENSE', 'README.md', 'dist/index.js', 'package.json']),
    );
  });

  it('brings no other package with it', () => {
    const { manifest, project } = packedNow;
    const asked = Object.keys(manifest).filter((field) => /dependencies$/i.test(field));
    expect(asked.filter((field) => field !== 'devDependencies')).toEqual([]);
    const installed = readdirSync(join(project, 'node_modules')).filter((name) => !name.startsWith('.'));
    expect(installed).toEqual(['cellseal']);
  });

  it('runs nothing when it is installed', () => {
    const { files, manifest } = packedNow;
    const scripts = Object.keys(manifest.scripts ?? {});
    expect(scripts.filter((name) => /^(?:pre|post)?(?:install|prepare|pack|publish)/.test(name))).toEqual([]);
    expect(scripts).not.toContain('dependencies');
    expect(files).not.toContain('binding.gyp'); // npm would build it
  });

  it('has every file that `exports` names, with its types', () => {
    const { files, manifest } = packedNow;
    const entries = Object.entries(manifest.exports ?? {});
    expect(entries.length).toBeGreaterThan(0);
    for (const [path, target] of entries) {
      const named = typeof target === 'string' ? [target] : Object.values(target);
      for (const file of named) expect(files, path).toContain(file.slice('./'.length));
      if (typeof target !== 'string') expect(Object.keys(target)[0], 'types come first').toBe('types');
    }
  });

  it('has no code and no declaration that no entry reaches', () => {
    const { files, manifest } = packedNow;
    const entries = Object.values(manifest.exports ?? {}).flatMap((target) =>
      typeof target === 'string' ? [] : Object.values(target).map((file) => file.slice('./'.length)),
    );
    const reached = new Set<string>();
    const visit = (path: string): void => {
      if (reached.has(path)) return;
      reached.add(path);
      const { importedFiles } = ts.preProcessFile(read(path));
      for (const { fileName } of importedFiles) {
        if (!fileName.startsWith('./')) continue;
        visit(
          path.endsWith('.d.ts')
            ? `dist/${fileName.slice(2, -'.js'.length)}.d.ts`
            : `dist/${fileName.slice(2)}`,
        );
      }
    };
    entries.forEach(visit);
    expect(files.filter((path) => /\.(?:js|d\.ts)$/.test(path) && !reached.has(path))).toEqual([]);
  });

  it('holds no source maps, and points to none', () => {
    const { files } = packedNow;
    expect(files.filter((path) => path.endsWith('.map'))).toEqual([]);
    const pointing = files.filter(
      (path) => path.endsWith('.js') && /^\/\/# sourceMappingURL=/m.test(read(path)),
    );
    expect(pointing).toEqual([]);
  });

  it('names no folder of the machine that it was built on', () => {
    const folders = [ROOT.replace(/[\\/]$/, ''), homedir(), tmpdir()].filter((folder) => folder.length > 4);
    // As a whole path: `src/keyring/root-change.ts` names no `/root`.
    const named = folders.map(
      (folder) => new RegExp(`(?<![\\w.-])${folder.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')}(?![\\w.-])`),
    );
    const telling = packedNow.files.filter((path) => named.some((folder) => folder.test(read(path))));
    expect(telling).toEqual([]);
  });

  it('stays small', async ({ annotate }) => {
    const { files, folder, tarball } = packedNow;
    const sizeOf = (ending: RegExp): number =>
      files
        .filter((path) => ending.test(path))
        .reduce((sum, path) => sum + statSync(join(folder, path)).size, 0);
    const sizes = {
      tarball: statSync(tarball).size,
      installed: sizeOf(/./),
      code: sizeOf(/\.js$/),
      declarations: sizeOf(/\.d\.ts$/),
      maps: sizeOf(/\.map$/),
    };
    await annotate(
      Object.entries(sizes)
        .map(([what, bytes]) => `${what} ${(bytes / KIB).toFixed(0)} KiB`)
        .join(', '),
    );
    expect(sizes.tarball).toBeLessThan(400 * KIB);
    expect(sizes.code).toBeLessThan(860 * KIB); // 18 of it the program of other threads, 175 the conformance suites, not minified: traces stay readable
    expect(sizes.installed).toBeLessThan(1400 * KIB);
  });
});

function read(path: string): string {
  return readFileSync(join(packedNow.folder, path), 'utf8');
}
