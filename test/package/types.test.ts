/** The declarations of the packed package, under the compilers' settings that its users have. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PACKING_MS, type Packed, consumer, packed, removeConsumers } from './packed.js';
import { type TsOptions, typeErrors } from './types.js';

let packedNow: Packed;
beforeAll(async () => {
  packedNow = await packed();
}, PACKING_MS);
afterAll(removeConsumers);

const STRICT = {
  target: 'es2023',
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: false,
};

interface Setting extends TsOptions {
  readonly lib: readonly string[];
  readonly types: readonly string[];
}

// What there is beside the language.
const PLATFORMS: Readonly<Record<string, Setting>> = {
  'the DOM and no types of Node': { lib: ['es2023', 'dom'], types: [] },
  'the types of Node and no DOM': { lib: ['es2023'], types: ['node'] },
  'neither the DOM nor the types of Node': { lib: ['es2023'], types: [] },
};

// How `cellseal` is looked up, and from what kind of file.
const LOOKUPS: Readonly<Record<string, TsOptions & { readonly from: 'module' | 'commonjs' }>> = {
  'an ES module that goes through a bundler': {
    module: 'esnext',
    moduleResolution: 'bundler',
    from: 'module',
  },
  'CommonJS under nodenext': { module: 'nodenext', from: 'commonjs' },
};

const TYPED = readFileSync(new URL('consumers/typed.ts', import.meta.url), 'utf8');

function errorsOf(text: string, type: 'module' | 'commonjs', options: TsOptions): string[] {
  const folder = consumer(packedNow, {
    files: { 'main.ts': text },
    type,
    has: ['@types/node', 'undici-types'],
  });
  return typeErrors(folder, ['main.ts'], { ...STRICT, ...options });
}

describe('the declarations compile', () => {
  for (const [platform, setting] of Object.entries(PLATFORMS)) {
    it(`with ${platform}`, () => {
      expect(errorsOf(TYPED, 'module', { module: 'nodenext', ...setting })).toEqual([]);
    });
  }

  for (const [lookup, { from, ...options }] of Object.entries(LOOKUPS)) {
    it(`from ${lookup}`, () => {
      expect(errorsOf(TYPED, from, { lib: ['es2023'], types: ['node'], ...options })).toEqual([]);
    });
  }
});

describe('an AbortSignal stops a rotation', () => {
  const text = `import { rotate } from 'cellseal/rotation';
declare const other: Omit<NonNullable<Parameters<typeof rotate>[1]>, 'signal'>;
declare const all: Parameters<typeof rotate>[0];
export const rotation = rotate(all, { ...other, signal: new AbortController().signal });\n`;

  for (const [platform, setting] of Object.entries(PLATFORMS).slice(0, 2)) {
    it(`with ${platform}`, () => {
      expect(errorsOf(text, 'module', { module: 'nodenext', ...setting, skipLibCheck: true })).toEqual([]);
    });
  }
});

describe('from CommonJS under node16, whose compiler knows no require() of an ES module,', () => {
  const options = { module: 'node16', lib: ['es2023'], types: ['node'], skipLibCheck: true };

  it('import() compiles', () => {
    const text = "export const keyring = import('cellseal').then(({ openKeyring }) => openKeyring);\n";
    expect(errorsOf(text, 'commonjs', options)).toEqual([]);
  });

  it('types can be imported', () => {
    const text = `import type { Keyring } from 'cellseal' with { 'resolution-mode': 'import' };
export type Id = Keyring['id'];\n`;
    expect(errorsOf(text, 'commonjs', options)).toEqual([]);
  });

  it('an import statement is refused, and the compiler says why', () => {
    expect(errorsOf("import { table } from 'cellseal';\ntable;\n", 'commonjs', options)).toEqual([
      expect.stringMatching(/^main\.ts:1: error TS1479/),
    ]);
  });
});
