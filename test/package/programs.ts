/** Fenced blocks as programs. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { type Block, type Document, blocksOf } from './markdown.js';
import { filesIn } from './packed.js';

const PRELUDES = fileURLToPath(new URL('preludes', import.meta.url));

/** What a block's language is to the programs here; other blocks are none. */
const LANGUAGES: Readonly<Record<string, Program['ending']>> = {
  ts: '.ts',
  typescript: '.ts',
  js: '.js',
  javascript: '.js',
  cjs: '.cjs',
};

/** A block with what it stands on. */
export interface Program {
  readonly block: Block;
  /** A path in the project, without its ending. */
  readonly name: string;
  readonly ending: '.ts' | '.js' | '.cjs';
  /** Every line where it is in the document, so that what is said of it points there. */
  readonly text: string;
  readonly fault?: string;
}

/** Every block of TypeScript or JavaScript. */
export function programsOf(documents: readonly Document[]): Program[] {
  return documents.flatMap((document) => {
    const blocks = blocksOf(document).filter(({ language }) => language in LANGUAGES);
    return blocks.map((block, i): Program => {
      const chain = chainOf(blocks.slice(0, i + 1));
      const name = `blocks/${block.path.replaceAll(/[^\w-]+/g, '-')}-${block.line}`;
      const prelude = chain[0]?.prelude ?? defaultPrelude(block.path);
      const program = { block, name, ending: endingOf(block) };
      if (prelude !== undefined && !existsSync(join(PRELUDES, `${prelude}.ts`))) {
        return { ...program, text: '', fault: `${block.path}:${block.line}: there is no prelude ${prelude}` };
      }
      return { ...program, text: programText(chain, prelude) };
    });
  });
}

/** Doc comments show one name, not how to get there. */
function defaultPrelude(path: string): string | undefined {
  if (path.endsWith('.md')) return undefined;
  return existsSync(join(PRELUDES, path)) ? path.replace(/\.ts$/, '') : 'src/doc-comments';
}

/** The last block, and before it those that it continues. */
function chainOf(blocks: readonly Block[]): Block[] {
  const last = blocks.at(-1) as Block;
  if (!last.continues) return [last];
  const before = blocks.slice(0, -1).filter(({ language }) => language === last.language);
  return before.length === 0 ? [last] : [...chainOf(before), last];
}

function endingOf({ code, language }: Block): Program['ending'] {
  const ending = LANGUAGES[language] as Program['ending'];
  return ending === '.js' && /\brequire\(/.test(code) ? '.cjs' : ending;
}

function programText(chain: readonly Block[], prelude: string | undefined): string {
  const lines: string[] = [];
  const declared = new Set<string>();
  for (const { code, line } of chain) {
    const kept = withoutRepeated(code, declared).split('\n');
    kept.forEach((text, i) => {
      lines[line + i] = text;
    });
    for (const name of topLevelNames(parse(code))) declared.add(name);
  }
  const first = chain[0] as Block;
  const wanted = prelude === undefined ? [] : preludeNames(prelude).filter((name) => !declared.has(name));
  if (wanted.length > 0)
    lines[first.line - 1] = `import { ${wanted.join(', ')} } from '../preludes/${prelude}.js';`;
  return `${Array.from(lines, (line) => line ?? '').join('\n')}\n`;
}

/** A block that continues another may repeat its imports: blanks in their place. */
function withoutRepeated(code: string, declared: ReadonlySet<string>): string {
  let text = code;
  const blank = (node: ts.Node): void => {
    const [start, end] = [node.getStart(), node.getEnd()];
    text = text.slice(0, start) + text.slice(start, end).replaceAll(/[^\n]/g, ' ') + text.slice(end);
  };
  for (const statement of parse(code).statements) {
    if (!ts.isImportDeclaration(statement)) continue;
    const names = namesOfImport(statement);
    if (names.length > 0 && names.every((name) => declared.has(name))) {
      blank(statement);
    } else if (names.some((name) => declared.has(name))) {
      const bindings = statement.importClause?.namedBindings;
      const fresh = names.filter((name) => !declared.has(name));
      // On one line, whatever it took before: the lines after it stay where they are.
      if (bindings && ts.isNamedImports(bindings)) {
        const [start, end] = [bindings.getStart(), bindings.getEnd()];
        const height = text.slice(start, end).split('\n').length - 1;
        text = `${text.slice(0, start)}{ ${fresh.join(', ')} }${'\n'.repeat(height)}${text.slice(end)}`;
        return withoutRepeated(text, declared);
      }
    }
  }
  return text;
}

function preludeNames(prelude: string): string[] {
  const source = parse(readFileSync(join(PRELUDES, `${prelude}.ts`), 'utf8'));
  return source.statements.flatMap((statement) => {
    if (
      ts.isExportDeclaration(statement) &&
      statement.exportClause &&
      ts.isNamedExports(statement.exportClause)
    )
      return statement.exportClause.elements.map(({ name }) => name.text);
    const isExported =
      ts.canHaveModifiers(statement) &&
      ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
    return isExported ? namesOf(statement) : [];
  });
}

function topLevelNames(source: ts.SourceFile): string[] {
  return source.statements.flatMap((statement) =>
    ts.isImportDeclaration(statement) ? namesOfImport(statement) : namesOf(statement),
  );
}

function namesOfImport({ importClause }: ts.ImportDeclaration): string[] {
  if (!importClause) return [];
  const { name, namedBindings } = importClause;
  const own = name ? [name.text] : [];
  if (!namedBindings) return own;
  return ts.isNamespaceImport(namedBindings)
    ? [...own, namedBindings.name.text]
    : [...own, ...namedBindings.elements.map((element) => element.name.text)];
}

function namesOf(statement: ts.Statement): string[] {
  if (ts.isVariableStatement(statement))
    return statement.declarationList.declarations.flatMap(({ name }) => namesOfBinding(name));
  const isNamed =
    ts.isFunctionDeclaration(statement) ||
    ts.isClassDeclaration(statement) ||
    ts.isInterfaceDeclaration(statement) ||
    ts.isTypeAliasDeclaration(statement);
  return isNamed && statement.name ? [statement.name.text] : [];
}

function namesOfBinding(name: ts.BindingName): string[] {
  if (ts.isIdentifier(name)) return [name.text];
  return name.elements.flatMap((element) =>
    ts.isBindingElement(element) ? namesOfBinding(element.name) : [],
  );
}

/** As a module of its own. */
export function parse(code: string): ts.SourceFile {
  return ts.createSourceFile('block.ts', code, ts.ScriptTarget.ES2023, true);
}

/** The preludes' own texts, by their paths beside the programs. */
export function preludes(): Record<string, string> {
  return Object.fromEntries(
    filesIn(PRELUDES).map((path) => [`preludes/${path}`, readFileSync(join(PRELUDES, path), 'utf8')]),
  );
}
