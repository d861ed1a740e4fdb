import { isAdopting } from '../adopting.js';
import type { Attribute } from '../attribute.js';
import { isUint8Array } from '../bytes.js';
import type { ContextPart } from '../envelope/index.js';
import { KEY_TAG_CHARACTERS, keyTagOfBytes, parseKeyTag } from '../key-tag.js';
import type { OpenedKeyring } from '../keyring/index.js';
import { type MaybePromise, andThen, inTurn, rescue } from '../maybe.js';
import type { RefusedCell } from '../ports/job-store.js';
import type { CellSwap, RecordSwap, StoredRecord, TokenSwap } from '../ports/record-store.js';
import { contextTenant } from '../record-id.js';
import type { Table } from '../table.js';
import { adopt } from './adopt.js';
import { isRefusal, placeInRecord } from './place.js';
import { CURRENT, type FoundCell, type Renewal, renewCell } from './renew.js';
import { type TokenWork, renewTokens } from './renew-tokens.js';

/** What is to be done with one record. */
export interface RecordWork {
  /** `undefined` where every cell that can be read is as the definition says already. */
  readonly swap: RecordSwap | undefined;
  /** Cells that were refused. Their bytes stay as they are. */
  readonly refused: readonly RefusedCell[];
  /** Tokens of which nothing can be said, because a cell that they are made from was refused. */
  readonly unjudged: readonly string[];
  /** Cells that are as the definition says: under their active key, and bound to their place. */
  readonly current: number;
  /** Of those to be swapped: cells in place of plaintext. */
  readonly adopted: number;
  /** Of those to be swapped: cells that opened in their former place only. */
  readonly rebound: number;
}

/**
 * Brings a record to what its definition says: what is not under its active key, stands there as plaintext, or is bound
 * to its former place is sealed anew. Framed bytes go from cell to cell.
 */
export function rewriteRecord(
  opened: OpenedKeyring,
  definition: Table,
  record: StoredRecord,
): MaybePromise<RecordWork> {
  const cells: CellSwap[] = [];
  const refused: RefusedCell[] = [];
  const counts = { current: 0, adopted: 0, rebound: 0, rewritten: 0 };
  const look = ([column, attribute]: [string, Attribute], position: number): MaybePromise<void> => {
    const stored = record.cells[position] ?? null;
    const plaintext = record.plaintexts?.[position] ?? null;
    const hasPlaintext = isAdopting(attribute) && (plaintext !== null || attribute.spec.hideNull);
    if (stored === null && !hasPlaintext) return;
    const renewal = rescue(
      () => renew(opened, definition, record, column, attribute, position),
      (error) => {
        if (!isRefusal(error)) throw error;
        refused.push({ table: definition.name, key: record.key, column, code: error.code });
      },
    );
    return andThen(renewal, (found) => {
      if (!found) return;
      counts[found.was]++;
      if (found.was !== 'current') cells.push({ cell: position, ...found.swap });
    });
  };
  const looked = inTurn(Object.entries(definition.encrypt), look);
  return andThen(looked, () => {
    const { current, adopted, rebound } = counts;
    const done = ({ tokens, refused: left, unjudged }: TokenWork): RecordWork => {
      const swap = swapOf(record, cells, tokens, definition);
      return { swap, refused: [...refused, ...left], unjudged, current, adopted, rebound };
    };
    return andThen(renewTokens(opened, definition, record, cells, refused), done);
  });
}

/** With a new token goes every cell that it was made from, whether that changes or not. */
function swapOf(
  { cells, key }: StoredRecord,
  changed: readonly CellSwap[],
  tokens: readonly TokenSwap[],
  { layout }: Table,
): RecordSwap | undefined {
  if (tokens.length === 0) return changed.length > 0 ? { key, cells: changed } : undefined;
  const sources = new Set(tokens.flatMap(({ token }) => layout.tokens?.[token]?.cells ?? []));
  for (const { cell } of changed) sources.delete(cell);
  const kept = [...sources].map((cell): CellSwap => {
    const stored = (cells[cell] ?? null) as CellSwap['old'];
    return { cell, old: stored, new: stored };
  });
  return { key, cells: [...changed, ...kept], tokens };
}

function renew(
  opened: OpenedKeyring,
  definition: Table,
  record: StoredRecord,
  column: string,
  attribute: Attribute,
  position: number,
): MaybePromise<Renewal> {
  const stored = record.cells[position] ?? null;
  const where = { table: definition.name, column };
  // The context comes from the definition and the scan, never from the cell.
  const tenant = contextTenant(definition, record.tenant, where);
  return andThen(isUnderActiveKey(opened, tenant, stored), (isActive) => {
    // The tag check comes before any cryptography. It says nothing of what a cell is bound to, nor of a plaintext beside it.
    if (isActive && !definition.rebinding && !isAdopting(attribute)) return CURRENT;
    const place = placeInRecord(definition, column, attribute, record, tenant);
    const found: FoundCell = { opened, place, stored, isActive };
    return isAdopting(attribute)
      ? adopt(found, attribute.adopting, record.plaintexts?.[position] ?? null)
      : renewCell(found);
  });
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
  const keyId = tag === undefined ? undefined : keyIdOfTag(tag);
  if (keyId === undefined) return false;
  return andThen(opened.sealingKeyId(tenant), (active) => keyId === active);
}

/** The tag that was met last, and the key that it names: most cells of a page are of one. */
let lastTag: { readonly tag: string; readonly keyId: string | undefined } | undefined;

function keyIdOfTag(tag: string): string | undefined {
  if (lastTag?.tag !== tag) lastTag = { tag, keyId: parseKeyTag(tag)?.keyId };
  return lastTag.keyId;
}
