/** What of a world can be turned: the procedures that live in these tests, and decorations of what is given to src. */
import type { OpenedKeyring } from '../../src/keyring/index.js';
import type { Clock } from '../../src/ports/clock.js';
import type { Engine } from '../../src/ports/engine.js';
import type { RecordStore } from '../../src/ports/record-store.js';
import type { Fence, SqlFlaws } from './database.js';
import { HOLD_MS } from './plan.js';
import type { Process } from './scheduler.js';

export interface Knobs {
  /** How long a key is held between two counts; `undefined`: one count is enough. */
  readonly holdMs: number | undefined;
  readonly hasFence: boolean;
  readonly fenceFlaw: Fence['flaw'];
  /** Whether the administrator waits until all have read a key before it is made active. */
  readonly waitsForReaders: boolean;
  /** Whether it waits until all write with the new key, and a census names who does not. */
  readonly waitsForWriters: boolean;
  /** Whether a count decides; otherwise the job record does. */
  readonly counts: boolean;
  /** Whether the second count is one, and not the first under another date. */
  readonly countsTwice: boolean;
  /** Whether processes remember which revision they have seen. */
  readonly remembersRevision: boolean;
  /** Whether a writer that may not encrypt writes plaintext. */
  readonly writesPlaintext: boolean;
  /** Whether writers send an encrypted value again that was refused by the fence or a lock. */
  readonly sendsAgain: boolean;
  /** Whether a patch that writers send has the tokens of what is in it. */
  readonly patchesTokens: boolean;
  /** Which tokens a query asks for, of those of a look-up. Default: all. */
  readonly asks?: (tokens: readonly string[], question: string, process: Process) => readonly string[];
  /** Whether candidates that do not match are left out. */
  readonly filters: boolean;
  /** Whether an index key is held behind a fence, too, which looks at no tokens. */
  readonly holdsIndexKeys: boolean;
  /** How the keyring's store keeps its word. */
  readonly keyringStore: 'sound' | 'last-write-wins' | 'write-behind';
  readonly sql: SqlFlaws;
  /** Decorates the record store of a rotator. */
  readonly rotatorStore?: (store: RecordStore, process: Process, tools: StoreTools) => RecordStore;
  /** Whether the checkpoint is written before the work, and alone. */
  readonly checkpointFirst: boolean;
  readonly paging: 'keyset' | 'offset';
  readonly clock?: (clock: Clock, process: Process) => Clock;
  readonly engine?: (engine: Engine, process: Process) => Engine;
  readonly opened?: (opened: OpenedKeyring, process: Process) => void;
}

/** What a decoration of a store may ask of the world that a store cannot know. */
export interface StoreTools {
  /** The value that an application knows to be in a cell, whatever its bytes are. */
  valueOf(table: string, key: string, column: string): string | undefined;
  /** A sound cell for a value. */
  seal(table: string, key: string, column: string, value: string): Promise<string | Uint8Array<ArrayBuffer>>;
  /** The bytes that are stored. */
  cellOf(table: string, key: string, column: string): unknown;
}

export const SOUND: Knobs = {
  holdMs: HOLD_MS,
  hasFence: true,
  fenceFlaw: undefined,
  waitsForReaders: true,
  waitsForWriters: true,
  counts: true,
  countsTwice: true,
  remembersRevision: true,
  writesPlaintext: false,
  sendsAgain: false,
  patchesTokens: true,
  filters: true,
  holdsIndexKeys: true,
  keyringStore: 'sound',
  sql: {},
  checkpointFirst: false,
  paging: 'keyset',
};
