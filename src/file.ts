/**
 * Files: a keyring in a folder, and a passphrase in a file of its own.
 *
 * @packageDocumentation
 */
export { type WriteOptions, writePassphraseFile } from './passphrase/write-file.js';
export { fileKeyring } from './store/file-keyring.js';
