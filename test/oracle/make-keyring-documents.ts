/**
 * Makes test/vectors/keyring-documents.json: `npx tsx test/oracle/make-keyring-documents.ts`.
 * Expectations are written by hand in make/documents/; the oracle writes, reads back, and a disagreement throws.
 */
import { writeFileSync } from 'node:fs';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import { makeRefreshes, makeUses } from './make/documents/after.js';
import { makeOpening } from './make/documents/opening.js';
import { makeRefusedDocuments } from './make/documents/refused.js';
import type { DocumentVectors } from './make/documents/shared.js';
import { toAsciiJson } from './make-vectors.js';

const DESCRIPTION = [
  'Whole keyring documents, format 1 (keyring-format.md). Byte strings are lowercase hex. A tenant is a string, {"integer"} or {"bytes"}.',
  '"document": ASCII text; or {"parts"}: texts, each so many times, one after the other; or {"hex"}, where it is no ASCII. "revision": under which the store keeps it.',
  'What unlocks is a "passphrase", a "rawKey" or "kms": all that a key management service unwraps; it refuses anything else.',
  '"opening": opens with what unlocks, and holds these keys; "payload" is the payload\'s text, but for long ones. A destroyed key has no bytes.',
  '"refused": one fault each, with the code of the error. Unless the fault is the MAC\'s, the MAC is the payload\'s own.',
  '"uses": the document opens; the data key named is asked for, by a context with this tenant or none, and is given or refused with this code. "pages": what the store keeps beside the document, as text, by its names.',
  '"refreshes": a process that has opened "seen" finds "found" in the store. "renew": what unlocks, where a secret is asked for.',
].join(' ');

/** The whole file as an object. */
export function makeKeyringDocuments(): DocumentVectors {
  return {
    description: DESCRIPTION,
    opening: makeOpening(),
    refused: makeRefusedDocuments(),
    uses: makeUses(),
    refreshes: makeRefreshes(),
  };
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(
    new URL('../vectors/keyring-documents.json', import.meta.url),
    toAsciiJson(makeKeyringDocuments()),
  );
}
