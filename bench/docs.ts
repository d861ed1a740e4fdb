/**
 * Writes what docs/performance.md takes from elsewhere, between its `made` comments: the floors, the targets and the
 * tables of bench/results, a Node version each, and the picture.
 *
 *     npm run bench:docs
 */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { DECRYPTING, ENCRYPTING, STORED, bytesLabel } from './names.js';
import { pictureOf } from './picture.js';
import { type Grid, type Report, gridsOf, machineOf, unique } from './report.js';
import { verdictsOf } from './targets.js';

const root = new URL('../', import.meta.url);
const DOCUMENT = 'docs/performance.md';
const PICTURE = 'docs/performance.svg';
/** The version that the picture shows, if it was measured. */
const SHOWN = '24';

const reports = readReports();
const shown = reports.find(({ node }) => majorOf(node) === SHOWN) ?? reports.at(-1);
if (!shown) throw new Error('there are no results: npm run bench:nodes makes them');

const made: Readonly<Record<string, string>> = {
  floors: ['```ts', floorsCode(), '```'].join('\n'),
  targets: targets(),
  stored: tables(shown.rows.filter(({ table }) => table === STORED)),
  picture: `![Encrypting and decrypting one value of ${bytesLabel(64)}, as times of the floor, Node ${shown.node}](performance.svg)`,
  results: reports.map(section).join('\n\n'),
};
let text = read(DOCUMENT);
for (const [name, content] of Object.entries(made)) text = withMade(text, name, content);
writeFileSync(new URL(DOCUMENT, root), text);
writeFileSync(new URL(PICTURE, root), pictureOf(shown, [ENCRYPTING, DECRYPTING], bytesLabel(64)));

/** One report a Node version: what was measured by several commands is put together. */
function readReports(): Report[] {
  const found = readdirSync(new URL('bench/results/', root))
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => JSON.parse(read(`bench/results/${name}`)) as Report);
  return unique(found.map(({ node }) => node))
    .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
    .map((node) => {
      const own = found.filter((report) => report.node === node) as [Report, ...Report[]];
      return { ...own[0], rows: own.flatMap(({ rows }) => rows) };
    });
}

/** Without the comment at its head, which says that the document shows it. */
function floorsCode(): string {
  return read('bench/floors.ts')
    .replace(/^\/\*\*.*?\*\/\n/s, '')
    .trim();
}

function targets(): string {
  const all = reports.map(({ rows }) => verdictsOf(rows));
  const lines = (all[0] ?? []).map(({ target }, i) => [
    target,
    ...all.map((verdicts) => {
      const { figure, isMet } = verdicts[i] as (typeof verdicts)[number];
      return figure === undefined ? '' : `${isMet ? 'yes' : 'no'}, ${figure}`;
    }),
  ]);
  return markdown({ title: '', columns: ['target', ...reports.map(({ node }) => `Node ${node}`)], lines });
}

function section(report: Report): string {
  const own = report.rows.filter(({ table }) => table !== STORED);
  return [`### Node ${majorOf(report.node)}`, `${machineOf(report)}.`, tables(own)].join('\n\n');
}

function tables(rows: Report['rows']): string {
  return gridsOf(rows, { spread: 'narrow' })
    .map((grid) => `**${grid.title}**\n\n${markdown(grid)}`)
    .join('\n\n');
}

function markdown({ columns, lines }: Grid): string {
  const rule = columns.map((_, i) => (i === 0 ? '---' : '--:'));
  return [columns, rule, ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function withMade(document: string, name: string, content: string): string {
  const [start, end] = [`<!-- made: ${name} -->`, '<!-- /made -->'];
  const from = document.indexOf(start);
  const to = document.indexOf(end, from);
  if (from === -1 || to === -1) throw new Error(`${DOCUMENT} has no place for ${name}`);
  return `${document.slice(0, from + start.length)}\n\n${content}\n\n${document.slice(to)}`;
}

function majorOf(node: string): string {
  return node.split('.')[0] as string;
}

function read(path: string): string {
  return readFileSync(new URL(path, root), 'utf8');
}
