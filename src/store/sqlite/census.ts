import { isUint8Array, viewBytes } from '../../bytes.js';
import {
  KEY_TAG_BYTES,
  KEY_TAG_CHARACTERS,
  SHORTEST_CELL_BYTES,
  SHORTEST_CELL_CHARACTERS,
  keyTagOfBytes,
  parseKeyTag,
} from '../../key-tag.js';
import type { CellForm, TableCount, TableLayout, TokenColumn, TokenCount } from '../../ports/record-store.js';
import {
  LONGEST_TOKEN_CHARACTERS,
  SHORTEST_TOKEN_CHARACTERS,
  TOKEN_PREFIX_CHARACTERS,
} from '../../token-form.js';
import { predecessors } from '../token-columns.js';
import type { Row, SqliteClient } from './client.js';
import { columnOf, tableName } from './sql.js';

const REST = '?'.repeat(SHORTEST_CELL_CHARACTERS - KEY_TAG_CHARACTERS);
const TEXT_CELL = `cs1[rd].${'[a-z2-7]'.repeat(26)}.${REST}*`;

/** The branch of a CASE that gives the key tag of a cell in this form. */
export function tagWhen(name: string, form: CellForm): string {
  return form === 'text'
    ? `WHEN typeof(${name}) = 'text' AND ${name} GLOB '${TEXT_CELL}' THEN substr(${name}, 1, ${KEY_TAG_CHARACTERS})`
    : `WHEN typeof(${name}) = 'blob' AND length(${name}) >= ${SHORTEST_CELL_BYTES} AND substr(${name}, 1, 2) IN (X'0100', X'0101') THEN substr(${name}, 1, ${KEY_TAG_BYTES})`;
}

/** Only what has the shape of a cell is grouped by its beginning: of a plaintext that strayed there, nothing is read out. */
export function countTable(client: SqliteClient, layout: TableLayout): TableCount {
  const tags: Record<string, number> = {};
  let notCells = 0;
  for (const { column, form } of layout.cells) {
    const name = columnOf(column);
    const tag = `CASE ${tagWhen(name, form)} END`;
    const rows = client
      .prepare(
        `SELECT ${tag} AS tag, COUNT(*) AS cells FROM ${tableName(layout)} WHERE ${name} IS NOT NULL GROUP BY 1`,
      )
      .all() as Row[];
    for (const row of rows) {
      const text = spellTag(viewBytes(row['tag']));
      if (text === undefined) notCells += Number(row['cells']);
      else tags[text] = (tags[text] ?? 0) + Number(row['cells']);
    }
  }
  const [row] = client.prepare(`SELECT COUNT(*) AS records FROM ${tableName(layout)}`).all();
  const tokens = layout.tokens?.map((column) => countTokens(client, layout, column));
  const count = {
    table: layout.name,
    records: Number((row as Row)['records']),
    tags,
    notCells,
    ...(tokens ? { tokens } : {}),
  };
  const unadopted = countUnadopted(client, layout);
  return unadopted === undefined ? count : { ...count, unadopted };
}

/** Only what has the shape of a token is grouped by its beginning. */
function countTokens(client: SqliteClient, layout: TableLayout, token: TokenColumn): TokenCount {
  const name = columnOf(token.column);
  const isToken = [
    `typeof(${name}) = 'text'`,
    `instr(${name}, char(0)) = 0`, // behind which the others do not look
    `length(${name}) BETWEEN ${SHORTEST_TOKEN_CHARACTERS} AND ${LONGEST_TOKEN_CHARACTERS}`,
    `length(${name}) % 2 = 1`,
    `${name} GLOB '${'[a-z2-7]'.repeat(TOKEN_PREFIX_CHARACTERS)}.*'`,
    `substr(${name}, ${TOKEN_PREFIX_CHARACTERS + 2}) NOT GLOB '*[^0-9a-f]*'`,
  ].join(' AND ');
  const rows = client
    .prepare(
      `SELECT CASE WHEN ${isToken} THEN substr(${name}, 1, ${TOKEN_PREFIX_CHARACTERS}) END AS prefix, COUNT(*) AS tokens FROM ${tableName(layout)} WHERE ${name} IS NOT NULL GROUP BY 1`,
    )
    .all() as Row[];
  const prefixes: Record<string, number> = {};
  let notTokens = 0;
  for (const { prefix, tokens } of rows) {
    if (prefix === null) notTokens += Number(tokens);
    else prefixes[String(prefix)] = Number(tokens);
  }
  const beside = predecessors(layout, token).map((column) => `${columnOf(column)} IS NOT NULL`);
  const [row] = client
    .prepare(
      `SELECT COUNT(*) AS missing FROM ${tableName(layout)} WHERE ${name} IS NULL AND ${beside.join(' AND ')}`,
    )
    .all() as Row[];
  return { prefixes, notTokens, missing: Number(row?.['missing']) };
}

/** Plaintexts beside a cell that is null; `undefined` where the layout knows of none. */
function countUnadopted(client: SqliteClient, layout: TableLayout): number | undefined {
  const counts = layout.cells.flatMap(({ column, adopting }) => {
    if (typeof adopting !== 'object') return [];
    const sql = `SELECT COUNT(*) AS cells FROM ${tableName(layout)} WHERE ${columnOf(adopting.column)} IS NOT NULL AND ${columnOf(column)} IS NULL`;
    const [row] = client.prepare(sql).all() as Row[];
    return Number(row?.['cells']);
  });
  return counts.length === 0 ? undefined : counts.reduce((sum, count) => sum + count, 0);
}

export function spellTag(tag: unknown): string | undefined {
  if (isUint8Array(tag)) return keyTagOfBytes(tag);
  return typeof tag === 'string' && parseKeyTag(tag) ? tag : undefined;
}
