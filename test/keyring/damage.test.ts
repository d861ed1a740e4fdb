/** Documents that were damaged or forged: whatever was done to them, a typed error, and never a success. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Bytes } from '../../src/bytes.js';
import { CellsealError } from '../../src/errors.js';
import { type UnlockSecret, openKeyringIn, refreshKeyring } from '../../src/keyring/index.js';
import { readDocument, sealPayload, writeDocument } from '../oracle/keyring-document.js';
import {
  DATA,
  INDEX,
  PASSPHRASE,
  RAW_KEY,
  key,
  passphraseSlot,
  rawSlot,
  spec,
} from '../oracle/make/documents/shared.js';
import { type Payload, bytesOf, environment, holding, payloadTextOf, settableStore } from './support.js';

const made = environment();
const RAW: UnlockSecret = { rawKey: RAW_KEY };
const SMALL = spec({ keys: [DATA] });
const PERSONAL = spec({ keys: [DATA], slots: [passphraseSlot('s')] });
const REFUSALS = ['keyring-damaged', 'keyring-format', 'keyring-limit', 'wrong-secret'];

/** The code of the refusal, or `success`; throws where an error is none of ours. */
async function outcome(document: Uint8Array, unlock: UnlockSecret, revision = 1): Promise<string> {
  try {
    await openKeyringIn(made, holding(document, revision), unlock);
    return 'success';
  } catch (error) {
    if (error instanceof CellsealError) return error.code;
    throw error;
  }
}

/** How often each outcome comes of these documents. */
async function tally(
  documents: readonly Uint8Array[],
  unlock: UnlockSecret,
): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (let from = 0; from < documents.length; from += 256) {
    const some = documents.slice(from, from + 256).map((document) => outcome(document, unlock));
    for (const code of await Promise.all(some)) counts[code] = (counts[code] ?? 0) + 1;
  }
  return counts;
}

/** The document once for each of its bits, with that bit flipped. */
function flips(document: Bytes): Bytes[] {
  return Array.from({ length: 8 * document.length }, (_, bit) => {
    const flipped = Uint8Array.from(document);
    flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
    return flipped;
  });
}

describe.each([
  ['a raw key', bytesOf(writeDocument(SMALL)), RAW],
  ['a passphrase', bytesOf(writeDocument(PERSONAL)), { passphrase: PASSPHRASE }],
])('a document that opens with %s', (_, document, unlock) => {
  it('opens', async () => {
    expect(await outcome(document, unlock)).toBe('success');
  });

  it('is refused with any one bit flipped', async () => {
    const counts = await tally(flips(document), unlock);
    expect(Object.keys(counts).filter((code) => !REFUSALS.includes(code))).toEqual([]);
    expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(8 * document.length);
  }, 120_000);

  it('is refused when it is cut off anywhere, at its end or its beginning', async () => {
    const cuts = Array.from({ length: document.length }, (_unused, length) => document.subarray(0, length));
    const tails = Array.from({ length: document.length }, (_unused, from) => document.subarray(from + 1));
    expect(await tally([...cuts, ...tails], unlock)).toEqual({ 'keyring-damaged': 2 * document.length });
  });

  it('is refused with any one byte left out or doubled', async () => {
    const changed = Array.from(document, (_unused, at) => [
      Uint8Array.of(...document.subarray(0, at), ...document.subarray(at + 1)),
      Uint8Array.of(...document.subarray(0, at + 1), ...document.subarray(at)),
    ]).flat();
    const counts = await tally(changed, unlock);
    expect(Object.keys(counts).filter((code) => !REFUSALS.includes(code))).toEqual([]);
  }, 120_000);
});

describe('a keyring that is open', () => {
  it('takes no newer document over with any one bit flipped', async () => {
    const store = settableStore();
    store.set({ revision: 1, document: bytesOf(writeDocument(SMALL)) });
    const keyring = await openKeyringIn(made, store, RAW);
    const payload = bytesOf(payloadTextOf(bytesOf(writeDocument(SMALL))));
    const previous = new Uint8Array(await crypto.subtle.digest('SHA-256', payload));
    const next = bytesOf(writeDocument({ ...SMALL, revision: 2, previous }));
    for (const document of flips(next)) {
      store.set({ revision: 2, document });
      await expect(refreshKeyring(keyring)).rejects.toMatchObject({ code: 'keyring-damaged' });
    }
    expect(keyring.revision).toBe(1);
    store.set({ revision: 2, document: next });
    await refreshKeyring(keyring);
    expect(keyring.revision).toBe(2);
  }, 120_000);
});

describe('a payload that was forged with the right key', () => {
  // Revision 2: forged revisions and predecessors are then as good as any.
  const GENUINE = spec({
    revision: 2,
    previous: new Uint8Array(32),
    slots: [rawSlot('sl_other', new Uint8Array(32)), passphraseSlot('sl_person'), rawSlot('sl_service')],
    keys: [
      DATA,
      INDEX,
      key('one', 'pre-active', { tenant: 'acme' }),
      key('two', 'active', { tenant: 7n }),
      key('three', 'suspended', { tenant: Uint8Array.of(0, 255) }),
      key('four', 'compromised'),
      key('five', 'destroyed', { kind: 'index' }),
    ],
    extensions: '{"0":[1,"two",null],"name":{"deep":[{"er":true}]}}',
  });
  const TEXT = payloadTextOf(bytesOf(writeDocument(GENUINE)));

  function forged(text: string): Bytes {
    let keyringId: unknown;
    try {
      keyringId = (JSON.parse(text) as Payload).keyringId;
    } catch {
      // no JSON, so no id of its own
    }
    const id = typeof keyringId === 'string' && /^[\w-]{1,64}$/.test(keyringId) ? keyringId : 'kr_vectors';
    return bytesOf(sealPayload(GENUINE.rootKey, id, Buffer.from(text, 'utf8')));
  }

  /** What the oracle says, which the keyring must say too. */
  async function agreed(text: string, revision = 2): Promise<string> {
    const document = forged(text);
    const code = await outcome(document, RAW, revision);
    expect(code).toBe(readDocument(document, revision, { rawKey: RAW_KEY }).code);
    return code;
  }

  it('opens where nothing was changed', async () => {
    expect(await agreed(TEXT)).toBe('success');
  });

  /** Every place in a JSON tree: the list of names that leads there. */
  function placesIn(
    value: Payload,
    path: readonly (string | number)[] = [],
  ): (readonly (string | number)[])[] {
    if (typeof value !== 'object' || value === null) return [path];
    const names = Array.isArray(value) ? value.map((_, i) => i) : Object.keys(value);
    return [path, ...names.flatMap((name) => placesIn(value[name], [...path, name]))];
  }

  const PLACES = placesIn(JSON.parse(TEXT)).filter((path) => path.length > 0);
  // Values that stand elsewhere in the document are likelier to get past the first checks than random ones.
  const NATIVE = PLACES.map((path) => path.reduce((value: Payload, name) => value[name], JSON.parse(TEXT)));
  const anyValue = fc.oneof(
    { weight: 2, arbitrary: fc.constantFrom(...NATIVE) },
    { weight: 1, arbitrary: fc.jsonValue() },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        ...[0, 1, -1, 2, 999, 1000, 10_000_001, 1e12, 1e21, 2 ** 53, 0.5, '', 'x', '-0', '7', null, true],
        ...[{}, [], { integer: '7' }, { bytes: 'AA' }, { integer: '-0' }, { bytes: '' }],
        ...['active', 'destroyed', 'data', 'index', 'raw', 'passphrase', 'kms', '2026-01-02T03:04:05.678Z'],
      ),
    },
  );
  const anyName = fc.oneof(
    fc.constantFrom('__proto__', 'constructor', 'tenant', 'wrapped', 'salt', 'note', 'kind', '0', ''),
    fc.string(),
  );
  const crude = fc.record({
    path: fc.constantFrom(...PLACES),
    what: fc.constantFrom('replace', 'remove', 'add', 'rename', 'double', 'wrap', 'reverse'),
    value: anyValue,
    name: anyName,
  });
  /** A value of the right kind for its member: another one's, or one at the edge. */
  const EDGES: Readonly<Record<string, readonly unknown[]>> = {
    iterations: [999, 1000, 1001, 2000, 10_000_001, 1e12],
    revision: [0, 1, 2, 3, 2 ** 53 - 1, 2 ** 53],
    previous: [null, 'A'.repeat(43), `${'A'.repeat(42)}B`],
    type: ['raw', 'passphrase', 'kms'],
    norm: ['opaque-1', 'opaque-2'],
    kdf: ['PBKDF2-HMAC-SHA-512', 'Argon2id'],
    id: ['sl_service', 'sl_other', '', '.'],
    keyringId: ['kr_vectors', 'kr_vector', ''],
    state: ['pre-active', 'active', 'deactivated', 'suspended', 'compromised', 'destroyed', 'retired'],
    kind: ['data', 'index', 'root'],
    integer: ['7', '-7', '07', '9'.repeat(1024), '9'.repeat(1025)],
    format: [1, 2],
  };
  const subtle = fc
    .constantFrom(...PLACES.filter((path) => typeof path.at(-1) === 'string'))
    .chain((path) => {
      const name = path.at(-1) as string;
      const alike = NATIVE.filter((_, i) => PLACES[i]?.at(-1) === name);
      return fc.record({
        path: fc.constant(path),
        what: fc.constant('replace' as const),
        value: fc.constantFrom(...alike, ...(EDGES[name] ?? [])),
        name: fc.constant(name),
      });
    });
  const change = fc.oneof({ weight: 1, arbitrary: crude }, { weight: 2, arbitrary: subtle });
  type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;

  /** Members as a list, so that a name can be there twice and `__proto__` is a name like any other. */
  function apply(tree: Payload, { path, what, value: given, name }: Change): void {
    const value: unknown = JSON.parse(JSON.stringify(given)); // else a change could put the tree into itself
    const last = path.at(-1) as string | number;
    let parent = tree;
    for (const step of path.slice(0, -1)) {
      parent = parent?.[step];
      if (typeof parent !== 'object' || parent === null) return;
    }
    const define = (target: object, key: PropertyKey, as: unknown): void => {
      Object.defineProperty(target, key, { value: as, enumerable: true, configurable: true, writable: true });
    };
    const here: unknown = parent[last];
    if (what === 'replace') define(parent, last, value);
    else if (what === 'wrap') define(parent, last, [here]);
    else if (Array.isArray(parent)) {
      const at = Number(last);
      if (what === 'remove') parent.splice(at, 1);
      else if (what === 'reverse') parent.reverse();
      else if (what === 'double') parent.splice(at, 0, here);
      else parent.push(value);
    } else if (what === 'remove') delete parent[last];
    else if (what === 'add') define(parent, name, value);
    else {
      // Renamed, or all members in another order: made anew.
      const members = Object.entries(parent);
      for (const [known] of members) delete parent[known];
      if (what === 'reverse') members.reverse();
      for (const [known, kept] of members)
        define(parent, known === last && what === 'rename' ? name : known, kept);
    }
  }

  it('is refused as the oracle refuses it, whatever was changed in its structure', async () => {
    const seen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
        const tree: Payload = JSON.parse(TEXT);
        for (const each of changes) apply(tree, each);
        seen.add(await agreed(JSON.stringify(tree)));
      }),
      { numRuns: 1500 },
    );
    // Else the changes would be too crude to get anywhere.
    expect(seen).toEqual(new Set(['success', ...REFUSALS]));
  }, 120_000);

  it('is refused as the oracle refuses it, whatever was changed in its text', async () => {
    const pieces = [
      '{',
      '}',
      '[',
      ']',
      '"',
      ',',
      ':',
      ' ',
      '\n',
      '\\',
      '\\u0041',
      '0',
      '1',
      '-',
      '.',
      'e9',
      'null',
      'é',
    ];
    const piece = fc.oneof(
      fc.constantFrom(...pieces, '"a":1,', '"revision":2,', '"__proto__":{},', '\u0000', '\ufeff'),
      fc.string({ maxLength: 3 }),
    );
    const edit = fc.record({
      at: fc.integer({ min: 0, max: TEXT.length - 1 }),
      removed: fc.integer({ min: 0, max: 3 }),
      piece,
    });
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 2 }), async (edits) => {
        let text = TEXT;
        for (const { at, removed, piece: by } of edits)
          text = `${text.slice(0, at)}${by}${text.slice(at + removed)}`;
        await agreed(text.isWellFormed() ? text : text.toWellFormed());
      }),
      { numRuns: 1500 },
    );
  }, 120_000);

  it('keeps whatever its extensions are, through a change', async () => {
    const depth = fc.jsonValue({ maxDepth: 5 });
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.string(), depth), async (extensions) => {
        const text = TEXT.replace(/"extensions":.*\}$/, () => `"extensions":${JSON.stringify(extensions)}}`);
        const hasProto = text.includes('"__proto__":'); // as a name
        expect(await agreed(text)).toBe(hasProto ? 'keyring-damaged' : 'success');
      }),
      { numRuns: 300 },
    );
  }, 60_000);
});
