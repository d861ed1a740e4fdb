import { type Bytes, isWellFormed, utf8 } from '../bytes.js';
import { InvalidPassphraseError } from '../errors.js';
import { MAX_PASSPHRASE_BYTES } from '../limits.js';

/** How a passphrase becomes the input of a key derivation. A slot names the one it was made with. */
export type Norm = 'opaque-1';

const NORMS: Readonly<Record<Norm, (passphrase: string) => string>> = Object.freeze({
  // RFC 8265's OpaqueString without its refusals: what once opened a slot always opens it, on any runtime.
  'opaque-1': (passphrase) => passphrase.replace(/\p{Zs}/gu, ' ').normalize('NFC'),
});

// A newer runtime assigns more code points; at creation that is a matter of caution, at opening it would lock people out.
const REFUSED_AT_CREATION = /[\p{Cc}\p{Cs}\p{Co}\p{Cn}\p{Default_Ignorable_Code_Point}]/u;

/** Whether a document's norm is one of ours. */
export function isNorm(name: string): name is Norm {
  return Object.hasOwn(NORMS, name);
}

/** The bytes that go into the key derivation. Refuses ill-formed text, and more than 1 KiB. */
export function normalisePassphrase(norm: Norm, passphrase: string): Bytes {
  if (!isWellFormed(passphrase)) throw new InvalidPassphraseError('It contains a lone surrogate.');
  const bytes = utf8(NORMS[norm](passphrase));
  if (bytes.length > MAX_PASSPHRASE_BYTES)
    throw new InvalidPassphraseError('It is longer than 1,024 bytes of UTF-8.');
  return bytes;
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
