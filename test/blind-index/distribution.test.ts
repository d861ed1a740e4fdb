/** A million tokens of values that are alike: nothing in them but chance. The key is fixed, so that the figures are, too. */
import { describe, expect, it } from 'vitest';
import { TokenKeys, tokenScope } from '../../src/blind-index/index.js';
import type { DataKey } from '../../src/cipher/index.js';
import { nodeEngine } from '../../src/engine/node.js';

const VALUES = 1_000_000;
/** Of a normal distribution: one in 1.7 million lies outside. */
const DEVIATIONS = 5;

const engine = nodeEngine();
const tokens = new TokenKeys(engine);
const indexKey = {
  keyId: 'a'.repeat(26),
  keyIdBytes: new Uint8Array(16),
  key: engine.importKey(Uint8Array.from({ length: 32 }, (_, i) => i)),
} as unknown as DataKey;
const kinds: Readonly<Record<string, (i: number) => string | bigint>> = {
  'e-mail addresses that count up': (i) => `user${i}@example.com`,
  'integers one after another': (i) => BigInt(i),
};

/** How far a sum of squares is from what chance gives, in standard deviations. */
function deviations(counts: Uint32Array): number {
  const expected = VALUES / counts.length;
  const chiSquare = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  const freedom = counts.length - 1;
  return (chiSquare - freedom) / Math.sqrt(2 * freedom);
}

describe('tokens of a million values', () => {
  it.each(Object.keys(kinds))(
    'are even, bit by bit and pair by pair: %s',
    (kind) => {
      const value = kinds[kind] as (i: number) => string | bigint;
      const scope = tokenScope({ table: 't', column: 'c', name: 'c_index', transform: 'exact-1', bits: 64 });
      const buckets = [8, 12, 16].map((bits) => ({ bits, counts: new Uint32Array(2 ** bits) }));
      const ones = new Uint32Array(64);
      const afterEachOther = new Uint32Array(2 ** 16);
      let before = 0;
      for (let i = 0; i < VALUES; i++) {
        const token = tokens.token(indexKey, scope, value(i)) as string;
        const [high, low] = [Number.parseInt(token.slice(9, 17), 16), Number.parseInt(token.slice(17), 16)];
        for (const { bits, counts } of buckets)
          counts[high >>> (32 - bits)] = (counts[high >>> (32 - bits)] as number) + 1;
        for (let bit = 0; bit < 32; bit++) {
          ones[bit] = (ones[bit] as number) + ((high >>> bit) & 1);
          ones[32 + bit] = (ones[32 + bit] as number) + ((low >>> bit) & 1);
        }
        const byte = high >>> 24;
        const pair = (before << 8) | byte;
        afterEachOther[pair] = (afterEachOther[pair] as number) + 1;
        before = byte;
      }
      for (const { bits, counts } of buckets)
        expect(Math.abs(deviations(counts)), `${bits} bits`).toBeLessThan(DEVIATIONS);
      expect(Math.abs(deviations(afterEachOther)), 'beside the one before').toBeLessThan(DEVIATIONS);
      const spread = Math.sqrt(VALUES) / 2;
      for (const [bit, count] of ones.entries())
        expect(Math.abs(count - VALUES / 2) / spread, `bit ${bit}`).toBeLessThan(DEVIATIONS);
    },
    120_000,
  );
});
