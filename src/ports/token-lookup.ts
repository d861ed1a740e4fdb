/** A column of tokens, and those of which a record that is looked for has one. */
export interface LookupColumn {
  /** The index's name in the definition. */
  readonly index: string;
  /** The name in the database. */
  readonly column: string;
  /** For each value that is looked up one for every index key that is alive, each once. */
  readonly tokens: readonly string[];
}

/** What a database is asked for a look-up. */
export interface TokenLookup {
  /** The table's path in the database. */
  readonly from: readonly string[];
  /** One; two of a unique index that changes its key. A record is a candidate where one of them has one of its tokens. */
  readonly columns: readonly [LookupColumn, ...LookupColumn[]];
  /** Whether records without a token are candidates, too: the index is being filled. */
  readonly isFilling: boolean;
}
