import { DefinitionError } from '../errors.js';
import type { OpenedKeyring } from './opened.js';

// Given by the class itself: what it hides stays hidden from everybody who only has the class.
let wrap: (opened: OpenedKeyring) => Keyring;
let unwrap: (keyring: Keyring) => OpenedKeyring;

/**
 * An open keyring: what records are encrypted and decrypted with. It holds keys that cannot be printed, inspected or
 * serialised. Safe to share by everything in a process; one for each process is right.
 */
export class Keyring {
  readonly #opened: OpenedKeyring;

  private constructor(opened: OpenedKeyring) {
    this.#opened = opened;
  }

  /** The keyring's own name, made at its creation: `kr_` and 26 characters. Not a secret. */
  get id(): string {
    return this.#opened.document.keyringId;
  }

  /** The revision that this process has read. Every change of the keyring adds one. */
  get revision(): number {
    return this.#opened.document.revision;
  }

  static {
    // By its own name the bundler would call the class `_Keyring`, and console.log would show that.
    wrap = (opened) => new this(opened);
    unwrap = (keyring) => {
      if (typeof keyring !== 'object' || keyring === null || !(#opened in keyring)) {
        throw new DefinitionError(
          'A keyring is wanted here: what openKeyring or createKeyring gave, awaited.',
        );
      }
      return keyring.#opened;
    };
  }
}

declare const answersAtOnce: unique symbol;

/** A {@link Keyring} whose engine answers at once (`nodeEngine()` of cellseal/node): the functions whose names end in `Sync` take one. */
export interface SynchronousKeyring extends Keyring {
  /** In the type alone. */
  readonly [answersAtOnce]: true;
}

/** @internal */
export function keyringOf(opened: OpenedKeyring): Keyring {
  return wrap(opened);
}

/** @internal For the rooms above; not a public name. */
export function openedOf(keyring: Keyring): OpenedKeyring {
  return unwrap(keyring);
}
