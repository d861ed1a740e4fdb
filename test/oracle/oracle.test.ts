import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { indexToken } from './blind-index.js';
import { base32, base64url, fromBase32, fromBase64url, hex, unhex, utf8 } from './bytes.js';
import {
  cellAad,
  cellContext,
  cellKey,
  detScopeContext,
  fromText,
  keyCommitment,
  keyId,
  modeRefusesType,
  open,
  openFramed,
  scopeContext,
  sealDeterministic,
  sealRandomized,
  toText,
} from './cell.js';
import { type Part, encodeInfo } from './context.js';
import { decodeFrame, encodeFrame } from './frame.js';
import {
  type Slot,
  createOpaque1,
  keyringMac,
  normaliseOpaque1,
  passphraseSecret,
  slotCommitment,
  slotDescription,
  unwrapKey,
  unwrapRootKey,
  wrapKey,
  wrapRootKey,
} from './keyring.js';
import { makeVectors, toAsciiJson } from './make-vectors.js';
import {
  type CellCase,
  type CellVectors,
  type ContextCase,
  type IndexCase,
  type KeyringVectors,
  type LargeCase,
  type MoreCellVectors,
  type PassphraseVectors,
  type RefusedCase,
  type SlotCase,
  contextOf,
  formsOf,
  indexValueOf,
  jsonOf,
  partOf,
  readVectors,
  readingOf,
  valueFrom,
} from './vectors.js';

const given = readVectors<CellVectors>('cell-v1.json');
const more = readVectors<MoreCellVectors>('cell-v1-more.json');
const keyring = readVectors<KeyringVectors>('keyring-v1.json');
const passphrases = readVectors<PassphraseVectors>('opaque-1.json');

function checkCell(vector: CellCase): void {
  const context = contextOf(vector.context);
  const key = unhex(vector.dataKey);
  const framed = encodeFrame(vector.type, valueFrom(vector.type, vector.value), vector.pad);
  expect(hex(framed)).toBe(vector.framed);
  expect(base32(keyId('data', key))).toBe(vector.keyId);
  expect(hex(keyCommitment('data', key))).toBe(vector.commitment);
  expect(hex(sealCase(vector, framed))).toBe(vector.cell);
  expect(toText(unhex(vector.cell))).toBe(vector.text);
  expect(fromText(vector.text)).toEqual(unhex(vector.cell));
  if (vector.salt !== undefined && vector.iv !== undefined) {
    expect(hex(scopeContext(context))).toBe(vector.scope);
    expect(hex(cellKey(key, unhex(vector.salt), context))).toBe(vector.cellKey);
    expect(hex(cellAad(key, unhex(vector.salt), unhex(vector.iv), context))).toBe(vector.aad);
  }
  const attribute = {
    type: vector.type,
    ...(vector.pad !== undefined && { pad: vector.pad }),
    ...(vector.type === 'null' && { hideNull: true }),
  };
  for (const form of [vector.text, unhex(vector.cell)]) {
    const opened = open(form, { ...attribute, mode: vector.mode, context, keys: [{ key }] });
    if (opened.refusal !== 'success') throw new Error(opened.refusal);
    expect(opened.type).toBe(vector.type);
    expect(jsonOf(opened.type, opened.value)).toStrictEqual(vector.value);
  }
}

function sealCase(
  vector: Pick<CellCase, 'mode' | 'dataKey' | 'context' | 'salt' | 'iv'>,
  framed: Uint8Array,
): Uint8Array {
  const [key, context] = [unhex(vector.dataKey), contextOf(vector.context)];
  if (vector.salt === undefined || vector.iv === undefined) return sealDeterministic(key, context, framed);
  return sealRandomized(key, context, framed, unhex(vector.salt), unhex(vector.iv));
}

function checkRefused(vector: RefusedCase): void {
  const forms = formsOf(vector);
  expect(forms.length).toBeGreaterThan(0);
  for (const form of forms) {
    const opened = open(form, readingOf(vector));
    expect(opened.refusal).toBe(vector.expect);
    if (opened.refusal === 'success' && vector.value !== undefined) {
      expect(jsonOf(opened.type, opened.value)).toStrictEqual(vector.value);
    }
  }
}

/** A frame fault stands inside a seal that verifies; any other authentication fault is the seal's. */
function checkWhereTheFaultIs(vector: RefusedCase): void {
  if (vector.cell === undefined || vector.expect !== 'authentication') return;
  const bytes = formsOf(vector).find((form) => form instanceof Uint8Array);
  if (!(bytes instanceof Uint8Array)) throw new Error('no binary form');
  const named = hex(bytes.subarray(2, 18));
  const key = readingOf(vector).keys.find((candidate) => hex(keyId('data', candidate.key)) === named);
  if (key === undefined) throw new Error('no key');
  const framed = openFramed(vector.mode, key.key, contextOf(vector.context), bytes);
  expect(framed === undefined ? undefined : hex(framed)).toBe(vector.framed);
}

function tokenOf(vector: Omit<IndexCase, 'token'>): string | null {
  const { indexKey, tenant, value, ...index } = vector;
  const context = { ...index, ...(tenant !== undefined && { tenant: partOf(tenant) }) };
  return indexToken(unhex(indexKey), context, indexValueOf(value));
}

function encodeCase({ purpose, context: json }: ContextCase): Uint8Array {
  const context = contextOf(json);
  const prefix = new Uint8Array(18);
  switch (purpose) {
    case 'cell':
      return cellContext('randomized', context);
    case 'cell-det':
      return cellContext('deterministic', context);
    case 'scope':
      encodeInfo('cellseal/v1/cell-key', prefix, scopeContext(context));
      return scopeContext(context);
    case 'det-scope':
      encodeInfo('cellseal/v1/det-mac', prefix, detScopeContext(context));
      return detScopeContext(context);
  }
}

function checkLarge(vector: LargeCase): void {
  const value = vector.value.repeat(vector.times);
  const cell = sealCase(vector, encodeFrame(vector.type, value));
  const text = toText(cell);
  expect(createHash('sha256').update(cell).digest('hex')).toBe(vector.cellSha256);
  expect(createHash('sha256').update(text).digest('hex')).toBe(vector.textSha256);
  const keys = [{ key: unhex(vector.dataKey) }];
  const opened = open(cell, { mode: vector.mode, type: 'text', context: contextOf(vector.context), keys });
  expect(opened.refusal === 'success' && opened.value === value).toBe(true);
}

function slotOf(vector: SlotCase): Slot {
  const { keyringId, slotId, type, norm, kdf, iterations, salt } = vector;
  if (type !== 'passphrase') return { type, keyringId, slotId };
  if (norm === undefined || kdf === undefined || iterations === undefined || salt === undefined) {
    throw new Error('an incomplete passphrase slot');
  }
  return { type, keyringId, slotId, norm, kdf, iterations, salt: unhex(salt) };
}

describe('the oracle agrees with cell-v1.json', () => {
  it.each(given.cells.map((vector, index) => ({ ...vector, index })))('cell $index: $mode $type', checkCell);
  it.each(given.refused)('$name: $expect', checkRefused);
  it.each(given.indexes)('index $name, $bits bits', (vector) => {
    expect(tokenOf(vector)).toBe(vector.token);
  });
});

describe('the oracle agrees with cell-v1-more.json', () => {
  it.each(more.cells)('$name', checkCell);
  it.each(more.refused)('$name: $expect', checkRefused);
  it.each(more.refused)('$name has its fault where it says', checkWhereTheFaultIs);
  it.each(more.order)('$name: $expect', checkRefused);
  it.each(more.indexes)('index $name, $bits bits, $value', (vector) => {
    expect(tokenOf(vector)).toBe(vector.token);
  });
  it.each(more.refusedIndexes)('index refused: $name', (vector) => {
    expect(() => tokenOf(vector)).toThrow();
  });
  it.each(more.contexts)('context $name', (vector) => {
    if (vector.encoded === null) expect(() => encodeCase(vector)).toThrow();
    else expect(hex(encodeCase(vector))).toBe(vector.encoded);
  });
  it.each(more.unencodable)('cannot be encoded: $name', ({ mode, type, value, pad }) => {
    if (modeRefusesType(mode, type)) return;
    expect(() => encodeFrame(type, valueFrom(type, value), pad)).toThrow();
  });
  it.each(more.large)('$name', checkLarge);

  it('is what make-vectors.ts makes', () => {
    const file = readFileSync(new URL('../vectors/cell-v1-more.json', import.meta.url), 'utf8');
    expect(toAsciiJson(makeVectors()) === file).toBe(true);
  });

  it('holds no two cells alike and no two tokens alike', () => {
    const cells = more.cells.map((vector) => vector.cell);
    const tokens = more.indexes.flatMap(({ token }) => (token === null ? [] : [token]));
    expect(new Set(cells).size).toBe(cells.length);
    expect(new Set(tokens).size).toBe(tokens.length);
  });

  it('stands a success beside every refusal after cryptography of the same mode and type', () => {
    const kind = ({ mode, type }: RefusedCase): string => `${mode} ${type}`;
    const successes = new Set(more.refused.filter((vector) => vector.expect === 'success').map(kind));
    const known = new Set([...successes, ...more.cells.map(({ mode, type }) => `${mode} ${type}`)]);
    const alone = more.refused.filter((vector) => !known.has(kind(vector)));
    expect(alone.map((vector) => vector.name)).toEqual([]);
  });
});

describe('the oracle agrees with keyring-v1.json', () => {
  const rootKey = unhex(keyring.rootKey);

  it.each(keyring.slots)('slot $slotId', (vector) => {
    const slot = slotOf(vector);
    const secret = unhex(vector.secret);
    if (slot.type === 'passphrase') {
      const normalised = normaliseOpaque1(vector.passphrase ?? '');
      expect(hex(passphraseSecret(normalised, slot.salt, slot.iterations))).toBe(vector.secret);
    }
    expect(hex(slotDescription(slot))).toBe(vector.description);
    expect(hex(slotCommitment(secret, slot))).toBe(vector.commitment);
    expect(hex(wrapRootKey(secret, slot, rootKey, unhex(vector.iv)))).toBe(vector.wrapped);
    expect(unwrapRootKey(secret, slot, unhex(vector.wrapped))).toEqual(rootKey);
    expect(unwrapRootKey(rootKey, slot, unhex(vector.wrapped))).toBeUndefined();
  });

  it.each(keyring.keys)('$kind key of tenant $tenant', (vector) => {
    const { keyringId, kind, tenant } = vector;
    const description: { keyringId: string; kind: typeof kind; tenant?: Part } = {
      keyringId,
      kind,
      ...(tenant !== undefined && { tenant: partOf(tenant) }),
    };
    const key = unhex(vector.key);
    expect(hex(keyCommitment(kind, key))).toBe(vector.commitment);
    expect(hex(wrapKey(rootKey, description, key, unhex(vector.iv)))).toBe(vector.wrapped);
    expect(unwrapKey(rootKey, description, unhex(vector.commitment), unhex(vector.wrapped))).toEqual(key);
    const elsewhere = { ...description, keyringId: 'another' };
    expect(unwrapKey(rootKey, elsewhere, unhex(vector.commitment), unhex(vector.wrapped))).toBeUndefined();
  });

  it('the MAC of a payload', () => {
    const payload = utf8(keyring.mac.payload);
    const { keyringId } = JSON.parse(keyring.mac.payload) as { keyringId: string };
    expect(hex(keyringMac(rootKey, keyringId, payload))).toBe(keyring.mac.mac);
  });
});

describe('the oracle agrees with opaque-1.json', () => {
  it.each(passphrases.cases)('$name', ({ passphrase, normalised, creation }) => {
    if (normalised === 'refused') expect(() => normaliseOpaque1(passphrase)).toThrow();
    else expect(hex(normaliseOpaque1(passphrase))).toBe(normalised);
    if (creation === 'refused') expect(() => createOpaque1(passphrase)).toThrow();
    else expect(hex(createOpaque1(passphrase))).toBe(normalised);
  });
});

describe('the oracle by hand', () => {
  it('writes base32 and base64url as RFC 4648 §10 does, without padding', () => {
    const words = ['', 'f', 'fo', 'foo', 'foob', 'fooba', 'foobar'];
    const inBase32 = ['', 'my', 'mzxq', 'mzxw6', 'mzxw6yq', 'mzxw6ytb', 'mzxw6ytboi'];
    const inBase64 = ['', 'Zg', 'Zm8', 'Zm9v', 'Zm9vYg', 'Zm9vYmE', 'Zm9vYmFy'];
    expect(words.map((word) => base32(utf8(word)))).toEqual(inBase32);
    expect(words.map((word) => base64url(utf8(word)))).toEqual(inBase64);
    expect(inBase32.map(fromBase32)).toEqual(words.map(utf8));
    expect(inBase64.map(fromBase64url)).toEqual(words.map(utf8));
    expect(base64url(Uint8Array.of(0xfb, 0xff))).toBe('-_8');
  });

  it('refuses stray bits and impossible lengths', () => {
    expect(['mz', 'm', 'mzx', 'MY', 'my======'].map(fromBase32)).toEqual(Array(5).fill(undefined));
    expect(['Zh', 'Z', 'Zm9vY', 'Zg==', 'Zm+v'].map(fromBase64url)).toEqual(Array(5).fill(undefined));
  });

  it('decodes nothing from an empty frame', () => {
    expect(decodeFrame(new Uint8Array(), { type: 'text' })).toBeUndefined();
  });
});
