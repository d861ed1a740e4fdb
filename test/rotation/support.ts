import {
  type Keyring,
  type KeyringStore,
  activateKey,
  addKey,
  createKeyring,
  decryptRecord,
  encryptRecord,
  integer,
  openKeyring,
  schema,
  table,
  text,
  timestamp,
} from '../../src/index.js';
import type { RotateOptions, RotationProgress, StepName, StepObserver } from '../../src/rotation/index.js';
import { census, rotate } from '../../src/rotation/index.js';
import { type MemoryRecords, memoryKeyring, memoryRecords } from '../../src/store/memory.js';

/** Two tables, so that a checkpoint has to pass from one to the other. */
export const people = table('people', {
  record: integer('id'),
  encrypt: { name: text(), seen: timestamp() },
});
export const notes = table('notes', {
  record: [text('owner'), integer('no')],
  encrypt: { body: text({ pad: 32, form: 'binary' }) },
});
export const everything = schema([people, notes]);

/** 32 bytes for services without a person: no PBKDF2 in these tests. */
export const unlock = { rawKey: new Uint8Array(32).fill(9) };

export interface World {
  readonly keyrings: KeyringStore;
  readonly keyring: Keyring;
  readonly records: MemoryRecords;
}

export interface Contents {
  readonly people: readonly unknown[];
  readonly notes: readonly unknown[];
}

/** A keyring, and so many records in each table. */
export async function newWorld(size: number): Promise<World> {
  const keyrings = memoryKeyring();
  const keyring = await createKeyring(keyrings, unlock);
  const records = memoryRecords();
  for (let id = 0; id < size; id++) {
    const name = id % 4 === 0 ? null : `name ${id}`;
    records.insert(people, await encryptRecord(people, { id, name, seen: new Date(id) }, keyring));
    const note = { owner: `owner ${id % 3}`, no: id, body: `body ${id}`, plain: id };
    records.insert(notes, await encryptRecord(notes, note, keyring));
  }
  return { keyrings, keyring, records };
}

/** A fresh process over the same stores. */
export async function reopened({ keyrings, records }: World): Promise<World> {
  return { keyrings, keyring: await openKeyring(keyrings, unlock), records };
}

/** A new active key; its id. */
export async function newKey({ keyring }: Pick<World, 'keyring'>): Promise<string> {
  const keyId = await addKey(keyring);
  await activateKey(keyring, keyId);
  return keyId;
}

/** Everything decrypted, as a reader would with the keyring as it is stored now. */
export async function contents(world: World): Promise<Contents> {
  const { keyring, records } = await reopened(world);
  return {
    people: await Promise.all(records.rows(people).map((row) => decryptRecord(people, row, keyring))),
    notes: await Promise.all(records.rows(notes).map((row) => decryptRecord(notes, row, keyring))),
  };
}

/** Rotates to the end; every progress that was yielded. */
export async function rotateAll(
  { keyring, records }: Pick<World, 'keyring' | 'records'>,
  options: Partial<RotateOptions> = {},
): Promise<RotationProgress[]> {
  const yielded: RotationProgress[] = [];
  for await (const progress of rotate(everything, { keyring, records, chunkRecords: 3, ...options }))
    yielded.push(progress);
  return yielded;
}

/** The ids of the keys under which there are cells. */
export async function keysInUse({ keyring, records }: Pick<World, 'keyring' | 'records'>): Promise<string[]> {
  const { cells } = await census(everything, { keyring, records });
  return Object.keys(cells).sort();
}

/** What an interrupted step throws. */
export class Interruption extends Error {}

/** A moment in a rotation: before or after the n-th time that any step is done. */
export interface Moment {
  readonly step: StepName;
  readonly phase: 'before' | 'after';
}

/** Counts moments, and stops the rotation at one of them. */
export function interruptAt(position: number, met: Moment[] = []): StepObserver {
  const meet = (phase: Moment['phase']) => (step: StepName) => {
    met.push({ step, phase });
    if (met.length - 1 === position) throw new Interruption();
  };
  return { before: meet('before'), after: meet('after') };
}
