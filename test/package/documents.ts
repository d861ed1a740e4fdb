/**
 * Documents as code: every fenced block of a document is compiled and run against the packed package, every link is
 * followed, and every script that is named must be there. What is wrong comes back as `PATH:LINE: what`.
 *
 * A block is a program of its own. What the text around it has set up comes from above it:
 *
 * - `<!-- prelude: NAME -->`: what `preludes/NAME.ts` exports, unless the block declares the name itself. A doc comment
 *   that names none has the prelude of its file's path, or else `src/doc-comments`.
 * - `<!-- continues -->`: the blocks before it, too, back to the last that does not continue. Imports may be repeated.
 *
 * After the language stands what not to do: `ts no-run` is only compiled. Results are claims that are checked:
 *
 * - `console.log(x, y); // → 1 two`: what it prints. `…` stands for anything.
 * - `x + y; // → { a: 1 }` or `const z = …; // → 'b'`: deep equality with a literal.
 * - `await f(); // → throws SomeError`: the name of what it throws.
 *
 * A result may stand on the line below its statement. What is neither a literal nor printed is left alone.
 */
import { existsSync, mkdtempSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { CHECKS, withChecks } from './claims.js';
import { type Document, bareExamplesOf, blocksOf } from './markdown.js';
import { type Packed, ROOT, consumer, filesIn } from './packed.js';
import { type Program, preludes, programsOf } from './programs.js';
import { eachOf, node } from './run.js';
import { emit, typeErrors } from './types.js';

/** What a document's reader is likely to have, and a little more. */
const TSCONFIG = {
  target: 'es2023',
  lib: ['es2023'],
  types: ['node'],
  module: 'nodenext',
  moduleDetection: 'force',
  strict: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: true,
};

/** All documents of the repository: Markdown beside package.json and under `docs`, and doc comments. */
export function documents(root: string = ROOT): Document[] {
  const read = (path: string): Document => ({ path, text: readFileSync(join(root, path), 'utf8') });
  const beside = readdirSync(root).filter((name) => name.endsWith('.md'));
  const guides = existsSync(join(root, 'docs'))
    ? filesIn(join(root, 'docs')).filter((path) => path.endsWith('.md') && !path.startsWith('api/'))
    : [];
  const sources = filesIn(join(root, 'src')).filter((path) => path.endsWith('.ts'));
  return [...beside, ...guides.map((path) => `docs/${path}`), ...sources.map((path) => `src/${path}`)].map(
    read,
  );
}

/** Fenced blocks that no check would look at, because they do not say what they are. */
export function unlabelled(documents: readonly Document[]): string[] {
  const bare = documents
    .filter(({ path }) => !path.endsWith('.md'))
    .flatMap((document) =>
      bareExamplesOf(document).map((line) => `${document.path}:${line}: @example without a fenced block`),
    );
  const blocks = documents
    .flatMap(blocksOf)
    .filter(({ language }) => language === '')
    .map(
      ({ line, path }) => `${path}:${line}: a fenced block says its language: ts, js, sh, sql, json, text …`,
    );
  return [...bare, ...blocks];
}

/** What the compiler says of the TypeScript blocks. */
export function uncompilable(packed: Packed, documents: readonly Document[]): string[] {
  const programs = programsOf(documents).filter(({ ending }) => ending === '.ts');
  const faults = programs.flatMap(({ fault }) => fault ?? []);
  const sound = programs.filter(({ fault }) => fault === undefined);
  if (sound.length === 0) return faults;
  const files = {
    ...preludes(),
    ...Object.fromEntries(sound.map(({ name, text }) => [`${name}.ts`, text])),
  };
  const folder = consumer(packed, { files, has: ['@types/node', 'libsql'] });
  const paths = new Map(sound.map(({ block, name }) => [`${name}.ts`, block.path]));
  const errors = typeErrors(folder, [...paths.keys()], TSCONFIG).map((error) => {
    const [file = '', ...rest] = error.split(':');
    return [paths.get(file) ?? file, ...rest].join(':');
  });
  return [...new Set([...faults, ...errors])]; // a block that others continue is compiled with each of them
}

/** What became of the blocks that did not run to their end, or whose results are not what they say. */
export async function unrunnable(packed: Packed, documents: readonly Document[]): Promise<string[]> {
  const programs = programsOf(documents).filter(
    ({ block, fault }) => fault === undefined && !block.words.includes('no-run'),
  );
  const compiled = Object.entries(preludes()).map(([path, text]) => [asJavaScript(path), emit(path, text)]);
  const files = { ...Object.fromEntries(compiled), 'checks.js': CHECKS };
  for (const program of programs) files[asJavaScript(program.name + program.ending)] = runnable(program);
  const folder = consumer(packed, { files, has: ['libsql'] });
  const findings = await eachOf(programs, async ({ block, ending, name }) => {
    // Each in a folder of its own: what one leaves behind, none other finds.
    const cwd = mkdtempSync(join(folder, 'run-'));
    const { code, stderr } = await node(
      cwd,
      ['--enable-source-maps', join(folder, asJavaScript(name + ending))],
      { CELLSEAL_PASSPHRASE: 'a passphrase that only these documents use' },
    );
    return code === 0 ? [] : [`${block.path}:${block.line}: ended with ${code}\n${told(stderr)}`];
  });
  return findings.flat();
}

/** JavaScript whose stack traces name the document, and the line there. */
function runnable({ block, ending, name, text }: Program): string {
  if (ending === '.cjs') return text;
  const url = pathToFileURL(join(ROOT, block.path)).href;
  return emit(name + ending, withChecks(text), url);
}

function asJavaScript(path: string): string {
  return path.replace(/\.ts$/, '.js');
}

/** What a process that failed said, without Node's own frames. */
function told(stderr: string): string {
  return stderr
    .replaceAll(pathToFileURL(ROOT).href, '')
    .replaceAll(ROOT, '')
    .split('\n')
    .filter((line) => line.trim() !== '' && !/^\s+at .*\(?node:|^Node\.js v/.test(line))
    .join('\n');
}
