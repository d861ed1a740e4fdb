/**
 * A keyring in an environment variable, to be read only.
 *
 * @packageDocumentation
 */
import { type Bytes, decodeBase64url, decodeUtf8, utf8 } from '../bytes.js';
import { KeyringDamagedError, KeyringLimitError, StoreUnfitError } from '../errors.js';
import type { KeyringStore } from '../ports/keyring-store.js';

const PAYLOAD = /^\{"payload":"([A-Za-z0-9_-]+)",/;

/**
 * Reads the keyring from the environment variable `name`: its value is the document's text, as a file or database
 * keyring holds it. A variable that is not set, or empty, is no keyring. It is looked at anew with every read, so
 * another `environment` may change; a process's own does not, and a new document comes with the next start.
 *
 * For processes that use a keyring which is kept elsewhere. `write` throws `StoreUnfitError`, and there is nothing of
 * what is optional: all keys must stand in the document. A system bounds what it passes on: Linux to 128 KiB a
 * variable (some 400 keys), Windows to 32,767 characters (some 100). Who can read the process's environment reads the
 * document, in which keys are wrapped; a passphrase or raw key should come from elsewhere.
 *
 * `read` throws `KeyringLimitError` as the port says, and `KeyringDamagedError` for what is no document.
 */
export function environmentKeyring(
  name: string,
  environment: Readonly<Record<string, string | undefined>> = globalThis.process?.env ?? {},
): KeyringStore {
  return {
    read(maxBytes) {
      const text = environment[name] ?? '';
      if (text === '') return undefined;
      // One UTF-16 unit has at least one byte: what is far too long is not encoded first.
      const document = text.length > maxBytes ? undefined : utf8(text);
      if (document === undefined || document.length > maxBytes)
        throw new KeyringLimitError('A keyring document has at most 1 MiB.');
      return { revision: revisionOf(text), document };
    },
    write() {
      throw new StoreUnfitError(
        'A keyring in an environment variable is read only. Change it where it is kept, in a file or database keyring, then set the variable to the new document and start the process again.',
      );
    },
  };
}

/** Of the payload, which nobody has authenticated yet: the keyring compares it again once the MAC has verified. */
function revisionOf(text: string): number {
  const encoded = PAYLOAD.exec(text)?.[1];
  const payload = encoded === undefined ? undefined : decodeBase64url(encoded);
  const revision = payload && parse(payload)?.revision;
  if (!Number.isSafeInteger(revision) || (revision as number) < 1)
    throw new KeyringDamagedError('The environment variable holds no keyring document.');
  return revision as number;
}

function parse(payload: Bytes): { readonly revision?: unknown } | undefined {
  try {
    return JSON.parse(decodeUtf8(payload) ?? '');
  } catch {
    return undefined; // the parser's message would quote the document
  }
}
