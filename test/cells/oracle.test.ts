/** A second implementation opens what is sealed here, and what it seals is opened here: bytes for bytes. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { text } from '../../src/attribute.js';
import { type Bytes, hex } from '../../src/bytes.js';
import { openDeterministic, sealDeterministic } from '../../src/cipher/index.js';
import { decodeFramed, encodeFramed } from '../../src/codec/index.js';
import { webCryptoEngine } from '../../src/engine/index.js';
import { nodeEngine } from '../../src/engine/node.js';
import type { Keyring } from '../../src/keyring/index.js';
import { openedOf } from '../../src/keyring/index.js';
import { keyCommitment, keyIdBytes, keyIdOf } from '../../src/keyring/keys.js';
import { memoryKeyring } from '../../src/store/memory.js';
import * as oracle from '../oracle/cell.js';
import type { Context } from '../oracle/context.js';
import { encodeFrame } from '../oracle/frame.js';
import {
  type Place,
  TYPES,
  contextOf,
  definitionOf,
  expectSame,
  givenRandom,
  newKeyring,
  open,
  places,
  reopened,
  seal,
} from './support.js';

const DATA_KEY = Uint8Array.from({ length: 32 }, (_, i) => 200 - i);

describe.each([
  { name: 'WebCrypto', engine: webCryptoEngine() },
  { name: 'the Node engine', engine: nodeEngine() },
])('with $name', ({ engine }) => {
  const store = memoryKeyring();
  let keyring: Keyring;
  beforeAll(async () => {
    // The keyring's own root key, then the data key that the oracle knows; the index key is chance.
    const root = new Uint8Array(32).fill(3);
    keyring = await newKeyring({ engine, random: givenRandom(root, DATA_KEY), store });
    expect(keyIdOf(openedOf(keyring).document.keys[0] as never)).toBe(await idOfDataKey());
  });

  async function idOfDataKey(): Promise<string> {
    return keyIdOf({
      commitment: await keyCommitment(engine, 'data', await engine.importKey(DATA_KEY.slice())),
    });
  }

  describe.each(TYPES.filter(({ type }) => type !== 'null'))(
    '$type',
    ({ type, attribute, values, corners, forOracle, read }) => {
      const value = fc.oneof(values, fc.constantFrom(...corners)).filter((given) => given !== null);

      it('randomized: the oracle opens what is sealed here', async () => {
        await fc.assert(
          fc.asyncProperty(places, value, async (place, given) => {
            const cell = await seal(keyring, place, definitionOf(place, attribute), given);
            const opened = oracle.open(cell, readingOf(place, type, 'randomized'));
            expect(opened.refusal).toBe('success');
            expectSame('value' in opened && opened.value, forOracle(read(given)));
          }),
          { numRuns: 60 },
        );
      });

      it('randomized: what the oracle seals is opened here', async () => {
        const random = fc.tuple(bytesOf(8), bytesOf(12));
        await fc.assert(
          fc.asyncProperty(places, value, random, async (place, given, [salt, iv]) => {
            const framed = encodeFrame(type, forOracle(given), place.pad);
            const sealed = oracle.sealRandomized(DATA_KEY, contextOf(place) as Context, framed, salt, iv);
            const cell = place.form === 'text' ? oracle.toText(sealed) : sealed;
            expectSame(await open(keyring, place, definitionOf(place, attribute), cell), read(given));
          }),
          { numRuns: 60 },
        );
      });

      if (['json', 'decimal', 'float'].includes(type)) return; // never deterministic

      it('deterministic: both seal to the same bytes, and open them', async () => {
        const dataKey = await openedOf(keyring).sealingKey(undefined, {});
        await fc.assert(
          fc.asyncProperty(places, value, async (place, given) => {
            const fields = contextOf({ ...place, bind: 'column' });
            const { spec } = attribute(place.pad === undefined ? {} : { pad: place.pad });
            const framed = encodeFramed(spec, given, {});
            const cell = await sealDeterministic(engine, dataKey, fields, framed);
            expect(hex(cell)).toBe(hex(oracle.sealDeterministic(DATA_KEY, fields as Context, framed)));
            const opened = oracle.open(cell, readingOf({ ...place, bind: 'column' }, type, 'deterministic'));
            expect(opened.refusal).toBe('success');
            const inside = await openDeterministic(engine, dataKey, fields, cell);
            expectSame(decodeFramed(spec, inside), read(given));
          }),
          { numRuns: 60 },
        );
      });
    },
  );

  it('randomized: the same salt and IV give the same bytes', async () => {
    await fc.assert(
      fc.asyncProperty(places, bytesOf(8), bytesOf(12), async (place, salt, iv) => {
        const source = givenRandom(salt, iv);
        const writer = await reopened(store, { engine, random: source });
        const cell = await seal(writer, place, definitionOf(place, text), 'jane');
        expect(source.left()).toBe(0);
        const framed = encodeFrame('text', 'jane', place.pad);
        const expected = oracle.sealRandomized(DATA_KEY, contextOf(place) as Context, framed, salt, iv);
        expect(cell).toEqual(place.form === 'text' ? oracle.toText(expected) : new Uint8Array(expected));
      }),
      { numRuns: 25 },
    );
  });

  it("the commitment and the id of a key are the oracle's", async () => {
    await fc.assert(
      fc.asyncProperty(bytesOf(32), fc.constantFrom('data' as const, 'index' as const), async (key, kind) => {
        const commitment = await keyCommitment(engine, kind, await engine.importKey(key.slice()));
        expect(hex(commitment)).toBe(hex(oracle.keyCommitment(kind, key)));
        expect(hex(keyIdBytes(commitment))).toBe(hex(oracle.keyId(kind, key)));
      }),
      { numRuns: 20 },
    );
  });
});

function readingOf(place: Place, type: oracle.Reading['type'], mode: oracle.Mode): oracle.Reading {
  return {
    mode,
    type,
    context: contextOf(place) as Context,
    keys: [{ key: DATA_KEY }],
    ...(place.pad !== undefined && { pad: place.pad }),
  };
}

function bytesOf(length: number): fc.Arbitrary<Bytes> {
  return fc.uint8Array({ minLength: length, maxLength: length }).map((given) => new Uint8Array(given));
}
