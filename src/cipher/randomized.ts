import { type Bytes, concat } from '../bytes.js';
import { type ContextFields, encodeContext, headerBytes, randomizedParts } from '../envelope/index.js';
import type { Where } from '../errors.js';
import { type MaybePromise, andThen } from '../maybe.js';
import type { AeadKey, Engine } from '../ports/engine.js';

/** A randomized cell from a framed value (docs/format.md §3). The IV is an argument: it is drawn above. */
export function sealRandomized(
  engine: Engine,
  cellKey: AeadKey,
  keyIdBytes: Bytes,
  salt: Bytes,
  iv: Bytes,
  context: Bytes,
  framed: Bytes,
): MaybePromise<Bytes> {
  const header = headerBytes(keyIdBytes, salt, iv);
  return andThen(engine.seal(cellKey, iv, concat(header, context), framed), (sealed) =>
    concat(header, sealed),
  );
}

/** The framed value of a randomized cell, or `AuthenticationError`. */
export function openRandomized(
  engine: Engine,
  cellKey: AeadKey,
  context: Bytes,
  cell: Bytes,
): MaybePromise<Bytes> {
  const { header, iv, sealed } = randomizedParts(cell);
  return engine.open(cellKey, iv, concat(header, context), sealed);
}

/** context("cell", …): what a randomized cell authenticates beside its header. */
export function randomizedContext(fields: ContextFields, where: Where): Bytes {
  return encodeContext('cell', fields, where);
}
