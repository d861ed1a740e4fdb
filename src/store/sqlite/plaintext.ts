import { type Bytes, decodeHex, decodeUtf8, isUint8Array, utf8, viewBytes } from '../../bytes.js';
import { StoreUnfitError } from '../../errors.js';
import { LONGEST_CELL_CHARACTERS } from '../../key-tag.js';
import { NO_PLAINTEXT } from '../../plaintext.js';
import type { TableLayout } from '../../ports/record-store.js';
import type { Row, SqliteClient, SqliteValue } from './client.js';
import { columnOf, isUtf8 } from './sql.js';

/**
 * A plaintext of any storage class, as two columns of a result: nothing is left to a driver, which rounds integers, ends
 * a text at a NUL, or ends the process over one that is no UTF-8.
 */
export function plaintextColumns(column: string, name: string): string {
  const value = columnOf(column);
  const read = `CASE typeof(${value}) WHEN 'integer' THEN CAST(${value} AS TEXT) WHEN 'text' THEN hex(CAST(${value} AS BLOB)) ELSE ${value} END`;
  const isShort = `octet_length(${value}) <= ${LONGEST_CELL_CHARACTERS}`;
  return `typeof(${value}) AS "t${name}", CASE WHEN ${isShort} THEN ${read} END AS "${name}"`;
}

/** What {@link plaintextColumns} selected: an integer or a real as its digits; what is too long or no UTF-8 as what is no plaintext. */
export function readPlaintext(row: Row, name: string): string | Bytes | null {
  const given = viewBytes(row[name]);
  if (row[`t${name}`] === 'null') return null;
  if (given === null) return NO_PLAINTEXT;
  if (row[`t${name}`] === 'text') return decodeUtf8(decodeHex(String(given))) ?? NO_PLAINTEXT;
  return isUint8Array(given) ? new Uint8Array(given) : String(given);
}

/** The condition that a column holds what {@link readPlaintext} gave, to the byte. */
export function wherePlaintext(
  column: string,
  plaintext: string | Bytes | null,
): { where: string; values: SqliteValue[] } {
  const value = columnOf(column);
  if (plaintext === null) return { where: `${value} IS NULL`, values: [] };
  if (typeof plaintext !== 'string') {
    const isBlob = `typeof(${value}) = 'blob' AND`;
    // Node 22 binds no bytes as NULL.
    return plaintext.length === 0
      ? { where: `${isBlob} octet_length(${value}) = 0`, values: [] }
      : { where: `${isBlob} ${value} = ?`, values: [plaintext] };
  }
  const isText = `typeof(${value}) = 'text' AND CAST(${value} AS BLOB) = CAST(CAST(? AS TEXT) AS BLOB)`;
  const isInteger = `typeof(${value}) = 'integer' AND CAST(${value} AS TEXT) = ?`;
  const isReal = `typeof(${value}) = 'real' AND ${value} = ?`;
  // Node 22 binds no bytes as NULL.
  const octets = plaintext === '' ? plaintext : utf8(plaintext);
  const real = String(Number(plaintext)) === plaintext ? Number(plaintext) : null;
  return {
    where: `((${isText}) OR (${isInteger}) OR (${isReal}))`,
    values: [octets, plaintext.includes('\0') ? '' : plaintext, real],
  };
}

/** Octets are compared, and those are others in a file of UTF-16. */
export function assertReadable(client: SqliteClient, layout: TableLayout): void {
  if (!layout.cells.some(({ adopting }) => adopting !== undefined)) return;
  if (isUtf8(client)) return;
  throw new StoreUnfitError('Plaintext is adopted from databases whose encoding is UTF-8 only.', {
    table: layout.name,
  });
}
