/**
 * A process that writes until it is killed: `writer.ts FOLDER RAW_KEY` changes a keyring, `writer.ts FOLDER` writes
 * documents that are none. Every revision that is durable is told on standard output, with its bytes' SHA-256.
 */
import { createHash } from 'node:crypto';
import { writeSync } from 'node:fs';
import { activateKey, listKeys, openKeyring, refreshKeyring } from '../../../src/index.js';
import type { KeyringStore } from '../../../src/ports/keyring-store.js';
import { fileKeyring } from '../../../src/store/file-keyring.js';

const MIB = 1024 * 1024;
const [folder = '', rawKey] = process.argv.slice(2);
const files = fileKeyring(folder);

/** The files, telling what was written. */
const store: KeyringStore = {
  read: (maxBytes) => files.read(maxBytes),
  async write(next) {
    const did = await files.write(next);
    // Synchronous: what was told is in the pipe before anything else happens.
    if (did) writeSync(1, `${next.revision} ${createHash('sha256').update(next.document).digest('hex')}\n`);
    return did;
  },
};

async function changeKeyring(secret: string): Promise<never> {
  const keyring = await openKeyring(store, { rawKey: Uint8Array.from(Buffer.from(secret, 'hex')) });
  for (;;) {
    try {
      await refreshKeyring(keyring);
      const next = listKeys(keyring).find(({ kind, state }) => kind === 'data' && state !== 'active');
      await activateKey(keyring, next?.keyId ?? '');
    } catch (error) {
      // Another writer was faster, here or since the look.
      if (!['keyring-conflict', 'key-state'].includes((error as { code: string }).code)) throw error;
    }
  }
}

async function writeDocuments(): Promise<never> {
  for (;;) {
    const revision = ((await store.read(MIB))?.revision ?? 0) + 1;
    const document = new Uint8Array(100_000 + (revision % 7) * 10_000).fill(revision % 251);
    await store.write({ revision, document });
  }
}

await (rawKey === undefined ? writeDocuments() : changeKeyring(rawKey));
