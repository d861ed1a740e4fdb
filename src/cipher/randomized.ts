import { type Bytes, publicBytes } from '../bytes.js';
import { ivOf } from '../envelope/index.js';
import type { MaybePromise } from '../maybe.js';
import type { AeadKey, Engine } from '../ports/engine.js';
import { HEADER_BYTES, PREFIX_BYTES, SUITE_1 } from '../suite.js';

/** context("cell", …) in two parts: what all cells of a column have in common, and the record's own (none, where cells are bound to their column). */
export interface CellContext {
  readonly before: Bytes;
  readonly record: Bytes | undefined;
}

/** A randomized cell from a framed value (docs/format.md §3). The IV is an argument: it is drawn above. {@link publicBytes}. */
export function sealRandomized(
  engine: Engine,
  cellKey: AeadKey,
  prefix: Bytes,
  salt: Bytes,
  iv: Bytes,
  context: CellContext,
  framed: Bytes,
): MaybePromise<Bytes> {
  const authenticated = withContext(context);
  authenticated.set(prefix);
  authenticated.set(salt, PREFIX_BYTES);
  authenticated.set(iv, PREFIX_BYTES + SUITE_1.saltBytes);
  return engine.seal(cellKey, iv, authenticated, framed, authenticated.subarray(0, HEADER_BYTES));
}

/** The framed value of a randomized cell, or `AuthenticationError`. */
export function openRandomized(
  engine: Engine,
  cellKey: AeadKey,
  context: CellContext,
  cell: Bytes,
): MaybePromise<Bytes> {
  const authenticated = withContext(context);
  for (let i = 0; i < HEADER_BYTES; i++) authenticated[i] = cell[i] as number;
  return engine.open(cellKey, ivOf(cell), authenticated, cell, HEADER_BYTES);
}

/** header ‖ context, with nothing in its header yet. */
function withContext({ before, record }: CellContext): Bytes {
  const end = HEADER_BYTES + before.length;
  const joined = publicBytes(end + (record === undefined ? 0 : record.length));
  joined.set(before, HEADER_BYTES);
  if (record !== undefined) joined.set(record, end);
  return joined;
}
