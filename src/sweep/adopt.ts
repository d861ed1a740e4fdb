import { canonicalNumber, isPlaintextInPlace } from '../adopting.js';
import type { AdoptingRule } from '../attribute.js';
import { type Bytes, equalBytes } from '../bytes.js';
import { type StoredCell, adoptedFramed, adoptedValue } from '../cell.js';
import { type ValueSpec, decodeFramed, encodeFramed } from '../codec/index.js';
import { AdoptionConflictError } from '../errors.js';
import { type FoundCell, type Renewal, renewCell, renewFramed, sealChecked, withOpened } from './renew.js';

/** A plaintext as a store gives it. */
type Plaintext = string | Bytes | null;

/** What becomes of a cell of an attribute that is adopting; `undefined` where there is nothing to be made of anything. */
export function adopt(
  found: FoundCell,
  { from, newer }: AdoptingRule,
  plaintext: unknown,
): Promise<Renewal | undefined> {
  return from ? adoptFrom(found, newer, plaintext as Plaintext) : adoptInPlace(found);
}

/** The shape decides, before anything is decrypted: what looks like a cell opens as one, or is refused. */
async function adoptInPlace(found: FoundCell): Promise<Renewal | undefined> {
  const { stored } = found;
  if (stored === null) return sealHiddenNull(found, { old: null });
  if (!isPlaintextInPlace(found.place.attribute, stored)) return renewCell(found);
  return seal(found, await adoptedValue(found.place, stored), { old: stored as StoredCell });
}

/** The new cell depends on both columns, so both must be as they were read. */
async function adoptFrom(
  found: FoundCell,
  newer: AdoptingRule['newer'],
  plaintext: Plaintext,
): Promise<Renewal | undefined> {
  const { place, stored } = found;
  if (stored === null) {
    const old = { old: null, plaintext } as const;
    if (plaintext === null) return sealHiddenNull(found, old);
    return seal(found, await adoptedValue(place, plaintext), old);
  }
  // A plaintext that is null says nothing, unless it is the one that counts: then somebody has removed the value.
  if (newer === 'cell' || (plaintext === null && newer === undefined)) return renewCell(found);
  const value = plaintext === null ? null : await adoptedValue(place, plaintext);
  return withOpened(found, async (framed, isRebound) => {
    if (saysTheSame(place.attribute.spec, framed, value)) return renewFramed(found, framed, isRebound);
    if (newer === undefined || value === null) throw new AdoptionConflictError(place.where);
    return seal(found, value, { old: stored as StoredCell, plaintext });
  });
}

/** Where nulls are hidden, one that is not stands out. */
async function sealHiddenNull(
  found: FoundCell,
  old: { old: null; plaintext?: Plaintext },
): Promise<Renewal | undefined> {
  return found.place.attribute.spec.hideNull ? seal(found, null, old) : undefined;
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
function saysTheSame(spec: ValueSpec, framed: Bytes, value: unknown): boolean {
  const canonical = (some: unknown): Bytes =>
    encodeFramed(
      { ...spec, type: spec.type === 'decimal' ? 'text' : spec.type },
      canonicalValue(spec, some),
      {},
    );
  if (value === null && !(spec.hideNull || spec.type === 'json')) return false;
  return equalBytes(canonical(decodeFramed(spec, framed)), canonical(value));
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
