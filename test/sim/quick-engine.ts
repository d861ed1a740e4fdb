/** The synchronous engine of the tests, which remembers what it has derived: a simulation derives the same keys over and over. */
import type { Bytes } from '../../src/bytes.js';
import { nodeEngine } from '../../src/engine/node.js';
import type { Engine, OpaqueKey } from '../../src/ports/engine.js';

const MOST_REMEMBERED = 20_000;

export function quickEngine(): Engine {
  // Without `atOnce`, so that a keyring is read again when it is too old, as on WebCrypto, and not ahead of that.
  const { atOnce: _, ...inner } = nodeEngine();
  const names = new WeakMap<object, number>();
  const known = new Map<string, unknown>();
  let named = 0;

  const nameOf = (key: OpaqueKey<string>): number => {
    const name = names.get(key);
    if (name !== undefined) return name;
    named++;
    names.set(key, named);
    return named;
  };
  const remembered = <T>(id: string, make: () => T): T => {
    const found = known.get(id);
    if (found !== undefined) return found as T;
    if (known.size >= MOST_REMEMBERED) known.clear();
    const made = make();
    known.set(id, made);
    return made;
  };
  return {
    ...inner,
    importKey: (bytes) => remembered(`i ${text(bytes)}`, () => inner.importKey(bytes)),
    unwrapKey: (key, iv, wrapped, aad) =>
      remembered(`u ${nameOf(key)} ${text(iv)}${text(wrapped)}${text(aad)}`, () =>
        inner.unwrapKey(key, iv, wrapped, aad),
      ),
    deriveBytes: (key, info, bytes) =>
      (
        remembered(`b ${nameOf(key)} ${bytes} ${text(info)}`, () =>
          inner.deriveBytes(key, info, bytes),
        ) as Bytes
      ).slice(),
    deriveAead: (key, salt, info) =>
      remembered(`a ${nameOf(key)} ${text(salt)} ${text(info)}`, () => inner.deriveAead(key, salt, info)),
    deriveMac: (key, info) => remembered(`m ${nameOf(key)} ${text(info)}`, () => inner.deriveMac(key, info)),
  };
}

function text(bytes: Bytes): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
