import { DefinitionError, type Where } from '../errors.js';
import { MAX_INDEX_BITS, MIN_INDEX_BITS, UNIQUE_INDEX_BITS } from '../limits.js';
import { TOKEN_PREFIX_CHARACTERS } from '../token-form.js';
import { type OwnTransform, type Transform, transformOf } from './transforms.js';

/** The transforms that are built in (docs/search.md). */
export type BuiltInTransform = 'exact-1' | 'lower-1' | 'email-1' | 'email-domain-1' | 'digits-1' | 'last4-1';

/** What an index is made of, for look-ups that see equal values only (docs/search.md). */
export interface IndexOptions {
  /** The property of a record that holds its token; it is bound into every token. Default: the attribute's name and `_index`. */
  readonly name?: string;
  /** Bits of a token, 8 to 256: fewer make more values share one (docs/search.md has the table). */
  readonly bits: number;
  /** What of the value is looked up by. Default: `'exact-1'`, all of it. */
  readonly transform?: BuiltInTransform | OwnTransform;
  /** The column's name in the database, for record stores. Default: the index's name. */
  readonly column?: string;
  /** Whether the column has a UNIQUE constraint: with 128 bits or more, under one index key until `next` has taken its place. Default: `false`. */
  readonly unique?: boolean;
  /** Of a unique index: with which of the keyring's index keys its tokens are made, counted from 1 in the order in which they were added, those of tenants apart. Default: 1. */
  readonly generation?: number;
  /** Of a unique index, while it changes its key: the property, and the column, of tokens under the key of the next generation. Default: it does not change. */
  readonly next?: string;
  /** Of `next`: with which index key the tokens of that column are made, counted as for `generation` and greater. Another one than the default where that key was withdrawn, or is out of use. Default: the one behind `generation`. */
  readonly nextGeneration?: number;
  /** While not every record has its right token yet: look-ups find those that have none, too, and a rotation looks at every one. Default: `false`. */
  readonly filling?: boolean;
  /** That its values are few is known, and meant: no warning when the table is defined (docs/search.md says what few values show). Default: `false`. */
  readonly fewValues?: boolean;
}

/** An index over several attributes: look-ups name a value for each. */
export interface CompoundIndexOptions<Name extends string = string> extends Omit<IndexOptions, 'name'> {
  /** Two attributes or more, in the order in which they are bound into every token. */
  readonly attributes: readonly [Name, Name, ...Name[]];
}

/** {@link IndexOptions}, looked at. */
export interface BlindIndex {
  /** Its name, bound into every token. */
  readonly name: string;
  /** The attributes that it is over, in order; bound into every token. */
  readonly attributes: readonly string[];
  /** What of the values is looked up by. */
  readonly transform: Transform;
  /** Bits of a token. */
  readonly bits: number;
  /** The column of its tokens in the database. */
  readonly column: string;
  /** Whether the column has a UNIQUE constraint. */
  readonly isUnique: boolean;
  /** Of a unique index: the place of its index key among those that all tenants share, from 1. */
  readonly generation: number;
  /** The property, and the column, of tokens under the key of the next generation. */
  readonly next: string | undefined;
  /** The place of that column's index key, counted alike. */
  readonly nextGeneration: number;
  /** Whether records may lack their token still. */
  readonly isFilling: boolean;
}

/** Looks at what one index was given. Throws `DefinitionError`. */
export function blindIndex(
  name: string,
  attributes: readonly string[],
  options: Omit<IndexOptions, 'name'>,
  where: Where,
): BlindIndex {
  const { bits, column = name, unique: isUnique = false, next, filling: isFilling = false } = options;
  const { generation = 1 } = options;
  const { nextGeneration = generation + 1 } = options;
  const transform = transformOf(options.transform ?? 'exact-1', where);
  if (!Number.isInteger(bits) || bits < MIN_INDEX_BITS || bits > MAX_INDEX_BITS)
    throw new DefinitionError('An index says its bits: a whole number from 8 to 256.', where);
  if (typeof isUnique !== 'boolean' || typeof isFilling !== 'boolean')
    throw new DefinitionError('unique and filling of an index are true or false.', where);
  if (isUnique && bits < UNIQUE_INDEX_BITS)
    throw new DefinitionError(
      'A unique index has 128 bits or more: with fewer, two different values would share a token.',
      where,
    );
  if (!Number.isInteger(generation) || generation < 1)
    throw new DefinitionError('generation of an index is a whole number from 1.', where);
  if (!Number.isInteger(nextGeneration) || nextGeneration <= generation)
    throw new DefinitionError('nextGeneration of an index is a whole number greater than generation.', where);
  if (next === undefined && options.nextGeneration !== undefined)
    throw new DefinitionError('nextGeneration is said of a second column: name that in next.', where);
  if ((next !== undefined || generation !== 1) && !isUnique)
    throw new DefinitionError(
      'next and generation are for unique indexes. The tokens of others change their key in place, in a rotation.',
      where,
    );
  for (const [what, text] of Object.entries({ name, column, next })) {
    if (text !== undefined && (typeof text !== 'string' || text === '' || text === '__proto__'))
      throw new DefinitionError(`The ${what} of an index is text that is not empty.`, where);
  }
  return Object.freeze({
    name,
    attributes: Object.freeze([...attributes]),
    transform,
    bits,
    column,
    isUnique,
    generation,
    next,
    nextGeneration,
    isFilling,
  });
}

/** Characters of one of its tokens. */
export function tokenCharacters({ bits }: Pick<BlindIndex, 'bits'>): number {
  return TOKEN_PREFIX_CHARACTERS + 1 + Math.ceil(bits / 8) * 2;
}
