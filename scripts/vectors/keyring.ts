/** A keyring that holds exactly the keys of a case: made, changed and read as any other. */

import type { Bytes } from '../../src/bytes.js';
import { webCryptoEngine } from '../../src/engine/index.js';
import { type Environment, type Keyring, createKeyringIn, openedOf } from '../../src/keyring/index.js';
import { keyIdOf, makeKey, tenantId } from '../../src/keyring/keys.js';
import { platformRandom, systemClock } from '../../src/platform.js';
import type { Engine, RandomSource } from '../../src/ports/engine.js';
import { memoryKeyring } from '../../src/store/memory.js';
import type { VectorKey } from './layout.js';

/** A keyring, and the source that its salts and IVs come from. */
export interface CaseKeyring {
  readonly keyring: Keyring;
  /** The ids of its keys, in the case's order. */
  readonly keyIds: readonly string[];
  /** The next bytes drawn, by their length; the platform's generator once they are used up. */
  readonly give: (...bytes: readonly (Bytes | undefined)[]) => void;
}

/** A keyring of these keys and no others. */
export async function keyringWith(
  keys: readonly VectorKey[],
  engine: Engine = webCryptoEngine(),
): Promise<CaseKeyring> {
  const given: Bytes[] = [];
  const random: RandomSource = (length) => {
    const position = given.findIndex((bytes) => bytes.length === length);
    return given.splice(position, position < 0 ? 0 : 1)[0] ?? platformRandom(length);
  };
  const environment: Environment = { engine, random, clock: systemClock };
  const keyring = await createKeyringIn(environment, memoryKeyring(), { rawKey: new Uint8Array(32) });
  const opened = openedOf(keyring);
  const roles = new Set<string>();
  await opened.newest.change('document', async ({ keyringId, revision }) => {
    const entries = [];
    for (const { key, tenant, state } of keys) {
      given.push(key.slice()); // makeKey wipes what it has drawn
      const entry = await makeKey(environment, opened.root, keyringId, 'data', tenant, state, revision + 1);
      // A keyring has one active key of a kind and tenant: the further ones of a case are deactivated, which open alike.
      const isSecond = state === 'active' && roles.has(tenantId(tenant));
      if (state === 'active') roles.add(tenantId(tenant));
      entries.push({
        ...entry,
        state: isSecond ? ('deactivated' as const) : state,
        wrapped: state === 'destroyed' ? undefined : entry.wrapped,
      });
    }
    return { keys: entries };
  });
  const give = (...bytes: readonly (Bytes | undefined)[]): void => {
    given.push(...bytes.filter((some) => some !== undefined));
  };
  return { keyring, keyIds: opened.document.keys.map(keyIdOf), give };
}
