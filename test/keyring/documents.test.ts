/** Whole documents: test/vectors/keyring-documents.json through the keyring, and through the oracle that made it. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { hex, utf8 } from '../../src/bytes.js';
import { CellsealError, KeyManagementRefusedError } from '../../src/errors.js';
import {
  type UnlockSecret,
  listKeys,
  listSlots,
  openKeyringIn,
  openedOf,
  refreshKeyring,
} from '../../src/keyring/index.js';
import { loadKey } from '../../src/keyring/keys.js';
import type { Clock } from '../../src/ports/clock.js';
import type { KeyManagement } from '../../src/ports/key-management.js';
import { unhex } from '../oracle/bytes.js';
import { hkdf } from '../oracle/cell.js';
import { type KmsEntry, readAgain, readDocument, useKey } from '../oracle/keyring-document.js';
import {
  type DocumentVectors,
  type JsonUnlock,
  bytesOfDocument,
  unlockFrom,
} from '../oracle/make/documents/shared.js';
import { makeKeyringDocuments } from '../oracle/make-keyring-documents.js';
import { toAsciiJson } from '../oracle/make-vectors.js';
import { type JsonPart, partOf, readVectors } from '../oracle/vectors.js';
import { bytesOf, codeOf, environment, fakeClock, holding, settableStore } from './support.js';

const vectors = readVectors<DocumentVectors>('keyring-documents.json');

function unlockOf(json: JsonUnlock): UnlockSecret {
  const { passphrase, rawKey, kms } = unlockFrom(json);
  return {
    ...(passphrase !== undefined && { passphrase }),
    ...(rawKey !== undefined && { rawKey }),
    ...(kms !== undefined && { keyManagement: serviceOf(kms) }),
  };
}

/** A key management service that unwraps these and refuses anything else. */
function serviceOf(entries: readonly KmsEntry[]): KeyManagement {
  return {
    keyName: 'table',
    wrap: () => {
      throw new Error('nothing is to be wrapped');
    },
    unwrap: (wrapped, { keyringId, slotId }) => {
      const known = entries.find(
        (entry) =>
          entry.keyringId === keyringId && entry.slotId === slotId && hex(entry.wrapped) === hex(wrapped),
      );
      if (!known) throw new KeyManagementRefusedError();
      return Uint8Array.from(known.secret);
    },
  };
}

/** A clock whose sleepers never wait: it moves instead. */
function leapingClock(): Clock {
  const clock = fakeClock();
  return { ...clock, sleep: async (ms) => clock.advance(ms) };
}

function tenantOf(tenant: JsonPart | undefined): ReturnType<typeof listKeys>[number]['tenant'] {
  const part = tenant === undefined ? undefined : partOf(tenant);
  return part instanceof Uint8Array ? Uint8Array.from(part) : part;
}

function dateOf(time: string | undefined): Date | undefined {
  return time === undefined ? undefined : new Date(time);
}

describe('a document of keyring-documents.json', () => {
  it.each(vectors.opening)('opens: $name', async (vector) => {
    const store = holding(bytesOfDocument(vector.document), vector.revision);
    const made = environment();
    const keyring = await openKeyringIn(made, store, unlockOf(vector));
    const { document, root } = openedOf(keyring);
    const outcome = readDocument(bytesOfDocument(vector.document), vector.revision, unlockFrom(vector));
    if (outcome.code !== 'success') throw new Error(`the oracle says ${outcome.code}`);
    const { keys, slots, pages, change, policy } = outcome.document;
    expect(keys.map(({ marks, keyId }) => ({ keyId, ...marks }))).toEqual(
      vector.keys.map(({ keyId, compromisedAt, emptySince, destroyAfter, destroyReason }) => ({
        keyId,
        ...{ compromisedAt, emptySince, destroyAfter, destroyReason },
      })),
    );
    expect(
      listSlots(keyring).map(({ slotId, type, label, createdAt, iterations, keyName, isOwn }) => ({
        slotId,
        type,
        label,
        createdAt: createdAt.toISOString(),
        ...(iterations !== undefined && { iterations }),
        ...(keyName !== undefined && { keyName }),
        isOwn,
      })),
    ).toEqual(
      slots.map((slot) => ({
        slotId: slot.slotId,
        type: slot.type,
        label: slot.label,
        createdAt: slot.createdAt,
        ...(slot.type === 'passphrase' && { iterations: slot.iterations }),
        ...(slot.keyName !== undefined && { keyName: slot.keyName }),
        isOwn: slot.slotId === outcome.document.opened.slotId,
      })),
    );
    expect(document.pages).toEqual(pages);
    expect(document.change).toEqual(change && { ...change, pages: change.pages ?? [] });
    expect(document.policy).toEqual(policy);
    expect(document.keys.map(({ addedIn }) => addedIn)).toEqual(vector.keys.map(({ addedIn }) => addedIn));
    expect(keyring.id).toBe(vector.keyringId);
    expect(keyring.revision).toBe(vector.revision);
    expect(document.previous ? hex(document.previous) : null).toBe(vector.previous);
    expect(listKeys(keyring)).toEqual(
      vector.keys.map(({ keyId, kind, tenant, state, createdAt, ...said }) => ({
        keyId,
        kind,
        tenant: tenantOf(tenant),
        state,
        createdAt: new Date(createdAt),
        compromisedAt: dateOf(said.compromisedAt),
        emptySince: dateOf(said.emptySince),
        destroyAfter: dateOf(said.destroyAfter),
        destroyReason: said.destroyReason,
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
    const pages = new Map(Object.entries(vector.pages ?? {}));
    const store = {
      ...holding(bytesOfDocument(vector.document), vector.revision),
      pages: {
        read: (name: string) => {
          const page = pages.get(name);
          return page === undefined ? undefined : bytesOf(page);
        },
        write: () => undefined,
        remove: () => undefined,
      },
    };
    const clock = leapingClock();
    // A keyring is opened only where its shared active keys are whole; the others are met at their first use.
    const opening = openKeyringIn(environment({ clock }), store, unlockOf(vector));
    const use = async () => openedOf(await opening).openingKey(vector.keyId, tenantOf(vector.tenant), {});
    expect(await codeOf(use)).toBe(vector.expect);
    // And again, where something might have been kept.
    expect(await codeOf(use)).toBe(vector.expect);
  });

  describe.each(vectors.refreshes)('is taken over or refused: $name ($expect)', (vector) => {
    const { seen, found, renew } = vector;

    async function openSeen(renewSecret?: () => UnlockSecret) {
      const store = settableStore();
      store.set({ revision: seen.revision, document: Uint8Array.from(bytesOfDocument(seen.document)) });
      const options = { ...unlockOf(vector), ...(renewSecret && { renewSecret }) };
      const keyring = await openKeyringIn(environment(), store, options);
      store.set({ revision: found.revision, document: Uint8Array.from(bytesOfDocument(found.document)) });
      return keyring;
    }

    it('with the secret that refreshKeyring is given', async () => {
      const keyring = await openSeen();
      const refreshing = refreshKeyring(keyring, renew && unlockOf(renew));
      expect(await codeOf(refreshing)).toBe(vector.expect);
      expect(keyring.revision).toBe(vector.expect === 'success' ? found.revision : seen.revision);
      // What was taken over is held: the same again is nothing new. What was refused is refused again.
      expect(await codeOf(refreshKeyring(keyring, renew && unlockOf(renew)))).toBe(vector.expect);
    });

    it('with the secret that renewSecret gives', async () => {
      let asked = 0;
      const keyring = await openSeen(() => {
        asked++;
        return renew ? unlockOf(renew) : {};
      });
      const withoutSecret = vector.expect === 'keyring-rekeyed' ? 'invalid-passphrase' : vector.expect;
      expect(await codeOf(refreshKeyring(keyring))).toBe(renew ? vector.expect : withoutSecret);
      // Asked only where the root key has changed and the slot is gone.
      const before = readDocument(bytesOfDocument(seen.document), seen.revision, unlockFrom(vector));
      if (before.code !== 'success') throw new Error(`the oracle says ${before.code}`);
      const found = bytesOfDocument(vector.found.document);
      const isWanted = readAgain(before.document, found, vector.found.revision) === 'keyring-rekeyed';
      expect(asked).toBe(isWanted ? 1 : 0);
    });
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
      const { code } = readDocument(bytesOfDocument(vector.document), vector.revision, unlockFrom(vector));
      expect(code).toBe('expect' in vector ? vector.expect : 'success');
    }
    for (const vector of vectors.uses) {
      const outcome = readDocument(bytesOfDocument(vector.document), vector.revision, unlockFrom(vector));
      if (outcome.code !== 'success') throw new Error(`${vector.name}: ${outcome.code}`);
      const pages = new Map(Object.entries(vector.pages ?? {}).map(([name, text]) => [name, bytesOf(text)]));
      const tenant = vector.tenant === undefined ? undefined : partOf(vector.tenant);
      expect(useKey(outcome.document, pages, vector.keyId, tenant)).toBe(vector.expect);
    }
    for (const { name, seen, found, renew, expect: expected, ...unlock } of vectors.refreshes) {
      const outcome = readDocument(bytesOfDocument(seen.document), seen.revision, unlockFrom(unlock));
      if (outcome.code !== 'success') throw new Error(`${name}: ${outcome.code}`);
      const document = bytesOfDocument(found.document);
      expect(readAgain(outcome.document, document, found.revision, renew && unlockFrom(renew))).toBe(
        expected,
      );
    }
  });
});
