import { type KeyInfo, type Keyring, listKeys } from '../keyring/index.js';
import type { Schema } from '../schema.js';
import type { Table } from '../table.js';
import { type TokenPlace, tokenPlaces } from '../tokens.js';

/**
 * What is next for a unique index (docs/search.md, UNIQUE). `none`: its key is the active one. `add-next`: deploy a
 * definition with `next`. `add-key`: the keyring has no key of that generation. `rotate`: its second column is not
 * filled. `contract`: make the second column UNIQUE, then deploy a definition that names it alone. `other-generation`:
 * a key that it names is out of use; name a later one.
 */
export type UniqueIndexStep = 'none' | 'add-next' | 'add-key' | 'rotate' | 'contract' | 'other-generation';

/** A column of a unique index, and the key that it follows. */
export interface UniqueIndexColumn {
  /** The property of a record that holds its token. */
  readonly index: string;
  /** The place of its key among the index keys that all tenants share, from 1. */
  readonly generation: number;
  /** That key's id; `undefined` where there are not so many. */
  readonly keyId: string | undefined;
  /** That key's state. */
  readonly state: KeyInfo['state'] | undefined;
}

/** A unique index, and how far it is with a change of its key. */
export interface UniqueIndexStatus extends UniqueIndexColumn {
  /** The table's name in its definition. */
  readonly table: string;
  /** Its second column, while it changes its key. */
  readonly next: UniqueIndexColumn | undefined;
  /** What is to be done. */
  readonly step: UniqueIndexStep;
}

/** The unique indexes of a schema; `isFilled` knows of a second column whether it is. */
export function uniqueIndexes(
  { tables }: Schema,
  keyring: Keyring,
  isFilled: (table: number, token: number, keyId: string) => boolean,
): readonly UniqueIndexStatus[] {
  const shared = listKeys(keyring).filter(({ kind, tenant }) => kind === 'index' && tenant === undefined);
  const active = shared.findIndex(({ state }) => state === 'active');
  const columnOf = ({ name, key }: TokenPlace): UniqueIndexColumn => {
    const generation = key as number;
    const { keyId, state } = shared[generation - 1] ?? { keyId: undefined, state: undefined };
    return { index: name, generation, keyId, state };
  };
  return tables.flatMap((table, i) => {
    const places = tokenPlaces(table);
    return table.indexes.flatMap((index): UniqueIndexStatus[] => {
      if (!index.isUnique) return [];
      const own = places.findIndex((place) => place.index === index);
      const column = columnOf(places[own] as TokenPlace);
      const next = index.next === undefined ? undefined : columnOf(places[own + 1] as TokenPlace);
      const isOlder = column.generation - 1 < active;
      const step = stepOf(
        column,
        next,
        isOlder,
        next?.keyId !== undefined && isFilled(i, own + 1, next.keyId),
      );
      return [{ table: table.name, ...column, next, step }];
    });
  });
}

function stepOf(
  column: UniqueIndexColumn,
  next: UniqueIndexColumn | undefined,
  isOlder: boolean,
  isFilled: boolean,
): UniqueIndexStep {
  const isOut = [column, next].some((one) => one?.state === 'suspended' || one?.state === 'destroyed');
  if (isOut) return 'other-generation';
  if ([column, next].some((one) => one && one.keyId === undefined)) return 'add-key';
  if (next) return isFilled ? 'contract' : 'rotate';
  return isOlder ? 'add-next' : 'none';
}

/** Whether a sweep has anything to do with tokens: the column of a unique index stays under its key. */
export function sweepsTokens({ tables }: Schema): boolean {
  const isSwept = ({ index, key }: TokenPlace): boolean => key === 'active' || key !== index.generation;
  return tables.some((table: Table) => tokenPlaces(table).some((place) => isSwept(place)));
}
