import { join } from 'node:path';
import { KeyringLimitError } from '../../errors.js';
import type { KeyringPages } from '../../ports/keyring-store.js';
import { assertName } from '../keyring-checks.js';
import { makeDirectory, readBounded, removeFile, replaceFile, syncDirectory } from './files.js';

/** `page.<name>.json`, each as it was written. */
export function filePages(directory: string): KeyringPages {
  const pathOf = (name: string): string => join(directory, `page.${assertName(name)}.json`);
  return {
    async read(name, maxBytes) {
      const found = await readBounded(
        pathOf(name),
        maxBytes,
        () => new KeyringLimitError('A page of a keyring has at most 1 MiB.'),
      );
      return found?.bytes;
    },
    async write(name, page) {
      const path = pathOf(name);
      await makeDirectory(directory);
      await replaceFile(directory, path, page, { isDurable: true });
    },
    async remove(names) {
      let removed = 0;
      for (const path of names.map(pathOf)) if (await removeFile(path)) removed++;
      if (removed > 0) await syncDirectory(directory);
    },
  };
}
