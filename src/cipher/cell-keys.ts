import { type Bytes, equalBytes } from '../bytes.js';
import { hkdfInfo, prefixBytes } from '../envelope/index.js';
import { CELLS_PER_SALT, CELL_KEY_CACHE_ENTRIES } from '../limits.js';
import { type MaybePromise, andThen, lastly } from '../maybe.js';
import type { AeadKey, DerivationKey, Engine, RandomSource } from '../ports/engine.js';
import { SUITE_1 } from '../suite.js';
import { Lru } from './lru.js';

/** A data key, unwrapped: what cells are sealed and opened with. */
export interface DataKey {
  readonly keyId: string;
  readonly keyIdBytes: Bytes;
  /** What every randomized cell of it begins with. */
  readonly prefix: Bytes;
  readonly key: DerivationKey;
}

/** context("scope", {tenant?, table}), with a string that is equal for equal scopes. */
export interface Scope {
  readonly id: string;
  readonly context: Bytes;
}

interface LastUsed {
  readonly scope: Scope;
  readonly dataKey: DataKey;
  readonly salt: Bytes;
  readonly key: AeadKey;
}

interface Derivation {
  readonly key: MaybePromise<AeadKey>;
  users: number;
}

/**
 * The derived cell keys of one keyring (docs/format.md §3): a bounded cache in which a key comes only after a tag has
 * verified under it, so that forged salts cannot push real keys out; misses of the same key share one derivation; and
 * the salt of what is sealed here, drawn at first use and renewed after 2^16 cells.
 */
export class CellKeys {
  readonly #engine: Engine;
  readonly #random: RandomSource;
  readonly #warm: Lru<AeadKey>;
  /** The cell key that each scope used last, and the two that were used last of all: a rotation goes to and fro between them. */
  #last = new WeakMap<Scope, LastUsed>();
  #newest: LastUsed | undefined;
  #before: LastUsed | undefined;
  readonly #deriving = new Map<string, Derivation>();
  #salt: Bytes | undefined;
  #cellsLeft = 0;

  constructor(engine: Engine, random: RandomSource, capacity = CELL_KEY_CACHE_ENTRIES) {
    this.#engine = engine;
    this.#random = random;
    this.#warm = new Lru(capacity);
  }

  /** The salt for one more cell. */
  nextSalt(): Bytes {
    if (this.#salt === undefined || this.#cellsLeft === 0) {
      this.#salt = this.#random(SUITE_1.saltBytes);
      this.#cellsLeft = CELLS_PER_SALT;
    }
    this.#cellsLeft--;
    return this.#salt;
  }

  /** Forgets every key, and keeps none from now on: also of those that are being derived. */
  close(): void {
    this.#warm.close();
    this.#last = new WeakMap();
    this.#newest = undefined;
    this.#before = undefined;
  }

  /** Does `work` with the cell key; keeps the key if the work succeeds. */
  use<T>(
    dataKey: DataKey,
    scope: Scope,
    salt: Bytes,
    work: (key: AeadKey) => MaybePromise<T>,
  ): MaybePromise<T> {
    if (isOf(this.#newest, dataKey, scope, salt)) return work(this.#newest.key);
    const last = isOf(this.#before, dataKey, scope, salt) ? this.#before : this.#last.get(scope);
    if (isOf(last, dataKey, scope, salt)) {
      this.#remember(last);
      return work(last.key);
    }
    const id = `${dataKey.keyId}${String.fromCharCode(...salt)}${scope.id}`;
    const warm = this.#warm.get(id);
    if (warm) {
      const used = { scope, dataKey, salt: salt.slice(), key: warm };
      this.#last.set(scope, used);
      this.#remember(used);
      return work(warm);
    }

    const derivation = this.#derivation(id, dataKey, scope, salt);
    derivation.users++;
    const start = (): MaybePromise<T> =>
      andThen(derivation.key, (key) =>
        andThen(work(key), (result) => {
          this.#warm.set(id, key);
          return result;
        }),
      );
    return lastly(start, () => {
      derivation.users--;
      if (derivation.users === 0) this.#deriving.delete(id);
    });
  }

  #remember(used: LastUsed): void {
    this.#before = this.#newest;
    this.#newest = used;
  }

  #derivation(id: string, dataKey: DataKey, scope: Scope, salt: Bytes): Derivation {
    const shared = this.#deriving.get(id);
    if (shared) return shared;
    const info = cellKeyInfo(dataKey.keyIdBytes, scope.context);
    const derivation: Derivation = { key: this.#engine.deriveAead(dataKey.key, salt, info), users: 0 };
    this.#deriving.set(id, derivation);
    return derivation;
  }
}

function isOf(used: LastUsed | undefined, dataKey: DataKey, scope: Scope, salt: Bytes): used is LastUsed {
  return used?.dataKey === dataKey && used.scope === scope && equalBytes(used.salt, salt);
}

/**
 * A table or tenant too long for a key derivation is refused where it is named, not at the first encryption.
 * Throws `InvalidContextError`.
 */
export function assertScopeFits(scopeContext: Bytes): void {
  cellKeyInfo(new Uint8Array(SUITE_1.keyIdBytes), scopeContext);
}

/** `"cellseal/v1/cell-key" ‖ 0x00 ‖ suite ‖ mode ‖ key id ‖ scope`: the HKDF info of a cell key. */
export function cellKeyInfo(keyIdBytes: Bytes, scopeContext: Bytes): Bytes {
  return hkdfInfo('cellseal/v1/cell-key', prefixBytes('randomized', keyIdBytes), scopeContext);
}
