import { type Bytes, isWellFormed, utf8 } from '../bytes.js';
import { InvalidPassphraseError, type PassphraseDamage, PassphraseDamagedError } from '../errors.js';
import { MAX_PASSPHRASE_BYTES } from '../limits.js';
import { findDamage, isDamagedInGroups } from './damage.js';
import {
  type GeneratedNorm,
  type PassphraseStyle,
  STYLES,
  type Style,
  lengthsOf,
  readGenerated,
  recognise,
  styleOfNorm,
} from './styles.js';

/**
 * How a passphrase becomes the input of a key derivation. A slot names the one it was made with: `opaque-1` for a
 * person's own, the others for generated ones, one for each style.
 */
export type Norm = 'opaque-1' | GeneratedNorm;

/** What {@link checkPassphrase} finds. */
export interface PassphraseCheck {
  /** What it is, or what it was before it was damaged. `own` where it is nothing that was generated. */
  readonly style: PassphraseStyle | 'own';
  /** What has happened to it; not there for a whole one, and for a person's own. */
  readonly damage?: PassphraseDamage;
}

// A newer runtime assigns more code points; at creation that is a matter of caution, at opening it would lock people out.
const REFUSED_AT_CREATION = /[\p{Cc}\p{Cs}\p{Co}\p{Cn}\p{Default_Ignorable_Code_Point}]/u;

/** Whether a document's norm is one of ours. */
export function isNorm(name: string): name is Norm {
  return name === 'opaque-1' || STYLES.some(({ norm }) => norm === name);
}

/**
 * The bytes that go into the key derivation. Refuses ill-formed text, and more than 1 KiB; under the norm of a
 * generated passphrase also, with the cause, what its check symbols refuse.
 */
export function normalisePassphrase(norm: Norm, passphrase: string): Bytes {
  if (!isWellFormed(passphrase)) throw new InvalidPassphraseError('It contains a lone surrogate.');
  const bytes = utf8(norm === 'opaque-1' ? opaque(passphrase) : bodyOf(styleOfNorm(norm), passphrase));
  if (bytes.length > MAX_PASSPHRASE_BYTES)
    throw new InvalidPassphraseError('It is longer than 1,024 bytes of UTF-8.');
  return bytes;
}

/**
 * The norm that a new slot takes for this passphrase, which is held to the rules of today.
 *
 * @throws InvalidPassphraseError as {@link assertNewPassphrase} does.
 * @throws PassphraseDamagedError if it is written as the base32 style is and its check does not agree: it would open
 * this slot, but no other copy of it would.
 */
export function normOfNew(passphrase: string): Norm {
  const generated = recognise(passphrase);
  if (generated) return generated.norm;
  if (isDamagedInGroups(passphrase))
    throw new PassphraseDamagedError(findDamage(passphrase)?.damage ?? 'altered');
  assertNewPassphrase(passphrase);
  return 'opaque-1';
}

/** The rules for a passphrase that is set today. They are not asked at opening. */
export function assertNewPassphrase(passphrase: string): void {
  if (passphrase.length === 0) throw new InvalidPassphraseError('It is empty.');
  if (!isWellFormed(passphrase)) throw new InvalidPassphraseError('It contains a lone surrogate.');
  if (REFUSED_AT_CREATION.test(passphrase)) {
    throw new InvalidPassphraseError(
      'It contains a control character (a line break, perhaps), an invisible one, or one that is not assigned: such characters get lost when a passphrase is saved.',
    );
  }
}

/**
 * What has probably happened to the generated passphrase that this once was: to be said when no slot has opened.
 * `undefined` for a whole one, and for what looks like a person's own.
 */
export function damageOf(passphrase: string): PassphraseDamage | undefined {
  return findDamage(passphrase)?.damage;
}

/**
 * Looks at a passphrase as it stands in a form field: whether it is a generated one, and whether it is whole. Needs no
 * keyring and derives nothing, so it says nothing of whether the passphrase opens one.
 *
 * @example
 * ```ts
 * import { checkPassphrase } from 'cellseal/passphrase';
 *
 * checkPassphrase('????????????'); // → { style: 'unicode', damage: 'question-marks' }
 * checkPassphrase('Are you sure?'); // → { style: 'own' }
 * ```
 */
export function checkPassphrase(text: string): PassphraseCheck {
  const generated = recognise(text);
  if (generated) return { style: generated.style };
  const found = findDamage(text);
  return found?.isCertain ? { style: found.style, damage: found.damage } : { style: 'own' };
}

/** RFC 8265's OpaqueString without its refusals: what once opened a slot always opens it, on any runtime. */
function opaque(passphrase: string): string {
  return passphrase.replace(/\p{Zs}/gu, ' ').normalize('NFC');
}

function bodyOf(style: Style, passphrase: string): string {
  const generated = readGenerated(style, passphrase);
  if (generated) return generated.body;
  throw new PassphraseDamagedError(damageOf(passphrase) ?? damageByLength(style, passphrase));
}

/** Where nothing else is known: the slot says that a generated passphrase is wanted, and this is none. */
function damageByLength(style: Style, passphrase: string): PassphraseDamage {
  const symbols = style.read(passphrase).length;
  const lengths = lengthsOf(style);
  if (lengths.includes(symbols)) return 'altered';
  return symbols < Math.max(...lengths) ? 'truncated' : 'lengthened';
}
