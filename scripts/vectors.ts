/**
 * Verifies a file of vectors, laid out like test/vectors/cell-v1.json, with the library: `npm run vectors -- FILE`.
 * Exits with 0 and one line that counts what was verified, or with 1 and the first case that differs.
 */
import { resolve } from 'node:path';
import { verifyFile } from './vectors/verify.js';

const [file, ...more] = process.argv.slice(2);
if (file === undefined || more.length > 0) {
  console.error('usage: npm run vectors -- FILE');
  process.exitCode = 1;
} else {
  // npm runs a script in the package's folder; the path is meant from where the person stands.
  const { verified, line, notes } = await verifyFile(resolve(process.env['INIT_CWD'] ?? '', file));
  for (const note of notes) console.error(note);
  if (verified) console.log(line);
  else console.error(line);
  process.exitCode = verified ? 0 : 1;
}
