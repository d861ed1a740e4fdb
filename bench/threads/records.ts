/** Records on the way to cells and back: what the main thread does of it, whoever encrypts. */
import { isAscii } from 'node:buffer';
import { encodeFramed } from '../../src/codec/index.js';
import { encodeRecord, keyIdIfCell } from '../../src/envelope/index.js';
import { contextRecord } from '../../src/record-id.js';
import type { Table } from '../../src/table.js';
import { type Cells, OVERHEAD_BYTES } from './cells.js';
import type { Job, Reader } from './crew.js';

/** `cs1r.`, key id, `.`: what every cell of a key begins with, as text. */
export const TAG_CHARACTERS = 32;
const FRAME_OF_TEXT = 1;
/** A number for each length, and room for lengths of records and cells to be odd. */
const MORE_BYTES = 64;

export type Fulfilled = PromiseFulfilledResult<Readonly<Record<string, unknown>>>;
type Row = Readonly<Record<string, unknown>>;

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const scratch = Buffer.alloc(64 * 1_024);

/** The context item of a record, at `at` of the target; gives its length. */
function putRecord(definition: Table, row: Row, target: Buffer, at: number): number {
  const values = definition.layout.key.map(({ name }) => row[name]);
  const item = encodeRecord(contextRecord(definition, values, {}), {});
  target.set(item, at);
  return item.length;
}

/** A value, framed; gives its length. */
function putFramed(definition: Table, column: string, value: unknown, target: Buffer, at: number): number {
  const { spec } = definition.encrypt[column] as (typeof definition.encrypt)[string];
  if (keyIdIfCell(value) !== undefined) throw new Error('The value is a cell.');
  if (
    typeof value !== 'string' ||
    value.length < 256 ||
    !value.isWellFormed() ||
    value.length * 3 >= spec.maxBytes
  ) {
    const framed = encodeFramed(spec, value, {});
    target.set(framed, at);
    return framed.length;
  }
  target[at] = FRAME_OF_TEXT;
  return 1 + target.write(value, at + 1, 'utf8');
}

/** A cell without its prefix; gives its length. */
export function putCell(cell: unknown, tag: string, target: Buffer, at: number): number {
  if (typeof cell !== 'string' || !cell.startsWith(tag)) throw new Error('No cell of this key.');
  const text = cell.slice(TAG_CHARACTERS);
  const length = (text.length * 3) >> 2;
  const isWhole = target.write(text, at, length, 'base64url') === length;
  if (!isWhole || target.toString('base64url', at, at + length) !== text) throw new Error('No cell.');
  return length;
}

function textOf(framed: Buffer): string {
  if (framed[0] !== FRAME_OF_TEXT) throw new Error('Broken frame.');
  const bytes = framed.subarray(1);
  return isAscii(bytes) ? bytes.toString('latin1') : strict.decode(new Uint8Array(bytes));
}

/** Plain records to records with cells, as `encryptRecords` gives them. */
export function sealing(
  definition: Table,
  columns: readonly string[],
  tag: string,
  valueBytes: number,
): Job<Row, Fulfilled> {
  return {
    work: 'seal',
    columns: columns.length,
    itemBytes: MORE_BYTES + columns.length * (2 * valueBytes + OVERHEAD_BYTES + MORE_BYTES),
    pack(row, part) {
      part.add(putRecord(definition, row, part.bytes, part.end), 0);
      for (const column of columns) {
        const length = putFramed(definition, column, row[column], part.bytes, part.end);
        part.add(length, length + OVERHEAD_BYTES);
      }
    },
    unpack(row, part, reader) {
      const value: Record<string, unknown> = { ...row };
      reader.place++;
      for (const column of columns) {
        const end = reader.at + part.lengthAt(reader.place++) + OVERHEAD_BYTES;
        value[column] = tag + part.bytes.toString('base64url', reader.at, end);
        reader.at = end;
      }
      return { status: 'fulfilled', value };
    },
    direct(row, cells) {
      const value: Record<string, unknown> = { ...row };
      const start = putRecord(definition, row, scratch, 0);
      cells.bindTo(scratch, 0, start);
      for (const column of columns) {
        const end = start + putFramed(definition, column, row[column], scratch, start);
        const sealedEnd = cells.seal(columns.indexOf(column), scratch, start, end, scratch, end);
        value[column] = tag + scratch.toString('base64url', end, sealedEnd);
        scratch.fill(0, start, end);
      }
      return { status: 'fulfilled', value };
    },
  };
}

/** The reverse, as `decryptRecords` gives them. */
export function opening(
  definition: Table,
  columns: readonly string[],
  tag: string,
  valueBytes: number,
): Job<Row, Fulfilled> {
  return {
    work: 'open',
    columns: columns.length,
    itemBytes: MORE_BYTES + columns.length * (2 * valueBytes + OVERHEAD_BYTES + MORE_BYTES),
    pack(row, part) {
      part.add(putRecord(definition, row, part.bytes, part.end), 0);
      for (const column of columns) {
        const length = putCell(row[column], tag, part.bytes, part.end);
        part.add(length, length - OVERHEAD_BYTES);
      }
    },
    unpack(row, part, reader) {
      const value: Record<string, unknown> = { ...row };
      reader.place++;
      for (const column of columns) {
        const end = reader.at + part.lengthAt(reader.place++) - OVERHEAD_BYTES;
        value[column] = textOf(part.bytes.subarray(reader.at, end));
        part.bytes.fill(0, reader.at, end);
        reader.at = end;
      }
      return { status: 'fulfilled', value };
    },
    direct(row, cells) {
      const value: Record<string, unknown> = { ...row };
      const start = putRecord(definition, row, scratch, 0);
      cells.bindTo(scratch, 0, start);
      for (const [at, column] of columns.entries()) {
        const end = start + putCell(row[column], tag, scratch, start);
        if (!cells.open(0, at, scratch, start, end, scratch, end)) throw new Error('A cell was refused.');
        const framedEnd = end + end - start - OVERHEAD_BYTES;
        value[column] = textOf(scratch.subarray(end, framedEnd));
        scratch.fill(0, end, framedEnd);
      }
      return { status: 'fulfilled', value };
    },
  };
}

/** A record as a sweep finds it, and what is to be swapped. */
export interface Found {
  readonly key: string;
  readonly id: readonly unknown[];
  readonly cells: readonly string[];
}
export interface Swap {
  readonly key: string;
  readonly cells: readonly { readonly cell: number; readonly old: string; readonly new: string }[];
}

/** Cells under an old key to cells under the active one, each opened again before it is handed back. */
export function renewing(
  definition: Table,
  columns: number,
  old: { readonly tag: string; readonly at: number },
  tag: string,
  valueBytes: number,
): Job<Found, Swap> {
  const item = (id: readonly unknown[], target: Buffer, at: number): number => {
    const bytes = encodeRecord(contextRecord(definition, id, {}), {});
    target.set(bytes, at);
    return bytes.length;
  };
  return {
    work: 'renew',
    columns,
    key: old.at,
    itemBytes: MORE_BYTES + columns * 2 * (valueBytes + OVERHEAD_BYTES + MORE_BYTES),
    pack({ id, cells }, part) {
      part.add(item(id, part.bytes, part.end), 0);
      for (const cell of cells) {
        const length = putCell(cell, old.tag, part.bytes, part.end);
        part.add(length, length);
      }
    },
    unpack({ key, cells }, part, reader: Reader) {
      reader.place++;
      const swapped = cells.map((cell, at) => {
        const end = reader.at + part.lengthAt(reader.place++);
        const renewed = tag + part.bytes.toString('base64url', reader.at, end);
        reader.at = end;
        return { cell: at, old: cell, new: renewed };
      });
      return { key, cells: swapped };
    },
    direct({ key, id, cells }, worker: Cells) {
      const start = item(id, scratch, 0);
      worker.bindTo(scratch, 0, start);
      const swapped = cells.map((cell, at) => {
        const end = start + putCell(cell, old.tag, scratch, start);
        const renewedEnd = worker.renew(old.at, at, scratch, start, end, scratch, end);
        return { cell: at, old: cell, new: tag + scratch.toString('base64url', end, renewedEnd) };
      });
      return { key, cells: swapped };
    },
  };
}
