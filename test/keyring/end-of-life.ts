/** What the tests of a key's last states share: censuses of whatever one likes, and a keyring with an old key. */
import { type Census, type Keyring, activateKey, addKey, listKeys } from '../../src/index.js';
import { issueCensus } from '../../src/keyring/index.js';
import type { KeyringStore } from '../../src/ports/keyring-store.js';
import { memoryKeyring } from '../../src/store/memory.js';
import { type FakeClock, type Known, RAW_KEY, fakeClock, knownKeyring } from './support.js';

export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;

/** A census of the keyring as it has been read, with these cells. */
export function counted(
  keyring: Keyring,
  atMs: number,
  cells: Readonly<Record<string, number>> = {},
  more: Partial<Census> = {},
): Census {
  const { id: keyringId, revision } = keyring;
  const records = 5;
  const tables = [{ table: 'people', records, cells: { ...cells }, tokens: {}, notCells: 0 }];
  const countedAt = new Date(atMs);
  return issueCensus({
    ...{
      keyringId,
      revision,
      countedAt,
      behind: [],
      tables,
      records,
      cells: { ...cells },
      tokens: {},
      notCells: 0,
    },
    ...more,
  });
}

/** A keyring whose first data key has a successor. */
export interface Retiring extends Known {
  readonly clock: FakeClock;
  readonly old: string;
  readonly next: string;
  /** A census of now. */
  count(cells?: Readonly<Record<string, number>>): Census;
  /** The old key, as it is. */
  info(): ReturnType<typeof listKeys>[number];
}

export async function retiring(store: KeyringStore = memoryKeyring()): Promise<Retiring> {
  const clock = fakeClock();
  const known = await knownKeyring({ rawKey: RAW_KEY }, store, { clock });
  const { keyring } = known;
  const [first] = listKeys(keyring);
  const old = String(first?.keyId);
  clock.advance(DAY);
  const next = await addKey(keyring);
  await activateKey(keyring, next);
  return {
    ...known,
    clock,
    old,
    next,
    count: (cells) => counted(keyring, clock.wallMs(), cells),
    info: () => infoOf(keyring, old),
  };
}

export function infoOf(keyring: Keyring, keyId: string): ReturnType<typeof listKeys>[number] {
  const info = listKeys(keyring).find((key) => key.keyId === keyId);
  if (!info) throw new Error('there is no such key');
  return info;
}

/** What was thrown. */
export function thrownBy(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  );
}
