/** Records with so many attributes, beside the floors and beside one of their cells. */
import {
  type Keyring,
  decryptCell,
  decryptRecord,
  encryptCell,
  encryptRecord,
  table,
  text,
  uuid,
} from 'cellseal';
import { cycle, itemsOf, nodeKey, nodeKeyring, subtleKey, webCryptoKeyring } from '../coders.js';
import { synchronous } from '../engines.js';
import {
  eachWithNode,
  eachWithSubtle,
  openWithNode,
  openWithSubtle,
  sealWithNode,
  sealWithSubtle,
} from '../floors.js';
import { type Contender, type Effort, measure } from '../measure.js';
import {
  BESIDE_ONE_CELL,
  DECRYPTING_RECORDS,
  ENCRYPTING_RECORDS,
  NODE_ENGINE,
  NODE_FLOOR,
  NODE_SYNC,
  ONE_CELL,
  ONE_RECORD,
  SUBTLE_FLOOR,
  WEBCRYPTO,
} from '../names.js';
import type { Row } from '../report.js';

const BYTES = 64;
const VARIETY = 64;

type Flat = Record<string, string>;

export async function recordRows(effort: Effort, counts: readonly number[]): Promise<Row[]> {
  const rows: Row[] = [];
  for (const count of counts) {
    const { definition, names, records } = subject(count);
    const nextRecord = cycle(records);
    const of = count === 1 ? '1 attribute' : `${count} attributes`;
    rows.push(
      ...(await measure(effort, { table: ENCRYPTING_RECORDS, of }, [
        { name: NODE_FLOOR, call: () => eachWithNode(sealWithNode, nodeKey, names, nextRecord()) },
        { name: SUBTLE_FLOOR, call: () => eachWithSubtle(sealWithSubtle, subtleKey, names, nextRecord()) },
        ...sync(({ encryptRecordSync }) => encryptRecordSync(definition, nextRecord(), nodeKeyring)),
        {
          name: NODE_ENGINE,
          floor: NODE_FLOOR,
          call: () => encryptRecord(definition, nextRecord() as never, nodeKeyring),
        },
        {
          name: WEBCRYPTO,
          floor: SUBTLE_FLOOR,
          call: () => encryptRecord(definition, nextRecord() as never, webCryptoKeyring),
        },
      ])),
    );

    const nextSealed = cycle(records.map((record) => eachWithNode(sealWithNode, nodeKey, names, record)));
    const stored = records.map((record) => encryptRecord(definition, record as never, nodeKeyring));
    const nextRow = cycle((await Promise.all(stored)) as unknown as Flat[]);
    rows.push(
      ...(await measure(effort, { table: DECRYPTING_RECORDS, of }, [
        { name: NODE_FLOOR, call: () => eachWithNode(openWithNode, nodeKey, names, nextSealed()) },
        { name: SUBTLE_FLOOR, call: () => eachWithSubtle(openWithSubtle, subtleKey, names, nextSealed()) },
        ...sync(({ decryptRecordSync }) => decryptRecordSync(definition, nextRow(), nodeKeyring)),
        {
          name: NODE_ENGINE,
          floor: NODE_FLOOR,
          call: () => decryptRecord(definition, nextRow() as never, nodeKeyring),
        },
        {
          name: WEBCRYPTO,
          floor: SUBTLE_FLOOR,
          call: () => decryptRecord(definition, nextRow() as never, webCryptoKeyring),
        },
      ])),
    );
  }
  return rows;
}

export async function besideOneCellRows(effort: Effort): Promise<Row[]> {
  const { definition, records } = subject(5);
  const engines: readonly (readonly [string, Keyring])[] = [
    ['Node engine', nodeKeyring],
    ['WebCrypto', webCryptoKeyring],
  ];
  const rows: Row[] = [];
  for (const [engine, keyring] of engines) {
    const record = cycle(records);
    const sealed = records.map((one) => encryptRecord(definition, one as never, keyring));
    const stored = cycle((await Promise.all(sealed)) as unknown as Flat[]);
    const cell = () => {
      const { id, a0 } = stored();
      return decryptCell(definition, 'a0', a0 as string, { id } as never, keyring);
    };
    const value = () => {
      const { id, a0 } = record();
      return encryptCell(definition, 'a0', a0 as never, { id } as never, keyring);
    };
    const besideOne = (of: string, one: () => unknown, all: () => unknown) =>
      measure(effort, { table: BESIDE_ONE_CELL, of }, [
        { name: ONE_CELL, call: one },
        { name: ONE_RECORD, floor: ONE_CELL, call: all },
      ]);
    rows.push(
      ...(await besideOne(`encrypting, ${engine}`, value, () =>
        encryptRecord(definition, record() as never, keyring),
      )),
      ...(await besideOne(`decrypting, ${engine}`, cell, () =>
        decryptRecord(definition, stored() as never, keyring),
      )),
    );
  }
  return rows;
}

function subject(count: number) {
  const names = Array.from({ length: count }, (_, i) => `a${i}`);
  const definition = table('people', {
    record: uuid('id'),
    encrypt: Object.fromEntries(names.map((name) => [name, text()])),
  });
  const records: Flat[] = itemsOf(BYTES, VARIETY).map(({ id, value }) => ({
    id,
    ...Object.fromEntries(names.map((name) => [name, value])),
  }));
  return { definition, names, records };
}

function sync(call: (functions: NonNullable<typeof synchronous>) => unknown): Contender[] {
  const functions = synchronous;
  return functions ? [{ name: NODE_SYNC, floor: NODE_FLOOR, call: () => call(functions) }] : [];
}
