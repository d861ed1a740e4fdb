import { base32, concat, decodeBase32, hex, utf8 } from '../bytes.js';
import {
  DefinitionError,
  FenceTooManyKeysError,
  KeyStateError,
  NoActiveKeyError,
  UnknownKeyError,
} from '../errors.js';
import {
  KEY_TAG_BYTES,
  KEY_TAG_CHARACTERS,
  SHORTEST_CELL_BYTES,
  SHORTEST_CELL_CHARACTERS,
  keyTag,
} from '../key-tag.js';
import {
  KEY_STATES,
  type KeyInfo,
  type Keyring,
  type OpenedKeyring,
  listKeys,
  openedOf,
} from '../keyring/index.js';
import { DEFAULT_FENCE_LOCK_TIMEOUT_MS, MAX_FENCE_KEYS, MAX_FENCE_LOCK_TIMEOUT_MS } from '../limits.js';
import type { CellColumn, CellForm } from '../ports/record-store.js';
import type { Schema } from '../schema.js';
import { MODES, SUITE_1 } from '../suite.js';
import type { Table } from '../table.js';
import { TOKEN_PREFIX_CHARACTERS } from '../token-form.js';
import { type TokenPlace, tokenPlaces } from '../tokens.js';
import { MYSQL_FENCE } from './fence/mysql.js';
import { POSTGRES_FENCE } from './fence/postgres.js';
import { type FenceSql, type FenceWriter, type FencedCell, type FencedTable, ownName } from './fence/sql.js';
import { SQLITE_FENCE } from './fence/sqlite.js';

/** The databases that {@link fenceSql} writes for; `mysql` is MariaDB too. */
export type FenceDialect = 'postgres' | 'mysql' | 'sqlite';

/** What {@link fenceSql} takes. */
export interface FenceOptions {
  /** The database that the statements are for. */
  readonly dialect: FenceDialect;
  /**
   * Ids of further keys that may be written with: the next one, for the interval in which it is made active.
   * Whatever stands here, stale writers may go on with. Default: none.
   */
  readonly alsoAllow?: readonly string[];
  /**
   * How long each statement waits for writers that are at it, and keeps others waiting behind itself: 1 to 3,600,000
   * milliseconds, in MySQL and MariaDB rounded up to a second. SQLite takes its `busy_timeout` instead. Default: 5,000.
   */
  readonly lockTimeoutMs?: number;
}

const WRITERS: Readonly<Record<FenceDialect, FenceWriter>> = {
  postgres: POSTGRES_FENCE,
  mysql: MYSQL_FENCE,
  sqlite: SQLITE_FENCE,
};

/** Of a table's name as far as it is plain ASCII, for people; the hash is what tells tables apart. */
const SLUG_CHARACTERS = 24;
/** 50 bits: no two tables of one schema share them. */
const HASH_CHARACTERS = 10;

/**
 * Writes the statements of a **fence**: triggers that let nobody insert a cell or a token, or change one, under any key
 * but those that are active now, or that a unique index names. For your own migrations; cellseal runs none of it. The keyring is read first.
 *
 * A process that was paused with an old cell in its hands is refused when it goes on, instead of leaving a cell under a key that everybody believes to be out of
 * use. Updates of other columns pass, so does writing a cell back as it was, null, and a rotation. A value that is no
 * cell (plaintext) is refused as well, but for attributes that are being adopted.
 *
 * Raise it once the new key is active and written with, before `rotate`. All statements run on one connection, in
 * order; in PostgreSQL and SQLite in one transaction. Raising it waits for every open transaction that has written the table: **that wait is the
 * proof**, since whoever writes later meets the triggers. It ends after `lockTimeoutMs` with the database's own error
 * (PostgreSQL 55P03, MySQL 1205): roll back and run all of it again. The names are the same every time, so the next fence takes this one's place,
 * and `down` removes any.
 *
 * PostgreSQL 14 or later, MariaDB 10.6 or later (MySQL 8.0 has what is needed too, and was not tested) with InnoDB, any
 * SQLite. What it does not cover stands in docs/fence.md.
 *
 * @throws FenceTooManyKeysError where the keys of tenants stand in pages, or are more than 1,000, and a table has tenants: hold instead.
 * @throws NoActiveKeyError where nothing could be written at all. UnknownKeyError and KeyStateError for `alsoAllow`. What `refreshKeyring` throws.
 * @throws DefinitionError where names cannot be, or two tables might be one.
 */
export async function fenceSql(schema: Schema, keyring: Keyring, options: FenceOptions): Promise<FenceSql> {
  const { dialect, alsoAllow = [], lockTimeoutMs = DEFAULT_FENCE_LOCK_TIMEOUT_MS } = options;
  const writer = writerOf(dialect);
  if (!Number.isInteger(lockTimeoutMs) || lockTimeoutMs < 1 || lockTimeoutMs > MAX_FENCE_LOCK_TIMEOUT_MS)
    throw new DefinitionError('lockTimeoutMs is a whole number from 1 to 3,600,000.');
  const opened = openedOf(keyring);
  await opened.refresh();
  const all = listKeys(keyring);
  const keys = all.filter(({ kind }) => kind === 'data');
  const further = alsoAllow.map((keyId) => furtherKey(all, keyId));
  const tables = new Map<string, FencedTable>();
  for (const table of schema.tables) {
    const { from } = table.layout;
    assertPath(writer, table);
    const allowed = allowedKeys(opened, table, 'data', all, further);
    const cells = [
      ...table.layout.cells.map((cell) => fencedCell(cell, allowed, keys)),
      ...fencedTokens(opened, table, all, further),
    ];
    const place = JSON.stringify(writer.normalPath(from));
    const known = tables.get(place);
    const name = known?.name ?? (await nameOf(opened, writer, from));
    tables.set(place, { from: known?.from ?? from, name, cells: [...(known?.cells ?? []), ...cells] });
  }
  assertDistinct(writer, [...tables.values()]);
  return writer.write([...tables.values()], lockTimeoutMs);
}

function writerOf(dialect: FenceDialect): FenceWriter {
  if (!Object.hasOwn(WRITERS, dialect))
    throw new DefinitionError('dialect is postgres, mysql (MariaDB too) or sqlite.');
  return WRITERS[dialect];
}

/** The keys under which new cells, or tokens, of a table may be. */
function allowedKeys(
  opened: OpenedKeyring,
  { name, tenant }: Table,
  kind: KeyInfo['kind'],
  keys: readonly KeyInfo[],
  further: readonly KeyInfo[],
): readonly string[] {
  const where = { table: name };
  // A table without tenants has no use for a tenant's key.
  const isUsed = (key: KeyInfo): boolean =>
    key.kind === kind && (tenant !== undefined || key.tenant === undefined);
  if (tenant !== undefined && opened.document.pages.length > 0) throw new FenceTooManyKeysError(where);
  const active = keys.filter((key) => key.state === 'active' && isUsed(key));
  if (active.length === 0) throw new NoActiveKeyError(kind === 'index' ? { ...where, kind } : where);
  const allowed = new Set([...active, ...further.filter(isUsed)].map(({ keyId }) => keyId));
  if (allowed.size > MAX_FENCE_KEYS) throw new FenceTooManyKeysError(where);
  return [...allowed];
}

/** A key of `alsoAllow`: one that is, was or is to be written with. */
function furtherKey(keys: readonly KeyInfo[], keyId: string): KeyInfo {
  const key = keys.find((candidate) => candidate.keyId === keyId);
  if (!key) throw new UnknownKeyError({ keyId });
  const { state } = key;
  if (state === 'pre-active' || state === 'active' || state === 'deactivated') return key;
  throw new KeyStateError('A fence lets pass only keys that are pre-active, active or deactivated.', {
    state,
    keyId,
  });
}

function fencedCell(cell: CellColumn, allowed: readonly string[], keys: readonly KeyInfo[]): FencedCell {
  const { column, form } = cell;
  const tags = (keyIds: readonly string[]): string[] => keyIds.map((keyId) => storedTag(keyId, form));
  const [tagLength, shortest] =
    form === 'text' ? [KEY_TAG_CHARACTERS, SHORTEST_CELL_CHARACTERS] : [KEY_TAG_BYTES, SHORTEST_CELL_BYTES];
  const place = { column, form, tagLength, shortest };
  if (!mayBePlaintext(cell)) return { ...place, refuses: 'others', tags: tags(allowed) };
  // Plaintext passes, and may look like anything: what does not is what begins with the tag of another key.
  const others = keys.map(({ keyId }) => keyId).filter((keyId) => !allowed.includes(keyId));
  return { ...place, refuses: 'these', tags: tags(others) };
}

/** Tokens are under the active index keys; those of a unique index under the one that its column follows. */
function fencedTokens(
  opened: OpenedKeyring,
  table: Table,
  keys: readonly KeyInfo[],
  further: readonly KeyInfo[],
): FencedCell[] {
  const shared = keys.filter(({ kind, tenant }) => kind === 'index' && tenant === undefined);
  const places = tokenPlaces(table);
  return (table.layout.tokens ?? []).map(({ characters, column }, i) => {
    const { index, key } = places[i] as TokenPlace;
    const where = { table: table.name, column: index.name, kind: 'index' } as const;
    const followed = key === 'active' ? undefined : shared[key - 1];
    if (key !== 'active' && !(followed && KEY_STATES[followed.state].opens)) {
      const option = key === index.generation ? 'generation' : 'nextGeneration';
      throw new NoActiveKeyError({ ...where, generation: key, option, state: followed?.state });
    }
    const allowed = followed ? [followed.keyId] : allowedKeys(opened, table, 'index', keys, further);
    const tags = allowed.map((keyId) => `${keyId.slice(0, TOKEN_PREFIX_CHARACTERS)}.`);
    const tagLength = TOKEN_PREFIX_CHARACTERS + 1;
    return { column, form: 'text', refuses: 'others', tags, tagLength, shortest: characters };
  });
}

/** Whether plaintext is adopted in this very column. */
function mayBePlaintext(cell: CellColumn): boolean {
  return cell.adopting === 'in-place';
}

/** As it stands in the column: text, or the bytes in hexadecimal. Tables make randomized cells only. */
function storedTag(keyId: string, form: CellForm): string {
  if (form === 'text') return keyTag('randomized', keyId);
  const id = decodeBase32(keyId);
  if (!id) throw new TypeError('A key id is base32.');
  return hex(concat(Uint8Array.of(SUITE_1.id, MODES.randomized.byte), id));
}

/** By the table's own name alone: whether its schema is named or not, the next fence takes the place of this one. */
async function nameOf(
  { environment }: OpenedKeyring,
  writer: FenceWriter,
  from: readonly string[],
): Promise<string> {
  const name = ownName(writer.normalPath(from));
  const hash = base32(await environment.engine.digest(utf8(name))).slice(0, HASH_CHARACTERS);
  const slug = name
    .replace(/[^A-Za-z0-9]/g, '_')
    .slice(0, SLUG_CHARACTERS)
    .toLowerCase();
  return `cellseal_fence_${slug}_${hash}`;
}

function assertPath({ maxParts }: FenceWriter, { name, layout }: Table): void {
  if (layout.from.length <= maxParts) return;
  throw new DefinitionError('from names more than this database has: a schema and a table.', { table: name });
}

/** One with its schema and one without may be one table, and then the second fence would undo the first. */
function assertDistinct(writer: FenceWriter, tables: readonly FencedTable[]): void {
  const depths = new Map<string, number>();
  for (const { from, name } of tables) {
    const { length } = writer.normalPath(from);
    const depth = depths.get(name) ?? length;
    depths.set(name, depth);
    if (depth === length) continue;
    throw new DefinitionError(
      'Two tables have one name, and one of them does not say its schema: they may be one table. Name the schema of both in from.',
      { table: ownName(from) },
    );
  }
}
