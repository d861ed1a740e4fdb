import type { Attribute } from '../attribute.js';
import { type Bytes, equalBytes, isUint8Array } from '../bytes.js';
import { type CellPlace, type StoredCell, cellPlace, openFramed, sealFramed } from '../cell.js';
import type { ContextPart } from '../envelope/index.js';
import { CellRefusedError, CellsealError, SelfCheckError } from '../errors.js';
import { KEY_TAG_CHARACTERS, keyTagOf, keyTagOfBytes, parseKeyTag } from '../key-tag.js';
import type { OpenedKeyring } from '../keyring/index.js';
import { type MaybePromise, andThen } from '../maybe.js';
import type { RefusedCell } from '../ports/job-store.js';
import type { CellSwap, RecordSwap, StoredRecord } from '../ports/record-store.js';
import { contextRecord, contextTenant } from '../record-id.js';
import { type Table, bindingOf } from '../table.js';

/** What is to be done with one record. */
export interface RecordWork {
  /** `undefined` where every cell that can be read is under its active key already. */
  readonly swap: RecordSwap | undefined;
  /** Cells that were refused. Their bytes stay as they are. */
  readonly refused: readonly RefusedCell[];
  /** Cells under their active key. */
  readonly current: number;
}

/** Opens what is not under its active key and seals it anew: framed bytes, from cell to cell. */
export async function rewriteRecord(
  opened: OpenedKeyring,
  definition: Table,
  record: StoredRecord,
): Promise<RecordWork> {
  const cells: CellSwap[] = [];
  const refused: RefusedCell[] = [];
  let current = 0;
  for (const [position, [column, attribute]] of Object.entries(definition.encrypt).entries()) {
    const stored = record.cells[position] ?? null;
    if (stored === null) continue;
    try {
      const fresh = await rewriteCell(opened, definition, record, column, attribute, stored);
      if (fresh === undefined) current++;
      else cells.push({ cell: position, old: stored as StoredCell, new: fresh });
    } catch (error) {
      if (!isRefusal(error)) throw error;
      refused.push({ table: definition.name, key: record.key, column, code: error.code });
    }
  }
  return { swap: cells.length > 0 ? { key: record.key, cells } : undefined, refused, current };
}

/** The new cell, or `undefined` where the old one is under the active key: the tag check comes before any cryptography. */
async function rewriteCell(
  opened: OpenedKeyring,
  definition: Table,
  record: StoredRecord,
  column: string,
  attribute: Attribute,
  stored: unknown,
): Promise<StoredCell | undefined> {
  const where = { table: definition.name, column };
  // The context comes from the definition and the scan, never from the cell.
  const tenant = contextTenant(definition, record.tenant, where);
  if (await isUnderActiveKey(opened, tenant, stored)) return undefined;
  const bound =
    bindingOf(definition, attribute) === 'record' ? contextRecord(definition, record.id, where) : undefined;
  const place = cellPlace(definition, column, attribute, bound, tenant);

  const framed = await openFramed(opened, place, stored);
  try {
    const fresh = await sealFramed(opened, place, framed);
    // Opened once as a reader will, before it takes the place of a cell that can be read.
    await assertOpensTo(framed, place, () => openFramed(opened, place, fresh));
    // Who was behind reads the keyring before it seals: then the cell may have been under the active key all along.
    return keyTagOf(fresh) === keyTagOf(stored) ? undefined : fresh;
  } finally {
    framed.fill(0);
  }
}

async function assertOpensTo(
  framed: Bytes,
  { where }: CellPlace,
  open: () => MaybePromise<Bytes>,
): Promise<void> {
  let again: Bytes;
  try {
    again = await open();
  } catch {
    throw new SelfCheckError(where); // not a refusal: the record's own cell has just opened
  }
  if (!equalBytes(framed, again)) throw new SelfCheckError(where);
  again.fill(0);
}

function isUnderActiveKey(
  opened: OpenedKeyring,
  tenant: ContextPart | undefined,
  stored: unknown,
): MaybePromise<boolean> {
  const tag =
    typeof stored === 'string'
      ? stored.slice(0, KEY_TAG_CHARACTERS)
      : isUint8Array(stored)
        ? keyTagOfBytes(stored)
        : undefined;
  const keyId = tag === undefined ? undefined : parseKeyTag(tag)?.keyId;
  if (keyId === undefined) return false;
  return andThen(opened.sealingKeyId(tenant), (active) => keyId === active);
}

/** A cell that is refused, or a record whose id or tenant has no place in a context: this record's trouble, not the rotation's. */
function isRefusal(error: unknown): error is CellsealError {
  if (error instanceof CellRefusedError) return true;
  return (
    error instanceof CellsealError &&
    ['invalid-context', 'missing-record-id', 'missing-tenant'].includes(error.code)
  );
}
