import type { TokenLookup } from '../ports/token-lookup.js';

/** How a look-up becomes a part of somebody's statement. */
export interface LookupWhereOptions {
  /** What the statement calls the table: `'c'` for `FROM customers c`. Default: columns stand without one. */
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

/** One `IN` for each column, which its index serves. */
export function lookupWhere(
  { columns, isFilling }: TokenLookup,
  { alias, firstParameter = 1 }: LookupWhereOptions,
  quote: (identifier: string) => string,
  parameter: (number: number) => string,
): LookupWhere {
  const values: string[] = [];
  const name = (column: string): string => `${alias === undefined ? '' : `${quote(alias)}.`}${quote(column)}`;
  const conditions = columns.map(({ column, tokens }) => {
    const parameters = tokens.map((token) => parameter(firstParameter - 1 + values.push(token)));
    return `${name(column)} IN (${parameters.join(', ')})`;
  });
  if (isFilling) conditions.push(`${name(columns[0].column)} IS NULL`);
  return { sql: `(${conditions.join(' OR ')})`, values };
}
