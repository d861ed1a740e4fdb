/** What a blind index makes of values before it hashes them (docs/format.md §7). */
import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { boolean, bytes, date, decimal, float, integer, json, text, timestamp } from '../../src/attribute.js';
import { type OwnTransform, assertTakes, indexToken, transformOf } from '../../src/blind-index/index.js';
import { hex } from '../../src/bytes.js';
import type { ValueSpec, ValueTypeName } from '../../src/codec/index.js';
import { webCryptoEngine } from '../../src/engine/index.js';
import type { ContextPart } from '../../src/envelope/index.js';
import { DefinitionError } from '../../src/errors.js';
import { keyCommitment, keyIdBytes } from '../../src/keyring/keys.js';
import { codeOf, errorOf, wellFormed } from '../cells/support.js';
import { unhex } from '../oracle/bytes.js';

type Written = string | boolean | null | { readonly integer: string } | { readonly bytes: string };

interface TransformCase {
  readonly name: string;
  readonly transform: string;
  readonly type: ValueTypeName;
  readonly value: Written;
  readonly gives?: Written;
  readonly refused?: string;
}

const WHERE = { table: 'customers', column: 'email' };
const BUILT_IN = ['exact-1', 'lower-1', 'email-1', 'email-domain-1', 'digits-1', 'last4-1'];
const SPECS: Readonly<Record<ValueTypeName, ValueSpec>> = {
  bytes: bytes().spec,
  text: text().spec,
  json: json().spec,
  integer: integer({ as: 'bigint' }).spec,
  float: float().spec,
  boolean: boolean().spec,
  timestamp: timestamp().spec,
  decimal: decimal().spec,
  date: date().spec,
};
const TYPES = Object.keys(SPECS) as ValueTypeName[];

const vectors = JSON.parse(readFileSync(new URL('../vectors/transforms.json', import.meta.url), 'utf8')) as {
  readonly transforms: readonly TransformCase[];
};

function javaScriptOf(written: Written, type?: ValueTypeName): unknown {
  if (type === 'timestamp' && typeof written === 'string') return new Date(written);
  if (typeof written !== 'object' || written === null) return written;
  return 'integer' in written ? BigInt(written.integer) : unhex(written.bytes);
}

/** The transform as a function of text. */
function ofText(name: string): (value: string) => ContextPart | null {
  const { apply } = transformOf(name);
  return (value) => apply(value, SPECS.text, WHERE);
}

function own(apply: (value: never) => unknown, name = 'soundex-1'): OwnTransform {
  return { name, apply } as OwnTransform;
}

describe('known answers', () => {
  it.each(vectors.transforms.map((vector) => [`${vector.transform} ${vector.name}`, vector] as const))(
    '%s',
    async (_, { transform, type, value, gives, refused }) => {
      const apply = () => transformOf(transform).apply(javaScriptOf(value, type), SPECS[type], WHERE);
      if (refused !== undefined) expect(await codeOf(apply)).toBe(refused);
      else expect(apply()).toEqual(javaScriptOf(gives as Written));
    },
  );

  it('have odd inputs for every built-in transform', () => {
    for (const name of BUILT_IN) {
      const cases = vectors.transforms.filter(({ transform }) => transform === name);
      expect(cases.length, name).toBeGreaterThan(5);
    }
  });

  // The raw values of tokens that other implementations computed from transformed ones.
  it.each([
    ['exact', 'jane.doe@example.com', SPECS.text],
    ['last4', 'card 4111-1111-1111-1234', SPECS.text],
    ['domain', ' Jane.Doe@EXAMPLE.com\n', SPECS.text],
    ['number', -42n, SPECS.integer],
    ['blob', unhex('00ff'), SPECS.bytes],
    ['empty', '', SPECS.text],
    ['script', '文', SPECS.text],
  ])('lead to the given tokens: %s', async (name, raw, spec) => {
    const given = JSON.parse(readFileSync(new URL('../vectors/cell-v1.json', import.meta.url), 'utf8')) as {
      indexes: Record<'indexKey' | 'name' | 'table' | 'column' | 'transform' | 'token', string>[];
    };
    const found = given.indexes.filter((index) => index.name === name);
    expect(found.length).toBeGreaterThan(0);
    const engine = webCryptoEngine();
    for (const index of found) {
      const key = await engine.importKey(new Uint8Array(unhex(index.indexKey)));
      const id = keyIdBytes(await keyCommitment(engine, 'index', key));
      const value = transformOf(index.transform).apply(raw, spec) as ContextPart;
      const place = index as unknown as Parameters<typeof indexToken>[3];
      expect(await indexToken(engine, key, id, place, value)).toBe(index.token);
    }
  });
});

// Letters that change their number, their mark or their form with their case, and the marks themselves.
const trouble = fc.string({
  unit: fc.oneof(
    fc.constantFrom(...'IiıİßẞΣσςJǰKKÅÅǄǅŉΐΰᾳᾼⅷℨﬁᲐაꭰᏠ:.@ \t\u0301\u0307\u030c\u0323\u0345\u0338\u1161\uff20'),
    fc.constantFrom('\u{10400}', '\u{1e900}', '\u{1d15e}', '\u{11099}\u{110ba}'),
  ),
  maxLength: 12,
});
const assigned = fc.oneof(
  trouble,
  wellFormed.map((value) => value.replace(/\p{Cn}/gu, '')),
);
const address = fc.tuple(assigned, assigned).map((parts) => parts.join('@'));

describe('laws', () => {
  it.each([
    ['lower-1', assigned],
    ['email-1', address],
    ['digits-1', assigned.map((value) => `${value}7`)],
    ['last4-1', assigned.map((value) => `${value}0815`)],
  ])('%s gives its own result again', (name, values) => {
    const apply = ofText(name);
    fc.assert(
      fc.property(values, (value) => {
        const once = apply(value) as string;
        expect(apply(once)).toBe(once);
      }),
      { numRuns: 2_000 },
    );
  });

  it('lower-1 gives its own result again for every code point, alone and between letters', () => {
    const lower = ofText('lower-1');
    const changed: string[] = [];
    for (let code = 0; code <= 0x10ffff; code++) {
      const character = String.fromCodePoint(code);
      if (/[\p{Cn}\p{Cs}\p{Co}]/u.test(character)) continue;
      for (const value of [character, `a${character}\u0323b`]) {
        const once = lower(value) as string;
        if (lower(once) !== once || once !== once.normalize('NFC')) changed.push(code.toString(16));
      }
    }
    expect(changed).toEqual([]);
  });

  it.each(['lower-1', 'email-1', 'email-domain-1'])('%s is one for canonically equivalent text', (name) => {
    const apply = ofText(name);
    fc.assert(
      fc.property(address, (value) => {
        expect(apply(value.normalize('NFD'))).toBe(apply(value));
        expect(apply(value.normalize('NFC'))).toBe(apply(value));
      }),
      { numRuns: 2_000 },
    );
  });

  it('lower-1 is one for ASCII in either case', () => {
    const lower = ofText('lower-1');
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme-ascii' }), (value) => {
        expect(lower(value.toUpperCase())).toBe(lower(value));
      }),
    );
  });

  it('email-domain-1 is the end of email-1, behind its last @', () => {
    const [whole, domain] = [ofText('email-1'), ofText('email-domain-1')];
    fc.assert(
      fc.property(address, (value) => {
        const end = domain(value) as string;
        expect(end).not.toContain('@');
        expect((whole(value) as string).endsWith(`@${end}`)).toBe(true);
      }),
    );
  });

  it('email-1 is lower-1 of what stands between white space', () => {
    const [whole, lower] = [ofText('email-1'), ofText('lower-1')];
    const white = fc.string({ unit: fc.constantFrom(...'\t\n\v\f\r '), maxLength: 5 });
    const bare = address.map((value) => value.replace(/^[\t-\r ]+|[\t-\r ]+$/g, ''));
    fc.assert(
      fc.property(white, bare, white, (before, value, after) => {
        expect(whole(before + value + after)).toBe(lower(value));
      }),
    );
  });

  it('digits-1 keeps ten characters and drops all others; last4-1 is its end', () => {
    const [all, four] = [ofText('digits-1'), ofText('last4-1')];
    const mixed = fc.string({
      unit: fc.oneof(fc.constantFrom(...'0123456789'), fc.constantFrom(...'١１²x +-')),
    });
    fc.assert(
      fc.property(mixed, (value) => {
        const kept = [...value].filter((character) => '0123456789'.includes(character)).join('');
        expect(all(value)).toBe(kept === '' ? null : kept);
        expect(four(value)).toBe(kept.length < 4 ? null : kept.slice(kept.length - 4));
      }),
    );
  });

  it('total ones give null for nothing but null', () => {
    for (const name of BUILT_IN) {
      const { isTotal, apply } = transformOf(name);
      expect(apply(null, SPECS.text), name).toBeNull();
      expect(apply('a@b', SPECS.text) !== null, name).toBe(isTotal);
    }
    expect(transformOf(own(() => 'always')).isTotal).toBe(false);
  });

  it('long white space and long numbers take no longer than they are', () => {
    const white = ' '.repeat(400_000);
    expect(ofText('email-1')(`a${white}@${white}b`)).toBe(`a${white}@${white}b`);
    expect(ofText('last4-1')(`${'-'.repeat(400_000)}${'1'.repeat(400_000)}x`)).toBe('1111');
  });

  it('exact-1 of bytes is a copy', () => {
    const value = Uint8Array.of(1, 2);
    const part = transformOf('exact-1').apply(value, SPECS.bytes) as Uint8Array;
    value[0] = 9;
    expect(hex(part)).toBe('0102');
  });

  it('exact-1 of an integer is the same for number and bigint', () => {
    const { apply } = transformOf('exact-1');
    expect(apply(42, integer().spec)).toBe(apply(42n, SPECS.integer));
    expect(apply(-0, integer().spec)).toBe(0n);
  });
});

describe('definitions', () => {
  it.each(BUILT_IN)('%s says by itself which types it takes', (name) => {
    const { takes } = transformOf(name);
    const all = TYPES.filter((type) => type !== 'json' && type !== 'float');
    expect([...takes].sort()).toEqual(name === 'exact-1' ? all.sort() : ['text']);
    expect(Object.isFrozen(takes)).toBe(true);
  });

  it.each([...BUILT_IN, own(() => null)])('refuse a type that is not taken: %o', (given) => {
    const transform = transformOf(given);
    for (const type of TYPES) {
      if (transform.takes.includes(type)) assertTakes(transform, type, WHERE);
      else expect(() => assertTakes(transform, type, WHERE)).toThrow(DefinitionError);
    }
    for (const type of ['json', 'float'] as const) expect(transform.takes).not.toContain(type);
  });

  it.each([
    'exact',
    'exact-2',
    'EXACT-1',
    '',
    'constructor',
    '__proto__',
    'soundex-1',
    undefined,
    null,
    7,
    {},
  ])('there is no transform %o', async (given) => {
    const error = await errorOf(() => transformOf(given as string, WHERE));
    expect(error).toMatchObject({ code: 'definition', ...WHERE });
  });

  it.each([
    'soundex-1',
    'a-0',
    'my-own-transform-12',
    `${'a'.repeat(62)}-1`,
    ...BUILT_IN.map((name) => `my-${name}`),
  ])('%o is a name of one’s own', (name) => {
    expect(transformOf(own(() => null, name)).name).toBe(name);
  });

  it.each([
    `${'a'.repeat(63)}-1`,
    'soundex',
    'soundex-',
    'soundex-1a',
    'soundex-1\n',
    'Soundex-1',
    '1-1',
    'a,b-1',
    'ä-1',
    '',
    null,
    ...BUILT_IN,
    ...BUILT_IN.map((name) => name.replace(/1$/, '2')),
  ])('%o is no name of one’s own', async (name) => {
    const error = await errorOf(() =>
      transformOf(
        own(() => null, name as string),
        WHERE,
      ),
    );
    expect(error).toMatchObject({ code: 'definition', ...WHERE });
  });

  it('refuse one of one’s own without a function', async () => {
    expect(await codeOf(() => transformOf({ name: 'soundex-1' } as OwnTransform))).toBe('definition');
  });
});

describe('a transform of one’s own', () => {
  const SECRET = 'zq7kxwHepzibahvbn4jplm';

  it.each([
    ['text', 'S530', 'S530'],
    ['empty text', '', ''],
    ['an integer', 7, 7n],
    ['minus zero', -0, 0n],
    ['a bigint', 10n ** 40n, 10n ** 40n],
    ['null', null, null],
    ['bytes', Uint8Array.of(1, 2), Uint8Array.of(1, 2)],
    ['a Buffer', Buffer.from([1, 2]), Uint8Array.of(1, 2)],
    ['bytes of another realm', runInNewContext('Uint8Array.of(1, 2)'), Uint8Array.of(1, 2)],
  ])('may give %s', (_, given, part) => {
    expect(transformOf(own(() => given)).apply('x', SPECS.text)).toEqual(part);
  });

  it.each([
    ['undefined', undefined],
    ['a fraction', 0.5],
    ['an unsafe number', 2 ** 53],
    ['NaN', Number.NaN],
    ['a boolean', true],
    ['a Date', new Date(0)],
    ['an array', ['a']],
    ['a promise', Promise.resolve('a')],
    ['a function', () => 'a'],
    ['an ArrayBuffer', new ArrayBuffer(2)],
    ['ill-formed text', `${SECRET}\ud800`],
  ])('must not give %s', async (_, given) => {
    const { apply } = transformOf(own(() => given));
    const error = await errorOf(() => apply(SECRET, SPECS.text, WHERE));
    expect({ ...error }).toEqual({ code: 'not-indexable', transform: 'soundex-1', ...WHERE });
    expect(error.message).toMatch(/gave back/);
    expect(inspect(error, { depth: 9 })).not.toContain(SECRET);
  });

  it('throws: nothing of it is passed on', async () => {
    const { apply } = transformOf(
      own((value: string) => {
        throw new Error(`cannot take ${value}`, { cause: value });
      }),
    );
    const error = await errorOf(() => apply(SECRET, SPECS.text, WHERE));
    expect({ ...error }).toEqual({ code: 'not-indexable', transform: 'soundex-1', ...WHERE });
    expect('cause' in error).toBe(false);
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('Hepzibah');
  });

  it('is not called with null, a value of another type, or an unassigned character', async () => {
    let calls = 0;
    const { apply } = transformOf(own(() => String(calls++)));
    expect(apply(null, SPECS.text)).toBeNull();
    expect(await codeOf(() => apply(7, SPECS.text))).toBe('invalid-value');
    expect(await codeOf(() => apply(undefined, SPECS.text))).toBe('invalid-value');
    expect(await codeOf(() => apply('a\u0378', SPECS.text))).toBe('not-indexable');
    expect(calls).toBe(0);
  });

  it('cannot change what is encrypted', () => {
    const value = Uint8Array.of(3, 1, 2);
    const moment = new Date(5);
    const sorted = transformOf(own((given: Uint8Array) => given.sort()));
    const shifted = transformOf(own((given: Date) => given.setTime(9)));
    expect(sorted.apply(value, SPECS.bytes)).toEqual(Uint8Array.of(1, 2, 3));
    expect(shifted.apply(moment, SPECS.timestamp)).toBe(9n);
    expect([hex(value), moment.getTime()]).toEqual(['030102', 5]);
  });

  it('keeps its `this`, and its later changes are its own', () => {
    const given = {
      name: 'prefix-2',
      length: 3,
      apply(value: string): string {
        return value.slice(0, this.length);
      },
    };
    expect(transformOf(given).apply('abcdef', SPECS.text)).toBe('abc');
  });
});

describe('errors', () => {
  it.each(
    BUILT_IN.slice(1).flatMap((name) => [
      [name, 'zqHepzibah\u0378'],
      [name, 'zqHepzibah\udc00'],
    ]),
  )('of %s tell no value (%j)', async (name, value) => {
    const error = await errorOf(() => ofText(name)(value));
    expect(error).toMatchObject(WHERE);
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('Hepzibah');
  });

  it('of email-1 tell no value', async () => {
    const error = await errorOf(() => ofText('email-1')('zqHepzibah'));
    expect({ ...error }).toEqual({ code: 'not-indexable', transform: 'email-1', ...WHERE });
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('Hepzibah');
  });
});
