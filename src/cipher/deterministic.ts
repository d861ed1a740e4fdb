import { type Bytes, concat, u64 } from '../bytes.js';
import {
  type ContextFields,
  deterministicParts,
  encodeContext,
  hkdfInfo,
  prefixBytes,
} from '../envelope/index.js';
import { AuthenticationError } from '../errors.js';
import { type MaybePromise, andThen } from '../maybe.js';
import type { Engine, MacKey, StreamKey } from '../ports/engine.js';
import type { DataKey } from './cell-keys.js';

const COUNTER_BYTES = 16;

interface Keys {
  readonly mac: MacKey;
  readonly stream: StreamKey;
}

/** A deterministic cell from a framed value (docs/format.md §4). `fields` name no record: it is bound to its column. */
export function sealDeterministic(
  engine: Engine,
  dataKey: DataKey,
  fields: ContextFields,
  framed: Bytes,
): MaybePromise<Bytes> {
  const prefix = prefixBytes('deterministic', dataKey.keyIdBytes);
  return andThen(deterministicKeys(engine, dataKey, fields), ({ mac, stream }) =>
    andThen(engine.mac(mac, authenticated(prefix, fields, framed)), (v) =>
      andThen(engine.applyStream(stream, counterBlock(v), framed), (ciphertext) =>
        concat(prefix, v, ciphertext),
      ),
    ),
  );
}

/** The framed value of a deterministic cell, or `AuthenticationError`. */
export function openDeterministic(
  engine: Engine,
  dataKey: DataKey,
  fields: ContextFields,
  cell: Bytes,
): MaybePromise<Bytes> {
  const { prefix, syntheticIv, ciphertext } = deterministicParts(cell);
  return andThen(deterministicKeys(engine, dataKey, fields), ({ mac, stream }) =>
    andThen(engine.applyStream(stream, counterBlock(syntheticIv), ciphertext), (framed) =>
      andThen(engine.verifyMac(mac, syntheticIv, authenticated(prefix, fields, framed)), (genuine) => {
        if (genuine) return framed;
        framed.fill(0);
        throw new AuthenticationError();
      }),
    ),
  );
}

function deterministicKeys(engine: Engine, dataKey: DataKey, fields: ContextFields): MaybePromise<Keys> {
  const scope = encodeContext('det-scope', fields);
  const info = (label: string): Bytes =>
    hkdfInfo(label, prefixBytes('deterministic', dataKey.keyIdBytes), scope);
  return andThen(engine.deriveMac(dataKey.key, info('cellseal/v1/det-mac')), (mac) =>
    andThen(engine.deriveStream(dataKey.key, info('cellseal/v1/det-enc')), (stream) => ({ mac, stream })),
  );
}

/** u64(length of A) ‖ A ‖ framed value, with A = prefix ‖ context("cell-det", …). */
function authenticated(prefix: Bytes, fields: ContextFields, framed: Bytes): Bytes {
  const a = concat(prefix, encodeContext('cell-det', fields));
  return concat(u64(a.length), a, framed);
}

/** V[0..16) with the most significant bits of bytes 8 and 12 cleared, so that a 64-bit counter never carries over. */
function counterBlock(v: Bytes): Bytes {
  const block = v.slice(0, COUNTER_BYTES);
  block[8] = (block[8] as number) & 0x7f;
  block[12] = (block[12] as number) & 0x7f;
  return block;
}
