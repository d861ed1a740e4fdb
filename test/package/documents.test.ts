/** Documents are code that must pass: `documents.ts` says how a block is compiled and run. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { documents, uncompilable, unlabelled, unrunnable } from './documents.js';
import { type Document, blocksOf } from './markdown.js';
import { type Manifest, PACKING_MS, type Packed, packed, removeConsumers } from './packed.js';
import { brokenLinks, missingScripts } from './references.js';

let packedNow: Packed;
beforeAll(async () => {
  packedNow = await packed();
}, PACKING_MS);
afterAll(removeConsumers);

describe('the documents', () => {
  const all = documents();

  it('include a README that shows code', () => {
    const readme = all.filter(({ path }) => path === 'README.md').flatMap(blocksOf);
    expect(readme.filter(({ language }) => language === 'ts').length).toBeGreaterThan(0);
  });

  it('say of every block what it is, so that none is left out here', () => {
    expect(unlabelled(all)).toEqual([]);
  });

  it('show TypeScript that compiles against the package', () => {
    expect(uncompilable(packedNow, all)).toEqual([]);
  });

  it(
    'show code that runs against the package and gives what they say',
    async () => {
      expect(await unrunnable(packedNow, all)).toEqual([]);
    },
    PACKING_MS,
  );

  it('link only to what is there', () => {
    expect(brokenLinks(all)).toEqual([]);
  });

  it('name only scripts and files that are there', () => {
    expect(missingScripts(all, packedNow.manifest)).toEqual([]);
  });
});

describe('a fault in a document is caught', () => {
  const manifest: Manifest = { name: 'cellseal', version: '0', scripts: { build: 'x', test: 'x' } };

  /** A document of these lines: the fault is told with its line. */
  function planted(lines: readonly string[], path = 'docs/planted.md'): Document[] {
    return [{ path, text: lines.join('\n') }];
  }

  const types: readonly (readonly [fault: string, lines: readonly string[], told: RegExp])[] = [
    [
      'a value of the wrong type',
      ['# Title', '', '```ts', "import { text } from 'cellseal';", 'text({ pad: true });', '```'],
      /^docs\/planted-0\.md:5: error TS2769/,
    ],
    [
      'a name that the package does not export',
      ['```ts', "import { seal } from 'cellseal';", 'seal();', '```'],
      /:2: error TS2305/,
    ],
    ['a name that nothing declares', ['```ts', 'keyring.id;', '```'], /:2: error TS2304/],
    [
      'a type error in a block that is not run',
      ['```ts no-run', 'const n: number = "";', '```'],
      /:2: error TS2322/,
    ],
    [
      'a prelude that is not there',
      ['<!-- prelude: nowhere -->', '```ts', '1;', '```'],
      /:2: there is no prelude nowhere/,
    ],
    [
      'an error after a block that it continues',
      ['```ts', 'const a = 1;', '```', '<!-- continues -->', '```ts', 'const b: string = a;', '```'],
      /:6: error TS2322/,
    ],
  ];
  // One program for all of them: a compiler takes its time.
  let compiled: string[] | undefined;
  types.forEach(([fault, , told], i) => {
    it(fault, () => {
      compiled ??= uncompilable(
        packedNow,
        types.flatMap(([, planting], n) => planted(planting, `docs/planted-${n}.md`)),
      );
      const here = compiled.filter((error) => error.includes(`planted-${i}.md:`));
      expect(here).toEqual([expect.stringMatching(told)]);
    });
  });

  const runs: readonly (readonly [fault: string, lines: readonly string[], told: RegExp])[] = [
    [
      'a block that throws',
      ['', '```ts', '', "throw new RangeError('oh');", '```'],
      /:2: ended with 1\n[\s\S]*RangeError: oh\n.*docs\/planted\.md:4/,
    ],
    [
      'a promise that nobody awaits and that rejects',
      ['```ts', "Promise.reject(new Error('late'));", '```'],
      /:1: ended with 1\n[\s\S]*late/,
    ],
    ['a printed result that is not so', ['```ts', 'console.log(1 + 1); // → 3', '```'], /planted\.md:2/],
    ['a result that is not so', ['```ts', '({ a: [1, 2n] }); // → { a: [1, 2] }', '```'], /planted\.md:2/],
    ['a result that is not so, of a constant', ['```ts', "const a = 'b'; // → 'c'", '```'], /planted\.md:2/],
    [
      'a result that is not so, on the next line',
      ['```ts', 'console.log(1);', '// → 2', '```'],
      /planted\.md:2/,
    ],
    [
      'another error than the one that is named',
      ['```ts', "(() => { throw new Error('') })(); // → throws RangeError", '```'],
      /planted\.md:2/,
    ],
    ['no error where one is named', ['```ts', 'Math.max(1); // → throws RangeError', '```'], /planted\.md:2/],
    [
      'JavaScript that fails',
      ['```js', "import 'cellseal/nowhere';", '```'],
      /ERR_PACKAGE_PATH_NOT_EXPORTED/,
    ],
    [
      'CommonJS that fails',
      ['```js', "require('cellseal/nowhere');", '```'],
      /ERR_PACKAGE_PATH_NOT_EXPORTED/,
    ],
  ];
  for (const [fault, lines, told] of runs) {
    it(fault, async () => {
      expect(await unrunnable(packedNow, planted(lines))).toEqual([expect.stringMatching(told)]);
    });
  }

  it('an example in a doc comment that does not compile', () => {
    const lines = [
      '/**',
      ' * Says.',
      ' *',
      ' * @example',
      ' * ```ts',
      ' * uuid(7);',
      ' * ```',
      ' */',
      'export const x = 1;',
    ];
    const found = uncompilable(packedNow, planted(lines, 'src/planted.ts'));
    expect(found).toEqual([expect.stringMatching(/^src\/planted\.ts:6: error TS2345/)]);
  });

  it('an example in a doc comment without a fenced block', () => {
    const lines = ['/**', ' * Says.', ' * @example uuid(7)', ' */', 'export const x = 1;'];
    expect(unlabelled(planted(lines, 'src/planted.ts'))).toEqual([
      expect.stringMatching(/^src\/planted\.ts:3: /),
    ]);
  });

  it('a block that does not say what it is', () => {
    expect(unlabelled(planted(['', '```', 'x', '```']))).toEqual([
      expect.stringMatching(/^docs\/planted\.md:2: /),
    ]);
  });

  const references: readonly (readonly [fault: string, line: string, told: string])[] = [
    ['a link to a file that is not there', '[x](nowhere.md)', 'nowhere.md: there is no such file'],
    ['a link to a heading that is not there', '[x](#nowhere)', '#nowhere: there is no such heading'],
    [
      'a link to a heading that is not there in another file',
      '[x](../CONTRIBUTING.md#nowhere "y")',
      '../CONTRIBUTING.md#nowhere: there is no such heading',
    ],
    [
      'a link that is defined apart to a file that is not there',
      '[x]: ./nowhere.md',
      './nowhere.md: there is no such file',
    ],
    ['a picture that is not there', '<img src="nowhere.svg">', 'nowhere.svg: there is no such file'],
    [
      'a link to a place outside the repository',
      '[x](../../y.md)',
      '../../y.md: leads out of the repository',
    ],
  ];
  for (const [fault, line, told] of references) {
    it(fault, () => {
      expect(brokenLinks(planted(['# Here', '', line]))).toEqual([`docs/planted.md:3: ${told}`]);
    });
  }

  const commands: readonly (readonly [fault: string, lines: readonly string[], told: string])[] = [
    ['a script', ['```sh', 'npm ci # npm run x', 'npm run built', '```'], ':3: there is no script built'],
    ['a script in running text', ['Say `npm run built -- x`.'], ':1: there is no script built'],
    ['a script with a name of its own', ['```sh', 'npm start', '```'], ':2: there is no script start'],
    ['a command of npm', ['`npm instal`'], ':1: npm has no command instal'],
    ['a program', ['`npx tsx examples/nowhere.ts`'], ':1: there is no file examples/nowhere.ts'],
    ['a command of the package', ['`npx cellseal init`'], ':1: the package has no command cellseal'],
  ];
  for (const [fault, lines, told] of commands) {
    it(`${fault} that is not there`, () => {
      expect(missingScripts(planted(lines), manifest)).toEqual([`docs/planted.md${told}`]);
    });
  }

  it('and what is right is not', async () => {
    const right = planted([
      '# `code` and [Title](../README.md), 2',
      '## Twice',
      '## Twice',
      '[a](#code-and-title-2) [b](#twice-1) [c](../README.md) `[d](nowhere)` [e](https://example.com/nowhere)',
      '',
      '<!-- prelude: customers-in-sqlite -->',
      '```ts',
      "import { encryptRecord } from 'cellseal';",
      'const id = crypto.randomUUID();',
      "const { email } = await encryptRecord(customers, { id, email: 'jane' }, keyring);",
      'console.log(email); // → cs1r.…',
      'console.log(keyring); // → Keyring {}',
      'await encryptRecord(customers, { id, email }, keyring); // → throws AlreadyACellError',
      '```',
      '',
      '<!-- continues -->',
      '',
      '```ts',
      "import { decryptRecord, encryptRecord } from 'cellseal';",
      'const again = await decryptRecord(customers, { id, email }, keyring);',
      "again.email; // → 'jane'",
      'const length = again.email.length; // → 4',
      'encryptRecord; // → what was imported twice',
      '```',
      '',
      '- in a list:',
      '  ```js',
      "  const { table } = require('cellseal');",
      "  if (typeof table !== 'function') throw new Error();",
      '  ```',
      '',
      '```sh',
      'npm install cellseal && npm test',
      '```',
    ]);
    expect(unlabelled(right)).toEqual([]);
    expect(uncompilable(packedNow, right)).toEqual([]);
    expect(await unrunnable(packedNow, right)).toEqual([]);
    expect(brokenLinks(right)).toEqual([]);
    expect(missingScripts(right, manifest)).toEqual([]);
  });
});
