import { type Bytes, base32, concat, hex } from '../bytes.js';
import {
  type ContextFields,
  type ContextPart,
  encodeContext,
  encodeIndexed,
  hkdfInfo,
} from '../envelope/index.js';
import { DefinitionError } from '../errors.js';
import { MAX_INDEX_BITS, MIN_INDEX_BITS } from '../limits.js';
import { type MaybePromise, andThen } from '../maybe.js';
import type { DerivationKey, Engine } from '../ports/engine.js';

/** Characters of the index key's id at the beginning of a token. */
const PREFIX_CHARACTERS = 8;

/** A value that a transform has given: for a compound index one part for each attribute. */
export type IndexedValue = ContextPart | readonly ContextPart[];

/** What a token is made for (docs/format.md §7). */
export interface TokenPlace extends Pick<ContextFields, 'tenant' | 'table'> {
  /** The attribute's name; for a compound index the names joined by commas. */
  readonly column: string;
  /** The index's name. */
  readonly name: string;
  readonly transform: string;
  /** L, 8 to 256. */
  readonly bits: number;
}

/** The token of an already transformed value. */
export function indexToken(
  engine: Engine,
  indexKey: DerivationKey,
  keyIdBytes: Bytes,
  { tenant, table, column, name, transform, bits }: TokenPlace,
  value: IndexedValue,
): MaybePromise<string> {
  if (!Number.isInteger(bits) || bits < MIN_INDEX_BITS || bits > MAX_INDEX_BITS) {
    throw new DefinitionError('An index has 8 to 256 bits.', { table, column });
  }
  const context = encodeContext('index', { tenant, table, column, extra: [name, transform, BigInt(bits)] });
  return andThen(engine.deriveMac(indexKey, hkdfInfo('cellseal/v1/blind-index', context)), (key) =>
    andThen(
      engine.mac(key, concat(context, encodeIndexed(value))),
      (mac) => `${base32(keyIdBytes).slice(0, PREFIX_CHARACTERS)}.${hex(truncate(mac, bits))}`,
    ),
  );
}

/** The leftmost bits, in as few bytes as hold them; the unused low bits are zero. */
function truncate(mac: Bytes, bits: number): Bytes {
  const kept = mac.slice(0, Math.ceil(bits / 8));
  const unused = kept.length * 8 - bits;
  const last = kept.length - 1;
  kept[last] = (kept[last] as number) & (0xff << unused);
  return kept;
}
