/** What the figures are meant to be, and how near they are. */
import {
  BESIDE_ONE_CELL,
  BOTH_FLOORS,
  DECRYPTING,
  DECRYPTING_AT_ONCE,
  ENCRYPTING,
  ENCRYPTING_AT_ONCE,
  IMPORTING,
  NODE_ENGINE,
  NODE_SYNC,
  ONE_RECORD,
  ROOT_ENTRY,
  ROTATING,
  ROTATION,
  WEBCRYPTO,
  bytesLabel,
} from './names.js';
import { type Row, rounded } from './report.js';

/** One target, held against a run. */
export interface Verdict {
  readonly target: string;
  /** What was measured; `undefined` where the run has no such row. */
  readonly figure: string | undefined;
  readonly isMet: boolean;
}

const CELL_BYTES = 64;
const OUTRUN = ['@47ng/cloak', 'typeorm-encrypted'];

export function verdictsOf(rows: readonly Row[]): Verdict[] {
  const of = bytesLabel(CELL_BYTES);
  const find = (table: string, name: string, where: (row: Row) => boolean = () => true): Row[] =>
    rows.filter((row) => row.table === table && row.name === name && where(row));
  const nodeCell = (table: string): Row[] => {
    const [synchronous] = find(table, NODE_SYNC, (row) => row.of === of);
    return synchronous ? [synchronous] : find(table, NODE_ENGINE, (row) => row.of === of);
  };

  return [
    ...[ENCRYPTING, DECRYPTING].flatMap((table) => [
      atMost(`${table}: a cell of ${of}, Node engine, at most 1.35 floors`, nodeCell(table), 1.35),
      ...OUTRUN.map((peer) => faster(table, peer, nodeCell(table), rows)),
    ]),
    ...[ENCRYPTING_AT_ONCE, DECRYPTING_AT_ONCE].map((table) =>
      atMost(`${table}: 64 or more, WebCrypto, at most 1.20 floors`, find(table, WEBCRYPTO), 1.2),
    ),
    atMost(`${BESIDE_ONE_CELL}: at most 4.5 cells`, find(BESIDE_ONE_CELL, ONE_RECORD), 4.5),
    atMost(
      `${ROTATING}: on SQLite, Node engine, at most 1.35 of both floors together`,
      find(ROTATING, ROTATION, (row) => /SQLite.*Node engine/.test(row.of)),
      1.35,
      BOTH_FLOORS,
    ),
    importedWithin(15, find(IMPORTING, ROOT_ENTRY)),
  ];
}

/** The worst of the rows' medians. */
function atMost(target: string, rows: readonly Row[], limit: number, floor?: string): Verdict {
  const ratios = rows.flatMap(({ ratio }) =>
    ratio && (!floor || ratio.floor === floor) ? ratio.median : [],
  );
  if (ratios.length === 0) return { target, figure: undefined, isMet: false };
  const worst = Math.max(...ratios);
  return { target, figure: rounded(worst), isMet: worst <= limit };
}

function faster(table: string, peer: string, [own]: readonly Row[], rows: readonly Row[]): Verdict {
  const target = `${table}: a cell of ${bytesLabel(CELL_BYTES)}, Node engine, faster than ${peer}`;
  const other = rows.find((row) => row.table === table && row.of === own?.of && row.name.startsWith(peer));
  if (!own || !other) return { target, figure: undefined, isMet: false };
  const figure = `${rounded(own.value)} µs beside ${rounded(other.value)} µs`;
  return { target, figure, isMet: own.value < other.value };
}

function importedWithin(limitMs: number, [row]: readonly Row[]): Verdict {
  const target = `${IMPORTING}: at most ${limitMs} ms`;
  return row
    ? { target, figure: `${rounded(row.value)} ms`, isMet: row.value <= limitMs }
    : { target, figure: undefined, isMet: false };
}
