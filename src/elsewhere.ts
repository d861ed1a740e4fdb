import { isAdopting } from './adopting.js';
import { type Bytes, isUint8Array } from './bytes.js';
import {
  type CellPlace,
  type Elsewhere,
  type StoredCell,
  decoded,
  envelopeIn,
  storedForm,
  whereIsCell,
  withElsewhere,
} from './cell.js';
import type { DataKey } from './cipher/index.js';
import { threadsOf } from './engine/index.js';
import type { Envelope } from './envelope/index.js';
import { AuthenticationError, SelfCheckError, type Where } from './errors.js';
import { KEY_TAG_CHARACTERS } from './key-tag.js';
import type { OpenedKeyring } from './keyring/index.js';
import { ignore, isPromise } from './maybe.js';
import type { CellBundle } from './ports/cell-threads.js';
import type { CellOutcome, Sent } from './sent.js';
import type { Helpers } from './share-out.js';
import { HEADER_BYTES, PREFIX_BYTES, SUITE_1 } from './suite.js';

/** What other threads do with cells: seal and open them, for readers and writers; or renew them, for a rotation. */
type Purpose = 'coding' | 'renewing';

/** Who shares the work of a batch over this keyring; `undefined` where its engine has no threads. */
export function helpersOf(opened: OpenedKeyring, purpose: Purpose): Helpers | undefined {
  const threads = threadsOf(opened.environment.engine);
  if (!threads) return undefined;
  const Way = purpose === 'coding' ? Coding : Renewing;
  return {
    threads,
    withBundle: (bundle, begin) => withElsewhere(new Way(opened, bundle), begin),
  };
}

/** A cell that can go, with the key that opens it. */
interface Openable {
  readonly envelope: Envelope;
  readonly where: Where;
  readonly dataKey: DataKey;
}

/** Puts cells into a bundle. */
abstract class InBundle implements Elsewhere {
  readonly opened: OpenedKeyring;
  protected readonly bundle: CellBundle;

  constructor(opened: OpenedKeyring, bundle: CellBundle) {
    this.opened = opened;
    this.bundle = bundle;
  }

  /** `undefined` where there is no room, the key must be waited for, or the cell may be in another place. */
  protected openable(place: CellPlace, stored: unknown): Openable | undefined {
    if (place.former || !hasRoomFor(this.bundle, place, stored)) return undefined;
    const envelope = envelopeIn(place, stored);
    const where = whereIsCell(place, envelope);
    const dataKey = this.opened.openingKey(envelope.keyId, place.tenant, where);
    return isPromise(dataKey) ? ignored(dataKey) : { envelope, where, dataKey };
  }
}

class Coding extends InBundle {
  seal(place: CellPlace, framed: Bytes, dataKey: DataKey): Sent<StoredCell> | undefined {
    const { length } = framed;
    return this.bundle.seal(dataKey, place, framed, (outcome) =>
      storedForm(place, dataKey, length, verified(outcome, place.where)),
    );
  }

  open(place: CellPlace, stored: unknown): Sent<unknown> | undefined {
    const cell = this.openable(place, stored);
    return (
      cell &&
      this.bundle.open(cell.dataKey, place, cell.envelope.bytes, (outcome) =>
        decoded(place, stored, verified(outcome, cell.where)),
      )
    );
  }
}

/** A rotation seals and opens here what it does not renew there: it goes on with the cell. */
class Renewing extends InBundle {
  renew(place: CellPlace, stored: unknown): Sent<StoredCell> | undefined {
    const cell = isAdopting(place.attribute) ? undefined : this.openable(place, stored);
    if (!cell) return undefined;
    const to = this.opened.sealingKey(place.tenant, place.where); // counts a cell, also where this one is refused: a few too many
    if (isPromise(to)) return ignored(to);
    if (cell.dataKey.keyId === to.keyId) return undefined;
    const { bytes } = cell.envelope;
    const framedBytes = bytes.length - HEADER_BYTES - SUITE_1.tagBytes;
    return this.bundle.renew(cell.dataKey, to, place, bytes, (outcome) =>
      storedForm(place, to, framedBytes, verified(outcome, cell.where)),
    );
  }
}

/** Before anything is decoded. What is neither text nor bytes is refused where that is looked at. */
function hasRoomFor(bundle: CellBundle, { context: { record } }: CellPlace, stored: unknown): boolean {
  const bytes =
    typeof stored === 'string'
      ? PREFIX_BYTES + Math.max(0, ((stored.length - KEY_TAG_CHARACTERS) * 3) >> 2)
      : isUint8Array(stored)
        ? stored.length
        : 0;
  return bundle.hasRoomFor(bytes + (record?.length ?? 0));
}

/** It is asked for again, where it can be waited for. */
function ignored(promise: PromiseLike<unknown>): undefined {
  ignore(promise);
}

function verified(outcome: CellOutcome, where: Where): Bytes {
  if (outcome === 'authentication') throw new AuthenticationError(where);
  if (outcome === 'self-check') throw new SelfCheckError({ table: where.table, column: where.column });
  return outcome;
}
