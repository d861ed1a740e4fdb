import { type DataKey, Lru } from '../cipher/index.js';
import { TOKEN_KEY_CACHE_ENTRIES } from '../limits.js';
import { type MaybePromise, andThen, isPromise, rescue } from '../maybe.js';
import type { Engine, MacKey } from '../ports/engine.js';
import { type IndexedValue, type TokenScope, tokenKey, tokenOf } from './token.js';

/** Makes tokens; keeps the keys that it has derived for them. */
export class TokenKeys {
  readonly #engine: Engine;
  /** The key that each scope used last. */
  #last = new WeakMap<TokenScope, { readonly indexKey: DataKey; readonly key: MacKey }>();
  readonly #derived = new Lru<MaybePromise<MacKey>>(TOKEN_KEY_CACHE_ENTRIES);

  #isClosed = false;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** The token of a value that is transformed already. */
  token(indexKey: DataKey, scope: TokenScope, value: IndexedValue): MaybePromise<string> {
    return andThen(this.#key(indexKey, scope), (key) =>
      tokenOf(this.#engine, key, indexKey.keyId, scope, value),
    );
  }

  /** Forgets every key, and keeps none from now on: also of those that are being derived. */
  close(): void {
    this.#isClosed = true;
    this.#last = new WeakMap();
    this.#derived.close();
  }

  #key(indexKey: DataKey, scope: TokenScope): MaybePromise<MacKey> {
    const last = this.#last.get(scope);
    if (last?.indexKey === indexKey) return last.key;
    const id = `${indexKey.keyId}${scope.id}`;
    const known = this.#derived.get(id);
    if (known !== undefined) {
      if (!isPromise(known)) this.#last.set(scope, { indexKey, key: known });
      return known;
    }
    const deriving = rescue(
      () =>
        andThen(tokenKey(this.#engine, indexKey.key, scope), (key) => {
          this.#derived.set(id, key); // from now on without a promise
          if (!this.#isClosed) this.#last.set(scope, { indexKey, key });
          return key;
        }),
      (error): never => {
        this.#derived.delete(id);
        throw error;
      },
    );
    if (this.#derived.get(id) === undefined) this.#derived.set(id, deriving);
    return deriving;
  }
}
