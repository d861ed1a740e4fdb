import type { KeyringStore, StoredKeyring } from '../../index.js';

export type Bytes = StoredKeyring['document'];

export const MIB = 1024 * 1024;
/** How many race. */
export const WRITERS = 8;
export const ROUNDS = 10;

/** Four names of which no two differ in more than a character. */
export const NAMES = ['2', 'a', 'b', 'z'].map((last) => `${'k5'.repeat(12)}k${last}`) as [
  string,
  string,
  string,
  string,
];

/** What is no name, and must become part of no path, key or line. */
export const NO_NAMES: readonly string[] = [
  '',
  'k',
  'k'.repeat(25),
  'k'.repeat(27),
  'k'.repeat(52),
  'K'.repeat(26),
  `${'k'.repeat(25)}1`,
  `${'k'.repeat(25)}8`,
  `${'k'.repeat(25)}=`,
  `${'k'.repeat(25)} `,
  `${'k'.repeat(26)}\n`,
  `\n${'k'.repeat(25)}`,
  `${'k'.repeat(25)}\0`,
  `${'k'.repeat(25)}%`,
  `${'k'.repeat(25)}'`,
  `${'k'.repeat(25)}ｋ`,
  `../${'k'.repeat(23)}`,
  `..\\${'k'.repeat(23)}`,
  `k/../${'k'.repeat(21)}`,
  '__proto__',
];

/** A name of its own for each number below 32^4. */
export function nameOf(number: number): string {
  const digits = Array.from({ length: 4 }, (_, place) => ALPHABET[(number >>> (5 * place)) & 31]);
  return `${'m'.repeat(22)}${digits.join('')}`;
}

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';

export async function writes(store: KeyringStore, revision: number, document: Bytes): Promise<void> {
  const did = await store.write({ revision, document });
  assert(did === true, `Revision ${revision} was not written, though it was the next one.`);
}

export async function refuses(store: KeyringStore, revision: number, document: Bytes): Promise<void> {
  const did = await store.write({ revision, document });
  assert(did === false, `Revision ${revision} was written, though it was not the next one.`);
}

export async function holds(store: KeyringStore, revision: number, document: Bytes): Promise<void> {
  const read = await store.read(MIB);
  assert(read !== undefined, `Revision ${revision} is not there.`);
  assert(read?.revision === revision, `Revision ${read?.revision} was read, not ${revision}.`);
  assert(equal(read.document, document), `The document of revision ${revision} has other bytes.`);
}

export async function holdsNothing(store: KeyringStore): Promise<void> {
  assert((await store.read(MIB)) === undefined, 'There is a keyring, though none was written.');
}

/** Every one of these ends in an error with this code. */
export async function endsIn(code: string, work: readonly (() => unknown)[]): Promise<void> {
  for (const [i, one] of work.entries()) {
    const found = await codeOf(one);
    assert(found === code, `Call ${i} of ${work.length} ended in ${String(found)}, not in ${code}.`);
  }
}

export async function codeOf(work: () => unknown): Promise<unknown> {
  try {
    await work();
    return 'success';
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
}

/** A document that only one revision has, of a length that only it has. */
export function filled(revision: number): Bytes {
  return new Uint8Array(200_000 - 1000 * revision).fill(revision);
}

/** Every byte, in two orders: what is no UTF-8. */
export function everyByte(): Bytes {
  return Uint8Array.from({ length: 1024 }, (_, i) => (i < 512 ? i : 7 * i) & 0xff);
}

export function text(content: string): Bytes {
  return Uint8Array.from(content, (character) => character.charCodeAt(0));
}

export function equal(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, i) => byte === right[i]);
}

/** Of many, as many as race. */
export function many<T>(first: T, another: () => T): T[] {
  return [first, ...Array.from({ length: WRITERS - 1 }, another)];
}

/** Lets others go on, timers and input too, where the store answers at once. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

export function assert(condition: boolean, fault: string): asserts condition {
  if (!condition) throw new Error(fault);
}
