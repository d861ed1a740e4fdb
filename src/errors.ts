/**
 * One class and one `code` per failure. A message is constant: what happened, and what to do. Where it happened stands
 * in fields (table, column, key id: public facts), which `console.log` shows. No value, no secret and no `cause` is
 * ever carried.
 */

/** Where something happened, as far as it is known. */
export interface Where {
  /** The table's name in its definition. */
  readonly table?: string | undefined;
  /** The attribute's name in the table's definition. */
  readonly column?: string | undefined;
  /** The key's id: 26 characters of base32. */
  readonly keyId?: string | undefined;
}

/** Facts of an error: everything in them is public. */
export interface Facts extends Where {
  readonly [name: string]: string | number | bigint | readonly string[] | undefined;
}

/** What all errors of cellseal are. Match on `code`, which is stable; messages may be reworded. */
export abstract class CellsealError extends Error {
  /** Stable, in kebab-case, one for each class. */
  abstract readonly code: string;
  /** The table's name in its definition, where one is concerned. */
  declare readonly table?: string;
  /** The attribute's name in the definition, where one is concerned. */
  declare readonly column?: string;
  /** The key's id, where one is concerned. */
  declare readonly keyId?: string;

  /** @internal */
  constructor(message: string, facts: Where | Facts = {}) {
    super(message);
    this.name = new.target.name;
    Object.defineProperty(this, 'name', { enumerable: false });
    for (const [fact, value] of Object.entries(facts)) {
      if (value !== undefined) Object.defineProperty(this, fact, { value, enumerable: true });
    }
  }
}

// ── A cell that is refused (docs/format.md §8, in its order) ────────────────────────────────────────────────────────

/** A stored value that was refused as a cell. A rotation quarantines what is refused so; it never touches the bytes. */
export abstract class CellRefusedError extends CellsealError {}

/** `not-a-cell`: an encrypted attribute holds something that is no cell (plaintext, perhaps). It is never handed back as a value. */
export class NotACellError extends CellRefusedError {
  override readonly code = 'not-a-cell';
  /** @internal */
  constructor(where: Where = {}) {
    super(
      'The stored value is not a cell: an encrypted attribute holds only what cellseal wrote. Find what writes past cellseal; plaintext is never handed back.',
      where,
    );
  }
}

/** `unknown-suite`: the cell was written by a newer version of the format. */
export class UnknownSuiteError extends CellRefusedError {
  override readonly code = 'unknown-suite';
  /** @internal */
  constructor(where: Where = {}) {
    super(
      'The cell is of a suite that this version does not know. Update cellseal here, or find what wrote it.',
      where,
    );
  }
}

/** `mode`: a deterministic cell where the definition says randomized, or the reverse. The definition decides, never the cell. */
export class WrongModeError extends CellRefusedError {
  override readonly code = 'mode';
  /** @internal */
  constructor(where: Where = {}) {
    super(
      "The cell's mode is not the definition's. The definition decides: correct it, or find what wrote the cell.",
      where,
    );
  }
}

/** `too-short`: shorter than any cell (55 bytes randomized, 51 deterministic). A column that is too narrow truncates. */
export class CellTooShortError extends CellRefusedError {
  override readonly code = 'too-short';
  /** @internal */
  constructor(where: Where = {}) {
    super(
      'The cell is shorter than any cell can be. Check that the column is wide enough: some databases truncate.',
      where,
    );
  }
}

/** `too-long`: longer than the attribute's limit allows ({@link AttributeOptions.maxBytes}). */
export class CellTooLongError extends CellRefusedError {
  override readonly code = 'too-long';
  /** @internal */
  constructor(where: Where = {}) {
    super(
      'The cell is longer than its attribute allows. Raise maxBytes in the definition if it is genuine.',
      where,
    );
  }
}

/** `unknown-key`: the keyring has no such key, not even after it was read again. */
export class UnknownKeyError extends CellRefusedError {
  override readonly code = 'unknown-key';
  /** @internal */
  constructor(where: Where = {}) {
    super(
      'The keyring has no key with this id, also after reading it again. Is this the keyring that belongs to this database?',
      where,
    );
  }
}

/** `key-of-another-tenant`: the cell's key belongs to another tenant than the one that asks. */
export class KeyOfAnotherTenantError extends CellRefusedError {
  override readonly code = 'key-of-another-tenant';
  /** @internal */
  constructor(where: Where = {}) {
    super(
      "The cell's key belongs to another tenant. The tenant must come from the authenticated caller.",
      where,
    );
  }
}

/** `suspended-key`: the key was suspended after a census had found nothing under it. */
export class SuspendedKeyError extends CellRefusedError {
  override readonly code = 'suspended-key';
  /** @internal */
  constructor(where: Where = {}) {
    super(
      'The key is suspended. If the cell is genuine, put the key back with resumeKey and rotate again before suspending it.',
      where,
    );
  }
}

/** `destroyed-key`: the key's bytes are gone; its id remains so that this can be said. */
export class DestroyedKeyError extends CellRefusedError {
  override readonly code = 'destroyed-key';
  /** @internal */
  constructor(where: Where = {}) {
    super(
      'The key was destroyed: what is under it cannot be read again. Only a backup of the keyring could help.',
      where,
    );
  }
}

/**
 * `authentication`: wrong context, altered bytes, wrong key and broken frame look alike, and there is no detail on
 * purpose.
 */
export class AuthenticationError extends CellRefusedError {
  override readonly code = 'authentication';
  /** @internal */
  constructor(where: Where = {}) {
    super(
      'The cell does not authenticate: it was altered, moved from another record, column or table, or is not of this definition.',
      where,
    );
  }
}

/** `not-adoptable`: a plaintext that an attribute adopts stands for no value of the attribute's type. Its bytes stay as they are. */
export class NotAdoptableError extends CellRefusedError {
  override readonly code = 'not-adoptable';
  /** @internal */
  constructor(where: Where = {}) {
    super(
      'The attribute is adopting plaintext, and what stands here is no value of its type. Correct it in the database, or give the definition a way to read it: adopting: { parse }, which answers at once, without a promise.',
      where,
    );
  }
}

/** `adoption-conflict`: a record has a cell and a plaintext that say different things, and the definition does not say which is newer. */
export class AdoptionConflictError extends CellRefusedError {
  override readonly code = 'adoption-conflict';
  /** @internal */
  constructor(where: Where = {}) {
    super(
      'The cell holds another value than the plaintext beside it: one of them is out of date. Find out which writer changed only one of them, then correct the record, or say which is newer in the definition.',
      where,
    );
  }
}

// ── What is handed in ───────────────────────────────────────────────────────────────────────────────────────────────

/** `definition`: a table, attribute or schema that cannot be. The message says which rule, the fields say where. */
export class DefinitionError extends CellsealError {
  override readonly code = 'definition';
  /** @internal */
  constructor(rule: string, where: Where = {}) {
    super(rule, where);
  }
}

/** `invalid-value`: a value that is not of its attribute's type. The fields say the type wanted and the JavaScript type found. */
export class InvalidValueError extends CellsealError {
  override readonly code = 'invalid-value';
  /** The attribute's declared type. */
  declare readonly expected?: string;
  /** `typeof` of what was given, or the constructor's name. */
  declare readonly received?: string;
  /** @internal */
  constructor(rule: string, facts: Where & { expected?: string; received?: string } = {}) {
    super(rule, facts);
  }
}

/** `not-indexable`: a blind index's transform refuses the value, so that it can be neither stored beside a token nor searched. */
export class NotIndexableError extends CellsealError {
  override readonly code = 'not-indexable';
  /** The transform's name. */
  declare readonly transform: string;
  /** @internal */
  constructor(rule: string, transform: string, where: Where = {}) {
    super(rule, { ...where, transform });
  }
}

/** `incomplete-index`: a patch has some attributes of a compound index and not the others, so that no token can be made. */
export class IncompleteIndexError extends CellsealError {
  override readonly code = 'incomplete-index';
  /** The index's name. */
  declare readonly index: string;
  /** The attributes that are missing. */
  declare readonly missing: readonly string[];
  /** @internal */
  constructor(index: string, missing: readonly string[], where: Where = {}) {
    super(
      'A compound index is over attributes of which the patch has some only. Give the missing ones, too, as they are stored: read and decrypt them first.',
      { ...where, index, missing },
    );
  }
}

/** `not-askable`: what is asked cannot be answered from cells and tokens. The message says what can. */
export class NotAskableError extends CellsealError {
  override readonly code = 'not-askable';
  /** @internal */
  constructor(rule: string, where: Where = {}) {
    super(rule, where);
  }
}

/** `value-too-long`: the framed value is longer than the attribute's `maxBytes`. */
export class ValueTooLongError extends CellsealError {
  override readonly code = 'value-too-long';
  /** The attribute's limit, for the framed value: frame byte and padding included. */
  declare readonly maxBytes: number;
  /** @internal */
  constructor(maxBytes: number, where: Where = {}) {
    super(
      'The value is longer than its attribute allows, frame byte and padding included. Raise maxBytes in the definition.',
      { ...where, maxBytes },
    );
  }
}

/** `already-a-cell`: a value that is a cell was to be encrypted. Nothing is encrypted twice. */
export class AlreadyACellError extends CellsealError {
  override readonly code = 'already-a-cell';
  /** @internal */
  constructor(where: Where = {}) {
    super(
      'The value to encrypt is a cell already: nothing is encrypted twice. Decrypt the record first, or leave it out.',
      where,
    );
  }
}

/** `missing-record-id`: an attribute is bound to its record, and the record's id is not there. */
export class MissingRecordIdError extends CellsealError {
  override readonly code = 'missing-record-id';
  /** The part of the record's id that is missing. */
  declare readonly part: string;
  /** @internal */
  constructor(part: string, where: Where = {}) {
    super(
      "The record's id must be known before encryption, because the cell is bound to it. Make the id in the application (crypto.randomUUID()), or say bind: 'column' in the definition if the database must assign it.",
      { ...where, part },
    );
  }
}

/** `missing-tenant`: the table has a tenant, and the call names none. */
export class MissingTenantError extends CellsealError {
  override readonly code = 'missing-tenant';
  /** @internal */
  constructor(where: Where = {}) {
    super(
      'The table belongs to tenants: pass { tenant } from the authenticated caller, never from the row.',
      where,
    );
  }
}

/** `invalid-context`: a record id, tenant or name that has no place in a context. */
export class InvalidContextError extends CellsealError {
  override readonly code = 'invalid-context';
  /** @internal */
  constructor(rule: string, where: Where = {}) {
    super(rule, where);
  }
}

// ── Keyring ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/** `keyring-not-found`: the store holds no keyring. Opening never makes one. */
export class KeyringNotFoundError extends CellsealError {
  override readonly code = 'keyring-not-found';
  /** @internal */
  constructor() {
    super(
      'There is no keyring here. If this is a new installation, call createKeyring once; if not, this is the wrong place: bring the keyring back before anything is written.',
    );
  }
}

/** `keyring-exists`: there is a keyring already, or another process made one first. */
export class KeyringExistsError extends CellsealError {
  override readonly code = 'keyring-exists';
  /** @internal */
  constructor() {
    super(
      'There is a keyring here already. Open it with openKeyring: a second one would orphan what the first sealed.',
    );
  }
}

/** `wrong-secret`: no slot opens with the passphrase or raw key. Nothing else is known to be wrong. */
export class WrongSecretError extends CellsealError {
  override readonly code = 'wrong-secret';
  /** @internal */
  constructor() {
    super(
      'No slot of this keyring opens with this secret. Check the passphrase (its every character counts), and the keyring.',
    );
  }
}

/** `keyring-damaged`: the document was altered, truncated, or breaks a rule of its format. */
export class KeyringDamagedError extends CellsealError {
  override readonly code = 'keyring-damaged';
  /** Which rule was broken; constant text. */
  declare readonly rule: string;
  /** @internal */
  constructor(rule: string, where: Where = {}) {
    super(
      'The keyring document is damaged or was altered. Bring back a copy; do not create a new keyring over it.',
      {
        ...where,
        rule,
      },
    );
  }
}

/** `keyring-format`: the document is of a format that this version does not know. */
export class KeyringFormatError extends CellsealError {
  override readonly code = 'keyring-format';
  /** @internal */
  constructor() {
    super('The keyring document is of a newer format. Update cellseal here.');
  }
}

/** `keyring-limit`: a bound was passed (iterations, slots, bytes); checked before anything is derived. */
export class KeyringLimitError extends CellsealError {
  override readonly code = 'keyring-limit';
  /** Which bound; constant text. */
  declare readonly limit: string;
  /** @internal */
  constructor(limit: string) {
    super(
      'The keyring, or what was asked of it, is outside its bounds. Nothing was derived and nothing was written.',
      {
        limit,
      },
    );
  }
}

/** `keyring-conflict`: somebody else changed the keyring at the same time. Nothing was changed here. */
export class KeyringConflictError extends CellsealError {
  override readonly code = 'keyring-conflict';
  /** @internal */
  constructor() {
    super(
      'Somebody else changed the keyring at the same moment, so this change was not made. Look at it, then try again.',
    );
  }
}

/** `keyring-rolled-back`: the store returned an older document than this process has seen, or another one of the same revision. */
export class KeyringRolledBackError extends CellsealError {
  override readonly code = 'keyring-rolled-back';
  /** The revision that this process has seen. */
  declare readonly seen: number;
  /** The revision that the store returned. */
  declare readonly found: number;
  /** @internal */
  constructor(seen: number, found: number) {
    super(
      'The stored keyring is older than, or forked from, the one this process has seen. Restoring a backup is an act of its own: restart after it.',
      {
        seen,
        found,
      },
    );
  }
}

/** `invalid-passphrase`: a passphrase that cannot be one. */
export class InvalidPassphraseError extends CellsealError {
  override readonly code = 'invalid-passphrase';
  /** Which rule; constant text. */
  declare readonly rule: string;
  /** @internal */
  constructor(rule: string) {
    super('The passphrase cannot be used. The field `rule` says why.', { rule });
  }
}

/** `wrong-keyring`: a keyring with another id than the one that is wanted: another installation's, or another environment's. */
export class WrongKeyringError extends CellsealError {
  override readonly code = 'wrong-keyring';
  /** The id of the keyring that is wanted. */
  declare readonly expected: string;
  /** The id of the keyring that was found. */
  declare readonly found: string;
  /** @internal */
  constructor(expected: string, found: string) {
    super(
      'This is another keyring than the one that is wanted: of another installation or environment. Check where it is read from; nothing was changed.',
      { expected, found },
    );
  }
}

/** `keyring-rekeyed`: the stored keyring stands under another root key, and the slot with which this process opened it is not there any more. */
export class KeyringRekeyedError extends CellsealError {
  override readonly code = 'keyring-rekeyed';
  /** @internal */
  constructor() {
    super(
      'The stored keyring is under another root key: changeKey was called elsewhere and dropped the secret that this process was opened with, or the document is forged. What was read before still decrypts. Give the new secret: refreshKeyring(keyring, { passphrase }).',
    );
  }
}

/** `keyring-stale`: the keyring has not been read for longer than `maxStaleMs`, and reading it failed: nothing is encrypted. */
export class KeyringStaleError extends CellsealError {
  override readonly code = 'keyring-stale';
  /** @internal */
  constructor() {
    super(
      'The keyring has not been read for longer than maxStaleMs, and could not be read now: its keys may have been replaced, so nothing is encrypted. Decrypting goes on. Bring its store back.',
    );
  }
}

/** `not-synchronous`: a function whose name ends in `Sync` would have to wait. Nothing of it was done, and nothing is done later. */
export class NotSynchronousError extends CellsealError {
  override readonly code = 'not-synchronous';
  /**
   * `engine`: the keyring was opened with an engine that answers with promises. `waiting`: for the keyring's store; the
   * same call succeeds later, or says why not. `schema`: for a schema that validates with a promise, which never succeeds so.
   */
  declare readonly reason: 'engine' | 'waiting' | 'schema';
  /** @internal */
  constructor(reason: NotSynchronousError['reason'], where: Where = {}) {
    super(NOT_SYNCHRONOUS[reason], { ...where, reason });
  }
}

const NOT_SYNCHRONOUS = {
  engine:
    'The engine of this keyring answers with promises. Open the keyring with { engine: nodeEngine() } of cellseal/node, or call the function without Sync in its name.',
  waiting:
    'The call would have to wait for the keyring’s store: a key was asked for that this process has not read, or maxStaleMs is over. The store is being read now: call again later, or call the function without Sync in its name, and await it. watchKeyring() keeps a process up to date.',
  schema:
    'The attribute’s schema validates with a promise. Give it one that answers at once, or call the function without Sync in its name, and await it.',
} as const;

/** `keyring-closed`: `closeKeyring` was called. */
export class KeyringClosedError extends CellsealError {
  override readonly code = 'keyring-closed';
  /** @internal */
  constructor() {
    super('The keyring was closed with closeKeyring. Open it again.');
  }
}

/** `last-slot`: without this slot nothing would open the keyring. */
export class LastSlotError extends CellsealError {
  override readonly code = 'last-slot';
  /** @internal */
  constructor() {
    super('This is the only slot: without it nobody could open the keyring again. Add another one first.');
  }
}

/** `unknown-slot`: there is no slot with this id. */
export class UnknownSlotError extends CellsealError {
  override readonly code = 'unknown-slot';
  /** The id that was asked for. */
  declare readonly slotId: string;
  /** @internal */
  constructor(slotId: string) {
    super('The keyring has no slot with this id. listSlots shows them.', { slotId });
  }
}

/** `key-change-under-way`: a change of the key has begun and is not finished. One at a time. */
export class KeyChangeUnderWayError extends CellsealError {
  override readonly code = 'key-change-under-way';
  /** When it began, ISO 8601. */
  declare readonly startedAt: string;
  /** @internal */
  constructor(startedAt: string) {
    super(
      'A change of the key is under way. To go on with it, call changeKey with the secret that it was begun with; then rotate, count, and call finishKeyChange.',
      { startedAt },
    );
  }
}

/** `not-acknowledged`: processes that use the keyring have not read it in time. Nothing was undone. */
export class NotAcknowledgedError extends CellsealError {
  override readonly code = 'not-acknowledged';
  /** The revision that they should have read. */
  declare readonly revision: number;
  /** What they call themselves, with the revision that each has read. */
  declare readonly waitingFor: readonly string[];
  /** @internal */
  constructor(revision: number, waitingFor: readonly string[]) {
    super(
      'Processes that use this keyring have not read its newest revision. See that they run and reach its store; strike off with forgetProcess those that are gone for good. Then ask again.',
      { revision, waitingFor },
    );
  }
}

/** `key-exhausted`: the key has sealed as many cells as `maxCellsPerKey` allows. */
export class KeyExhaustedError extends CellsealError {
  override readonly code = 'key-exhausted';
  /** The limit. */
  declare readonly maxCells: number;
  /** @internal */
  constructor(maxCells: number, where: Where = {}) {
    super(
      'The key has sealed as many cells as maxCellsPerKey allows. Add a key, make it active, and rotate.',
      { ...where, maxCells },
    );
  }
}

/** `passphrase-damaged`: a generated passphrase whose check characters do not agree. Nothing was derived. */
export class PassphraseDamagedError extends CellsealError {
  override readonly code = 'passphrase-damaged';
  /** What has happened to it, as far as it can be told; constant text. */
  declare readonly damage: PassphraseDamage;
  /** @internal */
  constructor(damage: PassphraseDamage) {
    super(DAMAGES[damage], { damage });
  }
}

/** What happens to a passphrase that is saved, copied or typed. */
export type PassphraseDamage =
  | 'question-marks'
  | 'mojibake'
  | 'truncated'
  | 'lengthened'
  | 'substituted'
  | 'swapped'
  | 'altered'
  | 'undecodable';

const DAMAGES: Readonly<Record<PassphraseDamage, string>> = Object.freeze({
  'question-marks':
    'The passphrase is gone from this copy: an editor or program saved it in an encoding (ANSI) that lacks its characters, and wrote question marks. Use another copy, saved as UTF-8.',
  mojibake:
    'The passphrase was read in one encoding and saved in another, which made other characters of it. Use another copy, saved as UTF-8.',
  truncated: 'The passphrase is cut off: characters are missing. Use another copy.',
  lengthened: 'There is more here than the passphrase. Remove what was added, or use another copy.',
  substituted: 'One character or word of the passphrase is another one. Compare it with another copy.',
  swapped:
    'Two neighbouring characters or words of the passphrase have changed places. Compare it with another copy.',
  altered: 'Several characters or words of the passphrase are other ones. Use another copy.',
  undecodable:
    'The file is no text in UTF-8, nor in UTF-16 with a byte order mark. Save it again as UTF-8 where it still can be read, or use another copy.',
});

/** `passphrase-file-exists`: there is a file under this name already, and it was not to be overwritten. */
export class PassphraseFileExistsError extends CellsealError {
  override readonly code = 'passphrase-file-exists';
  /** @internal */
  constructor() {
    super(
      'There is a file under this name already: it may hold the only copy of another passphrase. Choose another name, or say overwrite: true.',
    );
  }
}

/** `kms-refused`: a key management service was given a wrapped secret that is not its own, was altered, or belongs to another keyring or slot. Implementations of {@link KeyManagement} throw it. */
export class KeyManagementRefusedError extends CellsealError {
  override readonly code = 'kms-refused';
  constructor() {
    super(
      'The key management service does not unwrap this: another key wrapped it, it was altered, or it belongs to another keyring or slot.',
    );
  }
}

/** `key-state`: a key is not in a state that allows what was asked. */
export class KeyStateError extends CellsealError {
  override readonly code = 'key-state';
  /** The key's state. */
  declare readonly state: string;
  /** @internal */
  constructor(rule: string, where: Where & { state: string }) {
    super(rule, where);
  }
}

/** `no-active-key`: there is no active key of the kind that is wanted, or none that can be used where a unique index names it. */
export class NoActiveKeyError extends CellsealError {
  override readonly code = 'no-active-key';
  /** Of a unique index: the place among the index keys that all tenants share. */
  declare readonly generation?: number;
  /** The option of the index that names it, where it was not left out. */
  declare readonly option?: 'generation' | 'nextGeneration';
  /** The state of that key, where there is one. */
  declare readonly state?: string;
  /** @internal */
  constructor(where: NoActiveKeyFacts = {}) {
    super(
      where.generation === undefined
        ? `The keyring has no active ${where.kind ?? 'data'} key here. Add one with addKey and make it active with activateKey.`
        : GENERATION_RULES[where.state === undefined ? 'missing' : (where.option ?? 'generation')],
      where,
    );
  }
}

interface NoActiveKeyFacts extends Where {
  readonly kind?: 'index';
  readonly generation?: number;
  readonly option?: 'generation' | 'nextGeneration' | undefined;
  readonly state?: string | undefined;
}

const GENERATION_RULES = {
  missing:
    "The keyring has fewer index keys that all tenants share than `generation` or `nextGeneration` of a unique index says. Add one with addKey(keyring, { kind: 'index' }) before the definition that names it is used.",
  nextGeneration:
    'The index key of the second column of a unique index is suspended, or was withdrawn or destroyed. Set `nextGeneration` to the place of a later one, and rotate.',
  generation:
    'The index key of a unique index is suspended, or was destroyed. Resume it; or set `generation` to the place of a later one, with another `column` and `filling: true`, and rotate.',
} as const;

/** `key-in-use`: cells, or tokens, depend on the key, so it is neither suspended, nor destroyed, nor withdrawn. */
export class KeyInUseError extends CellsealError {
  override readonly code = 'key-in-use';
  /** Cells under the key, or tokens of an index key, as the census counted them. */
  declare readonly cells: number;
  /** @internal */
  constructor(cells: number, where: Where = {}, what: 'cells' | 'tokens' = 'cells') {
    super(
      what === 'cells'
        ? 'Cells still depend on this key, so nothing was done to it. Rotate, look at what was quarantined, and count again.'
        : 'Tokens still depend on this key, so nothing was done to it. Rotate and count again; a unique index changes its key by a second column (docs/search.md).',
      {
        ...where,
        cells,
      },
    );
  }
}

/** `hold`: it is too early. A key is suspended when it has been empty for long enough, and destroyed when its delay is over. */
export class HoldError extends CellsealError {
  override readonly code = 'hold';
  /** The key. */
  declare readonly keyId: string;
  /** The first moment at which it can succeed, ISO 8601. */
  declare readonly until: string;
  /** @internal */
  constructor(rule: string, keyId: string, until: string) {
    super(rule, { keyId, until });
  }
}

/** `census-stale`: the census was counted for another keyring or at another revision. */
export class CensusStaleError extends CellsealError {
  override readonly code = 'census-stale';
  /** @internal */
  constructor(rule: string) {
    super(rule);
  }
}

// ── Stores and rotation ─────────────────────────────────────────────────────────────────────────────────────────────

/** `store-busy`: the database was locked by somebody else; trying again later is right. Adapters throw it, rotations retry it. */
export class StoreBusyError extends CellsealError {
  override readonly code = 'store-busy';
  constructor(where: Where = {}) {
    super(
      'The database is locked by another writer. Try again later; for SQLite, set PRAGMA busy_timeout.',
      where,
    );
  }
}

/**
 * `duplicate`: a UNIQUE constraint refuses a token, for another record has it already. A rotation notes the record and
 * goes on. What the database's own error says of the token is left out.
 */
export class DuplicateTokenError extends CellsealError {
  override readonly code = 'duplicate';
  /** @internal */
  constructor(where: Where = {}) {
    super(
      'A UNIQUE constraint refuses what was to be written: another record has it already. Mend one of the two values, then rotate or call retryQuarantined.',
      where,
    );
  }
}

/** `store-unfit`: the store cannot do what is asked, or its tables are not as the definition says. */
export class StoreUnfitError extends CellsealError {
  override readonly code = 'store-unfit';
  constructor(rule: string, where: Where = {}) {
    super(rule, where);
  }
}

/** `schema-mismatch`: definitions and the live schema disagree. Nothing was changed. */
export class SchemaMismatchError extends CellsealError {
  override readonly code = 'schema-mismatch';
  /** What is wrong, each as `code: place`: `column-missing: crm.clients.mail_enc`. Names of the database and the definitions, no values. */
  declare readonly findings: readonly string[];
  /** @internal */
  constructor(findings: readonly string[]) {
    super(
      'The definitions and the tables in the database disagree: `findings` says where. Mend the definition or migrate the table; checkSchema says more of each.',
      { findings },
    );
  }
}

/** `invalid-cursor`: a cursor that the store did not write. Adapters throw it; a rotation then begins the table again. */
export class InvalidCursorError extends CellsealError {
  override readonly code = 'invalid-cursor';
  constructor(where: Where = {}) {
    super('The cursor is none that this store wrote for this table. Begin the table again.', where);
  }
}

/** `invalid-partition`: a value that is no partition of this keyring and schema. Nothing was done. */
export class InvalidPartitionError extends CellsealError {
  override readonly code = 'invalid-partition';
  /** @internal */
  constructor(rule: string, where: Where = {}) {
    super(rule, where);
  }
}

/** `rotation-blocked`: the rotation stopped by itself. Nothing is lost; `reason` says what must be looked at first. */
export class RotationBlockedError extends CellsealError {
  override readonly code = 'rotation-blocked';
  /** `too-many-refused` (a wrong key, rather than bad records) or `hot-records` (they change faster than they can be swapped). */
  declare readonly reason: 'too-many-refused' | 'hot-records';
  /** @internal */
  constructor(reason: 'too-many-refused' | 'hot-records', facts: Facts = {}) {
    super(BLOCKED[reason], { ...facts, reason });
  }
}

const BLOCKED = {
  'too-many-refused':
    'Too many cells were refused: this looks like a wrong key or definition, not like bad records. Look at listQuarantine before going on.',
  'hot-records':
    'Some records change faster than they can be swapped. Call rotate again when there is less traffic; what was done is done.',
} as const;

/** `self-check`: a new cell did not open to what went into it, or is none, so it was not written. A fault of this machine or its engine, never of the data. */
export class SelfCheckError extends CellsealError {
  override readonly code = 'self-check';
  /** @internal */
  constructor(where: Where = {}) {
    super(
      'A new cell did not open again to what went into it, so nothing was written. Check this machine.',
      where,
    );
  }
}

/** `thread-failed`: another thread ended while it worked on cells. Nothing of them was written, and no record has changed: try again; a rotation goes on from its checkpoint. */
export class ThreadFailedError extends CellsealError {
  override readonly code = 'thread-failed';
  /** What Node calls it, as `ERR_WORKER_OUT_OF_MEMORY`, where it is known. */
  declare readonly reason?: string;
  /** @internal */
  constructor(reason?: string) {
    super(
      'A thread of the engine ended while it worked on cells. Nothing of them was written: try again. If that happens again, leave out threads of nodeEngine.',
      { reason },
    );
  }
}

/** `rotation-superseded`: another rotation of this keyring has taken over. It goes on; this one has stopped. */
export class RotationSupersededError extends CellsealError {
  override readonly code = 'rotation-superseded';
  /** @internal */
  constructor() {
    super(
      'Another rotation over this store has taken over, or the job record was changed. This one has stopped; nothing is lost.',
    );
  }
}

/** `fence-refused`: a fence refused what a transaction wrote, also after the keyring was read again. Nothing was written. */
export class FenceRefusedError extends CellsealError {
  override readonly code = 'fence-refused';
  /** @internal */
  constructor() {
    super(
      'A fence refused what this transaction wrote, also after the keyring was read again. If the cells are made outside the function, make them inside it. If the key that is active has no place in the fence, write it anew with fenceSql. If neither, this process reads another keyring than the one the fence was made of, or writes what is no cell.',
    );
  }
}

/** `fence-too-many-keys`: the keys of tenants are too many to be written into triggers. */
export class FenceTooManyKeysError extends CellsealError {
  override readonly code = 'fence-too-many-keys';
  /** @internal */
  constructor(where: Where = {}) {
    super(
      'The keys of the tenants are too many to be written into a fence: they stand in pages, or are more than 1,000. Do without a fence for this table: hold instead, for longer than the longest pause of a process, and count again before suspending a key.',
      where,
    );
  }
}
