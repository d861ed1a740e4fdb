/** Keys, cells of both modes, their two forms, and the refusals in order (format.md §1, §3, §4, §6, §8). */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from 'node:crypto';
import { ascii, base32, base64url, concat, fromBase32, fromBase64url, hex, uint } from './bytes.js';
import { type Context, type Part, encodeContext, encodeInfo, item } from './context.js';
import { type Attribute, type Value, type ValueType, decodeFrame } from './frame.js';

/** Randomized is 0 and `r`, deterministic is 1 and `d` (§3, §4, §6). */
export type Mode = 'randomized' | 'deterministic';
export type KeyKind = 'data' | 'index';
export type KeyState = 'pre-active' | 'active' | 'deactivated' | 'compromised' | 'suspended' | 'destroyed';

/** The refusals of §8, in their order. */
export type RefusalCode =
  | 'not-a-cell'
  | 'unknown-suite'
  | 'mode'
  | 'too-short'
  | 'too-long'
  | 'unknown-key'
  | 'key-of-another-tenant'
  | 'suspended-key'
  | 'destroyed-key'
  | 'authentication';

/** A data key of the keyring; a destroyed one still stands here with its bytes, from which only its id is taken. */
export interface DataKey {
  readonly key: Uint8Array;
  readonly tenant?: Part;
  readonly state?: KeyState;
}

/** What the definition, the caller and the keyring say when a cell is read. */
export interface Reading extends Attribute {
  readonly mode: Mode;
  readonly context: Context;
  readonly keys: readonly DataKey[];
  /** 1 MiB when absent (§8). */
  readonly maxFramedBytes?: number;
  /** The context's tenant has finished its first rotation, so that a shared key no longer passes (§1). */
  readonly tenantRotated?: boolean;
}

export type Opened =
  | { readonly refusal: RefusalCode }
  | { readonly refusal: 'success'; readonly type: ValueType; readonly value: Value };

const SUITE = 1;
const MODES: Readonly<Record<Mode, { byte: number; letter: string; bodyAt: number; overhead: number }>> = {
  randomized: { byte: 0, letter: 'r', bodyAt: 38, overhead: 54 },
  deterministic: { byte: 1, letter: 'd', bodyAt: 50, overhead: 50 },
};
const DEFAULT_MAX_FRAMED_BYTES = 1024 * 1024;

/** HKDF-SHA-256 (RFC 5869). */
export function hkdf(key: Uint8Array, salt: Uint8Array, info: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', key, salt, info, 32));
}

/** HMAC-SHA-256. */
export function hmac(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(
    createHmac('sha256', key)
      .update(concat(...parts))
      .digest(),
  );
}

/** C = HKDF(key, "", label, 32) (§1). */
export function keyCommitment(kind: KeyKind, key: Uint8Array): Uint8Array {
  const label = kind === 'data' ? 'cellseal/v1/key-commitment' : 'cellseal/v1/index-commitment';
  return hkdf(key, new Uint8Array(), ascii(label));
}

/** C[0..16) (§1). */
export function keyId(kind: KeyKind, key: Uint8Array): Uint8Array {
  return keyCommitment(kind, key).subarray(0, 16);
}

/** The context whose encoding scopes a randomized cell's derived key (§3). */
export function scopeContext(context: Context): Uint8Array {
  return encodeContext('scope', pick(context, ['tenant', 'table']));
}

/** The context that a cell's associated data carries (§3, §4). */
export function cellContext(mode: Mode, context: Context): Uint8Array {
  if (mode === 'randomized')
    return encodeContext('cell', pick(context, ['tenant', 'table', 'column', 'record']));
  if (context.record !== undefined) throw new Error('a deterministic cell is bound to its column');
  return encodeContext('cell-det', pick(context, ['tenant', 'table', 'column']));
}

/** The context that scopes a deterministic cell's two keys (§4). */
export function detScopeContext(context: Context): Uint8Array {
  return encodeContext('det-scope', pick(context, ['tenant', 'table', 'column']));
}

/** The derived key of a randomized cell (§3). */
export function cellKey(dataKey: Uint8Array, salt: Uint8Array, context: Context): Uint8Array {
  return hkdf(dataKey, salt, info('cellseal/v1/cell-key', 'randomized', dataKey, scopeContext(context)));
}

/** The associated data of a randomized cell (§3). */
export function cellAad(dataKey: Uint8Array, salt: Uint8Array, iv: Uint8Array, context: Context): Uint8Array {
  return concat(prefix('randomized', dataKey), salt, iv, cellContext('randomized', context));
}

/** A randomized cell in binary form, with salt and IV given (§3). */
export function sealRandomized(
  dataKey: Uint8Array,
  context: Context,
  framed: Uint8Array,
  salt: Uint8Array,
  iv: Uint8Array,
): Uint8Array {
  if (salt.length !== 8 || iv.length !== 12) throw new Error('a salt has 8 bytes, an IV 12');
  const cipher = createCipheriv('aes-256-gcm', cellKey(dataKey, salt, context), iv, { authTagLength: 16 });
  cipher.setAAD(cellAad(dataKey, salt, iv, context));
  const ciphertext = concat(cipher.update(framed), cipher.final());
  return concat(prefix('randomized', dataKey), salt, iv, ciphertext, cipher.getAuthTag());
}

/** Whether a mode refuses a type in the definition (§4, §5). */
export function modeRefusesType(mode: Mode, type: ValueType): boolean {
  return mode === 'deterministic' && ['json', 'decimal', 'float', 'null'].includes(type);
}

/** A deterministic cell in binary form (§4). */
export function sealDeterministic(dataKey: Uint8Array, context: Context, framed: Uint8Array): Uint8Array {
  const v = syntheticIv(dataKey, context, framed);
  return concat(prefix('deterministic', dataKey), v, ctr(dataKey, context, v, framed));
}

/** The framed value of a cell in binary form, or undefined when its tag or V does not verify (§3, §4). */
export function openFramed(
  mode: Mode,
  dataKey: Uint8Array,
  context: Context,
  cell: Uint8Array,
): Uint8Array | undefined {
  if (mode === 'deterministic') {
    const v = cell.subarray(18, 50);
    const framed = ctr(dataKey, context, v, cell.subarray(50));
    return hex(syntheticIv(dataKey, context, framed)) === hex(v) ? framed : undefined;
  }
  const [salt, iv] = [cell.subarray(18, 26), cell.subarray(26, 38)];
  const decipher = createDecipheriv('aes-256-gcm', cellKey(dataKey, salt, context), iv, {
    authTagLength: 16,
  });
  decipher.setAAD(cellAad(dataKey, salt, iv, context));
  decipher.setAuthTag(cell.subarray(-16));
  try {
    return concat(decipher.update(cell.subarray(38, -16)), decipher.final());
  } catch {
    return undefined;
  }
}

/** The text form of a cell in binary form (§6). */
export function toText(cell: Uint8Array): string {
  const letter = cell[1] === 0 ? 'r' : 'd';
  return `cs1${letter}.${base32(cell.subarray(2, 18))}.${base64url(cell.subarray(18))}`;
}

/** The binary form of a cell in text form, or the refusal (§6). */
export function fromText(text: string): Uint8Array | 'not-a-cell' | 'unknown-suite' {
  const match = /^cs([1-9][0-9]*)([rd])\.([a-z2-7]{26})\.([A-Za-z0-9_-]+)$/.exec(text);
  if (match === null) return 'not-a-cell';
  const [, suite, letter, id = '', body = ''] = match;
  if (suite !== String(SUITE)) return 'unknown-suite';
  const [idBytes, bodyBytes] = [fromBase32(id), fromBase64url(body)];
  if (idBytes === undefined || bodyBytes === undefined) return 'not-a-cell';
  return concat(Uint8Array.of(SUITE, letter === 'r' ? 0 : 1), idBytes, bodyBytes);
}

/** Reads a cell in either form: the refusal, in the order of §8, or the type and value. */
export function open(cell: string | Uint8Array, reading: Reading): Opened {
  const bytes = typeof cell === 'string' ? fromText(cell) : cell;
  if (typeof bytes === 'string') return { refusal: bytes };
  const { byte, overhead } = MODES[reading.mode];
  if (bytes.length < 2) return { refusal: 'not-a-cell' };
  if (bytes[0] !== SUITE) return { refusal: 'unknown-suite' };
  if (bytes[1] !== byte) return { refusal: 'mode' };
  if (bytes.length < overhead + 1) return { refusal: 'too-short' };
  const framedBytes = bytes.length - overhead;
  if (framedBytes > (reading.maxFramedBytes ?? DEFAULT_MAX_FRAMED_BYTES)) return { refusal: 'too-long' };
  const named = hex(bytes.subarray(2, 18));
  const dataKey = reading.keys.find(({ key }) => hex(keyId('data', key)) === named);
  if (dataKey === undefined) return { refusal: 'unknown-key' };
  if (!isOfTenant(dataKey, reading)) return { refusal: 'key-of-another-tenant' };
  if (dataKey.state === 'suspended') return { refusal: 'suspended-key' };
  if (dataKey.state === 'destroyed') return { refusal: 'destroyed-key' };
  const framed = openFramed(reading.mode, dataKey.key, reading.context, bytes);
  const decoded = framed === undefined ? undefined : decodeFrame(framed, reading);
  return decoded === undefined ? { refusal: 'authentication' } : { refusal: 'success', ...decoded };
}

/** `success`, or the code of the first refusal of §8 that applies. */
export function refusalOf(cell: string | Uint8Array, reading: Reading): RefusalCode | 'success' {
  return open(cell, reading).refusal;
}

function isOfTenant({ tenant }: DataKey, { context, tenantRotated }: Reading): boolean {
  if (tenant === undefined) return context.tenant === undefined || tenantRotated !== true;
  return context.tenant !== undefined && hex(item(1, tenant)) === hex(item(1, context.tenant));
}

function prefix(mode: Mode, dataKey: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(SUITE, MODES[mode].byte), keyId('data', dataKey));
}

function info(label: string, mode: Mode, dataKey: Uint8Array, context: Uint8Array): Uint8Array {
  return encodeInfo(label, prefix(mode, dataKey), context);
}

function syntheticIv(dataKey: Uint8Array, context: Context, framed: Uint8Array): Uint8Array {
  const scope = detScopeContext(context);
  const key = hkdf(dataKey, new Uint8Array(), info('cellseal/v1/det-mac', 'deterministic', dataKey, scope));
  const a = concat(prefix('deterministic', dataKey), cellContext('deterministic', context));
  return hmac(key, uint(a.length, 8), a, framed);
}

function ctr(dataKey: Uint8Array, context: Context, v: Uint8Array, input: Uint8Array): Uint8Array {
  const scope = detScopeContext(context);
  const key = hkdf(dataKey, new Uint8Array(), info('cellseal/v1/det-enc', 'deterministic', dataKey, scope));
  const counter = v.slice(0, 16);
  counter.set([(counter[8] ?? 0) & 0x7f], 8);
  counter.set([(counter[12] ?? 0) & 0x7f], 12);
  const cipher = createCipheriv('aes-256-ctr', key, counter);
  return concat(cipher.update(input), cipher.final());
}

function pick<K extends keyof Context>(context: Context, names: readonly K[]): Pick<Context, K> {
  const entries = names.map((name) => [name, context[name]] as const);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined)) as Pick<Context, K>;
}
