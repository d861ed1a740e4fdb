/** Project Wycheproof's cases through the engine: valid ones give the answer, invalid ones are refused. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type Bytes, concat, decodeHex, hex } from '../src/bytes.js';
import { webCryptoEngine } from '../src/engine/index.js';
import { AuthenticationError } from '../src/errors.js';
import type { AeadKey, MacKey } from '../src/ports/engine.js';

interface Case {
  readonly tcId: number;
  readonly comment: string;
  readonly result: 'valid' | 'invalid';
}
type Of<T> = Case & { readonly [K in keyof T]: T[K] };
type Aead = Of<{ key: string; iv: string; aad: string; msg: string; ct: string; tag: string }>;
type Hkdf = Of<{ ikm: string; salt: string; info: string; size: number; okm: string }>;
type Mac = Of<{ key: string; msg: string; tag: string }>;
type Pbkdf = Of<{ password: string; salt: string; iterationCount: number; dkLen: number; dk: string }>;

const folder = fileURLToPath(new URL('vectors/wycheproof/', import.meta.url));
const { subtle } = globalThis.crypto;
const engine = webCryptoEngine();
const ENGINE_BYTES = 32;

function read<T extends Case>(name: string): T[] {
  const { numberOfTests, testGroups } = JSON.parse(readFileSync(join(folder, name), 'utf8')) as {
    numberOfTests: number;
    testGroups: { tests: T[] }[];
  };
  const cases = testGroups.flatMap(({ tests }) => tests);
  if (cases.length !== numberOfTests) throw new Error(`${name} has not as many cases as it says`);
  return cases;
}

const valid = ({ result }: Case): boolean => result === 'valid';
const invalid = ({ result }: Case): boolean => result === 'invalid';

describe('AES-256-GCM', () => {
  const cases = read<Aead>('aes_gcm_test.json');
  const keyOf = async ({ key }: Aead): Promise<AeadKey> =>
    (await subtle.importKey('raw', decodeHex(key), 'AES-GCM', false, ['encrypt', 'decrypt'])) as AeadKey;

  it('has cases of both kinds', () => {
    expect([cases.filter(valid).length, cases.filter(invalid).length]).toEqual([39, 27]);
  });

  it.each(cases.filter(valid))('case $tcId seals to this and opens $comment', async (vector) => {
    const [iv, aad, message] = [decodeHex(vector.iv), decodeHex(vector.aad), decodeHex(vector.msg)];
    const key = await keyOf(vector);
    expect(hex(await engine.seal(key, iv, aad, message))).toBe(vector.ct + vector.tag);
    expect(hex(await engine.open(key, iv, aad, decodeHex(vector.ct + vector.tag)))).toBe(vector.msg);
  });

  it.each(cases.filter(invalid))('case $tcId does not open: $comment', async (vector) => {
    const key = await keyOf(vector);
    const opening = async (): Promise<unknown> =>
      engine.open(key, decodeHex(vector.iv), decodeHex(vector.aad), decodeHex(vector.ct + vector.tag));
    await expect(opening()).rejects.toThrow(AuthenticationError);
  });
});

describe('HKDF-SHA-256', () => {
  const cases = read<Hkdf>('hkdf_sha256_test.json');
  const salted = ({ salt }: Hkdf): boolean => salt !== '';
  const unsalted = (vector: Hkdf): boolean => !salted(vector);

  it('has cases of all kinds', () => {
    const good = cases.filter(valid);
    expect([good.filter(unsalted).length, good.filter(salted).length, cases.filter(invalid).length]).toEqual([
      23, 60, 3,
    ]);
  });

  it.each(cases.filter(valid).filter(unsalted))('case $tcId gives these bytes $comment', async (vector) => {
    const key = await engine.importKey(decodeHex(vector.ikm));
    expect(hex(await engine.deriveBytes(key, decodeHex(vector.info), vector.size))).toBe(vector.okm);
  });

  // A key is 32 bytes and HKDF's output does not depend on how much of it is asked for: they agree as far as both go.
  const firstOf = (raw: Bytes, okm: string): [string, string] => {
    const common = Math.min(raw.length, okm.length / 2);
    return [hex(raw.subarray(0, common)), okm.slice(0, 2 * common)];
  };

  it.each(cases.filter(valid))('case $tcId gives this key $comment', async (vector) => {
    const readable = webCryptoEngine(extractingSubtle());
    const [ikm, salt, info] = [decodeHex(vector.ikm), decodeHex(vector.salt), decodeHex(vector.info)];
    const raw = await exported(await readable.deriveAead(await readable.importKey(ikm), salt, info));
    const [found, expected] = firstOf(raw, vector.okm);
    expect(raw.length).toBe(ENGINE_BYTES);
    expect(found).toBe(expected);
  });

  it.each(cases.filter(valid).filter(unsalted))(
    'case $tcId gives this MAC key and this stream key $comment',
    async (vector) => {
      const readable = webCryptoEngine(extractingSubtle());
      const key = await readable.importKey(decodeHex(vector.ikm));
      for (const derived of [
        await readable.deriveMac(key, decodeHex(vector.info)),
        await readable.deriveStream(key, decodeHex(vector.info)),
      ]) {
        const raw = await exported(derived);
        const [found, expected] = firstOf(raw, vector.okm);
        expect(raw.length).toBe(ENGINE_BYTES);
        expect(found).toBe(expected);
      }
    },
  );

  // Their salts play no part: 255 blocks are the most that there is.
  it.each(cases.filter(invalid))('case $tcId is refused: $comment', async (vector) => {
    const key = await engine.importKey(decodeHex(vector.ikm));
    const derive = async (): Promise<unknown> => engine.deriveBytes(key, decodeHex(vector.info), vector.size);
    await expect(derive()).rejects.toThrow();
    expect((await engine.deriveBytes(key, decodeHex(vector.info), 255 * 32)).length).toBe(255 * 32);
  });
});

describe('HMAC-SHA-256', () => {
  const cases = read<Mac>('hmac_sha256_test.json');
  const whole = ({ tag }: Mac): boolean => tag.length === 64;
  const keyOf = async ({ key }: Mac): Promise<MacKey> =>
    (await subtle.importKey('raw', decodeHex(key), { name: 'HMAC', hash: 'SHA-256' }, false, [
      'sign',
      'verify',
    ])) as MacKey;

  it('has cases of both kinds, whole and truncated', () => {
    expect([cases.filter(valid).length, cases.filter(invalid).length]).toEqual([66, 108]);
    expect(cases.filter(whole).length).toBe(cases.length / 2);
  });

  it.each(cases.filter(valid))('case $tcId gives this tag $comment', async (vector) => {
    const tag = hex(await engine.mac(await keyOf(vector), decodeHex(vector.msg)));
    expect(tag.slice(0, vector.tag.length)).toBe(vector.tag);
  });

  it.each(cases.filter(valid).filter(whole))('case $tcId verifies $comment', async (vector) => {
    const key = await keyOf(vector);
    expect(await engine.verifyMac(key, decodeHex(vector.tag), decodeHex(vector.msg))).toBe(true);
  });

  it.each(cases.filter(invalid))('case $tcId does not verify: $comment', async (vector) => {
    const [key, message] = [await keyOf(vector), decodeHex(vector.msg)];
    expect(await engine.verifyMac(key, decodeHex(vector.tag), message)).toBe(false);
    expect(hex(await engine.mac(key, message)).startsWith(vector.tag)).toBe(false);
  });

  it.each(cases.filter(valid).filter((vector) => !whole(vector)))(
    'case $tcId does not verify, because its tag is truncated',
    async (vector) => {
      const key = await keyOf(vector);
      expect(await engine.verifyMac(key, decodeHex(vector.tag), decodeHex(vector.msg))).toBe(false);
    },
  );
});

describe('PBKDF2-HMAC-SHA-512', () => {
  const cases = read<Pbkdf>('pbkdf2_hmacsha512_test.json');

  it('has cases, all of them valid', () => {
    expect([cases.filter(valid).length, cases.filter(invalid).length]).toEqual([58, 0]);
  });

  // 32 bytes are within the first block, which does not depend on how much is asked for.
  it.each(cases)('case $tcId gives these bytes $comment', async (vector) => {
    const stretched: Bytes[] = [];
    const spied = webCryptoEngine(
      subtleWith({
        deriveBits: async (...[algorithm, key, length]: Parameters<Subtle['deriveBits']>) => {
          const bits = await subtle.deriveBits(algorithm, key, length as number);
          stretched.push(new Uint8Array(bits.slice(0))); // the engine wipes its own
          return bits;
        },
      }),
    );
    await spied.stretch(decodeHex(vector.password), decodeHex(vector.salt), vector.iterationCount);
    const [bytes] = stretched;
    const common = Math.min(ENGINE_BYTES, vector.dkLen);
    expect(stretched).toHaveLength(1);
    expect(bytes?.length).toBe(ENGINE_BYTES);
    expect(hex((bytes as Bytes).subarray(0, common))).toBe(vector.dk.slice(0, 2 * common));
  });

  it('leaves a key from which the same is derived as from those bytes', async () => {
    const vector = cases.find(({ dkLen }) => dkLen === ENGINE_BYTES) as Pbkdf;
    const info = concat(Uint8Array.of(1, 2, 3));
    const key = await engine.stretch(
      decodeHex(vector.password),
      decodeHex(vector.salt),
      vector.iterationCount,
    );
    const same = await engine.importKey(decodeHex(vector.dk));
    expect(await engine.deriveBytes(key, info, 32)).toEqual(await engine.deriveBytes(same, info, 32));
  });
});

describe('the copies', () => {
  const shared = fileURLToPath(new URL('../../shared/vectors/wycheproof/', import.meta.url));
  const filesIn = (path: string): string[] =>
    readdirSync(path)
      .filter((name) => name.endsWith('.json'))
      .sort();

  it.skipIf(!existsSync(shared) && !process.env['CI'])('are a fresh filtering of the originals', () => {
    const fresh = mkdtempSync(join(tmpdir(), 'cellseal-wycheproof-'));
    try {
      copyFileSync(join(folder, 'filter.mjs'), join(fresh, 'filter.mjs'));
      const { status, stderr } = spawnSync(process.execPath, [join(fresh, 'filter.mjs'), shared], {
        encoding: 'utf8',
      });
      expect([status, stderr]).toEqual([0, '']);
      expect(filesIn(fresh)).toEqual(filesIn(folder));
      for (const name of filesIn(folder)) {
        expect(readFileSync(join(folder, name)).equals(readFileSync(join(fresh, name)))).toBe(true);
      }
    } finally {
      rmSync(fresh, { recursive: true });
    }
  });
});

type Subtle = typeof subtle;

/** The platform's `SubtleCrypto`, with some of its methods replaced. */
function subtleWith(replaced: Partial<Subtle>): Subtle {
  return new Proxy(subtle, {
    get(target, name: keyof Subtle) {
      return replaced[name] ?? (target[name] as () => unknown).bind(target);
    },
  });
}

/** Derived keys that can be looked at. */
function extractingSubtle(): Subtle {
  return subtleWith({
    deriveKey: (algorithm, key, into, _, uses) => subtle.deriveKey(algorithm, key, into, true, uses),
  });
}

async function exported(key: unknown): Promise<Bytes> {
  return new Uint8Array(await subtle.exportKey('raw', key as Parameters<Subtle['exportKey']>[1]));
}
