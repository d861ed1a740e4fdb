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
  const InBundle = purpose === 'coding' ? Coding : Renewing;
  return {
    threads,
    withBundle: (bundle, begin) => withElsewhere(new InBundle(opened, bundle), begin),
  };
}

/** Puts cells into a bundle. */
class Coding implements Elsewhere {
  readonly opened: OpenedKeyring;
  readonly #bundle: CellBundle;

  constructor(opened: OpenedKeyring, bundle: CellBundle) {
    this.opened = opened;
    this.#bundle = bundle;
  }

  seal(place: CellPlace, framed: Bytes, dataKey: DataKey): Sent<StoredCell> | undefined {
    const { length } = framed;
    return this.#bundle.seal(dataKey, place, framed, (outcome) =>
      storedForm(place, dataKey, length, verified(outcome, place.where)),
    );
  }

  open(place: CellPlace, stored: unknown): Sent<unknown> | undefined {
    if (place.former || !hasRoomFor(this.#bundle, place, stored)) return undefined;
    const envelope = envelopeIn(place, stored);
    const where = whereIsCell(place, envelope);
    const dataKey = this.opened.openingKey(envelope.keyId, place.tenant, where);
    if (isPromise(dataKey)) return ignored(dataKey);
    return this.#bundle.open(dataKey, place, envelope.bytes, (outcome) =>
      decoded(place, stored, verified(outcome, where)),
    );
  }

  renew(): undefined {}
}

/** The same for a rotation, which seals and opens here what it does not renew there: it goes on with the cell. */
class Renewing implements Elsewhere {
  readonly opened: OpenedKeyring;
  readonly #bundle: CellBundle;

  constructor(opened: OpenedKeyring, bundle: CellBundle) {
    this.opened = opened;
    this.#bundle = bundle;
  }

  seal(): undefined {}
  open(): undefined {}

  renew(place: CellPlace, stored: unknown): Sent<StoredCell> | undefined {
    if (place.former || isAdopting(place.attribute) || !hasRoomFor(this.#bundle, place, stored))
      return undefined;
    const envelope = envelopeIn(place, stored);
    const where = whereIsCell(place, envelope);
    const from = this.opened.openingKey(envelope.keyId, place.tenant, where);
    if (isPromise(from)) return ignored(from);
    const to = this.opened.sealingKey(place.tenant, place.where); // counts a cell, also where this one is refused: a few too many
    if (isPromise(to)) return ignored(to);
    if (from.keyId === to.keyId) return undefined;
    const framedBytes = envelope.bytes.length - HEADER_BYTES - SUITE_1.tagBytes;
    return this.#bundle.renew(from, to, place, envelope.bytes, (outcome) =>
      storedForm(place, to, framedBytes, verified(outcome, where)),
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
