/** What the rows say: tables, each shape beside what is wanted, and what a whole rotation would win. */
import { type Row, print, rounded, unique } from '../report.js';
import { LEAN, LEAN_DRAWING, RENEWING, SHIPPED, isShape } from './names.js';
import type { Share } from './rotation.js';

/** What threads must be worth on two cores. */
export const WANTED = 1.4;

/** A line for each contender: how long a record takes, and how many times as fast that is. */
export function show(rows: readonly Row[]): void {
  for (const title of tablesOf(rows)) {
    for (const of of casesOf(rows, title)) {
      const here = rows.filter((row) => row.table === title && row.of === of);
      const floors = unique(here.map(({ ratio }) => ratio?.floor as string));
      print({
        title: `${title}: ${of}; so many times as fast as`,
        columns: ['', 'a record', ...floors],
        lines: unique(here.map(({ name }) => name)).map((name) => {
          const beside = floors.map((floor) => find(here, title, of, name, floor));
          return [name, `${rounded(beside[0]?.value as number)} µs`, ...beside.map(speedWithQuartiles)];
        }),
      });
    }
  }
}

/** All shapes in all cases: medians, and the least of them. */
export function showShapes(rows: readonly Row[]): void {
  for (const title of tablesOf(rows)) {
    for (const floor of [SHIPPED[title] as string, LEAN]) {
      const cases = casesOf(rows, title);
      const names = unique(rows.filter((row) => row.table === title).map(({ name }) => name));
      print({
        title: `${title}: so many times as fast as ${floor}; wanted: ${WANTED} everywhere`,
        columns: ['', ...cases, 'least'],
        lines: names.filter(isShape).map((name) => {
          const speeds = cases.map((of) => speed(find(rows, title, of, name, floor)));
          return [name, ...[...speeds, Math.min(...speeds)].map(rounded)];
        }),
      });
    }
  }
}

/** What becomes of a whole rotation, by Amdahl: of the store nothing is faster. */
export function showWhole(rows: readonly Row[], { median, low, high, records, chunk }: Share): void {
  const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
  const whole = (faster: number): string => rounded(1 / (1 - median + median / faster));
  const floor = SHIPPED[RENEWING] as string;
  const cases = casesOf(rows, RENEWING);
  const names = unique(rows.filter((row) => row.table === RENEWING).map(({ name }) => name));
  print({
    title: `A whole rotation over SQLite, by Amdahl; ${percent(median)} (${percent(low)}–${percent(high)}) of it are cells: ${records.toLocaleString('en')} records of three, chunks of up to ${chunk.toLocaleString('en')}`,
    columns: ['', ...cases],
    lines: names
      .filter((name) => name !== floor)
      .map((name) => [name, ...cases.map((of) => whole(speed(find(rows, RENEWING, of, name, floor))))]),
  });
  const leanest = [LEAN, LEAN_DRAWING].map((name) =>
    cases.map((of) => speed(find(rows, RENEWING, of, name, floor))),
  );
  // Once a thread is lean its cells are a smaller share, of which threads win less.
  leanest.forEach((speeds, i) => {
    const shares = speeds.map((faster) => median / faster / (1 - median + median / faster));
    console.log(
      `After ${[LEAN, LEAN_DRAWING][i]} cells are ${shares.map(percent).join(', ')} of a rotation: two threads could make all of it at most ${shares.map((share) => rounded(1 / (1 - share / 2))).join(', ')} times as fast.`,
    );
  });
}

function find(rows: readonly Row[], title: string, of: string, name: string, floor: string): Row | undefined {
  return rows.find(
    (row) => row.table === title && row.of === of && row.name === name && row.ratio?.floor === floor,
  );
}

function speed(row: Row | undefined): number {
  return 1 / (row?.ratio?.median ?? Number.NaN);
}

function speedWithQuartiles(row: Row | undefined): string {
  if (!row?.ratio) return '';
  const { low, high } = row.ratio;
  return `${rounded(speed(row))} (${rounded(1 / high)}–${rounded(1 / low)})`;
}

function tablesOf(rows: readonly Row[]): string[] {
  return unique(rows.map(({ table }) => table));
}

function casesOf(rows: readonly Row[], title: string): string[] {
  return unique(rows.filter(({ table }) => table === title).map(({ of }) => of));
}
