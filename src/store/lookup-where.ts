import { NotAskableError } from '../errors.js';
import type { TokenLookup } from '../ports/token-lookup.js';

/** How a look-up becomes a part of somebody's statement. */
export interface LookupWhereOptions {
  /** What the statement calls the table: `'c'` for `FROM customers c`. It is quoted, so that any name will do; PostgreSQL takes an unquoted `C` for `c`. Default: columns stand without one. */
  readonly alias?: string;
  /** The number of the first parameter that is free, from 1: for PostgreSQL, where the statement has others before these. Default: 1. */
  readonly firstParameter?: number;
}

/** A condition that is true for the candidates of a look-up, in parentheses. */
export interface LookupWhere {
  /** For a WHERE; combine it as you like. */
  readonly sql: string;
  /** The values of its parameters, in order. */
  readonly values: string[];
}

/** How a database wants it. */
export interface LookupDialect {
  quote(identifier: string): string;
  /** The notation of the parameter with this number, from 1. */
  parameter(number: number): string;
  /** Parameters of one statement. */
  readonly maxParameters: number;
}

/** One `IN` for each column, which its index serves. Throws `NotAskableError` for more tokens than there may be parameters. */
export function lookupWhere(
  { columns, isFilling }: TokenLookup,
  { alias, firstParameter = 1 }: LookupWhereOptions,
  { quote, parameter, maxParameters }: LookupDialect,
): LookupWhere {
  const wanted = columns.reduce((sum, { tokens }) => sum + tokens.length, firstParameter - 1);
  if (wanted > maxParameters)
    throw new NotAskableError(
      'The look-up has more tokens than a statement takes parameters: one for each value, for every index key that is alive. Look up fewer values at a time, in several statements.',
      { column: columns[0].index },
    );
  const values: string[] = [];
  const name = (column: string): string => `${alias === undefined ? '' : `${quote(alias)}.`}${quote(column)}`;
  const conditions = columns.map(({ column, tokens }) => {
    const parameters = tokens.map((token) => parameter(firstParameter - 1 + values.push(token)));
    return `${name(column)} IN (${parameters.join(', ')})`;
  });
  if (isFilling) conditions.push(`${name(columns[0].column)} IS NULL`);
  return { sql: `(${conditions.join(' OR ')})`, values };
}
