/** Records with so many attributes, beside the floors and beside one of their cells. */
import {
  type Keyring,
  decryptCell,
  decryptCellSync,
  decryptRecord,
  decryptRecordSync,
  encryptCell,
  encryptCellSync,
  encryptRecord,
  encryptRecordSync,
  table,
  text,
  uuid,
} from 'cellseal';
import {
  besideFloors,
  cycle,
  itemsOf,
  nodeKey,
  nodeKeyring,
  subtleKey,
  webCryptoKeyring,
} from '../coders.js';
import {
  eachWithNode,
  eachWithSubtle,
  openWithNode,
  openWithSubtle,
  sealWithNode,
  sealWithSubtle,
} from '../floors.js';
import { type Effort, measure } from '../measure.js';
import { BESIDE_ONE_CELL, DECRYPTING_RECORDS, ENCRYPTING_RECORDS, ONE_CELL, ONE_RECORD } from '../names.js';
import type { Row } from '../report.js';

const BYTES = 64;
const VARIETY = 64;

/** A record of text alone: its attributes are called a0, a1 and so on. */
type Flat = Record<string, string> & { readonly id: string };

export async function recordRows(effort: Effort, counts: readonly number[]): Promise<Row[]> {
  const rows: Row[] = [];
  for (const count of counts) {
    const { definition, names, records, stored } = await subject(count);
    const [record, row] = [cycle(records), cycle(stored)];
    const sealed = cycle(records.map((one) => eachWithNode(sealWithNode, nodeKey, names, one)));
    const encrypting = besideFloors({
      node: () => eachWithNode(sealWithNode, nodeKey, names, record()),
      subtle: () => eachWithSubtle(sealWithSubtle, subtleKey, names, record()),
      cellseal: (keyring) => encryptRecord(definition, record() as never, keyring),
      synchronously: () => encryptRecordSync(definition, record(), nodeKeyring),
    });
    const decrypting = besideFloors({
      node: () => eachWithNode(openWithNode, nodeKey, names, sealed()),
      subtle: () => eachWithSubtle(openWithSubtle, subtleKey, names, sealed()),
      cellseal: (keyring) => decryptRecord(definition, row() as never, keyring),
      synchronously: () => decryptRecordSync(definition, row(), nodeKeyring),
    });
    const of = count === 1 ? '1 attribute' : `${count} attributes`;
    rows.push(...(await measure(effort, { table: ENCRYPTING_RECORDS, of }, encrypting)));
    rows.push(...(await measure(effort, { table: DECRYPTING_RECORDS, of }, decrypting)));
  }
  return rows;
}

export async function besideOneCellRows(effort: Effort): Promise<Row[]> {
  const { definition, records, stored } = await subject(5);
  const [record, row] = [cycle(records), cycle(stored)];
  const rows: Row[] = [];
  const besideOne = async (of: string, cell: (flat: Flat) => unknown, all: (flat: Flat) => unknown) => {
    const next = of.startsWith('encrypting') ? record : row;
    const contenders = [
      { name: ONE_CELL, call: () => cell(next()) },
      { name: ONE_RECORD, floor: ONE_CELL, call: () => all(next()) },
    ];
    rows.push(...(await measure(effort, { table: BESIDE_ONE_CELL, of }, contenders)));
  };

  await besideOne(
    'encrypting, synchronous',
    ({ id, a0 = '' }) => encryptCellSync(definition, 'a0', a0, { id }, nodeKeyring),
    (flat) => encryptRecordSync(definition, flat, nodeKeyring),
  );
  await besideOne(
    'decrypting, synchronous',
    ({ id, a0 = '' }) => decryptCellSync(definition, 'a0', a0, { id }, nodeKeyring),
    (flat) => decryptRecordSync(definition, flat, nodeKeyring),
  );
  const engines: readonly (readonly [string, Keyring])[] = [
    ['Node engine', nodeKeyring],
    ['WebCrypto', webCryptoKeyring],
  ];
  for (const [engine, keyring] of engines) {
    await besideOne(
      `encrypting, ${engine}`,
      ({ id, a0 }) => encryptCell(definition, 'a0', a0 as never, { id }, keyring),
      (flat) => encryptRecord(definition, flat, keyring),
    );
    await besideOne(
      `decrypting, ${engine}`,
      ({ id, a0 = '' }) => decryptCell(definition, 'a0', a0, { id }, keyring),
      (flat) => decryptRecord(definition, flat, keyring),
    );
  }
  return rows;
}

async function subject(count: number) {
  const names = Array.from({ length: count }, (_, i) => `a${i}`);
  const definition = table('people', {
    record: uuid('id'),
    encrypt: Object.fromEntries(names.map((name) => [name, text()])),
  });
  const records: Flat[] = itemsOf(BYTES, VARIETY).map(({ id, value }) => ({
    id,
    ...Object.fromEntries(names.map((name) => [name, value])),
  }));
  const stored: Flat[] = await Promise.all(
    records.map((record) => encryptRecord(definition, record as never, nodeKeyring)),
  );
  return { definition, names, records, stored };
}
