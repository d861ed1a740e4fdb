/** Documents that were damaged or forged: whatever was done to them, a typed error, and never a success. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Bytes } from '../../src/bytes.js';
import { CellsealError } from '../../src/errors.js';
import {
  type UnlockSecret,
  keyringArchive,
  openKeyringIn,
  openedOf,
  refreshKeyring,
} from '../../src/keyring/index.js';
import type { Engine } from '../../src/ports/engine.js';
import { fakeKeyManagement } from '../../src/testing/testing.js';
import {
  type DocumentSpec,
  type SlotSpec,
  payloadHash,
  payloadText,
  readAgain,
  readDocument,
  sealPayload,
  writeDocument,
} from '../oracle/keyring-document.js';
import {
  CREATED_AT,
  DATA,
  INDEX,
  PASSPHRASE,
  RAW_KEY,
  edited,
  key,
  kmsSlot,
  page,
  pageOf,
  passphraseSlot,
  rawSlot,
  spec,
} from '../oracle/make/documents/shared.js';
import {
  type Payload,
  bytesOf,
  codeOf,
  countingEngine,
  environment,
  holding,
  payloadTextOf,
  settableStore,
} from './support.js';

const made = environment();
const RAW: UnlockSecret = { rawKey: RAW_KEY };
const PERSON: UnlockSecret = { passphrase: PASSPHRASE };
const SMALL = spec({ keys: [DATA] });
const PERSONAL = spec({ keys: [DATA], slots: [passphraseSlot('s')] });
const REFUSALS = ['keyring-damaged', 'keyring-format', 'keyring-limit', 'wrong-secret'];

// A service that is asked for real: what is flipped in a wrapped secret, it refuses.
const SERVICE = fakeKeyManagement();
const KMS: UnlockSecret = { keyManagement: SERVICE };
const KMS_SECRET = new Uint8Array(32).fill(7);
const KMS_SLOT: SlotSpec = {
  ...kmsSlot('sl_kms'),
  secret: KMS_SECRET,
  wrappedSecret: await SERVICE.wrap(Uint8Array.from(KMS_SECRET), {
    keyringId: 'kr_vectors',
    slotId: 'sl_kms',
  }),
};
const ACME = key('acme', 'active', { tenant: 'acme' });
const PAGE = page(ACME, key('acme-index', 'active', { tenant: 'acme', kind: 'index', addedIn: 2 }));
/** All that a document may have. */
const WHOLE = spec({
  revision: 2,
  previous: payloadHash(bytesOf(payloadText(spec()))),
  slots: [{ ...rawSlot('sl_service'), label: 'front "office"' }, passphraseSlot('sl_person'), KMS_SLOT],
  keys: [
    DATA,
    { ...INDEX, addedIn: 2 },
    key('retired', 'suspended', {
      marks: {
        compromisedAt: CREATED_AT,
        emptySince: CREATED_AT,
        destroyAfter: CREATED_AT,
        destroyReason: 'none',
      },
    }),
  ],
  pages: [pageOf('low', 0, PAGE), pageOf('high', 65_535, '[]')],
  change: { revision: 2, startedAt: CREATED_AT },
  policy: '{"maxStaleMs":60000,"cryptoperiodDays":90}',
  extensions: '{"a":[1]}',
});

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
  revision = 1,
): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (let from = 0; from < documents.length; from += 256) {
    const some = documents.slice(from, from + 256).map((document) => outcome(document, unlock, revision));
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
  ['a raw key', SMALL, RAW],
  ['a passphrase', PERSONAL, PERSON],
  ['a raw key, and has all that there is', WHOLE, RAW],
])('a document that opens with %s', (_, { revision, ...given }, unlock) => {
  const document = bytesOf(writeDocument({ ...given, revision }));

  it('opens', async () => {
    expect(await outcome(document, unlock, revision)).toBe('success');
  });

  it('is refused with any one bit flipped', async () => {
    const counts = await tally(flips(document), unlock, revision);
    expect(Object.keys(counts).filter((code) => !REFUSALS.includes(code))).toEqual([]);
    expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(8 * document.length);
  }, 120_000);

  it('is refused when it is cut off anywhere, at its end or its beginning', async () => {
    const cuts = Array.from({ length: document.length }, (_unused, length) => document.subarray(0, length));
    const tails = Array.from({ length: document.length }, (_unused, from) => document.subarray(from + 1));
    expect(await tally([...cuts, ...tails], unlock, revision)).toEqual({
      'keyring-damaged': 2 * document.length,
    });
  });

  it('is refused with any one byte left out or doubled', async () => {
    const changed = Array.from(document, (_unused, at) => [
      Uint8Array.of(...document.subarray(0, at), ...document.subarray(at + 1)),
      Uint8Array.of(...document.subarray(0, at + 1), ...document.subarray(at)),
    ]).flat();
    const counts = await tally(changed, unlock, revision);
    expect(Object.keys(counts).filter((code) => !REFUSALS.includes(code))).toEqual([]);
  }, 120_000);
});

describe.each([
  ['a passphrase', PERSON],
  ['a key management service', KMS],
])('a document with all that there is, opened with %s', (_, unlock) => {
  it('is refused with any one bit flipped', async () => {
    const document = bytesOf(writeDocument(WHOLE));
    expect(await outcome(document, unlock, 2)).toBe('success');
    const counts = await tally(flips(document), unlock, 2);
    expect(Object.keys(counts).filter((code) => !REFUSALS.includes(code))).toEqual([]);
    expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(8 * document.length);
  }, 240_000);
});

describe('a page', () => {
  /** What comes of asking for a tenant's key where the store keeps this under the name of its page. */
  async function asking(bytes: Bytes): Promise<unknown> {
    const store = {
      ...holding(bytesOf(writeDocument(WHOLE)), 2),
      pages: { read: () => Uint8Array.from(bytes), write: () => undefined, remove: () => undefined },
    };
    const opened = openedOf(await openKeyringIn(made, store, RAW));
    return codeOf(async () => opened.sealingKey('acme', {}));
  }

  it('gives the key that stands in it', async () => {
    expect(await asking(bytesOf(PAGE))).toBe('success');
  });

  it('is damaged with any one bit flipped', async () => {
    const codes = new Set<unknown>();
    for (const flipped of flips(bytesOf(PAGE))) codes.add(await asking(flipped));
    expect([...codes]).toEqual(['keyring-damaged']);
  }, 120_000);

  it('is damaged when it is cut off anywhere, or something follows it', async () => {
    const bytes = bytesOf(PAGE);
    const cuts = Array.from(bytes, (_, length) => bytes.subarray(0, length));
    for (const cut of [...cuts, Uint8Array.of(...bytes, 10), Uint8Array.of(...bytes, 0)])
      expect(await asking(cut)).toBe('keyring-damaged');
  }, 60_000);

  it('of over 1 MiB is damaged, though it is the one that the document names', async () => {
    const long = bytesOf(`${PAGE}${' '.repeat(1024 * 1024)}`);
    const document = writeDocument({
      ...WHOLE,
      pages: [{ ...pageOf('long', 0, ''), hash: payloadHash(long) }],
    });
    const store = {
      ...holding(bytesOf(document), 2),
      pages: { read: () => long, write: () => undefined, remove: () => undefined },
    };
    const { engine, calls } = countingEngine();
    const opened = openedOf(await openKeyringIn({ ...made, engine }, store, RAW));
    const before = calls('digest');
    expect(await codeOf(async () => opened.sealingKey('acme', {}))).toBe('keyring-damaged');
    expect(calls('digest')).toBe(before + 1); // the tenant's bucket: the page is not hashed
  });
});

describe('a keyring that is open', () => {
  const next = (given: DocumentSpec, more: Partial<DocumentSpec> = {}): DocumentSpec => ({
    ...given,
    revision: given.revision + 1,
    previous: payloadHash(bytesOf(payloadText(given))),
    ...more,
  });
  const newRoot = { rootKey: new Uint8Array(32).fill(9) };

  it.each([
    ['small', SMALL, next(SMALL)],
    ['whole', WHOLE, next(WHOLE)],
    ['small, and its root key is a new one', SMALL, next(SMALL, newRoot)],
    ['whole, and its root key is a new one', WHOLE, next(WHOLE, newRoot)],
  ])(
    'takes no newer document over with any one bit flipped: one that is %s',
    async (_, before, after) => {
      const store = settableStore();
      store.set({ revision: before.revision, document: bytesOf(writeDocument(before)) });
      const keyring = await openKeyringIn(made, store, RAW);
      const document = bytesOf(writeDocument(after));
      // Which one is the oracle's to say, below.
      const refusals = [...REFUSALS, 'wrong-keyring', 'keyring-rolled-back', 'keyring-rekeyed'];
      const codes = new Set<unknown>();
      for (const flipped of flips(document)) {
        store.set({ revision: after.revision, document: flipped });
        codes.add(await codeOf(refreshKeyring(keyring)));
      }
      expect([...codes].filter((code) => !refusals.includes(code as string))).toEqual([]);
      expect(codes).toContain('keyring-damaged');
      expect(keyring.revision).toBe(before.revision);
      store.set({ revision: after.revision, document });
      await refreshKeyring(keyring);
      expect(keyring.revision).toBe(after.revision);
    },
    240_000,
  );

  it.each([
    ['a', next(SMALL)],
    ['another', next(SMALL, newRoot)],
  ])(
    'refuses as the oracle does what has one bit flipped, under %s root key',
    async (_, after) => {
      const store = settableStore();
      const before = bytesOf(writeDocument(SMALL));
      store.set({ revision: 1, document: before });
      const keyring = await openKeyringIn(made, store, RAW);
      const seen = readDocument(before, 1, { rawKey: RAW_KEY });
      if (seen.code !== 'success') throw new Error(seen.code);
      const all = flips(bytesOf(writeDocument(after)));
      for (const document of all.filter((_unused, bit) => bit % 7 === 0)) {
        store.set({ revision: 2, document });
        expect(await codeOf(refreshKeyring(keyring))).toBe(readAgain(seen.document, document, 2));
      }
    },
    120_000,
  );
});

describe('a forged document that would cost much', () => {
  const personal = spec({ slots: [passphraseSlot('sl_person')] });
  const slot = `{"id":"s","type":"raw"}`;
  const keyed = { ...spec(), slots: [rawSlot('sl_service'), passphraseSlot('sl_person')] };
  const pages = Array.from({ length: 4097 }, (_, from) => pageOf('p', from, '[]'));
  const GIB = 2 ** 30;
  const FORGED: readonly (readonly [what: string, document: () => Bytes, code: string])[] = [
    [
      '10^12 iterations',
      () => bytesOf(edited(personal, ['"iterations":1000', '"iterations":1000000000000'])),
      'keyring-limit',
    ],
    [
      '10^4 slots',
      () =>
        bytesOf(edited(spec({ slots: [] }), ['"slots":[]', `"slots":[${slot}${`,${slot}`.repeat(9_999)}]`])),
      'keyring-limit',
    ],
    [
      '17 slots',
      () =>
        bytesOf(
          writeDocument(spec({ slots: Array.from({ length: 17 }, (_, i) => passphraseSlot(`s${i}`)) })),
        ),
      'keyring-limit',
    ],
    ['4,097 pages', () => bytesOf(writeDocument(spec({ pages }))), 'keyring-limit'],
    ['1 GiB', () => new Uint8Array(GIB), 'keyring-limit'],
    ['1 GiB after its brace', () => longer(writeDocument(keyed), GIB), 'keyring-limit'],
    [
      'extensions 100,000 deep',
      () =>
        bytesOf(
          edited(keyed, [
            '"extensions":{}',
            `"extensions":{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
          ]),
        ),
      'keyring-limit',
    ],
    [
      'a slot of 10^6 characters',
      () =>
        bytesOf(
          edited(keyed, [
            '"label":"","createdAt":"2026-01-01T00:00:00.000Z","norm"',
            `"label":"${'x'.repeat(700_000)}","createdAt":"2026-01-01T00:00:00.000Z","norm"`,
          ]),
        ),
      'keyring-damaged',
    ],
  ];

  function longer(text: string, length: number): Bytes {
    const document = new Uint8Array(length);
    document.set(bytesOf(text));
    return document;
  }

  function allCalls(calls: (method: keyof Engine) => number): number {
    return (Object.keys(made.engine) as (keyof Engine)[]).reduce((sum, method) => sum + calls(method), 0);
  }

  it.each(FORGED)('%s: is refused before anything is derived', async (_, forged, code) => {
    const document = forged();
    const asked: number[] = [];
    const store = {
      read: (maxBytes: number) => {
        asked.push(maxBytes);
        return { revision: 1, document };
      },
      write: () => false,
    };
    for (const unlock of [RAW, PERSON, KMS]) {
      const { engine, calls } = countingEngine();
      const before = SERVICE.calls.unwrap;
      expect(await codeOf(openKeyringIn({ ...made, engine }, store, unlock))).toBe(code);
      expect([allCalls(calls), SERVICE.calls.unwrap - before]).toEqual([0, 0]);
    }
    expect(new Set(asked)).toEqual(new Set([1024 * 1024])); // a store refuses what is longer, unread
  });

  it.each(FORGED)('%s: is refused as an archive', async (_, forged, code) => {
    expect(await codeOf(async () => keyringArchive(forged()))).toBe(code);
  });

  it.each(FORGED)('%s: costs a keyring that is open nothing but its MAC', async (_, forged, code) => {
    const { engine, calls } = countingEngine();
    const store = settableStore();
    store.set({ revision: 1, document: bytesOf(writeDocument(keyed)) });
    const keyring = await openKeyringIn({ ...made, engine }, store, RAW);
    const before = [allCalls(calls), calls('verifyMac')] as const;
    const document = forged();
    store.read = () => ({ revision: 2, document });
    expect(await codeOf(refreshKeyring(keyring))).toBe(code);
    const [all, macs] = [allCalls(calls) - before[0], calls('verifyMac') - before[1]];
    expect(all).toBe(macs);
    expect(macs).toBeLessThanOrEqual(document.length > 1024 * 1024 ? 0 : 2);
  });

  it('is one that does open where it is within its bounds', async () => {
    const within = [
      edited(personal, ['"iterations":1000', '"iterations":1001']),
      writeDocument(spec({ pages: pages.slice(1).map((each, from) => ({ ...each, from })) })),
    ];
    expect(await outcome(bytesOf(within[0] as string), PERSON)).toBe('wrong-secret');
    expect(await outcome(bytesOf(within[1] as string), RAW)).toBe('success');
  });
});

// Revision 2: forged revisions and predecessors are then as good as any.
const FULL = spec({
  revision: 2,
  previous: new Uint8Array(32),
  slots: [
    rawSlot('sl_other', new Uint8Array(32)),
    passphraseSlot('sl_person'),
    KMS_SLOT,
    { ...rawSlot('sl_service'), label: 'front office' },
  ],
  policy: '{"maxStaleMs":60000,"maxCellsPerKey":1000000,"cryptoperiodDays":90,"holdMs":1000}',
  extensions: '{"0":[1,"two",null],"name":{"deep":[{"er":true}]}}',
});

describe.each([
  [
    'in one piece',
    {
      ...FULL,
      keys: [
        DATA,
        INDEX,
        key('one', 'pre-active', { tenant: 'acme', addedIn: 2 }),
        key('two', 'active', { tenant: 7n }),
        key('three', 'suspended', {
          tenant: Uint8Array.of(0, 255),
          marks: { compromisedAt: CREATED_AT, destroyAfter: CREATED_AT, destroyReason: 'none' },
        }),
        key('four', 'compromised', { marks: { compromisedAt: CREATED_AT, emptySince: CREATED_AT } }),
        key('five', 'destroyed', { kind: 'index', marks: { destroyReason: 'none' } }),
        key('six', 'deactivated', { marks: { emptySince: CREATED_AT } }),
      ],
    } satisfies DocumentSpec,
  ],
  [
    'with pages',
    {
      ...FULL,
      keys: [DATA, INDEX, key('four', 'deactivated', { addedIn: 2 })],
      pages: [pageOf('low', 0, PAGE), pageOf('middle', 300, '[]'), pageOf('high', 65_535, '[]')],
      change: { revision: 2, startedAt: CREATED_AT },
    } satisfies DocumentSpec,
  ],
])('a payload %s that was forged with the right key', (_, GENUINE) => {
  const TEXT = payloadTextOf(bytesOf(writeDocument(GENUINE)));

  function forged(text: string, rootKey = GENUINE.rootKey): Bytes {
    let keyringId: unknown;
    try {
      keyringId = (JSON.parse(text) as Payload).keyringId;
    } catch {
      // no JSON, so no id of its own
    }
    const id = typeof keyringId === 'string' && /^[\w-]{1,64}$/.test(keyringId) ? keyringId : 'kr_vectors';
    return bytesOf(sealPayload(rootKey, id, Buffer.from(text, 'utf8')));
  }

  /** What the oracle says, which the keyring must say too. */
  async function agreed(text: string, revision = 2): Promise<string> {
    const document = forged(text);
    const code = await outcome(document, RAW, revision);
    expect(code).toBe(expected(readDocument(document, revision, { rawKey: RAW_KEY })));
    return code;
  }

  /** What opening says: it asks for the shared active keys too. */
  function expected(read: ReturnType<typeof readDocument>): string {
    if (read.code !== 'success') return read.code;
    const isBroken = read.document.keys.some(
      ({ state, tenant, key: unwrapped }) =>
        state === 'active' && tenant === undefined && unwrapped === undefined,
    );
    return isBroken ? 'keyring-damaged' : 'success';
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
    fc.constantFrom('compromisedAt', 'emptySince', 'destroyAfter', 'destroyReason'),
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
    type: ['raw', 'passphrase', 'kms', 'tpm'],
    norm: ['opaque-1', 'crockford-1', 'words-1', 'opaque-2', null],
    label: ['', 'x'.repeat(128), 'x'.repeat(129), 'a\nb', '\u0085', '\ud800', 7],
    keyName: ['', 'k', 'k'.repeat(512), 'k'.repeat(513), 'a\tb'],
    wrappedSecret: ['', 'AA', 'A'.repeat(10_922), 'A'.repeat(10_924), 'AB'],
    createdAt: ['2026-02-30T00:00:00.000Z', '-000001-01-01T00:00:00.000Z', '2026-01-01'],
    addedIn: [0, 1, 2, 3, 1.5, null],
    emptySince: ['2026-02-30T00:00:00.000Z', '-000001-01-01T00:00:00.000Z', '', null],
    destroyAfter: ['2026-02-28T24:00:00.000Z', '+275760-09-13T00:00:00.000Z', 0],
    compromisedAt: ['2026-01-01', true],
    destroyReason: ['', 'x'.repeat(128), 'x'.repeat(129), 'a\nb', '\ud800'],
    name: ['page', '', 'p'.repeat(65)],
    from: [-1, 0, 1, 65_535, 65_536, '0'],
    startedAt: ['2026-01-01T00:00:00Z'],
    change: [null, {}, { revision: 3, startedAt: '2026-01-02T03:04:05.678Z' }],
    policy: [{}, { maxStaleMs: 1000 }, { rotateDays: 90 }, []],
    maxStaleMs: [999, 1000, 2_592_000_000, 2_592_000_001],
    maxCellsPerKey: [65_535, 65_536, 2 ** 48, 2 ** 48 + 1],
    cryptoperiodDays: [0, 1, 36_500, 36_501],
    holdMs: [-1, 0, 31_536_000_000, 31_536_000_001],
    kdf: ['PBKDF2-HMAC-SHA-512', 'Argon2id'],
    id: ['sl_service', 'sl_service_2', 'sl_service_9', 'sl_other', '', '.'],
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

  it('is refused as the oracle refuses it, where the root key has changed and it is read again', async () => {
    const rootKey = new Uint8Array(32).fill(9);
    const kept = { ...rawSlot('sl_service_3'), label: 'front office' };
    const before = bytesOf(writeDocument(GENUINE));
    const seen = readDocument(before, 2, { rawKey: RAW_KEY });
    if (seen.code !== 'success') throw new Error(seen.code);
    const previous = payloadHash(bytesOf(TEXT));
    const next = payloadText({
      ...GENUINE,
      rootKey,
      revision: 3,
      previous,
      slots: [kept, passphraseSlot('sl_new')],
    });
    const found = new Set<unknown>();
    await fc.assert(
      fc.asyncProperty(
        fc.array(change, { minLength: 0, maxLength: 2 }),
        fc.boolean(),
        async (changes, isGiven) => {
          const tree: Payload = JSON.parse(next);
          for (const each of changes) apply(tree, each);
          const document = forged(JSON.stringify(tree), rootKey);
          const store = settableStore();
          store.set({ revision: 2, document: Uint8Array.from(before) });
          const keyring = await openKeyringIn(made, store, RAW);
          store.set({ revision: 3, document });
          const code = await codeOf(refreshKeyring(keyring, isGiven ? PERSON : undefined));
          expect(code).toBe(
            readAgain(seen.document, document, 3, isGiven ? { passphrase: PASSPHRASE } : undefined),
          );
          expect(keyring.revision).toBe(code === 'success' ? 3 : 2);
          found.add(code);
        },
      ),
      { numRuns: 600 },
    );
    // Else the changes would be too crude to get anywhere.
    for (const code of ['success', 'keyring-damaged', 'keyring-format']) expect(found).toContain(code);
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
