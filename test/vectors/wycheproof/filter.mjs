/**
 * Remakes the filtered copies beside this file: `node test/vectors/wycheproof/filter.mjs FOLDER`, where FOLDER holds
 * the files of the same names from C2SP/wycheproof at the commit that NOTICE names.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';

/** @typedef {{ ivSize?: number, keySize?: number, tagSize?: number, tests: { flags: string[] }[] }} Group */

/**
 * Which test groups are kept; a file that is not named here is dropped whole.
 * @type {Record<string, (group: Group) => boolean>}
 */
const KEPT = {
  'aes_gcm_test.json': (group) => group.ivSize === 96 && group.keySize === 256 && group.tagSize === 128,
  'hkdf_sha256_test.json': () => true,
  'hmac_sha256_test.json': () => true,
  'hmac_sha512_test.json': () => true,
  'pbkdf2_hmacsha512_test.json': () => true,
};

const folder = argv[2];
if (folder === undefined) throw new Error('usage: node filter.mjs FOLDER');
const here = fileURLToPath(new URL('.', import.meta.url));

for (const [name, keeps] of Object.entries(KEPT)) {
  const file = JSON.parse(readFileSync(join(folder, name), 'utf8'));
  /** @type {Group[]} */
  const testGroups = file.testGroups.filter(keeps);
  const tests = testGroups.flatMap((group) => group.tests);
  const flags = new Set(tests.flatMap((test) => test.flags));
  const notes = Object.fromEntries(Object.entries(file.notes).filter(([flag]) => flags.has(flag)));
  const filtered = { ...file, numberOfTests: tests.length, notes, testGroups };
  writeFileSync(join(here, name), `${JSON.stringify(filtered, null, 1)}\n`);
}
