/** What somebody can do with a copy of the keyring and a secret, by the second implementation: no line of `src` runs. */
import { type DataKey, keyCommitment, openFramed, refusalOf } from '../oracle/cell.js';
import type { Context } from '../oracle/context.js';
import {
  type Slot,
  keyringMac,
  normaliseOpaque1,
  passphraseSecret,
  slotCommitment,
  unwrapKey,
  unwrapRootKey,
} from '../oracle/keyring.js';
import { type Payload, payloadOf, payloadTextOf } from './support.js';

/** A document, and its pages, as bytes. */
export interface Copy {
  readonly document: Uint8Array;
  readonly pages: readonly Uint8Array[];
}

const bytesIn = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'base64url'));

/** The root key, where a passphrase slot of the copy has the passphrase's commitment. */
export function rootKeyOf(copy: Copy, passphrase: string): Uint8Array | undefined {
  const { keyringId, slots } = payloadOf(copy.document);
  for (const { id, norm, kdf, iterations, salt, commitment, wrapped } of slots as Payload[]) {
    if (kdf === undefined) continue;
    const slot: Slot = {
      ...{ type: 'passphrase', keyringId, slotId: id },
      ...{ norm, kdf, iterations, salt: bytesIn(salt) },
    };
    const secret = passphraseSecret(normaliseOpaque1(passphrase), slot.salt, iterations);
    if (!Buffer.from(slotCommitment(secret, slot)).equals(bytesIn(commitment))) continue;
    return unwrapRootKey(secret, slot, bytesIn(wrapped));
  }
  return undefined;
}

/** Whether the document's MAC is this root key's. */
export function isSealedUnder(rootKey: Uint8Array, { document }: Copy): boolean {
  const { mac } = JSON.parse(Buffer.from(document).toString('utf8')) as { mac: string };
  const text = payloadTextOf(document);
  const { keyringId } = payloadOf(document);
  return Buffer.from(keyringMac(rootKey, keyringId, Buffer.from(text, 'utf8'))).equals(bytesIn(mac));
}

/** A key of the copy that the root key unwraps. */
export interface HeldKey extends DataKey {
  readonly kind: 'data' | 'index';
}

/** All keys that the root key unwraps, in the document and its pages. */
export function keysUnder(rootKey: Uint8Array, { document, pages }: Copy): HeldKey[] {
  const { keyringId, keys } = payloadOf(document);
  const paged = pages.flatMap((page) => JSON.parse(Buffer.from(page).toString('utf8')) as Payload[]);
  return [...keys, ...paged].flatMap(({ kind, tenant, commitment, wrapped, state }: Payload) => {
    if (wrapped === undefined) return [];
    const description = { keyringId, kind, ...(tenant === undefined ? {} : { tenant }) };
    const key = unwrapKey(rootKey, description, bytesIn(commitment), bytesIn(wrapped));
    if (!key || !Buffer.from(keyCommitment(kind, key)).equals(bytesIn(commitment))) return [];
    return [{ kind, key, state, ...(tenant === undefined ? {} : { tenant }) }];
  });
}

/** What becomes of a cell in text form with these keys, whatever their states say. */
export function readWith(keys: readonly HeldKey[], cell: string, context: Context): string {
  const data = keys
    .filter(({ kind }) => kind === 'data')
    .map(({ key, tenant }) => ({
      key,
      ...(tenant === undefined ? {} : { tenant }),
    }));
  return refusalOf(cell, { mode: 'randomized', context, keys: data, type: 'text' });
}

/** Whether any of the keys, of whatever kind, id and tenant, opens what stands in the cell. */
export function anyOpens(keys: readonly HeldKey[], cell: Uint8Array, context: Context): boolean {
  return keys.some(({ key }) => openFramed('randomized', key, context, cell) !== undefined);
}
