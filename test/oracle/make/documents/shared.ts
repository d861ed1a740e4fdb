/** The layout of keyring-documents.json, and what its makers share. */
import { utf8 } from '../../bytes.js';
import type { KeyKind, KeyState } from '../../cell.js';
import type { Part } from '../../context.js';
import {
  type DocumentCode,
  type DocumentSpec,
  type KeySpec,
  type SlotSpec,
  type Unlock,
  payloadText,
  readDocument,
  sealPayload,
} from '../../keyring-document.js';
import type { JsonPart } from '../../vectors.js';
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
}

export interface JsonKey {
  readonly keyId: string;
  readonly kind: KeyKind;
  readonly tenant?: JsonPart;
  readonly state: KeyState;
  readonly createdAt: string;
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
  readonly revision: number;
  readonly keyId: string;
  readonly tenant?: JsonPart;
  readonly expect:
    | 'success'
    | 'keyring-damaged'
    | 'suspended-key'
    | 'destroyed-key'
    | 'key-of-another-tenant';
}

export interface RefreshCase extends JsonUnlock {
  readonly name: string;
  readonly seen: { readonly revision: number; readonly document: JsonDocument };
  readonly found: { readonly revision: number; readonly document: JsonDocument };
  readonly expect: 'success' | 'keyring-rolled-back' | 'keyring-damaged' | 'wrong-secret';
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

/** A key of a document, its bytes and IV made from its name. */
export function key(name: string, state: KeyState, more: Partial<KeySpec> = {}): KeySpec {
  return {
    kind: 'data',
    key: random(`documents/key/${name}`, 32),
    iv: random(`documents/iv/${name}`, 12),
    state,
    createdAt: CREATED_AT,
    ...more,
  };
}

/** A passphrase slot of 1,000 iterations, its salt and IV made from its id. */
export function passphraseSlot(id: string, passphrase = PASSPHRASE, iterations = 1000): SlotSpec {
  const salt = random(`documents/salt/${id}`, 32);
  return { id, passphrase, iterations, salt, iv: random(`documents/iv/${id}`, 12) };
}

/** A raw slot, its IV made from its id. */
export function rawSlot(id: string, rawKey: Uint8Array = RAW_KEY): SlotSpec {
  return { id, rawKey, iv: random(`documents/iv/${id}`, 12) };
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
