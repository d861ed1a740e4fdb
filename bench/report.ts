/** What a run found: rows, printed as tables and kept as JSON. */
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import type { Effort } from './measure.js';

/** A contender's time over its floor's, in the same run. */
export interface Ratio {
  readonly floor: string;
  readonly median: number;
  /** The quartiles. */
  readonly low: number;
  readonly high: number;
}

/** One figure: the contender `name` in the case `of` of a table. */
export interface Row {
  readonly table: string;
  readonly of: string;
  readonly name: string;
  readonly unit: 'µs' | 'ms' | 's' | 'bytes';
  /** The median of the rounds. */
  readonly value: number;
  readonly rounds: number;
  /** Not there for floors, and for what is only counted. */
  readonly ratio?: Ratio;
}

/** A run, and what it ran on. */
export interface Report {
  readonly version: string;
  readonly date: string;
  readonly node: string;
  readonly platform: string;
  readonly cpu: string;
  readonly cores: number;
  readonly isQuick: boolean;
  /** Of all but imports and the event loop. */
  readonly clock: Effort['clock'];
  readonly rows: readonly Row[];
}

/** A table of rows: a line for each contender, a column for each case. */
export interface Grid {
  readonly title: string;
  readonly columns: readonly string[];
  readonly lines: readonly (readonly string[])[];
}

export function reportOf(
  rows: readonly Row[],
  { clock, isQuick }: Pick<Report, 'clock' | 'isQuick'>,
): Report {
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  return {
    version: manifest.version,
    date: new Date().toISOString().slice(0, 10),
    node: process.versions.node,
    platform: `${process.platform}-${process.arch}`,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    isQuick,
    clock,
    rows,
  };
}

/** A row a line, with four digits of each figure. */
export function writeReport(path: string, { rows, ...ran }: Report): void {
  const short = (_: string, value: unknown): unknown =>
    typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value;
  const lines = rows.map((row) => `    ${JSON.stringify(row, short)}`).join(',\n');
  const head = JSON.stringify(ran, null, 2).replace(/\n\}$/, '');
  writeFileSync(path, `${head},\n  "rows": [\n${lines}\n  ]\n}\n`);
}

export function machineOf({ version, node, cpu, cores, date, isQuick, clock }: Report): string {
  return `cellseal ${version}, Node ${node}, ${cores} × ${cpu}, ${date}${isQuick ? ', quick' : ''}${clock === 'processor' ? ', processor time' : ''}`;
}

/** Up to so many cases there is room for quartiles in a document. */
const NARROW_CASES = 4;

/** The rows as grids, in the order in which they came. `spread` says where quartiles are shown; default: everywhere. */
export function gridsOf(
  rows: readonly Row[],
  { spread = 'always' }: { readonly spread?: 'always' | 'narrow' } = {},
): Grid[] {
  return unique(rows.map(({ table }) => table)).map((title) => {
    const own = rows.filter(({ table }) => table === title);
    const cases = unique(own.map(({ of }) => of));
    const isNarrow = spread === 'always' || cases.length <= NARROW_CASES;
    const lines = unique(own.map(({ name }) => name)).map((name) => [
      labelOf(name, own),
      ...cases.map((of) =>
        figure(
          own.find((row) => row.of === of && row.name === name),
          isNarrow,
        ),
      ),
    ]);
    return { title, columns: ['', ...cases], lines };
  });
}

export function print(grid: Grid): void {
  const all = [grid.columns, ...grid.lines];
  const widths = grid.columns.map((_, i) => Math.max(...all.map((line) => (line[i] as string).length)));
  console.log(`\n${grid.title}`);
  for (const line of all)
    console.log(
      line
        .map((text, i) => (i === 0 ? text.padEnd(widths[i] ?? 0) : text.padStart(widths[i] ?? 0)))
        .join('  '),
    );
}

/** A ratio with its quartiles, or a plain figure with its unit. */
function figure(row: Row | undefined, withSpread: boolean): string {
  if (!row) return '';
  const { ratio, unit, value } = row;
  if (!ratio) return `${rounded(value)} ${unit}`;
  if (!withSpread) return rounded(ratio.median);
  return `${rounded(ratio.median)} (${rounded(ratio.low)}–${rounded(ratio.high)})`;
}

/** With several floors in one table each line says to which its ratio is. */
function labelOf(name: string, rows: readonly Row[]): string {
  const floors = unique(rows.flatMap(({ ratio }) => ratio?.floor ?? []));
  const own = rows.find((row) => row.name === name)?.ratio?.floor;
  return own === undefined || floors.length < 2 ? name : `${name} / ${own}`;
}

/** Three digits; bytes and whole hundreds as they are. */
export function rounded(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString('en');
  return Number.isInteger(value) ? String(value) : value.toFixed(value >= 10 ? 1 : 2);
}

export function unique<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}
