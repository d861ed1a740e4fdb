/** A column as the database declares it. */
export interface DeclaredColumn {
  readonly name: string;
  /** In the dialect's own words, in lower case. */
  readonly type: string;
  readonly charset?: string | undefined;
  readonly collation?: string | undefined;
  /** The database sets it anew with every update, unless it is told not to. */
  readonly isTouched?: boolean | undefined;
}
