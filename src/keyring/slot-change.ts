import {
  DefinitionError,
  InvalidPassphraseError,
  KeyringLimitError,
  LastSlotError,
  UnknownSlotError,
} from '../errors.js';
import { DEFAULT_ITERATIONS, MAX_ITERATIONS, MAX_SLOTS } from '../limits.js';
import type { KeyringDocument } from './document.js';
import type { Environment } from './environment.js';
import { type Keyring, openedOf } from './keyring.js';
import { environmentOf, newSlotId } from './open.js';
import type { OpenedKeyring } from './opened.js';
import type { Slot } from './slot-entry.js';
import {
  type NewSlot,
  type OpenSlot,
  type UnlockSecret,
  assertNewSlot,
  findSlot,
  findSlotOrThrow,
  makeSlot,
  openRoot,
  rootRevisionOf,
  slotType,
} from './slots.js';

/** A slot as anybody may see it. */
export interface SlotInfo {
  /** `sl_` and 13 characters. */
  readonly slotId: string;
  /** What opens it. */
  readonly type: 'passphrase' | 'raw' | 'kms';
  /** What people call it; may be empty. */
  readonly label: string;
  /** By the clock of the process that made it, or that last changed its passphrase. */
  readonly createdAt: Date;
  /** PBKDF2 iterations; passphrase slots only. */
  readonly iterations: number | undefined;
  /** The service's name for its key; slots of key management services only. */
  readonly keyName: string | undefined;
  /** Whether this process was opened with it. */
  readonly isOwn: boolean;
}

/** What {@link addSlot} takes: the secret of the new slot, and one that opens the keyring today. */
export interface AddSlotOptions extends NewSlot {
  /** A secret that opens the keyring today: the root key is not kept, and has to be unwrapped to be wrapped anew. */
  readonly current: UnlockSecret;
}

/** What {@link changePassphrase} takes. */
export interface ChangePassphraseOptions {
  /** The passphrase of today. */
  readonly current: string;
  /** The passphrase from now on. */
  readonly next: string;
  /** PBKDF2-HMAC-SHA-512 iterations, 1,000 to 10,000,000. Default: as many as the slot had, and at least 250,000. */
  readonly iterations?: number;
}

/** What {@link calibrateIterations} takes. */
export interface CalibrateOptions {
  /** How long opening may take on this machine, in milliseconds. Default: 500. */
  readonly targetMs?: number;
}

const CALIBRATION_ITERATIONS = 100_000;

/** The slots of the keyring as this process has read it. No secrets. */
export function listSlots(keyring: Keyring): readonly SlotInfo[] {
  const opened = openedOf(keyring);
  return opened.document.slots.map((slot) => ({
    slotId: slot.id,
    type: slot.type,
    label: slot.label,
    createdAt: new Date(slot.createdAt),
    iterations: slot.type === 'passphrase' ? slot.iterations : undefined,
    keyName: slot.type === 'kms' ? slot.keyName : undefined,
    isOwn: slot.id === opened.slotId,
  }));
}

/**
 * Adds another way to unlock the keyring, and gives back its slot's id. Nothing is encrypted anew. Safe to repeat: a
 * passphrase or raw key that opens a slot already gets no second one.
 *
 * @throws WrongSecretError if `current` opens no slot.
 * @throws KeyringLimitError if there are 16 slots; KeyringConflictError if somebody else changed the keyring at the same moment; nothing was added.
 */
export async function addSlot(keyring: Keyring, options: AddSlotOptions): Promise<string> {
  const { current, ...added } = options;
  assertNewSlot(added);
  slotType(current);
  const opened = openedOf(keyring);
  const { environment } = opened;
  let slotId = '';
  await opened.newest.change('document', async (document) => {
    const { keyringId, slots } = document;
    const there =
      slotType(added) === 'kms' ? undefined : await findSlot(environment.engine, keyringId, slots, added);
    slotId = there?.slot.id ?? newSlotId(environment, rootRevisionOf(opened.slotId));
    if (there) {
      await findSlotOrThrow(environment.engine, keyringId, slots, current);
      return undefined;
    }
    if (slots.length >= MAX_SLOTS) throw new KeyringLimitError('A keyring has at most 16 slots.');
    const made = await withRootKey(opened, document, current, (rootKey) =>
      makeSlot(environment, keyringId, slotId, added, rootKey),
    );
    return { slots: [...slots, made.slot] };
  });
  return slotId;
}

/**
 * Takes a way to unlock the keyring away. Who has kept a copy of the keyring still opens that copy with it: where that
 * matters, call `changeKey`.
 *
 * @throws LastSlotError if it is the only one: the keyring could never be opened again.
 * @throws UnknownSlotError, KeyringConflictError.
 */
export async function removeSlot(keyring: Keyring, slotId: string): Promise<void> {
  await openedOf(keyring).newest.change('document', ({ slots }) => {
    if (!slots.some(({ id }) => id === slotId)) throw new UnknownSlotError(slotId);
    if (slots.length === 1) throw new LastSlotError();
    return { slots: slots.filter(({ id }) => id !== slotId) };
  });
}

/**
 * Gives the slot that `current` opens another passphrase. Takes two or three key derivations, however large the data:
 * keys stay as they are, and processes go on. Who has kept a copy of the keyring still opens that copy with the old
 * one: where that matters, call `changeKey`.
 *
 * Safe to repeat: where `current` opens nothing any more and `next` does, it has been done.
 *
 * @throws WrongSecretError if neither opens a slot; InvalidPassphraseError if `next` cannot be one, or opens another slot already.
 * @throws KeyringConflictError if somebody else changed the keyring at the same moment; nothing was changed.
 */
export async function changePassphrase(keyring: Keyring, options: ChangePassphraseOptions): Promise<void> {
  const { current, next } = options;
  const opened = openedOf(keyring);
  const { environment } = opened;
  assertNewSlot({ passphrase: next, ...iterationsOf(options.iterations) });
  let changed: OpenSlot | undefined;
  await opened.newest.change('document', async (document) => {
    const { keyringId, slots } = document;
    const [own, taken] = [
      await findSlot(environment.engine, keyringId, slots, { passphrase: current }),
      await findSlot(environment.engine, keyringId, slots, { passphrase: next }),
    ];
    if (taken && !own) {
      changed = taken.open; // an earlier call has done it, and may not have heard so
      return undefined;
    }
    if (taken) throw new InvalidPassphraseError('It opens this keyring already: choose another one.');
    const { slot } =
      own ?? (await findSlotOrThrow(environment.engine, keyringId, slots, { passphrase: current }));
    const { label } = slot;
    const iterations = options.iterations ?? Math.max(DEFAULT_ITERATIONS, iterationsIn(slot));
    const made = await withRootKey(opened, document, { passphrase: current }, (rootKey) =>
      makeSlot(environment, keyringId, slot.id, { passphrase: next, label, iterations }, rootKey),
    );
    changed = made.open;
    return { slots: slots.map((each) => (each === slot ? made.slot : each)) };
  });
  if (changed?.id === opened.slotId) opened.newest.holdSlot(changed);
}

/**
 * Is my copy right? Runs the whole key derivation against every slot of the keyring as it is stored now, and says
 * whether one opens. Needs no escrow and shows nothing.
 *
 * @throws PassphraseDamagedError if it is a generated passphrase that was damaged; `damage` says how.
 * @throws InvalidPassphraseError if it is ill-formed.
 */
export async function verifyCopy(keyring: Keyring, secret: UnlockSecret): Promise<boolean> {
  slotType(secret);
  const opened = openedOf(keyring);
  try {
    await opened.newest.refresh(secret); // the root key may have been changed elsewhere
    const { keyringId, slots } = opened.document;
    await findSlotOrThrow(opened.environment.engine, keyringId, slots, secret);
    return true;
  } catch (error) {
    if ((error as { code?: unknown }).code === 'wrong-secret') return false;
    throw error;
  }
}

/**
 * How many PBKDF2 iterations this machine does in `targetMs`: for `iterations` of a new slot. Never fewer than the
 * default of 250,000, never more than 10,000,000. Measures for about a tenth of a second; a busy machine gives fewer.
 *
 * @throws DefinitionError if `targetMs` is no number.
 */
export async function calibrateIterations(options: CalibrateOptions = {}): Promise<number> {
  return calibrateIterationsIn(environmentOf({}), options);
}

/** @internal The same with clock and engine as arguments. */
export async function calibrateIterationsIn(
  { engine, clock, random }: Environment,
  { targetMs = 500 }: CalibrateOptions,
): Promise<number> {
  if (Number.isNaN(targetMs)) throw new DefinitionError('targetMs is a number of milliseconds.');
  const [passphrase, salt] = [random(32), random(32)];
  await engine.stretch(passphrase, salt, 1_000); // the first call of a process pays for more than itself
  const beganMs = clock.monotonicMs();
  await engine.stretch(passphrase, salt, CALIBRATION_ITERATIONS);
  const tookMs = Math.max(1, clock.monotonicMs() - beganMs);
  const iterations = Math.round((CALIBRATION_ITERATIONS * targetMs) / tookMs / 1_000) * 1_000;
  return Math.min(MAX_ITERATIONS, Math.max(DEFAULT_ITERATIONS, iterations));
}

/** Does `work` with the root key's bytes, which are wiped afterwards. */
async function withRootKey<T>(
  { environment }: OpenedKeyring,
  { keyringId, slots }: KeyringDocument,
  secret: UnlockSecret,
  work: (rootKey: Uint8Array<ArrayBuffer>) => Promise<T>,
): Promise<T> {
  const { slot, open } = await findSlotOrThrow(environment.engine, keyringId, slots, secret);
  const rootKey = await openRoot(environment.engine, keyringId, slot, open);
  try {
    return await work(rootKey);
  } finally {
    rootKey.fill(0);
  }
}

function iterationsOf(iterations: number | undefined): { iterations?: number } {
  return iterations === undefined ? {} : { iterations };
}

function iterationsIn(slot: Slot): number {
  return slot.type === 'passphrase' ? slot.iterations : 0;
}
