/** What is altered, moved or under another key is refused, never a value: by its own refusal or by the one of authentication. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { text } from '../../src/attribute.js';
import { type Bytes, base32, concat, hex } from '../../src/bytes.js';
import { openDeterministic, sealDeterministic } from '../../src/cipher/index.js';
import { encodeFramed } from '../../src/codec/index.js';
import { cellText } from '../../src/envelope/index.js';
import { AuthenticationError, CellRefusedError } from '../../src/errors.js';
import { type Keyring, activateKey, addKey, openedOf } from '../../src/keyring/index.js';
import type { Engine } from '../../src/ports/engine.js';
import {
  type GivenPart,
  type Place,
  TYPES,
  codeOf,
  contextOf,
  definitionOf,
  errorOf,
  newKeyring,
  open,
  places,
  seal,
} from './support.js';

const [textType] = TYPES.filter(({ type }) => type === 'text');
if (!textType) throw new Error('no text');

const PLACE: Place = {
  table: 'customers',
  column: 'email',
  form: 'binary',
  pad: undefined,
  id: [{ type: 'integer', given: 42, bound: 42n }],
  isTuple: false,
  bind: 'record',
  tenant: undefined,
};

let keyring: Keyring;
beforeAll(async () => {
  keyring = await newKeyring();
});

const inForm = (form: Place['form']): Place => ({ ...PLACE, form });

async function sealed(form: Place['form'], value = 'jane.doe@example.com'): Promise<string | Bytes> {
  return seal(keyring, inForm(form), definitionOf(inForm(form), text), value);
}

function opening(cell: string | Uint8Array, place = PLACE): Promise<string> {
  const whole = { ...place, form: typeof cell === 'string' ? ('text' as const) : ('binary' as const) };
  return codeOf(() => open(keyring, whole, definitionOf(whole, text), cell));
}

/** The refusal that docs/format.md §8 has for a fault at this byte of a randomized cell. */
function refusalAt(position: number): string {
  if (position === 0) return 'unknown-suite';
  if (position === 1) return 'mode';
  return position < 18 ? 'unknown-key' : 'authentication';
}

describe('a binary cell', () => {
  it('with any one bit flipped is refused as the bit has it', async () => {
    const cell = (await sealed('binary')) as Bytes;
    for (let bit = 0; bit < cell.length * 8; bit++) {
      const flipped = cell.slice();
      const position = bit >> 3;
      flipped[position] = (flipped[position] as number) ^ (1 << (bit & 7));
      expect(await opening(flipped)).toBe(refusalAt(position));
    }
  });

  it('cut off anywhere is refused', async () => {
    const cell = (await sealed('binary')) as Bytes;
    for (let length = 0; length < cell.length; length++) {
      const expected = length < 2 ? 'not-a-cell' : length < 55 ? 'too-short' : 'authentication';
      expect(await opening(cell.slice(0, length))).toBe(expected);
    }
  });

  it('cut off at its beginning is refused', async () => {
    const cell = (await sealed('binary')) as Bytes;
    for (let from = 1; from < cell.length; from++) {
      await expect(opening(cell.slice(from))).resolves.toMatch(/^[a-z-]+$/);
    }
  });

  it('followed by anything is refused', async () => {
    const cell = (await sealed('binary')) as Bytes;
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 40 }), async (more) => {
        expect(await opening(concat(cell, more))).toBe('authentication');
      }),
      { numRuns: 40 },
    );
    expect(await opening(concat(cell, new Uint8Array(2 ** 20)))).toBe('too-long');
  });

  it('whose parts come from two cells is refused', async () => {
    const [a, b] = [(await sealed('binary')) as Bytes, (await sealed('binary')) as Bytes];
    // in the IV, after it, in the ciphertext, before and in the tag; their salt they have in common
    for (const cut of [30, 38, 38 + 5, a.length - 16, a.length - 1]) {
      expect(await opening(concat(a.subarray(0, cut), b.subarray(cut)))).toBe('authentication');
    }
  });

  it('with the bytes of its salt and IV swapped around is refused', async () => {
    const cell = (await sealed('binary')) as Bytes;
    const turned = concat(
      cell.subarray(0, 18),
      cell.subarray(19, 38),
      cell.subarray(18, 19),
      cell.subarray(38),
    );
    expect(await opening(turned)).toBe('authentication');
  });
});

describe('a text cell', () => {
  it('with any one character changed is refused as its place has it', async () => {
    const cell = (await sealed('text')) as string;
    const others = [...'a7Z_-.='];
    for (let at = 0; at < cell.length; at++) {
      for (const other of others) {
        if (cell[at] === other) continue;
        const code = await opening(cell.slice(0, at) + other + cell.slice(at + 1));
        // The key id is characters 5 to 30; a character that no key id has, or stray bits, make it no cell.
        if (at === 2) expect(['not-a-cell', 'unknown-suite']).toContain(code);
        else if (at < 5 || at === 31) expect(['not-a-cell', 'mode']).toContain(code);
        else if (at < 31) expect(['not-a-cell', 'unknown-key']).toContain(code);
        else expect(['not-a-cell', 'authentication']).toContain(code);
      }
    }
  });

  it('cut off anywhere is refused', async () => {
    const cell = (await sealed('text')) as string;
    for (let length = 0; length < cell.length; length++) {
      expect(['not-a-cell', 'too-short', 'authentication']).toContain(await opening(cell.slice(0, length)));
    }
  });

  it.each(['', ' ', 'jane.doe@example.com', 'cs1r.', 'null', '{}', '0', '\ud800'])(
    'is not the plaintext %j: it is refused, not handed back',
    async (plaintext) => {
      expect(await opening(plaintext)).toBe('not-a-cell');
    },
  );
});

describe('a cell that was moved', () => {
  const parts = fc.sample(places, 60).flatMap(({ id }) => id);
  const anotherPart = (given: GivenPart): GivenPart | undefined =>
    parts.find(({ type, bound }) => type === given.type && String(bound) !== String(given.bound));

  it('to any other place is refused with the one error of authentication', async () => {
    await fc.assert(
      fc.asyncProperty(places, places, async (from, to) => {
        const moved = { ...to, form: from.form, pad: from.pad };
        fc.pre(JSON.stringify(contextOf(from), spell) !== JSON.stringify(contextOf(moved), spell));
        const cell = await seal(keyring, from, definitionOf(from, text), 'jane');
        const error = await errorOf(() => open(keyring, moved, definitionOf(moved, text), cell));
        expect(error).toBeInstanceOf(AuthenticationError);
      }),
      { numRuns: 300 },
    );
  });

  it.each<[string, (place: Place) => Place | undefined]>([
    ['table', (place) => ({ ...place, table: `${place.table}2` })],
    ['table in another case', (place) => other(place, 'table', place.table.toUpperCase())],
    ['column', (place) => ({ ...place, column: `${place.column}2` })],
    ['record', (place) => withPart(place, anotherPart)],
    [
      'record, bound to its column',
      (place) => ({ ...place, bind: place.bind === 'record' ? 'column' : 'record' }),
    ],
    [
      'record, one part as a tuple of one',
      (place) =>
        place.id.length === 1 && place.bind === 'record' ? { ...place, isTuple: !place.isTuple } : undefined,
    ],
    ['record, its parts in another order', (place) => other(place, 'id', [...place.id].reverse())],
    ['record, a part fewer', (place) => other(place, 'id', place.id.slice(1))],
    ['tenant', (place) => (place.tenant ? { ...place, tenant: anotherPart(place.tenant) } : undefined)],
    ['tenant, taken away', (place) => (place.tenant ? { ...place, tenant: undefined } : undefined)],
    ['tenant, where there was none', (place) => (place.tenant ? undefined : { ...place, tenant: parts[0] })],
  ])('to another %s is refused', async (_, move) => {
    let moves = 0;
    await fc.assert(
      fc.asyncProperty(places, async (place) => {
        const moved = move(place);
        fc.pre(moved !== undefined);
        fc.pre(JSON.stringify(contextOf(place), spell) !== JSON.stringify(contextOf(moved as Place), spell));
        moves++;
        const cell = await seal(keyring, place, definitionOf(place, text), 'jane');
        const to = moved as Place;
        expect(await codeOf(() => open(keyring, to, definitionOf(to, text), cell))).toBe('authentication');
      }),
      { numRuns: 30, maxSkipsPerRun: 1_000 },
    );
    expect(moves).toBeGreaterThan(20);
  });

  it.each<[string, unknown, unknown]>([
    [
      'an integer and its digits',
      { type: 'integer', given: 42, bound: 42n },
      { type: 'text', given: '42', bound: '42' },
    ],
    [
      'a text and its bytes',
      { type: 'text', given: '42', bound: '42' },
      { type: 'bytes', given: Buffer.from('42'), bound: new Uint8Array() },
    ],
    [
      'a UUID and its text',
      { type: 'uuid', given: '8a1901e4-671b-431a-871c-eadb2942e9ee', bound: '' },
      { type: 'text', given: '8a1901e4-671b-431a-871c-eadb2942e9ee', bound: '' },
    ],
  ])('between %s as record or as tenant is refused', async (_, one, another) => {
    for (const field of ['id', 'tenant'] as const) {
      const at = (part: unknown): Place => ({ ...PLACE, [field]: field === 'id' ? [part] : part }) as Place;
      const cell = await seal(keyring, at(one), definitionOf(at(one), text), 'jane');
      expect(await codeOf(() => open(keyring, at(another), definitionOf(at(another), text), cell))).toBe(
        'authentication',
      );
    }
  });

  it.each(TYPES.filter(({ type }) => type !== 'text' && type !== 'null'))(
    'to a column that is declared $type is refused',
    async ({ attribute }) => {
      const cell = await sealed('binary', '1');
      expect(await codeOf(() => open(keyring, PLACE, definitionOf(PLACE, attribute), cell))).toBe(
        'authentication',
      );
    },
  );

  it('to a column that pads, or pads otherwise, is refused', async () => {
    const at = (pad: number | undefined): Place => ({ ...PLACE, pad });
    for (const [from, to] of [
      [undefined, 16],
      [16, undefined],
      [16, 24],
    ] as const) {
      const cell = await seal(keyring, at(from), definitionOf(at(from), text), 'jane');
      expect(await codeOf(() => open(keyring, at(to), definitionOf(at(to), text), cell))).toBe(
        'authentication',
      );
    }
  });
});

describe('a cell under another key', () => {
  it('of another keyring is refused as unknown', async () => {
    const other = await newKeyring();
    const cell = await seal(other, PLACE, definitionOf(PLACE, text), 'jane');
    expect(await opening(cell)).toBe('unknown-key');
  });

  it('whose key id is rewritten to a key of this keyring is refused', async () => {
    const other = await newKeyring();
    const foreign = (await seal(other, PLACE, definitionOf(PLACE, text), 'jane')) as Bytes;
    const own = (await sealed('binary')) as Bytes;
    expect(await opening(concat(own.subarray(0, 18), foreign.subarray(18)))).toBe('authentication');
  });

  it('whose key id is rewritten to the next key of its own keyring is refused', async () => {
    const both = await newKeyring();
    const before = (await seal(both, PLACE, definitionOf(PLACE, text), 'jane')) as Bytes;
    await activateKey(both, await addKey(both));
    const after = (await seal(both, PLACE, definitionOf(PLACE, text), 'jane')) as Bytes;
    const read = (cell: Bytes) => open(both, PLACE, definitionOf(PLACE, text), cell);
    expect(await read(before)).toBe('jane');
    expect(await read(after)).toBe('jane');
    expect(await codeOf(() => read(concat(after.subarray(0, 18), before.subarray(18))))).toBe(
      'authentication',
    );
    expect(await codeOf(() => read(concat(before.subarray(0, 18), after.subarray(18))))).toBe(
      'authentication',
    );
  });

  it('whose key id is that of an index key is refused as unknown', async () => {
    const index = openedOf(keyring).document.keys.find(({ kind }) => kind === 'index');
    const cell = (await sealed('binary')) as Bytes;
    const id = (index as NonNullable<typeof index>).commitment.subarray(0, 16);
    expect(await opening(concat(cell.subarray(0, 2), id, cell.subarray(18)))).toBe('unknown-key');
  });

  it("of another tenant is refused before any cryptography, also with the caller's own table", async () => {
    const tenants = await newKeyring();
    await activateKey(tenants, await addKey(tenants, { tenant: 'acme' }));
    const at = (tenant: string): Place => ({
      ...PLACE,
      tenant: { type: 'text', given: tenant, bound: tenant },
    });
    const cell = await seal(tenants, at('acme'), definitionOf(at('acme'), text), 'jane');
    const read = (tenant: string) => open(tenants, at(tenant), definitionOf(at(tenant), text), cell);
    expect(await read('acme')).toBe('jane');
    expect(await codeOf(() => read('umbrella'))).toBe('key-of-another-tenant');
    expect(await codeOf(() => open(tenants, PLACE, definitionOf(PLACE, text), cell))).toBe(
      'key-of-another-tenant',
    );
  });

  it('is refused for tenants whose keys are spelled alike but of another type', async () => {
    const tenants = await newKeyring();
    await activateKey(tenants, await addKey(tenants, { tenant: 7n }));
    const at = (tenant: GivenPart): Place => ({ ...PLACE, tenant });
    const [number, digits] = [
      at({ type: 'integer', given: 7, bound: 7n }),
      at({ type: 'text', given: '7', bound: '7' }),
    ];
    const cell = await seal(tenants, number, definitionOf(number, text), 'jane');
    expect(await open(tenants, number, definitionOf(number, text), cell)).toBe('jane');
    expect(await codeOf(() => open(tenants, digits, definitionOf(digits, text), cell))).toBe(
      'key-of-another-tenant',
    );
  });
});

describe('a refusal', () => {
  it('of authentication says the same for every cause, with table, column and key id, and no more', async () => {
    const cell = (await sealed('binary')) as Bytes;
    const elsewhere = { ...PLACE, id: [{ type: 'integer' as const, given: 43, bound: 43n }] };
    const altered = concat(cell.subarray(0, -1), Uint8Array.of((cell.at(-1) as number) ^ 1));
    const ofAnotherType = definitionOf(PLACE, TYPES[0]?.attribute as never);
    const errors = await Promise.all([
      errorOf(() => open(keyring, PLACE, definitionOf(PLACE, text), altered)),
      errorOf(() => open(keyring, elsewhere, definitionOf(elsewhere, text), cell)),
      errorOf(() => open(keyring, PLACE, ofAnotherType, cell)),
    ]);
    const facts = {
      code: 'authentication',
      table: 'customers',
      column: 'email',
      keyId: base32(cell.subarray(2, 18)),
    };
    for (const error of errors) {
      expect({ ...error }).toStrictEqual(facts);
      expect(error.message).toBe(errors[0]?.message);
      expect(error.cause).toBeUndefined();
      expect(error).toBeInstanceOf(CellRefusedError);
    }
  });
});

describe('a deterministic cell', () => {
  const FIELDS = { tenant: 'acme', table: 'customers', column: 'phone' };
  const framed = encodeFramed(text().spec, '+1 555 0100', {});

  async function parts() {
    const opened = openedOf(keyring);
    const { engine } = opened.environment;
    const dataKey = await opened.sealingKey(undefined, {});
    return { engine, dataKey, cell: await sealDeterministic(engine, dataKey, FIELDS, framed) };
  }

  it('with any one bit flipped after its key id is refused', async () => {
    const { engine, dataKey, cell } = await parts();
    for (let bit = 18 * 8; bit < cell.length * 8; bit++) {
      const flipped = cell.slice();
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(await codeOf(() => openDeterministic(engine, dataKey, FIELDS, flipped))).toBe('authentication');
    }
  });

  it('cut off or followed by anything is refused', async () => {
    const { engine, dataKey, cell } = await parts();
    for (let length = 51; length < cell.length; length++) {
      expect(await codeOf(() => openDeterministic(engine, dataKey, FIELDS, cell.slice(0, length)))).toBe(
        'authentication',
      );
    }
    expect(
      await codeOf(() => openDeterministic(engine, dataKey, FIELDS, concat(cell, Uint8Array.of(0)))),
    ).toBe('authentication');
  });

  it.each([
    ['tenant', { ...FIELDS, tenant: 'umbrella' }],
    ['tenant, taken away', { table: 'customers', column: 'phone' }],
    ['table', { ...FIELDS, table: 'clients' }],
    ['column', { ...FIELDS, column: 'fax' }],
    ['record', { ...FIELDS, record: 42n }],
  ])('read with another %s is refused', async (_, fields) => {
    const { engine, dataKey, cell } = await parts();
    expect(await codeOf(() => openDeterministic(engine, dataKey, fields, cell))).toBe('authentication');
  });

  it('that is refused leaves nothing of what it decrypted to', async () => {
    const { engine, dataKey, cell } = await parts();
    const decrypted: Bytes[] = [];
    const watched: Engine = {
      ...engine,
      applyStream: async (...args) => {
        const some = await engine.applyStream(...args);
        decrypted.push(some);
        return some;
      },
    };
    await openDeterministic(watched, dataKey, FIELDS, cell);
    expect(decrypted.map(hex)).toEqual([hex(framed)]);
    const elsewhere = { ...FIELDS, column: 'fax' };
    expect(await codeOf(() => openDeterministic(watched, dataKey, elsewhere, cell))).toBe('authentication');
    expect(decrypted[1]).toEqual(new Uint8Array(framed.length));
  });

  it('is the same for the same value and place, and only there', async () => {
    const { engine, dataKey, cell } = await parts();
    expect(await sealDeterministic(engine, dataKey, FIELDS, framed)).toEqual(cell);
    const others = [
      { ...FIELDS, column: 'fax' },
      { ...FIELDS, table: 'clients' },
      { ...FIELDS, tenant: 'umbrella' },
    ];
    for (const fields of others) {
      const elsewhere = await sealDeterministic(engine, dataKey, fields, framed);
      expect(elsewhere.subarray(18)).not.toEqual(cell.subarray(18));
    }
  });

  it('is refused where the definition says randomized, by its mode', async () => {
    const { cell } = await parts();
    expect(await opening(cell)).toBe('mode');
    expect(await opening(cellText(cell))).toBe('mode');
  });
});

function other<K extends keyof Place>(place: Place, field: K, value: Place[K]): Place | undefined {
  if (Array.isArray(value) && value.length === 0) return undefined;
  return { ...place, [field]: value };
}

function withPart(place: Place, another: (given: GivenPart) => GivenPart | undefined): Place | undefined {
  const changed = another(place.id[0] as GivenPart);
  return changed && place.bind === 'record' ? { ...place, id: [changed, ...place.id.slice(1)] } : undefined;
}

function spell(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? { integer: String(value) } : value;
}
