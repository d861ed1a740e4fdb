/** Whole documents: test/vectors/keyring-documents.json through the keyring, and through the oracle that made it. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { hex, utf8 } from '../../src/bytes.js';
import { CellsealError } from '../../src/errors.js';
import {
  type UnlockSecret,
  listKeys,
  openKeyringIn,
  openedOf,
  refreshKeyring,
} from '../../src/keyring/index.js';
import { loadKey } from '../../src/keyring/keys.js';
import { unhex } from '../oracle/bytes.js';
import { hkdf } from '../oracle/cell.js';
import { readDocument } from '../oracle/keyring-document.js';
import { type DocumentVectors, type JsonUnlock, bytesOfDocument } from '../oracle/make/documents/shared.js';
import { makeKeyringDocuments } from '../oracle/make-keyring-documents.js';
import { toAsciiJson } from '../oracle/make-vectors.js';
import { type JsonPart, partOf, readVectors } from '../oracle/vectors.js';
import { codeOf, environment, holding, settableStore } from './support.js';

const vectors = readVectors<DocumentVectors>('keyring-documents.json');

function unlockOf({ passphrase, rawKey }: JsonUnlock): UnlockSecret {
  return {
    ...(passphrase !== undefined && { passphrase }),
    ...(rawKey !== undefined && { rawKey: unhex(rawKey) }),
  };
}

function tenantOf(tenant: JsonPart | undefined): ReturnType<typeof listKeys>[number]['tenant'] {
  const part = tenant === undefined ? undefined : partOf(tenant);
  return part instanceof Uint8Array ? Uint8Array.from(part) : part;
}

describe('a document of keyring-documents.json', () => {
  it.each(vectors.opening)('opens: $name', async (vector) => {
    const store = holding(bytesOfDocument(vector.document), vector.revision);
    const made = environment();
    const keyring = await openKeyringIn(made, store, unlockOf(vector));
    const { document, root } = openedOf(keyring);
    expect(keyring.id).toBe(vector.keyringId);
    expect(keyring.revision).toBe(vector.revision);
    expect(document.previous ? hex(document.previous) : null).toBe(vector.previous);
    expect(listKeys(keyring)).toEqual(
      vector.keys.map(({ keyId, kind, tenant, state, createdAt }) => ({
        keyId,
        kind,
        tenant: tenantOf(tenant),
        state,
        createdAt: new Date(createdAt),
      })),
    );
    // The keys behind the wrapping, as far as two HKDFs agree.
    for (const [place, { key }] of vector.keys.entries()) {
      const entry = document.keys[place];
      expect(entry?.wrapped === undefined).toBe(key === undefined);
      if (!entry?.wrapped || key === undefined) continue;
      const loaded = await loadKey(made.engine, root, keyring.id, { ...entry, wrapped: entry.wrapped });
      const derived = await made.engine.deriveBytes(loaded, utf8('probe'), 32);
      expect(hex(derived)).toBe(hex(hkdf(unhex(key), new Uint8Array(), utf8('probe'))));
    }
  });

  it.each(vectors.refused)('is refused: $name ($expect)', async (vector) => {
    const store = holding(bytesOfDocument(vector.document), vector.revision);
    const opening = openKeyringIn(environment(), store, unlockOf(vector));
    await expect(opening).rejects.toBeInstanceOf(CellsealError);
    expect(await codeOf(opening)).toBe(vector.expect);
  });

  it.each(vectors.uses)('gives a key or refuses it: $name ($expect)', async (vector) => {
    const store = holding(bytesOfDocument(vector.document), vector.revision);
    const opened = openedOf(await openKeyringIn(environment(), store, unlockOf(vector)));
    const use = async () => opened.openingKey(vector.keyId, tenantOf(vector.tenant), {});
    expect(await codeOf(use)).toBe(vector.expect);
    // And again, where something might have been kept.
    expect(await codeOf(use)).toBe(vector.expect);
  });

  it.each(vectors.refreshes)('is taken over or refused: $name ($expect)', async (vector) => {
    const store = settableStore();
    const { seen, found } = vector;
    store.set({ revision: seen.revision, document: Uint8Array.from(bytesOfDocument(seen.document)) });
    const keyring = await openKeyringIn(environment(), store, unlockOf(vector));
    store.set({ revision: found.revision, document: Uint8Array.from(bytesOfDocument(found.document)) });
    expect(await codeOf(refreshKeyring(keyring))).toBe(vector.expect);
    expect(keyring.revision).toBe(vector.expect === 'success' ? found.revision : seen.revision);
  });
});

describe('keyring-documents.json', () => {
  it('is what make-keyring-documents.ts makes', () => {
    const file = readFileSync(new URL('../vectors/keyring-documents.json', import.meta.url), 'utf8');
    expect(toAsciiJson(makeKeyringDocuments()) === file).toBe(true);
  });

  it('gives every case a name of its own', () => {
    for (const cases of [vectors.opening, vectors.refused, vectors.uses, vectors.refreshes]) {
      expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
    }
  });

  it('holds no two refusals alike', () => {
    const cases = vectors.refused.map(({ name: _, ...rest }) => JSON.stringify(rest));
    expect(new Set(cases).size).toBe(cases.length);
  });

  it('is read alike by the oracle', () => {
    for (const vector of [...vectors.opening, ...vectors.refused]) {
      const unlock = {
        ...(vector.passphrase !== undefined && { passphrase: vector.passphrase }),
        ...(vector.rawKey !== undefined && { rawKey: unhex(vector.rawKey) }),
      };
      const { code } = readDocument(bytesOfDocument(vector.document), vector.revision, unlock);
      expect(code).toBe('expect' in vector ? vector.expect : 'success');
    }
  });
});
