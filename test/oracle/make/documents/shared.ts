/** The layout of keyring-documents.json, and what its makers share. */
import { base32, hex, unhex, utf8 } from '../../bytes.js';
import type { KeyKind, KeyState } from '../../cell.js';
import type { Part } from '../../context.js';
import {
  type DocumentCode,
  type DocumentSpec,
  type KeySpec,
  type KmsEntry,
  type Marks,
  type PageReference,
  type RefreshCode,
  type SlotSpec,
  type Unlock,
  type UseCode,
  payloadHash,
  payloadText,
  readDocument,
  sealPayload,
  writePage,
} from '../../keyring-document.js';
import type { GeneratedVectors } from '../../passphrase-vectors.js';
import { type JsonPart, readVectors } from '../../vectors.js';
import { random } from '../shared.js';

/** A document: as ASCII text; as texts, each so many times, one after the other; or, where it is no ASCII, as hex. */
export type JsonDocument =
  | string
  | { readonly parts: readonly (readonly [text: string, times: number])[] }
  | { readonly hex: string };

export interface JsonUnlock {
  readonly passphrase?: string;
  /** Hex. */
  readonly rawKey?: string;
  /** All that a key management service unwraps, in hex; it refuses anything else. */
  readonly kms?: readonly {
    readonly keyringId: string;
    readonly slotId: string;
    readonly wrapped: string;
    readonly secret: string;
  }[];
}

export interface JsonKey extends Marks {
  readonly keyId: string;
  readonly kind: KeyKind;
  readonly tenant?: JsonPart;
  readonly state: KeyState;
  readonly createdAt: string;
  readonly addedIn: number;
  /** Hex; not there once it is destroyed. */
  readonly key?: string;
}

export interface OpeningCase extends JsonUnlock {
  readonly name: string;
  readonly document: JsonDocument;
  readonly keyringId: string;
  readonly revision: number;
  readonly previous: string | null;
  readonly rootKey: string;
  /** The payload's text, but for long ones. */
  readonly payload?: string;
  readonly keys: readonly JsonKey[];
}

export interface RefusedDocument extends JsonUnlock {
  readonly name: string;
  readonly expect: Exclude<DocumentCode, 'success'>;
  /** Under which the store keeps it. */
  readonly revision: number;
  readonly document: JsonDocument;
}

export interface KeyUse extends JsonUnlock {
  readonly name: string;
  readonly document: JsonDocument;
  /** What the store keeps beside the document, by its names: ASCII text. */
  readonly pages?: Readonly<Record<string, string>>;
  readonly revision: number;
  readonly keyId: string;
  readonly tenant?: JsonPart;
  readonly expect: UseCode;
}

export interface RefreshCase extends JsonUnlock {
  readonly name: string;
  readonly seen: { readonly revision: number; readonly document: JsonDocument };
  readonly found: { readonly revision: number; readonly document: JsonDocument };
  /** What is given where a secret is asked for. */
  readonly renew?: JsonUnlock;
  readonly expect: RefreshCode;
}

export interface DocumentVectors {
  readonly description: string;
  readonly opening: readonly OpeningCase[];
  readonly refused: readonly RefusedDocument[];
  readonly uses: readonly KeyUse[];
  readonly refreshes: readonly RefreshCase[];
}

export const PASSPHRASE = 'correct horse battery staple';
export const RAW_KEY = random('documents/raw-key', 32);
export const CREATED_AT = '2026-01-02T03:04:05.678Z';
export const SLOT_CREATED_AT = '2026-01-01T00:00:00.000Z';

/** A key of a document, its bytes and IV made from its name. */
export function key(name: string, state: KeyState, more: Partial<KeySpec> = {}): KeySpec {
  return {
    kind: 'data',
    key: random(`documents/key/${name}`, 32),
    iv: random(`documents/iv/${name}`, 12),
    state,
    createdAt: CREATED_AT,
    addedIn: 1,
    ...more,
  };
}

/** A passphrase slot of 1,000 iterations, its salt and IV made from its id. */
export function passphraseSlot(id: string, passphrase = PASSPHRASE, iterations = 1000): SlotSpec {
  const salt = random(`documents/salt/${id}`, 32);
  return { ...slot(id), passphrase, iterations, salt };
}

/** A raw slot, its IV made from its id. */
export function rawSlot(id: string, rawKey: Uint8Array = RAW_KEY): SlotSpec {
  return { ...slot(id), rawKey };
}

/** A generated passphrase of test/vectors/passphrases.json, by its name; a damaged one, by its own. */
export function generated(name: string): { readonly norm: string; readonly passphrase: string } {
  const { generated: whole, refused } = readVectors<GeneratedVectors>('passphrases.json');
  const found = [...whole, ...refused].find((each) => each.name === name);
  if (!found) throw new Error(`no passphrase is named ${name}`);
  return found;
}

/** A passphrase slot of a generated passphrase. */
export function generatedSlot(id: string, name: string): SlotSpec {
  const { norm, passphrase } = generated(name);
  return { ...passphraseSlot(id, passphrase), norm };
}

/** A slot of a key management service, its IV, its secret and what the service made of that made from its id. */
export function kmsSlot(id: string, bytes = 56): SlotSpec {
  return {
    ...slot(id),
    keyName: 'arn:example:kms:key/7f6d',
    wrappedSecret: random(`documents/kms/${id}`, bytes),
    secret: random(`documents/kms-secret/${id}`, 32),
  };
}

/** What a key management service unwraps that made this slot's secret. */
export function kmsEntry({ id, wrappedSecret, secret }: SlotSpec, keyringId = 'kr_vectors'): KmsEntry {
  return { keyringId, slotId: id, wrapped: wrappedSecret as Uint8Array, secret: secret as Uint8Array };
}

function slot(id: string): Pick<SlotSpec, 'id' | 'label' | 'createdAt' | 'iv'> {
  return { id, label: '', createdAt: SLOT_CREATED_AT, iv: random(`documents/iv/${id}`, 12) };
}

/** The reference to a page of this text; its name made from what it is called here. */
export function pageOf(what: string, from: number, page: string): PageReference {
  return { name: base32(random(`documents/page/${what}`, 16)), from, hash: payloadHash(utf8(page)) };
}

/** The text of a page of these keys. */
export function page(...keys: readonly KeySpec[]): string {
  return writePage(spec(), keys);
}

export const DATA = key('data', 'active');
export const INDEX = key('index', 'active', { kind: 'index' });

/** Revision 1 with a raw slot, an active data key and an active index key, or what `more` says instead. */
export function spec(more: Partial<DocumentSpec> = {}): DocumentSpec {
  return {
    keyringId: 'kr_vectors',
    revision: 1,
    rootKey: random('documents/root-key', 32),
    slots: [rawSlot('sl_service')],
    keys: [DATA, INDEX],
    ...more,
  };
}

/** The text with one part of it replaced; throws unless that part is there, once. */
export function replaced(text: string, part: string, by: string): string {
  if (text.split(part).length !== 2) throw new Error(`${part} is not there once in ${text}`);
  return text.replace(part, () => by);
}

/** A document whose payload was edited before its MAC was made. */
export function edited(
  given: DocumentSpec,
  ...edits: readonly (readonly [part: string, by: string])[]
): string {
  const text = edits.reduce((before, [part, by]) => replaced(before, part, by), payloadText(given));
  return sealPayload(given.rootKey, given.keyringId, utf8(text));
}

/** Reads with the oracle; throws unless the outcome is the one that was written by hand. */
export function mustBe(
  name: string,
  expected: DocumentCode,
  document: Uint8Array,
  revision: number,
  unlock: Unlock,
): void {
  const { code } = readDocument(document, revision, unlock);
  if (code !== expected) throw new Error(`${name}: ${code}, not ${expected}`);
}

/** The bytes of a vector's document. */
export function bytesOfDocument(document: JsonDocument): Uint8Array {
  if (typeof document === 'string') return utf8(document);
  if ('hex' in document) return Uint8Array.from(Buffer.from(document.hex, 'hex'));
  return utf8(document.parts.map(([text, times]) => text.repeat(times)).join(''));
}

/** A tenant as vectors have it. */
export function jsonPart(part: Part): JsonPart {
  if (typeof part === 'string') return part;
  if (typeof part === 'bigint') return { integer: part.toString() };
  return { bytes: Buffer.from(part).toString('hex') };
}

/** What unlocks, as vectors have it. */
export function jsonUnlock({ passphrase, rawKey, kms }: Unlock): JsonUnlock {
  return {
    ...(passphrase !== undefined && { passphrase }),
    ...(rawKey !== undefined && { rawKey: hex(rawKey) }),
    ...(kms !== undefined && {
      kms: kms.map(({ wrapped, secret, ...rest }) => ({
        ...rest,
        wrapped: hex(wrapped),
        secret: hex(secret),
      })),
    }),
  };
}

/** The reverse. */
export function unlockFrom({ passphrase, rawKey, kms }: JsonUnlock): Unlock {
  return {
    ...(passphrase !== undefined && { passphrase }),
    ...(rawKey !== undefined && { rawKey: unhex(rawKey) }),
    ...(kms !== undefined && {
      kms: kms.map(({ wrapped, secret, ...rest }) => ({
        ...rest,
        wrapped: unhex(wrapped),
        secret: unhex(secret),
      })),
    }),
  };
}
