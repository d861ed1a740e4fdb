import { type Bytes, base32, concat, equalBytes, hex, utf8 } from '../bytes.js';
import { type ContextPart, encodeItem, hkdfInfo } from '../envelope/index.js';
import { AuthenticationError, KeyringDamagedError, UnknownKeyError } from '../errors.js';
import { type MaybePromise, andThen, rescue } from '../maybe.js';
import type { AeadKey, DerivationKey, Engine, MacKey } from '../ports/engine.js';
import { SUITE_1 } from '../suite.js';
import type { KeyringDocument } from './document.js';
import type { Environment } from './environment.js';
import type { KeyEntry } from './key-entry.js';
import type { KeyKind, KeyState } from './states.js';

/** What is derived from the root key; the root key itself is not kept. */
export interface RootKeys {
  readonly wrap: AeadKey;
  readonly mac: MacKey;
}

const KEY_LABEL = concat(utf8('cellseal/key'), Uint8Array.of(0x00, 0x01));
const COMMITMENT_LABELS: Readonly<Record<KeyKind, string>> = Object.freeze({
  data: 'cellseal/v1/key-commitment',
  index: 'cellseal/v1/index-commitment',
});

/** key wrap and MAC key (docs/keyring-format.md §2). */
export async function deriveRootKeys(
  engine: Engine,
  rootKey: DerivationKey,
  keyringId: string,
): Promise<RootKeys> {
  const item = encodeItem(1, keyringId);
  return {
    wrap: await engine.deriveAead(rootKey, new Uint8Array(0), hkdfInfo('cellseal/v1/key-wrap', item)),
    mac: await engine.deriveMac(rootKey, hkdfInfo('cellseal/v1/keyring-mac', item)),
  };
}

/** C: the commitment to a key, from which its id comes. */
export function keyCommitment(engine: Engine, kind: KeyKind, key: DerivationKey): MaybePromise<Bytes> {
  return engine.deriveBytes(key, hkdfInfo(COMMITMENT_LABELS[kind]), SUITE_1.commitmentBytes);
}

/** The first 16 bytes of the commitment. */
export function keyIdBytes(commitment: Bytes): Bytes {
  return commitment.slice(0, SUITE_1.keyIdBytes);
}

const keyIds = new WeakMap<Bytes, string>();

/** The key id as text: 26 characters of base32. */
export function keyIdOf({ commitment }: Pick<KeyEntry, 'commitment'>): string {
  const known = keyIds.get(commitment);
  if (known !== undefined) return known;
  const keyId = base32(keyIdBytes(commitment));
  keyIds.set(commitment, keyId);
  return keyId;
}

/** The document's key with this id. Throws `UnknownKeyError`. */
export function entryOf({ keys }: Pick<KeyringDocument, 'keys'>, keyId: string): KeyEntry {
  const entry = keys.find((candidate) => keyIdOf(candidate) === keyId);
  if (!entry) throw new UnknownKeyError({ keyId });
  return entry;
}

/** The document's keys with another entry in the place of one. */
export function withEntry(
  { keys }: Pick<KeyringDocument, 'keys'>,
  entry: KeyEntry,
  next: KeyEntry,
): readonly KeyEntry[] {
  return keys.map((candidate) => (candidate === entry ? next : candidate));
}

/** A string that is equal for equal tenants, and for no tenant. `7n` and `"7"` are two. */
export function tenantId(tenant: ContextPart | undefined): string {
  if (tenant === undefined) return '';
  if (typeof tenant === 'string') return `t${tenant}`;
  return typeof tenant === 'bigint' ? `i${tenant}` : `b${hex(tenant)}`;
}

/** 32 random bytes as a new entry, wrapped; the bytes are wiped. */
export async function makeKey(
  { engine, random, clock }: Environment,
  root: RootKeys,
  keyringId: string,
  kind: KeyKind,
  tenant: ContextPart | undefined,
  state: KeyState,
  addedIn: number,
): Promise<KeyEntry> {
  const bytes = random(SUITE_1.keyBytes);
  try {
    const commitment = await keyCommitment(engine, kind, await engine.importKey(bytes));
    const createdAt = new Date(clock.wallMs()).toISOString();
    const entry = { kind, tenant, commitment, state, createdAt, addedIn };
    const iv = random(SUITE_1.ivBytes);
    const wrapped = concat(iv, await engine.seal(root.wrap, iv, keyAad(keyringId, entry), bytes));
    return { ...entry, wrapped };
  } finally {
    bytes.fill(0);
  }
}

/** Unwraps an entry's key and holds it to its commitment. */
export function loadKey(
  engine: Engine,
  root: RootKeys,
  keyringId: string,
  entry: KeyEntry & { readonly wrapped: Bytes },
): MaybePromise<DerivationKey> {
  const iv = entry.wrapped.subarray(0, SUITE_1.ivBytes);
  const sealed = entry.wrapped.subarray(SUITE_1.ivBytes);
  const unwrapped = rescue(
    () => engine.unwrapKey(root.wrap, iv, sealed, keyAad(keyringId, entry)),
    (error): never => {
      throw error instanceof AuthenticationError ? notItself(entry) : error;
    },
  );
  return andThen(unwrapped, (key) =>
    andThen(keyCommitment(engine, entry.kind, key), (commitment) => {
      if (!equalBytes(commitment, entry.commitment)) throw notItself(entry);
      return key;
    }),
  );
}

/** The entry with its key wrapped under another root key; the bytes pass through here and are wiped. */
export async function rewrapKey(
  { engine, random }: Environment,
  from: { readonly root: RootKeys; readonly keyringId: string },
  to: { readonly root: RootKeys; readonly keyringId: string },
  entry: KeyEntry,
): Promise<KeyEntry> {
  const { wrapped } = entry;
  if (!wrapped) return entry;
  const bytes = await openWrapped(engine, from, { ...entry, wrapped });
  try {
    const iv = random(SUITE_1.ivBytes);
    return {
      ...entry,
      wrapped: concat(iv, await engine.seal(to.root.wrap, iv, keyAad(to.keyringId, entry), bytes)),
    };
  } finally {
    bytes.fill(0);
  }
}

async function openWrapped(
  engine: Engine,
  { root, keyringId }: { readonly root: RootKeys; readonly keyringId: string },
  entry: KeyEntry & { readonly wrapped: Bytes },
): Promise<Bytes> {
  const iv = entry.wrapped.subarray(0, SUITE_1.ivBytes);
  const sealed = entry.wrapped.subarray(SUITE_1.ivBytes);
  let bytes: Bytes | undefined;
  let isItself = false;
  try {
    bytes = await engine.open(root.wrap, iv, keyAad(keyringId, entry), sealed);
    const commitment = await keyCommitment(engine, entry.kind, await engine.importKey(bytes));
    isItself = equalBytes(commitment, entry.commitment);
    if (isItself) return bytes;
  } catch (error) {
    if (!(error instanceof AuthenticationError)) throw error;
  } finally {
    if (!isItself) bytes?.fill(0); // also where the engine fails in between
  }
  throw notItself(entry);
}

function notItself(entry: KeyEntry): KeyringDamagedError {
  return new KeyringDamagedError('A wrapped key is not the key that its entry names.', {
    keyId: keyIdOf(entry),
  });
}

function keyAad(keyringId: string, key: Pick<KeyEntry, 'kind' | 'tenant' | 'commitment'>): Bytes {
  const items = [encodeItem(1, keyringId), encodeItem(2, key.kind)];
  if (key.tenant !== undefined) items.push(encodeItem(3, key.tenant));
  return concat(KEY_LABEL, ...items, encodeItem(4, key.commitment));
}
