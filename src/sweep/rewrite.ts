import { isAdopting } from '../adopting.js';
import type { Attribute } from '../attribute.js';
import { isUint8Array } from '../bytes.js';
import { withIvs } from '../cell.js';
import type { ContextPart } from '../envelope/index.js';
import { KEY_TAG_CHARACTERS, keyTagOfBytes, parseKeyTag } from '../key-tag.js';
import type { OpenedKeyring } from '../keyring/index.js';
import { type MaybePromise, andThen, inTurn, isPromise, rescue } from '../maybe.js';
import type { RefusedCell } from '../ports/job-store.js';
import type { CellColumn, CellSwap, RecordSwap, StoredRecord, TokenSwap } from '../ports/record-store.js';
import { contextTenant } from '../record-id.js';
import { Sent, SentWork } from '../sent.js';
import type { Table } from '../table.js';
import { adopt } from './adopt.js';
import { RecordPlaces, isRefusal } from './place.js';
import { CURRENT, type FoundCell, type Renewal, renewCell } from './renew.js';
import { type TokenWork, renewTokens } from './renew-tokens.js';

/** What is to be done with one record. */
export interface RecordWork {
  /** `undefined` where every cell that can be read is as the definition says already. */
  readonly swap: RecordSwap | undefined;
  /** Cells that were refused. Their bytes stay as they are. */
  readonly refused: readonly RefusedCell[];
  /** Tokens of which nothing can be said, because a cell that they are made from was refused. */
  readonly unjudged: readonly string[];
  /** Cells that are as the definition says: under their active key, and bound to their place. */
  readonly current: number;
  /** Of those to be swapped: cells in place of plaintext. */
  readonly adopted: number;
  /** Of those to be swapped: cells that opened in their former place only. */
  readonly rebound: number;
}

/**
 * Brings a record to what its definition says: what is not under its active key, stands there as plaintext, or is bound
 * to its former place is sealed anew. Framed bytes go from cell to cell.
 */
export function rewriteRecord(
  opened: OpenedKeyring,
  definition: Table,
  record: StoredRecord,
): MaybePromise<RecordWork> {
  const rewrite = new RecordRewrite(opened, definition, record);
  const looking = withIvs(opened, record.cells.length, () => rewrite.look());
  return looking === undefined ? rewrite.settle() : looking.then(() => rewrite.settle());
}

/** A cell that is renewed on another thread. */
interface SentRenewal {
  readonly position: number;
  readonly renewal: Sent<Renewal>;
}

class RecordRewrite {
  readonly #opened: OpenedKeyring;
  readonly #definition: Table;
  readonly #record: StoredRecord;
  readonly #places: RecordPlaces;
  readonly #cells: CellSwap[] = [];
  readonly #refused: RefusedCell[] = [];
  readonly #counts = { current: 0, adopted: 0, rebound: 0, rewritten: 0 };
  #sent: SentRenewal[] | undefined;

  constructor(opened: OpenedKeyring, definition: Table, record: StoredRecord) {
    this.#opened = opened;
    this.#definition = definition;
    this.#record = record;
    this.#places = new RecordPlaces(definition, record);
  }

  /** Looks at every cell, one after the other; gives a promise only where one has to be waited for. */
  look(from = 0): PromiseLike<void> | undefined {
    const { cells } = this.#definition.layout;
    for (let position = from; position < cells.length; position++) {
      let renewal: MaybePromise<Renewal | undefined>;
      try {
        renewal = this.#renewal(position);
      } catch (error) {
        this.#refuse(position, error);
        continue;
      }
      if (renewal instanceof Sent) {
        this.#sent ??= [];
        this.#sent.push({ position, renewal });
      } else if (isPromise(renewal)) {
        return renewal
          .then(
            (found) => this.#note(position, found),
            (error) => this.#refuse(position, error),
          )
          .then(() => this.look(position + 1));
      } else {
        this.#note(position, renewal);
      }
    }
    return undefined;
  }

  /** What is to be done, once all cells were looked at. */
  settle(): MaybePromise<RecordWork> {
    const sent = this.#sent;
    if (!sent) return this.#withTokens();
    return new SentWork((sent[0] as SentRenewal).renewal.bundle, () =>
      andThen(inTurn(sent, this.#arrive), () => this.#withTokens()),
    );
  }

  readonly #arrive = ({ position, renewal }: SentRenewal): MaybePromise<void> => {
    const found = rescue(
      () => renewal.take(),
      (error) => this.#refuse(position, error),
    );
    return andThen(found, (one) => this.#note(position, one));
  };

  #renewal(position: number): MaybePromise<Renewal | undefined> {
    const { layout, encrypt } = this.#definition;
    const column = (layout.cells[position] as CellColumn).attribute;
    const attribute = encrypt[column] as Attribute;
    const stored = this.#record.cells[position] ?? null;
    const isAdopted = isAdopting(attribute);
    const plaintext = isAdopted ? (this.#record.plaintexts?.[position] ?? null) : null;
    if (stored === null && plaintext === null && !(isAdopted && attribute.spec.hideNull)) return undefined;
    // The context comes from the definition and the scan, never from the cell.
    const where = { table: this.#definition.name, column };
    const tenant = contextTenant(this.#definition, this.#record.tenant, where);
    const isActive = isUnderActiveKey(this.#opened, tenant, stored);
    return isPromise(isActive)
      ? isActive.then((awaited) => this.#renew(column, attribute, tenant, stored, plaintext, awaited))
      : this.#renew(column, attribute, tenant, stored, plaintext, isActive);
  }

  #renew(
    column: string,
    attribute: Attribute,
    tenant: ContextPart | undefined,
    stored: unknown,
    plaintext: unknown,
    isActive: boolean,
  ): MaybePromise<Renewal> {
    // The tag check comes before any cryptography. It says nothing of what a cell is bound to, nor of a plaintext beside it.
    if (isActive && !this.#definition.rebinding && !isAdopting(attribute)) return CURRENT;
    const place = this.#places.of(column, attribute, tenant);
    const found: FoundCell = { opened: this.#opened, place, stored, isActive };
    return isAdopting(attribute) ? adopt(found, attribute.adopting, plaintext) : renewCell(found);
  }

  #note(cell: number, found: Renewal | undefined): void {
    if (!found) return;
    this.#counts[found.was]++;
    if (found.was !== 'current') this.#cells.push({ cell, ...found.swap });
  }

  #refuse(position: number, error: unknown): undefined {
    if (!isRefusal(error)) throw error;
    const { name: table, layout } = this.#definition;
    const column = (layout.cells[position] as CellColumn).attribute;
    this.#refused.push({ table, key: this.#record.key, column, code: error.code });
  }

  #withTokens(): MaybePromise<RecordWork> {
    const [definition, record, refused] = [this.#definition, this.#record, this.#refused];
    const { current, adopted, rebound } = this.#counts;
    const done = ({ tokens, refused: left, unjudged }: TokenWork): RecordWork => {
      const swap = swapOf(record, this.#cells, tokens, definition);
      return { swap, refused: [...refused, ...left], unjudged, current, adopted, rebound };
    };
    const tokens = renewTokens(this.#opened, definition, record, this.#cells, refused);
    return isPromise(tokens) ? tokens.then(done) : done(tokens);
  }
}

/** With a new token goes every cell that it was made from, whether that changes or not. */
function swapOf(
  { cells, key }: StoredRecord,
  changed: readonly CellSwap[],
  tokens: readonly TokenSwap[],
  { layout }: Table,
): RecordSwap | undefined {
  if (tokens.length === 0) return changed.length > 0 ? { key, cells: changed } : undefined;
  const sources = new Set(tokens.flatMap(({ token }) => layout.tokens?.[token]?.cells ?? []));
  for (const { cell } of changed) sources.delete(cell);
  const kept = [...sources].map((cell): CellSwap => {
    const stored = (cells[cell] ?? null) as CellSwap['old'];
    return { cell, old: stored, new: stored };
  });
  return { key, cells: [...changed, ...kept], tokens };
}

function isUnderActiveKey(
  opened: OpenedKeyring,
  tenant: ContextPart | undefined,
  stored: unknown,
): MaybePromise<boolean> {
  const tag =
    typeof stored === 'string'
      ? stored.slice(0, KEY_TAG_CHARACTERS)
      : isUint8Array(stored)
        ? keyTagOfBytes(stored)
        : undefined;
  const keyId = tag === undefined ? undefined : keyIdOfTag(tag);
  if (keyId === undefined) return false;
  const active = opened.sealingKeyId(tenant);
  return isPromise(active) ? active.then((awaited) => keyId === awaited) : keyId === active;
}

/** The tag that was met last, and the key that it names: most cells of a page are of one. */
let lastTag: { readonly tag: string; readonly keyId: string | undefined } | undefined;

function keyIdOfTag(tag: string): string | undefined {
  if (lastTag?.tag !== tag) lastTag = { tag, keyId: parseKeyTag(tag)?.keyId };
  return lastTag.keyId;
}
