/** What documents refer to: other files and their headings, scripts of package.json, programs. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { type Document, anchorsOf, blocksOf, codeSpansOf, linksOf } from './markdown.js';
import { type Manifest, ROOT } from './packed.js';

const SHELL = ['sh', 'bash', 'shell', 'console'];
/** npm's own commands that documents may name. */
const NPM_COMMANDS =
  /^(?:install|i|ci|cit|add|exec|pack|publish|version|view|audit|update|ls|link|init|--\S+)$/;
const NPM_SCRIPT_COMMANDS = /^(?:test|t|start|stop|restart)$/;

/** Links that lead to no file, or to no heading. */
export function brokenLinks(documents: readonly Document[], root: string = ROOT): string[] {
  return documents
    .filter(({ path }) => path.endsWith('.md'))
    .flatMap((document) =>
      linksOf(document.text).flatMap(({ line, target }) => {
        const why = brokenBecause(document, target, root);
        return why === undefined ? [] : [`${document.path}:${line}: ${target}: ${why}`];
      }),
    );
}

/** Commands, in shell blocks and in running text, that name a script or a file which is not there. */
export function missingScripts(
  documents: readonly Document[],
  manifest: Manifest,
  root: string = ROOT,
): string[] {
  const { bin, scripts = {} } = manifest;
  const commands = documents.flatMap((document) => {
    const blocks = blocksOf(document)
      .filter(({ language }) => SHELL.includes(language))
      .flatMap(({ code, line }) => code.split('\n').map((text, i) => ({ line: line + 1 + i, text })));
    const spans = document.path.endsWith('.md')
      ? codeSpansOf(document.text).map(({ code, line }) => ({ line, text: code }))
      : [];
    return [...blocks, ...spans].map((found) => ({ path: document.path, ...found }));
  });
  return commands.flatMap(({ line, path, text }) => {
    const missing = [
      ...text.replace(/(^|\s)#.*$/, '').matchAll(/\b(npm|npx|node)((?:\s+[\w@./:-]+)+)/g),
    ].flatMap(([, tool, rest]) => missingOf(tool as string, (rest as string).trim().split(/\s+/)));
    return missing.map((what) => `${path}:${line}: ${what}`);
  });

  function missingOf(tool: string, [first = '', second = '']: readonly string[]): string[] {
    if (tool === 'node') {
      return /\.[cm]?[jt]s$/.test(first) && !existsSync(join(root, first))
        ? [`there is no file ${first}`]
        : [];
    }
    if (tool === 'npx') {
      if (first === manifest.name && bin === undefined) return [`the package has no command ${first}`];
      const isFile = first === 'tsx' && /\.[cm]?[jt]s$/.test(second);
      return isFile && !existsSync(join(root, second)) ? [`there is no file ${second}`] : [];
    }
    const script = /^(?:run|run-script)$/.test(first)
      ? second
      : NPM_SCRIPT_COMMANDS.test(first)
        ? first
        : undefined;
    if (script !== undefined)
      return script === '' || script in scripts ? [] : [`there is no script ${script}`];
    return NPM_COMMANDS.test(first) || !/^[a-z]/.test(first) ? [] : [`npm has no command ${first}`];
  }
}

function brokenBecause({ path, text }: Document, target: string, root: string): string | undefined {
  const [file = '', anchor] = decodeURI(target).split('#');
  const leads = file === '' ? path : normalize(join(dirname(path), file));
  if (leads.startsWith('..')) return 'leads out of the repository';
  const place = join(root, leads);
  if (file !== '' && !existsSync(place)) return 'there is no such file';
  if (anchor === undefined || anchor === '') return undefined;
  if (!leads.endsWith('.md')) return 'only a Markdown file has anchors';
  const anchors = anchorsOf(file === '' ? text : readFileSync(place, 'utf8'));
  return anchors.has(anchor) ? undefined : 'there is no such heading';
}
