import { canonicalNumber, isPlaintextInPlace } from '../adopting.js';
import type { AdoptingRule } from '../attribute.js';
import { type Bytes, equalBytes } from '../bytes.js';
import { type CellPlace, type StoredCell, adoptedFramed, adoptedValue } from '../cell.js';
import { BrokenFrameError, type ValueSpec, decodeFramed, encodeFramed } from '../codec/index.js';
import { AdoptionConflictError, AuthenticationError, type Where } from '../errors.js';
import type { MaybePromise } from '../maybe.js';
import { type FoundCell, type Renewal, renewCell, renewFramed, sealChecked, withOpened } from './renew.js';

/** A plaintext as a store gives it. */
type Plaintext = string | Bytes | null;

/** What becomes of a cell of an attribute that is adopting, and the plaintext in it or beside it: one of them is there, or nulls are hidden. */
export function adopt(
  found: FoundCell,
  { from, newer }: AdoptingRule,
  plaintext: unknown,
): MaybePromise<Renewal> {
  return from ? adoptFrom(found, newer, plaintext as Plaintext) : adoptInPlace(found);
}

/** The shape decides, before anything is decrypted: what looks like a cell opens as one, or is refused. */
async function adoptInPlace(found: FoundCell): Promise<Renewal> {
  const { stored } = found;
  if (stored === null) return seal(found, null, { old: null }); // nulls are hidden, or it would not be here
  if (!isPlaintextInPlace(found.place.attribute, stored)) return renewCell(found);
  return seal(found, await adoptedValue(found.place, stored), { old: stored as StoredCell });
}

/** The new cell depends on both columns, so both must be as they were read. */
async function adoptFrom(
  found: FoundCell,
  newer: AdoptingRule['newer'],
  plaintext: Plaintext,
): Promise<Renewal> {
  const { place, stored } = found;
  if (stored === null) {
    const value = plaintext === null ? null : await adoptedValue(place, plaintext);
    return seal(found, value, { old: null, plaintext });
  }
  // A plaintext that is null says nothing, unless it is the one that counts: then somebody has removed the value.
  if (newer === 'cell' || (plaintext === null && newer === undefined)) return renewCell(found);
  const value = plaintext === null ? null : await adoptedValue(place, plaintext);
  return withOpened(found, async (framed, isRebound) => {
    if (saysTheSame(place, framed, value)) return renewFramed(found, framed, isRebound);
    if (newer === undefined || value === null) throw new AdoptionConflictError(place.where);
    return seal(found, value, { old: stored as StoredCell, plaintext });
  });
}

async function seal(
  found: FoundCell,
  value: unknown,
  old: { old: StoredCell | null; plaintext?: Plaintext },
): Promise<Renewal> {
  const framed = await adoptedFramed(found.opened, found.place, value);
  try {
    return { was: 'adopted', swap: { ...old, new: await sealChecked(found, framed) } };
  } finally {
    framed.fill(0);
  }
}

/** Databases give JSON its members in another order, and decimals more zeros: neither is another value. */
function saysTheSame({ attribute: { spec }, where }: CellPlace, framed: Bytes, value: unknown): boolean {
  if (value === null && !(spec.hideNull || spec.type === 'json')) return false;
  const asText: ValueSpec = spec.type === 'decimal' ? { ...spec, type: 'text' } : spec;
  const canonical = (some: unknown): Bytes => encodeFramed(asText, canonicalValue(spec, some), where);
  return equalBytes(canonical(decoded(spec, framed, where)), canonical(value));
}

/** A broken frame is refused here as a reader refuses it. */
function decoded(spec: ValueSpec, framed: Bytes, where: Where): unknown {
  try {
    return decodeFramed(spec, framed);
  } catch (error) {
    throw error instanceof BrokenFrameError ? new AuthenticationError(where) : error;
  }
}

function canonicalValue({ type }: ValueSpec, value: unknown): unknown {
  if (type === 'decimal' && typeof value === 'string') return canonicalNumber(value);
  return type === 'json' ? sorted(value) : value;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).map(([name, member]): [string, unknown] => [name, sorted(member)]);
  return Object.fromEntries(members.sort(([a], [b]) => (a < b ? -1 : 1)));
}
