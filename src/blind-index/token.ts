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
import type { DerivationKey, Engine, MacKey } from '../ports/engine.js';
import { TOKEN_PREFIX_CHARACTERS } from '../token-form.js';

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

/** What all tokens of one place have in common. */
export interface TokenScope {
  /** Equal for equal places. */
  readonly id: string;
  /** context("index", …) */
  readonly context: Bytes;
  readonly bits: number;
}

/** Throws `DefinitionError` for bits that are none, `InvalidContextError` for names that are too long. */
export function tokenScope({ tenant, table, column, name, transform, bits }: TokenPlace): TokenScope {
  if (!Number.isInteger(bits) || bits < MIN_INDEX_BITS || bits > MAX_INDEX_BITS) {
    throw new DefinitionError('An index has 8 to 256 bits.', { table, column });
  }
  const context = encodeContext('index', { tenant, table, column, extra: [name, transform, BigInt(bits)] });
  return { id: String.fromCharCode(...context), context, bits };
}

/** K: one key for each place. */
export function tokenKey(
  engine: Engine,
  indexKey: DerivationKey,
  { context }: TokenScope,
): MaybePromise<MacKey> {
  return engine.deriveMac(indexKey, hkdfInfo('cellseal/v1/blind-index', context));
}

/** The token of an already transformed value. `keyId` as text. */
export function tokenOf(
  engine: Engine,
  key: MacKey,
  keyId: string,
  { context, bits }: TokenScope,
  value: IndexedValue,
): MaybePromise<string> {
  return andThen(
    engine.mac(key, concat(context, encodeIndexed(value))),
    (mac) => `${keyId.slice(0, TOKEN_PREFIX_CHARACTERS)}.${hex(truncate(mac, bits))}`,
  );
}

/** {@link tokenKey} and {@link tokenOf} in one. */
export function indexToken(
  engine: Engine,
  indexKey: DerivationKey,
  keyIdBytes: Bytes,
  place: TokenPlace,
  value: IndexedValue,
): MaybePromise<string> {
  const scope = tokenScope(place);
  return andThen(tokenKey(engine, indexKey, scope), (key) =>
    tokenOf(engine, key, base32(keyIdBytes), scope, value),
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
