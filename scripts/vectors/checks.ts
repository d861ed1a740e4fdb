/** One case against the library: what it computes, and what it says. */
import { isDeepStrictEqual } from 'node:util';
import { type IdPart, bytes, integer, text } from '../../src/attribute.js';
import { type IndexedValue, type TokenPlace, indexToken } from '../../src/blind-index/index.js';
import { type Bytes, concat, hex } from '../../src/bytes.js';
import { cellKeyInfo, openDeterministic, openRandomized, sealDeterministic } from '../../src/cipher/index.js';
import { BrokenFrameError, decodeFramed, encodeFramed } from '../../src/codec/index.js';
import {
  type ContextPart,
  cellText,
  encodeContext,
  parseCell,
  prefixBytes,
  saltOf,
} from '../../src/envelope/index.js';
import { CellRefusedError } from '../../src/errors.js';
import { openedOf } from '../../src/keyring/index.js';
import { keyCommitment, keyIdBytes, keyIdOf } from '../../src/keyring/keys.js';
import { decryptCell, encryptCell } from '../../src/record.js';
import { type Table, table } from '../../src/table.js';
import { type CaseKeyring, keyringWith } from './keyring.js';
import {
  COMPARED,
  type CellCase,
  type IndexCase,
  type RefusedCase,
  type VectorAttribute,
  VectorFault,
  type VectorIndexed,
} from './layout.js';
import { attributeOf, javaScriptOf, jsonOf } from './values.js';

type Form = 'text' | 'binary';

/** Seals, takes apart and opens a known answer, and compares every member that is there. */
export async function checkCell(vector: CellCase): Promise<void> {
  const held = await keyringWith([{ key: vector.dataKey, tenant: undefined, state: 'active' }]);
  const computed = await computeCell(held, vector);
  for (const name of COMPARED) {
    const expected = vector.expected[name];
    if (expected !== undefined && expected !== computed[name]) throw new VectorFault(`${name} differs`);
  }
  const cell = parse(vector, 'text', computed.text);
  if (hex(cell) !== computed.cell) throw new VectorFault('text does not say what cell says');
  for (const stored of [computed.text, cell]) {
    const value = await readCell(held, vector, stored);
    if (!isDeepStrictEqual(jsonOf(vector.type, value), vector.value)) throw new VectorFault('value differs');
  }
}

/** Reads a cell in each form that the case gives, and compares what comes of it. */
export async function checkRefused(vector: RefusedCase): Promise<void> {
  for (const { form, stored } of vector.forms) {
    const held = await keyringWith(vector.keys);
    const found = await outcome(() => readCell(held, vector, stored));
    if (found.code !== vector.expect) {
      throw new VectorFault(`expect differs in the ${form}: ${vector.expect} expected, ${found.code} found`);
    }
    if (vector.framed !== undefined) {
      const inside = await outcome(() => openInside(held, vector, stored));
      if (!('value' in inside) || hex(inside.value) !== vector.framed)
        throw new VectorFault(`framed differs in the ${form}`);
    }
    if (vector.value === undefined) continue;
    if (!('value' in found)) throw new VectorFault('value is there, and no success is expected');
    if (!isDeepStrictEqual(jsonOf(vector.type, found.value), vector.value.json)) {
      throw new VectorFault(`value differs in the ${form}`);
    }
  }
}

/** Computes a token. */
export async function checkIndex(vector: IndexCase): Promise<void> {
  if ((await computeToken(vector)) !== vector.token) throw new VectorFault('token differs');
}

/** The token of a value that is transformed already; a null, or a null part, has none. */
export async function computeToken(index: Omit<IndexCase, 'token'>): Promise<string | null> {
  const { indexKey, value, place: _, ...where } = index;
  const place: TokenPlace = where;
  const { engine } = openedOf((await keyringWith([])).keyring).environment;
  const key = await engine.importKey(indexKey);
  const id = keyIdBytes(await keyCommitment(engine, 'index', key));
  const parts = isTuple(value) ? value : [value];
  // Computed even where a part is null: what an index refuses, it refuses whatever the value is.
  const given = parts.map((part) => part ?? '');
  const indexed: IndexedValue = isTuple(value) ? given : (given[0] as ContextPart);
  const token = await indexToken(engine, key, id, place, indexed);
  return parts.includes(null) ? null : token;
}

function isTuple(value: VectorIndexed): value is readonly (ContextPart | null)[] {
  return Array.isArray(value);
}

async function computeCell(
  held: CaseKeyring,
  vector: CellCase,
): Promise<Record<(typeof COMPARED)[number], string>> {
  const { engine } = openedOf(held.keyring).environment;
  const commitment = await keyCommitment(engine, 'data', await engine.importKey(vector.dataKey));
  const id = keyIdBytes(commitment);
  const { record: _, ...fields } = vector.context;
  const scope = encodeContext('scope', { tenant: fields.tenant, table: fields.table });
  const sealed = await sealForms(held, vector);
  const { salt, iv } = vector;
  return {
    commitment: hex(commitment),
    keyId: keyIdOf({ commitment }),
    framed: hex(encodeFramed(attributeOf(vector).spec, javaScriptOf(vector.type, vector.value), {})),
    scope: hex(scope),
    cellKey: salt ? hex(await hkdf(vector.dataKey, salt, cellKeyInfo(id, scope))) : '',
    aad:
      salt && iv
        ? hex(concat(prefixBytes('randomized', id), salt, iv, encodeContext('cell', vector.context)))
        : '',
    ...sealed,
  };
}

/** The cell in both forms, by the path of a value. */
export async function sealForms(
  held: CaseKeyring,
  vector: CellCase,
): Promise<{ cell: string; text: string }> {
  const value = javaScriptOf(vector.type, vector.value);
  if (vector.mode === 'deterministic') {
    const opened = openedOf(held.keyring);
    const framed = encodeFramed(attributeOf(vector).spec, value, {});
    const dataKey = await opened.sealingKey(vector.context.tenant, {});
    const cell = await sealDeterministic(opened.environment.engine, dataKey, vector.context, framed);
    return { cell: hex(cell), text: cellText(cell) };
  }
  const sealAs = async (form: Form): Promise<unknown> => {
    const { definition, id, options } = placeOf(vector, form);
    held.give(vector.iv);
    return encryptCell(definition, vector.context.column, value, id, held.keyring, ...options);
  };
  held.give(vector.salt);
  return { cell: hex((await sealAs('binary')) as Bytes), text: (await sealAs('text')) as string };
}

/** The value of a stored cell, by the path that every reader takes. */
export async function readCell(
  held: CaseKeyring,
  vector: VectorAttribute,
  stored: string | Bytes,
): Promise<unknown> {
  if (vector.mode === 'randomized') {
    const { definition, id, options } = placeOf(vector, typeof stored === 'string' ? 'text' : 'binary');
    return decryptCell(definition, vector.context.column, stored, id, held.keyring, ...options);
  }
  const framed = await openInside(held, vector, stored);
  return decodeFramed(attributeOf(vector).spec, framed);
}

/** The framed value of a stored cell. */
async function openInside(
  held: CaseKeyring,
  vector: VectorAttribute,
  stored: string | Bytes,
): Promise<Bytes> {
  const opened = openedOf(held.keyring);
  const { engine } = opened.environment;
  const { keyId, bytes } = parseCell(stored, vector.mode, attributeOf(vector).spec.maxBytes, {});
  const dataKey = await opened.openingKey(keyId, vector.context.tenant, {});
  if (vector.mode === 'deterministic') return openDeterministic(engine, dataKey, vector.context, bytes);
  const { tenant, table: name } = vector.context;
  const info = cellKeyInfo(dataKey.keyIdBytes, encodeContext('scope', { tenant, table: name }));
  const cellKey = await engine.deriveAead(dataKey.key, saltOf(bytes), info);
  return openRandomized(
    engine,
    cellKey,
    { before: encodeContext('cell', vector.context), record: undefined },
    bytes,
  );
}

function parse(vector: VectorAttribute, form: Form, stored: string | Bytes): Bytes {
  return parseCell(stored, vector.mode, attributeOf(vector, { form }).spec.maxBytes, {}).bytes;
}

/** What came of it: a value, or the code of a refusal. */
async function outcome<T>(work: () => Promise<T>): Promise<{ code: 'success'; value: T } | { code: string }> {
  try {
    return { code: 'success', value: await work() };
  } catch (error) {
    if (error instanceof BrokenFrameError) return { code: 'authentication' };
    if (error instanceof CellRefusedError) return { code: error.code };
    throw error;
  }
}

async function hkdf(key: Bytes, salt: Bytes, info: Bytes): Promise<Bytes> {
  const { subtle } = globalThis.crypto;
  const base = await subtle.importKey('raw', key, 'HKDF', false, ['deriveBits']);
  return new Uint8Array(await subtle.deriveBits({ name: 'HKDF', hash: 'SHA-256', salt, info }, base, 256));
}

interface Place {
  readonly definition: Table;
  readonly id: Readonly<Record<string, unknown>>;
  readonly options: readonly [{ readonly tenant: never }] | readonly [];
}

/** The definition that the case's context is of, and the arguments that make that context. */
function placeOf(vector: VectorAttribute, form: Form): Place {
  const { tenant, table: name, column, record } = vector.context;
  const parts =
    record === undefined
      ? ['1']
      : Array.isArray(record)
        ? (record as ContextPart[])
        : [record as ContextPart];
  // Names that no column has.
  const ids = parts.map((part, position) => idPart(`${column}/${position}`, part));
  const definition = table(name, {
    record: Array.isArray(record) ? (ids as [IdPart, ...IdPart[]]) : (ids[0] as IdPart),
    ...(tenant !== undefined && { tenant: idPart(`${column}/tenant`, tenant) }),
    encrypt: { [column]: attributeOf(vector, { form }) },
  });
  return {
    definition: definition as Table,
    id: Object.fromEntries(ids.map(({ name: part }, position) => [part, parts[position]])),
    options: tenant === undefined ? [] : [{ tenant: tenant as never }],
  };
}

function idPart(name: string, part: ContextPart): IdPart {
  if (typeof part === 'string') return text(name);
  return typeof part === 'bigint' ? integer(name) : bytes(name);
}
